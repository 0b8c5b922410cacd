//! Time from left to right.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The time that a picture shows, over its columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    from: Timestamp,
    until: Timestamp,
    columns: usize,
}

/// A place on the axis that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) column: usize,
    pub(super) label: String,
}

impl Axis {
    /// An axis of at least one column; none if there is no time to be shown.
    pub(super) fn new(from: Timestamp, until: Timestamp, columns: usize) -> Option<Self> {
        (from < until).then_some(Self { from, until, columns: columns.max(1) })
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Whether an instant is shown.
    pub(super) fn shows(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.until
    }

    /// The column of an instant; of one that lies beyond an end that end.
    pub(super) fn column(&self, at: Timestamp) -> usize {
        let (gone, whole) = (nanoseconds(self.from, at), nanoseconds(self.from, self.until));
        let column = usize::try_from(gone * self.columns as i128 / whole).unwrap_or(0);
        column.min(self.columns - 1)
    }

    /// The first instant of a column; the end of time shown, for the one behind the last.
    fn beginning(&self, column: usize) -> Timestamp {
        let columns = self.columns as i128;
        let gone = (nanoseconds(self.from, self.until) * column as i128 + columns - 1) / columns;
        Timestamp::from_nanosecond(self.from.as_nanosecond() + gone).unwrap_or(self.until)
    }

    /// The columns that have a part in the time from `from` until just before `until`.
    pub(super) fn band(&self, from: Timestamp, until: Timestamp) -> Range<usize> {
        if until <= from || until <= self.from || self.until < from {
            return 0..0;
        }
        let last = until.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(until);
        self.column(from)..self.column(last) + 1
    }

    /// The bands of something that is open now and then. `open_from` says when it is open from an instant on, or is
    /// next. It is asked once a column at most, however often that is.
    pub(super) fn bands(
        &self,
        open_from: impl Fn(Timestamp) -> Option<(Timestamp, Timestamp)>,
    ) -> Vec<Range<usize>> {
        let (mut bands, mut at) = (Vec::new(), self.from);
        while at < self.until {
            let Some((opens, closes)) = open_from(at) else { break };
            let band = self.band(opens, closes);
            if band.is_empty() || opens >= self.until {
                break;
            }
            at = self.beginning(band.end).max(closes);
            bands.push(band);
        }
        bands
    }

    /// As many marks as have room for their labels, at round times in UTC.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let room = |step: &&Step| {
            let wanted = (step.label_width() + 2) as i128 * nanoseconds(self.from, self.until);
            i128::from(step.seconds()) * 1_000_000_000 * self.columns as i128 >= wanted
        };
        let step = STEPS.iter().find(room).unwrap_or(&Step::Months(12_000));
        let mark = |at| Mark { column: self.column(at), label: step.label(at) };
        step.instants(self.from).take_while(|at| self.shows(*at)).take(self.columns).map(mark).collect()
    }
}

fn nanoseconds(from: Timestamp, to: Timestamp) -> i128 {
    to.as_nanosecond() - from.as_nanosecond()
}

/// How far apart marks are.
#[derive(Debug, Clone, Copy)]
enum Step {
    Minutes(i64),
    Days(i64),
    /// Seven days each, from Monday.
    Weeks(i64),
    Months(i64),
}

#[rustfmt::skip]
const STEPS: &[Step] = &[
    Step::Minutes(1), Step::Minutes(5), Step::Minutes(10), Step::Minutes(15), Step::Minutes(30),
    Step::Minutes(60), Step::Minutes(120), Step::Minutes(180), Step::Minutes(360), Step::Minutes(720),
    Step::Days(1), Step::Days(2), Step::Weeks(1), Step::Weeks(2),
    Step::Months(1), Step::Months(3), Step::Months(6), Step::Months(12), Step::Months(60), Step::Months(120),
    Step::Months(1200), Step::Months(12_000),
];

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
const WEEK: i64 = 7 * DAY;
/// The first Monday after the epoch, which was a Thursday.
const A_MONDAY: i64 = 4 * DAY;

impl Step {
    /// How long it is, at least.
    fn seconds(self) -> i64 {
        match self {
            Self::Minutes(count) => count * MINUTE,
            Self::Days(count) => count * DAY,
            Self::Weeks(count) => count * WEEK,
            Self::Months(count) => count * 28 * DAY,
        }
    }

    fn label_width(self) -> usize {
        if matches!(self, Self::Months(_)) { "2026" } else { "Fri 27" }.len()
    }

    fn label(self, at: Timestamp) -> String {
        let day = at.to_zoned(TimeZone::UTC).date();
        let format = match self {
            Self::Minutes(_) if at.as_second().rem_euclid(DAY) != 0 => "%H:%M",
            Self::Minutes(_) | Self::Days(1) => "%a %-d",
            Self::Days(_) | Self::Weeks(_) => "%-d %b",
            Self::Months(count) if count < 12 && day.month() != 1 => "%b",
            Self::Months(_) => "%Y",
        };
        at.strftime(format).to_string()
    }

