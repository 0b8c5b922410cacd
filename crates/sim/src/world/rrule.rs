//! As much of recurrence rules as Zoho accepts: weekly or monthly, an interval, a day.

use jiff::civil::{Date, Weekday};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

/// A recurrence rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rrule {
    every: Every,
    interval: u32,
    weekdays: Vec<Weekday>,
    days: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Every {
    Week,
    Month,
}

impl Rrule {
    /// Reads a rule; `None` is what Zoho calls `INVALID_DATA`.
    ///
    /// The prefix `RRULE:` may be missing. `FREQ=DAILY` and `COUNT` are only in the oldest version of
    /// Zoho's documentation and are refused, as the later ones list what is allowed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("RRULE:").unwrap_or(text);
        let mut every = None;
        let mut rule = Self { every: Every::Week, interval: 1, weekdays: Vec::new(), days: Vec::new() };
        for part in text.split(';') {
            match part.split_once('=')? {
                ("FREQ", "WEEKLY") => every = Some(Every::Week),
                ("FREQ", "MONTHLY") => every = Some(Every::Month),
                ("INTERVAL", number) => rule.interval = within(number, 1, 52)?,
                ("BYDAY", list) => {
                    for day in list.split(',') {
                        rule.weekdays.push(weekday(day)?);
                    }
                }
                ("BYMONTHDAY", list) => {
                    for day in list.split(',') {
                        rule.days.push(within(day, 1, 31)?);
                    }
                }
                _ => return None,
            }
        }
        rule.every = every?;
        Some(rule)
    }

    /// What the history calls it.
    pub(super) fn repeat_type(&self) -> &'static str {
        match (self.every, self.interval) {
            (Every::Month, _) => "monthly",
            (Every::Week, 2) => "biweekly",
            (Every::Week, _) => "weekly",
        }
    }

    /// The first run after a rule was made: the next day that suits, at the same time of day.
    pub(super) fn first(&self, now: Timestamp, offset: Offset) -> Timestamp {
        let now = offset.to_datetime(now);
        let suits = |date: &Date| {
            (self.weekdays.is_empty() || self.weekdays.contains(&date.weekday()))
                && (self.days.is_empty()
                    || self.days.iter().any(|day| i64::from(*day) == i64::from(date.day())))
        };
        let day = now.date().series(Span::new().days(1)).skip(1).take(366).find(suits);
        let date = day.unwrap_or(now.date());
        offset.to_timestamp(date.to_datetime(now.time())).unwrap_or(Timestamp::MAX)
    }

    /// The run after that one.
    pub(super) fn next(&self, run: Timestamp, offset: Offset) -> Timestamp {
        let span = match self.every {
            Every::Week => Span::new().weeks(self.interval),
            Every::Month => Span::new().months(self.interval),
        };
        let next = offset.to_datetime(run).checked_add(span).ok();
        next.and_then(|next| offset.to_timestamp(next).ok()).unwrap_or(Timestamp::MAX)
    }
}

fn within(text: &str, least: u32, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

/// A day such as `TU`, or `1TH`, whose ordinal is dropped: the simulator's months needn't be exact.
fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-') {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::Rrule;
    use jiff::tz::Offset;

    #[test]
    fn what_zoho_documents_is_a_rule_and_the_rest_is_not() {
        for good in [
            "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
            "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=31",
            "RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=1TH",
            "RRULE:FREQ=WEEKLY",
        ] {
            assert!(Rrule::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "RRULE:",
            "RRULE:FREQ=DAILY",
            "FREQ=WEEKLY;INTERVAL=53",
            "FREQ=WEEKLY;BYDAY=XX",
            "INTERVAL=1",
            "x",
        ] {
            assert!(Rrule::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_rule_finds_its_first_run_and_the_one_after() {
        let rule = Rrule::parse("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU").unwrap();
        let now = "2026-11-23T10:00:00Z".parse().unwrap(); // a Monday
        let first = rule.first(now, Offset::UTC);
        assert_eq!(first.to_string(), "2026-11-24T10:00:00Z");
        assert_eq!(rule.next(first, Offset::UTC).to_string(), "2026-12-08T10:00:00Z");
    }
}
