//! What stands beside the job files: what people have overridden, and what the daemon has seen and done.

use std::collections::BTreeMap;
use std::sync::Arc;

use calloff_core::agenda::{self, Entry, Pause};
use calloff_core::config::Job;
use calloff_core::forecast::{Player, Standing};
use calloff_core::hold::{self, Held};
use calloff_core::ids::AccountName;
use calloff_core::overview::{LastRun, Stand};
use calloff_core::restore::Debt;
use jiff::Timestamp;

use super::successors::Successors;
use crate::store::{Seen, Store, StoreError};

/// What is on record of jobs and accounts.
#[derive(Debug, Default)]
pub struct Record {
    pauses: BTreeMap<String, Pause>,
    seen: BTreeMap<AccountName, Seen>,
    cursors: BTreeMap<String, (String, Timestamp)>,
    debts: BTreeMap<AccountName, Debt>,
    holds: BTreeMap<AccountName, Vec<Held>>,
    successors: Successors,
}

impl Record {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// If it can't be read.
    pub async fn of(store: &Store) -> Result<Self, StoreError> {
        let (pauses, seen, cursors) = (store.pauses().await?, store.seen().await?, store.cursors().await?);
        let debts = store.owed().await?.into_iter().map(|debt| (debt.account.clone(), debt)).collect();
        let mut holds: BTreeMap<AccountName, Vec<Held>> = BTreeMap::new();
        for held in store.holds().await? {
            holds.entry(held.account.clone()).or_default().push(held);
        }
        let successors = Successors::default();
        successors.learn(store).await?;
        Ok(Self { pauses, seen, cursors, debts, holds, successors })
    }

    /// What is owed and held of an account.
    #[must_use]
    pub fn standing(&self, account: &AccountName) -> Standing<'_> {
        Standing {
            debt: self.debts.get(account),
            holds: self.holds.get(account).map(Vec::as_slice).unwrap_or_default(),
        }
    }

    /// When the window closes that the job holds now, if it does.
    #[must_use]
    pub fn held_until(&self, job: &Job, now: Timestamp) -> Option<Timestamp> {
        let held = self.holds.get(&job.account)?.iter().find(|held| held.job == job.name)?;
        match hold::standing(held, Some(job), now) {
            hold::Standing::PollAt(_) => job.when.closing_at(now),
            hold::Standing::DormantUntil(_) | hold::Standing::Over => None,
        }
    }

    /// The jobs with their listed backups under the IDs that these have now.
    pub fn follow(&self, jobs: &mut [Arc<Job>]) {
        for job in jobs {
            let backups = self.successors.of(&job.backups);
            if backups != job.backups {
                Arc::make_mut(job).backups = backups;
            }
        }
    }

    /// Where the job's schedule stands. One that the record doesn't know yet begins when it is first loaded.
    #[must_use]
    pub fn cursor(&self, job: &Job, now: Timestamp) -> Timestamp {
        self.cursor_by(job, &agenda::fingerprint(&Entry::from(job)), now)
    }

    /// The same, for those who have its schedule's fingerprint at hand.
    #[must_use]
    pub fn cursor_by(&self, job: &Job, fingerprint: &str, now: Timestamp) -> Timestamp {
        let known = self.cursors.get(job.name.as_str()).map(|(known, cursor)| (known.as_str(), *cursor));
        agenda::baseline(known, fingerprint, now)
    }

    /// What the agenda looks at, with the start of the account's backup that the daemon has seen.
    #[must_use]
    pub fn entry<'a>(&self, job: &'a Job) -> Entry<'a> {
        Entry::from(job).until(self.deadline(job))
    }

    /// What Zoho last showed of an account.
    #[must_use]
    pub fn seen(&self, account: &AccountName) -> Option<&Seen> {
        self.seen.get(account)
    }

    /// What is owed.
    pub fn debts(&self) -> impl Iterator<Item = &Debt> {
        self.debts.values()
    }

    /// When the backup of the job's account starts by itself, as far as the daemon has seen.
    #[must_use]
    pub fn deadline(&self, job: &Job) -> Option<Timestamp> {
        self.seen.get(&job.account).and_then(|seen| seen.backup.next_start(seen.read_at))
    }

    /// The job's pause, if it has one that is not over.
    #[must_use]
    pub fn pause(&self, job: &Job, now: Timestamp) -> Option<&Pause> {
        self.pauses.get(job.name.as_str()).filter(|pause| pause.until > now)
    }

    /// What is on record of the job, for those who show it; `last` is its newest run.
    #[must_use]
    pub fn stand(&self, job: &Job, last: Option<LastRun>, now: Timestamp) -> Stand<'_> {
        let pause = self.pause(job, now).filter(|pause| pause.holds(now));
        Stand { last, pause, held_until: self.held_until(job, now) }
    }

    /// The job as the forecast takes it.
    #[must_use]
    pub fn player<'a>(&'a self, job: &'a Job, now: Timestamp) -> Player<'a> {
        Player {
            pause: self.pause(job, now),
            deadline: self.deadline(job),
            cursor: self.cursor(job, now),
            ..Player::new(job, now)
        }
    }
}
