//! Files that change while the daemon works, in virtual time: all of a set comes into force or nothing, no run is cut,
//! and no occurrence is lost or doubled.

#![allow(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use calloff::daemon::{
    self, Agenda, Beat, Engine, Handle, InForce, Readying, Reloader, Reloading, Report, Request, Runner,
    by_name, used,
};
use calloff::files::Loader;
use calloff::metrics::{Format, Scrape};
use calloff::store::{Kept, Role, Store};
use calloff_core::agenda::{self as rules, Entry};
use calloff_core::config::Job;
use calloff_core::ids::JobName;
use calloff_core::reload::{Cause, LeftOut, Quarantined, Refusal, Verdict};
use calloff_core::run::{Run, RunState};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use support::edits::{Folder, Style};
use support::stage::{SETTINGS, Stage, beat, start, within_the_hour};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// A daemon that follows a folder of files.
struct Live {
    stage: Stage,
    requests: mpsc::Sender<Request>,
    handle: Handle,
    tasks: Vec<JoinHandle<()>>,
    served: JoinHandle<()>,
}

type Files = BTreeMap<String, String>;

fn lay_out(stage: &Stage, settings: &str) {
    let path = |name: &str| stage.folder().join(name);
    std::fs::write(path("calloff.toml"), settings).unwrap();
    std::fs::write(path("secret"), "a-secret-canary").unwrap();
    std::fs::set_permissions(path("secret"), PermissionsExt::from_mode(0o600)).unwrap();
}

impl Live {
    async fn start(stage: Stage) -> Self {
        Self::start_without(stage, LeftOut::default()).await
    }

    /// The same where a start has done without something.
    async fn start_without(stage: Stage, left_out: LeftOut) -> Self {
        let now = stage.clock.now();
        let mut loader = Loader::new(stage.folder().join("calloff.toml"));
        let (read, seen) = loader.load(now);
        assert!(read.is_valid(), "{:?}", read.diagnostics);
        let (settings, jobs, surroundings) = (read.settings.unwrap(), read.jobs, stage.surroundings());
        let readying = Readying {
            settings: &settings,
            base: stage.folder(),
            state: stage.store.folder(),
            surroundings: &surroundings,
        };
        let (accounts, failures) = readying.ready(&used(&jobs), &BTreeMap::new());
        assert!(failures.is_empty(), "{failures:?}");
        let runner = Runner { accounts: Arc::new(accounts), jobs: by_name(&jobs), ..stage.runner() };
        let agenda = daemon::agenda(&stage.store, &jobs, &left_out, now, now).await.unwrap();
        let engine = Engine::new(runner.clone(), agenda, vec![], settings.keep, settings.grace);
        let handle = engine.handle();
        let in_force = InForce { settings, jobs, accounts: Arc::clone(&runner.accounts) };
        let (reloader, requests, inbox, _) = Reloader::new(Reloading {
            loader,
            seen,
            engine: handle.clone(),
            store: stage.store.clone(),
            surroundings,
            report: Report::of_start(Arc::new(in_force), Arc::new(left_out), vec![], now),
            allow_empty: false,
            set_log_level: |_| (),
        });
        let (beating, beats) = beat();
        let tasks = vec![beating, tokio::spawn(reloader.run(inbox, stage.stop.clone()))];
        let served = tokio::spawn(async move {
            engine.run(beats).await;
        });
        Self { stage, requests, handle, tasks, served }
    }

    /// Asks for the files to be read, as a command does.
    async fn reload(&self) -> Report {
        let (reply, report) = oneshot::channel();
        let request = Request { by: Cause::Command, allow_empty: false, reply: Some(reply) };
        self.requests.send(request).await.expect("it follows");
        within_the_hour(report).await.expect("there is a verdict")
    }

    async fn end(self) -> Vec<Run> {
        self.stage.stop.cancel();
        within_the_hour(self.served).await.expect("it ends well");
        self.tasks.iter().for_each(JoinHandle::abort);
        self.stage.history().await
    }
}

/// The text of a job file whose version stands in its backup's ID.
fn job(every: i64, version: u32) -> String {
    format!(
        "account = \"acme\"\nbackups = [\"{version:08}\"]\nverify = false\nschedule = {{ every = \"{every}s\" }}\n"
    )
}

