//! Carries out one run: decides whether it acts, pursues its targets side by side, reads back what came of it, and
//! records how each ended before anyone is told.

use std::sync::Arc;
use std::time::Duration;

use calloff_core::condition::Conditions;
use calloff_core::config::Job;
use calloff_core::course::Starts;
use calloff_core::ids::{AccountName, BackupRef, RunId};
use calloff_core::live::LiveBackup;
use calloff_core::outcome::Outcome;
use calloff_core::restore;
use calloff_core::retry::RetryPolicy;
use calloff_core::run::{Run, RunState, Target};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::accounts::Access;
use super::cancel::Cancelling;
use super::decide::Decided;
use super::pursuit::{Bounds, Pursued, Pursuer, Spent, ran_out};
use super::sightings::Sightings;
use super::spans;
use super::successors::Successors;
use crate::clock::SharedClock;
use crate::error::chain;
use crate::metrics::Metrics;
use crate::store::{Ending, Seen, Store, StoreError, Written};

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
    /// What runs have seen at Zoho, for whoever plans by it.
    pub sightings: Arc<Sightings>,
    /// What backups have become that were put back.
    pub successors: Arc<Successors>,
    /// What runs are counted in.
    pub metrics: Metrics,
}

/// How a run is to be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Orders {
    /// How transient failures are retried.
    pub policy: RetryPolicy,
    /// What must hold for it to act.
    pub when: Conditions,
    /// Whether its cancels are read back.
    pub verify: bool,
    /// Whether it is settled that it acts: then its conditions are not asked again.
    pub decided: bool,
    /// Whether what it ends is owed: then it sends nothing before that is on record.
    pub restore: bool,
    /// What was owed for it when it was interrupted, if it was.
    pub owing: Owing,
}

/// Whether a run's cancel makes a debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owing {
    /// It does not.
    Nothing,
    /// It does.
    Debt,
    /// It does, and a process that was interrupted may have sent it.
    DebtOfInterrupted,
}

impl Owing {
    /// Whether a cancel of a run that owes so much may have stopped the backup, by how its target has ended.
    /// `is_in_doubt` is whether an attempt may have had its effect without saying so.
    pub(super) fn stopped(self, target: &Target, is_in_doubt: bool) -> Option<bool> {
        let was_interrupted = match self {
            Self::Nothing => return None,
            Self::Debt => false,
            Self::DebtOfInterrupted => true,
        };
        Some(restore::may_have_stopped(target.outcome?, is_in_doubt, was_interrupted))
    }
}

impl Orders {
    /// As the job's file has it.
    #[must_use]
    pub fn of(job: &Job) -> Self {
        Self {
            policy: job.retry,
            when: job.when.clone(),
            verify: job.verify,
            decided: false,
            restore: job.restore,
            owing: Owing::Nothing,
        }
    }

    /// Without conditions.
    #[must_use]
    pub fn unconditional(policy: RetryPolicy) -> Self {
        Self {
            policy,
            when: Conditions::default(),
            verify: true,
            decided: false,
            restore: false,
            owing: Owing::Nothing,
        }
    }

    /// Whether the run needs a window that is not open.
    pub(super) fn is_shut(&self, now: Timestamp) -> bool {
        self.when.window.as_ref().is_some_and(|named| !named.window.contains(now))
    }

