//! The scheduling loop: on each beat it asks the agenda what is due, and has it done.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use calloff_core::config::Job;
use calloff_core::ids::JobName;
use calloff_core::overview::Overdue;
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::agenda::{Agenda, Due, Entering};
use super::beat::{Beat, SILENCE};
use super::keeper::{Duty, Keeper, Key};
use super::runner::{Runner, TakenUp};
use super::set::Set;
use super::watch::ClockWatch;
use crate::error::chain;
use crate::store::Interrupted;

/// Jobs that are named as overdue at most.
const MOST_OVERDUE: usize = 20;

/// What the loop works with.
#[derive(Debug)]
pub struct Engine {
    runner: Runner,
    agenda: Agenda,
    watch: ClockWatch,
    /// How long finished runs are kept.
    keep: Duration,
    /// How long a stop waits for what is under way.
    grace: Duration,
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
    /// Interrupted runs that wait until files are others.
    waiting: Vec<Interrupted>,
    /// Tasks put them here, each with the jobs that it was judged by.
    later: (mpsc::UnboundedSender<Waiting>, mpsc::UnboundedReceiver<Waiting>),
    /// Interrupted runs that were taken over from processes that have ended meanwhile.
    adopted: (mpsc::UnboundedSender<Interrupted>, mpsc::UnboundedReceiver<Interrupted>),
    /// What is to come into force.
    sets: (mpsc::UnboundedSender<Replacement>, mpsc::UnboundedReceiver<Replacement>),
    /// What the last look showed.
    pulse: watch::Sender<Pulse>,
    /// Somebody shall look whether files have changed.
    rescan: Arc<Notify>,
}

/// An interrupted run that has to wait, and the jobs that were in force when that was found.
type Waiting = (Interrupted, Arc<BTreeMap<String, Arc<Job>>>);

/// A set that is to come into force, and where it is told when it has.
type Replacement = (Box<Set>, oneshot::Sender<Timestamp>);

/// What a look of the loop showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// When it was.
    pub at: Timestamp,
    /// What is due next, if anything is, and when.
    pub next: Option<(Timestamp, JobName)>,
    /// How many tasks are under way.
    pub under_way: usize,
    /// Jobs that can't begin what is due because what was due before is not done.
    pub overdue: Vec<Overdue>,
    /// When it was, by the clock that no one sets.
    pub seen_at: Instant,
}

/// What a loop is reached by.
#[derive(Debug, Clone)]
pub struct Handle {
    sets: mpsc::UnboundedSender<Replacement>,
    /// What its last look showed; a loop that hangs shows nothing new.
    pub pulse: watch::Receiver<Pulse>,
    /// It is time to look whether files have changed.
    pub rescan: Arc<Notify>,
}

impl Handle {
    /// Has a set come into force, and waits until it is: since the instant that is given. Gives nothing if the loop has
    /// ended.
    pub async fn replace(&self, set: Set) -> Option<Timestamp> {
        let (told, at) = oneshot::channel();
        self.sets.send((Box::new(set), told)).ok()?;
        at.await.ok()
    }
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
    pub fn new(
        runner: Runner,
        agenda: Agenda,
        interrupted: Vec<Interrupted>,
        keep: Duration,
        grace: Duration,
    ) -> Self {
        let now = runner.worker.clock.now();
        let watch = ClockWatch::new(now);
        let nothing = Pulse { at: now, next: None, under_way: 0, overdue: vec![], seen_at: Instant::now() };
        let (pulse, _) = watch::channel(nothing);
        let (mut tasks, later) = (JoinSet::new(), mpsc::unbounded_channel());
        for interrupted in interrupted {
            tasks.spawn(take_up(runner.clone(), interrupted, later.0.clone()));
        }
        Self {
            runner,
            agenda,
            watch,
            keep,
            grace,
            tasks,
            busy: HashMap::new(),
            keeper: Keeper::default(),
            is_stale: true,
            seeing: HashMap::new(),
            read: mpsc::unbounded_channel(),
            freed: mpsc::unbounded_channel(),
            waiting: vec![],
            later,
            adopted: mpsc::unbounded_channel(),
            sets: mpsc::unbounded_channel(),
            pulse,
            rescan: Arc::default(),
        }
    }

