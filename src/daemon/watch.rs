//! Compares the wall clock with the monotonic one, so that a step or a suspension is noticed and said.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A difference between the two clocks that is more than drift between two looks.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// A pause between two looks that means that the process did not run: it was stopped, or the machine slept.
const GAP: Duration = Duration::from_secs(5);

/// What the clocks showed at the last look.
#[derive(Debug)]
pub(super) struct ClockWatch {
    wall: Timestamp,
    monotonic: Instant,
    awake_since: Timestamp,
}

/// What a look at the clocks showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Since when the process has looked without a gap: what became due before that fell into downtime.
    pub(super) awake_since: Timestamp,
    /// By how much the wall clock has jumped since the look before, if it has.
    pub(super) step: Option<SignedDuration>,
}

impl Look {
    /// Whether the wall clock was set back.
    pub(super) fn is_set_back(&self) -> bool {
        self.step.is_some_and(|step| step.is_negative())
    }
}

impl ClockWatch {
    /// Begins to watch.
    #[must_use]
    pub(super) fn new(wall: Timestamp) -> Self {
        Self { wall, monotonic: Instant::now(), awake_since: wall }
    }

    /// Notes what the wall clock shows now.
    pub(super) fn look(&mut self, wall: Timestamp) -> Look {
        let monotonic = Instant::now();
        let passed = monotonic.saturating_duration_since(self.monotonic);
        let step =
            wall.duration_since(self.wall) - SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let step = Some(step).filter(|step| step.abs() > STEP);
        if let Some(step) = step {
            tracing::warn!(
                event = "clock.step",
                step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX),
                "the wall clock jumped"
            );
        }
        if step.is_some() || passed > GAP {
            self.awake_since = wall;
        }
        self.wall = wall;
        self.monotonic = monotonic;
        Look { awake_since: self.awake_since, step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn steps_and_pauses_begin_a_new_waking() {
        let start: Timestamp = "2026-11-27T16:30:00Z".parse().unwrap();
        let secs = SignedDuration::from_secs;
        let mut watch = ClockWatch::new(start);
        #[rustfmt::skip]
        let table = [
            // passed  wall after start  awake since  why
            (1,        1,                0,           "an ordinary second"),
            (1,        3,                0,           "within drift"),
            (1,        3600,             3600,        "a leap forward"),
            (1,        3601,             3600,        "and on from there"),
            (1,        10,               10,          "back by an hour"),
            (60,       70,               70,          "stopped for a minute"),
        ];
        for (passed, wall, awake_since, why) in table {
            tokio::time::advance(Duration::from_secs(passed)).await;
            let look = watch.look(start + secs(wall));
            assert_eq!(look.awake_since, start + secs(awake_since), "{why}");
            assert_eq!(look.is_set_back(), why == "back by an hour", "{why}");
        }
    }
}
