//! A thousand jobs through a year of virtual time, with stops and kills at random instants: every occurrence ends
//! in exactly one recorded state. What must have happened is worked out apart from the agenda, by listing each
//! schedule's occurrences one by one.

#![allow(clippy::unwrap_used, reason = "a check that can't be made fails its test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calloff_core::agenda::{Entry, fire_at};
use calloff_core::config::Job;
use calloff_core::outcome::Outcome;
use calloff_core::run::{Run, RunState, Trigger};
use calloff_sim::{Code, Endpoint, Fault, Step};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use support::stage::{Stage, start};

/// The order of everything that is random here.
const SEED: u64 = 0x0CA1_10FF;

/// Cancels take their time, so that a kill can hit them.
const ZOHO: &str =
    "[accounts.acme]\nlatency = \"400ms\"\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n";

/// How late a look may come, and what a timer adds to that.
const LATE: Duration = Duration::from_secs(1);
const PUNCTUAL_MS: i64 = 1_010;

/// From the claim to the last answer, at most, retries included.
const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(2);

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Africa/Casablanca",
];

/// A span in which a process lived.
struct Life {
    from: Timestamp,
    to: Timestamp,
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// All that is under way ends first.
    Idle,
    /// As on a signal: requests under way still finish.
    Stopped,
    /// At once.
    Killed,
}

fn pick<'a>(dice: &mut Rng, from: &[&'a str]) -> &'a str {
    from[dice.usize(..from.len())]
}

/// The job file of number `number`.
fn job_file(number: usize, dice: &mut Rng) -> String {
    let zone = pick(dice, &ZONES);
    let schedule = match dice.u32(0..1000) {
        // One-offs, some of them long past, some beyond the year.
        0..350 => {
            let day = start() + SignedDuration::from_hours(24 * dice.i64(-20..380));
            let date = day.strftime("%Y-%m-%d");
            format!("at = \"{date}T{:02}:{:02}:00\"", dice.u32(5..24), 10 * dice.u32(0..6))
        }
        350..600 => {
            let days = pick(dice, &["1", "15", "L", "28,29", "31"]);
            let months = pick(dice, &["*", "*/2", "*/3", "3,10,11", "5,10"]);
            format!("cron = \"{} {} {days} {months} *\"", 15 * dice.u32(0..4), dice.u32(0..24))
        }
        600..890 => format!("every = \"{}h\"", 6 * dice.u32(60..400)),
        890..945 => {
            let day = pick(dice, &["MON", "FRI", "SUN"]);
            format!("cron = \"{} {} * * {day}\"", 30 * dice.u32(0..2), dice.u32(0..5))
        }
        // Every day, where clocks change.
        945..952 => format!("cron = \"{} 2 * * *\"", pick(dice, &["0", "15", "30"])),
        // All through the nights in which clocks change in one zone or another.
        952..962 => {
            format!("cron = \"{} 0-3 * 3,4,9-11 SUN\"", pick(dice, &["*/20", "*/30", "5"]))
        }
        _ => format!("every = \"{}d\"", dice.u32(7..30)),
    };
    let jitter = pick(dice, &["0s", "0s", "0s", "90s", "45m", "5h"]);
    let catch_up = pick(dice, &["0s", "15m", "15m", "6h", "3d"]);
    let enabled = dice.u32(0..25) != 0;
    format!(
        "backups = [\"{}\"]\ntimezone = \"{zone}\"\nenabled = {enabled}\n[schedule]\n{schedule}\njitter = \"{jitter}\"\ncatch_up = \"{catch_up}\"\n",
        backup(number)
    )
}

fn name(number: usize) -> String {
    format!("job-{number}")
}

fn backup(number: usize) -> String {
    (10_000 + number).to_string()
}

/// What a schedule asks for from the start up to an instant, one by one.
fn occurrences(job: &Job, upto: Timestamp) -> Vec<Timestamp> {
    if job.enabled { job.schedule.occurrences(start(), upto, usize::MAX).collect() } else { vec![] }
}

