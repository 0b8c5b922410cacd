//! A cron expression as sets of civil times.

use std::ops::Range;

use croner::{Cron, Weekday, parser::CronParser};
use jiff::civil::{Date, DateTime, Time};

use super::error::{CronError, Fault};
use super::field::Field;

/// Longer expressions are refused, so that no text can keep the parser busy.
const MAX_LEN: usize = 256;

/// A cron expression, read: which civil times match, with no zone in sight.
///
/// 160 bytes where croner's own form takes 5.8 KiB, so jobs need not share it.
#[derive(Clone, PartialEq)]
pub(super) struct Pattern {
    /// The expression in upper case with single blanks.
    text: Box<str>,
    seconds: u64,
    minutes: u64,
    hours: u32,
    months: u16,
    /// Whether hour and minute are numbers or lists of numbers: such a time of day is meant as such.
    fixed: bool,
    /// The days that match, bit 1 the first, by the month's shape: see [`shape`].
    days: [u32; 28],
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, CronError> {
        let parts = split(text)?;
        let mut spelt = Vec::with_capacity(6);
        let mut fixed = true;
        for (field, part) in Field::ALL.into_iter().zip(&parts) {
            spelt.push(spell(field, part)?);
            if matches!(field, Field::Minute | Field::Hour) {
                fixed &= part.text.bytes().all(|b| b.is_ascii_digit() || b == b',');
            }
        }
        let Ok(cron) = CronParser::new().parse(&spelt.join(" ")) else {
            return Err(blame(&parts));
        };
        let pattern = Self {
            text: canonical(text),
            seconds: bits(&cron.pattern.seconds.values()),
            minutes: bits(&cron.pattern.minutes.values()),
            hours: u32::try_from(bits(&cron.pattern.hours.values())).unwrap_or_default(),
            months: u16::try_from(bits(&cron.pattern.months.values())).unwrap_or_default(),
            fixed,
            days: day_table(&cron),
        };
        // The Gregorian calendar repeats after 400 years: what hasn't come by then never does.
        match pattern.first(Date::constant(2000, 1, 1).at(0, 0, 0, 0), Date::constant(2400, 1, 1)) {
            Some(_) => Ok(pattern),
            None => Err(CronError::whole(Fault::Never)),
        }
    }

    /// The expression in upper case with single blanks.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether hour and minute are numbers or lists of numbers.
    pub(super) fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// The first match at or after `from`. Fractions of a second in `from` must be zero.
    pub(super) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        self.first(from, Date::MAX)
    }

    fn first(&self, from: DateTime, last: Date) -> Option<DateTime> {
        if self.matches_date(from.date()) {
            if let Some(time) = self.time_at_or_after(from.time()) {
                return Some(from.date().to_datetime(time));
            }
        }
        let mut date = from.date().tomorrow().ok()?;
        while date <= last {
            let days = self.days_of(date.year(), date.month()) & (u32::MAX << date.day());
            if days != 0 {
                let day = i8::try_from(days.trailing_zeros()).ok()?;
                let time = self.time_at_or_after(Time::midnight())?;
                return Some(Date::new(date.year(), date.month(), day).ok()?.to_datetime(time));
            }
            date = date.last_of_month().tomorrow().ok()?;
        }
        None
    }

    fn matches_date(&self, date: Date) -> bool {
        self.days_of(date.year(), date.month()) >> date.day() & 1 == 1
    }

    fn days_of(&self, year: i16, month: i8) -> u32 {
        if self.months >> month & 1 == 0 {
            return 0;
        }
        Date::new(year, month, 1).map_or(0, |first| self.days[shape(first)])
    }

    fn time_at_or_after(&self, time: Time) -> Option<Time> {
        let at_or_after = |set: u64, from: i8| {
            let set = set & u64::MAX.checked_shl(u32::from(from.unsigned_abs())).unwrap_or(0);
            (set != 0).then(|| set.trailing_zeros().try_into().unwrap_or(i8::MAX))
        };
        let hours = u64::from(self.hours);
        let (first_minute, first_second) = (at_or_after(self.minutes, 0)?, at_or_after(self.seconds, 0)?);
        let hour = at_or_after(hours, time.hour())?;
        if hour == time.hour() {
            if let Some(minute) = at_or_after(self.minutes, time.minute()) {
                if minute > time.minute() {
                    return Time::new(hour, minute, first_second, 0).ok();
                }
                if let Some(second) = at_or_after(self.seconds, time.second()) {
                    return Time::new(hour, minute, second, 0).ok();
                }
                if let Some(minute) = at_or_after(self.minutes, minute + 1) {
                    return Time::new(hour, minute, first_second, 0).ok();
                }
            }
            return Time::new(at_or_after(hours, hour + 1)?, first_minute, first_second, 0).ok();
        }
        Time::new(hour, first_minute, first_second, 0).ok()
    }
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

/// Which of the 28 shapes a month has, given its first day: its length and the weekday it begins with.
fn shape(first: Date) -> usize {
    let length = usize::try_from(first.days_in_month() - 28).unwrap_or(0);
    length * 7 + usize::try_from(first.weekday().to_sunday_zero_offset()).unwrap_or(0)
}

