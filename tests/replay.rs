//! What `plan` foretells is what `run` then does: random configurations and states of Zoho, foretold from one look and
//! then run on virtual time, with nobody else interfering.

#![allow(clippy::unwrap_used, reason = "a check that can't be made fails its test")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use calloff::daemon::{Access, Pursuer, Successors};
use calloff_core::agenda::Pause;
use calloff_core::condition::{Facts, Needs};
use calloff_core::config::Job;
use calloff_core::forecast::{Action, Player, Standing, foretell};
use calloff_core::ids::BackupRef;
use calloff_core::outcome::Outcome;
use calloff_core::run::{Run, Trigger};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use support::stage::{Stage, start};

const DAYS: i64 = 5;

/// Backups start at this minute of an hour. No job is due, nor spread, up to it: where both come at once, or a spread
/// ends at a start that only one of the two knows of, either order is right.
const STARTS_AT: &str = "55m";

/// The longest spread; the jobs are five minutes apart from each other.
const JITTER: &str = "4m";

fn pick<'a>(dice: &mut Rng, from: &[&'a str]) -> &'a str {
    from[dice.usize(..from.len())]
}

fn windows(dice: &mut Rng, restores: bool) -> String {
    let opens = pick(dice, &["0 18 * * FRI", "0 22 * * *", "30 1 * * SAT,SUN", "0 */8 * * *"]);
    // What is put back is seen only if the window closes.
    let (lasts, from) = (dice.u32(1..if restores { 9 } else { 70 }), dice.i64(-48..96));
    let from = start() + SignedDuration::from_hours(from);
    let to = from + SignedDuration::from_hours(dice.i64(1..60));
    format!(
        "[[windows.a]]\nopens = \"{opens}\"\nlasts = \"{lasts}h\"\ntimezone = \"Europe/Berlin\"\n\
         [[windows.b]]\nfrom = \"{from}\"\nto = \"{to}\"\n[[windows.b]]\nopens = \"0 4 * * MON\"\nlasts = \"90m\"\n"
    )
}

/// A rule whose next start lies beyond the days that are played, whatever day and time Zoho picks for a schedule that is
/// put back: that is not documented, and a forecast can only assume it.
const RARE: &str = "RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=20";

/// What Zoho has. Its backups run for as long as a forecast takes them to.
fn zoho(dice: &mut Rng, restores: bool) -> String {
    let mut text = "[accounts.acme]\nruns_for = \"1h\"\nutc_offset = \"+05:30\"\n".to_owned();
    for _ in 0..dice.usize(..3) {
        let (days, state) = (dice.u32(0..20), pick(dice, &["completed", "completed", "failure"]));
        writeln!(text, "[[accounts.acme.history]]\nlog_time = \"-{days}d\"\nstate = \"{state}\"").unwrap();
    }
    if dice.u32(..12) == 0 {
        return text;
    }
    text += "[[accounts.acme.backups]]\nid = \"42\"\n";
    let status =
        pick(dice, &["SCHEDULED", "SCHEDULED", "SCHEDULED", "SCHEDULED", "STOPPED", "COMPLETED", "FAILED"]);
    writeln!(text, "status = \"{status}\"").unwrap();
    if status != "SCHEDULED" || restores || dice.u32(..10) > 0 {
        let sign = if dice.u32(..3) == 0 || matches!(status, "COMPLETED" | "FAILED") { "-" } else { "+" };
        let most = if dice.bool() { 30 } else { 7 * 24 };
        let hours = if sign == "-" { 0 } else { dice.u32(..most) };
        let minutes = if sign == "-" { "5m" } else { STARTS_AT };
        writeln!(text, "scheduled_date = \"{sign}{hours}h{minutes}\"").unwrap();
        if dice.u32(..4) > 0 {
            let rule =
                pick(dice, &["RRULE:FREQ=WEEKLY;INTERVAL=1", "FREQ=WEEKLY;INTERVAL=2", "RRULE:FREQ=MONTHLY"]);
            let rule = if restores { RARE } else { rule };
            writeln!(text, "rrule = \"{rule}\"").unwrap();
        }
    }
    text
}

