//! What is shown of a daemon at one instant: by `status`, on the page, by the API and as metrics.
//!
//! These are values; they are made from the record and the files in one place, so that whoever shows them shows the
//! same.

mod account;
mod call;
mod daemon;
mod debt;
mod job;
mod recent;

pub use account::{AccountStatus, LastSeen, Vitals};
pub use call::Call;
pub use daemon::{DaemonRow, DaemonStatus, Health, Overdue, ReloadStatus};
pub use debt::{DebtRow, StandingDebt};
pub use job::{JobState, JobStatus, LastRun, Stand};
pub use recent::Recent;

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Job;

/// Everything that is shown, at one instant.
#[derive(Debug, Clone)]
pub struct Overview {
    /// When.
    pub at: Timestamp,
    /// The daemon.
    pub daemon: DaemonStatus,
    /// The jobs, sorted by name, those that are quarantined included.
    pub jobs: Vec<JobStatus>,
    /// The files of those that are in force, sorted by name.
    pub loaded: Vec<Arc<Job>>,
    /// The accounts in `calloff.toml`, sorted by name.
    pub accounts: Vec<AccountStatus>,
    /// What is owed.
    pub debts: Vec<StandingDebt>,
    /// How runs of the last days ended, oldest first.
    pub recent: Vec<Recent>,
}

impl Overview {
    /// The job of that name.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&JobStatus> {
        let place = self.jobs.binary_search_by(|job| job.job.as_str().cmp(name)).ok()?;
        self.jobs.get(place)
    }

    /// The file of that name, if it is in force.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&Arc<Job>> {
        let place = self.loaded.binary_search_by(|job| job.name.as_str().cmp(name)).ok()?;
        self.loaded.get(place)
    }

    /// The account of that name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&AccountStatus> {
        self.accounts.iter().find(|account| account.account.as_str() == name)
    }
}
