//! `calloff status`: what is loaded, when it is due, how it last went, and whether a daemon sees to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use calloff_core::agenda::{self, Entry, Pause, State};
use calloff_core::config::{Job, Settings};
use calloff_core::ids::AccountName;
use calloff_core::reload::{LeftOut, Quarantined, Verdict};
use calloff_core::run::{RunState, Trigger};
use jiff::Timestamp;
use serde::Serialize;

use super::args::StatusArgs;
use super::output::Output;
use super::record::Record;
use super::{asking, restore, setup};
use crate::clock::{Clock as _, SystemClock};
use crate::control::{Form, Request};
use crate::daemon::Report;
use crate::error::Error;
use crate::report;
use crate::store::{self, Last, Process, Store};

/// One job, as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    job: &'a str,
    account: Option<&'a str>,
    state: &'static str,
    next: Option<Timestamp>,
    last: Option<LastRun>,
    paused_until: Option<Timestamp>,
    reason: Option<String>,
    /// For people only.
    #[serde(skip)]
    held_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct LastRun {
    occurrence: Option<Timestamp>,
    state: RunState,
    /// For people only.
    #[serde(skip)]
    trigger: Trigger,
}

/// The object that comes last.
#[derive(Debug, Serialize)]
struct Closing {
    daemon: Option<Daemon>,
}

/// The daemon that works on the same record, if one does.
#[derive(Debug, Serialize)]
struct Daemon {
    pid: u32,
    version: String,
    since: Timestamp,
    /// Not known unless the daemon was asked.
    reload: Option<Reload>,
    /// Not known unless the daemon was asked.
    health: Option<Health>,
}

/// What became of the files that were last read.
#[derive(Debug, Serialize)]
struct Reload {
    verdict: Verdict,
    at: Timestamp,
    since: Timestamp,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Health {
    state: &'static str,
    reasons: Vec<String>,
}

/// What a status is about.
pub(super) struct Subject<'a> {
    pub(super) settings: &'a Settings,
    pub(super) jobs: &'a [Arc<Job>],
    pub(super) left_out: &'a LeftOut,
    /// The record, if there is one yet.
    pub(super) store: Option<&'a Store>,
    /// The daemon that works on it.
    pub(super) daemon: Option<Process>,
    /// What that says of itself.
    pub(super) told: Option<&'a Report>,
}

pub(super) async fn status(
    config: Option<&Path>,
    args: &StatusArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let form = Form { json: args.form.json, width: output.width() };
    if let Some(answer) = asking::ask(config, &Request::Status { form }).await? {
        return asking::print(&answer, &mut output);
    }
    // What is owed is shown even if a job file is broken.
    let (configuration, left_out, broken) = setup::configuration_as_far_as_valid(config)?;
    let store = configuration.open_existing()?;
    let subject = Subject {
        settings: &configuration.settings,
        jobs: &configuration.jobs,
        left_out: &left_out,
        daemon: store.as_ref().and_then(Store::daemon),
        store: store.as_ref(),
        told: None,
    };
    output.text(&describe(&subject, form, SystemClock.now()).await?)?;
    broken.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// The status as text that ends with a line break: lines of JSON, or for people.
///
/// # Errors
///
/// If the record can't be read.
pub(super) async fn describe(subject: &Subject<'_>, form: Form, now: Timestamp) -> Result<String, Error> {
    let (record, last, owed) = match subject.store {
        Some(store) => (Record::of(store).await?, store.last_runs().await?, store.owed().await?),
        None => (Record::default(), BTreeMap::new(), vec![]),
    };
    let owed = restore::standing(subject.settings, subject.jobs, subject.left_out, owed, now);
    let sound = subject.jobs.iter().map(|job| {
        let pause = record.pause(job, now).filter(|pause| pause.holds(now));
        let held_until = record.held_until(job, now);
        let row = row(job, &record.entry(job), record.cursor(job, now), last.get(job.name.as_str()), pause);
        Row { held_until, ..row }
    });
    let broken = subject.left_out.jobs.iter().map(|job| quarantined(job, last.get(job.job.as_str())));
    let mut rows: Vec<Row<'_>> = broken.chain(sound).collect();
    // Then what a person has overridden.
    rows.sort_by_key(|row| (row.state != QUARANTINED, row.paused_until.is_none()));
    let daemon = subject.daemon.as_ref().map(|process| daemon(process, subject));
    let mut text = String::new();
    if form.json {
        for row in &rows {
            json_line(&mut text, row)?;
        }
        for debt in &owed {
            json_line(&mut text, &restore::Row::new(debt, now))?;
        }
        json_line(&mut text, &Closing { daemon })?;
    } else {
        // What is owed comes first, so that nobody forgets it.
        text.push_str(&report::owed(&owed, now, form.width));
        if !owed.is_empty() {
            text.push('\n');
        }
        text.push_str(&table(&rows, daemon.as_ref(), now, form.width));
    }
    Ok(text)
}

fn json_line(text: &mut String, value: &impl Serialize) -> Result<(), Error> {
    text.push_str(&serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))?);
    text.push('\n');
    Ok(())
}

