//! Pays debts: looks whether a schedule is there, and if nothing is puts it back.
//!
//! Scheduling a backup is not safe to repeat, so each attempt looks first. Zoho itself keeps two attempts from both
//! having their effect: an organisation has one schedule at a time.

use std::time::Duration;

use calloff_core::ids::{BackupId, RestoreId};
use calloff_core::live::LiveBackup;
use calloff_core::outcome::{self, Outcome, Reply, Scheduling, Verdict};
use calloff_core::restore::{self, Debt, Found};
use calloff_core::retry::RetryPolicy;
use jiff::Timestamp;

use super::accounts::Access;
use super::pursuit::{Bounds, Errand, Pursued, Pursuer, Spent, ran_out};
use super::runner::Runner;
use crate::clock::SharedClock;
use crate::error::chain;
use crate::store::{ForPayment, Settlement, StoreError};
use crate::zoho::{AccessToken, Client, Read, TokenError};

/// Zoho's word for an account that has another schedule.
const TAKEN: &str = "BACKUP_ALREADY_SCHEDULED";

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

/// Why a recurrence could not be scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// As a cancel would have ended.
    pub outcome: Outcome,
    /// The code of the last answer.
    pub code: Option<String>,
    /// In a sentence.
    pub why: String,
}

impl Refusal {
    /// Why, and what the operator does next: by `own` for this code, or else as after a cancel.
    #[must_use]
    pub fn with_hint(&self, own: impl FnOnce(Option<&str>) -> Option<&'static str>) -> String {
        let code = self.code.as_deref();
        let general = || outcome::hint(self.outcome, code).filter(|_| self.outcome == Outcome::Denied);
        match own(code).or_else(general) {
            Some(hint) => format!("{}; {hint}", self.why),
            None => self.why.clone(),
        }
    }
}

/// A recurrence that is scheduled now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// The backup's ID, if Zoho says it.
    pub id: Option<BackupId>,
    /// Whether it was there already.
    pub was_there: bool,
}

impl Runner {
    /// Tries to pay a debt, whether or not it is due.
    ///
    /// # Errors
    ///
    /// If the record can't be used.
    pub async fn pay(&self, id: RestoreId) -> Result<Paid, StoreError> {
        let store = &self.worker.store;
        let payable = match store.take_for_payment(id).await? {
            ForPayment::Ours(payable) => payable,
            ForPayment::Busy => return Ok(Paid::Busy),
            ForPayment::Ended(debt) => return Ok(Paid::Before(*debt)),
            ForPayment::Unknown => return Ok(Paid::Unknown),
        };
        let debt = payable.debt.clone();
        let now = || self.worker.clock.now();
        let Some(access) = self.accounts.get(&debt.account) else {
            store.settle(&payable, Settlement::Stopped, now()).await?;
            return Ok(Paid::NoAccount(debt));
        };
        let policy = self.jobs.get(&debt.job).map_or(self.default_retry, |job| job.retry);
        let Some(put) = self.worker.pursuer().put_back(access, &debt.pre_image.rrule, policy).await else {
            store.settle(&payable, Settlement::Stopped, now()).await?;
            return Ok(Paid::Stopped);
        };
        match put {
            Ok(back) => {
                let reason = back.was_there.then(|| "it was scheduled already, by the same rule".to_owned());
                let paid = Settlement::Paid { restored: back.id.clone(), reason: reason.clone() };
                if !store.settle(&payable, paid, now()).await? {
                    tracing::warn!(event = "restore.unsettled", restore_id = %id, account = %debt.account, job = debt.job,
                        "the schedule is back, but a cancel or a person has come in between: the debt is looked at again");
                    return Ok(Paid::Stopped);
                }
                tracing::info!(event = "restore.paid", restore_id = %id, account = %debt.account, job = debt.job,
                    backup = %debt.pre_image.backup, rrule = debt.pre_image.rrule,
                    restored = back.id.as_ref().map(tracing::field::display), reason,
                    "the recurring backup is scheduled again");
                self.worker.successors.learn(store).await?;
                let ended_at = Some(now());
                let state = restore::DebtState::Paid;
                Ok(Paid::Yes(Debt { state, reason, restored: back.id, ended_at, next_try: None, ..debt }))
            }
            Err(refusal) => {
                let tries = debt.tries.saturating_add(1);
                let next_try = now().saturating_add(restore::pause_after(tries)).unwrap_or(Timestamp::MAX);
                let why = refusal.with_hint(restore::hint);
                let refusal = Refusal { why, ..refusal };
                let refused = Settlement::Refused { reason: refusal.why.clone(), next_try };
                store.settle(&payable, refused, now()).await?;
                tracing::error!(event = "restore.refused", restore_id = %id, account = %debt.account, job = debt.job,
                    rrule = debt.pre_image.rrule, tries, %next_try, why = refusal.why,
                    "the recurring backup could not be scheduled again; it stays owed");
                let (reason, next_try) = (Some(refusal.why.clone()), Some(next_try));
                Ok(Paid::No(Debt { tries, reason, next_try, ..debt }, refusal))
            }
        }
    }