/// Asks croner about every day of a month of every shape.
fn day_table(cron: &Cron) -> [u32; 28] {
    let mut table = [0; 28];
    let mut seen = [false; 28];
    // All 28 shapes come up within a 28-year cycle that no century breaks.
    for year in 2000..2028 {
        for month in 1..=12 {
            let Ok(first) = Date::new(year, month, 1) else { continue };
            let shape = shape(first);
            if std::mem::replace(&mut seen[shape], true) {
                continue;
            }
            let mut date = first;
            for day in 1..=first.days_in_month().unsigned_abs() {
                let weekday = Weekday::from_days_from_sunday(
                    date.weekday().to_sunday_zero_offset().unsigned_abs().into(),
                );
                let matched =
                    cron.pattern.day_match(year.into(), month.unsigned_abs().into(), day.into(), weekday);
                table[shape] |= u32::from(matched.unwrap_or(false)) << day;
                date = date.saturating_add(jiff::Span::new().days(1));
            }
        }
    }
    table
}

fn bits(values: &[u16]) -> u64 {
    values.iter().fold(0, |set, value| set | 1u64.checked_shl(u32::from(*value)).unwrap_or(0))
}

/// A field's text, in upper case, and where it stands in the expression.
struct Part {
    text: String,
    span: Range<usize>,
}

impl Part {
    fn items(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let mut start = self.span.start;
        self.text.split(',').map(move |item| {
            let span = start..start + item.len();
            start = span.end + 1;
            (item, span)
        })
    }
}

/// Cuts an expression into its six fields, seconds first; a shorthand is replaced by what it stands for.
fn split(text: &str) -> Result<Vec<Part>, CronError> {
    if text.len() > MAX_LEN {
        return Err(CronError::whole(Fault::TooLong));
    }
    let mut parts = words(text);
    match parts.as_slice() {
        [] => return Err(CronError::whole(Fault::Empty)),
        [word] if word.text.starts_with('@') => {
            let stands_for = match word.text.as_str() {
                "@HOURLY" => "0 * * * *",
                "@DAILY" | "@MIDNIGHT" => "0 0 * * *",
                "@WEEKLY" => "0 0 * * 0",
                "@MONTHLY" => "0 0 1 * *",
                "@YEARLY" | "@ANNUALLY" => "0 0 1 1 *",
                "@REBOOT" => return Err(CronError::at(Fault::Reboot, word.span.clone())),
                _ => {
                    let fault = Fault::Shorthand(printable(&text[word.span.clone()]));
                    return Err(CronError::at(fault, word.span.clone()));
                }
            };
            parts = words(stands_for);
        }
        _ => {}
    }
    match parts.len() {
        5 => parts.insert(0, Part { text: "0".to_owned(), span: 0..0 }),
        6 => {}
        n => return Err(CronError::whole(Fault::Fields(n))),
    }
    Ok(parts)
}

fn words(text: &str) -> Vec<Part> {
    let mut words = Vec::new();
    let mut end = 0;
    for word in text.split_ascii_whitespace() {
        // The word is a part of `text` at or after `end`.
        let start = end + text[end..].find(word).unwrap_or(0);
        end = start + word.len();
        words.push(Part { text: word.to_ascii_uppercase(), span: start..end });
    }
    words
}

/// A field as croner takes it.
fn spell(field: Field, part: &Part) -> Result<String, CronError> {
    if part.text == "?" && matches!(field, Field::Day | Field::Weekday) {
        return Ok("*".to_owned());
    }
    let mut items = Vec::new();
    for (item, span) in part.items() {
        if item.is_empty() {
            return Err(CronError::at(Fault::EmptyItem(field), part.span.clone()));
        }
        match field.spell(item) {
            Some(spelt) => items.push(spelt),
            None => return Err(CronError::at(Fault::Item(printable(item), field), span)),
        }
    }
    // croner takes the two for `LW` alone.
    if ["L", "LW"].iter().all(|last| items.iter().any(|item| item == last)) {
        return Err(CronError::at(Fault::LastTwice, part.span.clone()));
    }
    Ok(items.join(","))
}

/// Finds the list item that croner refuses, by trying each alone.
fn blame(parts: &[Part]) -> CronError {
    for (index, (field, part)) in Field::ALL.into_iter().zip(parts).enumerate() {
        for (item, span) in part.items() {
            let mut alone = ["*"; 6].map(str::to_owned);
            alone[index] = field.spell(item).unwrap_or_default();
            if CronParser::new().parse(&alone.join(" ")).is_err() {
                return CronError::at(Fault::Item(printable(item), field), span);
            }
        }
    }
    CronError::whole(Fault::Fields(parts.len()))
}

fn canonical(text: &str) -> Box<str> {
    let words: Vec<String> = text.split_ascii_whitespace().map(str::to_ascii_uppercase).collect();
    words.join(" ").into()
}

/// The start of `text` with control characters escaped, so that an error message can't drive a terminal.
fn printable(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}
