//! Has backups scheduled, as often as it takes and not once more.
//!
//! Scheduling a backup is not safe to repeat, so each attempt looks first. Zoho itself keeps two attempts from both
//! having their effect: an organisation has one schedule at a time.

use std::time::Duration;

use calloff_core::ids::BackupId;
use calloff_core::live::LiveBackup;
use calloff_core::outcome::{self, Outcome, Reply, Scheduling, Verdict};
use calloff_core::restore::{self, Debt, Found};
use calloff_core::retry::RetryPolicy;

use super::accounts::Access;
use super::pursuit::{Bounds, Errand, Pursued, Pursuer, Spent, ran_out};
use crate::clock::SharedClock;
use crate::zoho::{AccessToken, Client, Read, TokenError};

/// Zoho's word for an account that has another schedule.
const TAKEN: &str = "BACKUP_ALREADY_SCHEDULED";

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

/// A recurrence that is to be scheduled.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) rrule: &'a str,
    /// The debt that it is owed by, if it is.
    pub(super) debt: Option<&'a Debt>,
    /// Whether it may still be scheduled now.
    pub(super) may: &'a (dyn Fn() -> bool + Send + Sync),
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
    pub(super) async fn fulfil(
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
        // How soon a look shows a cancel is not documented. Where there was one, what a look shows may be from before it:
        // then only Zoho's word counts that something is there, which it says when it refuses.
        let shown = live.as_ref().and_then(|live| live.id.as_ref());
        match self.judge(live.as_ref()) {
            Some(Ok(_)) if self.wish.debt.is_some() => {}
            Some(Err(_)) if self.wish.debt.is_some_and(|debt| debt.has_cancelled(shown)) => {}
            Some(put) => return Ok(Some(put)),
            None => {}
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