/// One process from its start to its end.
async fn live(stage: &Stage, jobs: &[Arc<Job>], until: Timestamp, end: End, dice: &mut Rng) {
    let mut tasks = stage.play(jobs, until, || LATE.mul_f64(dice.f64())).await;
    match end {
        End::Idle => {}
        End::Stopped => stage.stop.cancel(),
        End::Killed => tasks.shutdown().await,
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no run ends in a defect");
    }
}

/// When a process ends: about when one of the next things becomes due, or at any time before that.
fn some_end(instants: &[Timestamp], now: Timestamp, most: usize, dice: &mut Rng) -> Option<Timestamp> {
    let next = instants.partition_point(|instant| *instant <= now);
    let chosen = *instants.get(next + dice.usize(1..most))?;
    let off = if dice.bool() { dice.i64(-500..3_000) } else { dice.i64(-86_400_000..0) };
    Some((chosen + SignedDuration::from_millis(off)).max(now + SignedDuration::from_millis(1)))
}

/// Sleeps for up to one of these many seconds, but not beyond the end.
async fn downtime(stage: &Stage, most: &[u64], end: Timestamp, dice: &mut Rng) {
    let most = most[dice.usize(..most.len())];
    let left = Duration::try_from(end - stage.clock.now()).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(dice.u64(..most * 1_000)).min(left)).await;
}

#[tokio::test(start_paused = true)]
async fn a_year_of_a_thousand_jobs_ends_every_occurrence_in_one_state() {
    println!("seed {SEED:#x}");
    let mut dice = Rng::with_seed(SEED);
    let mut stage = Stage::in_memory(ZOHO, "");
    let jobs: Vec<Arc<Job>> =
        (0..1_000).map(|number| stage.job(&name(number), &job_file(number, &mut dice))).collect();
    let end = start() + SignedDuration::from_hours(365 * 24);
    let mut instants: Vec<Timestamp> = jobs.iter().flat_map(|job| occurrences(job, end)).collect();
    instants.sort_unstable();
    println!("{} occurrences", instants.len());

    let mut lives = vec![];
    loop {
        let from = stage.clock.now();
        let until = some_end(&instants, from, 200, &mut dice).filter(|until| *until < end);
        let how = match until {
            None => End::Idle,
            Some(_) if dice.u32(0..3) == 0 => End::Stopped,
            Some(_) => End::Killed,
        };
        for _ in 0..dice.usize(0..8) {
            let words = [Fault::Code(Code::InternalError), Fault::Drop, Fault::DropAfter, Fault::Html(502)];
            let step = Step::of(words[dice.usize(..words.len())]);
            stage.world.lock().account_mut("acme").unwrap().push_fault(Endpoint::Cancel, step);
        }
        live(&stage, &jobs, until.unwrap_or(end), how, &mut dice).await;
        lives.push(Life { from, to: until.unwrap_or(end) });
        if until.is_none() {
            break;
        }
        stage = stage.restart("").await;
        // Nothing, minutes, hours, or days.
        downtime(&stage, &[1, 10 * 60, 12 * 3600, 5 * 86_400], end, &mut dice).await;
    }

    let seen = check(&stage, &jobs, &lives, end).await;
    println!("{} lives, {seen:?}", lives.len());
    // Otherwise this would prove little.
    assert!(lives.len() > 40 && seen.runs > 5_000, "{} lives, {seen:?}", lives.len());
    assert!(seen.caught_up > 20 && seen.missed_rows > 100 && seen.missed > seen.missed_rows, "{seen:?}");
    assert!(seen.interrupted > 10 && seen.failed_attempts > 50, "{seen:?}");
}

/// What a test has come across.
#[derive(Debug, Default)]
struct Seen {
    runs: usize,
    caught_up: usize,
    missed_rows: u64,
    missed: u64,
    interrupted: usize,
    failed_attempts: usize,
}

