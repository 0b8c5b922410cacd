//! From what is due to what is done: claims, begins and carries out runs, for the daemon and for the commands.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use calloff_core::agenda::{self, DueRun, Pause};
use calloff_core::config::Job;
use calloff_core::hold::{Held, Memory};
use calloff_core::ids::{AccountName, BackupId, BackupRef, JobName, RunId};
use calloff_core::outcome::Outcome;
use calloff_core::reload::LeftOut;
use calloff_core::retry::RetryPolicy;
use calloff_core::run::{MANUAL_JOB, Run, RunState, Target, Trigger};
use jiff::Timestamp;

use super::accounts::Accounts;
use super::agenda::Due;
use super::ids::new_id;
use super::worker::{Ended, Orders, Owing, Worker};
use crate::error::chain;
use crate::store::{Claim, Claimed, Interrupted, Missed, NewRun, RunDebt, StoreError};

/// How long a due cancel waits for the record before it goes ahead without: a missed cancel is worse than a
/// repeated one.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What runs are made from.
#[derive(Debug, Clone)]
pub struct Runner {
    /// Carries out runs.
    pub worker: Worker,
    /// The accounts, by name.
    pub accounts: Arc<Accounts>,
    /// Accounts that the files don't have any more, for what was due before.
    pub former: Arc<Accounts>,
    /// What the start has done without.
    pub left_out: Arc<LeftOut>,
    /// The loaded jobs, by name: an interrupted run goes by its job's file as it is now.
    pub jobs: Arc<BTreeMap<String, Arc<Job>>>,
    /// What is in force by now, where that is more than this runner began with. Clones share it.
    pub current: Arc<Current>,
    /// How a run is retried that no loaded job stands for.
    pub default_retry: RetryPolicy,
}

/// What is in force by now: what takes long asks it again before it goes on.
#[derive(Debug, Default)]
pub struct Current(RwLock<Option<InForceNow>>);

/// The jobs by name, and what was left out.
pub(super) type InForceNow = (Arc<BTreeMap<String, Arc<Job>>>, Arc<LeftOut>);

impl Current {
    /// Has other files in force from now on.
    pub(super) fn set(&self, now: InForceNow) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    pub(super) fn get(&self) -> Option<InForceNow> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What became of a run that was interrupted.
#[derive(Debug)]
pub enum TakenUp {
    /// It was carried out.
    Ended(Box<Ended>),
    /// It has to wait until files are others.
    Later(Box<Interrupted>),
}

/// What came of something due.
#[derive(Debug, Default)]
pub struct Fired {
    /// The row that stands for what was missed.
    pub missed: Option<Run>,
    /// The run, unless another process has claimed it.
    pub ended: Option<Ended>,
}

impl Runner {
    /// Does what is due, once it is claimed: the claim is in line for the record at once, the rest is done as the future
    /// is polled. `freed` is called with where the job's schedule stands, as soon as no more calls will be made.
    pub fn fire<F: FnOnce(Timestamp)>(&self, due: Due, freed: F) -> impl Future<Output = Fired> + use<F> {
        let claim = self.claim(&due);
        let (to, now) = (claim.to, claim.now);
        let missed = claim.missed.as_ref().map(|missed| missed_run(&due.job, missed, now));
        let run = claim.run.as_ref().map(started);
        let claiming = self.put_on_record(claim, missed.clone());
        let runner = self.clone();
        async move {
            let claimed = claiming.await;
            if let Claimed::Lost(cursor) = claimed {
                freed(cursor);
                return Fired::default();
            }
            if let Some(missed) = &missed {
                tracing::error!(event = "run.missed", run_id = %missed.run_id, job = missed.job, account = %missed.account,
                    occurrence = missed.occurrence.map(tracing::field::display), missed = missed.missed,
                    "occurrences passed while nothing could run them");
            }
            let ended = if let Some(run) = run {
                runner.worker.metrics.fired(&run);
                runner.carry_out(&due.job, run, claimed, now, || freed(to)).await
            } else {
                freed(to);
                None
            };
            Fired { missed, ended }
        }
    }

