//! `[schedule]` of a job: exactly one of `cron`, `at` and `every`, and what goes with it.

use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::instant::{instant, is_local};
use super::reader::{Problems, Span, Table, Value, listed};
use super::zone::Fallback;
use crate::diagnostic::Code;
use crate::lint::horizon;
use crate::schedule::Schedule;

const CATCH_UP: Duration = Duration::from_mins(15);
const SCHEDULE_HELP: &str = "write one of `cron = \"30 17 * * FRI\"`, `at = \"2026-12-24T17:30:00\"` and \
                             `every = \"10m\"`";

/// When a job is due.
pub(super) struct Timing {
    pub(super) schedule: Schedule,
    /// Where the local time stands that the schedule is read from, if it is.
    pub(super) local: Option<Range<usize>>,
    pub(super) jitter: Duration,
    pub(super) catch_up: Duration,
}

/// Reads the table.
pub(super) fn timing(
    value: &Value<'_>,
    zone: &Fallback,
    warn_from: Option<Timestamp>,
    problems: &mut Problems,
) -> Option<Timing> {
    let mut table = value.table(problems, "`[schedule]`".into())?;
    let read = schedule(&mut table, zone, warn_from, problems);
    let week = Span::from(Duration::ZERO).to(Duration::from_hours(24 * 7));
    let jitter = table.take("jitter").map_or(Some(Duration::ZERO), |value| value.duration(problems, week));
    let ever = Span::from(Duration::ZERO);
    let catch_up = table.take("catch_up").map_or(Some(CATCH_UP), |value| value.duration(problems, ever));
    table.finish(problems);
    let (schedule, local) = read?;
    Some(Timing { schedule, local, jitter: jitter?, catch_up: catch_up? })
}

fn schedule(
    table: &mut Table<'_>,
    zone: &Fallback,
    warn_from: Option<Timestamp>,
    problems: &mut Problems,
) -> Option<(Schedule, Option<Range<usize>>)> {
    let cron_value = table.take("cron");
    let at = table.take("at");
    let every = table.take("every");
    let written: Vec<&Value<'_>> = [&cron_value, &at, &every].into_iter().flatten().collect();
    if written.is_empty() {
        problems
            .add(Code::OneSchedule, table.span(), "`[schedule]` does not say when")
            .help(SCHEDULE_HELP)
            .absence();
        return None;
    }
    let several = written.len() > 1;
    if several {
        let mut keys: Vec<_> = written.iter().map(|value| (value.key_span().start, value.key())).collect();
        keys.sort_unstable();
        let span = written.iter().map(|value| value.key_span()).max_by_key(|span| span.start);
        let names = listed(keys.iter().map(|(_, key)| *key)).replace(" or ", " and ");
        let message = format!("{names} each say when the job is due");
        problems.add(Code::OneSchedule, span.unwrap_or_default(), message).help("keep one of them");
    }
    // Each is checked, so that the one that is kept is right.
    let cron = cron_value.and_then(|value| {
        let zone = zone.for_local(&value, problems);
        let schedule = cron(&value, zone, problems)?;
        clock_changes(&schedule, &value, warn_from, problems);
        let local = schedule.follows_clocks().then(|| value.span());
        Some((schedule, local))
    });
    let at = at.and_then(|value| {
        let schedule = Schedule::at(instant(&value, zone, problems)?, zone.or_utc());
        Some((schedule, is_local(&value).then(|| value.span())))
    });
    let second = Span::from(Duration::from_secs(1));
    let every = every
        .and_then(|value| Some((Schedule::every(value.duration(problems, second)?, zone.or_utc()), None)));
    if several { None } else { cron.or(at).or(every) }
}

/// Reads a cron expression. Without a zone, which has been reported, it is only checked.
pub(super) fn cron(value: &Value<'_>, zone: Option<TimeZone>, problems: &mut Problems) -> Option<Schedule> {
    let text = value.text(problems, "write it in quotes, such as \"30 17 * * FRI\"")?;
    match Schedule::cron(text, zone.clone().unwrap_or(TimeZone::UTC)) {
        Ok(schedule) => zone.map(|_| schedule),
        Err(error) => {
            let span = within(value, text, error.span());
            problems.add(Code::Cron, span, error.to_string()).help(error.help());
            None
        }
    }
}

/// Warns of the clock changes that touch the schedule.
fn clock_changes(schedule: &Schedule, cron: &Value<'_>, from: Option<Timestamp>, problems: &mut Problems) {
    let Some(from) = from else { return };
    for warning in schedule.dst_warnings(from, horizon(from)) {
        problems
            .add(Code::ClockChange, cron.span(), warning.to_string())
            .help("choose another time of day if that matters");
    }
}

/// The place in the file of a part of a text, if the text stands there as it is, without escapes.
fn within(value: &Value<'_>, text: &str, part: Option<Range<usize>>) -> Range<usize> {
    let whole = value.span();
    match part {
        Some(part) if whole.len() == text.len() + 2 => {
            whole.start + 1 + part.start..whole.start + 1 + part.end
        }
        _ => whole,
    }
}
