//! What windows leave to be done: looks at those that are held, and restores once they have closed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use calloff_core::hold::{self, Held, Standing};
use calloff_core::ids::{JobName, RestoreId};
use calloff_core::restore::{self, Debt, Payment};
use jiff::Timestamp;

use super::restore::Paid;
use super::runner::Runner;
use super::worker::Ended;
use crate::error::chain;
use crate::store::StoreError;

/// How long something is left alone that could not be done yet.
const REST: Duration = Duration::from_secs(10);

/// Something that windows leave to be done.
#[derive(Debug, Clone)]
pub enum Duty {
    /// To look at a held account, or to end the hold.
    Hold(Held),
    /// To pay a debt.
    Pay(RestoreId),
}

/// What tells one duty from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The job that holds.
    Hold(JobName),
    /// The debt.
    Pay(RestoreId),
}

impl Duty {
    /// What tells it from others.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Hold(held) => Key::Hold(held.job.clone()),
            Self::Pay(id) => Key::Pay(*id),
        }
    }
}

/// What came of a duty.
#[derive(Debug)]
pub enum SeenTo {
    /// There was nothing to be done any more, or it was done and nothing came of it.
    Nothing,
    /// A backup was scheduled though its window is held.
    Drift(Box<Ended>),
    /// It was tried to pay a debt.
    Payment(Box<Paid>),
}

/// The duties, each with when it is to be done: as the record had them when it was last read.
#[derive(Debug, Default)]
pub struct Keeper {
    duties: BTreeMap<Key, (Timestamp, Duty)>,
    busy: BTreeSet<Key>,
}

impl Keeper {
    /// Takes over what the record has, in place of what was known.
    pub fn learn(&mut self, duties: Vec<(Timestamp, Duty)>) {
        self.duties = duties.into_iter().map(|(at, duty)| (duty.key(), (at, duty))).collect();
    }

    /// What is to be done now. It is busy until it is [settled](Self::settle).
    pub fn due(&mut self, now: Timestamp) -> Vec<Duty> {
        let is_due = |key: &Key, at: &Timestamp| *at <= now && !self.busy.contains(key);
        let due: Vec<Key> =
            self.duties.iter().filter(|(key, (at, _))| is_due(key, at)).map(|(key, _)| key.clone()).collect();
        let taken = due.into_iter().filter_map(|key| {
            let (_, duty) = self.duties.remove(&key)?;
            self.busy.insert(key);
            Some(duty)
        });
        taken.collect()
    }

    /// Hears that a duty was seen to; the record says when it is to be done again.
    pub fn settle(&mut self, key: &Key) {
        self.busy.remove(key);
        // What was read while it was being seen to may be as it was before.
        self.duties.remove(key);
    }

    /// When the next one is to be done.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let idle = self.duties.iter().filter(|(key, _)| !self.busy.contains(key));
        idle.map(|(_, (at, _))| *at).min()
    }
}

impl Runner {
    /// Reads what windows have left to be done, and when. Has debts that are overdue spoken of.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn duties(&self) -> Result<Vec<(Timestamp, Duty)>, StoreError> {
        let store = &self.worker.store;
        let (holds, debts) = (store.holds().await?, store.owed().await?);
        let now = self.worker.clock.now();
        self.worker.successors.learn(store).await?;
        let mut duties: Vec<_> = holds.into_iter().map(|held| self.hold_duty(held, now)).collect();
        for debt in debts {
            let payment = self.payment(&debt, now);
            if let Some(why) = restore::overdue(&debt, &payment, now) {
                self.remind(&debt, &why);
            }
            match payment {
                Payment::Now => duties.push((now, Duty::Pay(debt.restore_id))),
                Payment::At(at) => duties.push((at, Duty::Pay(debt.restore_id))),
                Payment::ByHand(_) => {}
            }
        }
        Ok(duties)
    }

    fn hold_duty(&self, held: Held, now: Timestamp) -> (Timestamp, Duty) {
        let job = self.jobs.get(held.job.as_str());
        let at = match hold::standing(&held, job.map(AsRef::as_ref), now) {
            Standing::Over => now,
            Standing::DormantUntil(at) => at,
            Standing::PollAt(at) => {
                at.min(job.and_then(|job| job.when.closing_at(now)).unwrap_or(Timestamp::MAX))
            }
        };
        (at, Duty::Hold(held))
    }

    /// When a debt is to be paid, by the files as they are now.
    pub(super) fn payment(&self, debt: &Debt, now: Timestamp) -> Payment {
        // Accounts that no job uses are not kept ready, configured or not.
        let began_with = || (Arc::clone(&self.jobs), Arc::clone(&self.left_out));
        let (jobs, left_out) = self.current.get().unwrap_or_else(began_with);
        restore::payment(debt, true, jobs.values().map(AsRef::as_ref), &left_out, now)
    }

    /// Sees to a duty, if it is still to be done by now.
    ///
    /// # Errors
    ///
    /// If the record can't be used.
    pub async fn see_to(&self, duty: Duty) -> Result<SeenTo, StoreError> {
        let held = match duty {
            Duty::Pay(id) => {
                let owed = self.worker.store.owed().await?;
                let debt = owed.iter().find(|debt| debt.restore_id == id);
                if debt.is_none_or(|debt| self.payment(debt, self.worker.clock.now()) != Payment::Now) {
                    return Ok(SeenTo::Nothing);
                }
                return Ok(SeenTo::Payment(Box::new(self.pay_if_due(id).await?)));
            }
            Duty::Hold(held) => held,
        };
        let job = self.jobs.get(held.job.as_str());
        match (hold::standing(&held, job.map(AsRef::as_ref), self.worker.clock.now()), job) {
            (Standing::PollAt(_), Some(job)) => {
                let ended = self.poll(job, &held).await?;
                Ok(ended.map_or(SeenTo::Nothing, |ended| SeenTo::Drift(Box::new(ended))))
            }
            (Standing::Over, _) => {
                self.let_go(&held).await;
                Ok(SeenTo::Nothing)
            }
            (Standing::DormantUntil(_) | Standing::PollAt(_), _) => Ok(SeenTo::Nothing),
        }
    }

    /// The same, where nobody waits for what comes of it: it is on record, and in the log. What can't be done yet is
    /// rested from.
    pub(super) async fn see_to_quietly(&self, duty: Duty) {
        let is_done = match self.see_to(duty).await {
            Ok(SeenTo::Payment(paid)) => !matches!(*paid, Paid::Busy | Paid::Stopped | Paid::NoAccount(_)),
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(
                    event = "store.unread",
                    error = chain(&error),
                    "what a window leaves to be done waits for the record"
                );
                false
            }
        };
        if !is_done {
            self.worker.pursuer().wait(REST).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_while_a_duty_was_seen_to_is_not_done_again() {
        let id = RestoreId::parse("0197c9d4-0000-7000-8000-000000000001").unwrap();
        let (now, mut keeper) = (Timestamp::UNIX_EPOCH, Keeper::default());
        let duties = vec![(now, Duty::Pay(id))];
        keeper.learn(duties.clone());
        assert_eq!(keeper.due(now).len(), 1);
        keeper.learn(duties);
        assert!(keeper.due(now).is_empty(), "it is busy");
        keeper.settle(&Key::Pay(id));
        assert!(keeper.due(now).is_empty() && keeper.next_wake().is_none());
    }
}