    /// Carries out a run that was claimed; nothing if its account is not there.
    async fn carry_out(
        &self,
        job: &Job,
        run: Run,
        claimed: Claimed,
        now: Timestamp,
        freed: impl FnOnce(),
    ) -> Option<Ended> {
        let Some(access) = self.accounts.get(&job.account).or_else(|| self.former.get(&job.account)) else {
            freed();
            return None;
        };
        if let Claimed::Paused(why) = claimed {
            freed();
            let skipped = skipped(run, &why, now);
            self.worker.announce(&skipped);
            return Some(Ended::Complete(skipped));
        }
        Some(self.worker.carry_out(Arc::clone(access), run, &Orders::of(job), freed).await)
    }

    /// Claims, and doesn't wait for ever: a cancel goes ahead if the record can't be had in time. The claim stays in
    /// line then, and is recorded later. What was missed is counted once it is on record.
    fn put_on_record(&self, claim: Claim, missed: Option<Run>) -> impl Future<Output = Claimed> + use<> {
        let (job, now) = (claim.job.clone(), claim.now);
        let occurrence = claim.run.as_ref().and_then(|run| run.occurrence).unwrap_or(now);
        let claiming = self.worker.store.claim(claim);
        let (runner, metrics) = (self.clone(), self.worker.metrics.clone());
        async move {
            let count = move |claimed: &Claimed| {
                if let Some(missed) = missed.filter(|_| !matches!(claimed, Claimed::Lost(_))) {
                    metrics.run_ended(&missed);
                }
            };
            let mut claiming = Box::pin(claiming);
            match tokio::time::timeout(PATIENCE, &mut claiming).await {
                Ok(Ok(claimed)) => {
                    count(&claimed);
                    claimed
                }
                Ok(Err(error)) => {
                    tracing::error!(event = "run.unclaimed", %job, error = chain(&error), "going ahead without a record");
                    Claimed::Ours
                }
                Err(_) => {
                    tokio::spawn(async move { drop(claiming.await.inspect(count)) });
                    if let Some(pause) = runner.pause_of(&job, occurrence, now).await {
                        return Claimed::Paused(pause.why());
                    }
                    going_ahead(job.as_str());
                    Claimed::Ours
                }
            }
        }
    }

    /// The pause that covers an occurrence. Reading works even while the record takes no writes.
    pub(super) async fn pause_of(
        &self,
        job: &JobName,
        occurrence: Timestamp,
        now: Timestamp,
    ) -> Option<Pause> {
        let mut pauses = self.worker.store.pauses().await.unwrap_or_default();
        pauses.remove(job.as_str()).filter(|pause| pause.covers(occurrence, now))
    }

    /// Runs a job now, whatever its schedule says.
    ///
    /// # Errors
    ///
    /// If the record refuses the run for good; then nothing is sent. If it is only busy the run goes ahead.
    pub async fn trigger(&self, job: &Job, reason: Option<String>) -> Result<Option<Ended>, StoreError> {
        let orders = Orders::of(job);
        let run = self.manual(
            job.name.as_str(),
            &job.account,
            self.worker.successors.of(&job.backups),
            reason,
            &orders,
        );
        let hold = hold_of(job, self.worker.clock.now());
        self.begin(run, hold, &orders).await
    }

    /// Cancels backups that no job names.
    ///
    /// # Errors
    ///
    /// If the record refuses the run for good; then nothing is sent. If it is only busy the run goes ahead.
    pub async fn cancel(
        &self,
        account: &AccountName,
        backups: &[BackupId],
        reason: Option<String>,
    ) -> Result<Option<Ended>, StoreError> {
        let orders = Orders::unconditional(self.default_retry);
        let backups = backups.iter().cloned().map(BackupRef::from).collect();
        self.begin(self.manual(MANUAL_JOB, account, backups, reason, &orders), None, &orders).await
    }

