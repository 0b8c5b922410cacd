//! The scheduling loop: on each beat it asks the agenda what is due, and has it done.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::agenda::{Agenda, Due};
use super::beat::{Beat, SILENCE};
use super::keeper::{Duty, Keeper, Key};
use super::runner::Runner;
use super::watch::ClockWatch;
use crate::error::chain;
use crate::store::Interrupted;

/// What the loop works with.
#[derive(Debug)]
pub struct Engine {
    runner: Runner,
    agenda: Agenda,
    watch: ClockWatch,
    /// How long finished runs are kept.
    keep: Duration,
    tasks: JoinSet<()>,
    /// Which job each task keeps busy, and where its schedule stands after that.
    busy: HashMap<Id, (usize, Timestamp)>,
    /// What windows leave to be done.
    keeper: Keeper,
    /// Whether the record may have other duties than the keeper knows.
    is_stale: bool,
    /// Which task sees to which duty, or reads them.
    seeing: HashMap<Id, Seeing>,
    /// What was read of the duties.
    read: (mpsc::UnboundedSender<Duties>, mpsc::UnboundedReceiver<Duties>),
    /// Tasks tell here that their jobs are idle again.
    freed: (mpsc::UnboundedSender<Freed>, mpsc::UnboundedReceiver<Freed>),
}

/// Duties, each with when it is to be done.
type Duties = Vec<(Timestamp, Duty)>;

/// What a task of the keeper is about.
#[derive(Debug)]
enum Seeing {
    /// Reading the duties.
    Reading,
    /// One of them.
    To(Key),
}

/// A task will make no more calls; its job's schedule stands at this instant.
type Freed = (Id, Timestamp);

impl Engine {
    /// A loop over these jobs, which first takes up what was interrupted.
    #[must_use]
    pub fn new(runner: Runner, agenda: Agenda, interrupted: Vec<Interrupted>, keep: Duration) -> Self {
        let watch = ClockWatch::new(runner.worker.clock.now());
        let mut tasks = JoinSet::new();
        for interrupted in interrupted {
            let runner = runner.clone();
            tasks.spawn(async move { drop(runner.take_up(interrupted).await) });
        }
        Self {
            runner,
            agenda,
            watch,
            keep,
            tasks,
            busy: HashMap::new(),
            keeper: Keeper::default(),
            is_stale: true,
            seeing: HashMap::new(),
            read: mpsc::unbounded_channel(),
            freed: mpsc::unbounded_channel(),
        }
    }

