//! What time costs: arming many jobs, finding the next occurrence, and a thousand jobs due in one second.
//!
//! `cargo bench -p calloff-core --bench agenda`

use std::collections::BinaryHeap;
use std::time::Duration;

use calloff_core::agenda::{Entry, decide, upcoming};
use calloff_core::ids::JobName;
use calloff_core::schedule::Schedule;
use divan::{Bencher, black_box};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const ZONES: [&str; 5] = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "UTC"];

fn main() {
    divan::main();
}

fn start() -> Timestamp {
    Timestamp::constant(1_795_000_000, 0)
}

fn cron(expression: &str, zone: &str) -> Schedule {
    let zone = TimeZone::get(zone).expect("a zone");
    Schedule::cron(expression, zone).expect("a pattern")
}

/// Every expression is another one, up to 10,080 of them.
fn expression(index: usize) -> String {
    format!("{} {} * * {}", index % 60, index / 60 % 24, index / 1440 % 7)
}

fn jobs(count: usize) -> Vec<(JobName, Schedule)> {
    let name = |index| JobName::parse(&format!("team-{}/job-{index}", index % 50)).expect("a name");
    (0..count).map(|index| (name(index), cron(&expression(index), ZONES[index % ZONES.len()]))).collect()
}

fn entry((name, schedule): &(JobName, Schedule)) -> Entry<'_> {
    let (jitter, catch_up) = (Duration::from_secs(30), Duration::from_mins(15));
    Entry { name, schedule, jitter, catch_up, enabled: true, deadline: None, replaced_at: None }
}

#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 5, sample_size = 1)]
fn read_expressions(count: usize) -> Vec<Schedule> {
    let zones = ZONES.map(|zone| TimeZone::get(zone).expect("a zone"));
    (0..count)
        .map(|index| {
            Schedule::cron(&expression(index), zones[index % zones.len()].clone()).expect("a pattern")
        })
        .collect()
}

#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 5, sample_size = 1)]
fn arm(bencher: Bencher<'_, '_>, count: usize) {
    let jobs = jobs(count);
    bencher.bench(|| {
        let upcoming = |(index, job)| upcoming(&entry(job), start()).map(|next| (next.fire_at, index));
        jobs.iter().enumerate().filter_map(upcoming).collect::<BinaryHeap<_>>()
    });
}

#[divan::bench(args = ["30 17 * * FRI", "*/5 * * * *", "* * * * * *", "0 0 29 2 *", "0 0 LW * *", "15 0 1 1 *", "*/15 9-17 * * 1-5"])]
fn next(bencher: Bencher<'_, '_>, expression: &str) {
    let schedule = cron(expression, "Europe/Berlin");
    bencher.bench(|| schedule.next(black_box(start())));
}

#[divan::bench]
fn a_thousand_due_in_one_second(bencher: Bencher<'_, '_>) {
    let name = |index: i32| JobName::parse(&format!("job-{index}")).expect("a name");
    let jobs: Vec<_> =
        (0..1_000).map(|index| (name(index), cron("30 17 * * FRI", "Europe/Berlin"))).collect();
    let due = jobs[0].1.next(start()).expect("a Friday");
    let now = due + SignedDuration::from_secs(30);
    bencher
        .bench(|| jobs.iter().filter(|job| decide(&entry(job), start(), start(), now).run.is_some()).count());
}

#[divan::bench(args = ["30 17 * * FRI", "* * * * * *", "every second"])]
fn ten_years_down(bencher: Bencher<'_, '_>, schedule: &str) {
    let schedule = match schedule {
        "every second" => Schedule::every(Duration::from_secs(1), TimeZone::UTC),
        expression => cron(expression, "Europe/Berlin"),
    };
    let job = (JobName::parse("job").expect("a name"), schedule);
    let now = start() + SignedDuration::from_hours(24 * 3652);
    bencher.bench(|| decide(&entry(&job), start(), now, black_box(now)));
}
