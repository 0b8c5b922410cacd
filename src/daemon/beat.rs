//! The alarm: tokio-cron-scheduler beats, and the engine asks what is due.
//!
//! Only the beat and the chores go through that crate, a fixed number of entries however many jobs there are;
//! `docs/adr/0001-the-alarm.md` says why users' schedules are kept away from it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// What the alarm calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Look what is due.
    Look,
    /// Take up runs whose processes were killed meanwhile.
    TakeOver,
    /// Look whether files have changed, where nobody tells.
    Rescan,
    /// Forget what is older than the retention.
    Prune,
}

/// After this long without a beat the engine looks by itself: an alarm that fell silent must not cost a cancel.
pub(super) const SILENCE: Duration = Duration::from_secs(3);

/// Every second, twice every minute, and in the seventeenth minute of every hour.
const ENTRIES: [(&str, Beat); 4] = [
    ("* * * * * *", Beat::Look),
    ("30 * * * * *", Beat::TakeOver),
    ("45 * * * * *", Beat::Rescan),
    ("15 17 * * * *", Beat::Prune),
];

/// The alarm under way.
pub struct Alarm {
    scheduler: JobScheduler,
}

impl Alarm {
    /// Starts to beat into a queue.
    ///
    /// # Errors
    ///
    /// If the scheduler can't be set up.
    pub async fn start() -> Result<(Self, mpsc::Receiver<Beat>), JobSchedulerError> {
        let (queue, beats) = mpsc::channel(ENTRIES.len());
        let scheduler = JobScheduler::new().await?;
        for (pattern, beat) in ENTRIES {
            let queue = queue.clone();
            let job = Job::new_async(pattern, move |_, _| {
                let queue = queue.clone();
                Box::pin(async move {
                    // A full queue means that the engine has not yet followed the beats before. One look serves
                    // for several; a chore that is left out is done the next time.
                    let _ = queue.try_send(beat);
                })
            })?;
            scheduler.add(job).await?;
        }
        scheduler.start().await?;
        Ok((Self { scheduler }, beats))
    }

    /// Stops beating.
    pub async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!(event = "beat.stop", %error, "the alarm did not stop by itself");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn the_alarm_beats() {
        let (alarm, mut beats) = Alarm::start().await.unwrap();
        for _ in 0..2 {
            let beat = tokio::time::timeout(Duration::from_secs(30), beats.recv()).await;
            assert!(matches!(beat, Ok(Some(_))));
        }
        alarm.stop().await;
    }
}
