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

#[test]
fn a_run_that_was_killed_at_any_instant_is_taken_up_and_ends_once() {
    // After the token call, then ever further into the run, and after its last call.
    for requests in [1, 2, 5, 9, 14, 20, 21] {
        let place = place();
        let child = place.start(&["once", "--since", "1m"]);
        place.wait_until("requests came in", |place| place.requests() >= requests);
        signal(&child, "KILL");
        let killed = Done::from(child.wait_with_output().unwrap());

        let done = place.run(&["once", "--since", "1m", "--json"]);
        let context = format!("killed after {requests} requests: {}{}", killed.stderr, done.stderr);
        assert_eq!(done.code, 0, "{context}");
        let history = place.history();
        assert_eq!(history.len(), 1, "one occurrence, one run: {context}");
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
fn a_run_under_way_belongs_to_its_process_as_long_as_that_lives() {
    let place = place();
    place.set_account_key("concurrency", "1");
    let child = place.start(&["once", "--since", "1m", "--json"]);
    place.wait_until("it is under way", |place| place.requests() >= 2);
    let other = place.run(&["once", "--since", "1m", "--json"]);
    assert_eq!((other.code, other.stdout.as_str()), (0, ""), "{}", other.stderr);
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.json().len(), 1, "{}", done.stderr);
    assert_eq!(place.cancels(), BACKUPS.len(), "no call was made twice");
}

#[test]
fn a_locked_record_does_not_stop_a_due_cancel() {
    let job = "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n";
    let place = Place::new("[[accounts.acme.backups]]\nid = \"42\"\n", "", &[("job", job)]);
    let daemon = place.start(&["run"]);
    place.wait_until("the daemon works", |place| place.cancels() >= 1);

    let other = Connection::open(place.path("state/calloff.db")).unwrap();
    other.busy_timeout(std::time::Duration::from_mins(1)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = place.cancels();
    place.wait_until("cancels go on", |place| place.cancels() >= before + 2);
    other.execute_batch("COMMIT").unwrap();

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
