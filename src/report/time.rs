//! Instants and distances in time.

pub use calloff_core::text::relative;
use jiff::Timestamp;

/// An instant to the second, in UTC.
#[must_use]
pub fn seconds(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// An instant to the minute, in UTC.
pub(super) fn minutes(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%MZ").to_string()
}
