//! The one loop that tries again: something is asked of Zoho until an answer ends it.

use std::time::Duration;

use calloff_core::breaker::Health;
use calloff_core::outcome::Verdict;
use calloff_core::retry::{Event, Limit, Moment, Next, Pursuit, RetryPolicy};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::accounts::Access;
use crate::clock::SharedClock;
use crate::zoho::{AccessToken, Client, Entered, Gate, TokenError};

/// How long a turn is waited for before it is looked again at what bounds the wait.
const RELOOK: Duration = Duration::from_secs(5);

/// No sleep is trusted for longer.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// What is asked of Zoho.
pub(super) trait Errand: Send {
    /// How it may end.
    type End: Send;

    /// Makes one call.
    fn call(
        &mut self,
        client: &Client,
        token: &AccessToken,
    ) -> impl Future<Output = Verdict<Self::End>> + Send;

    /// Hears that no call could be made for want of a token.
    fn note_no_token(&mut self, error: TokenError);

    /// Hears that the last call will be followed by another, so long from now.
    fn note_retry(&mut self, wait: Duration);
}

/// How a pursuit came to its end.
#[derive(Debug)]
pub(super) enum Pursued<T> {
    /// An answer ended it.
    Ended(T),
    /// The credentials are refused.
    Denied,
    /// Transient failures used up what there was.
    GaveUp(Limit),
    /// A stop came first.
    Stopped,
}

/// The bounds of a pursuit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How often and how long.
    pub(super) policy: RetryPolicy,
    /// When the backup starts by itself, if that is known.
    pub(super) deadline: Option<Timestamp>,
}

/// The time that something has had: since it was first begun, without what it stood in line behind others of a healthy
/// account.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Spent {
    begun: Option<Instant>,
    in_line: Duration,
}

impl Spent {
    pub(super) fn time(&self) -> Duration {
        self.begun.map_or(Duration::ZERO, |begun| begun.elapsed().saturating_sub(self.in_line))
    }
}

/// Pursues answers. Clones share everything.
#[derive(Debug, Clone)]
pub struct Pursuer {
    /// The wall clock.
    pub clock: SharedClock,
    /// Uniform in `0.0..1.0`.
    pub dice: fn() -> f64,
    /// Cancelled when nothing new is to be sent; requests under way still finish.
    pub stop: CancellationToken,
}

