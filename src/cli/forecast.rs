//! What `plan` and `explain` share: reading Zoho, and the form of a row.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::sync::Arc;

use calloff_core::condition::{Facts, Finding, Needs, Reading};
use calloff_core::config::Job;
use calloff_core::forecast::{Action, Foretold, ForetoldTarget};
use calloff_core::ids::AccountName;
use calloff_core::live::LiveBackup;
use calloff_core::outcome::{self, Outcome};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;

use super::reading::{self, POLICY};
use super::setup::{self, Configuration};
use crate::daemon::{self, Accounts, Surveyed, Unread};
use crate::error::Error;

/// Jobs by account.
pub(super) fn by_account<'a>(
    jobs: impl IntoIterator<Item = &'a Arc<Job>>,
) -> BTreeMap<AccountName, Vec<&'a Job>> {
    let mut accounts: BTreeMap<AccountName, Vec<&Job>> = BTreeMap::new();
    for job in jobs {
        accounts.entry(job.account.clone()).or_default().push(job.as_ref());
    }
    accounts
}

/// Reads what is needed of these accounts, with a bar on a terminal. One whose secrets can't be read is unread.
///
/// # Errors
///
/// If that is so of all of them.
pub(super) async fn read_zoho(
    configuration: &Configuration,
    needs: &BTreeMap<AccountName, Needs>,
    concurrency: usize,
) -> Result<BTreeMap<AccountName, Surveyed>, Error> {
    let surroundings = setup::surroundings();
    let state = configuration.state_folder();
    let (mut ready, mut without) = (Accounts::new(), BTreeMap::new());
    for name in needs.keys() {
        match configuration.accounts(&BTreeSet::from([name.clone()]), &state, &surroundings) {
            Ok(account) => ready.extend(account),
            Err(Error::Secret { account, reason }) => drop(without.insert(name.clone(), (account, reason))),
            Err(error) => return Err(error),
        }
    }
    if let (true, Some((_, (account, reason)))) = (ready.is_empty(), without.first_key_value()) {
        return Err(Error::Secret { account: account.clone(), reason: reason.clone() });
    }
    let pursuer = reading::pursuer(&surroundings);
    let bar = progress(ready.len());
    let surveyed = daemon::survey(&pursuer, &ready, needs, POLICY, concurrency, || bar.inc(1)).await;
    bar.finish_and_clear();
    let mut surveyed = surveyed.map_err(|error| Error::Internal(error.to_string()))?;
    surveyed.extend(without.into_iter().map(|(name, (_, reason))| (name, without_secrets(reason))));
    Ok(surveyed)
}

fn without_secrets(reason: String) -> Surveyed {
    let facts = Facts { live: Reading::Failed(reason.clone()), last_good: Reading::Failed(reason.clone()) };
    Surveyed { facts, unread: Some(Unread { message: Some(reason), ..Unread::default() }) }
}

/// What is to be read for some jobs: the live backup always, the history if a condition asks for it.
pub(super) fn needs(jobs: &[&Job]) -> Needs {
    let history = jobs.iter().any(|job| job.when.needs().history);
    Needs { live: true, history }
}

/// A bar on stderr, for people only.
fn progress(accounts: usize) -> ProgressBar {
    if accounts < 2 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(accounts).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:30} {pos} of {len} accounts read") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Whether an account's credentials were refused, which has an exit code of its own.
pub(super) fn is_refused(surveyed: &Surveyed) -> bool {
    let unread = surveyed.unread.as_ref();
    unread.is_some_and(|unread| outcome::credentials_refused(unread.outcome, unread.code.as_deref()))
}

/// Whether not even an account's backup could be read.
pub(super) fn is_unread(surveyed: &Surveyed) -> bool {
    matches!(surveyed.facts.live, Reading::Failed(_))
}

/// What could not be read of an account, in one sentence.
pub(super) fn unread(account: &AccountName, surveyed: &Surveyed) -> Option<String> {
    let what = if is_unread(surveyed) { "" } else { "the history of " };
    let why = surveyed.unread.as_ref()?.why();
    Some(format!("{what}account `{account}` could not be read: {why}"))
}

/// What a person can do about an account that refused to be read.
pub(super) fn advice(account: &AccountName, surveyed: &Surveyed) -> Option<String> {
    let unread = surveyed.unread.as_ref().filter(|unread| unread.outcome == Outcome::Denied)?;
    let hint = outcome::hint(unread.outcome, unread.code.as_deref())?;
    Some(format!("account `{account}`: {hint}"))
}

/// An occurrence, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    job: &'a str,
    account: &'a str,
    occurrence: Timestamp,
    fire_at: Timestamp,
    action: Action,
    reason: &'a str,
    targets: Vec<TargetRow<'a>>,
    live: Option<LiveRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<&'a [Finding]>,
}

#[derive(Debug, Serialize)]
struct TargetRow<'a> {
    backup: &'a str,
    action: Action,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct LiveRow<'a> {
    backup: Option<&'a str>,
    status: Option<&'a str>,
    scheduled_date: Option<Timestamp>,
    rrule: Option<&'a str>,
}

impl<'a> Row<'a> {
    /// A row of `plan`.
    pub(super) fn new(row: &'a Foretold<'_>, facts: &'a Facts) -> Self {
        let target = |target: &'a ForetoldTarget| TargetRow {
            backup: target.backup.as_str(),
            action: target.action,
            reason: &target.reason,
        };
        let live = |live: &'a LiveBackup| LiveRow {
            backup: live.id.as_ref().map(calloff_core::ids::BackupId::as_str),
            status: live.status.as_deref(),
            scheduled_date: live.scheduled_date.as_ref().map(jiff::Zoned::timestamp),
            rrule: live.rrule.as_deref(),
        };
        Self {
            job: row.job.name.as_str(),
            account: row.job.account.as_str(),
            occurrence: row.occurrence,
            fire_at: row.fire_at,
            action: row.action,
            reason: &row.reason,
            targets: row.targets.iter().map(target).collect(),
            live: facts.live.as_read().and_then(Option::as_ref).map(live),
            conditions: None,
        }
    }

    /// The same with how each condition stands, as `explain` has it.
    pub(super) fn with_conditions(self, row: &'a Foretold<'_>) -> Self {
        Self { conditions: Some(&row.conditions), ..self }
    }
}
