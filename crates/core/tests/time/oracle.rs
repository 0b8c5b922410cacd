//! The rules of `docs/time.md`, read literally: the clock is walked minute by minute.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A five-field expression of numbers, `*`, ranges, steps, lists, and of `L`, `LW`, `nW`, `n#k`, `n#L`.
pub(crate) struct Oracle {
    fields: Vec<String>,
}

impl Oracle {
    pub(crate) fn new(expression: &str) -> Self {
        Self { fields: expression.split(' ').map(str::to_owned).collect() }
    }

    fn is_fixed(&self) -> bool {
        self.fields[..2].iter().all(|field| !field.contains(['*', '-', '/']))
    }

    fn matches(&self, local: DateTime) -> bool {
        number(&self.fields[0], local.minute(), 0)
            && number(&self.fields[1], local.hour(), 0)
            && self.matches_date(local.date())
    }

    pub(crate) fn matches_date(&self, date: Date) -> bool {
        number(&self.fields[3], date.month(), 1) && self.matches_day(date)
    }

    fn matches_day(&self, date: Date) -> bool {
        let (dom, dow) = (&self.fields[2], &self.fields[4]);
        let by_date = dom.split(',').any(|item| match item {
            "L" => date == date.last_of_month(),
            "LW" => date == workday_at_or_before(date.last_of_month()),
            _ => match item.strip_suffix('W') {
                Some(day) => nearest_workday(date, day.parse().expect("a day")) == Some(date),
                None => number(item, date.day(), 1),
            },
        });
        let by_weekday = dow.split(',').any(|item| {
            let today = date.weekday().to_sunday_zero_offset();
            match item.split_once('#') {
                Some((day, nth)) => {
                    let week = if nth == "L" {
                        date.month() != date.saturating_add(7.days()).month()
                    } else {
                        nth.parse() == Ok((date.day() - 1) / 7 + 1)
                    };
                    week && day.parse::<i8>().expect("a weekday") % 7 == today
                }
                None => number(item, today, 0) || (today == 0 && number(item, 7, 0)),
            }
        });
        match (dom.as_str(), dow.as_str()) {
            ("*", "*") => true,
            ("*", _) => by_weekday,
            (_, "*") => by_date,
            _ => by_date || by_weekday,
        }
    }

    /// All occurrences in `[from, to]`, both whole minutes.
    pub(crate) fn occurrences(&self, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let mut found = Vec::new();
        // What the clocks have shown by then counts: no fold is longer than this.
        let mut at = from - SignedDuration::from_hours(27);
        let mut shown = zone.to_datetime(at);
        while at < to {
            at += MINUTE;
            let local = zone.to_datetime(at);
            let happens = if self.is_fixed() {
                // A time jumped over happens now, at the first valid instant; a time shown before doesn't again.
                let mut happens = false;
                while shown < local {
                    shown += MINUTE;
                    happens |= self.matches(shown);
                }
                happens
            } else {
                self.matches(local)
            };
            if happens && at >= from {
                found.push(at);
            }
        }
        found
    }
}

/// Whether a list, or one item of it, has `value`; steps after `*` count from `least`.
fn number(list: &str, value: i8, least: i8) -> bool {
    let parse = |text: &str| text.parse::<i8>().expect("a number");
    list.split(',').any(|item| {
        let (range, step) = item.split_once('/').map_or((item, 1), |(range, step)| (range, parse(step)));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, i8::MAX),
            Some((from, to)) => (parse(from), parse(to)),
            None => (parse(range), parse(range)),
        };
        (from..=to).contains(&value) && (value - from) % step == 0
    })
}

fn is_workday(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn workday_at_or_before(date: Date) -> Date {
    if is_workday(date) { date } else { workday_at_or_before(date.yesterday().expect("near")) }
}

/// The workday nearest to a day of `date`'s month, within that month.
fn nearest_workday(date: Date, day: i8) -> Option<Date> {
    let wanted = Date::new(date.year(), date.month(), day).ok()?;
    [0, -1, 1, 2, -2]
        .into_iter()
        .map(|days| wanted.saturating_add(days.days()))
        .find(|near| near.month() == date.month() && is_workday(*near))
}
