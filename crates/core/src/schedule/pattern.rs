//! A cron expression as sets of civil times.

use croner::{Cron, Weekday};
use jiff::civil::{Date, DateTime, Time};

use super::error::Fault;

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
    /// What `cron` says, judged day by day and kept as sets.
    ///
    /// # Errors
    ///
    /// If no date ever matches.
    pub(super) fn new(text: Box<str>, cron: &Cron, fixed: bool) -> Result<Self, Fault> {
        let pattern = Self {
            text,
            seconds: bits(&cron.pattern.seconds.values()),
            minutes: bits(&cron.pattern.minutes.values()),
            hours: u32::try_from(bits(&cron.pattern.hours.values())).unwrap_or_default(),
            months: u16::try_from(bits(&cron.pattern.months.values())).unwrap_or_default(),
            fixed,
            days: day_table(cron),
        };
        // The Gregorian calendar repeats after 400 years: what hasn't come by then never does.
        match pattern.first(Date::constant(2000, 1, 1).at(0, 0, 0, 0), Date::constant(2400, 1, 1)) {
            Some(_) => Ok(pattern),
            None => Err(Fault::Never),
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

    /// Whether it matches in every hour of a day, so that a change of the clocks leaves no hole in it.
    pub(super) fn has_every_hour(&self) -> bool {
        self.hours.count_ones() == 24
    }

    /// Whether every date matches. In 28 years there are months of every shape.
    pub(super) fn has_every_date(&self) -> bool {
        const DAYS: u64 = 28 * 365 + 7;
        self.dates_between(Date::constant(2000, 1, 1), Date::constant(2028, 1, 1)) == DAYS
    }

    /// The first match at or after `from`. Fractions of a second in `from` must be zero.
    pub(super) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        self.first(from, Date::MAX)
    }

    /// How many civil times match in `[from, to)`.
    pub(super) fn count(&self, from: DateTime, to: DateTime) -> u64 {
        if to <= from {
            return 0;
        }
        let partly =
            |at: DateTime| if self.matches_date(at.date()) { self.times_before(at.time()) } else { 0 };
        let daily =
            u64::from(self.hours.count_ones() * self.minutes.count_ones() * self.seconds.count_ones());
        // Whole days first: what precedes `from` on its day is too much, what precedes `to` on its is missing.
        self.dates_between(from.date(), to.date()) * daily + partly(to) - partly(from)
    }

    /// How many dates match in `[from, to)`.
    fn dates_between(&self, mut from: Date, to: Date) -> u64 {
        let mut count = 0;
        while from < to {
            let mut days = self.days_of(from.year(), from.month()) & (u32::MAX << from.day());
            if from.first_of_month() == to.first_of_month() {
                days &= (1 << to.day()) - 1;
            }
            count += u64::from(days.count_ones());
            let Ok(next) = from.last_of_month().tomorrow() else { break };
            from = next;
        }
        count
    }

    /// How many times of a day match before `time`.
    fn times_before(&self, time: Time) -> u64 {
        let below = |set: u64, at: i8| u64::from((set & ((1 << at) - 1)).count_ones());
        let has = |set: u64, at: i8| set >> at & 1;
        let (hours, minutes, seconds) = (u64::from(self.hours), self.minutes, self.seconds);
        let in_minute = u64::from(seconds.count_ones());
        let in_hour = u64::from(minutes.count_ones()) * in_minute;
        below(hours, time.hour()) * in_hour
            + has(hours, time.hour())
                * (below(minutes, time.minute()) * in_minute
                    + has(minutes, time.minute()) * below(seconds, time.second()))
    }

    fn first(&self, from: DateTime, last: Date) -> Option<DateTime> {
        if self.matches_date(from.date())
            && let Some(time) = self.time_at_or_after(from.time())
        {
            return Some(from.date().to_datetime(time));
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
    let modified = cron.pattern.days.has_modifiers() || cron.pattern.days_of_week.has_modifiers();
    // All 28 shapes come up within a 28-year cycle that no century breaks.
    let months =
        (2000..2028).flat_map(|year| (1..=12).filter_map(move |month| Date::new(year, month, 1).ok()));
    let mut left: u32 = (1 << 28) - 1;
    for first in months {
        let (shape, length) = (shape(first), first.days_in_month().unsigned_abs());
        // Only `L`, `W` and `#` look at the month's length: without them its first days say it all.
        if left >> shape & 1 == 0 || (length < 31 && !modified) {
            continue;
        }
        let (year, month) = (i32::from(first.year()), u32::from(first.month().unsigned_abs()));
        let begins = first.weekday().to_sunday_zero_offset().unsigned_abs();
        for day in 1..=length {
            let weekday = Weekday::from_days_from_sunday(u32::from((begins + day - 1) % 7));
            let matched = cron.pattern.day_match(year, month, day.into(), weekday).unwrap_or(false);
            table[shape] |= u32::from(matched) << day;
        }
        left &= !(1 << shape);
        if !modified {
            for shorter in 1..4 {
                let days = (1 << (length - shorter + 1)) - 1;
                table[shape - 7 * usize::from(shorter)] = table[shape] & days;
            }
        }
    }
    table
}

fn bits(values: &[u16]) -> u64 {
    values.iter().fold(0, |set, value| set | 1u64.checked_shl(u32::from(*value)).unwrap_or(0))
}
