//! Tells systemd how the daemon is, from what the loop and the reloader show.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::engine::Pulse;
use super::reload::Report;
use crate::systemd::{self, Told};

/// Tells systemd until the process ends: that the daemon is ready once its loop beats, that it reads files and is done
/// with that, each beat of the loop, and that it stops.
pub async fn announce(
    mut pulse: watch::Receiver<Pulse>,
    mut report: watch::Receiver<Report>,
    stop: CancellationToken,
) {
    if !systemd::is_listening() {
        return;
    }
    let wants_beats = systemd::wants_beats();
    let (mut is_ready, mut is_reading) = (false, false);
    let mut said = String::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Ok(()) = report.changed() => {}
            // The loop shows something new each time that it looks, and nothing if it hangs.
            Ok(()) = pulse.changed() => {
                if !is_ready {
                    is_ready = true;
                    systemd::tell(&[Told::Ready]);
                }
                if wants_beats {
                    systemd::tell(&[Told::Beat]);
                }
            }
            else => break,
        }
        let was_reading = std::mem::replace(&mut is_reading, report.borrow_and_update().is_reading);
        if is_ready && is_reading && !was_reading {
            systemd::tell(&[Told::Reloading]);
        }
        let status = status(&report.borrow(), &pulse.borrow());
        if is_ready && was_reading && !is_reading {
            systemd::tell(&[Told::Ready, Told::Status(&status)]);
            said = status;
        } else if is_ready && status != said {
            systemd::tell(&[Told::Status(&status)]);
            said = status;
        }
    }
    systemd::tell(&[Told::Stopping, Told::Status("stopping: what is under way finishes")]);
}

fn status(report: &Report, pulse: &Pulse) -> String {
    let next = pulse.next.as_ref().map(|(at, job)| (*at, job.as_str()));
    let (jobs, quarantined) = (report.in_force.jobs.len(), report.left_out.jobs.len());
    systemd::status(jobs, quarantined, next, pulse.under_way > 0, report.why().as_deref())
}