    /// What the loop is reached by.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { sets: self.sets.0.clone(), pulse: self.pulse.subscribe(), rescan: Arc::clone(&self.rescan) }
    }

    /// Works until the runner's worker is stopped, then lets what is under way finish, for the grace period at most.
    /// Gives back when that ends.
    pub async fn run(mut self, mut beats: mpsc::Receiver<Beat>) -> Instant {
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
                Some((interrupted, jobs)) = self.later.1.recv() => {
                    if Arc::ptr_eq(&jobs, &self.runner.jobs) {
                        self.waiting.push(interrupted);
                    } else {
                        // Files have come into force since.
                        self.take_up(interrupted);
                    }
                }
                Some(interrupted) = self.adopted.1.recv() => self.take_up(interrupted),
                Some((set, told)) = self.sets.1.recv() => {
                    // Who waits may have gone.
                    let _ = told.send(self.replace(*set));
                }
                Some(ended) = self.tasks.join_next_with_id() => self.joined(ended),
                Some(beat) = beats.recv() => {
                    silent_at = Instant::now() + SILENCE;
                    match beat {
                        Beat::Look => self.look(),
                        Beat::TakeOver => self.take_over(),
                        Beat::Rescan => self.rescan.notify_one(),
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
        let end = Instant::now() + self.grace;
        self.drain(end).await;
        end
    }

    fn look(&mut self) {
        let now = self.runner.worker.clock.now();
        self.look_at(now);
        self.read_duties();
        self.pulse.send_replace(Pulse {
            at: now,
            next: self.agenda.next_due().map(|(at, job)| (at, job.name.clone())),
            under_way: self.tasks.len(),
            overdue: self.overdue(now),
            seen_at: Instant::now(),
        });
    }

    /// The jobs that are overdue, at most as many as one cares to read.
    fn overdue(&self, now: Timestamp) -> Vec<Overdue> {
        let busy = self.busy.values();
        busy.filter_map(|(place, cursor)| self.agenda.overdue(*place, *cursor, now))
            .take(MOST_OVERDUE)
            .collect()
    }

    fn look_at(&mut self, now: Timestamp) {
        let look = self.watch.look(now);
        if let Some(step) = look.step {
            self.runner.worker.metrics.clock_stepped(step);
        }
        if look.is_set_back() {
            self.agenda.rearm(now);
            // What was to be done at an instant that was nearer than it seemed.
            self.is_stale = true;
        }
        for (account, start) in self.runner.worker.sightings.take() {
            self.agenda.learn(&account, start, now);
        }
        self.fire_due(now, look.awake_since);
        self.see_to_what_is_due();
    }

    /// Has done what is due, each by the file that was in force then.
    fn fire_due(&mut self, now: Timestamp, awake_since: Timestamp) {
        let due = self.agenda.due(now, awake_since);
        let changes = self.agenda.handovers();
        if !changes.is_empty() {
            // In line before the claims that count from there.
            let written = self.runner.worker.store.rebase(changes, now);
            self.tasks.spawn(async move {
                if let Err(error) = written.await {
                    tracing::error!(
                        event = "store.refused",
                        error = chain(&error),
                        "where changed schedules count from could not be recorded"
                    );
                }
            });
        }
        for due in due {
            self.fire(due);
        }
        if !self.agenda.is_in_transition() && !self.runner.former.is_empty() {
            self.runner.former = Arc::default();
        }
    }

    /// Has other files come into force, and says since when. Runs under way keep what they began with.
    fn replace(&mut self, set: Set) -> Timestamp {
        let now = self.runner.worker.clock.now();
        self.look_at(now);
        let Set { settings, jobs, by_name, accounts, mut stands, gone: gone_jobs } = set;
        for access in accounts.values() {
            access.take_effect();
        }
        let gone = self.runner.accounts.iter().chain(self.runner.former.iter());
        let gone = gone.filter(|(name, _)| !accounts.contains_key(*name));
        let former = gone.map(|(name, access)| (name.clone(), Arc::clone(access))).collect();
        self.runner.former = Arc::new(former);
        self.runner.accounts = accounts;
        self.runner.jobs = by_name;
        self.runner.left_out = Arc::default();
        self.runner.current.set((Arc::clone(&self.runner.jobs), Arc::clone(&self.runner.left_out)));
        self.runner.default_retry = settings.retry;
        (self.keep, self.grace) = (settings.keep, settings.grace);
        let entering = jobs.into_iter().map(|job| Entering { stands: stands.remove(&job.name), job });
        self.agenda.replace(entering, now);
        self.agenda.forget(gone_jobs, now);
        self.is_stale = true;
        for interrupted in std::mem::take(&mut self.waiting) {
            self.take_up(interrupted);
        }
        self.look();
        now
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
        let freed = self.freed.0.clone();
        let busy = (due.place, due.decision.cursor().unwrap_or(due.cursor));
        let fired = self.runner.fire(due, move |cursor| {
            // Without the loop there is nobody left to tell.
            let _ = freed.send((tokio::task::id(), cursor));
        });
        let task = self.tasks.spawn(async move { drop(fired.await) });
        self.busy.insert(task.id(), busy);
    }

    fn settle(&mut self, id: Id, cursor: Option<Timestamp>) {
        let Some((place, expected)) = self.busy.remove(&id) else { return };
        let now = self.runner.worker.clock.now();
        match cursor.filter(|cursor| *cursor != expected) {
            // Another process was faster, or has moved the schedule.
            Some(cursor) => self.agenda.give_up(place, cursor, now),
            None => self.agenda.settle(place, expected, now),
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
        let (store, adopted) = (self.runner.worker.store.clone(), self.adopted.0.clone());
        self.tasks.spawn(async move {
            match store.take_over().await {
                Ok(interrupted) => {
                    for interrupted in interrupted {
                        // Without the loop the next start takes it over.
                        drop(adopted.send(interrupted));
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

    fn take_up(&mut self, interrupted: Interrupted) {
        self.tasks.spawn(take_up(self.runner.clone(), interrupted, self.later.0.clone()));
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

/// Takes up an interrupted run, or puts it where it waits.
async fn take_up(runner: Runner, interrupted: Interrupted, later: mpsc::UnboundedSender<Waiting>) {
    if let TakenUp::Later(interrupted) = runner.take_up(interrupted).await {
        // Without the loop nothing will be otherwise before the next start.
        drop(later.send((*interrupted, runner.jobs)));
    }
}
