//! A daemon that is killed while it tells somebody of a failure: nobody stays untold.

use calloff::clock::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};

use crate::once::{RETRY, due, listener};
use crate::support::aftermath::{Aftermath, on_record, told};
use crate::support::program::{Done, Place, signal};
use crate::{killed_ever_later, was_killed};

const AT_REST: &str = "SELECT count(*) = 2 AND (SELECT count(*) FROM notices) = 0
    AND NOT EXISTS (SELECT 1 FROM runs WHERE state = 'running' OR untold = 1) FROM runs";

fn tell(kill: &str) -> Option<()> {
    let due_at = SystemClock.now() + SignedDuration::from_secs(1);
    let job = |ids: &str| format!("backups = [{ids}]\n[schedule]\nat = \"{due_at}\"\n");
    let (good, bad) = (job("\"1\""), job("\"99\""));
    let place =
        Place::new("[[accounts.acme.backups]]\nid = \"1\"\n", RETRY, &[("good", &good), ("bad", &bad)]);
    let listener = listener(&place);
    let mut first = place.command(&["run"]);
    let mut first = first
        .env("CALLOFF_KILL", kill)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it can be started");
    place.wait_until("it is killed, or all is told", |place| {
        matches!(first.try_wait(), Ok(Some(_))) || on_record(place, AT_REST)
    });
    // One that is told all is stopped, and may be killed at what it writes then.
    if matches!(first.try_wait(), Ok(None)) {
        signal(&first, "TERM");
    }
    let first = Done::from(first.wait_with_output().expect("it was started"));
    // What it knew of then is due whatever comes next.
    let is_due = on_record(&place, &format!("SELECT min(cursor) < {} FROM jobs", due_at.as_millisecond()));
    let second = place.start(&["run"]);
    // One that was killed before its first write knows of no schedule: its next life begins with one.
    let begun_late = |place: &Place| SystemClock.now() > due_at && on_record(place, &nothing_is_due(due_at));
    place.wait_until("it comes to rest", |place| on_record(place, AT_REST) || begun_late(place));
    signal(&second, "TERM");
    let second = Done::from(second.wait_with_output().expect("it was started"));
    let context = format!("{kill}: {}{}", first.stderr, second.stderr);
    let bodies = listener.bodies();
    let said = bodies.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let left = Aftermath::of(&place, told(&format!("{}\n{}\n{said}", first.stderr, second.stderr)), &context);
    if left.history.is_empty() {
        let begun_late = on_record(&place, &nothing_is_due(due_at));
        assert!(was_killed(&first) && !is_due && begun_late, "{is_due}, {begun_late}: {context}");
        return Some(());
    }
    left.hold(&[due("good", due_at, &["1"]), due("bad", due_at, &["99"])], &context);
    assert!(
        bodies.iter().any(|body| body["event"] == "failed" && body["job"] == "bad"),
        "{bodies:#?}\n{context}"
    );
    was_killed(&first).then_some(())
}

/// Where both schedules stand is on record, not before what was due, and nothing has run.
fn nothing_is_due(due_at: Timestamp) -> String {
    let due_at = due_at.as_millisecond();
    format!("SELECT count(*) = 2 AND min(cursor) >= {due_at} AND NOT EXISTS (SELECT 1 FROM runs) FROM jobs")
}

#[test]
fn a_daemon_that_is_killed_before_any_of_its_writes_leaves_nobody_untold() {
    assert!(killed_ever_later("before", tell).len() >= 15);
}

#[test]
fn a_daemon_that_is_killed_after_any_of_its_writes_leaves_nobody_untold() {
    assert!(killed_ever_later("after", tell).len() >= 15);
}
