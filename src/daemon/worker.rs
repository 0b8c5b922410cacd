//! Carries out one run: pursues its targets side by side, and records how each ended before anyone is told.

use std::sync::Arc;
use std::time::Duration;

use calloff_core::breaker::Health;
use calloff_core::ids::{AccountName, RunId};
use calloff_core::outcome::{self, Outcome, Reply, Verdict};
use calloff_core::retry::{Event, Limit, Next, Pursuit, RetryPolicy};
use calloff_core::run::{Run, RunState, Target};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::accounts::Access;
use crate::clock::SharedClock;
use crate::error::chain;
use crate::store::{Attempt, Store, StoreError, Written};
use crate::zoho::{AccessToken, Entered, Gate, TokenError};

/// No sleep is trusted for longer.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Carries out runs. Clones share everything.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Where outcomes go.
    pub store: Store,
    /// The wall clock.
    pub clock: SharedClock,
    /// Uniform in `0.0..1.0`.
    pub dice: fn() -> f64,
    /// Cancelled when nothing new is to be sent; requests under way still finish.
    pub stop: CancellationToken,
    /// How long a run waits, once its last call is made, for its outcomes to be on record; `None` for ever.
    pub record_within: Option<Duration>,
}

/// How a run came to its end here.
#[derive(Debug)]
pub enum Ended {
    /// Every target has its outcome, on record.
    Complete(Run),
    /// Stopped: what has no outcome is taken up at the next start.
    Stopped(Run),
    /// Every target that could be pursued was, but not all outcomes could be recorded.
    Unrecorded(Run),
}

impl Worker {
    /// Pursues every target of the run that has no outcome yet. `freed` is called when no more calls will be made,
    /// which may be before the last outcome is on record.
    pub async fn carry_out(
        &self,
        access: Arc<Access>,
        mut run: Run,
        policy: RetryPolicy,
        freed: impl FnOnce(),
    ) -> Ended {
        tracing::debug!(event = "run.start", run_id = %run.run_id, job = run.job, account = %run.account,
            trigger = run.trigger.as_str(), occurrence = run.occurrence.map(tracing::field::display),
            lateness_ms = run.lateness_ms, targets = run.targets.len(), "a run begins");
        let mut pursuits = JoinSet::new();
        for (position, target) in
            run.targets.iter().enumerate().filter(|(_, target)| target.outcome.is_none())
        {
            let worker = self.clone();
            let pursued = Pursued {
                access: Arc::clone(&access),
                run_id: run.run_id,
                job: run.job.clone(),
                position,
                target: target.clone(),
                last: None,
            };
            pursuits.spawn(async move { worker.pursue(pursued, policy).await });
        }
        let mut recordings = JoinSet::new();
        while let Some(pursued) = pursuits.join_next().await {
            // A pursuit that panicked leaves its target without an outcome: it is taken up at the next start.
            let Ok(Some(pursued)) = pursued else { continue };
            let worker = self.clone();
            recordings.spawn(async move { worker.record(pursued).await });
        }
        freed();
        let mut unrecorded = false;
        let recording = async {
            while let Some(recorded) = recordings.join_next().await {
                match recorded {
                    Ok(Ok(recorded)) => {
                        run.targets[recorded.position] = recorded.target;
                        run.finished_at = run.finished_at.or(recorded.run_ended);
                    }
                    _ => unrecorded = true,
                }
            }
        };
        let limit = self.record_within.unwrap_or(Duration::MAX);
        if tokio::time::timeout(limit, recording).await.is_err() {
            unrecorded = true;
        }
        close(run, unrecorded)
    }

