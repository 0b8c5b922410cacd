//! A simulated Zoho in process, on virtual time, and an engine around it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use calloff::clock::{Clock, SharedClock, TokioClock};
use calloff::daemon::{
    self, Access, Accounts, Beat, Ended, Engine, Keeper, Key, Runner, Surroundings, Worker,
};
use calloff::metrics::Metrics;
use calloff::store::{Filter, Interrupted, Role, Store};
use calloff::zoho::{Fault, Sending, Transport};
use calloff_core::config::{Job, JobDefaults, Settings, parse_job, parse_settings};
use calloff_core::reload::LeftOut;
use calloff_core::run::Run;
use calloff_sim::{Scenario, SharedWorld, World};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// When virtual time begins: a Friday.
pub const START: &str = "2026-11-27T16:00:00Z";

/// The instant that virtual time begins at.
pub fn start() -> Timestamp {
    START.parse().unwrap()
}

/// Waits for something, for an hour of virtual time at most.
pub async fn within_the_hour<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_hours(1), what).await.expect("it took more than an hour")
}

/// A wall clock that follows tokio's, and can be set wrong.
#[derive(Debug)]
struct WallClock {
    right: TokioClock,
    off_by_ms: Arc<AtomicI64>,
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        self.right.now() + SignedDuration::from_millis(self.off_by_ms.load(Ordering::Relaxed))
    }
}

/// Requests that never leave the process.
#[derive(Debug)]
struct InProcess {
    world: SharedWorld,
    clock: SharedClock,
}

impl Transport for InProcess {
    fn send(&self, request: http::Request<Bytes>) -> Sending<'_> {
        Box::pin(async move {
            let visit = self.world.receive(&request, self.clock.now());
            visit.deliver().await.map_err(|broken| Fault(broken.to_string()))
        })
    }
}

/// An account `acme` at a simulated Zoho, with everything around it, in virtual time.
pub struct Stage {
    pub world: SharedWorld,
    pub clock: SharedClock,
    pub store: Store,
    pub settings: Settings,
    pub defaults: JobDefaults,
    pub stop: CancellationToken,
    pub metrics: Metrics,
    /// What waits are drawn by: always the same, unless a test has others.
    pub dice: fn() -> f64,
    folder: Arc<TempDir>,
    off_by_ms: Arc<AtomicI64>,
}

/// One account; a stage by itself reads no secret.
pub const SETTINGS: &str = r#"
timezone = "UTC"
[accounts.acme]
data_center = "eu"
client_id = "1000.ABC"
client_secret = { file = "secret" }
refresh_token = { file = "secret" }
"#;

/// Beats once a second.
pub fn beat() -> (tokio::task::JoinHandle<()>, mpsc::Receiver<Beat>) {
    let (queue, beats) = mpsc::channel(1);
    let beating = tokio::spawn(async move {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            let _ = queue.try_send(Beat::Look);
        }
    });
    (beating, beats)
}

impl Stage {
    /// A stage on which Zoho follows the scenario; `settings` is added to `calloff.toml`.
    pub fn new(scenario: &str, settings: &str) -> Self {
        Self::with_record_in(tempfile::tempdir().unwrap(), scenario, settings)
    }

    /// The same with its record in memory where there is such a folder, for thousands of runs: the disk is tried
    /// elsewhere.
    pub fn in_memory(scenario: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self::with_record_in(folder, scenario, settings)
    }

    fn with_record_in(folder: TempDir, scenario: &str, settings: &str) -> Self {
        let off_by_ms = Arc::new(AtomicI64::new(0));
        let right = TokioClock::starting_at(start());
        let clock: SharedClock = Arc::new(WallClock { right, off_by_ms: Arc::clone(&off_by_ms) });
        let scenario = Scenario::parse(scenario).expect("the scenario is right");
        let world = SharedWorld::from(World::new(scenario, clock.now()));
        Self::on(world, clock, Arc::new(folder), off_by_ms, settings)
    }

