//! What `calloff check` warns of: configuration that is right, and may not do what its author thinks.
//!
//! Each question looks 13 months ahead and has a bound on its work; when that is reached nothing is said. What a
//! change of the clocks does to a schedule is in [`schedule`](crate::schedule).

mod acting;
mod clock;
mod race;

use std::time::Duration;

use jiff::Timestamp;

pub use acting::{NeverActs, never_acts};
pub use clock::{agree, first_difference};
pub use race::{Race, races};

/// 13 months: a job that is due once a year is warned of before its time.
const LOOK_AHEAD: Duration = Duration::from_hours(24 * 396);

/// The last instant that is looked at from `from`.
#[must_use]
pub fn horizon(from: Timestamp) -> Timestamp {
    from.saturating_add(LOOK_AHEAD).unwrap_or(Timestamp::MAX)
}
