//! Whether a run acts: its conditions, and which backup `current` stands for. What Zoho has is read once, however
//! many targets and conditions there are.

use std::time::Duration;

use calloff_core::condition::{Facts, Needs};
use calloff_core::course::{Course, End, Question};
use calloff_core::ids::BackupRef;
use calloff_core::outcome::{self, Outcome};
use calloff_core::retry::RetryPolicy;
use calloff_core::run::{Run, Target, Trigger};
use jiff::Timestamp;

use super::accounts::Access;
use super::look::Unread;
use super::pursuit::Spent;
use super::worker::{Ended, Orders, Worker};
use crate::error::chain;

/// How long a run that is to act waits for that to be on record.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was decided.
#[derive(Debug)]
pub(super) enum Decided {
    /// The targets are to be cancelled; not beyond this instant, if it is known.
    Act(Option<Timestamp>),
    /// The targets have ended without a call.
    Ended,
    /// A stop came first.
    Stopped,
}

impl Worker {
    /// Decides whether the run acts, unless that is settled. `current` is replaced by what it stands for.
    pub(super) async fn decide(
        &self,
        access: &Access,
        run: &mut Run,
        orders: &Orders,
        spent: &mut Spent,
    ) -> Decided {
        let backups: Vec<BackupRef> = run.targets.iter().map(|target| target.backup.clone()).collect();
        if orders.decided && !backups.contains(&BackupRef::Current) {
            return Decided::Act(None);
        }
        let late_for = run.occurrence.filter(|_| run.trigger == Trigger::CatchUp);
        let question = Question { backups: &backups, when: &orders.when, late_for };
        // What can be told without asking Zoho costs no call.
        if let Course::End(end) = question.answer(&Facts::default(), self.clock.now()) {
            return end_all(run, &end);
        }
        let Some((facts, unread)) = self.facts_for(access, &question, orders.policy, spent).await else {
            return Decided::Stopped;
        };
        match question.answer(&facts, self.clock.now()) {
            Course::End(end) => end_all(run, &end),
            Course::Untold(reason) => {
                for target in &mut run.targets {
                    end_unread(target, unread.as_ref(), &reason);
                }
                Decided::Ended
            }
            Course::Cancel { current, deadline } => {
                if orders.is_conditional(&backups) {
                    for target in run.targets.iter_mut().filter(|target| target.backup == BackupRef::Current)
                    {
                        target.backup = current.clone().map_or(BackupRef::Current, BackupRef::Id);
                    }
                    let decided = self.store.decided(run.run_id, current);
                    // It stays in line, before the outcomes.
                    if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, decided).await {
                        tracing::error!(event = "run.undecided", run_id = %run.run_id, job = run.job,
                            error = chain(&error), "going ahead without a record");
                    }
                }
                Decided::Act(deadline)
            }
        }
    }

    /// Ends an interrupted run whose conditions were not looked at, and can't be any more: a guard-rail that is gone
    /// is no leave to go ahead.
    pub(super) async fn give_up_undecided(&self, mut run: Run) -> Ended {
        let reason =
            "it was interrupted before its conditions were looked at, and its job file is gone since";
        let end = End { outcome: Outcome::Missed, reason: reason.to_owned(), current: None, verified: None };
        end_all(&mut run, &end);
        self.end_without_calls(run).await
    }

    /// Reads what the question needs. What it would merely gain from is tried once. `None` if a stop came first.
    async fn facts_for(
        &self,
        access: &Access,
        question: &Question<'_>,
        policy: RetryPolicy,
        spent: &mut Spent,
    ) -> Option<(Facts, Option<Unread>)> {
        let pursuer = self.pursuer();
        let mut needs = question.needs();
        let mut policy = policy;
        if needs == Needs::default() && question.gains_from_live() {
            needs.live = true;
            policy.max_attempts = 1;
        }
        let (facts, unread) = pursuer.facts_within(access, needs, policy, spent).await?;
        if let Some(live) = facts.live.as_read() {
            self.remember(&access.name, live.clone());
        }
        Some((facts, unread))
    }
}

fn end_all(run: &mut Run, end: &End) -> Decided {
    for target in &mut run.targets {
        if let (BackupRef::Current, Some(id)) = (&target.backup, &end.current) {
            target.backup = BackupRef::Id(id.clone());
        }
        target.outcome = Some(end.outcome);
        target.verified = end.verified;
        target.reason = Some(end.reason.clone());
        target.hint = outcome::hint(end.outcome, None).map(str::to_owned);
    }
    Decided::Ended
}

fn end_unread(target: &mut Target, unread: Option<&Unread>, reason: &str) {
    let outcome = unread.map_or(Outcome::Exhausted, |unread| unread.outcome);
    target.outcome = Some(outcome);
    target.reason = Some(reason.to_owned());
    if let Some(unread) = unread {
        target.http_status = unread.http_status;
        target.code.clone_from(&unread.code);
        target.message.clone_from(&unread.message);
    }
    target.hint = outcome::hint(outcome, target.code.as_deref()).map(str::to_owned);
}