    /// Takes up a run whose process ended before it did. What it had tried before counts in its record, not
    /// against its new attempts.
    pub async fn take_up(&self, interrupted: Interrupted) -> TakenUp {
        let run = &interrupted.run;
        let Some(access) = self.accounts.get(&run.account) else {
            tracing::error!(event = "run.orphaned", run_id = %run.run_id, job = run.job, account = %run.account,
                "an interrupted run waits: its account is not in calloff.toml, or its secrets can't be read");
            return TakenUp::Later(Box::new(interrupted));
        };
        // What its file says decides over what is not settled: that it is wrong does not mean that it is gone.
        let is_settled = interrupted.decided && interrupted.debt == RunDebt::None;
        if !is_settled && !self.jobs.contains_key(&run.job) && self.left_out.may_have(&run.job) {
            tracing::error!(event = "run.orphaned", run_id = %run.run_id, job = run.job, account = %run.account,
                "an interrupted run waits: its job's file is wrong; mend it");
            return TakenUp::Later(Box::new(interrupted));
        }
        let Interrupted { run, decided, verify, debt } = interrupted;
        tracing::warn!(event = "run.taken_up", run_id = %run.run_id, job = run.job, account = %run.account,
            "a run that was interrupted is taken up");
        let owing = if debt == RunDebt::Owed { Owing::DebtOfInterrupted } else { Owing::Nothing };
        let orders = match self.jobs.get(&run.job) {
            // What was settled before its job came to restore anything, or whose debt has ended, is settled anew.
            Some(job) => {
                let decided = decided && (debt == RunDebt::Owed || !job.restore);
                Orders { verify, decided, owing, ..Orders::of(job) }
            }
            // Without its job nobody knows whether its window is open still, nor would what it ends be put back.
            None if decided && debt == RunDebt::None => {
                Orders { verify, decided, owing, ..Orders::unconditional(self.default_retry) }
            }
            None => return TakenUp::Ended(Box::new(self.worker.give_up(run, owing).await)),
        };
        TakenUp::Ended(Box::new(self.worker.carry_out(Arc::clone(access), run, &orders, || ()).await))
    }

    pub(super) async fn begin(
        &self,
        run: NewRun,
        hold: Option<Held>,
        orders: &Orders,
    ) -> Result<Option<Ended>, StoreError> {
        self.begin_and_free(run, hold, orders, || ()).await
    }

    /// The same; `freed` is called as soon as no more calls will be made.
    pub(super) async fn begin_and_free(
        &self,
        run: NewRun,
        hold: Option<Held>,
        orders: &Orders,
        freed: impl FnOnce(),
    ) -> Result<Option<Ended>, StoreError> {
        let Some(access) = self.accounts.get(&run.account) else { return Ok(None) };
        if let Ok(begun) = tokio::time::timeout(PATIENCE, self.worker.store.begin(run.clone(), hold)).await {
            begun?;
        } else {
            going_ahead(&run.job);
        }
        Ok(Some(self.worker.carry_out(Arc::clone(access), started(&run), orders, freed).await))
    }

    fn manual(
        &self,
        job: &str,
        account: &AccountName,
        backups: Vec<BackupRef>,
        reason: Option<String>,
        orders: &Orders,
    ) -> NewRun {
        let now = self.worker.clock.now();
        NewRun {
            run_id: RunId::new(new_id(now)),
            job: job.to_owned(),
            account: account.clone(),
            trigger: Trigger::Manual,
            occurrence: None,
            due_at: None,
            started_at: now,
            reason,
            decided: !orders.is_conditional(&backups),
            verify: orders.verify,
            backups,
        }
    }

