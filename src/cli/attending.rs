//! What the daemon answers to commands.

use std::fmt::Write as _;
use std::time::Duration;

use calloff_core::agenda::Pause;
use calloff_core::config::did_you_mean;
use calloff_core::ids::JobName;
use calloff_core::reload::{Cause, Verdict};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

use super::status::{self, Subject};
use crate::clock::SharedClock;
use crate::control::{Answer, Form, Request};
use crate::daemon::{self, Observer, Report};
use crate::error::{Error, chain};
use crate::render::{self, Format};
use crate::report;
use crate::store::{Process, Store, StoreError};

/// How long a command waits for the record.
const PATIENCE: Duration = Duration::from_secs(10);

/// What answers commands. Clones share everything.
#[derive(Debug, Clone)]
pub(super) struct Attendant {
    pub(super) store: Store,
    pub(super) clock: SharedClock,
    pub(super) reloads: mpsc::Sender<daemon::Request>,
    pub(super) report: watch::Receiver<Report>,
    pub(super) observer: Observer,
}

/// A verdict, as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    verdict: Verdict,
    at: Timestamp,
    since: Timestamp,
    jobs: usize,
    added: usize,
    changed: usize,
    removed: usize,
    reason: Option<&'a str>,
}

impl Attendant {
    pub(super) async fn answer(self, request: Request) -> Answer {
        let answered = match request {
            Request::Reload { allow_empty, form } => self.reload(allow_empty, form).await,
            Request::Status { form } => self.status(form).await,
            Request::Pause { job, for_ms, reason } => {
                self.pause(&job, Duration::from_millis(for_ms), reason).await
            }
            Request::Resume { job } => self.resume(&job).await,
        };
        answered.unwrap_or_else(|error| Answer {
            stderr: format!("error: {}\n", chain(&error)),
            code: error.code(),
            ..Answer::default()
        })
    }

    async fn reload(&self, allow_empty: bool, form: Form) -> Result<Answer, Error> {
        let (reply, report) = oneshot::channel();
        let request = daemon::Request { by: Cause::Command, allow_empty, reply: Some(reply) };
        self.reloads.send(request).await.map_err(|_| Error::Stopping)?;
        let report = report.await.map_err(|_| Error::Stopping)?;
        verdict(&report, form)
    }

    async fn status(&self, form: Form) -> Result<Answer, Error> {
        let report = self.report.borrow().clone();
        let subject = Subject {
            settings: &report.in_force.settings,
            jobs: &report.in_force.jobs,
            left_out: &report.left_out,
            store: Some(&self.store),
            daemon: self.store.daemon().filter(|process: &Process| process.pid == std::process::id()),
            told: Some(daemon::health(&report, Some(&self.store), &self.observer.troubles())),
            reload: Some(report.status()),
        };
        let stdout = status::describe(&subject, form, self.clock.now()).await?;
        Ok(Answer { stdout, ..Answer::default() })
    }

    async fn pause(&self, job: &str, length: Duration, reason: String) -> Result<Answer, Error> {
        let job = self.find(job)?;
        let pause = pause_of(length, reason, self.clock.now())?;
        let said = super::pause::paused(&job, &pause);
        in_time(self.store.pause(job, pause)).await?;
        Ok(Answer { stdout: said, ..Answer::default() })
    }

    async fn resume(&self, job: &str) -> Result<Answer, Error> {
        let job = self.find(job)?;
        let was_paused = in_time(self.store.resume(job.clone(), self.clock.now())).await?;
        Ok(Answer { stdout: super::pause::resumed(&job, was_paused), ..Answer::default() })
    }

    /// The job of that name that is in force.
    fn find(&self, name: &str) -> Result<JobName, Error> {
        let report = self.report.borrow();
        let names = || report.in_force.jobs.iter().map(|job| job.name.as_str());
        match report.in_force.jobs.iter().find(|job| job.name.as_str() == name) {
            Some(job) => Ok(job.name.clone()),
            None => Err(Error::Usage(match did_you_mean(name, names()) {
                Some(question) => format!("the daemon has no job `{name}` in force; {question}"),
                None => format!("the daemon has no job `{name}` in force; `calloff status` lists the jobs"),
            })),
        }
    }
}

/// Waits for a write, though not for ever: it stays in line.
async fn in_time<T>(write: impl Future<Output = Result<T, StoreError>>) -> Result<T, Error> {
    match tokio::time::timeout(PATIENCE, write).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(Error::InLine),
    }
}

/// A pause from now on.
pub(super) fn pause_of(length: Duration, reason: String, since: Timestamp) -> Result<Pause, Error> {
    let until = since.checked_add(length).ok().filter(|until| *until > since);
    let until = until.ok_or_else(|| {
        Error::Usage("a pause lasts longer than 0s, and ends before the year 9999".to_owned())
    })?;
    Ok(Pause { since, until, reason })
}

fn verdict(report: &Report, form: Form) -> Result<Answer, Error> {
    let why = report.refusal.as_ref().map(ToString::to_string);
    let is_accepted = report.verdict == Verdict::Accepted;
    let jobs = report.in_force.jobs.len();
    let many = format!("{jobs} {}", if jobs == 1 { "job" } else { "jobs" });
    let code = if is_accepted { 0 } else { 78 };
    if form.json {
        let row = Row {
            verdict: report.verdict,
            at: report.at,
            since: report.since,
            jobs,
            added: report.changes.added,
            changed: report.changes.changed,
            removed: report.changes.removed,
            reason: why.as_deref(),
        };
        let row = serde_json::to_string(&row).map_err(|error| Error::Internal(error.to_string()))?;
        let findings = render::diagnostics(&report.diagnostics, Format::Json, false);
        return Ok(Answer { stdout: format!("{findings}{row}\n"), code, ..Answer::default() });
    }
    if is_accepted {
        let since = report::seconds(report.since);
        let stdout = format!("accepted: {many} in force since {since} ({})\n", report.changes);
        return Ok(Answer { stdout, ..Answer::default() });
    }
    let mut stderr = render::diagnostics(&report.diagnostics, Format::Human, true);
    if !stderr.is_empty() {
        stderr.push('\n');
    }
    // To write to a text can't fail.
    let _ = writeln!(
        stderr,
        "error: rejected: {}; what was in force before stays in force ({many})",
        why.unwrap_or_default()
    );
    Ok(Answer { stderr, code, ..Answer::default() })
}