impl Pursuer {
    /// Asks until an answer ends it, or something runs out.
    pub(super) async fn pursue<E: Errand>(
        &self,
        access: &Access,
        errand: &mut E,
        bounds: Bounds,
        spent: &mut Spent,
    ) -> Pursued<E::End> {
        let mut pursuit = Pursuit::new(bounds.policy);
        let mut refused: Option<AccessToken> = None;
        loop {
            let entered = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Pursued::Stopped,
                entered = self.line_up(&access.gate, spent, bounds) => entered,
            };
            let next = match entered {
                Ok(entered) => {
                    let tried = self.attempt(access, errand, entered, refused.take()).await;
                    let Some((event, token)) = tried else { return Pursued::Stopped };
                    refused = token;
                    let at = Moment { elapsed: spent.time(), left: self.left(bounds.deadline) };
                    pursuit.step(event, at, (self.dice)())
                }
                Err(limit) => Next::GiveUp(limit),
            };
            match next {
                Next::RenewToken => {}
                Next::Stop(end) => return Pursued::Ended(end),
                Next::Deny => return Pursued::Denied,
                Next::GiveUp(limit) => return Pursued::GaveUp(limit),
                Next::TryAfter(wait) => {
                    errand.note_retry(wait);
                    if !self.wait(wait).await {
                        return Pursued::Stopped;
                    }
                }
            }
        }
    }

    /// Makes one call, if there is a token for it. Gives back the token if it was refused; nothing if a stop came
    /// before the call.
    async fn attempt<E: Errand>(
        &self,
        access: &Access,
        errand: &mut E,
        entered: Entered<'_>,
        refused: Option<AccessToken>,
    ) -> Option<(Event<E::End>, Option<AccessToken>)> {
        let token = match &refused {
            Some(refused) => access.tokens.renew(refused).await,
            None => access.tokens.current().await,
        };
        let token = match token {
            Ok(token) => token,
            Err(error) => {
                let event = match &error {
                    TokenError::Refused { .. } => Event::CredentialsRefused,
                    TokenError::NotFor { wait, .. } => Event::NoTokenFor(*wait),
                };
                errand.note_no_token(error);
                return Some((event, refused));
            }
        };
        if self.stop.is_cancelled() {
            return None;
        }
        let verdict = errand.call(&access.client, &token).await;
        entered.leave(match verdict {
            Verdict::Transient(asked) => Health::Failed(asked),
            Verdict::End(_) | Verdict::TokenRefused => Health::Answered,
        });
        let refused = match verdict {
            Verdict::TokenRefused => {
                errand.note_retry(Duration::ZERO);
                Some(token)
            }
            Verdict::End(_) => {
                token.accepted();
                None
            }
            Verdict::Transient(_) => None,
        };
        Some((Event::Judged(verdict), refused))
    }

    /// Waits for a turn: no longer than until the deadline, and while the account keeps failing, than there is time.
    async fn line_up<'a>(
        &self,
        gate: &'a Gate,
        spent: &mut Spent,
        bounds: Bounds,
    ) -> Result<Entered<'a>, Limit> {
        spent.begun.get_or_insert_with(Instant::now);
        let turn = gate.enter();
        tokio::pin!(turn);
        loop {
            let (since, failing) = (Instant::now(), gate.is_failing());
            let time = bounds.policy.give_up_after.saturating_sub(spent.time());
            let left = self.left(bounds.deadline).unwrap_or(Duration::MAX);
            // Both are looked at again: others may bring the account to fail, and clocks may step.
            let patience = if failing { time.min(left) } else { left }.min(RELOOK);
            let entered = tokio::time::timeout(patience, &mut turn).await;
            if !failing {
                spent.in_line += since.elapsed();
            }
            if let Ok(entered) = entered {
                return Ok(entered);
            }
            if left <= patience {
                return Err(Limit::Deadline);
            }
            if failing && time <= patience {
                return Err(Limit::Time);
            }
        }
    }

    /// The time until a deadline, if there is one.
    fn left(&self, deadline: Option<Timestamp>) -> Option<Duration> {
        let left = deadline?.duration_since(self.clock.now());
        Some(left.try_into().unwrap_or(Duration::ZERO))
    }

    /// Waits, for a minute at a time: the monotonic clock stands still while the machine sleeps, and the wall clock
    /// tells that the time is over. Says whether no stop came first.
    pub(super) async fn wait(&self, length: Duration) -> bool {
        let (begun, wall) = (Instant::now(), self.clock.now());
        let until = wall.saturating_add(length).unwrap_or(Timestamp::MAX);
        let over = async {
            loop {
                let left = length.saturating_sub(begun.elapsed());
                if left.is_zero() || self.clock.now() >= until {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = over => true,
        }
    }
}

/// What ran out, in words, with the key that says how much there is of it.
pub(super) fn ran_out(limit: Limit, bounds: Bounds) -> String {
    let RetryPolicy { max_attempts, give_up_after, .. } = bounds.policy;
    match (limit, bounds.deadline) {
        (Limit::Attempts, _) => format!("all {max_attempts} attempts failed transiently (`max_attempts`)"),
        (Limit::Deadline, Some(deadline)) => format!(
            "it can't be made in time: the backup starts at {deadline}, before another attempt is possible"
        ),
        (Limit::Time | Limit::Deadline, _) => format!(
            "no further attempt was possible within {} (`give_up_after`)",
            humantime::format_duration(give_up_after)
        ),
    }
}