    fn claim(&self, due: &Due) -> Claim {
        let now = self.worker.clock.now();
        let Due { job, cursor, decision, .. } = due;
        Claim {
            job: job.name.clone(),
            from: *cursor,
            to: decision.cursor().unwrap_or(*cursor),
            // The missed ones come first in time, and so do their IDs.
            missed: decision.missed.map(|missed| missing(job, &missed, now)),
            run: decision.run.map(|run| scheduled(job, &run, self.worker.successors.of(&job.backups), now)),
            hold: hold_of(job, now),
            now,
        }
    }
}

/// The hold that a job begins which is due, or set off by hand, while its window is open: whatever becomes of the run, the
/// looks that follow ask its conditions anew.
fn hold_of(job: &Job, now: Timestamp) -> Option<Held> {
    let hold = job.hold?;
    Some(Held {
        job: job.name.clone(),
        account: job.account.clone(),
        since: now,
        closes: job.when.closing_at(now)?,
        next_poll: now.saturating_add(hold.poll).unwrap_or(Timestamp::MAX),
        memory: Memory::default(),
    })
}

pub(super) fn going_ahead(job: &str) {
    tracing::error!(event = "run.unclaimed", job, "the record is busy: going ahead, to be recorded later");
}

fn scheduled(job: &Job, due: &DueRun, backups: Vec<BackupRef>, now: Timestamp) -> NewRun {
    NewRun {
        run_id: RunId::new(new_id(now)),
        job: job.name.as_str().to_owned(),
        account: job.account.clone(),
        trigger: due.trigger,
        occurrence: Some(due.occurrence),
        due_at: Some(due.fire_at),
        started_at: now,
        reason: None,
        decided: !Orders::of(job).is_conditional(&backups),
        verify: job.verify,
        backups,
    }
}

fn missing(job: &Job, missed: &agenda::Missed, now: Timestamp) -> Missed {
    let catch_up = humantime::format_duration(job.catch_up);
    let reason = match missed.count {
        1 => format!("nothing could run it at {}; catch_up is {catch_up}", missed.newest),
        count => format!(
            "nothing could run these {count}, from {} to {}; at most the newest one is caught up with, within {catch_up}",
            missed.oldest, missed.newest
        ),
    };
    Missed {
        run_id: RunId::new(new_id(now)),
        account: job.account.clone(),
        newest: missed.newest,
        count: missed.count,
        reason,
        backups: job.backups.clone(),
    }
}

/// The run as it is at its beginning.
pub(super) fn started(new: &NewRun) -> Run {
    Run {
        run_id: new.run_id,
        job: new.job.clone(),
        account: new.account.clone(),
        trigger: new.trigger,
        occurrence: new.occurrence,
        state: RunState::Running,
        started_at: Some(new.started_at),
        finished_at: None,
        lateness_ms: new.due_at.map(|due| new.started_at.as_millisecond() - due.as_millisecond()),
        missed: None,
        reason: new.reason.clone(),
        targets: new.backups.iter().cloned().map(Target::pending).collect(),
    }
}

/// A run of a paused job, as the record has it.
fn skipped(mut run: Run, why: &str, now: Timestamp) -> Run {
    run.reason = Some(why.to_owned());
    skip(&mut run, why, now);
    run
}

/// Ends a run that does nothing, as the record has it.
pub(super) fn skip(run: &mut Run, why: &str, now: Timestamp) {
    run.state = RunState::Skipped;
    run.finished_at = Some(now);
    for target in &mut run.targets {
        target.end(Outcome::Skipped, Some(why.to_owned()));
    }
}

/// The row for what was missed, as the record has it.
fn missed_run(job: &Job, missed: &Missed, now: Timestamp) -> Run {
    let target = |backup: &BackupRef| {
        let mut target = Target::pending(backup.clone());
        target.end(Outcome::Missed, Some(missed.reason.clone()));
        target
    };
    Run {
        run_id: missed.run_id,
        job: job.name.as_str().to_owned(),
        account: missed.account.clone(),
        trigger: Trigger::Schedule,
        occurrence: Some(missed.newest),
        state: RunState::Missed,
        started_at: None,
        finished_at: Some(now),
        lateness_ms: None,
        missed: Some(missed.count),
        reason: None,
        targets: missed.backups.iter().map(target).collect(),
    }
}
