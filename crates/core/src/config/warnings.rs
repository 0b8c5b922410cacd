//! The words for what [`lint`] finds.

use std::borrow::Borrow;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::model::Job;
use super::reader::Problems;
use super::settings::JobDefaults;
use crate::diagnostic::{Code, Diagnostic};
use crate::ids::BackupRef;
use crate::lint::{self, Race, horizon};
use crate::schedule::Schedule;
use crate::text::duration as duration_text;
use crate::window::{Entry, Window};

/// Warns of a window that is closed and never opens again. `place` is what messages call it.
pub(super) fn closed_for_good(
    window: &Window,
    key: Range<usize>,
    place: &str,
    warn_from: Option<Timestamp>,
    problems: &mut Problems,
) {
    if warn_from.is_some_and(|from| window.current_or_next(from).is_none()) {
        problems
            .add(Code::ClosedForGood, key, format!("{place} never opens again"))
            .help("add an entry that is yet to come: jobs that name this window are skipped each time");
    }
}

/// Warns of an entry that opens again before it has closed. `window` is what messages call its window; `place` is that
/// of `lasts`.
pub(super) fn overlaps_itself(
    opens: &Schedule,
    lasts: Duration,
    window: &str,
    place: Range<usize>,
    warn_from: Option<Timestamp>,
    problems: &mut Problems,
) {
    let Some(from) = warn_from else { return };
    let alone = Window::new(vec![Entry::Recurring { opens: opens.clone(), lasts }]);
    if let Some(at) = alone.overlaps_itself(from, horizon(from)) {
        let message = format!("{window} opens again at {} before it has closed", local(at, opens.zone()));
        problems.add(Code::OverlapsItself, place, message).help("shorten `lasts`, or let it open less often");
    }
}

/// Where to point in a job file.
pub(super) struct Places {
    /// What says, or fails to say, in which zone its local time is; `None` if it has no local time.
    pub(super) zone: Option<Range<usize>>,
    /// The name of its window.
    pub(super) window: Option<Range<usize>>,
}

/// Warns of what can be told of one job.
pub(super) fn of_job(
    job: &Job,
    places: Places,
    from: Timestamp,
    defaults: &JobDefaults,
    problems: &mut Problems,
) {
    if let Some(place) = places.window {
        never_in_window(job, place, from, problems);
    }
    let account = defaults.accounts.as_ref().and_then(|zones| zones.get(&job.account)?.as_ref());
    if let (Some(place), Some(account)) = (places.zone, account) {
        other_zone(job, account, place, from, problems);
    }
}

fn never_in_window(job: &Job, place: Range<usize>, from: Timestamp, problems: &mut Problems) {
    let (Some(found), Some(window)) = (lint::never_acts(job, from), &job.when.window) else { return };
    let zone = job.schedule.zone();
    let opening = match found.opening {
        Some(opening) => format!("the window next opens at {}", local(opening, zone)),
        None => "the window is open for the last time".to_owned(),
    };
    let due = local(found.due, zone);
    let message =
        format!("the job is never due inside `{}`: it is next due at {due}, {opening}", window.name);
    problems
        .add(Code::NeverInWindow, place, message)
        .help("let the job be due while the window is open: as it is, each run is skipped");
}

fn other_zone(job: &Job, account: &TimeZone, place: Range<usize>, from: Timestamp, problems: &mut Problems) {
    let Some(at) = lint::first_difference(&job.schedule, account, from) else { return };
    let zone = job.schedule.zone();
    let (here, there) = (local(at, zone), minute(at, account));
    let (own, other) = (name(zone), name(account));
    let message = format!("account `{}` is taken to be in {other}: {here} is {there} there", job.account);
    problems.add(Code::OtherTimeZone, place, message).help(format!(
        "if the organisation is in {own}, write `timezone = \"{own}\"` in `[accounts.{}]`; if the job's times are \
         meant in {other}, write `timezone = \"{other}\"` in the job",
        job.account
    ));
}

/// Warns of jobs that may call off one backup at the same time. Jobs that were read without warnings are not warned of.
#[must_use]
pub fn warn_of_races<J: Borrow<Job>>(jobs: &[J], from: Timestamp) -> Vec<Diagnostic> {
    lint::races(jobs, from).iter().filter_map(|race| of_race(jobs, *race)).collect()
}

fn of_race<J: Borrow<Job>>(jobs: &[J], Race { job, other, at, more }: Race) -> Option<Diagnostic> {
    let (job, other) = (jobs[job].borrow(), jobs[other].borrow());
    let (place, file) = (job.place.as_deref()?, &other.place.as_deref()?.file);
    let what = match job.backups.iter().find(|backup| other.backups.contains(backup)) {
        Some(BackupRef::Id(id)) => format!("calls off backup `{id}`, too"),
        Some(BackupRef::Current) | None => "may call off the same backup".to_owned(),
    };
    let more = match more {
        0 => String::new(),
        1 => ", and so may 1 more job".to_owned(),
        more => format!(", and so may {more} more jobs"),
    };
    let at = local(at, job.schedule.zone());
    let message = format!("`{file}` {what}: their runs may be under way at once at {at}{more}");
    let apart = duration_text(job.retry.give_up_after.max(other.retry.give_up_after));
    let help = format!("leave it to one of them, or let them be due at least {apart} apart");
    Some(Diagnostic::at(Code::Race, place, message, help))
}

/// An instant as the clocks in `zone` show it, with the zone's name.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    format!("{} in {}", minute(at, zone), name(zone))
}

/// The same without the zone's name, and without seconds if there are none.
fn minute(at: Timestamp, zone: &TimeZone) -> String {
    let local = zone.to_datetime(at);
    let format = if local.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    local.strftime(format).to_string()
}

fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("its time zone")
}