/// Compares the record, and what Zoho got, with what the schedules ask for.
async fn check(stage: &Stage, jobs: &[Arc<Job>], lives: &[Life], end: Timestamp) -> Seen {
    let mut rows: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    for run in stage.history().await {
        rows.entry(run.job.clone()).or_default().push(run);
    }
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in stage.world.lock().seen() {
        *calls.entry(call.backup.clone().unwrap_or_default()).or_default() += 1;
    }
    let mut seen = Seen::default();
    for job in jobs {
        let mut rows = rows.remove(job.name.as_str()).unwrap_or_default();
        rows.sort_by_key(|run| run.occurrence);
        let calls = calls.get(job.backups[0].as_str()).copied().unwrap_or(0);
        Checked { job, rows: &rows, lives, seen: &mut seen }.check(calls, end);
    }
    assert!(rows.is_empty(), "rows of no job: {rows:?}");
    seen
}

/// One job's part of the record.
struct Checked<'a> {
    job: &'a Job,
    /// By occurrence.
    rows: &'a [Run],
    lives: &'a [Life],
    seen: &'a mut Seen,
}

impl Checked<'_> {
    fn check(&mut self, calls: usize, end: Timestamp) {
        let Self { job, rows, .. } = *self;
        let wanted = occurrences(job, end);
        let mut left = wanted.as_slice();
        let (mut attempts, mut cut_off) = (0, 0);
        for row in rows {
            let context = || format!("{}: {row:?}\nnext are {:?}", job.name, &left[..left.len().min(5)]);
            let count = usize::try_from(row.missed.unwrap_or(1)).unwrap();
            let (these, rest) = left.split_at_checked(count).unwrap_or_else(|| panic!("{}", context()));
            assert_eq!(row.occurrence.as_ref(), these.last(), "{}", context());
            assert_eq!(row.missed.is_some(), row.state == RunState::Missed, "{}", context());
            if row.state == RunState::Missed {
                self.missed(row, these, &context());
            } else {
                let interruptions = self.ran(row, &context());
                cut_off += interruptions;
                attempts += usize::try_from(row.targets[0].attempts).unwrap();
            }
            left = rest;
        }
        let to_come = |occurrence: &Timestamp| *occurrence + self.jitter() > end - LONGEST_RUN;
        assert!(left.iter().all(to_come), "{}: never on record: {left:?}", job.name);
        // Each call was an attempt on record; a kill may have kept one from it.
        assert!((attempts..=attempts + cut_off).contains(&calls), "{}: {calls} calls, {attempts}", job.name);
    }

    fn missed(&mut self, row: &Run, these: &[Timestamp], context: &str) {
        assert!(row.started_at.is_none() && row.targets[0].outcome == Some(Outcome::Missed), "{context}");
        assert!(!these.iter().any(|occurrence| self.was_awake(*occurrence)), "it was awake: {context}");
        let (newest, noticed) = (these[these.len() - 1], row.finished_at.expect(context));
        assert!(newest <= noticed, "{context}");
        // The newest is missed only if it was too old, or another one was run instead.
        let due = fire_at(&Entry::from(self.job), newest);
        let too_old = noticed.duration_since(due) > SignedDuration::try_from(self.job.catch_up).unwrap();
        let another = self.rows.iter().any(|run| run.started_at == Some(noticed));
        assert!(too_old || another, "it should have been caught up with: {context}");
        self.seen.missed_rows += 1;
        self.seen.missed += row.missed.expect(context);
    }

    /// Gives back how often a process ended while the run was under way.
    fn ran(&mut self, run: &Run, context: &str) -> usize {
        let (occurrence, began) = (run.occurrence.expect(context), run.started_at.expect(context));
        let (late, ended) = (run.lateness_ms.expect(context), run.finished_at.expect(context));
        assert!(occurrence <= began && began <= ended && late >= 0, "too early: {context}");
        let target = &run.targets[0];
        let done = match target.outcome {
            Some(Outcome::Cancelled | Outcome::AlreadyCancelled) => run.state == RunState::Succeeded,
            Some(Outcome::Exhausted) => run.state == RunState::Failed && target.attempts >= 6,
            _ => false,
        };
        assert!(done, "{context}");
        let punctual = late <= PUNCTUAL_MS;
        assert!(punctual || !self.was_awake(occurrence), "late though it was awake: {context}");
        let age = SignedDuration::from_millis(late);
        assert!(punctual || age <= SignedDuration::try_from(self.job.catch_up).unwrap(), "{context}");
        let trigger = if late > 60_000 { Trigger::CatchUp } else { Trigger::Schedule };
        assert_eq!(run.trigger, trigger, "{context}");

        let interruptions = self.lives.iter().filter(|life| began <= life.to && life.to <= ended).count();
        self.seen.runs += 1;
        self.seen.caught_up += usize::from(trigger == Trigger::CatchUp);
        self.seen.interrupted += usize::from(interruptions > 0);
        self.seen.failed_attempts += usize::from(target.attempts > 1);
        interruptions
    }

    fn jitter(&self) -> SignedDuration {
        SignedDuration::try_from(self.job.jitter).unwrap()
    }

    /// Whether one process lived from before the occurrence until its run must have begun.
    fn was_awake(&self, occurrence: Timestamp) -> bool {
        let begun = occurrence + self.jitter() + SignedDuration::from_secs(2);
        self.lives.iter().any(|life| life.from <= occurrence && begun <= life.to)
    }
}

