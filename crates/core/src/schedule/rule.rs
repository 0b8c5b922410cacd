//! The three kinds of schedule behind one question: when next?

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::error::CronError;
use super::parse::parse;
use super::pattern::Pattern;
use super::warning::{self, DstWarning};
use super::zoned;

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
    Cron(Pattern),
}

impl Schedule {
    /// By a cron expression, read in `zone`: 5 fields, or 6 with seconds first, or a shorthand such as `@daily`.
    ///
    /// Where day of month and day of week are both other than `*`, either suffices. 7 is Sunday, as is 0.
    ///
    /// # Errors
    ///
    /// If the text is no cron expression, or one that no date ever matches.
    pub fn cron(expression: &str, zone: TimeZone) -> Result<Self, CronError> {
        Ok(Self { zone, kind: Kind::Cron(parse(expression)?) })
    }

    /// Once, at an instant; fractions of a millisecond are rounded up, so that nothing is ever early.
    #[must_use]
    pub fn at(instant: Timestamp, zone: TimeZone) -> Self {
        Self { zone, kind: Kind::At(ceil_millisecond(instant)) }
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
        match &self.kind {
            Kind::At(instant) => (*instant > after).then_some(*instant),
            Kind::Every(period) => {
                let period = milliseconds(*period)?;
                let slot = floor_millisecond(after).div_euclid(period).checked_add(1)?;
                Timestamp::from_millisecond(slot.checked_mul(period)?).ok()
            }
            Kind::Cron(pattern) => zoned::next(pattern, &self.zone, after),
        }
    }

    /// The occurrences after `after`, up to and including `until`, at most `max` of them.
    pub fn occurrences(
        &self,
        after: Timestamp,
        until: Timestamp,
        max: usize,
    ) -> impl Iterator<Item = Timestamp> + '_ {
        let within = move |instant: &Timestamp| *instant <= until;
        std::iter::successors(self.next(after).filter(within), move |last| self.next(*last).filter(within))
            .take(max)
    }

    /// The newest occurrence after `after`, up to and including `upto`.
    ///
    /// The work is bounded by the logarithm of the time between.
    #[must_use]
    pub fn newest(&self, after: Timestamp, upto: Timestamp) -> Option<Timestamp> {
        let mut found = self.next(after).filter(|first| *first <= upto)?;
        // Nothing lies after `bound`, up to `upto`.
        let mut bound = upto;
        loop {
            let between = bound.duration_since(found);
            // Occurrences are whole milliseconds.
            if between < SignedDuration::from_millis(1) {
                return Some(found);
            }
            let middle = found.checked_add(between / 2).ok()?;
            match self.next(middle).filter(|next| *next <= upto) {
                Some(next) => found = next,
                None => bound = middle,
            }
        }
    }

    /// How many occurrences there are after `after`, up to and including `upto`.
    ///
    /// They are counted by calendar arithmetic, not one by one.
    #[must_use]
    pub fn count_between(&self, after: Timestamp, upto: Timestamp) -> u64 {
        match &self.kind {
            Kind::At(instant) => u64::from(*instant > after && *instant <= upto),
            Kind::Every(period) => milliseconds(*period).map_or(0, |period| {
                let slot = |instant| floor_millisecond(instant).div_euclid(period);
                u64::try_from(slot(upto) - slot(after)).unwrap_or(0)
            }),
            Kind::Cron(pattern) => zoned::count(pattern, &self.zone, after, upto),
        }
    }

    /// The longest time between two occurrences in a row that is to be expected after `from`; `None` if it is due once, or
    /// never again.
    ///
    /// It is that of the next 200 occurrences, or of those of the next 8 days, whichever are fewer, and of two at least:
    /// what comes each weekday leaves a gap at weekends.
    #[must_use]
    pub fn expected_interval(&self, from: Timestamp) -> Option<Duration> {
        const MOST: usize = 200;
        const AHEAD: SignedDuration = SignedDuration::from_hours(8 * 24);
        match &self.kind {
            Kind::At(_) => None,
            Kind::Every(period) => Some(*period),
            Kind::Cron(_) => {
                let until = from.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
                let mut last = self.next(from)?;
                let mut longest = Duration::ZERO;
                for count in 0..MOST {
                    let Some(next) = self.next(last).filter(|next| *next <= until || count == 0) else {
                        break;
                    };
                    let gap = Duration::try_from(next.duration_since(last)).unwrap_or_default();
                    (longest, last) = (longest.max(gap), next);
                }
                (!longest.is_zero()).then_some(longest)
            }
        }
    }

    /// The clock changes after `from`, up to and including `until`, that touch a cron schedule's times.
    ///
    /// A cadence through all hours of the day, such as `*/10 * * * *`, goes on as ever and is not listed.
    #[must_use]
    pub fn dst_warnings(&self, from: Timestamp, until: Timestamp) -> Vec<DstWarning> {
        match &self.kind {
            Kind::At(_) | Kind::Every(_) => Vec::new(),
            Kind::Cron(pattern) => warning::between(pattern, &self.zone, from, until),
        }
    }

    /// Whether it is a cron schedule that would mean other instants in another zone.
    ///
    /// A cadence through all hours of all days, such as `*/10 * * * *`, is taken to mean the same everywhere.
    #[must_use]
    pub fn follows_clocks(&self) -> bool {
        match &self.kind {
            Kind::At(_) | Kind::Every(_) => false,
            Kind::Cron(pattern) => {
                pattern.is_fixed() || !pattern.has_every_hour() || !pattern.has_every_date()
            }
        }
    }

    /// Kind, expression and zone as one line of text: the same as long as the schedule is.
    ///
    /// It is kept with the record, to notice that a job's schedule was edited.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match &self.kind {
            Kind::At(instant) => format!("at {instant} {}", self.zone_name()),
            Kind::Every(period) => format!("every {}ms", period.as_millis()),
            Kind::Cron(pattern) => format!("cron {} {}", pattern.text(), self.zone_name()),
        }
    }

    /// The zone's IANA name, or what else tells it from others.
    fn zone_name(&self) -> String {
        match (self.zone.iana_name(), self.zone.to_fixed_offset()) {
            (Some(name), _) => name.to_owned(),
            (None, Ok(offset)) => offset.to_string(),
            (None, Err(_)) => format!("{:?}", self.zone),
        }
    }
}

