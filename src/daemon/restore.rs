//! Pays debts: has schedules put back that a cancel has ended.

use calloff_core::ids::RestoreId;
use calloff_core::restore::{self, Debt, Payment};
use jiff::Timestamp;

use super::runner::Runner;
use super::schedule::{Back, Refusal, Wish};
use crate::store::{ForPayment, Settlement, StoreError};

/// What came of a try to pay a debt.
#[derive(Debug)]
pub enum Paid {
    /// The schedule is back.
    Yes(Debt),
    /// It is not; the debt stands as this says.
    No(Debt, Refusal),
    /// Another process is paying it, or a cancel that adds to it is under way.
    Busy,
    /// It was paid or waived before.
    Before(Debt),
    /// There is no such debt.
    Unknown,
    /// Its account is not configured.
    NoAccount(Debt),
    /// A stop came first, or what was done could not be recorded; it is looked at again.
    Stopped,
}

impl Runner {
    /// Tries to pay a debt, whether or not it is due.
    ///
    /// # Errors
    ///
    /// If the record can't be used.
    pub async fn pay(&self, id: RestoreId) -> Result<Paid, StoreError> {
        self.try_to_pay(id, false).await
    }

    /// Tries to pay a debt, and stops trying when it is not due any more.
    pub(super) async fn pay_if_due(&self, id: RestoreId) -> Result<Paid, StoreError> {
        self.try_to_pay(id, true).await
    }

    async fn try_to_pay(&self, id: RestoreId, only_if_due: bool) -> Result<Paid, StoreError> {
        let store = &self.worker.store;
        let payable = match store.take_for_payment(id).await? {
            ForPayment::Ours(payable) => payable,
            ForPayment::Busy => return Ok(Paid::Busy),
            ForPayment::Ended(debt) => return Ok(Paid::Before(*debt)),
            ForPayment::Unknown => return Ok(Paid::Unknown),
        };
        let debt = payable.debt.clone();
        let now = || self.worker.clock.now();
        let may = || !only_if_due || self.payment(&debt, now()) == Payment::Now;
        let Some(access) = self.accounts.get(&debt.account) else {
            drop(self.worker.within_patience(store.settle(&payable, Settlement::Stopped, now())).await);
            return Ok(Paid::NoAccount(debt));
        };
        let policy = self.jobs.get(&debt.job).map_or(self.default_retry, |job| job.retry);
        let wish = Wish { rrule: &debt.pre_image.rrule, debt: Some(&debt), may: &may };
        let put = if may() { self.worker.pursuer().fulfil(access, wish, policy).await } else { None };
        let settlement = match &put {
            None => Settlement::Stopped,
            Some(Ok(back)) => Settlement::Paid { restored: back.id.clone(), reason: how(&debt, back) },
            Some(Err(refusal)) => {
                let pause = restore::pause_after(debt.tries.saturating_add(1));
                let next_try = now().saturating_add(pause).unwrap_or(Timestamp::MAX);
                // A person who tries does not put off what is tried by itself.
                let next_try = only_if_due.then_some(next_try);
                Settlement::Refused { reason: refusal.with_hint(restore::hint), next_try }
            }
        };
        // What was done is done: this waits for the record as long as an outcome does.
        let settled = self.worker.within_patience(store.settle(&payable, settlement.clone(), now())).await;
        if let (Some(Ok(_)), false) = (&put, may()) {
            tracing::warn!(event = "restore.in_window", restore_id = %id, account = %debt.account,
                "a window has opened while the schedule was put back: the backup may run in it");
        }
        match (put, settled) {
            (None, _) => Ok(Paid::Stopped),
            (Some(_), Some(Err(error))) => Err(error),
            (Some(Ok(back)), None | Some(Ok(false))) => {
                tracing::warn!(event = "restore.unsettled", restore_id = %id, account = %debt.account, job = debt.job,
                    restored = back.id.as_ref().map(tracing::field::display),
                    "the schedule is back, but a cancel has come in between or it could not be recorded: the debt is \
                     looked at again");
                Ok(Paid::Stopped)
            }
            (Some(Ok(back)), Some(Ok(true))) => Ok(self.paid(debt, back, settlement).await),
            (Some(Err(refusal)), _) => Ok(refused(debt, refusal, settlement)),
        }
    }

    /// Says that a debt is paid; it is on record.
    async fn paid(&self, debt: Debt, back: Back, settlement: Settlement) -> Paid {
        let reason = if let Settlement::Paid { reason, .. } = settlement { reason } else { None };
        tracing::info!(event = "restore.paid", restore_id = %debt.restore_id, account = %debt.account, job = debt.job,
            backup = %debt.pre_image.backup, rrule = debt.pre_image.rrule,
            restored = back.id.as_ref().map(tracing::field::display), reason,
            "the recurring backup is scheduled again");
        // If it can't be read now it is with the next look at the record.
        drop(self.worker.successors.learn(&self.worker.store).await);
        let ended_at = Some(self.worker.clock.now());
        let state = restore::DebtState::Paid;
        Paid::Yes(Debt { state, reason, restored: back.id, ended_at, next_try: None, ..debt })
    }

    /// Speaks of a debt that is overdue, once a day. Nobody waits for that to be noted.
    pub(super) fn remind(&self, debt: &Debt, why: &str) {
        let now = self.worker.clock.now();
        let is_recent = |at: Timestamp| at <= now && now.duration_since(at) < restore::REMINDER;
        if debt.reminded_at.is_some_and(is_recent) {
            return;
        }
        tracing::warn!(event = "restore.owed", restore_id = %debt.restore_id, account = %debt.account,
            job = debt.job, backup = %debt.pre_image.backup, rrule = debt.pre_image.rrule,
            owed_since = %debt.owed_since, why,
            "a recurring backup is still to be scheduled again; `calloff restore pay` or `waive` ends this");
        let (store, id) = (self.worker.store.clone(), debt.restore_id);
        // If it can't be recorded the writer says so.
        tokio::spawn(async move { drop(store.reminded(id, now).await) });
    }
}

/// Says that a debt could not be paid.
fn refused(debt: Debt, refusal: Refusal, settlement: Settlement) -> Paid {
    let Settlement::Refused { reason, next_try } = settlement else { return Paid::Stopped };
    let (tries, next_try) = (debt.tries + u32::from(next_try.is_some()), next_try.or(debt.next_try));
    tracing::error!(event = "restore.refused", restore_id = %debt.restore_id, account = %debt.account,
        job = debt.job, rrule = debt.pre_image.rrule, tries, next_try = next_try.map(tracing::field::display),
        why = reason, "the recurring backup could not be scheduled again; it stays owed");
    let refusal = Refusal { why: reason.clone(), ..refusal };
    Paid::No(Debt { tries, reason: Some(reason), next_try, ..debt }, refusal)
}

/// How a debt was paid, if there is more to say of it than that it was.
fn how(debt: &Debt, back: &Back) -> Option<String> {
    let was_there = back.was_there.then(|| "it was scheduled already, by the same rule".to_owned());
    let others =
        debt.others().map(|others| format!("not put back, though it was called off as well: {others}"));
    let parts: Vec<String> = was_there.into_iter().chain(others).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
