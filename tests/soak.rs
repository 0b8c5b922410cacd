//! A month of thousands of jobs in virtual time, with the record on disk: memory and open files stay what they are, and
//! the record is pruned as configured. `cargo xtask soak` plays the whole of it; a shorter one is played each time.

#![allow(clippy::unwrap_used, reason = "a check that can't be made fails its test")]
#![allow(clippy::print_stdout, reason = "what it finds is for people")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calloff::daemon::Beat;
use calloff_core::config::Job;
use calloff_core::run::RunState;
use jiff::{SignedDuration, Timestamp};
use support::stage::{Stage, start};
use tokio::sync::mpsc;

const ZOHO: &str =
    "[accounts.acme]\nlatency = \"40ms\"\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n";

/// What a process may have more at the end than when it had been under way for a while.
const MEMORY_KIB: u64 = 6 * 1024;

/// How long one is played.
struct Soak {
    jobs: u32,
    days: i64,
    /// The retention.
    keep_days: i64,
    /// Each job comes once in at least so many hours, and in at most twice as many.
    hours: u32,
}

/// What a process has.
#[derive(Debug, Clone, Copy)]
struct Footprint {
    memory_kib: u64,
    files: usize,
    record_bytes: u64,
}

impl Footprint {
    fn of(folder: &Path) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let bytes = |name: &str| fs::metadata(folder.join(name)).map_or(0, |file| file.len());
        Self {
            memory_kib: memory.trim().trim_end_matches(" kB").parse().unwrap(),
            files: fs::read_dir("/proc/self/fd").unwrap().count(),
            record_bytes: bytes("calloff.db") + bytes("calloff.db-wal"),
        }
    }
}

/// Beats as the alarm does, and has Zoho forget each hour what it was asked.
fn beat(stage: &Stage) -> mpsc::Receiver<Beat> {
    let (queue, beats) = mpsc::channel(4);
    let world = stage.world.clone();
    tokio::spawn(async move {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        for second in 1_u64.. {
            seconds.tick().await;
            let _ = queue.try_send(Beat::Look);
            if second % 60 == 30 {
                let _ = queue.try_send(Beat::TakeOver);
            }
            if second % 3600 == 1035 {
                let _ = queue.try_send(Beat::Prune);
                world.lock().forget_seen();
            }
        }
    });
    beats
}

fn jobs(stage: &Stage, soak: &Soak) -> Vec<Arc<Job>> {
    let job = |number: u32| {
        let minutes = 60 * soak.hours + number * 7 % (60 * soak.hours);
        let text =
            format!("backups = [\"{}\"]\nverify = false\nschedule.every = \"{minutes}m\"\n", 10_000 + number);
        stage.job(&format!("job-{number}"), &text)
    };
    (0..soak.jobs).map(job).collect()
}

async fn play(soak: Soak) {
    let mut stage = Stage::new(ZOHO, &format!("[retention]\nkeep = \"{}d\"\n", soak.keep_days));
    stage.dice = || 0.5;
    let jobs = jobs(&stage, &soak);
    let engine = stage.engine(&jobs).await;
    let served = tokio::spawn(engine.run(beat(&stage)));
    let mut days = vec![];
    for day in 1..=soak.days {
        tokio::time::sleep(Duration::from_hours(24)).await;
        let footprint = Footprint::of(stage.folder());
        println!("day {day}: {footprint:?}");
        days.push(footprint);
    }
    let now = stage.clock.now();
    stage.stop.cancel();
    served.await.unwrap();
    check(&stage, &soak, &days, now).await;
}

async fn check(stage: &Stage, soak: &Soak, days: &[Footprint], now: Timestamp) {
    let history = stage.history().await;
    let kept_since = now - SignedDuration::from_hours(24 * soak.keep_days + 2);
    let oldest = history.iter().filter_map(|run| run.finished_at).min().unwrap();
    println!("{} runs are kept, since {oldest}", history.len());
    assert!(history.iter().all(|run| run.state == RunState::Succeeded));
    assert!(oldest >= kept_since, "kept since {oldest}, now is {now}");
    assert!(oldest < kept_since + SignedDuration::from_hours(4), "{oldest}: what is to be kept is kept");
    // As many as come due in that time, and not more than a few of those before.
    let due = |job: &Arc<Job>| job.schedule.occurrences(start().max(kept_since), now, usize::MAX).count();
    let most: usize = jobs(stage, soak).iter().map(due).sum();
    assert!(history.len() <= most && history.len() > most * 9 / 10, "{} of {most}", history.len());

    let warm = days[usize::try_from(soak.keep_days).unwrap() + 1];
    let last = days[days.len() - 1];
    assert_eq!(last.files, warm.files, "{days:?}");
    assert!(last.memory_kib <= warm.memory_kib + MEMORY_KIB, "{days:?}");
    assert!(last.record_bytes <= warm.record_bytes * 5 / 4, "{days:?}");
}

#[tokio::test(start_paused = true)]
async fn five_days_leave_nothing_behind() {
    play(Soak { jobs: 1_500, days: 5, keep_days: 1, hours: 6 }).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "it takes minutes: `cargo xtask soak`"]
async fn as_long_as_one_wants() {
    play(Soak { jobs: 10_000, days: 30, keep_days: 3, hours: 24 }).await;
}
