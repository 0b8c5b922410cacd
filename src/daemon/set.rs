//! What the files make of the daemon: its jobs, and the accounts that these use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use calloff_core::config::{Job, Settings};
use calloff_core::diagnostic::Diagnostic;
use calloff_core::ids::{AccountName, JobName};
use calloff_core::reload::{LeftOut, Quarantined};
use jiff::Timestamp;

use super::accounts::{Access, Accounts, Surroundings};
use crate::files::{SecretError, Wrong, read_secret};

/// What files make of the daemon.
#[derive(Debug, Clone)]
pub struct Set {
    /// What `calloff.toml` says.
    pub settings: Settings,
    /// The jobs, sorted by name.
    pub jobs: Vec<Arc<Job>>,
    /// The same by name.
    pub by_name: Arc<BTreeMap<String, Arc<Job>>>,
    /// The accounts that they use.
    pub accounts: Arc<Accounts>,
    /// Where the schedules stand of those that were not in force before, if they are on record.
    pub stands: BTreeMap<JobName, Timestamp>,
    /// Jobs that the start had done without, and whose files are gone.
    pub gone: Vec<JobName>,
}

/// The jobs and other things that files give no use of.
#[must_use]
pub fn left_out(wrong: Vec<Wrong>, others: &[Diagnostic]) -> LeftOut {
    let quarantined = |Wrong { job, why }| Quarantined { job, account: None, why };
    LeftOut {
        jobs: wrong.into_iter().map(quarantined).collect(),
        others: others.iter().filter(|found| found.is_error()).map(Diagnostic::to_string).collect(),
        sinks: vec![],
    }
}

/// The jobs by name.
#[must_use]
pub fn by_name(jobs: &[Arc<Job>]) -> Arc<BTreeMap<String, Arc<Job>>> {
    Arc::new(jobs.iter().map(|job| (job.name.as_str().to_owned(), Arc::clone(job))).collect())
}

/// The accounts that jobs use.
#[must_use]
pub fn used(jobs: &[Arc<Job>]) -> BTreeSet<AccountName> {
    jobs.iter().map(|job| job.account.clone()).collect()
}

/// What is needed to make accounts ready.
#[derive(Debug, Clone, Copy)]
pub struct Readying<'a> {
    /// What `calloff.toml` says.
    pub settings: &'a Settings,
    /// Its folder, which the paths of secrets start from.
    pub base: &'a Path,
    /// The state folder, which tokens are cached below.
    pub state: &'a Path,
    /// What accounts need from outside.
    pub surroundings: &'a Surroundings,
}

impl Readying<'_> {
    /// Makes every account ready that can be, with its secrets as they are now: also one that no job uses may have a run
    /// that is yet to be taken up. Of the others it says why not. What is ready already, and has not changed, stays as it
    /// is.
    #[must_use]
    pub fn ready_all(self, before: &Accounts) -> (Accounts, BTreeMap<AccountName, SecretError>) {
        self.ready(&self.settings.accounts.keys().cloned().collect(), before)
    }

    /// The same for those of these names.
    #[must_use]
    pub fn ready(
        self,
        names: &BTreeSet<AccountName>,
        before: &Accounts,
    ) -> (Accounts, BTreeMap<AccountName, SecretError>) {
        let (mut accounts, mut failures) = (Accounts::new(), BTreeMap::new());
        for name in names {
            match self.access(name, before.get(name)) {
                Some(Ok(access)) => drop(accounts.insert(name.clone(), access)),
                Some(Err(error)) => drop(failures.insert(name.clone(), error)),
                None => {}
            }
        }
        (accounts, failures)
    }

    fn access(
        self,
        name: &AccountName,
        before: Option<&Arc<Access>>,
    ) -> Option<Result<Arc<Access>, SecretError>> {
        let Self { settings, base, state, surroundings } = self;
        let account = settings.accounts.get(name)?;
        let secrets = read_secret(&account.client_secret, base)
            .and_then(|client_secret| Ok((client_secret, read_secret(&account.refresh_token, base)?)));
        Some(secrets.map(|(client_secret, refresh_token)| match before {
            Some(before) => before.renewed(account, client_secret, refresh_token, state, surroundings),
            None => Arc::new(Access::new(account, client_secret, refresh_token, state, surroundings)),
        }))
    }
}

/// Takes out the jobs of accounts that can't be made ready, with the reason of each.
#[must_use]
pub fn without(
    jobs: Vec<Arc<Job>>,
    failures: &BTreeMap<AccountName, String>,
) -> (Vec<Arc<Job>>, Vec<Quarantined>) {
    let (taken_out, left): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| failures.contains_key(&job.account));
    let quarantined = taken_out.iter().map(|job| Quarantined {
        job: job.name.clone(),
        account: Some(job.account.clone()),
        why: failures.get(&job.account).cloned().unwrap_or_default(),
    });
    (left, quarantined.collect())
}
