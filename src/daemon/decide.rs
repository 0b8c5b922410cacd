//! Whether a run acts: its conditions, and which backup `current` stands for. What Zoho has is read once, however
//! many targets and conditions there are.

use std::time::Duration;

use calloff_core::condition::Facts;
use calloff_core::course::{self, Course, End, Question, Starts};
use calloff_core::ids::{BackupId, BackupRef, RestoreId};
use calloff_core::live::{LiveBackup, Phase};
use calloff_core::outcome::Outcome;
use calloff_core::restore::{NewDebt, PreImage};
use calloff_core::run::{Run, Target};
use jiff::Timestamp;

use super::accounts::Access;
use super::ids::new_id;
use super::look::Unread;
use super::pursuit::Spent;
use super::runner::PATIENCE;
use super::worker::{Ended, Orders, Owing, Worker, open_targets};
use crate::error::chain;
use crate::store::{self as record, Decision, Owed};

/// The pauses between the tries of a late run to see whether its backup has run meanwhile.
const LATE_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What was decided.
#[derive(Debug)]
pub(super) enum Decided {
    /// The targets are to be cancelled. When one of them starts by itself, as far as a look has shown, and what the
    /// cancels owe.
    Act(Option<Starts>, Owing),
    /// The targets have ended without a call; a debt may be on its way into the record all the same.
    Ended(Owing),
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
        if orders.decided && orders.is_shut(self.clock.now()) {
            return self.decide_after_closing(access, run, orders.owing).await;
        }
        let backups: Vec<BackupRef> = run.targets.iter().map(|target| target.backup.clone()).collect();
        let (live, owing) = if orders.decided && !backups.contains(&BackupRef::Current) {
            (None, orders.owing)
        } else {
            match self.ask(access, run, &backups, orders, spent).await {
                Ok(asked) => asked,
                Err(decided) => return decided,
            }
        };
        let live = match live {
            Some(live) => live,
            None if course::is_late(run.occurrence, self.clock.now()) => {
                self.look_late(access).await.unwrap_or_else(|unread| {
                    tracing::warn!(event = "run.late_unseen", run_id = %run.run_id, job = run.job, account = %run.account,
                        why = unread.why(),
                        "a late run goes ahead without knowing whether its backup has run meanwhile");
                    None
                })
            }
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
        Decided::Act(starts, owing)
    }

    /// Decides about a run that was interrupted and whose window has closed since: nothing is cancelled any more. If Zoho
    /// shows the backup stopped it was cancelled before, and the call only confirms that.
    async fn decide_after_closing(&self, access: &Access, run: &mut Run, owing: Owing) -> Decided {
        let live = self.look_late(access).await;
        if self.stop.is_cancelled() {
            return Decided::Stopped;
        }
        let shown = live.ok().flatten();
        let is_stopped = |id: &BackupId| {
            shown.as_ref().is_some_and(|live| live.id.as_ref() == Some(id) && live.phase() == Phase::Stopped)
        };
        let reason = "its window had closed before the run could be taken up: nothing was sent after that";
        let end = End::without(unfinished(run), reason.to_owned());
        for target in unended(run).filter(|target| !target.backup.id().is_some_and(is_stopped)) {
            end_target(target, &end);
        }
        if unended(run).next().is_none() { Decided::Ended(owing) } else { Decided::Act(None, owing) }
    }