/// What the files say, as far as they are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Good {
        every: i64,
        version: u32,
    },
    /// Not TOML, an unknown key, an account that is not there.
    Bad(u32),
}

impl Content {
    fn text(self) -> String {
        match self {
            Self::Good { every, version } => job(every, version),
            Self::Bad(0) => "account = \"acme\nbackups".to_owned(),
            Self::Bad(1) => format!("{}retries = 3\n", job(7, 0)),
            Self::Bad(_) => job(7, 0).replace("acme", "nobody"),
        }
    }
}

const NAMES: [&str; 4] = ["a", "b", "eu/c", "eu/d"];
const EVERY: [i64; 3] = [7, 11, 30];

type Set = BTreeMap<&'static str, Content>;

fn texts(set: &Set) -> Files {
    set.iter().map(|(name, content)| ((*name).to_owned(), content.text())).collect()
}

/// Changes something or other.
fn edit(set: &mut Set, rng: &mut Rng, version: u32) {
    for _ in 0..=rng.u32(0..3) {
        let name = *rng.choice(&NAMES).unwrap();
        match rng.u32(0..8) {
            0 | 1 => drop(set.remove(name)),
            2 | 3 => drop(set.insert(name, Content::Bad(rng.u32(0..3)))),
            4 => {
                if let Some(Content::Good { version: old, .. }) = set.get_mut(name) {
                    *old = version;
                }
            }
            _ => drop(set.insert(name, Content::Good { every: *rng.choice(&EVERY).unwrap(), version })),
        }
    }
    // Most of what is broken is mended soon.
    if rng.bool() {
        set.retain(|_, content| matches!(content, Content::Good { .. }));
    }
}

/// The sets that were in force, each since when.
type Forces = Vec<(Timestamp, Set)>;

/// Every occurrence of a job that some set in force makes due, with the version of the file.
fn expected(name: &str, forces: &Forces, end: Timestamp) -> BTreeMap<Timestamp, u32> {
    let mut expected = BTreeMap::new();
    let mut last: Option<(i64, Timestamp)> = None;
    for (index, (from, set)) in forces.iter().enumerate() {
        let Some(&Content::Good { every, version }) = set.get(name) else { continue };
        let until = forces.get(index + 1).map_or(end, |next| next.0);
        // A file that was away for a moment goes on where it stood.
        let from = last.filter(|(before, _)| *before == every).map_or(*from, |(_, until)| until);
        last = Some((every, until));
        let step = SignedDuration::from_secs(every);
        let mut next = Timestamp::from_second(from.as_second() / every * every).unwrap() + step;
        while next <= until {
            expected.insert(next, version);
            next += step;
        }
    }
    expected
}

fn is_good(set: &Set) -> bool {
    set.values().all(|content| matches!(content, Content::Good { .. }))
}

/// Plays one random sequence of edits.
async fn play(seed: u64) {
    let rng = &mut Rng::with_seed(seed);
    let style = Style::ALL[usize::try_from(seed).unwrap() % Style::ALL.len()];
    let latency = rng.u32(0..4);
    let scenario = format!(
        "[accounts.acme]\nunlisted = \"SCHEDULED\"\nlatency = \"{latency}s\"\n[[accounts.acme.backups]]\nid = \"1\"\n"
    );
    let stage = Stage::in_memory(&scenario, "");
    lay_out(&stage, SETTINGS);
    let mut set: Set = NAMES.iter().map(|name| (*name, Content::Good { every: 7, version: 0 })).collect();
    let mut folder = Folder::new(stage.folder().join("jobs"), style);
    folder.change(&texts(&set), || ());
    // It looks somewhere between the instants at which jobs are due.
    tokio::time::sleep(Duration::from_millis(rng.u64(0..1000))).await;
    let mut forces: Forces = vec![(stage.clock.now(), set.clone())];
    let live = Live::start(stage).await;
    for version in 1..=6 {
        tokio::time::sleep(Duration::from_millis(rng.u64(500..20_000))).await;
        edit(&mut set, rng, version);
        let hints = live.requests.clone();
        // Half of an edit is looked at, too.
        folder.change(&texts(&set), || drop(hints.try_send(Request::by(Cause::Change))));
        let report = live.reload().await;
        let context = format!("seed {seed}, {style:?}: {set:?}: {report:?}");
        let wanted = if is_good(&set) && !set.is_empty() { Verdict::Accepted } else { Verdict::Rejected };
        assert_eq!(report.verdict, wanted, "{context}");
        if wanted == Verdict::Accepted {
            assert_eq!(report.in_force.jobs.len(), set.len(), "{context}");
            forces.push((report.since, set.clone()));
        } else if set.is_empty() {
            assert_eq!(report.refusal, Some(Refusal::Empty), "{context}");
        }
    }
    tokio::time::sleep(Duration::from_millis(rng.u64(500..20_000))).await;
    // Nothing is due any more from here on, and what is under way ends.
    folder.change(&never_due(), || ());
    let report = live.reload().await;
    assert_eq!(report.verdict, Verdict::Accepted, "seed {seed}: {report:?}");
    tokio::time::sleep(Duration::from_mins(5)).await;
    let runs = live.end().await;
    check(&runs, &forces, report.since, &format!("seed {seed}, {style:?}"));
}

