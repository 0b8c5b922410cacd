//! Killed at any instant and started again: every due occurrence ends once, every target is stopped or reported.

mod support;

use std::collections::BTreeSet;

use calloff::clock::{Clock as _, SystemClock};
use jiff::SignedDuration;
use rusqlite::Connection;
use serde_json::Value;
use support::program::{Done, Place, signal};

const BACKUPS: std::ops::Range<u32> = 100..120;

/// A run with twenty targets that is due now, three calls at a time.
fn place() -> Place {
    let due = SystemClock.now() - SignedDuration::from_secs(5);
    let ids: Vec<String> = BACKUPS.map(|id| format!("\"{id}\"")).collect();
    let job = format!("backups = [{}]\n[schedule]\nat = \"{due}\"\n", ids.join(", "));
    let scenario = "[accounts.acme]\nlatency = \"10ms\"\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n";
    let place = Place::new(scenario, "", &[("job", &job)]);
    place.set_account_key("concurrency", "3");
    place
}

fn stopped(place: &Place) -> BTreeSet<u32> {
    let world = place.zoho.world().lock();
    let done = world.seen().filter(|seen| seen.acted && seen.path.ends_with("/cancel"));
    done.filter_map(|seen| seen.backup.as_deref()?.parse().ok()).collect()
}

/// Kills `once` when so many requests have come in, and calls it again. Gives how that ended, and what to say if it
/// is not as it should be.
fn killed_and_called_again(place: &Place, requests: u64) -> (Done, String) {
    let child = place.start(&["once", "--since", "1m"]);
    place.wait_until("requests came in", |place| place.requests() >= requests);
    signal(&child, "KILL");
    let killed = Done::from(child.wait_with_output().expect("it was started"));
    let done = place.run(&["once", "--since", "1m", "--json"]);
    let context = format!("killed after {requests} requests: {}{}", killed.stderr, done.stderr);
    (done, context)
}

#[test]
fn a_run_that_was_killed_at_any_instant_is_taken_up_and_ends_once() {
    // After the token call, then ever further into the run, after its last cancel, and after the read-back.
    for requests in [1, 2, 5, 9, 14, 20, 21, 22] {
        let place = place();
        let (done, context) = killed_and_called_again(&place, requests);
        assert_eq!(done.code, 0, "{context}");
        let history = place.history();
        assert_eq!(history.len(), 1, "one occurrence, one run: {context}");
        assert_eq!(history[0]["state"], "succeeded", "it has ended: {context}");
        let targets = history[0]["targets"].as_array().unwrap();
        assert_eq!(targets.len(), BACKUPS.len());
        let good =
            |target: &&Value| matches!(target["outcome"].as_str(), Some("cancelled" | "already_cancelled"));
        assert_eq!(targets.iter().filter(good).count(), BACKUPS.len(), "{context}");
        assert_eq!(stopped(&place), BACKUPS.collect(), "{context}");

        let record = Connection::open(place.path("state/calloff.db")).unwrap();
        let sound: String = record.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "{context}");
        let owners = std::fs::read_dir(place.path("state/owners")).unwrap().count();
        assert_eq!(owners, 0, "the killed process leaves nothing behind: {context}");
    }
}

#[test]
fn a_run_with_conditions_that_was_killed_at_any_call_ends_as_what_it_did() {
    let due = SystemClock.now() - SignedDuration::from_secs(5);
    let job = format!(
        "backups = [\"current\"]\n[schedule]\nat = \"{due}\"\n[when]\nstatus = [\"SCHEDULED\"]\ndue_within = \"1d\"\n"
    );
    let zoho = "[accounts.acme]\nlatency = \"30ms\"\n[[accounts.acme.backups]]\nid = \"42\"\nscheduled_date = \"+5h\"\n";
    // The token, the look, the cancel, the read-back.
    for requests in 1..=4 {
        let place = Place::new(zoho, "", &[("job", &job)]);
        let (done, context) = killed_and_called_again(&place, requests);
        assert_eq!(done.code, 0, "{context}");
        let history = place.history();
        assert_eq!(history.len(), 1, "{context}");
        let target = &history[0]["targets"][0];
        assert_eq!(
            (&target["backup"], &target["verified"]),
            (&Value::from("42"), &Value::from(true)),
            "{context}"
        );
        // Not `skipped`, though the backup that the conditions asked for is STOPPED by now.
        let outcome = target["outcome"].as_str().unwrap();
        assert!(matches!(outcome, "cancelled" | "already_cancelled"), "{outcome}: {context}");
        assert_eq!(stopped(&place), [42].into(), "{context}");
    }
}

