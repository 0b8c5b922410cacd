//! Plays a case from its start until everything has come to rest, and holds what is left against the guarantees.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use calloff::clock::{Clock, SharedClock, TokioClock};
use calloff_core::agenda::Pause;
use calloff_core::config::Settings;
use calloff_core::overview::{DebtRow, StandingDebt};
use calloff_core::reload::LeftOut;
use calloff_sim::scenario::Outage;
use calloff_sim::world::Backup;
use calloff_sim::{Endpoint, Scenario, Seen, SharedWorld, Status, World};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::case::{ACCOUNTS, Case, Event, Files, RULE, case, own};
use crate::due::{Epoch, Story};
use crate::life::{Life, named, read};
use crate::support::guarantees::Left;
use crate::support::stage::{Stage, start};
use crate::told::Told;

/// Once trouble is over, everything is at rest within so long.
const RESTS_WITHIN: Duration = Duration::from_hours(40);

/// How often that is looked for.
const GLANCE: Duration = Duration::from_mins(2);

/// The guarantee that knows of no log.
const FOR_NOBODY: &str = "no backup is cancelled before its time, or for nobody";

thread_local! {
    /// The seed, and the clock of the life that is under way.
    static DICE: Cell<(u64, Option<TokioClock>)> = const { Cell::new((0, None)) };
}

/// Draws by the seed and the instant. What is drawn at one instant is the same, so that it does not matter who draws
/// first: threads that write the record decide over that.
fn drawn() -> f64 {
    let (seed, clock) = DICE.get();
    let now = clock.map_or(0, |clock| clock.now().as_millisecond());
    Rng::with_seed(seed.rotate_left(32) ^ now.cast_unsigned()).f64()
}

/// A wall clock that is set now and then.
#[derive(Debug)]
struct SetClock {
    right: TokioClock,
    off_by_ms: Arc<AtomicI64>,
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        self.right.now() + SignedDuration::from_millis(self.off_by_ms.load(Ordering::Relaxed))
    }
}

/// What is left once a case has been played.
#[derive(Debug)]
pub(crate) struct Played {
    pub history: Vec<Value>,
    pub debts: Vec<Value>,
    pub seen: Vec<Seen>,
    pub told: Told,
    pub lives: u32,
    pub kills: u32,
    /// What does not hold.
    pub broken: Vec<String>,
}

impl Played {
    /// All that Zoho saw and all that is on record, without the IDs of runs and debts, which are drawn anew each time. What
    /// falls on one instant may come in any order.
    pub(crate) fn course(&self) -> Vec<String> {
        let stripped = |row: &Value| {
            let mut row = row.clone();
            for key in ["run_id", "restore_id", "reason"] {
                row.as_object_mut().map(|row| row.remove(key));
            }
            row.to_string()
        };
        let seen = self.seen.iter().map(ToString::to_string);
        let mut course: Vec<String> =
            self.history.iter().chain(&self.debts).map(stripped).chain(seen).collect();
        course.sort_unstable();
        course
    }
}

/// How a process ended.
enum End {
    Down { killed: bool, lasts: Duration, files: Option<Files> },
    Rest(Box<Rest>),
}

struct Rest {
    history: Vec<Value>,
    debts: Vec<Value>,
    trouble: Vec<String>,
}

pub(crate) fn play(seed: u64, wants_lines: bool) -> Played {
    let case = case(seed);
    DICE.set((seed, None));
    let told = Told::new(wants_lines);
    let subscriber = tracing_subscriber::registry().with(told.clone());
    tracing::subscriber::with_default(subscriber, || Playing::new(&case, told).play())
}

struct Playing<'a> {
    case: &'a Case,
    told: Told,
    folder: Arc<TempDir>,
    world: SharedWorld,
    off_by_ms: Arc<AtomicI64>,
    story: Story,
    /// The files that the next start finds.
    files: Files,
    /// How many of the events have happened.
    happened: usize,
    /// Backups that people have scheduled.
    scheduled: u32,
    /// How long no process lived: what is planned waits for one.
    gone: Duration,
    lives: u32,
    kills: u32,
}