/// Files of which nothing is ever due.
fn never_due() -> Files {
    let never = "account = \"acme\"\nbackups = [\"1\"]\nschedule = { at = \"2000-01-01T00:00:00Z\" }\n";
    [("never".to_owned(), never.to_owned())].into()
}

fn check(runs: &[Run], forces: &Forces, end: Timestamp, context: &str) {
    assert!(runs.iter().all(|run| run.state != RunState::Running), "{context}");
    for name in NAMES {
        let expected = expected(name, forces, end);
        let of_job = || runs.iter().filter(|run| run.job == name);
        let (missed, run): (Vec<&Run>, Vec<&Run>) = of_job().partition(|run| run.state == RunState::Missed);
        let occurrences: BTreeSet<Timestamp> = run.iter().filter_map(|run| run.occurrence).collect();
        assert_eq!(occurrences.len(), run.len(), "{context}: {name} ran twice for one occurrence");
        for run in &run {
            let occurrence = run.occurrence.unwrap();
            let version = expected.get(&occurrence).map(|version| format!("{version:08}"));
            assert_eq!(Some(run.targets[0].backup.to_string()), version, "{context}: {name} at {occurrence}");
            assert_eq!(run.state, RunState::Succeeded, "{context}: {run:?}");
        }
        let dealt_with = run.len() as u64 + missed.iter().filter_map(|run| run.missed).sum::<u64>();
        let context = format!("{context}: {name}: {forces:?}\n{end}");
        assert_eq!(dealt_with, expected.len() as u64, "{context}");
    }
}

/// So many sequences in four tests, which run side by side.
const SEQUENCES: u64 = 1000;

#[rstest::rstest]
#[case(0)]
#[case(1)]
#[case(2)]
#[case(3)]
fn whatever_is_edited_the_last_good_set_is_in_force_and_nothing_is_lost_or_doubled(#[case] part: u64) {
    for seed in (0..SEQUENCES).filter(|seed| seed / (SEQUENCES / 4) == part) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(play(seed));
    }
}

fn jobs_of(files: &[(&str, String)]) -> Files {
    files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect()
}

async fn live_with(settings: &str, scenario: &str, files: &[(&str, String)]) -> (Live, Folder) {
    let stage = Stage::new(scenario, "");
    lay_out(&stage, &format!("{settings}{SETTINGS}"));
    let mut folder = Folder::new(stage.folder().join("jobs"), Style::Rename);
    folder.change(&jobs_of(files), || ());
    (Live::start(stage).await, folder)
}

const SCHEDULED: &str = "[accounts.acme]\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n";