fn daemon(process: &Process, subject: &Subject<'_>) -> Daemon {
    Daemon {
        pid: process.pid,
        version: process.version.clone(),
        since: process.since,
        reload: subject.told.map(|report| Reload {
            verdict: report.verdict,
            at: report.at,
            since: report.since,
            reason: report.why(),
        }),
        health: subject.told.map(|report| {
            let reasons = health(report, subject.store);
            Health { state: if reasons.is_empty() { "ok" } else { "degraded" }, reasons }
        }),
    }
}

/// What is not as it should be.
fn health(report: &Report, store: Option<&Store>) -> Vec<String> {
    let mut reasons = vec![];
    if let Some(why) = report.why() {
        reasons.push(format!("changed files are not in force: {why}"));
    }
    reasons
        .extend(report.left_out.others.iter().map(|other| format!("not in force since the start: {other}")));
    match report.left_out.jobs.len() {
        0 => {}
        1 => reasons.push("1 job is not in force since the start".to_owned()),
        jobs => reasons.push(format!("{jobs} jobs are not in force since the start")),
    }
    if let Some(store::Health::Failing(why)) = store.map(|store| store.health().borrow().clone()) {
        reasons.push(format!("the record takes no writes: {why}"));
    }
    reasons
}

const QUARANTINED: &str = "quarantined";

fn quarantined<'a>(job: &'a Quarantined, last: Option<&Last>) -> Row<'a> {
    Row {
        job: job.job.as_str(),
        account: job.account.as_ref().map(AccountName::as_str),
        state: QUARANTINED,
        next: None,
        last: last.map(LastRun::from),
        paused_until: None,
        reason: Some(job.why.clone()),
        held_until: None,
    }
}

impl From<&Last> for LastRun {
    fn from(last: &Last) -> Self {
        Self { occurrence: last.occurrence, state: last.state, trigger: last.trigger }
    }
}

fn row<'a>(
    job: &'a Job,
    entry: &Entry<'_>,
    cursor: Timestamp,
    last: Option<&Last>,
    pause: Option<&Pause>,
) -> Row<'a> {
    Row {
        job: job.name.as_str(),
        account: Some(job.account.as_str()),
        state: match (agenda::state(entry, cursor), pause) {
            (State::Disabled, _) => "disabled",
            (State::Expired, _) => "expired",
            (State::Armed, Some(_)) => "paused",
            (State::Armed, None) => "armed",
        },
        next: agenda::upcoming(entry, cursor).filter(|_| job.enabled).map(|next| next.fire_at),
        last: last.map(LastRun::from),
        paused_until: pause.map(|pause| pause.until),
        reason: pause.map(|pause| pause.reason.clone()),
        held_until: None,
    }
}

fn table(rows: &[Row<'_>], daemon: Option<&Daemon>, now: Timestamp, width: Option<u16>) -> String {
    let mut table = report::table(["JOB", "ACCOUNT", "STATE", "NEXT", "", "LAST"], width);
    for row in rows {
        let last = row.last.map_or_else(
            || "never ran".to_owned(),
            |last| match last.occurrence {
                Some(occurrence) => format!("{} ({})", last.state, report::seconds(occurrence)),
                None => format!("{} ({})", last.state, last.trigger),
            },
        );
        table.add_row([
            row.job.to_owned(),
            row.account.unwrap_or_default().to_owned(),
            standing(row),
            row.next.map_or_else(String::new, report::seconds),
            row.next.map_or_else(String::new, |next| report::relative(next, now)),
            last,
        ]);
    }
    let Some(daemon) = daemon else {
        return format!("{table}\n{}\n", report::styled(report::DIM, "daemon: not running"));
    };
    let running = format!("daemon: running, pid {}, since {}", daemon.pid, report::seconds(daemon.since));
    let read = daemon.reload.as_ref();
    let read = read.map(|reload| format!("files: {} {}", reload.verdict, report::seconds(reload.at)));
    let plain = [running].into_iter().chain(read).map(|said| report::styled(report::DIM, said));
    let reasons = daemon.health.iter().flat_map(|health| &health.reasons);
    let wrong = reasons.map(|reason| report::styled(report::WARNING, format_args!("degraded: {reason}")));
    let lines: Vec<String> = [table.to_string()].into_iter().chain(plain).chain(wrong).collect();
    lines.join("\n") + "\n"
}

fn standing(row: &Row<'_>) -> String {
    match (row.paused_until, row.held_until, &row.reason) {
        (Some(until), _, Some(reason)) => format!("paused until {}: {reason}", report::seconds(until)),
        (_, Some(closes), _) => format!("{}, held until {}", row.state, report::seconds(closes)),
        (_, _, Some(reason)) => format!("{}: {reason}", row.state),
        _ => row.state.to_owned(),
    }
}
