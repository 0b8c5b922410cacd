//! Whether a run acts: its conditions, and which backup `current` stands for. What Zoho has is read once, however
//! many targets and conditions there are.

use std::time::Duration;

use calloff_core::condition::Facts;
use calloff_core::course::{self, Course, End, Question, Starts};
use calloff_core::ids::{BackupId, BackupRef};
use calloff_core::live::LiveBackup;
use calloff_core::outcome::Outcome;
use calloff_core::run::{Run, Target};

use super::accounts::Access;
use super::look::Unread;
use super::pursuit::Spent;
use super::runner::PATIENCE;
use super::worker::{Ended, Orders, Worker, open_targets};
use crate::error::chain;

/// The pauses between the tries of a late run to see whether its backup has run meanwhile.
const LATE_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What was decided.
#[derive(Debug)]
pub(super) enum Decided {
    /// The targets are to be cancelled. When one of them starts by itself, as far as a look has shown.
    Act(Option<Starts>),
    /// The targets have ended without a call.
    Ended,
    /// A stop came first.
    Stopped,
}

impl Worker {
    /// Decides whether the run acts, unless that is settled. `current` is replaced by what it stands for. What has
    /// started since the occurrence of a late run ends as missed.
    pub(super) async fn decide(
        &self,
        access: &Access,
        run: &mut Run,
        orders: &Orders,
        spent: &mut Spent,
    ) -> Decided {
        let backups: Vec<BackupRef> = run.targets.iter().map(|target| target.backup.clone()).collect();
        let live = if orders.decided && !backups.contains(&BackupRef::Current) {
            None
        } else {
            match self.ask(access, run, &backups, orders, spent).await {
                Ok(live) => live,
                Err(decided) => return decided,
            }
        };
        let live = match live {
            Some(live) => live,
            None if course::is_late(run.occurrence, self.clock.now()) => self.look_late(access, run).await,
            None if orders.decided => self.seen_by(run).await,
            None => None,
        };
        let starts = course::starts(live.as_ref(), run.occurrence, self.clock.now());
        if let Some(Starts { of, started: Some(started), .. }) = &starts {
            let reason = course::started_meanwhile(*started);
            for target in unended(run).filter(|target| target.backup.id() == Some(of)) {
                end_target(target, &End::without(Outcome::Missed, reason.clone()));
            }
        }
        Decided::Act(starts)
    }

    /// Asks the conditions, and what `current` is, of Zoho as far as they need it. Gives what Zoho has shown, if it was
    /// asked.
    async fn ask(
        &self,
        access: &Access,
        run: &mut Run,
        backups: &[BackupRef],
        orders: &Orders,
        spent: &mut Spent,
    ) -> Result<Option<Option<LiveBackup>>, Decided> {
        let question = Question { backups, when: &orders.when, restore: false };
        // What can be told without asking Zoho costs no call.
        if let Course::End(end) = question.answer(&Facts::default(), self.clock.now()) {
            return Err(end_all(run, &end, orders.verify));
        }
        let read = self.pursuer().facts_within(access, question.needs(), orders.policy, spent).await;
        let Some((facts, unread)) = read else { return Err(Decided::Stopped) };
        if let Some(live) = facts.live.as_read() {
            self.remember(&access.name, live.clone());
        }
        match question.answer(&facts, self.clock.now()) {
            Course::End(end) => Err(end_all(run, &end, orders.verify)),
            Course::Untold(reason) => {
                unended(run).for_each(|target| end_unread(target, unread.as_ref(), &reason));
                Err(Decided::Ended)
            }
            Course::Cancel(current) => {
                if orders.is_conditional(backups) {
                    self.settle(run, current).await;
                }
                Ok(facts.live.as_read().cloned())
            }
        }
    }

    /// Puts on record that the run acts, and on what.
    async fn settle(&self, run: &mut Run, current: Option<BackupId>) {
        for target in run.targets.iter_mut().filter(|target| target.backup == BackupRef::Current) {
            target.backup = current.clone().map_or(BackupRef::Current, BackupRef::Id);
        }
        let decided = self.store.decided(run.run_id, current);
        // It stays in line, before the outcomes.
        if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, decided).await {
            tracing::error!(event = "run.undecided", run_id = %run.run_id, job = run.job,
                error = chain(&error), "going ahead without a record");
        }
    }

    /// What a late run would gain from knowing. A few tries are worth it so late, and no more: if Zoho can't be read
    /// the run goes ahead.
    async fn look_late(&self, access: &Access, run: &Run) -> Option<LiveBackup> {
        // The cancel will need one in any case.
        drop(access.tokens.current().await);
        let mut pauses = LATE_PAUSES.into_iter();
        loop {
            let unread = match self.pursuer().glance(access).await {
                Ok(live) => {
                    self.remember(&access.name, live.clone());
                    return live;
                }
                Err(unread) => unread,
            };
            let pause = pauses.next().filter(|_| unread.outcome == Outcome::Exhausted);
            let Some(pause) = pause else {
                tracing::warn!(event = "run.late_unseen", run_id = %run.run_id, job = run.job, account = %run.account,
                    why = unread.why(), "a late run goes ahead without knowing whether its backup has run meanwhile");
                return None;
            };
            if !self.pursuer().wait(pause).await {
                // Nothing is sent after a stop, with or without knowing.
                return None;
            }
        }
    }

    /// What an interrupted run has seen itself before it was interrupted.
    async fn seen_by(&self, run: &Run) -> Option<LiveBackup> {
        let seen = self.store.seen().await.ok()?.remove(&run.account)?;
        (Some(seen.read_at) >= run.started_at).then_some(seen.backup)
    }

    /// Ends an interrupted run whose conditions were not looked at, and can't be any more: a guard-rail that is gone
    /// is no leave to go ahead.
    pub(super) async fn give_up_undecided(&self, mut run: Run) -> Ended {
        let reason =
            "it was interrupted before its conditions were looked at, and its job file is gone since";
        // What a person set off has no occurrence that could be missed.
        let outcome = if run.occurrence.is_some() { Outcome::Missed } else { Outcome::Exhausted };
        let open = open_targets(&run);
        end_all(&mut run, &End::without(outcome, reason.to_owned()), false);
        self.end_without_calls(run, &open).await
    }
}

fn end_all(run: &mut Run, end: &End, verify: bool) -> Decided {
    let end = End { verified: end.verified.filter(|_| verify), ..end.clone() };
    unended(run).for_each(|target| end_target(target, &end));
    Decided::Ended
}

fn unended(run: &mut Run) -> impl Iterator<Item = &mut Target> {
    run.targets.iter_mut().filter(|target| target.outcome.is_none())
}

fn end_target(target: &mut Target, end: &End) {
    if let (BackupRef::Current, Some(id)) = (&target.backup, &end.current) {
        target.backup = BackupRef::Id(id.clone());
    }
    target.verified = end.verified;
    target.end(end.outcome, Some(end.reason.clone()));
}

fn end_unread(target: &mut Target, unread: Option<&Unread>, reason: &str) {
    let outcome = unread.map_or(Outcome::Exhausted, |unread| unread.outcome);
    if let Some(unread) = unread {
        target.http_status = unread.http_status;
        target.code.clone_from(&unread.code);
        target.message.clone_from(&unread.message);
    }
    target.end(outcome, Some(reason.to_owned()));
}
