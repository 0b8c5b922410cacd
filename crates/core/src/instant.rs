//! Instants, as whoever walks along them needs them.

use jiff::{SignedDuration, Timestamp};

/// The last instant before another one: what comes strictly after it may be that one.
pub(crate) fn just_before(instant: Timestamp) -> Timestamp {
    instant.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN)
}
