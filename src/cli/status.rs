//! `calloff status`: what is loaded, when it is due, how it last went, and whether a daemon sees to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use calloff_core::agenda;
use calloff_core::config::{Job, Settings};
use calloff_core::diagnostic::Diagnostic;
use calloff_core::ids::JobName;
use calloff_core::overview::{DaemonRow, DebtRow, Health, JobStatus, ReloadStatus};
use calloff_core::reload::LeftOut;
use jiff::Timestamp;
use serde::Serialize;

use super::args::StatusArgs;
use super::output::{self, Output};
use super::{asking, restore, setup, watch};
use crate::clock::{Clock as _, SystemClock};
use crate::control::{Form, Request};
use crate::daemon::Record;
use crate::error::Error;
use crate::report::{self, Extent, Standing};
use crate::store::{Process, Store};

/// The object that comes last.
#[derive(Debug, Serialize)]
struct Closing {
    daemon: Option<DaemonRow>,
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
    if args.watch {
        return watch::watch(config, args.interval, &output).await;
    }
    let form = Form { json: args.form.json, width: output.width(), lines: None, all: args.all };
    if let Some(answer) = asking::ask(config, &Request::Status { form }).await? {
        return asking::print(&answer, &mut output);
    }
    let (text, broken) = without_daemon(config, form, output::diagnostics).await?;
    output.text(&text)?;
    broken.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// The status where there is no daemon to ask, and the error that job files are broken if they are. What is owed is
/// shown nevertheless.
///
/// # Errors
///
/// If anything in `calloff.toml` is wrong, or the record can't be read.
pub(super) async fn without_daemon(
    config: Option<&Path>,
    form: Form,
    say: fn(&[Diagnostic]),
) -> Result<(String, Option<Error>), Error> {
    let (configuration, left_out, broken) = setup::as_far_as_valid(config, say)?;
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
    Ok((describe(&subject, form, SystemClock.now()).await?, broken))
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
    if !form.json {
        let standing = Standing { jobs: &rows, debts: &owed, daemon: daemon.as_ref(), now };
        return Ok(report::status(&standing, extent(form), form.width));
    }
    let mut text = String::new();
    for row in &rows {
        json_line(&mut text, row)?;
    }
    for debt in &owed {
        json_line(&mut text, &DebtRow::new(debt, now))?;
    }
    json_line(&mut text, &Closing { daemon })?;
    Ok(text)
}

fn extent(form: Form) -> Extent {
    match (form.lines, form.all) {
        (Some(lines), _) => Extent::Lines(usize::from(lines)),
        (None, true) => Extent::All,
        (None, false) => Extent::Brief,
    }
}

fn json_line(text: &mut String, value: &impl Serialize) -> Result<(), Error> {
    text.push_str(&serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))?);
    text.push('\n');
    Ok(())
}

fn daemon(process: &Process, subject: &Subject<'_>) -> DaemonRow {
    DaemonRow {
        pid: process.pid,
        version: process.version.clone(),
        since: process.since,
        reload: subject.reload.clone(),
        health: subject.told.clone(),
    }
}