    /// The round times from an instant on.
    fn instants(self, from: Timestamp) -> impl Iterator<Item = Timestamp> {
        let (step, offset) = match self {
            Self::Months(count) => (count, 0),
            Self::Weeks(_) => (self.seconds(), A_MONDAY),
            Self::Minutes(_) | Self::Days(_) => (self.seconds(), 0),
        };
        let place = if let Self::Months(_) = self {
            let day = from.to_zoned(TimeZone::UTC).date();
            i64::from(day.year()) * 12 + i64::from(day.month()) - 1
        } else {
            from.as_second()
        };
        let first = (place - offset).div_euclid(step);
        let at = move |count: i64| {
            let place = count * step + offset;
            if let Self::Months(_) = self { month(place) } else { Timestamp::from_second(place).ok() }
        };
        let is_before = at(first).is_none_or(|at| at < from);
        (first + i64::from(is_before)..).map_while(at)
    }
}

/// The beginning of a month, by how many months lie between it and the year nought.
fn month(place: i64) -> Option<Timestamp> {
    let (year, month) = (place.div_euclid(12), place.rem_euclid(12) + 1);
    let day = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()?;
    day.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// An axis from a Friday on.
    fn axis(until: &str, columns: usize) -> Axis {
        Axis::new(ts("2026-11-27T16:00:00Z"), ts(until), columns).unwrap()
    }

    #[test]
    fn marks_stand_at_round_times_as_far_apart_as_their_labels_need() {
        #[rustfmt::skip]
        let table = [
            ("2026-11-27T16:04:00Z", 40, "0 16:00, 10 16:01, 20 16:02, 30 16:03, 39 16:04"),
            ("2026-11-28T02:00:00Z", 40, "0 16:00, 8 18:00, 16 20:00, 24 22:00, 32 Sat 28, 39 02:00"),
            ("2026-12-04T16:00:00Z", 70, "3 Sat 28, 13 Sun 29, 23 Mon 30, 33 Tue 1, 43 Wed 2, 53 Thu 3, 63 Fri 4"),
            ("2026-12-04T16:00:00Z", 40, "7 29 Nov, 19 1 Dec, 30 3 Dec"),
            ("2026-12-27T16:00:00Z", 40, "3 30 Nov, 12 7 Dec, 21 14 Dec, 31 21 Dec"),
            ("2027-11-27T16:00:00Z", 40, "3 2027, 13 Apr, 23 Jul, 33 Oct"),
            ("2036-11-27T16:00:00Z", 40, "12 2030, 32 2035"),
            ("2026-11-27T16:00:01Z", 40, "0 16:00"),
        ];
        for (until, columns, want) in table {
            let marks = axis(until, columns).marks();
            let marks: Vec<String> =
                marks.iter().map(|Mark { column, label }| format!("{column} {label}")).collect();
            assert_eq!(marks.join(", "), want, "{until} in {columns}");
        }
    }

    #[test]
    fn an_instant_has_one_column_and_a_band_all_that_it_touches() {
        let axis = axis("2026-11-27T20:00:00Z", 4);
        assert_eq!(axis.column(ts("2026-11-27T16:59:59.999999999Z")), 0);
        assert_eq!(axis.column(ts("2026-11-27T17:00:00Z")), 1);
        assert_eq!(axis.column(ts("2026-11-27T20:00:00Z")), 3);
        assert_eq!((axis.column(Timestamp::MIN), axis.column(Timestamp::MAX)), (0, 3));
        #[rustfmt::skip]
        let table = [
            ("2026-11-27T17:00:00Z", "2026-11-27T18:00:00Z", 1..2), ("2026-11-27T17:00:00Z", "2026-11-27T18:00:01Z", 1..3),
            ("2026-11-27T17:10:00Z", "2026-11-27T17:11:00Z", 1..2), ("2026-11-27T15:00:00Z", "2026-11-27T16:00:00Z", 0..0),
            ("2026-11-27T20:00:01Z", "2026-11-27T21:00:00Z", 0..0), ("2026-11-27T15:00:00Z", "2026-12-27T16:00:00Z", 0..4),
        ];
        for (from, until, want) in table {
            assert_eq!(axis.band(ts(from), ts(until)), want, "{from} to {until}");
        }
        assert_eq!(axis.band(Timestamp::MIN, Timestamp::MAX), 0..4);
    }

    #[test]
    fn what_is_open_every_other_minute_is_asked_for_once_a_column() {
        let asked = std::cell::Cell::new(0);
        let every_other_minute = |at: Timestamp| {
            asked.set(asked.get() + 1);
            let opens = Timestamp::from_second(at.as_second().div_euclid(120) * 120).unwrap();
            Some((opens, opens + SignedDuration::from_mins(1)))
        };
        let axis = axis("2027-11-27T16:00:00Z", 80);
        let bands = axis.bands(|at| {
            every_other_minute(at)
                .filter(|(_, closes)| *closes > at)
                .or_else(|| every_other_minute(at + SignedDuration::from_mins(2)))
        });
        assert_eq!(bands, (0..80).map(|column| column..column + 1).collect::<Vec<_>>());
        assert!(asked.get() <= 160);
        let always = axis.bands(|_| Some((Timestamp::MIN, Timestamp::MAX)));
        assert!(always.len() == 1 && always[0] == (0..80));
        assert!(axis.bands(|_| None).is_empty());
    }

    #[test]
    fn the_ends_of_time_have_marks_and_no_time_has_no_axis() {
        let axis = Axis::new(Timestamp::MIN, Timestamp::MAX, 40).unwrap();
        assert!(!axis.marks().is_empty());
        let last = Axis::new(Timestamp::MAX - SignedDuration::from_hours(1), Timestamp::MAX, 40).unwrap();
        assert!(!last.marks().is_empty());
        assert!(Axis::new(Timestamp::MAX, Timestamp::MAX, 40).is_none());
    }
}