    /// Whether there is something to decide for these backups before anything is sent.
    #[must_use]
    pub fn is_conditional(&self, backups: &[BackupRef]) -> bool {
        self.when != Conditions::default() || backups.contains(&BackupRef::Current)
    }
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
        run: Run,
        orders: &Orders,
        freed: impl FnOnce(),
    ) -> Ended {
        let span = spans::run(&run);
        let ended = self.see_through(access, run, orders, freed).instrument(span.clone()).await;
        spans::end_run(&span, &ended);
        ended
    }

    async fn see_through(
        &self,
        access: Arc<Access>,
        mut run: Run,
        orders: &Orders,
        freed: impl FnOnce(),
    ) -> Ended {
        tracing::debug!(event = "run.start", run_id = %run.run_id, job = run.job, account = %run.account,
            trigger = run.trigger.as_str(), occurrence = run.occurrence.map(tracing::field::display),
            lateness_ms = run.lateness_ms, targets = run.targets.len(), "a run begins");
        let open = open_targets(&run);
        let mut spent = Spent::default();
        // What was taken up may lack nothing but its read-back.
        let decided = if open.is_empty() {
            Decided::Act(None, orders.owing)
        } else {
            self.decide(&access, &mut run, orders, &mut spent).await
        };
        let (starts, owing) = match decided {
            Decided::Act(starts, owing) => (starts, owing),
            Decided::Stopped => {
                freed();
                return Ended::Stopped(run);
            }
            Decided::Ended(owing) => {
                freed();
                return self.end_without_calls(run, &open, owing).await;
            }
        };
        let mut recordings = JoinSet::new();
        let ended = endings(&run, &open, owing);
        if !ended.is_empty() {
            let (worker, of, keep_open) = (self.clone(), RunKey::of(&run), orders.verify);
            recordings.spawn(async move { worker.record(of, ended, keep_open).await });
        }
        let course = Course { starts, owing, spent };
        self.pursue_all(&access, &mut run, orders, &course, &mut recordings).await;
        // What follows takes nothing from the job's next run.
        freed();
        let all_ended = run.targets.iter().all(|target| target.outcome.is_some());
        let proof = if orders.verify && all_ended { Some(self.read_back(&access, &run).await) } else { None };

        let recorded = self.within_patience(finish(recordings)).await;
        let closed = match (recorded, proof) {
            (Some(Ok(at)), None) => Some(at),
            (Some(Ok(_)), Some(proof)) => {
                for (position, target) in &proof {
                    run.targets[*position] = target.clone();
                }
                self.within_patience(self.close(&run, proof)).await.and_then(Result::ok).map(Some)
            }
            _ => None,
        };
        let Some(at) = closed else { return Ended::Unrecorded(run) };
        run.finished_at = run.finished_at.or(at);
        self.concluded(run)
    }

    /// Pursues the targets side by side; each outcome is on its way into the record as soon as it is known. Whether
    /// it is there is known when the recordings end.
    async fn pursue_all(
        &self,
        access: &Arc<Access>,
        run: &mut Run,
        orders: &Orders,
        course: &Course,
        recordings: &mut JoinSet<Result<Option<Timestamp>, NotRecorded>>,
    ) {
        let mut pursuits = JoinSet::new();
        for (position, target) in
            run.targets.iter().enumerate().filter(|(_, target)| target.outcome.is_none())
        {
            let (pursuer, access) = (self.pursuer(), Arc::clone(access));
            let mut cancelling = Cancelling::new(self, run, position, target.clone());
            let its_own = course.starts.as_ref().filter(|starts| target.backup.id() == Some(&starts.of));
            let deadline = its_own.and_then(|starts| starts.deadline);
            let (bounds, mut spent) = (Bounds { policy: orders.policy, deadline }, course.spent);
            let owing = course.owing;
            let span = spans::target(target);
            let around = span.clone();
            let pursuing = async move {
                let end = pursuer.pursue(&access, &mut cancelling, bounds, &mut spent).await;
                let (outcome, reason) = match end {
                    Pursued::Ended(outcome) => (outcome, None),
                    Pursued::Denied => (Outcome::Denied, None),
                    Pursued::GaveUp(limit) => (Outcome::Exhausted, Some(ran_out(limit, bounds))),
                    Pursued::Stopped => return None,
                };
                let ending = cancelling.end(outcome, reason, owing);
                spans::end_target(&around, &ending.target);
                Some(ending)
            };
            pursuits.spawn(pursuing.instrument(span));
        }
        while let Some(ending) = pursuits.join_next().await {
            // A pursuit that panicked leaves its target without an outcome: it is taken up at the next start.
            let Ok(Some(ending)) = ending else { continue };
            run.targets[ending.position] = ending.target.clone();
            let (worker, of, keep_open) = (self.clone(), RunKey::of(run), orders.verify);
            recordings.spawn(async move { worker.record(of, vec![ending], keep_open).await });
        }
    }

    /// Records the end of a run whose targets ended without a call; those at `open` had not ended before.
    pub(super) async fn end_without_calls(&self, mut run: Run, open: &[usize], owing: Owing) -> Ended {
        let ended = endings(&run, open, owing);
        match self.within_patience(self.record(RunKey::of(&run), ended, false)).await {
            Some(Ok(at)) => {
                run.finished_at = at;
                self.concluded(run)
            }
            _ => Ended::Unrecorded(run),
        }
    }

    /// Records outcomes, then says them, save those that a read-back may still change; gives the end of the run, if
    /// this was it.
    async fn record(
        &self,
        run: RunKey,
        endings: Vec<Ending>,
        keep_open: bool,
    ) -> Result<Option<Timestamp>, NotRecorded> {
        let targets: Vec<Target> = endings.iter().map(|ending| ending.target.clone()).collect();
        let writing = self.store.ended(run.run_id, endings, keep_open, self.clock.now());
        let written = self.durable(&run, &targets, writing).await?;
        if written != Written::ByAnother {
            announce_all(&run, targets.iter().filter(|target| !(keep_open && target.is_success())));
        }
        Ok(if let Written::LastOfRun(at) = written { Some(at) } else { None })
    }

    /// Records what a read-back has shown, which ends the run, and says how its cancels ended.
    async fn close(&self, run: &Run, proof: Vec<(usize, Target)>) -> Result<Timestamp, NotRecorded> {
        let key = RunKey::of(run);
        let said_now =
            |target: &&Target| target.is_success() || target.outcome == Some(Outcome::Contradicted);
        let targets: Vec<Target> = run.targets.iter().filter(said_now).cloned().collect();
        let writing = self.store.proved(run.run_id, proof, self.clock.now());
        match self.durable(&key, &targets, writing).await? {
            Written::LastOfRun(at) => {
                announce_all(&key, &targets);
                Ok(at)
            }
            Written::OneOfRun | Written::ByAnother | Written::NoSuchRun => Err(NotRecorded),
        }
    }

    /// Waits until a write about these targets is durable. If that takes long, or fails, the log says how they ended.
    async fn durable(
        &self,
        run: &RunKey,
        targets: &[Target],
        writing: impl Future<Output = Result<Written, StoreError>>,
    ) -> Result<Written, NotRecorded> {
        tokio::pin!(writing);
        let written = tokio::select! {
            biased;
            written = &mut writing => written,
            () = self.store.failing() => {
                // If the process is killed before the record recovers, these lines are all there is.
                for target in targets {
                    tracing::warn!(event = "target.unrecorded", run_id = %run.run_id, job = run.job,
                        account = %run.account, backup = %target.backup,
                        outcome = target.outcome.map(Outcome::as_str), attempts = target.attempts,
                        code = target.code, "an outcome waits for the record to take writes again");
                }
                writing.await
            }
        };
        let why = match written {
            Ok(Written::NoSuchRun) => {
                "another process had claimed the run meanwhile; the record has its outcomes".to_owned()
            }
            Ok(written) => return Ok(written),
            Err(error) => chain(&error),
        };
        for target in targets {
            tracing::error!(event = "target.unrecorded", run_id = %run.run_id, job = run.job, account = %run.account,
                backup = %target.backup, outcome = target.outcome.map(Outcome::as_str),
                error = why, "an outcome could not be recorded");
        }
        Err(NotRecorded)
    }

    /// Says how a run ended here, all of it being on record.
    fn concluded(&self, mut run: Run) -> Ended {
        if run.finished_at.is_none() {
            return Ended::Stopped(run);
        }
        run.state = RunState::of(run.targets.iter().filter_map(|target| target.outcome));
        if run.state == RunState::Missed {
            run.stand_for_missed();
        }
        tracing::debug!(event = "run.end", run_id = %run.run_id, job = run.job, account = %run.account,
            state = run.state.as_str(), "a run has ended");
        self.metrics.run_ended(&run);
        Ended::Complete(run)
    }

    /// Says how each target of a run ended that was begun and ended in one piece.
    pub(super) fn announce(&self, run: &Run) {
        announce_all(&RunKey::of(run), &run.targets);
        self.metrics.run_ended(run);
    }

    /// Waits for the record no longer than a run does once its last call is made; nothing if that is over.
    pub(super) async fn within_patience<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(self.record_within.unwrap_or(Duration::MAX), work).await.ok()
    }

    /// What pursues answers.
    pub(super) fn pursuer(&self) -> Pursuer {
        Pursuer { clock: Arc::clone(&self.clock), dice: self.dice, stop: self.stop.clone() }
    }

    /// Keeps what Zoho has shown of an account, without waiting for it to be on record.
    pub(super) fn remember(&self, account: &AccountName, live: Option<LiveBackup>) {
        let seen = Seen { backup: live.unwrap_or_default(), read_at: self.clock.now() };
        self.sightings.note(account.clone(), seen.backup.next_start(seen.read_at));
        let (store, account) = (self.store.clone(), account.clone());
        // If it can't be recorded the writer says so.
        tokio::spawn(async move { drop(store.remember(account, seen).await) });
    }
}

