//! Pays debts: looks whether a schedule is there, and if nothing is puts it back.
//!
//! Scheduling a backup is not safe to repeat, so each attempt looks first. Zoho itself keeps two attempts from both
//! having their effect: an organisation has one schedule at a time.

use std::time::Duration;

use calloff_core::ids::{BackupId, RestoreId};
use calloff_core::live::LiveBackup;
use calloff_core::outcome::{self, Outcome, Reply, Scheduling, Verdict};
use calloff_core::restore::{self, Debt, Found, Payment};
use calloff_core::retry::RetryPolicy;
use jiff::Timestamp;

use super::accounts::Access;
use super::pursuit::{Bounds, Errand, Pursued, Pursuer, Spent, ran_out};
use super::runner::Runner;
use crate::clock::SharedClock;
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
            store.settle(&payable, Settlement::Stopped, now()).await?;
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
            (Some(Ok(back)), Some(Ok(true))) => self.paid(debt, back, settlement).await,
            (Some(Err(refusal)), _) => Ok(self.refused(debt, refusal, settlement)),
        }
    }

    /// Says that a debt is paid; it is on record.
    async fn paid(&self, debt: Debt, back: Back, settlement: Settlement) -> Result<Paid, StoreError> {
        let reason = if let Settlement::Paid { reason, .. } = settlement { reason } else { None };
        tracing::info!(event = "restore.paid", restore_id = %debt.restore_id, account = %debt.account, job = debt.job,
            backup = %debt.pre_image.backup, rrule = debt.pre_image.rrule,
            restored = back.id.as_ref().map(tracing::field::display), reason,
            "the recurring backup is scheduled again");
        self.worker.successors.learn(&self.worker.store).await?;
        let ended_at = Some(self.worker.clock.now());
        let state = restore::DebtState::Paid;
        Ok(Paid::Yes(Debt { state, reason, restored: back.id, ended_at, next_try: None, ..debt }))
    }

    /// Says that a debt could not be paid.
    fn refused(&self, debt: Debt, refusal: Refusal, settlement: Settlement) -> Paid {
        let Settlement::Refused { reason, next_try } = settlement else { return Paid::Stopped };
        let (tries, next_try) = (debt.tries + u32::from(next_try.is_some()), next_try.or(debt.next_try));
        tracing::error!(event = "restore.refused", restore_id = %debt.restore_id, account = %debt.account,
            job = debt.job, rrule = debt.pre_image.rrule, tries, next_try = next_try.map(tracing::field::display),
            why = reason, "the recurring backup could not be scheduled again; it stays owed");
        let refusal = Refusal { why: reason.clone(), ..refusal };
        Paid::No(Debt { tries, reason: Some(reason), next_try, ..debt }, refusal)
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

/// How a debt was paid, if there is more to say of it than that it was.
fn how(debt: &Debt, back: &Back) -> Option<String> {
    let was_there = back.was_there.then(|| "it was scheduled already, by the same rule".to_owned());
    let others =
        debt.others().map(|others| format!("not put back, though it was called off as well: {others}"));
    let parts: Vec<String> = was_there.into_iter().chain(others).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A recurrence that is to be scheduled.
#[derive(Clone, Copy)]
struct Wish<'a> {
    rrule: &'a str,
    /// The debt that it is owed by, if it is.
    debt: Option<&'a Debt>,
    /// Whether it may still be scheduled now.
    may: &'a (dyn Fn() -> bool + Send + Sync),
}

impl std::fmt::Debug for Wish<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wish").field("rrule", &self.rrule).finish_non_exhaustive()
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
        self.fulfil(access, Wish { rrule, debt: None, may: &|| true }, policy).await
    }

    /// The same; `None` also if it may not be scheduled any more.
    async fn fulfil(
        &self,
        access: &Access,
        wish: Wish<'_>,
        policy: RetryPolicy,
    ) -> Option<Result<Back, Refusal>> {
        let bounds = Bounds { policy, deadline: None };
        let (clock, account) = (SharedClock::clone(&self.clock), access.name.as_str());
        let mut putting = Putting { wish, clock, account, last: None };
        let (outcome, limit) = match self.pursue(access, &mut putting, bounds, &mut Spent::default()).await {
            Pursued::Ended(put) => return put,
            Pursued::Denied => (Outcome::Denied, None),
            Pursued::GaveUp(limit) => (Outcome::Exhausted, Some(ran_out(limit, bounds))),
            Pursued::Stopped => return None,
        };
        let last = putting.last.take().unwrap_or_default();
        let why = [last.said(), limit].into_iter().flatten().collect::<Vec<_>>().join("; ");
        Some(Err(Refusal { outcome, code: last.code, why }))
    }

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
    wish: Wish<'a>,
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

/// How it ended; nothing if it may not be scheduled any more.
type Put = Option<Result<Back, Refusal>>;

impl Putting<'_> {
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
            Verdict::End(outcome) => Verdict::End(Some(Err(self.refused(outcome)))),
            Verdict::TokenRefused => Verdict::TokenRefused,
            Verdict::Transient(asked) => Verdict::Transient(asked),
        })
    }

    /// What is there already, if something is.
    fn judge(&self, live: Option<&LiveBackup>) -> Option<Result<Back, Refusal>> {
        match restore::find(self.wish.rrule, live, self.clock.now()) {
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
        // How soon a look shows a cancel is not documented. Of what we have cancelled ourselves only Zoho's word counts
        // that it is there, which it says when it refuses.
        let shown = live.as_ref().and_then(|live| live.id.as_ref());
        let may_be_stale = self.wish.debt.is_some_and(|debt| debt.has_cancelled(shown));
        if let Some(put) = self.judge(live.as_ref()).filter(|_| !may_be_stale) {
            return Ok(Some(put));
        }
        if !(self.wish.may)() {
            return Ok(None);
        }
        let reply = match client.schedule(token, Some(self.wish.rrule)).await {
            Read::Found(scheduled) => {
                let id = BackupId::parse(&scheduled.id).ok();
                return Ok(Some(Ok(Back { id, was_there: false })));
            }
            // Whatever that means, the next look tells.
            Read::Nothing => return Err(Verdict::Transient(None)),
            Read::Failed(reply) => reply,
        };
        self.last = Some(Said::by(&reply));
        match outcome::judge_schedule(&reply) {
            // Accepted, and not said under which ID.
            Verdict::End(Scheduling::Accepted) => Err(Verdict::Transient(None)),
            Verdict::End(Scheduling::Taken) => self.find_what_is_there(client, token).await,
            Verdict::End(Scheduling::Refused(outcome)) => Ok(Some(Err(self.refused(outcome)))),
            Verdict::TokenRefused => Err(Verdict::TokenRefused),
            Verdict::Transient(asked) => Err(Verdict::Transient(asked)),
        }
    }

    /// Looks what it is that Zoho says is there.
    async fn find_what_is_there(
        &mut self,
        client: &Client,
        token: &AccessToken,
    ) -> Result<Put, Verdict<Put>> {
        let live = self.look(client, token).await?;
        if let Some(put) = self.judge(live.as_ref()) {
            return Ok(Some(put));
        }
        if restore::find(self.wish.rrule, live.as_ref(), self.clock.now()) == Found::Running {
            let why = "a backup is running, and nothing can be scheduled before it has ended".to_owned();
            let code = Some("INPROGRESS".to_owned());
            return Ok(Some(Err(Refusal { outcome: Outcome::TooLate, code, why })));
        }
        // It does not show yet what is in the way.
        Err(Verdict::Transient(None))
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
            rrule = self.wish.rrule,
            code = last.code,
            message = last.message,
            retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
        );
    }
}