    /// Asks the conditions, and what `current` is, of Zoho as far as they need it. Gives what Zoho has shown, if it was
    /// asked, and what the cancels owe.
    async fn ask(
        &self,
        access: &Access,
        run: &mut Run,
        backups: &[BackupRef],
        orders: &Orders,
        spent: &mut Spent,
    ) -> Result<(Option<Option<LiveBackup>>, Owing), Decided> {
        let question = Question { backups, when: &orders.when, restore: orders.restore };
        // What can be told without asking Zoho costs no call.
        if let Course::End(end) = question.answer(&Facts::default(), self.clock.now()) {
            return Err(end_all(run, &end, orders.verify));
        }
        let read = self.pursuer().facts_within(access, question.needs(), orders.policy, spent).await;
        let Some((facts, unread)) = read else { return Err(Decided::Stopped) };
        if let Some(live) = facts.live.as_read() {
            self.remember(&access.name, live.clone());
        }
        let now = self.clock.now();
        match question.answer(&facts, now) {
            Course::End(end) => Err(end_all(run, &end, orders.verify)),
            Course::Untold(reason) => {
                unended(run).for_each(|target| end_unread(target, unread.as_ref(), &reason));
                Err(Decided::Ended(Owing::Nothing))
            }
            Course::Cancel(current) => {
                let live = facts.live.as_read();
                if let Some(live) = live.filter(|_| orders.restore) {
                    end_unrestorable(run, live.as_ref(), orders.verify, now);
                    let owing = self.settle_first(run, current, live.as_ref(), orders, *spent).await?;
                    return Ok((Some(live.clone()), owing));
                }
                if orders.is_conditional(backups) {
                    self.settle(run, current).await;
                }
                Ok((live.cloned(), Owing::Nothing))
            }
        }
    }

    /// Puts on record that the run acts, and on what.
    async fn settle(&self, run: &mut Run, current: Option<BackupId>) {
        name_current(run, current.as_ref());
        let decision = Decision { current, debt: None };
        let decided = self.store.decided(run.run_id, decision);
        // It stays in line, before the outcomes.
        if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, decided).await {
            tracing::error!(event = "run.undecided", run_id = %run.run_id, job = run.job,
                error = chain(&error), "going ahead without a record");
        }
    }

    /// Puts on record that the run acts, and what was scheduled before: nothing is sent until that is durable. If it
    /// can't be had in time, the targets end without a call.
    async fn settle_first(
        &self,
        run: &mut Run,
        current: Option<BackupId>,
        live: Option<&LiveBackup>,
        orders: &Orders,
        spent: Spent,
    ) -> Result<Owing, Decided> {
        if current.is_none() && unended(run).next().is_none() {
            return Err(Decided::Ended(Owing::Nothing));
        }
        name_current(run, current.as_ref());
        let now = self.clock.now();
        let debt = live.and_then(PreImage::of).map(|pre_image| NewDebt {
            restore_id: RestoreId::new(new_id(now)),
            account: run.account.clone(),
            job: run.job.clone(),
            pre_image,
            owed_since: now,
            due: orders.when.closing_at(now).unwrap_or(now),
        });
        let makes_debt = debt.is_some();
        let decision = Decision { current, debt };
        let written = self.store.decided(run.run_id, decision);
        let patience = self.patience(orders, live, spent);
        let trouble = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Decided::Stopped),
            written = tokio::time::timeout(patience, written) => match written {
                Ok(Ok(record::Decided::OnRecord(owed))) => {
                    say_recorded(run, owed, live);
                    return Ok(if makes_debt { Owing::Debt } else { Owing::Nothing });
                }
                Ok(Ok(record::Decided::NoSuchRun)) => "another process has claimed the run".to_owned(),
                Ok(Err(error)) => chain(&error),
                Err(_) => "the record took no writes in time".to_owned(),
            },
        };
        tracing::error!(event = "run.not_sent", run_id = %run.run_id, job = run.job, account = %run.account, why = trouble,
            "what is scheduled could not be put on record, and it is to be restored: nothing is sent");
        let reason = format!(
            "nothing was sent: what is scheduled, and is to be restored, could not be put on record first: {trouble}"
        );
        unended(run).for_each(|target| end_target(target, &End::without(Outcome::Exhausted, reason.clone())));
        // The write stays in line, and what it makes is to be taken back then.
        Err(Decided::Ended(if makes_debt { Owing::Debt } else { Owing::Nothing }))
    }

    /// How long the record is waited for: no longer than the run may take, and than the backup leaves time.
    fn patience(&self, orders: &Orders, live: Option<&LiveBackup>, spent: Spent) -> Duration {
        let now = self.clock.now();
        let time = orders.policy.give_up_after.saturating_sub(spent.time());
        let start = live.and_then(|backup| backup.next_start(now)).filter(|start| *start > now);
        let left = start.and_then(|start| start.duration_since(now).try_into().ok());
        time.min(left.unwrap_or(Duration::MAX))
    }

    /// What a late run would gain from knowing. A few tries are worth it so late, and no more: if Zoho can't be read
    /// the run goes ahead.
    async fn look_late(&self, access: &Access) -> Result<Option<LiveBackup>, Unread> {
        // The cancel will need one in any case.
        drop(access.tokens.current().await);
        let mut pauses = LATE_PAUSES.into_iter();
        loop {
            let unread = match self.pursuer().glance(access).await {
                Ok(live) => {
                    self.remember(&access.name, live.clone());
                    return Ok(live);
                }
                Err(unread) => unread,
            };
            let pause = pauses.next().filter(|_| unread.outcome == Outcome::Exhausted);
            // Nothing is sent after a stop, with or without knowing.
            if !matches!(pause, Some(pause) if self.pursuer().wait(pause).await) {
                return Err(unread);
            }
        }
    }

    /// What an interrupted run has seen itself before it was interrupted.
    async fn seen_by(&self, run: &Run) -> Option<LiveBackup> {
        let seen = self.store.seen().await.ok()?.remove(&run.account)?;
        (Some(seen.read_at) >= run.started_at).then_some(seen.backup)
    }

    /// Ends an interrupted run whose job is gone, and whose conditions can't be looked at any more: a guard-rail that is
    /// gone is no leave to go ahead.
    pub(super) async fn give_up(&self, mut run: Run, owing: Owing) -> Ended {
        let reason = "it was interrupted, and its job file, which says when it may act, is gone since";
        let open = open_targets(&run);
        let end = End::without(unfinished(&run), reason.to_owned());
        end_all(&mut run, &end, false);
        self.end_without_calls(run, &open, owing).await
    }
}

