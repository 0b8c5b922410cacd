//! From civil times to instants: what a zone's gaps and folds do to a cron pattern.
//!
//! A *fixed* pattern names times of day. A civil time `c` happens at the first instant at which the zone's
//! clocks show `c` or later: that is the time itself, the end of the gap that skips it, or the first of the two
//! passes of the fold that repeats it. This mapping never decreases, so the next occurrence after an instant is
//! the image of the first matching civil time later than all that the clocks have shown until then.
//!
//! A pattern with *cadence* matches instants: it fires whenever the clocks show a matching time.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::pattern::Pattern;

/// No zone's offset ever changed by more than this.
const LONGEST_FOLD: SignedDuration = SignedDuration::from_hours(52);

/// The first occurrence strictly after `after`.
pub(super) fn next(pattern: &Pattern, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    if pattern.is_fixed() {
        next_fixed(pattern, zone, floor_second(after))
    } else {
        next_cadence(pattern, zone, following_second(after)?)
    }
}

/// How many occurrences there are after `after`, up to and including `upto`.
pub(super) fn count(pattern: &Pattern, zone: &TimeZone, after: Timestamp, upto: Timestamp) -> u64 {
    if upto <= after {
        0
    } else if pattern.is_fixed() {
        count_fixed(pattern, zone, floor_second(after), floor_second(upto))
    } else {
        count_cadence(pattern, zone, after, upto)
    }
}

fn next_fixed(pattern: &Pattern, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut civil = not_shown_until(zone, after)?;
    loop {
        civil = pattern.at_or_after(civil)?;
        let instant = first_showing(zone, civil)?;
        if instant > after {
            return Some(instant);
        }
        civil = civil.checked_add(SignedDuration::from_secs(1)).ok()?;
    }
}

fn next_cadence(pattern: &Pattern, zone: &TimeZone, mut from: Timestamp) -> Option<Timestamp> {
    loop {
        let offset = zone.to_offset(from);
        let until = zone.following(from).next().map(|transition| transition.timestamp());
        let found =
            pattern.at_or_after(offset.to_datetime(from)).and_then(|civil| offset.to_timestamp(civil).ok());
        match (found, until) {
            (Some(found), Some(until)) if found < until => return Some(found),
            (_, Some(until)) => from = until,
            (found, None) => return found,
        }
    }
}

fn count_fixed(pattern: &Pattern, zone: &TimeZone, after: Timestamp, upto: Timestamp) -> u64 {
    let Some(from) = not_shown_until(zone, after) else { return 0 };
    let to = not_shown_until(zone, upto).unwrap_or(DateTime::MAX);
    let mut count = pattern.count(from, to);
    for transition in zone.following(after).map(|transition| transition.timestamp()) {
        if transition > upto {
            break;
        }
        let skipped = offset_before(zone, transition).to_datetime(transition).max(from);
        let reached = zone.to_datetime(transition).saturating_add(SignedDuration::from_secs(1));
        // All the times in a gap, and the one at its end, are one instant.
        count = count.saturating_sub(pattern.count(skipped, reached).saturating_sub(1));
    }
    count
}

fn count_cadence(pattern: &Pattern, zone: &TimeZone, after: Timestamp, upto: Timestamp) -> u64 {
    let Some(mut from) = following_second(after) else { return 0 };
    let end = following_second(upto).unwrap_or(Timestamp::MAX);
    let mut count = 0;
    while from < end {
        let offset = zone.to_offset(from);
        let until = zone.following(from).next().map_or(end, |transition| transition.timestamp().min(end));
        count += pattern.count(offset.to_datetime(from), offset.to_datetime(until));
        from = until;
    }
    count
}

/// Patterns, offsets and transitions are whole seconds, and so the rest of a second changes nothing.
fn floor_second(instant: Timestamp) -> Timestamp {
    let second = i64::try_from(instant.as_nanosecond().div_euclid(1_000_000_000));
    second.ok().and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(instant)
}

fn following_second(instant: Timestamp) -> Option<Timestamp> {
    floor_second(instant).checked_add(SignedDuration::from_secs(1)).ok()
}

/// The least civil second that the zone's clocks have neither shown nor passed at `after` or before.
///
/// That is the second after what they show at `after`, save in a fold: there they had been further already.
fn not_shown_until(zone: &TimeZone, after: Timestamp) -> Option<DateTime> {
    let mut civil = zone.to_datetime(after).checked_add(SignedDuration::from_secs(1)).ok()?;
    let just_after = after.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(after);
    for transition in zone.preceding(just_after) {
        let instant = transition.timestamp();
        if after.duration_since(instant) > LONGEST_FOLD {
            break;
        }
        civil = civil.max(offset_before(zone, instant).to_datetime(instant));
    }
    Some(civil)
}

pub(super) fn offset_before(zone: &TimeZone, transition: Timestamp) -> Offset {
    let before = transition.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(transition);
    zone.to_offset(before)
}

/// The first instant at which the zone's clocks show `civil` or later.
pub(super) fn first_showing(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
        AmbiguousOffset::Gap { before, after } => {
            // Read with the offset from after the gap, the time lies before the transition; with the other, at it or later.
            let lower = after.to_timestamp(civil).ok()?;
            let upper = before.to_timestamp(civil).ok()?;
            let transition = zone.following(lower).next().map(|transition| transition.timestamp());
            Some(transition.filter(|instant| *instant <= upper).unwrap_or(upper))
        }
    }
}