    /// Speaks of a debt that is overdue, once a day.
    pub(super) async fn remind(&self, debt: &Debt, why: &str) {
        let noted = self.worker.store.remind(debt.restore_id, self.worker.clock.now()).await;
        if let Err(error) = &noted {
            tracing::warn!(event = "store.unwritten", restore_id = %debt.restore_id, error = chain(error),
                "a reminder could not be noted");
        }
        if let Ok(true) = noted {
            tracing::warn!(event = "restore.owed", restore_id = %debt.restore_id, account = %debt.account,
                job = debt.job, backup = %debt.pre_image.backup, rrule = debt.pre_image.rrule,
                owed_since = %debt.owed_since, why,
                "a recurring backup is still to be scheduled again; `calloff restore pay` or `waive` ends this");
        }
    }
}

impl Pursuer {
    /// Has this recurrence scheduled in the account, unless it is already; `None` if a stop came first. What else is
    /// scheduled there is left alone.
    pub async fn put_back(
        &self,
        access: &Access,
        rrule: &str,
        policy: RetryPolicy,
    ) -> Option<Result<Back, Refusal>> {
        let bounds = Bounds { policy, deadline: None };
        let mut putting = Putting::new(rrule, SharedClock::clone(&self.clock), access.name.as_str());
        let (outcome, limit) = match self.pursue(access, &mut putting, bounds, &mut Spent::default()).await {
            Pursued::Ended(Ok(back)) => return Some(Ok(back)),
            Pursued::Ended(Err(refusal)) => return Some(Err(refusal)),
            Pursued::Denied => (Outcome::Denied, None),
            Pursued::GaveUp(limit) => (Outcome::Exhausted, Some(ran_out(limit, bounds))),
            Pursued::Stopped => return None,
        };
        let last = putting.last.take().unwrap_or_default();
        let why = [last.said(), limit].into_iter().flatten().collect::<Vec<_>>().join("; ");
        Some(Err(Refusal { outcome, code: last.code, why }))
    }
}

impl Pursuer {
    /// Has a backup made now, once: a second call might make, and charge, another. `None` if a stop came first.
    pub async fn start_now(&self, access: &Access, policy: RetryPolicy) -> Option<Result<Back, Refusal>> {
        let mut starting = Starting { last: None };
        let bounds = Bounds { policy: RetryPolicy { max_attempts: 1, ..policy }, deadline: None };
        let outcome = match self.pursue(access, &mut starting, bounds, &mut Spent::default()).await {
            Pursued::Ended(Ok(back)) => return Some(Ok(back)),
            Pursued::Ended(Err(outcome)) => outcome,
            Pursued::Denied => Outcome::Denied,
            Pursued::GaveUp(_) => Outcome::Exhausted,
            Pursued::Stopped => return None,
        };
        let last = starting.last.unwrap_or_default();
        let why = last.said().unwrap_or_default();
        Some(Err(Refusal { outcome, code: last.code, why }))
    }
}

/// A backup that is to be made now.
#[derive(Debug)]
struct Starting {
    last: Option<Said>,
}

impl Errand for Starting {
    type End = Result<Back, Outcome>;

    async fn call(&mut self, client: &Client, token: &AccessToken) -> Verdict<Self::End> {
        let reply = match client.schedule(token, None).await {
            Read::Found(scheduled) => {
                let id = BackupId::parse(&scheduled.id).ok();
                return Verdict::End(Ok(Back { id, was_there: false }));
            }
            Read::Nothing => return Verdict::Transient(None),
            Read::Failed(reply) => reply,
        };
        self.last = Some(Said::by(&reply));
        match outcome::judge_schedule(&reply) {
            Verdict::End(Scheduling::Accepted) => Verdict::End(Ok(Back { id: None, was_there: false })),
            Verdict::End(Scheduling::Taken) => Verdict::End(Err(Outcome::Rejected)),
            Verdict::End(Scheduling::Refused(outcome)) => Verdict::End(Err(outcome)),
            Verdict::TokenRefused => Verdict::TokenRefused,
            Verdict::Transient(asked) => Verdict::Transient(asked),
        }
    }

    fn note_no_token(&mut self, error: TokenError) {
        let (_, code, message) = error.into_parts();
        self.last = Some(Said { code, message });
    }

    fn note_retry(&mut self, _: Duration) {}
}

/// A recurrence on its way back. One attempt is a look, the call that schedules it if nothing is there, and another
/// look if Zoho says then that something is.
#[derive(Debug)]
struct Putting<'a> {
    rrule: &'a str,
    clock: SharedClock,
    account: &'a str,
    last: Option<Said>,
}

