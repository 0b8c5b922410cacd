//! One target on its way: each of its calls, and what is noted of them.

use std::time::Duration;

use calloff_core::ids::{AccountName, RunId};
use calloff_core::outcome::{self, Outcome, Reply, Verdict};
use calloff_core::run::{Run, Target};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::pursuit::Errand;
use super::spans;
use super::worker::{Owing, Worker};
use crate::clock::SharedClock;
use crate::store::{Attempt, Ending, Store};
use crate::zoho::{AccessToken, Client, TokenError};

/// The cancel of one target.
#[derive(Debug)]
pub(super) struct Cancelling {
    store: Store,
    clock: SharedClock,
    run_id: RunId,
    job: String,
    account: AccountName,
    position: usize,
    target: Target,
    /// The last call made, until it is on record.
    last: Option<Attempt>,
    /// Whether a call may have had its effect without saying so.
    is_in_doubt: bool,
}

impl Cancelling {
    pub(super) fn new(worker: &Worker, run: &Run, position: usize, target: Target) -> Self {
        Self {
            store: worker.store.clone(),
            clock: SharedClock::clone(&worker.clock),
            run_id: run.run_id,
            job: run.job.clone(),
            account: run.account.clone(),
            position,
            target,
            last: None,
            is_in_doubt: false,
        }
    }

    /// The target with its outcome; the run owes so much.
    pub(super) fn end(mut self, outcome: Outcome, reason: Option<String>, owing: Owing) -> Ending {
        self.target.end(outcome, reason);
        let stopped = owing.stopped(&self.target, self.is_in_doubt);
        Ending { position: self.position, target: self.target, attempt: self.last, stopped }
    }

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
}

impl Errand for Cancelling {
    type End = Outcome;

    async fn call(&mut self, client: &Client, token: &AccessToken) -> Verdict<Outcome> {
        // What `current` stands for is settled before anything is cancelled.
        let Some(id) = self.target.backup.id() else { return Verdict::End(Outcome::Rejected) };
        let (sent_at, sent) = (self.clock.now(), Instant::now());
        let span = spans::attempt(self.target.attempts + 1);
        let reply = client.cancel(token, id).instrument(span.clone()).await;
        spans::end_attempt(&span, &reply);
        let verdict = outcome::judge_cancel(&reply);
        self.is_in_doubt |= outcome::is_in_doubt(&reply);
        self.note_reply(reply, sent_at, sent.elapsed());
        verdict
    }

    fn note_no_token(&mut self, error: TokenError) {
        (self.target.http_status, self.target.code, self.target.message) = error.into_parts();
    }

    /// Puts the attempt on record, without waiting for it.
    fn note_retry(&mut self, wait: Duration) {
        let Some(attempt) = self.last.take() else { return };
        tracing::debug!(event = "target.attempt", run_id = %self.run_id, job = self.job,
            account = %self.account, backup = %self.target.backup, attempt = attempt.number,
            http_status = attempt.http_status, code = attempt.code, message = attempt.message,
            took_ms = attempt.took_ms, retry_in_ms = millis(wait));
        let (store, run_id, position) = (self.store.clone(), self.run_id, self.position);
        // If it can't be recorded the writer says so; the outcome still counts the attempts.
        tokio::spawn(async move { drop(store.attempted(run_id, position, attempt).await) });
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
