//! `calloff explain`: why a job would or would not act at an instant.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use calloff_core::agenda::{self, Entry, Upcoming};
use calloff_core::config::Job;
use calloff_core::forecast::{self, Action, Foretold, Player};
use calloff_core::run::Run;
use jiff::{SignedDuration, Timestamp};

use super::args::{ExplainArgs, LogArgs};
use super::forecast::{Record, Row, by_account, is_refused, live_of, needs_nothing, read_zoho};
use super::next;
use super::output::{Output, notice};
use super::setup::{self, Configuration};
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::Surveyed;
use crate::error::Error;
use crate::report::{self, Explanation};
use crate::store::Filter;

pub(super) async fn explain(
    config: Option<&Path>,
    log: &LogArgs,
    args: &ExplainArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::configuration(config)?;
    configuration.log(log, true)?;
    let job = Arc::clone(&configuration.select(std::slice::from_ref(&args.job))?[0]);
    let at = next::instant(&args.at, &job)?;
    let record = Record::read(&configuration).await?;
    let account = if args.offline { Surveyed::default() } else { survey(&configuration, &job).await? };

    let now = SystemClock.now();
    let of_account = configuration.jobs.iter().filter(|other| other.account == job.account);
    let players: Vec<Player<'_>> = of_account.map(|job| record.player(job, now)).collect();
    let place = players.iter().position(|player| player.job.name == job.name).unwrap_or_default();
    let due = occurrence(&players[place], at);
    let upcoming = due.unwrap_or(Upcoming { occurrence: at, fire_at: at });
    let row = forecast::at_instant(&players, place, &account.facts, now, upcoming);
    let Some(mut row) = row else {
        return Err(Error::Internal("a job is not among its account's".to_owned()));
    };
    let just_before = row.occurrence.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(at);
    let next = job.schedule.next(just_before);
    settle(&mut row, due, next, args.offline);

    if args.form.json {
        output.json(&Row::new(&row, &account.facts).with_conditions(&row))?;
    } else {
        let explanation =
            Explanation { row: &row, next, pause: players[place].pause, live: live_of(&account.facts) };
        output.text(&report::explain(&explanation, now, output.width()))?;
        if let Some(run) = on_record(&configuration, &job, due, now).await? {
            output.text(&format!("\nIt has been; this is on record:\n{}", report::run(&run)))?;
        }
    }
    if let Some(unread) = &account.unread {
        notice(&format!("account `{}` could not be read: {}", job.account, unread.why()));
        return Ok(ExitCode::from(if is_refused(&account) { 77 } else { 69 }));
    }
    Ok(ExitCode::SUCCESS)
}

async fn survey(configuration: &Configuration, job: &Arc<Job>) -> Result<Surveyed, Error> {
    let of_account = configuration.jobs.iter().filter(|other| other.account == job.account && other.enabled);
    let jobs = by_account(of_account.chain([job]));
    let mut surveyed = read_zoho(configuration, &jobs, 1).await?;
    Ok(surveyed.remove(&job.account).unwrap_or_default())
}

fn entry<'a>(player: &Player<'a>) -> Entry<'a> {
    Entry::from(player.job).until(player.deadline)
}

/// The occurrence that an instant belongs to: its nominal instant, or any up to when it becomes due.
fn occurrence(player: &Player<'_>, at: Timestamp) -> Option<Upcoming> {
    let jitter = SignedDuration::try_from(player.job.jitter).unwrap_or(SignedDuration::MAX);
    let after = at.saturating_sub(jitter + SignedDuration::from_secs(1)).unwrap_or(Timestamp::MIN);
    let occurrence = player.job.schedule.newest(after, at)?;
    let fire_at = agenda::fire_at(&entry(player), occurrence);
    (occurrence == at || at <= fire_at).then_some(Upcoming { occurrence, fire_at })
}

/// What outweighs the conditions: a job that is switched off, an instant at which it is not due. Without having
/// asked Zoho, a run that needs to know nothing of it acts.
fn settle(row: &mut Foretold<'_>, due: Option<Upcoming>, next: Option<Timestamp>, offline: bool) {
    let verdict = if !row.job.enabled {
        Some((Action::Skip, "the job is switched off (`enabled = false`)".to_owned()))
    } else if due.is_none() {
        let next = next.map_or("and never again".to_owned(), |next| format!("its next occurrence is {next}"));
        Some((Action::Skip, format!("the job is not due at {}; {next}", row.occurrence)))
    } else if offline && row.action == Action::Unknown && needs_nothing(row.job) {
        Some((Action::Cancel, "it would send the cancel; what Zoho has was not looked at".to_owned()))
    } else {
        None
    };
    let Some((action, reason)) = verdict else { return };
    for target in &mut row.targets {
        target.action = action;
        target.reason.clone_from(&reason);
    }
    row.action = action;
    row.reason = reason;
}

/// The run of an occurrence that has passed.
async fn on_record(
    configuration: &Configuration,
    job: &Job,
    due: Option<Upcoming>,
    now: Timestamp,
) -> Result<Option<Run>, Error> {
    let Some(due) = due.filter(|due| due.occurrence <= now) else { return Ok(None) };
    let Some(store) = configuration.open_existing()? else { return Ok(None) };
    let filter = Filter { jobs: vec![job.name.as_str().to_owned()], ..Filter::default() };
    let runs = store.history(filter).await?;
    Ok(runs.into_iter().rev().find(|run| run.occurrence == Some(due.occurrence)))
}
