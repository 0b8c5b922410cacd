//! When a job is due.
//!
//! An occurrence is a nominal UTC instant, to the millisecond. Nothing here knows what time it is.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A job's schedule: cron, once, or every so often.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    zone: TimeZone,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    At(Timestamp),
    Every(Duration),
}

impl Schedule {
    /// Once, at an instant.
    #[must_use]
    pub fn at(instant: Timestamp, zone: TimeZone) -> Self {
        Self { zone, kind: Kind::At(instant) }
    }

    /// Every `period`, counted from the Unix epoch so that restarts do not shift it.
    #[must_use]
    pub fn every(period: Duration, zone: TimeZone) -> Self {
        Self { zone, kind: Kind::Every(period) }
    }

    /// The zone that the schedule is read in; UTC where none was named and none is needed.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first occurrence strictly after `after`, or `None` if there is none any more.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self.kind {
            Kind::At(instant) => (instant > after).then_some(instant),
            Kind::Every(period) => {
                let period = i64::try_from(period.as_millis()).ok()?.max(1);
                let slot = after.as_millisecond().div_euclid(period).checked_add(1)?;
                Timestamp::from_millisecond(slot.checked_mul(period)?).ok()
            }
        }
    }
}