    /// Sets the wall clock this far from the right time, after so much of it.
    pub fn set_clock_wrong(&self, after: Duration, off_by: SignedDuration) {
        let off_by_ms = Arc::clone(&self.off_by_ms);
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            off_by_ms.store(i64::try_from(off_by.as_millis()).unwrap(), Ordering::Relaxed);
        });
    }

    /// A stage of somebody else's Zoho and clock, with its record in this folder.
    pub fn of(world: SharedWorld, clock: SharedClock, folder: Arc<TempDir>, settings: &str) -> Self {
        Self::on(world, clock, folder, Arc::default(), settings)
    }

    fn on(
        world: SharedWorld,
        clock: SharedClock,
        folder: Arc<TempDir>,
        off_by_ms: Arc<AtomicI64>,
        settings: &str,
    ) -> Self {
        let read = parse_settings("calloff.toml", &format!("{SETTINGS}{settings}"), None);
        let settings = read.settings.value.unwrap_or_else(|| panic!("{:?}", read.settings.diagnostics));
        let path = folder.path().join("calloff.db");
        let store = Store::open(&path, Role::Daemon, clock.now()).expect("the record can be opened");
        let stop = CancellationToken::new();
        let (defaults, metrics) = (read.defaults, Metrics::default());
        Self { world, clock, store, settings, defaults, stop, metrics, dice: || 1.0, folder, off_by_ms }
    }

    /// The same Zoho and the same record, after this process's stage has ended: what a restart finds.
    pub async fn restart(self, settings: &str) -> Self {
        self.store.close().await;
        let Self { world, clock, folder, store, off_by_ms, .. } = self;
        drop(store);
        Self::on(world, clock, folder, off_by_ms, settings)
    }

    pub fn job(&self, name: &str, text: &str) -> Arc<Job> {
        self.job_of(name, &format!("account = \"acme\"\n{text}"))
    }

    /// A job that names its account itself.
    pub fn job_of(&self, name: &str, text: &str) -> Arc<Job> {
        let read = parse_job(&name.parse().unwrap(), name, text, &self.defaults);
        Arc::new(read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics)))
    }

    /// What accounts need.
    pub fn surroundings(&self) -> Surroundings {
        Surroundings {
            transport: Arc::new(InProcess { world: self.world.clone(), clock: Arc::clone(&self.clock) }),
            clock: Arc::clone(&self.clock),
            dice: self.dice,
            metrics: self.metrics.clone(),
        }
    }

    /// What carries runs out.
    pub fn runner(&self) -> Runner {
        let surroundings = self.surroundings();
        let accounts: Accounts = self
            .settings
            .accounts
            .values()
            .map(|account| {
                let secret = || "a-secret-canary".to_owned().into();
                let access = Access::new(account, secret(), secret(), self.store.folder(), &surroundings);
                (account.name.clone(), Arc::new(access))
            })
            .collect();
        Runner {
            worker: Worker {
                store: self.store.clone(),
                clock: surroundings.clock,
                dice: surroundings.dice,
                stop: self.stop.clone(),
                record_within: None,
                sightings: Arc::default(),
                successors: Arc::default(),
                metrics: surroundings.metrics,
            },
            accounts: Arc::new(accounts),
            former: Arc::default(),
            left_out: Arc::default(),
            current: Arc::default(),
            jobs: Arc::new(BTreeMap::new()),
            default_retry: self.settings.retry,
        }
    }

    /// Triggers a job and waits for its end.
    pub async fn trigger(&self, job: &str) -> Run {
        let job = self.job("job", job);
        let ended = within_the_hour(self.runner().trigger(&job, None)).await;
        match ended.expect("the run is on record").expect("the account is there") {
            Ended::Complete(run) => run,
            other => panic!("not complete: {other:?}"),
        }
    }

    /// Runs that a process has left which triggered a job and was killed a second later.
    pub async fn interrupted(&self, job: &Arc<Job>) -> Vec<Interrupted> {
        let mut runner = self.runner_of(std::slice::from_ref(job));
        let path = self.store.folder().join("calloff.db");
        runner.worker.store = Store::open(&path, Role::Command, self.clock.now()).unwrap();
        let (store, its_job) = (runner.worker.store.clone(), Arc::clone(job));
        let task = tokio::spawn(async move { drop(runner.trigger(&its_job, None).await) });
        tokio::time::sleep(Duration::from_secs(1)).await;
        task.abort();
        drop(task.await);
        store.close().await;
        drop(store);
        let interrupted = self.store.take_over().await.unwrap();
        assert_eq!(interrupted.len(), 1);
        interrupted
    }

    /// A loop over these jobs.
    pub async fn engine(&self, jobs: &[Arc<Job>]) -> Engine {
        let now = self.clock.now();
        let agenda =
            daemon::agenda(&self.store, jobs, &LeftOut::default(), now, now).await.expect("the record works");
        let interrupted = self.store.take_over().await.expect("the record works");
        Engine::new(self.runner_of(jobs), agenda, interrupted, self.settings.keep, self.settings.grace)
    }

    /// Runs the daemon on these jobs for so long, then stops it.
    pub async fn serve(&self, jobs: &[Arc<Job>], length: Duration) {
        let engine = self.engine(jobs).await;
        let (beating, beats) = beat();
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(length).await;
            stop.cancel();
        });
        engine.run(beats).await;
        beating.abort();
    }

    /// Takes up what was interrupted and runs these jobs until an instant. It looks as the daemon does, but only when
    /// something is due, and so much later: the looks between would find nothing. Gives back what is under way then.
    pub async fn play(
        &self,
        jobs: &[Arc<Job>],
        until: Timestamp,
        mut late: impl FnMut() -> Duration,
    ) -> JoinSet<Option<(usize, Timestamp)>> {
        let awake_since = self.clock.now();
        let runner = self.runner_of(jobs);
        let mut agenda = daemon::agenda(&self.store, jobs, &LeftOut::default(), awake_since, awake_since)
            .await
            .expect("the record works");
        let mut tasks: JoinSet<Option<(usize, Timestamp)>> = JoinSet::new();
        // What windows leave to be done is seen to beside the runs.
        let mut keeper = Keeper::default();
        let mut seeing: JoinSet<Key> = JoinSet::new();
        for interrupted in self.store.take_over().await.expect("the record works") {
            let runner = runner.clone();
            tasks.spawn(async move {
                runner.take_up(interrupted).await;
                None
            });
        }
        for looks in 0.. {
            assert!(looks < 100_000, "it spins at {}", self.clock.now());
            let now = self.clock.now();
            for due in agenda.due(now, awake_since) {
                let runner = runner.clone();
                tasks.spawn(async move {
                    let (place, mut stands_at) = (due.place, due.cursor);
                    runner.fire(due, |cursor| stands_at = cursor).await;
                    Some((place, stands_at))
                });
            }
            keeper.learn(runner.duties().await.expect("the record works"));
            for duty in keeper.due(now) {
                let (runner, key) = (runner.clone(), duty.key());
                seeing.spawn(async move {
                    runner.see_to(duty).await.expect("the record works");
                    key
                });
            }
            let wake = agenda.next_wake().and_then(|wake| wake.checked_add(late()).ok());
            let wake = wake.into_iter().chain(keeper.next_wake()).chain([until]).min().unwrap_or(until);
            let wake = wake.min(until);
            tokio::select! {
                biased;
                Some(ended) = tasks.join_next() => {
                    if let Some((place, cursor)) = ended.expect("no run ends in a defect") {
                        agenda.settle(place, cursor, self.clock.now());
                    }
                }
                Some(seen_to) = seeing.join_next() => {
                    keeper.settle(&seen_to.expect("nothing ends in a defect"));
                }
                () = tokio::time::sleep((wake - now).try_into().unwrap_or_default()) => {
                    if wake == until {
                        break;
                    }
                }
            }
        }
        tasks
    }

    /// What carries out the runs of these jobs.
    pub fn runner_of(&self, jobs: &[Arc<Job>]) -> Runner {
        let by_name = jobs.iter().map(|job| (job.name.as_str().to_owned(), Arc::clone(job)));
        Runner { jobs: Arc::new(by_name.collect()), ..self.runner() }
    }

    /// The folder that the record lies in.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Holds the record so that nobody can write, until the connection is dropped.
    pub fn lock_record(&self) -> rusqlite::Connection {
        let other = rusqlite::Connection::open(self.folder.path().join("calloff.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
    }

    /// All runs on record, oldest first.
    pub async fn history(&self) -> Vec<Run> {
        self.store.history(Filter::default()).await.expect("the record can be read")
    }

    /// When Zoho got each cancel, in seconds after the start, and what it answered.
    pub fn cancels(&self) -> Vec<(i64, String)> {
        let world = self.world.lock();
        let cancels = world.seen().filter(|seen| seen.path.ends_with("/cancel"));
        cancels
            .map(|seen| {
                let code = seen.code.unwrap_or("-").to_owned();
                (seen.at.duration_since(start()).as_secs(), code)
            })
            .collect()
    }
}