fn job_file(place: u32, dice: &mut Rng, restores: bool) -> String {
    let backups =
        pick(dice, &["[\"42\"]", "[\"42\"]", "[\"current\"]", "\"current\"", "[\"42\", \"7\"]", "[\"8\"]"]);
    // Each job has minutes of its own.
    let minute = pick(dice, &["0", "30"]).parse::<u32>().unwrap() + 5 * place;
    let hours = pick(dice, &["*/8", "6,14,22", "16", "3-6", "*/12", "20", "*/3", "16-18", "*"]);
    let days = pick(dice, &["*", "*", "FRI,SAT", "MON"]);
    let jitter = pick(dice, &["0s", "0s", JITTER]);
    let zone = pick(dice, &["UTC", "Europe/Berlin", "Asia/Kathmandu"]);
    // Kathmandu is a quarter of an hour off.
    let zone = if minute % 30 == 5 * place && zone == "Asia/Kathmandu" { "Asia/Tokyo" } else { zone };
    let enabled = dice.u32(..12) > 0;
    let verify = dice.bool();
    let mut text = format!(
        "backups = {backups}\ntimezone = \"{zone}\"\nenabled = {enabled}\nverify = {verify}\n\
         [schedule]\ncron = \"{minute} {hours} * * {days}\"\njitter = \"{jitter}\"\n[when]\n"
    );
    let window = match dice.u32(..4) {
        0 => None,
        1 => Some("b"),
        _ => Some("a"),
    };
    if let Some(window) = window.filter(|_| restores || dice.bool()) {
        let due_in_window = !restores && dice.bool();
        writeln!(text, "window = \"{window}\"\ndue_in_window = {due_in_window}").unwrap();
    }
    // So that there is something to put back now and then.
    if restores && place == 0 && text.contains("\nwindow = ") {
        return text + if dice.bool() { "[hold]\npoll = \"1h\"\n[restore]\n" } else { "[restore]\n" };
    }
    if dice.u32(..3) == 0 {
        let words = pick(
            dice,
            &["\"SCHEDULED\"", "\"STOPPED\"", "\"SCHEDULED\", \"INPROGRESS\"", "\"COMPLETED\", \"FAILED\""],
        );
        writeln!(text, "status = [{words}]").unwrap();
    }
    if dice.u32(..3) == 0 {
        writeln!(text, "due_within = \"{}h\"", dice.u32(1..100)).unwrap();
    }
    if dice.u32(..4) == 0 {
        writeln!(text, "last_good_backup_within = \"{}d\"", dice.u32(1..20)).unwrap();
    }
    if text.contains("\nwindow = ") {
        // Looks are made every so many hours, at the minute of the run.
        match if restores { dice.u32(..4) } else { dice.u32(1..5) } {
            0 => writeln!(text, "[hold]\npoll = \"{}h\"\n[restore]", dice.u32(1..5)).unwrap(),
            1 => writeln!(text, "[hold]\npoll = \"{}h\"", dice.u32(1..5)).unwrap(),
            2 if restores => text += "[restore]\n",
            _ => {}
        }
    }
    text
}

/// What a foretold action looks like on record. What Zoho makes of the cancel of a backup that is over is not
/// documented, and the forecast says so.
fn came_true(action: Action, reason: &str, outcome: Outcome) -> bool {
    match action {
        Action::Cancel if reason.contains("not documented") => outcome != Outcome::Skipped,
        Action::Cancel => outcome == Outcome::Cancelled,
        Action::Skip => outcome == Outcome::Skipped,
        Action::AlreadyCancelled => outcome == Outcome::AlreadyCancelled,
        Action::TooLate => outcome == Outcome::TooLate,
        Action::NotFound => outcome == Outcome::NotFound,
        Action::Unknown => false,
    }
}