/// How a run ends that was interrupted and is not gone on with. What no schedule has set off has no occurrence that could
/// be missed.
fn unfinished(run: &Run) -> Outcome {
    if run.occurrence.is_some() { Outcome::Missed } else { Outcome::Exhausted }
}

/// Says that what is scheduled is on record.
fn say_recorded(run: &Run, owed: Option<Owed>, live: Option<&LiveBackup>) {
    let (Some(Owed { restore_id, is_new }), Some(live)) = (owed, live) else { return };
    let rrule = live.rrule.as_deref();
    let requester = live.requester.as_deref();
    if is_new {
        tracing::info!(event = "restore.recorded", run_id = %run.run_id, job = run.job, account = %run.account,
            %restore_id, rrule, requester, "what is scheduled is on record, to be put back");
    } else {
        tracing::info!(event = "restore.recorded", run_id = %run.run_id, job = run.job, account = %run.account,
            %restore_id, rrule, requester,
            "what is scheduled is on record; it is not what is put back: that is what was there before");
    }
}

/// Ends those listed backups of which it is not known what would have to be restored, and those that need no call.
fn end_unrestorable(run: &mut Run, live: Option<&LiveBackup>, verify: bool, now: Timestamp) {
    for target in unended(run) {
        let end = target.backup.id().and_then(|id| course::unrestorable(id, live, now));
        if let Some(end) = end {
            end_target(target, &End { verified: end.verified.filter(|_| verify), ..end });
        }
    }
}

/// Says which backup `current` is.
fn name_current(run: &mut Run, current: Option<&BackupId>) {
    for target in run.targets.iter_mut().filter(|target| target.backup == BackupRef::Current) {
        target.backup = current.map_or(BackupRef::Current, |id| BackupRef::Id(id.clone()));
    }
}

fn end_all(run: &mut Run, end: &End, verify: bool) -> Decided {
    let end = End { verified: end.verified.filter(|_| verify), ..end.clone() };
    unended(run).for_each(|target| end_target(target, &end));
    Decided::Ended(Owing::Nothing)
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
