//! Local times that are read in one time zone, and may be meant in another.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::horizon;
use crate::instant::just_before;
use crate::schedule::Schedule;

/// Whether clocks in two zones show the same in the 13 months after `from`: many zones have several names.
#[must_use]
pub fn agree(a: &TimeZone, b: &TimeZone, from: Timestamp) -> bool {
    let until = horizon(from);
    let changes = [a, b]
        .into_iter()
        .flat_map(|zone| zone.following(from).map(|change| change.timestamp()).take_while(|at| *at <= until));
    a == b || std::iter::once(from).chain(changes).all(|at| a.to_offset(at) == b.to_offset(at))
}

/// The first occurrence in the 13 months after `from` at which clocks in `other` show another time than those of the
/// schedule's own zone.
///
/// A zone's offset is constant between its transitions, so it is compared once for each of them.
#[must_use]
pub fn first_difference(schedule: &Schedule, other: &TimeZone, from: Timestamp) -> Option<Timestamp> {
    let (own, until) = (schedule.zone(), horizon(from));
    if own == other {
        return None;
    }
    let mut changes: Vec<Timestamp> = [own, other]
        .into_iter()
        .flat_map(|zone| zone.following(from).map(|change| change.timestamp()).take_while(|at| *at <= until))
        .collect();
    changes.sort_unstable();
    let ends = changes.iter().copied().map(just_before).chain([until]);
    std::iter::once(from).chain(changes.iter().copied()).zip(ends).find_map(|(start, end)| {
        if own.to_offset(start) == other.to_offset(start) {
            return None;
        }
        schedule.next(just_before(start).max(from)).filter(|occurrence| *occurrence <= end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_agree_if_their_clocks_do_whatever_they_are_called() {
        let from = "2026-11-24T00:00:00Z".parse().unwrap();
        for (a, b, want) in [
            ("Asia/Kolkata", "Asia/Calcutta", true),
            ("Europe/Berlin", "Europe/Paris", true),
            ("Europe/Berlin", "Africa/Lagos", false),
            ("Europe/London", "UTC", false),
            ("Etc/UTC", "UTC", true),
        ] {
            let zone = |name| TimeZone::get(name).unwrap();
            assert_eq!(agree(&zone(a), &zone(b), from), want, "{a} {b}");
            assert_eq!(agree(&zone(b), &zone(a), from), want, "{b} {a}");
        }
    }
}
