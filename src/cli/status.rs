//! `calloff status`: what is loaded, when it is due, how it last went, and whether a daemon sees to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use calloff_core::agenda;
use calloff_core::config::{Job, Settings};
use calloff_core::ids::JobName;
use calloff_core::overview::{DebtRow, Health, JobStatus, ReloadStatus};
use calloff_core::reload::LeftOut;
use jiff::Timestamp;
use serde::Serialize;

use super::args::StatusArgs;
use super::output::Output;
use super::{asking, restore, setup};
use crate::clock::{Clock as _, SystemClock};
use crate::control::{Form, Request};
use crate::daemon::Record;
use crate::error::Error;
use crate::report;
use crate::store::{Process, Store};

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
    reload: Option<ReloadStatus>,
    /// Not known unless the daemon was asked.
    health: Option<Health>,
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
    /// How that says it is.
    pub(super) told: Option<Health>,
    /// What that says became of its files.
    pub(super) reload: Option<ReloadStatus>,
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
        reload: None,
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
    let last = |name: &JobName| last.get(name.as_str()).copied();
    let sound = subject.jobs.iter().map(|job| {
        let next = agenda::upcoming(&record.entry(job), record.cursor(job, now));
        JobStatus::of(job, next, record.stand(job, last(&job.name), now))
    });
    let broken = subject.left_out.jobs.iter().map(|job| JobStatus::quarantined(job, last(&job.job)));
    let mut rows: Vec<JobStatus> = broken.chain(sound).collect();
    // What needs a person first.
    rows.sort_by_key(JobStatus::rank);
    let daemon = subject.daemon.as_ref().map(|process| daemon(process, subject));
    let mut text = String::new();
    if form.json {
        for row in &rows {
            json_line(&mut text, row)?;
        }
        for debt in &owed {
            json_line(&mut text, &DebtRow::new(debt, now))?;
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
        reload: subject.reload.clone(),
        health: subject.told.clone(),
    }
}

fn table(rows: &[JobStatus], daemon: Option<&Daemon>, now: Timestamp, width: Option<u16>) -> String {
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
            row.job.clone(),
            row.account.clone().unwrap_or_default(),
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
    let reasons = daemon.health.iter().flat_map(Health::reasons);
    let wrong = reasons.map(|reason| report::styled(report::WARNING, format_args!("degraded: {reason}")));
    let lines: Vec<String> = [table.to_string()].into_iter().chain(plain).chain(wrong).collect();
    lines.join("\n") + "\n"
}

fn standing(row: &JobStatus) -> String {
    match (row.paused_until, row.held_until, &row.reason) {
        (Some(until), _, Some(reason)) => format!("paused until {}: {reason}", report::seconds(until)),
        (_, Some(closes), _) => format!("{}, held until {}", row.state, report::seconds(closes)),
        (_, _, Some(reason)) => format!("{}: {reason}", row.state),
        _ => row.state.to_string(),
    }
}