impl<'a> Playing<'a> {
    fn new(case: &'a Case, told: Told) -> Self {
        let scenario = Scenario::parse(&case.zoho).expect("the scenario is right");
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self {
            case,
            told,
            folder: Arc::new(folder),
            world: SharedWorld::from(World::new(scenario, start())),
            off_by_ms: Arc::default(),
            story: Story::default(),
            files: case.files.clone(),
            happened: 0,
            scheduled: 0,
            gone: Duration::ZERO,
            lives: 0,
            kills: 0,
        }
    }

    fn play(mut self) -> Played {
        let mut now = start();
        loop {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .max_blocking_threads(1)
                .build()
                .unwrap();
            let (end, ended_at) = runtime.block_on(self.live(now));
            // Whatever is still under way is dropped where it stands.
            drop(runtime);
            self.writable();
            now = ended_at;
            match end {
                End::Down { killed, lasts, files } => {
                    self.kills += u32::from(killed);
                    let wall = |at: Timestamp| at + SignedDuration::from_millis(self.off());
                    self.story.gone(wall(now), wall(now + lasts));
                    now += lasts;
                    self.gone += lasts;
                    self.told.note(|| format!("── killed: {killed}; down for {lasts:?}"));
                    self.files = files.unwrap_or(self.files);
                }
                End::Rest(rest) => return self.judge(*rest),
            }
        }
    }

    fn off(&self) -> i64 {
        self.off_by_ms.load(Ordering::Relaxed)
    }

    fn judge(self, rest: Rest) -> Played {
        let Rest { history, debts, trouble } = rest;
        let world = self.world.lock();
        let seen: Vec<Seen> = world.seen().cloned().collect();
        let mut scheduled = BTreeSet::new();
        let mut broken = trouble;
        for account in world.accounts() {
            let ids = account
                .latest()
                .map(|latest| latest.id().to_owned())
                .into_iter()
                .chain([own(account.name())]);
            scheduled.extend(ids.filter(|id| {
                let status = account.backup(id).map(Backup::status);
                matches!(status, Some(Status::Scheduled | Status::Inprogress))
            }));
            broken.extend(too_many_tokens(account.name(), &seen, self.kills));
            if let Some(most) =
                self.concurrency(account.name()).filter(|most| account.max_in_flight() > *most)
            {
                broken.push(format!(
                    "no more calls than the concurrency are in flight: `{}` has had {} for {most}",
                    account.name(),
                    account.max_in_flight()
                ));
            }
        }
        drop(world);
        let due = self.story.due(&history);
        let reported = self.told.targets.lock().unwrap().clone();
        let files = self.story.epochs.iter().flat_map(|epoch| &epoch.files);
        let restoring = files.filter(|(_, file)| file.restores).map(|(name, _)| name.clone()).collect();
        let left = Left {
            due: &due,
            restoring: &restoring,
            history: &history,
            debts: &debts,
            seen: &seen,
            scheduled: &scheduled,
            reported: &reported,
            // Every window has closed by then.
            at: Timestamp::MAX,
        };
        broken.extend(left.broken());
        self.forgive(&mut broken);
        Played { history, debts, seen, told: self.told, lives: self.lives, kills: self.kills, broken }
    }

    /// What goes ahead while the disk is full is on record only if the process outlives that: the log says so, and those
    /// cancels are for somebody after all.
    fn forgive(&self, broken: &mut Vec<String>) {
        let unclaimed = self.told.unclaimed.lock().unwrap();
        if self.kills == 0 {
            return;
        }
        let files = self.story.epochs.iter().flat_map(|epoch| &epoch.files);
        let ahead = files.filter(|(name, _)| unclaimed.contains(*name)).flat_map(|(_, file)| {
            file.backups.iter().map(|backup| match backup.as_str() {
                "current" => format!(" {} PUT ", file.account),
                backup => format!("/backup/{backup}/actions"),
            })
        });
        let ahead: BTreeSet<String> = ahead.collect();
        let is_forgiven = |what: &String| {
            what.starts_with(FOR_NOBODY) && ahead.iter().any(|ahead| what.contains(ahead.as_str()))
        };
        broken.retain(|what| !is_forgiven(what));
    }

    fn concurrency(&self, account: &str) -> Option<u32> {
        let at = self.case.settings.find(&format!("[accounts.{account}]"))?;
        let text = self.case.settings[at..].split("concurrency = ").nth(1)?;
        text.lines().next()?.parse().ok()
    }