#[tokio::test(start_paused = true)]
async fn all_who_ask_at_once_are_answered() {
    let (live, _folder) = live_with("", SCHEDULED, &[("a", job(3600, 1))]).await;
    let hint = live.requests.clone();
    drop(hint.try_send(Request::by(Cause::Change)));
    let (first, second, third) = tokio::join!(live.reload(), live.reload(), live.reload());
    for report in [first, second, third] {
        assert_eq!(report.verdict, Verdict::Accepted);
    }
    live.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_under_way_keeps_the_file_it_began_with() {
    let scenario = "[accounts.acme]\nunlisted = \"SCHEDULED\"\nlatency = \"20s\"\n[[accounts.acme.backups]]\nid = \"1\"\n";
    let (live, mut folder) = live_with("", scenario, &[("a", job(30, 1)), ("b", job(3600, 1))]).await;
    tokio::time::sleep(Duration::from_secs(35)).await;
    folder.change(&jobs_of(&[("b", job(3600, 1))]), || ());
    assert_eq!(live.reload().await.verdict, Verdict::Accepted);
    tokio::time::sleep(Duration::from_mins(3)).await;
    let runs = live.end().await;
    let of_a: Vec<&Run> = runs.iter().filter(|run| run.job == "a").collect();
    assert_eq!(of_a.len(), 1, "{runs:?}");
    assert_eq!(of_a[0].state, RunState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn secrets_are_read_again_and_a_secret_that_is_gone_is_no_reason_to_stop() {
    let (live, _folder) = live_with("", SCHEDULED, &[("a", job(10, 1))]).await;
    let secret = live.stage.folder().join("secret");
    std::fs::remove_file(&secret).unwrap();
    let report = live.reload().await;
    assert_eq!(report.verdict, Verdict::Rejected);
    assert!(
        matches!(&report.refusal, Some(Refusal::Secret(why)) if why.contains("acme") && why.contains("secret"))
    );
    tokio::time::sleep(Duration::from_secs(20)).await;
    std::fs::write(&secret, "another-canary").unwrap();
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    // Nobody asks: the next look finds it.
    let mut pulse = live.handle.pulse.clone();
    live.handle.rescan.notify_one();
    within_the_hour(pulse.changed()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let tokens = {
        let world = live.stage.world.lock();
        world.account("acme").unwrap().token_calls()
    };
    assert_eq!(tokens, 2, "other credentials take a token of their own");
    let runs = live.end().await;
    assert!(runs.len() >= 4 && runs.iter().all(|run| run.state == RunState::Succeeded), "{runs:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_restart_is_needed_for_is_said_and_nothing_of_it_is_in_force() {
    let (live, mut folder) = live_with("", SCHEDULED, &[("a", job(3600, 1))]).await;
    let config = live.stage.folder().join("calloff.toml");
    std::fs::write(&config, format!("state = \"sqlite:other.db\"\n{SETTINGS}")).unwrap();
    folder.change(&jobs_of(&[("a", job(10, 2))]), || ());
    let report = live.reload().await;
    assert_eq!(report.refusal, Some(Refusal::NeedsRestart(vec!["state"])));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(live.end().await.len(), 0, "the old schedule is in force");
}

/// A run of this job that another process had begun when it was killed.
#[tokio::test(start_paused = true)]
#[expect(clippy::float_cmp, reason = "counts are whole numbers")]
async fn what_is_counted_outlives_reloads_and_the_verdict_is_told() {
    let (live, mut folder) = live_with("", SCHEDULED, &[("a", job(10, 1))]).await;
    let samples = || {
        let now = live.stage.clock.now();
        let scrape = Scrape { now, since: now, heartbeat: None, jobs: vec![], accounts: vec![] };
        let text = live.stage.metrics.encode(scrape, Format::Text);
        move |name: &str| {
            let sample = text.lines().find_map(|line| line.strip_prefix(&format!("calloff_{name} ")));
            sample.unwrap_or_else(|| panic!("no {name} in {text}")).parse::<f64>().unwrap()
        }
    };
    let (runs, verdict) = ("runs_total{job=\"a\",state=\"succeeded\"}", "config_last_reload_successful");
    let in_force = "config_last_reload_success_timestamp_seconds";
    let at_start = samples();
    assert_eq!((at_start(verdict), at_start("config_last_reload_duration_seconds")), (1.0, 0.0));
    tokio::time::sleep(Duration::from_secs(25)).await;
    let before = samples();
    assert_eq!(before(runs), 2.0);

    folder.change(&jobs_of(&[("a", job(10, 2))]), || ());
    assert_eq!(live.reload().await.verdict, Verdict::Accepted);
    let reloaded = samples();
    assert_eq!((reloaded(runs), reloaded(verdict)), (before(runs), 1.0));
    assert!(reloaded(in_force) > at_start(in_force));
    assert!(reloaded("config_last_reload_duration_seconds") > 0.0);

    folder.change(&jobs_of(&[("a", "account = 7\n".to_owned())]), || ());
    assert_eq!(live.reload().await.verdict, Verdict::Rejected);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let rejected = samples();
    assert_eq!((rejected(verdict), rejected(in_force)), (0.0, reloaded(in_force)));
    assert!(rejected(runs) > reloaded(runs), "and goes on");
    live.end().await;
}

#[rstest::rstest]
#[case("an account whose secret is not there", true, "")]
#[case("a file that is wrong, before anything was settled", false, "when.status = [\"SCHEDULED\"]\n")]
#[tokio::test(start_paused = true)]
async fn an_interrupted_run_waits_for_what_a_start_did_without(
    #[case] what: &str,
    #[case] is_account: bool,
    #[case] when: &str,
) {
    let slow = "[accounts.acme]\nunlisted = \"SCHEDULED\"\nlatency = \"5s\"\n[[accounts.acme.backups]]\nid = \"1\"\n";
    let stage = Stage::new(slow, "");
    let text = format!("backups = [\"1\"]\nverify = false\n{when}schedule.at = \"2090-01-01T00:00:00Z\"\n");
    let job = stage.job("a", &text);
    let interrupted = stage.interrupted(&job).await;
    let whole = stage.runner_of(std::slice::from_ref(&job));
    let quarantined = Quarantined { job: job.name.clone(), account: None, why: String::new() };
    let left_out = Arc::new(LeftOut { jobs: vec![quarantined], ..LeftOut::default() });
    let accounts = if is_account { Arc::default() } else { Arc::clone(&whole.accounts) };
    let runner = Runner { accounts, left_out, ..stage.runner() };
    let engine = Engine::new(runner, Agenda::default(), interrupted, Duration::MAX, Duration::ZERO);
    let handle = engine.handle();
    let (beating, beats) = beat();
    let serving = tokio::spawn(engine.run(beats));
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(stage.history().await[0].state, RunState::Running, "{what}");

    let by_name = by_name(std::slice::from_ref(&job));
    let (settings, accounts) = (stage.settings.clone(), Arc::clone(&whole.accounts));
    let set =
        daemon::Set { settings, jobs: vec![job], by_name, accounts, stands: BTreeMap::new(), gone: vec![] };
    within_the_hour(handle.replace(set)).await.expect("the loop runs");
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(stage.history().await[0].state, RunState::Succeeded, "{what}");
    stage.stop.cancel();
    within_the_hour(serving).await.unwrap();
    beating.abort();
}

#[tokio::test(start_paused = true)]
async fn what_the_record_has_of_a_schedule_counts_only_if_it_is_the_same() {
    let stage = Stage::new(SCHEDULED, "");
    let job =
        |every: &str| stage.job("a", &format!("backups = [\"1\"]\nschedule = {{ every = \"{every}\" }}\n"));
    let of = |job: &Arc<Job>| vec![(job.name.clone(), rules::fingerprint(&Entry::from(job.as_ref())))];
    let (before, edited) = (job("1h"), job("2h"));
    let stood = start();
    stage.store.baselines(of(&before), Kept::These(vec![]), stood, stood).await.unwrap();
    let now = stood + SignedDuration::from_secs(60);
    let stands = stage.store.stands(of(&before), now).await.unwrap();
    assert_eq!(stands.into_values().collect::<Vec<_>>(), [stood]);
    // It counts from when it comes into force, which the loop knows best.
    assert!(stage.store.stands(of(&edited), now).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_another_process_has_loaded_first_is_on_time_here() {
    let text = |every: &str| job(10, 1).replace("\"10s\"", &format!("\"{every}\", catch_up = \"0s\""));
    let stage = Stage::new(SCHEDULED, "");
    lay_out(&stage, SETTINGS);
    let mut folder = Folder::new(stage.folder().join("jobs"), Style::Rename);
    folder.change(&jobs_of(&[("a", text("1h"))]), || ());
    // It looks between the instants at which jobs are due, as it does in real life.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let live = Live::start(stage).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let path = live.stage.folder().join("calloff.db");
    let other = Store::open(&path, Role::Command, live.stage.clock.now()).unwrap();
    let edited = live.stage.job_of("a", &text("7s"));
    let of = vec![(edited.name.clone(), rules::fingerprint(&Entry::from(edited.as_ref())))];
    let now = live.stage.clock.now();
    other.baselines(of, Kept::These(vec![]), now, now).await.unwrap();
    other.close().await;
    folder.change(&jobs_of(&[("a", text("7s"))]), || ());
    assert_eq!(live.reload().await.verdict, Verdict::Accepted);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let runs = live.end().await;
    assert!(runs.len() >= 8 && runs.iter().all(|run| run.state == RunState::Succeeded), "{runs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_left_out_and_is_gone_is_forgotten() {
    let stage = Stage::new(SCHEDULED, "");
    lay_out(&stage, SETTINGS);
    let mut folder = Folder::new(stage.folder().join("jobs"), Style::Rename);
    folder.change(&jobs_of(&[("a", job(3600, 1))]), || ());
    let gone: JobName = "gone".parse().unwrap();
    let kept = Kept::These(vec![]);
    stage.store.baselines(vec![(gone.clone(), "every".to_owned())], kept, start(), start()).await.unwrap();
    let quarantined = Quarantined { job: gone, account: None, why: String::new() };
    let left_out = LeftOut { jobs: vec![quarantined], ..LeftOut::default() };
    let live = Live::start_without(stage, left_out).await;
    let away = |live: &Live| {
        let record = rusqlite::Connection::open(live.stage.folder().join("calloff.db")).unwrap();
        let sql = "SELECT absent_since IS NOT NULL FROM jobs WHERE job = 'gone'";
        record.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap()
    };
    assert!(!away(&live), "its file may be mended");
    // What is there now is what was in force all the time.
    assert_eq!(live.reload().await.verdict, Verdict::Accepted);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(away(&live));
    live.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_beat_of_each_minute_has_files_looked_at() {
    let stage = Stage::new(SCHEDULED, "");
    let engine = Engine::new(stage.runner(), Agenda::default(), vec![], Duration::MAX, Duration::ZERO);
    let handle = engine.handle();
    let (queue, beats) = mpsc::channel(1);
    let serving = tokio::spawn(engine.run(beats));
    queue.send(Beat::Rescan).await.unwrap();
    within_the_hour(handle.rescan.notified()).await;
    stage.stop.cancel();
    within_the_hour(serving).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_of_what_jobs_share_reaches_every_job() {
    let windows = "[[windows.w]]\nfrom = \"2020-01-01T00:00:00Z\"\nto = \"2020-01-02T00:00:00Z\"\n";
    let text = format!("{}[when]\nwindow = \"w\"\n", job(10, 1));
    let stage = Stage::new(SCHEDULED, "");
    lay_out(&stage, &format!("{SETTINGS}{windows}"));
    let mut folder = Folder::new(stage.folder().join("jobs"), Style::InPlace);
    folder.change(&jobs_of(&[("a", text)]), || ());
    let live = Live::start(stage).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    lay_out(&live.stage, &format!("{SETTINGS}{}", windows.replace("2020-01-02", "2100-01-01")));
    let report = live.reload().await;
    assert_eq!(report.verdict, Verdict::Accepted, "{report:?}");
    tokio::time::sleep(Duration::from_secs(15)).await;
    let states: Vec<RunState> = live.end().await.iter().map(|run| run.state).collect();
    assert_eq!(states[0], RunState::Skipped);
    assert_eq!(states.last(), Some(&RunState::Succeeded), "{states:?}");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_gone_still_does_what_was_due_before() {
    let scenario = "[accounts.acme]\nunlisted = \"SCHEDULED\"\nlatency = \"5s\"\n[[accounts.acme.backups]]\nid = \"1\"\n";
    let (live, mut folder) = live_with("", scenario, &[("a", job(4, 1)), ("b", job(3600, 1))]).await;
    let other = SETTINGS.replace("acme", "other");
    tokio::time::sleep(Duration::from_secs(9)).await;
    lay_out(&live.stage, &other);
    folder.change(&jobs_of(&[("b", job(3600, 1).replace("acme", "other"))]), || ());
    let report = live.reload().await;
    assert_eq!(report.verdict, Verdict::Accepted, "{report:?}");
    let due: Vec<Timestamp> =
        expected("a", &vec![(start(), [("a", Content::Good { every: 4, version: 1 })].into())], report.at)
            .into_keys()
            .collect();
    tokio::time::sleep(Duration::from_mins(2)).await;
    let runs = live.end().await;
    let done: u64 = runs.iter().map(|run| run.missed.unwrap_or(1)).sum();
    assert_eq!(done, due.len() as u64, "{runs:?}");
    assert_eq!(runs.last().and_then(|run| run.occurrence), due.last().copied());
}
