//! The daemon, as it is shown.

use jiff::Timestamp;
use serde::Serialize;

use crate::ids::JobName;
use crate::reload::Verdict;

/// How a daemon stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonStatus {
    /// Its number in the operating system.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Since when it runs.
    pub since: Timestamp,
    /// What became of the files that were last read.
    pub reload: ReloadStatus,
    /// What is not as it should be.
    pub health: Health,
    /// When its loop last looked what is due.
    pub looked_at: Timestamp,
    /// Whether the loop still looks.
    pub is_beating: bool,
    /// Runs, payments and looks under way.
    pub under_way: usize,
    /// Jobs that should have begun by now.
    pub overdue: Vec<Overdue>,
}

impl DaemonStatus {
    /// The same, with one more thing that is not as it should be.
    #[must_use]
    pub fn degraded(mut self, reason: String) -> Self {
        self.health.reasons.push(reason);
        Self { health: Health::new(self.health.reasons), ..self }
    }

    /// Why the daemon can't be relied upon, if it can't: nothing is loaded, or a job is overdue, or the loop hangs.
    #[must_use]
    pub fn unready(&self, jobs: usize) -> Vec<String> {
        let mut reasons = vec![];
        if !self.is_beating {
            reasons.push(format!("the scheduling loop has not looked since {}", self.looked_at));
        }
        if jobs == 0 {
            reasons.push("no job is loaded".to_owned());
        }
        let overdue =
            |overdue: &Overdue| format!("the job `{}` is overdue since {}", overdue.job, overdue.since);
        reasons.extend(self.overdue.iter().map(overdue));
        reasons
    }
}

/// The daemon that works on the record, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaemonRow {
    /// Its number in the operating system.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Since when it runs.
    pub since: Timestamp,
    /// What became of the files that were last read; not known unless the daemon was asked.
    pub reload: Option<ReloadStatus>,
    /// Whether all is as it should be; likewise.
    pub health: Option<Health>,
}

/// A job that should have begun by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The job.
    pub job: JobName,
    /// When it should have.
    pub since: Timestamp,
}

/// What became of the files that were last read, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReloadStatus {
    /// Whether they are in force.
    pub verdict: Verdict,
    /// When that was found.
    pub at: Timestamp,
    /// Since when the files are in force that are.
    pub since: Timestamp,
    /// Why they are not, if they aren't.
    pub reason: Option<String>,
}

/// Whether all is as it should be, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    state: &'static str,
    reasons: Vec<String>,
}

impl Health {
    /// `ok`, or `degraded` for these reasons.
    #[must_use]
    pub fn new(reasons: Vec<String>) -> Self {
        Self { state: if reasons.is_empty() { "ok" } else { "degraded" }, reasons }
    }

    /// `ok` or `degraded`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        self.state
    }

    /// What is not as it should be.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }
}