    /// One process, from an instant on.
    async fn live(&mut self, from: Timestamp) -> (End, Timestamp) {
        let right = TokioClock::starting_at(from);
        let clock: SharedClock = Arc::new(SetClock { right, off_by_ms: Arc::clone(&self.off_by_ms) });
        let mut stage = Stage::of(self.world.clone(), clock, Arc::clone(&self.folder), &self.case.settings);
        DICE.set((DICE.get().0, Some(right)));
        stage.dice = drawn;
        let jobs = read(&stage, &self.files);
        self.story.epochs.push(Epoch {
            since: stage.clock.now(),
            files: self.files.clone(),
            jobs: named(&jobs),
        });
        let mut life = Life::begin(stage, jobs).await;
        self.lives += 1;
        while let Some((at, event)) = self.case.plan.get(self.happened) {
            sleep_until(&right, self.instant(*at)).await;
            self.happened += 1;
            let now = right.now();
            self.told.note(|| format!("── {now}: {event:?}"));
            if let Event::Down { killed, lasts, files } = event {
                let end = End::Down { killed: *killed, lasts: *lasts, files: files.clone() };
                if *killed {
                    return (end, now);
                }
                life.stop().await;
                return (end, right.now());
            }
            self.befall(event, &mut life).await;
        }
        sleep_until(&right, self.instant(self.case.ends)).await;
        let rest = self.rest(life).await;
        (End::Rest(Box::new(rest)), right.now())
    }

    /// When something is to happen that is planned for so many milliseconds.
    fn instant(&self, planned: u64) -> Timestamp {
        start() + self.gone + Duration::from_millis(planned)
    }

    fn full(&self) -> std::path::PathBuf {
        self.folder.path().join("calloff.db.full")
    }

    fn writable(&self) {
        drop(std::fs::remove_file(self.full()));
    }

    async fn befall(&mut self, event: &Event, life: &mut Life) {
        let now = life.stage.clock.now();
        match event {
            Event::Faults(account, endpoint, step) => {
                let mut world = self.world.lock();
                assert!(world.account_mut(account).unwrap().push_fault(*endpoint, *step));
            }
            Event::Outage { account, then, retry_after, lasts, token } => {
                let outage = Outage {
                    then: *then,
                    retry_after: retry_after.map(Duration::from_secs),
                    starts: now.duration_since(start()).try_into().unwrap_or_default(),
                    lasts: Some(*lasts),
                    calls: None,
                    token: *token,
                };
                self.world.lock().account_mut(account).unwrap().set_outage(Some(outage));
            }
            Event::Full(lasts) => {
                std::fs::write(self.full(), "").unwrap();
                let (full, lasts) = (self.full(), *lasts);
                tokio::spawn(async move {
                    tokio::time::sleep(lasts).await;
                    drop(std::fs::remove_file(full));
                });
            }
            Event::Step(ms) => self.set_clock(*ms, life).await,
            Event::Reload(files) => self.reload(files.clone(), life).await,
            Event::Pause(job, lasts) => {
                let (store, job) = (life.stage.store.clone(), job.parse().unwrap());
                let pause = Pause { since: now, until: now + *lasts, reason: "for once".to_owned() };
                life.commands.spawn(async move { drop(store.pause(job, pause).await) });
            }
            Event::Resume(job) => {
                // How long it was paused nobody needs to know: anything before this may be forgotten now.
                self.story.resumed.push((job.clone(), start(), now));
                let (store, job) = (life.stage.store.clone(), job.parse().unwrap());
                drop(tokio::time::timeout(Duration::from_secs(5), store.resume(job, now)).await);
            }
            Event::Trigger(job) => {
                let (runner, job) = (life.runner(), named(life.jobs()).remove(job));
                if let Some(job) = job {
                    life.commands.spawn(async move { drop(runner.trigger(&job, None).await) });
                }
            }
            Event::Schedule(account) => {
                self.scheduled += 1;
                let text = format!(
                    "[accounts.a]\n[[accounts.a.backups]]\nid = \"90{}\"\nrrule = \"{RULE}\"\nscheduled_date = \"+50h\"\n",
                    self.scheduled
                );
                let scenario = Scenario::parse(&text).unwrap();
                let mut world = self.world.lock();
                world.account_mut(account).unwrap().put(&scenario.accounts["a"].backups[0], now);
            }
            Event::Down { .. } => {}
        }
    }

