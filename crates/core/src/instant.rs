//! Instants, as whoever walks along them needs them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The last instant before another one: what comes strictly after it may be that one.
pub(crate) fn just_before(instant: Timestamp) -> Timestamp {
    instant.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN)
}

/// An instant so much later, or the end of time.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