/// What has been compared.
#[derive(Debug, Default)]
struct Tally(BTreeMap<&'static str, usize>);

/// Foretells one random case, runs it, and compares.
async fn replay(seed: u64, tally: &mut Tally) {
    let mut dice = Rng::with_seed(seed);
    let restores = dice.bool();
    let (zoho, windows) = (zoho(&mut dice, restores), windows(&mut dice, restores));
    let stage = Stage::in_memory(&zoho, &windows);
    let jobs: Vec<Arc<Job>> = (0..dice.u32(1..5))
        .map(|place| stage.job(&format!("job-{place}"), &job_file(place, &mut dice, restores)))
        .collect();
    let pause = (dice.u32(..4) == 0).then(|| Pause {
        since: start(),
        until: start() + SignedDuration::from_hours(dice.i64(1..72)),
        reason: "why".to_owned(),
    });
    if let Some(pause) = &pause {
        stage.store.pause(jobs[0].name.clone(), pause.clone()).await.unwrap();
    }

    let (now, until) = (stage.clock.now(), start() + SignedDuration::from_hours(DAYS * 24));
    let players: Vec<Player<'_>> = jobs
        .iter()
        .map(|job| Player {
            pause: pause.as_ref().filter(|_| job.name == jobs[0].name),
            ..Player::new(job, now)
        })
        .collect();
    let forecast = foretell(&players, &look(&stage).await, Standing::default(), now, until, 10_000);
    let mut tasks = stage.play(&jobs, until, || Duration::ZERO).await;
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }

    let context = format!("seed {seed}\n{zoho}\n{windows}");
    let successors = Successors::default();
    successors.learn(&stage.store).await.unwrap();
    let runs = stage.history().await.into_iter().filter(|run| run.trigger != Trigger::Hold);
    let runs: BTreeMap<(String, Option<Timestamp>), Run> =
        runs.map(|run| ((run.job.clone(), run.occurrence), run)).collect();
    for row in &forecast.rows {
        // The last look is at the end of the time.
        if row.fire_at >= until {
            continue;
        }
        let run = runs.get(&(row.job.name.as_str().to_owned(), Some(row.occurrence)));
        let run = run.unwrap_or_else(|| panic!("{context}\nforetold, and not run: {row:#?}"));
        assert_eq!(run.trigger, Trigger::Schedule, "{context}");
        for (foretold, target) in row.targets.iter().zip(&run.targets) {
            let outcome = target.outcome.unwrap();
            assert!(
                came_true(foretold.action, &foretold.reason, outcome),
                "{context}\nforetold {row:#?}\nand it was {run:#?}"
            );
            if foretold.action != Action::Cancel || outcome == Outcome::Cancelled {
                // What is put back has an ID that nobody can foretell.
                let now = |backup: &BackupRef| successors.of(std::slice::from_ref(backup));
                assert_eq!(now(&foretold.backup), now(&target.backup), "{context}");
            }
            *tally.0.entry(foretold.action.as_str()).or_default() += 1;
        }
    }
    let foretold = forecast.rows.iter().filter(|row| row.fire_at < until).count();
    assert_eq!(runs.len(), foretold, "{context}\nno run that was not foretold");
    let paid = stage.store.debts().await.unwrap().into_iter().filter_map(|debt| debt.ended_at);
    let paid: Vec<Timestamp> = paid.filter(|at| *at < until).collect();
    let told: Vec<Timestamp> = forecast.restores.iter().copied().filter(|at| *at < until).collect();
    assert_eq!(told.len(), paid.len(), "{context}\nforetold {told:?}, and put back {paid:?}");
    *tally.0.entry("restored").or_default() += paid.len();
}

/// One look at Zoho, as `plan` takes it.
async fn look(stage: &Stage) -> Facts {
    let runner = stage.runner();
    let access: &Access = &runner.accounts["acme"];
    let worker = runner.worker;
    let pursuer = Pursuer { clock: worker.clock, dice: worker.dice, stop: worker.stop };
    let needs = Needs { live: true, history: true };
    let (facts, unread) = pursuer.facts(access, needs, stage.settings.retry).await.unwrap();
    assert_eq!(unread, None);
    facts
}

/// A quarter of the thousand, so that they share the cores.
async fn replay_quarter(quarter: u64) {
    let mut tally = Tally::default();
    for seed in quarter * 250..(quarter + 1) * 250 {
        replay(seed, &mut tally).await;
    }
    // Otherwise this would prove little.
    for (action, least) in [
        ("cancel", 100),
        ("skip", 500),
        ("already_cancelled", 300),
        ("too_late", 1),
        ("not_found", 100),
        ("restored", 20),
    ] {
        assert!(tally.0.get(action).is_some_and(|count| *count >= least), "{action}: {tally:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_foretold_comes_true_first_quarter() {
    replay_quarter(0).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_foretold_comes_true_second_quarter() {
    replay_quarter(1).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_foretold_comes_true_third_quarter() {
    replay_quarter(2).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_foretold_comes_true_fourth_quarter() {
    replay_quarter(3).await;
}