/// What is known of a run that acts.
#[derive(Debug)]
struct Course {
    /// When one of its targets starts by itself.
    starts: Option<Starts>,
    owing: Owing,
    /// What deciding has taken.
    spent: Spent,
}

/// Something could not be put on record; that has been said.
#[derive(Debug)]
struct NotRecorded;

/// Waits until all is on record; gives the end of the run, if one of them was it.
async fn finish(
    mut recordings: JoinSet<Result<Option<Timestamp>, NotRecorded>>,
) -> Result<Option<Timestamp>, NotRecorded> {
    let (mut at, mut all) = (None, true);
    while let Some(recorded) = recordings.join_next().await {
        match recorded {
            Ok(Ok(ended)) => at = at.or(ended),
            _ => all = false,
        }
    }
    if all { Ok(at) } else { Err(NotRecorded) }
}

/// The places of the targets that have not ended.
pub(super) fn open_targets(run: &Run) -> Vec<usize> {
    let open = run.targets.iter().enumerate().filter(|(_, target)| target.outcome.is_none());
    open.map(|(position, _)| position).collect()
}

/// How those of the targets at these places ended that have.
fn endings(run: &Run, open: &[usize], owing: Owing) -> Vec<Ending> {
    let ended = open.iter().map(|&position| (position, &run.targets[position]));
    ended
        .filter(|(_, target)| target.outcome.is_some())
        .map(|(position, target)| Ending {
            position,
            target: target.clone(),
            attempt: None,
            stopped: owing.stopped(target, false),
        })
        .collect()
}

/// What tells a run from others, in the record and in the log.
#[derive(Debug, Clone)]
struct RunKey {
    run_id: RunId,
    job: String,
    account: AccountName,
}

impl RunKey {
    fn of(run: &Run) -> Self {
        Self { run_id: run.run_id, job: run.job.clone(), account: run.account.clone() }
    }
}

fn announce_all<'t>(run: &RunKey, targets: impl IntoIterator<Item = &'t Target>) {
    for target in targets {
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