/// At least one; `None` if there are too many to count.
fn milliseconds(period: Duration) -> Option<i64> {
    Some(i64::try_from(period.as_millis()).ok()?.max(1))
}

fn floor_millisecond(instant: Timestamp) -> i64 {
    i64::try_from(instant.as_nanosecond().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

fn ceil_millisecond(instant: Timestamp) -> Timestamp {
    let floor = floor_millisecond(instant);
    let exact = i128::from(floor) * 1_000_000 == instant.as_nanosecond();
    // Past the last representable millisecond the one before must do.
    Timestamp::from_millisecond(floor + i64::from(!exact))
        .or_else(|_| Timestamp::from_millisecond(floor))
        .unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(expression: &str, zone: &str) -> Schedule {
        Schedule::cron(expression, TimeZone::get(zone).unwrap()).unwrap()
    }

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_friday_in_berlin_is_an_hour_earlier_in_utc_and_two_in_summer() {
        let schedule = cron("30 17 * * FRI", "Europe/Berlin");
        let first = schedule.next(ts("2026-03-26T00:00:00Z"));
        assert_eq!(first, Some(ts("2026-03-27T16:30:00Z")));
        assert_eq!(schedule.next(first.unwrap()), Some(ts("2026-04-03T15:30:00Z")));
    }

    #[test]
    fn times_in_a_gap_become_one_occurrence_at_its_end() {
        let schedule = cron("15,45 2 * * *", "Europe/Berlin");
        let gap = schedule.next(ts("2026-03-28T12:00:00Z"));
        assert_eq!(gap, Some(ts("2026-03-29T01:00:00Z")));
        assert_eq!(schedule.next(gap.unwrap()), Some(ts("2026-03-30T00:15:00Z")));
    }

    #[test]
    fn a_time_in_a_fold_comes_once() {
        let schedule = cron("30 2 * * *", "Europe/Berlin");
        let first = schedule.next(ts("2026-10-24T12:00:00Z"));
        assert_eq!(first, Some(ts("2026-10-25T00:30:00Z")));
        assert_eq!(schedule.next(first.unwrap()), Some(ts("2026-10-26T01:30:00Z")));
    }

    #[test]
    fn a_cadence_is_kept_through_gap_and_fold() {
        let schedule = cron("*/30 2 * * *", "Europe/Berlin");
        assert_eq!(schedule.next(ts("2026-03-28T12:00:00Z")), Some(ts("2026-03-30T00:00:00Z")));
        let mut at = ts("2026-10-24T12:00:00Z");
        for want in ["00:00", "00:30", "01:00", "01:30"] {
            at = schedule.next(at).unwrap();
            assert_eq!(at, ts(&format!("2026-10-25T{want}:00Z")));
        }
        assert_eq!(schedule.next(at), Some(ts("2026-10-26T01:00:00Z")));
    }

    #[test]
    fn a_period_is_counted_from_the_epoch_on_both_sides_of_it() {
        let schedule = Schedule::every(Duration::from_secs(10), TimeZone::UTC);
        assert_eq!(schedule.next(ts("1970-01-01T00:00:00Z")), Some(ts("1970-01-01T00:00:10Z")));
        assert_eq!(schedule.next(ts("1969-12-31T23:59:59.9995Z")), Some(ts("1970-01-01T00:00:00Z")));
        assert_eq!(schedule.next(Timestamp::MAX), None);
        assert!(Schedule::every(Duration::MAX, TimeZone::UTC).next(Timestamp::MIN).is_none());
        assert!(Schedule::every(Duration::ZERO, TimeZone::UTC).next(Timestamp::MIN).is_some());
    }

    #[test]
    fn once_is_never_early_and_never_twice() {
        let schedule = Schedule::at(ts("2026-12-24T17:30:00.0001Z"), TimeZone::UTC);
        let at = ts("2026-12-24T17:30:00.001Z");
        assert_eq!(schedule.next(Timestamp::MIN), Some(at));
        assert_eq!(schedule.next(at), None);
        assert!(Schedule::at(Timestamp::MAX, TimeZone::UTC).next(Timestamp::MIN).is_some());
    }

    #[test]
    fn a_fingerprint_ignores_blanks_and_case_but_no_edit() {
        let berlin = cron("30 17 * * fri", "Europe/Berlin");
        assert_eq!(berlin.fingerprint(), "cron 30 17 * * FRI Europe/Berlin");
        assert_eq!(berlin, cron(" 30  17 * * FRI ", "Europe/Berlin"));
        assert_ne!(berlin.fingerprint(), cron("30 17 * * FRI", "Europe/Paris").fingerprint());
        let ten = Schedule::every(Duration::from_mins(10), TimeZone::UTC);
        assert_eq!(ten.fingerprint(), "every 600000ms");
    }
}
