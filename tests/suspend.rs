//! Stopped as a whole and continued: what passed meanwhile is counted once, and the newest of it is run once.

#![allow(clippy::unwrap_used, reason = "a check that can't be made fails its test")]

mod support;

use calloff::clock::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use support::program::{Done, Place, signal};

fn second(run: &Value) -> i64 {
    let occurrence: Timestamp = run["occurrence"].as_str().unwrap().parse().unwrap();
    occurrence.as_second()
}

/// The seconds that a row stands for: a run for its own, a missed row for so many up to its own.
fn seconds(run: &Value) -> std::ops::RangeInclusive<i64> {
    let many = run["missed"].as_i64().unwrap_or(1);
    second(run) - many + 1..=second(run)
}

#[test]
fn a_daemon_that_was_suspended_for_five_seconds_runs_what_is_due_once() {
    let job = "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n";
    let place = Place::new("[[accounts.acme.backups]]\nid = \"42\"\n", "", &[("job", job)]);
    let daemon = place.start(&["run"]);
    place.wait_until("the daemon works", |place| place.cancels() >= 2);

    // Between two seconds, so that no run is about to begin.
    place.wait_until("half a second is over", |_| {
        (400..600).contains(&SystemClock.now().as_millisecond().rem_euclid(1_000))
    });
    signal(&daemon, "STOP");
    let stopped = SystemClock.now();
    let over = stopped + SignedDuration::from_secs(7);
    place.wait_until("five seconds and more have passed", |_| SystemClock.now() >= over);
    let before = place.cancels();
    signal(&daemon, "CONT");
    place.wait_until("cancels go on", |place| place.cancels() >= before + 3);
    signal(&daemon, "TERM");
    let done = Done::from(daemon.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(!done.stderr.contains("panic") && !done.stderr.contains("run.defect"), "{}", done.stderr);

    let history = place.history();
    let context = format!("{history:#?}\n{}", done.stderr);
    let mut covered: Vec<i64> = history.iter().flat_map(seconds).collect();
    covered.sort_unstable();
    let (first, last) = (covered[0], covered[covered.len() - 1]);
    assert_eq!(covered, (first..=last).collect::<Vec<_>>(), "every second once, without a gap: {context}");

    let (missed, runs): (Vec<&Value>, Vec<&Value>) = history.iter().partition(|run| run["state"] == "missed");
    assert!(runs.iter().all(|run| run["state"] == "succeeded"), "{context}");
    assert_eq!(runs.len(), place.cancels(), "one call for each run: {context}");

    // A busy machine may make the daemon miss more, but what it slept through is one row.
    let asleep = stopped.as_second() + 1..over.as_second();
    let within = |run: &&Value| seconds(run).any(|it| asleep.contains(&it));
    let slept: Vec<&Value> = missed.into_iter().filter(within).collect();
    assert_eq!(slept.len(), 1, "{context}");
    let row = slept[0];
    assert!(row["missed"].as_u64().unwrap() >= 4 && row["started_at"].is_null(), "{context}");
    let newest = second(row) + 1;
    let caught_up = runs.iter().find(|run| second(run) == newest);
    let started: Timestamp = caught_up.expect(&context)["started_at"].as_str().unwrap().parse().unwrap();
    assert!(started >= over, "nothing ran while it was stopped: {context}");
    let others = runs.iter().filter(|run| within(run) && second(run) != newest).count();
    assert_eq!(others, 0, "of what it slept through, only the newest is run: {context}");
}
