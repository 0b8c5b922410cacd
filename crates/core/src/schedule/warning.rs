//! Which of a cron schedule's times a clock change touches: for `check`, so that nobody is surprised at night.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::pattern::Pattern;
use super::zoned::{first_showing, offset_before};

/// A clock change that touches a schedule. Its `Display` is one clause, in local time.
#[derive(Debug, Clone, PartialEq)]
pub struct DstWarning {
    /// The instant at which the clocks change.
    pub transition: Timestamp,
    /// What comes of it.
    pub effect: DstEffect,
    /// The first local time that is touched.
    pub local: DateTime,
    /// How many local times of the schedule are touched.
    pub times: u64,
    /// The occurrence that the first of them becomes, if any.
    pub occurrence: Option<Timestamp>,
    zone: TimeZone,
}

/// What a clock change does to a schedule's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DstEffect {
    /// Times of day that do not exist: they become one occurrence, at the change.
    Shifted,
    /// Times of day that come twice: each fires the first time.
    Once,
    /// Times of a cadence that do not exist: there is no occurrence.
    Dropped,
    /// Times of a cadence that come twice: each fires both times.
    Doubled,
}

impl fmt::Display for DstWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.local.strftime("%Y-%m-%d %H:%M");
        let more = match self.times {
            0 | 1 => String::new(),
            times => format!(" (and {} more)", times - 1),
        };
        let zone = self.zone.iana_name().unwrap_or("its zone");
        match self.effect {
            DstEffect::Shifted => {
                let change = self.zone.to_datetime(self.transition);
                let change = change.strftime("%Y-%m-%d %H:%M");
                write!(f, "{local}{more} does not exist in {zone}: fires once, at {change}")
            }
            DstEffect::Once => write!(f, "{local}{more} comes twice in {zone}: fires the first time only"),
            DstEffect::Dropped => write!(f, "{local}{more} does not exist in {zone}: does not fire"),
            DstEffect::Doubled => write!(f, "{local}{more} comes twice in {zone}: fires both times"),
        }
    }
}

/// One for each change of the zone's offset after `from`, up to and including `until`, that touches the pattern.
pub(super) fn between(
    pattern: &Pattern,
    zone: &TimeZone,
    from: Timestamp,
    until: Timestamp,
) -> Vec<DstWarning> {
    if !pattern.is_fixed() && pattern.has_every_hour() {
        return Vec::new();
    }
    zone.following(from)
        .map(|transition| transition.timestamp())
        .take_while(|transition| *transition <= until)
        .filter_map(|transition| at(pattern, zone, transition))
        .collect()
}

fn at(pattern: &Pattern, zone: &TimeZone, transition: Timestamp) -> Option<DstWarning> {
    let stood = offset_before(zone, transition).to_datetime(transition);
    let stands = zone.to_datetime(transition);
    let times = pattern.count(stood.min(stands), stood.max(stands));
    if times == 0 {
        return None;
    }
    let local = pattern.at_or_after(stood.min(stands))?;
    let effect = match (stood < stands, pattern.is_fixed()) {
        (true, true) => DstEffect::Shifted,
        (true, false) => DstEffect::Dropped,
        (false, true) => DstEffect::Once,
        (false, false) => DstEffect::Doubled,
    };
    let occurrence = if effect == DstEffect::Dropped { None } else { first_showing(zone, local) };
    Some(DstWarning { transition, effect, local, times, occurrence, zone: zone.clone() })
}