#[test]
fn a_run_under_way_belongs_to_its_process_as_long_as_that_lives() {
    let place = place();
    place.set_account_key("concurrency", "1");
    place.set_account_key("timeout", "\"30s\"");
    let mut child = place.start(&["once", "--since", "1m", "--json"]);
    place.wait_until("it is under way", |place| place.requests() >= 2);
    let other = place.run(&["once", "--since", "1m", "--json"]);
    assert!(child.try_wait().unwrap().is_none(), "it was still under way when the other one looked");
    assert_eq!((other.code, other.stdout.as_str()), (0, ""), "{}", other.stderr);
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.json().len(), 1, "{}", done.stderr);
    assert_eq!(place.cancels(), BACKUPS.len(), "no call was made twice");
}

#[test]
fn an_interrupted_run_is_taken_up_though_no_job_names_its_account() {
    let place = place();
    std::fs::remove_dir_all(place.path("jobs")).unwrap();
    std::fs::create_dir(place.path("jobs")).unwrap();
    let ids: Vec<String> = BACKUPS.map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let interrupt = || {
        let before = place.cancels();
        let child = place.start(&[&["cancel", "-a", "acme"], &ids[..]].concat());
        place.wait_until("it is under way", |place| place.cancels() > before);
        signal(&child, "KILL");
        drop(child.wait_with_output().unwrap());
    };
    place.set_account_key("concurrency", "1");
    interrupt();
    let done = place.run(&["once", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.json()[0]["state"], "succeeded");

    interrupt();
    let text = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    place.write("calloff.toml", &text.replace("[accounts.acme]", "[accounts.other]"));
    let done = place.run(&["once"]);
    assert_eq!(done.code, 1, "a run that nobody can finish is no success");
    assert!(done.stderr.contains("run.orphaned"), "{}", done.stderr);
}

/// Holds the record so that nobody can write.
fn lock(place: &Place) -> Connection {
    let other = Connection::open(place.path("state/calloff.db")).expect("the record is there");
    other.busy_timeout(std::time::Duration::from_mins(1)).expect("a minute is a time");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock can be had");
    other
}

#[test]
fn once_cancels_what_is_due_while_the_record_is_locked() {
    let due = SystemClock.now() + SignedDuration::from_secs(2);
    let job = format!("backups = [\"42\"]\n[schedule]\nat = \"{due}\"\n");
    let place = Place::new("[[accounts.acme.backups]]\nid = \"42\"\n", "", &[("job", &job)]);
    assert_eq!(place.run(&["once"]).code, 0);
    place.wait_until("the job is due", |_| SystemClock.now() > due);
    let locked = lock(&place);
    let child = place.start(&["once", "--json"]);
    place.wait_until("the cancel went out", |place| place.cancels() >= 1);
    locked.execute_batch("COMMIT").unwrap();
    let done = Done::from(child.wait_with_output().unwrap());
    assert!(done.json().iter().any(|run| run["state"] == "succeeded"), "{}{}", done.stdout, done.stderr);
    assert!(place.history().iter().any(|run| run["state"] == "succeeded"));
}

#[test]
fn a_daemon_stopped_while_the_record_is_locked_logs_what_it_could_not_record() {
    let job = "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n";
    let place = Place::new("[[accounts.acme.backups]]\nid = \"42\"\n", "grace = \"5s\"", &[("job", job)]);
    let daemon = place.start(&["run"]);
    place.wait_until("the daemon works", |place| place.cancels() >= 1);
    let locked = lock(&place);
    let before = place.cancels();
    place.wait_until("cancels go on", |place| place.cancels() > before);
    signal(&daemon, "TERM");
    let done = Done::from(daemon.wait_with_output().unwrap());
    drop(locked);
    assert_eq!(done.code, 69, "{}", done.stderr);
    let unrecorded = done.stderr.lines().filter(|line| line.contains("target.unrecorded")).count();
    let recorded = place.history().iter().filter(|run| run["state"] == "succeeded").count();
    assert!(unrecorded >= 1 && unrecorded + recorded >= place.cancels(), "{}", done.stderr);
}

#[test]
fn a_locked_record_does_not_stop_a_due_cancel() {
    let job = "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n";
    let place = Place::new("[[accounts.acme.backups]]\nid = \"42\"\n", "", &[("job", job)]);
    let daemon = place.start(&["run"]);
    place.wait_until("the daemon works", |place| place.cancels() >= 1);

    let locked = lock(&place);
    let before = place.cancels();
    place.wait_until("cancels go on", |place| place.cancels() >= before + 2);
    locked.execute_batch("COMMIT").unwrap();

    let recorded = |place: &Place| {
        let runs = place.history();
        runs.iter().filter(|run| run["state"] == "succeeded").count()
    };
    let made = place.cancels();
    place.wait_until("what was done meanwhile is on record", |place| recorded(place) >= made);
    signal(&daemon, "TERM");
    let done = Done::from(daemon.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("store.failing") && done.stderr.contains("store.recovered"),
        "{}",
        done.stderr
    );
    assert_eq!(recorded(&place), place.cancels(), "every cancel is on record");
}