#[tokio::test(start_paused = true)]
async fn three_days_of_the_engine_end_every_occurrence_in_one_state() {
    println!("seed {SEED:#x}");
    let mut dice = Rng::with_seed(SEED);
    let mut stage = Stage::in_memory(ZOHO, "");
    let jobs: Vec<Arc<Job>> = (0..100)
        .map(|number| {
            let schedule = match dice.u32(0..3) {
                0 => format!("every = \"{}m\"", dice.u32(90..600)),
                1 => format!("cron = \"{} */{} * * *\"", dice.u32(0..60), dice.u32(2..12)),
                _ => format!("at = \"2026-11-{}T{:02}:10:00\"", dice.u32(28..31), dice.u32(0..24)),
            };
            let jitter = pick(&mut dice, &["0s", "0s", "10m"]);
            let catch_up = pick(&mut dice, &["0s", "15m", "3h"]);
            let zone = pick(&mut dice, &ZONES);
            let backup = backup(number);
            let text = format!(
                "backups = [\"{backup}\"]\ntimezone = \"{zone}\"\n[schedule]\n{schedule}\njitter = \"{jitter}\"\ncatch_up = \"{catch_up}\"\n"
            );
            stage.job(&name(number), &text)
        })
        .collect();
    let end = start() + SignedDuration::from_hours(3 * 24);
    let mut instants: Vec<Timestamp> = jobs.iter().flat_map(|job| occurrences(job, end)).collect();
    instants.sort_unstable();

    let mut lives = vec![];
    loop {
        let from = stage.clock.now();
        let until = some_end(&instants, from, 100, &mut dice).filter(|until| *until < end);
        // Without grace a stop is as good as a kill for what is under way.
        if until.is_some() && dice.bool() {
            stage.settings.grace = Duration::ZERO;
        }
        let to = until.unwrap_or(end);
        stage.serve(&jobs, (to - from).try_into().unwrap_or_default()).await;
        lives.push(Life { from, to });
        stage = stage.restart("").await;
        if until.is_none() {
            break;
        }
        downtime(&stage, &[1, 60, 3 * 3600], end, &mut dice).await;
    }
    // What the last stop cut off is taken up.
    for interrupted in stage.store.take_over().await.unwrap() {
        stage.runner().take_up(interrupted).await;
    }

    let seen = check(&stage, &jobs, &lives, end).await;
    println!("{} lives, {seen:?}", lives.len());
    assert!(lives.len() > 10 && seen.runs > 500, "{} lives, {seen:?}", lives.len());
    assert!(seen.caught_up > 10 && seen.missed_rows > 10 && seen.interrupted > 3, "{seen:?}");
}