    /// A clock is set while nothing is under way: else nobody could say of a call whether it was early.
    async fn set_clock(&mut self, ms: i64, life: &Life) {
        for _ in 0..600 {
            if life.handle.pulse.borrow().under_way == 0 && life.commands.is_empty() {
                let before = life.stage.clock.now();
                self.off_by_ms.fetch_add(ms, Ordering::Relaxed);
                if ms > 0 {
                    // Nobody lived in what was skipped.
                    self.story.gone(before, life.stage.clock.now());
                } else {
                    // What comes once more is no news.
                    tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
                }
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn reload(&mut self, files: Files, life: &mut Life) {
        let jobs = read(&life.stage, &files);
        let since = life.replace(jobs).await;
        self.story.epochs.push(Epoch { since, files: files.clone(), jobs: named(life.jobs()) });
        self.files = files;
    }

    /// Trouble ends, and nothing new is due.
    async fn rest(&mut self, mut life: Life) -> Rest {
        self.writable();
        for account in ACCOUNTS {
            if let Some(account) = self.world.lock().account_mut(account) {
                account.set_outage(None);
            }
        }
        let mut files = self.files.clone();
        for file in files.values_mut() {
            file.enabled = false;
        }
        self.reload(files, &mut life).await;
        let from = life.stage.clock.now();
        let mut trouble = vec![];
        loop {
            tokio::time::sleep(GLANCE).await;
            let now = life.stage.clock.now();
            if !life.is_well() {
                trouble.push("the loop has ended".to_owned());
            }
            let history = life.stage.history().await;
            let debts = life.stage.store.debts().await.expect("the record can be read");
            let jobs = || life.jobs().iter().map(AsRef::as_ref);
            let rows: Vec<Value> =
                debts.iter().map(|debt| standing(debt, &life.stage.settings, jobs(), now)).collect();
            let is_at_rest = life.handle.pulse.borrow().under_way == 0
                && history.iter().all(|run| run.finished_at.is_some())
                && !windows_are_open(&life, now)
                && rows.iter().all(|debt| debt["state"] != "owed" || is_for_people(debt));
            let is_late = now.duration_since(from) > SignedDuration::try_from(RESTS_WITHIN).unwrap();
            if is_at_rest || is_late || !trouble.is_empty() {
                if is_late {
                    trouble.push(format!("all comes to rest: not by {now}"));
                }
                let history = history.iter().map(|run| serde_json::to_value(run).unwrap()).collect();
                life.stop().await;
                return Rest { history, debts: rows, trouble };
            }
        }
    }
}

fn standing<'j>(
    debt: &calloff_core::restore::Debt,
    settings: &Settings,
    jobs: impl IntoIterator<Item = &'j calloff_core::config::Job>,
    now: Timestamp,
) -> Value {
    let standing = StandingDebt::of(debt.clone(), settings, jobs, &LeftOut::default(), now);
    serde_json::to_value(DebtRow::new(&standing, now)).unwrap()
}

/// Nobody but a person can pay it.
fn is_for_people(debt: &Value) -> bool {
    debt["reason"].as_str().is_some_and(|reason| reason.starts_with("orphaned"))
}

fn windows_are_open(life: &Life, now: Timestamp) -> bool {
    life.jobs().iter().any(|job| job.when.closing_at(now).is_some())
}

async fn sleep_until(clock: &TokioClock, at: Timestamp) {
    let left = at.duration_since(clock.now());
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
}

/// Zoho gives ten tokens in ten minutes; a process that was killed while it got one may have got one more. One whose
/// answer was lost nobody can count.
fn too_many_tokens(account: &str, seen: &[Seen], kills: u32) -> Option<String> {
    let calls: Vec<Timestamp> = seen
        .iter()
        .filter(|seen| seen.endpoint == Endpoint::Token && seen.acted && seen.status.is_some())
        .filter(|seen| seen.account.as_deref() == Some(account))
        .map(|seen| seen.at)
        .collect();
    let most = 10 + kills as usize;
    let crowd = calls.windows(most + 1).find(|calls| {
        calls[most].duration_since(calls[0]) < SignedDuration::from_mins(10) && calls[0] <= calls[most]
    })?;
    Some(format!("at most ten tokens are asked for in ten minutes: `{account}` at {crowd:?}"))
}