    /// Works until the runner's worker is stopped, then lets what is under way finish, for `grace` at most. Gives
    /// back when the grace period ends.
    pub async fn run(mut self, mut beats: mpsc::Receiver<Beat>, grace: Duration) -> Instant {
        let stop = self.runner.worker.stop.clone();
        let mut silent_at = Instant::now() + SILENCE;
        self.look();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some((id, cursor)) = self.freed.1.recv() => self.settle(id, Some(cursor)),
                Some(duties) = self.read.1.recv() => {
                    self.keeper.learn(duties);
                    self.see_to_what_is_due();
                }
                Some(ended) = self.tasks.join_next_with_id() => self.joined(ended),
                Some(beat) = beats.recv() => {
                    silent_at = Instant::now() + SILENCE;
                    match beat {
                        Beat::Look => self.look(),
                        Beat::TakeOver => self.take_over(),
                        Beat::Prune => self.prune(),
                    }
                }
                () = tokio::time::sleep_until(silent_at) => {
                    silent_at = Instant::now() + SILENCE;
                    tracing::warn!(event = "beat.silent", "the alarm is silent: looking without it");
                    self.look();
                }
            }
        }
        let end = Instant::now() + grace;
        self.drain(end).await;
        end
    }

    fn look(&mut self) {
        let now = self.runner.worker.clock.now();
        let look = self.watch.look(now);
        if look.set_back {
            self.agenda.rearm(now);
            // What was to be done at an instant that was nearer than it seemed.
            self.is_stale = true;
        }
        for (account, start) in self.runner.worker.sightings.take() {
            self.agenda.learn(&account, start, now);
        }
        for due in self.agenda.due(now, look.awake_since) {
            self.fire(due);
        }
        self.see_to_what_is_due();
        self.read_duties();
    }

    /// Sees to what windows have left to be done.
    fn see_to_what_is_due(&mut self) {
        for duty in self.keeper.due(self.runner.worker.clock.now()) {
            let (runner, key) = (self.runner.clone(), duty.key());
            let task = self.tasks.spawn(async move { runner.see_to_quietly(duty).await });
            self.seeing.insert(task.id(), Seeing::To(key));
        }
    }

    /// Has the duties read anew, if they may be others by now.
    fn read_duties(&mut self) {
        let is_reading = self.seeing.values().any(|seeing| matches!(seeing, Seeing::Reading));
        if !self.is_stale || is_reading {
            return;
        }
        self.is_stale = false;
        let (runner, read) = (self.runner.clone(), self.read.0.clone());
        let task = self.tasks.spawn(async move {
            match runner.duties().await {
                // Without the loop there is nobody left to tell.
                Ok(duties) => drop(read.send(duties)),
                Err(error) => tracing::warn!(
                    event = "store.unread",
                    error = chain(&error),
                    "what windows leave to be done could not be read; trying again"
                ),
            }
        });
        self.seeing.insert(task.id(), Seeing::Reading);
    }

    fn fire(&mut self, due: Due) {
        let runner = self.runner.clone();
        let freed = self.freed.0.clone();
        let busy = (due.place, due.decision.cursor().unwrap_or(due.cursor));
        let task = self.tasks.spawn(async move {
            let id = tokio::task::id();
            // Without the loop there is nobody left to tell.
            runner
                .fire(due, |cursor| {
                    let _ = freed.send((id, cursor));
                })
                .await;
        });
        self.busy.insert(task.id(), busy);
    }

    fn settle(&mut self, id: Id, cursor: Option<Timestamp>) {
        if let Some((place, expected)) = self.busy.remove(&id) {
            self.agenda.settle(place, cursor.unwrap_or(expected), self.runner.worker.clock.now());
        }
    }

    fn joined(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        match self.seeing.remove(&id) {
            Some(Seeing::Reading) => {}
            Some(Seeing::To(key)) => {
                self.keeper.settle(&key);
                self.is_stale = true;
            }
            // A run may have begun a hold, or made a debt.
            None => self.is_stale = true,
        }
        if let Err(error) = ended {
            tracing::error!(event = "run.defect", %error, "a run ended in a defect; it is taken up at the next start");
            self.settle(error.id(), None);
        }
    }

    fn take_over(&mut self) {
        // Another process may have changed what there is to do; and what could not be read is read again.
        self.is_stale = true;
        let runner = self.runner.clone();
        self.tasks.spawn(async move {
            match runner.worker.store.take_over().await {
                Ok(interrupted) => {
                    for interrupted in interrupted {
                        drop(runner.take_up(interrupted).await);
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        event = "run.not_taken_over",
                        error = chain(&error),
                        "trying again in a minute"
                    );
                }
            }
        });
    }

    fn prune(&mut self) {
        let (store, now, keep) =
            (self.runner.worker.store.clone(), self.runner.worker.clock.now(), self.keep);
        self.tasks.spawn(async move { super::prune(&store, now, keep).await });
    }

    async fn drain(mut self, end: Instant) {
        let left = self.tasks.len();
        tracing::info!(event = "daemon.stopping", under_way = left, "stopping: nothing new starts");
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout_at(end, drained).await.is_err() {
            tracing::warn!(
                event = "daemon.grace_over",
                left = self.tasks.len(),
                "the grace period is over; what is left is taken up at the next start"
            );
        }
    }
}