/// What the last answer said.
#[derive(Debug, Clone, Default)]
struct Said {
    code: Option<String>,
    message: Option<String>,
}

impl Said {
    fn by(reply: &Reply) -> Self {
        match reply {
            Reply::Answer(answer) => Self {
                code: answer.code.clone().or_else(|| Some(format!("HTTP {}", answer.status))),
                message: answer.message.clone(),
            },
            Reply::Fault(fault) => Self { code: None, message: Some(fault.clone()) },
        }
    }

    fn said(&self) -> Option<String> {
        let parts: Vec<&str> =
            [&self.code, &self.message].into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    }
}

type Put = Result<Back, Refusal>;

impl<'a> Putting<'a> {
    fn new(rrule: &'a str, clock: SharedClock, account: &'a str) -> Self {
        Self { rrule, clock, account, last: None }
    }

    /// Looks; an error is a verdict that ends the attempt.
    async fn look(
        &mut self,
        client: &Client,
        token: &AccessToken,
    ) -> Result<Option<LiveBackup>, Verdict<Put>> {
        let reply = match client.get(token).await {
            Read::Found(live) => return Ok(Some(live)),
            Read::Nothing => return Ok(None),
            Read::Failed(reply) => reply,
        };
        self.last = Some(Said::by(&reply));
        Err(match outcome::judge_unread(&reply) {
            Verdict::End(outcome) => Verdict::End(Err(self.refused(outcome))),
            Verdict::TokenRefused => Verdict::TokenRefused,
            Verdict::Transient(asked) => Verdict::Transient(asked),
        })
    }

    /// What is there already, if something is.
    fn judge(&self, live: Option<&LiveBackup>) -> Option<Put> {
        match restore::find(self.rrule, live, self.clock.now()) {
            Found::Same(id) => Some(Ok(Back { id, was_there: true })),
            Found::Other(what) => {
                let why = format!("another schedule is there, and is not overwritten: {what}");
                Some(Err(Refusal { outcome: Outcome::Rejected, code: Some(TAKEN.to_owned()), why }))
            }
            Found::Running | Found::Nothing => None,
        }
    }

    fn refused(&self, outcome: Outcome) -> Refusal {
        let last = self.last.clone().unwrap_or_default();
        let why = last.said().unwrap_or_default();
        Refusal { outcome, code: last.code, why }
    }

    async fn attempt(&mut self, client: &Client, token: &AccessToken) -> Result<Put, Verdict<Put>> {
        let live = self.look(client, token).await?;
        if let Some(put) = self.judge(live.as_ref()) {
            return Ok(put);
        }
        let reply = match client.schedule(token, Some(self.rrule)).await {
            Read::Found(scheduled) => {
                return Ok(Ok(Back { id: BackupId::parse(&scheduled.id).ok(), was_there: false }));
            }
            // Whatever that means, the next look tells.
            Read::Nothing => return Err(Verdict::Transient(None)),
            Read::Failed(reply) => reply,
        };
        self.last = Some(Said::by(&reply));
        match outcome::judge_schedule(&reply) {
            // Accepted, and not said under which ID.
            Verdict::End(Scheduling::Accepted) => Err(Verdict::Transient(None)),
            Verdict::End(Scheduling::Taken) => {
                let live = self.look(client, token).await?;
                match (self.judge(live.as_ref()), restore::find(self.rrule, live.as_ref(), self.clock.now()))
                {
                    (Some(put), _) => Ok(put),
                    (None, Found::Running) => {
                        let why = "a backup is running, and nothing can be scheduled before it has ended"
                            .to_owned();
                        Ok(Err(Refusal {
                            outcome: Outcome::TooLate,
                            code: Some("INPROGRESS".to_owned()),
                            why,
                        }))
                    }
                    // It does not show yet what is in the way.
                    (None, _) => Err(Verdict::Transient(None)),
                }
            }
            Verdict::End(Scheduling::Refused(outcome)) => Ok(Err(self.refused(outcome))),
            Verdict::TokenRefused => Err(Verdict::TokenRefused),
            Verdict::Transient(asked) => Err(Verdict::Transient(asked)),
        }
    }
}

impl Errand for Putting<'_> {
    type End = Put;

    async fn call(&mut self, client: &Client, token: &AccessToken) -> Verdict<Put> {
        match self.attempt(client, token).await {
            Ok(put) => Verdict::End(put),
            Err(verdict) => verdict,
        }
    }

    fn note_no_token(&mut self, error: TokenError) {
        let (_, code, message) = error.into_parts();
        self.last = Some(Said { code, message });
    }

    fn note_retry(&mut self, wait: Duration) {
        let last = self.last.clone().unwrap_or_default();
        tracing::debug!(
            event = "restore.attempt",
            account = self.account,
            rrule = self.rrule,
            code = last.code,
            message = last.message,
            retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
        );
    }
}