    /// Tries until the target has an outcome; `None` if a stop came first.
    async fn pursue(&self, mut pursued: Pursued, policy: RetryPolicy) -> Option<Pursued> {
        let mut pursuit = Pursuit::new(policy);
        let mut spent = Spent::default();
        let mut refused: Option<AccessToken> = None;
        loop {
            let access = Arc::clone(&pursued.access);
            let entered = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                entered = line_up(&access.gate, &mut spent, &policy) => entered,
            };
            let next = match entered {
                Some(entered) => {
                    let (event, token) = self.attempt(&mut pursued, entered, refused.take()).await?;
                    refused = token;
                    pursuit.step(event, spent.time(), (self.dice)())
                }
                None => Next::GiveUp(Limit::Time),
            };
            match next {
                Next::RenewToken => {}
                Next::Stop(outcome) => return Some(pursued.end(outcome, None)),
                Next::GiveUp(limit) => {
                    let reason = ran_out(limit, &policy);
                    return Some(pursued.end(Outcome::Exhausted, Some(reason)));
                }
                Next::TryAfter(wait) => {
                    self.note_attempt(&mut pursued, wait);
                    tokio::select! {
                        biased;
                        () = self.stop.cancelled() => return None,
                        () = self.wait(wait) => {}
                    }
                }
            }
        }
    }

    /// Makes one call, if there is a token for it. Gives back the token if it was refused; nothing if a stop came
    /// before the call.
    async fn attempt(
        &self,
        pursued: &mut Pursued,
        entered: Entered<'_>,
        refused: Option<AccessToken>,
    ) -> Option<(Event, Option<AccessToken>)> {
        let access = Arc::clone(&pursued.access);
        let token = match &refused {
            Some(refused) => access.tokens.renew(refused).await,
            None => access.tokens.current().await,
        };
        let token = match token {
            Ok(token) => token,
            Err(error) => return Some((pursued.note_no_token(error), refused)),
        };
        if self.stop.is_cancelled() {
            return None;
        }
        let (sent_at, sent) = (self.clock.now(), Instant::now());
        let reply = match pursued.target.backup.id() {
            Some(id) => access.client.cancel(&token, id).await,
            None => Reply::Fault("TODO".into()),
        };
        let verdict = outcome::judge_cancel(&reply);
        entered.leave(match verdict {
            Verdict::Transient(asked) => Health::Failed(asked),
            Verdict::End(_) | Verdict::TokenRefused => Health::Answered,
        });
        pursued.note_reply(reply, sent_at, sent.elapsed());
        let refused = match verdict {
            Verdict::TokenRefused => {
                self.note_attempt(pursued, Duration::ZERO);
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

    /// Waits, for a minute at a time: the monotonic clock stands still while the machine sleeps, and the wall clock
    /// tells that the time is over.
    async fn wait(&self, length: Duration) {
        let (begun, wall) = (Instant::now(), self.clock.now());
        let until = wall.saturating_add(length).unwrap_or(Timestamp::MAX);
        loop {
            let left = length.saturating_sub(begun.elapsed());
            if left.is_zero() || self.clock.now() >= until {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
        }
    }

    /// Puts an attempt that will be followed by another on record, without waiting for it.
    fn note_attempt(&self, pursued: &mut Pursued, wait: Duration) {
        let Some(attempt) = pursued.last.take() else { return };
        tracing::debug!(event = "target.attempt", run_id = %pursued.run_id, job = pursued.job,
            account = %pursued.access.name, backup = %pursued.target.backup, attempt = attempt.number,
            http_status = attempt.http_status, code = attempt.code, message = attempt.message,
            took_ms = attempt.took_ms, retry_in_ms = millis(wait));
        let (store, run_id, position) = (self.store.clone(), pursued.run_id, pursued.position);
        // If it can't be recorded the writer says so; the outcome still counts the attempts.
        tokio::spawn(async move { drop(store.attempted(run_id, position, attempt).await) });
    }

    async fn record(&self, pursued: Pursued) -> Result<Recorded, StoreError> {
        let Pursued { access, run_id, job, position, target, last } = pursued;
        let ended = self.store.ended(run_id, position, target.clone(), last, self.clock.now());
        tokio::pin!(ended);
        let ended = tokio::select! {
            biased;
            ended = &mut ended => ended,
            () = self.store.failing() => {
                // If the process is killed before the record recovers, this line is all there is.
                tracing::warn!(event = "target.unrecorded", %run_id, job, account = %access.name,
                    backup = %target.backup, outcome = target.outcome.map(Outcome::as_str),
                    attempts = target.attempts, code = target.code,
                    "an outcome waits for the record to take writes again");
                ended.await
            }
        };
        match ended {
            Ok(Written::NoSuchRun) => {
                tracing::error!(event = "target.unrecorded", %run_id, job, account = %access.name,
                    backup = %target.backup, outcome = target.outcome.map(Outcome::as_str),
                    "another process had claimed the run meanwhile; the record has its outcomes");
                Err(StoreError::Closed)
            }
            Ok(written) => {
                announce_target(run_id, &job, &access.name, &target);
                let run_ended = if let Written::LastOfRun(at) = written { Some(at) } else { None };
                Ok(Recorded { position, target, run_ended })
            }
            Err(error) => {
                tracing::error!(event = "target.unrecorded", %run_id, job, account = %access.name,
                    backup = %target.backup, outcome = target.outcome.map(Outcome::as_str),
                    error = chain(&error), "an outcome could not be recorded");
                Err(error)
            }
        }
    }
}

/// A target whose outcome is on record.
#[derive(Debug)]
struct Recorded {
    position: usize,
    target: Target,
    /// The end of its run, if it was the last one.
    run_ended: Option<Timestamp>,
}

/// Says how a run ended here.
fn close(mut run: Run, unrecorded: bool) -> Ended {
    if unrecorded {
        return Ended::Unrecorded(run);
    }
    if run.targets.iter().any(|target| target.outcome.is_none()) {
        return Ended::Stopped(run);
    }
    run.state = RunState::of(run.targets.iter().filter_map(|target| target.outcome));
    tracing::debug!(event = "run.end", run_id = %run.run_id, job = run.job, account = %run.account,
        state = run.state.as_str(), "a run has ended");
    Ended::Complete(run)
}

/// The time that a target has had: since its first call, without what it stood in line behind others of a healthy
/// account.
#[derive(Debug, Default)]
struct Spent {
    begun: Option<Instant>,
    in_line: Duration,
}

impl Spent {
    fn time(&self) -> Duration {
        self.begun.map_or(Duration::ZERO, |begun| begun.elapsed().saturating_sub(self.in_line))
    }
}

/// Waits for the target's turn; `None` if its time runs out while the account keeps failing.
async fn line_up<'a>(gate: &'a Gate, spent: &mut Spent, policy: &RetryPolicy) -> Option<Entered<'a>> {
    let since = Instant::now();
    let turn = gate.enter();
    tokio::pin!(turn);
    loop {
        let failing = gate.is_failing();
        let left = policy.give_up_after.saturating_sub(spent.time());
        // While the account is healthy the wait is only looked at again.
        let patience = if failing { left } else { left.max(Duration::from_secs(1)) };
        if let Ok(entered) = tokio::time::timeout(patience, &mut turn).await {
            if !failing {
                spent.in_line += since.elapsed();
            }
            spent.begun.get_or_insert_with(Instant::now);
            return Some(entered);
        }
        if failing {
            return None;
        }
    }
}

/// One target on its way.
#[derive(Debug)]
struct Pursued {
    access: Arc<Access>,
    run_id: RunId,
    job: String,
    position: usize,
    target: Target,
    /// The last call made, until it is on record.
    last: Option<Attempt>,
}

impl Pursued {
    fn note_reply(&mut self, reply: Reply, sent_at: Timestamp, took: Duration) {
        let (http_status, code, message) = match reply {
            Reply::Answer(answer) => (Some(answer.status), answer.code, answer.message),
            Reply::Fault(text) => (None, None, Some(text)),
        };
        self.target.attempts += 1;
        self.target.http_status = http_status;
        self.target.code.clone_from(&code);
        self.target.message.clone_from(&message);
        self.last = Some(Attempt {
            number: self.target.attempts,
            sent_at,
            took_ms: millis(took),
            http_status,
            code,
            message,
        });
    }

    fn note_no_token(&mut self, error: TokenError) -> Event {
        let (event, http_status, code, message) = match error {
            TokenError::Refused { code, http_status, message } => {
                (Event::CredentialsRefused, http_status, Some(code), message)
            }
            TokenError::NotFor { wait, http_status, message } => {
                (Event::NoTokenFor(wait), http_status, None, message)
            }
        };
        self.target.http_status = http_status;
        self.target.code = code;
        self.target.message = Some(message);
        event
    }

    fn end(mut self, outcome: Outcome, reason: Option<String>) -> Self {
        let hint = outcome::hint(outcome, self.target.code.as_deref());
        self.target.outcome = Some(outcome);
        self.target.reason = reason;
        self.target.hint = hint.map(str::to_owned);
        self
    }
}

fn ran_out(limit: Limit, policy: &RetryPolicy) -> String {
    match limit {
        Limit::Attempts => {
            format!("all {} attempts failed transiently (`max_attempts`)", policy.max_attempts)
        }
        Limit::Time => format!(
            "no further attempt was possible within {} (`give_up_after`)",
            humantime::format_duration(policy.give_up_after)
        ),
    }
}

/// Says how each target of a run ended.
pub(super) fn announce(run: &Run) {
    for target in &run.targets {
        announce_target(run.run_id, &run.job, &run.account, target);
    }
}

/// One line a target, with the field names of its JSON.
fn announce_target(run_id: RunId, job: &str, account: &AccountName, target: &Target) {
    let Some(outcome) = target.outcome else { return };
    // `message` is Zoho's, as in the JSON of a target; so this line has no text of its own.
    tracing::info!(event = "target.outcome", %run_id, job, %account, backup = %target.backup,
        outcome = outcome.as_str(), verified = target.verified, attempts = target.attempts,
        http_status = target.http_status, code = target.code, message = target.message, reason = target.reason,
        hint = target.hint);
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
