//! The starts that a recurrence rule asks for. It is read with a library, and only ever read: what is scheduled
//! again after a window is the rule's own text.

use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Timestamp, Zoned};
use rrule::RRuleSet;

/// Longer texts are not looked at: Zoho's rules have some fifty bytes.
const LONGEST: usize = 500;

/// The parts of a rule that are read, beside `FREQ`.
const PARTS: [&str; 7] = ["INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "COUNT", "UNTIL", "WKST"];

/// Starts that are walked through at most, from the first: over a century of weeks.
const MOST_WALKED: usize = 6_000;

/// The starts after `after`, up to and including `until`, at most `max`. None if the text is no rule.
///
/// `first` is one of the starts: it anchors intervals such as every second week, and gives the time of day. Local
/// times are those of `first`'s zone; if that is a mere offset, starts beyond a change of the clocks are as far off
/// as the clocks change.
///
/// Sources: RFC 5545 §3.3.10; Zoho CRM API v7, "Schedule data backup" (`FREQ`, `INTERVAL`, `BYDAY`, `BYMONTHDAY`,
/// with or without the prefix `RRULE:`).
#[must_use]
pub fn starts(rule: &str, first: &Zoned, after: Timestamp, until: Timestamp, max: usize) -> Vec<Timestamp> {
    let Some(set) = read(rule, first.datetime()) else { return Vec::new() };
    let zone = first.time_zone();
    let instants = set.limit().into_iter().take(MOST_WALKED).filter_map(|found| {
        let local = date(1970, 1, 1).at(0, 0, 0, 0).checked_add(SignedDuration::from_secs(found.timestamp()));
        zone.to_timestamp(local.ok()?).ok()
    });
    instants.skip_while(|start| *start <= after).take_while(|start| *start <= until).take(max).collect()
}

/// Reads a rule in local time, which the library is told is UTC: it knows named zones only, and Zoho gives offsets.
fn read(rule: &str, first: DateTime) -> Option<RRuleSet> {
    let rule = rule.trim();
    let rule = rule.strip_prefix("RRULE:").unwrap_or(rule);
    // One rule, of parts that name days: times of day would let one rule ask for all seconds of a century.
    let is_harmless = |part: &str| match part.split_once('=') {
        Some(("FREQ", freq)) => ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"].contains(&freq),
        Some((key, value)) => {
            PARTS.contains(&key) && value.bytes().all(|b| b.is_ascii_alphanumeric() || b",+-".contains(&b))
        }
        None => part.is_empty(),
    };
    if rule.len() > LONGEST || !rule.split(';').all(is_harmless) {
        return None;
    }
    format!("DTSTART:{}Z\nRRULE:{rule}", first.strftime("%Y%m%dT%H%M%S")).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zoned(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    fn next(rule: &str, first: &str, after: &str, count: usize) -> Vec<String> {
        let found = starts(rule, &zoned(first), after.parse().unwrap(), Timestamp::MAX, count);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_kind_of_rule_that_zoho_documents_has_its_starts() {
        let tuesday = "2026-11-24T10:00:00+01:00[+01:00]";
        #[rustfmt::skip]
        let table: [(&str, &str, [&str; 2]); 7] = [
            ("RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TU",      "weekly",                 ["2026-12-01T09:00:00Z", "2026-12-08T09:00:00Z"]),
            ("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",      "from the first on",      ["2026-12-08T09:00:00Z", "2026-12-22T09:00:00Z"]),
            ("FREQ=WEEKLY;INTERVAL=1",                     "without prefix or day",  ["2026-12-01T09:00:00Z", "2026-12-08T09:00:00Z"]),
            ("RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=5", "a day of the month",     ["2026-12-05T09:00:00Z", "2027-01-05T09:00:00Z"]),
            ("RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=31", "months without are left out", ["2026-12-31T09:00:00Z", "2027-01-31T09:00:00Z"]),
            ("RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=1TH",    "the first Thursday",     ["2026-12-03T09:00:00Z", "2027-01-07T09:00:00Z"]),
            ("FREQ=DAILY;COUNT=3",                         "of the oldest version",  ["2026-11-25T09:00:00Z", "2026-11-26T09:00:00Z"]),
        ];
        for (rule, why, want) in table {
            assert_eq!(next(rule, tuesday, "2026-11-24T09:00:00Z", 2), want, "{why}: {rule}");
        }
    }

    #[test]
    fn in_a_named_zone_the_local_time_is_kept() {
        let weekly =
            next("FREQ=WEEKLY", "2026-03-24T10:00:00+01:00[Europe/Berlin]", "2026-03-24T09:00:00Z", 1);
        assert_eq!(weekly, ["2026-03-31T08:00:00Z"]);
    }

    #[test]
    fn what_is_no_rule_has_no_starts() {
        for rule in [
            "",
            "RRULE:",
            "weekly",
            "FREQ=SOMETIMES",
            "FREQ=WEEKLY\nRDATE:20261201T000000Z",
            "FREQ=WEEKLY;BYDAY=XX",
        ] {
            assert!(
                next(rule, "2026-11-24T10:00:00+01:00[+01:00]", "2026-11-24T00:00:00Z", 1).is_empty(),
                "{rule:?}"
            );
        }
        assert!(
            next(&"FREQ=WEEKLY;".repeat(100), "2026-11-24T10:00:00+01:00[+01:00]", "2026-11-24T00:00:00Z", 1)
                .is_empty()
        );
    }

    #[test]
    fn rules_that_are_meant_to_keep_a_reader_busy_end() {
        let first = "1970-01-01T00:00:00+00:00[UTC]";
        for rule in
            ["FREQ=SECONDLY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"]
        {
            assert!(next(rule, first, "2026-11-24T00:00:00Z", 1).is_empty(), "{rule}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(rule in "(RRULE:)?FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;[A-Z]{3,10}=[A-Z0-9,+-]{0,8}){0,3}|\\PC{0,60}") {
            let first = zoned("2026-11-24T10:00:00+01:00[+01:00]");
            let found = starts(&rule, &first, first.timestamp(), Timestamp::MAX, 5);
            prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
