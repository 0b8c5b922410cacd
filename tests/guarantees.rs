//! What section "State and guarantees" of the contract promises, a test for each sentence, named after it. `cargo xtask
//! sabotage` breaks each of them on purpose, and insists that its test fails.

mod support;

use calloff::clock::{Clock as _, SystemClock};
use calloff_sim::{Endpoint, Seen};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::Value;
use support::aftermath::{Aftermath, on_record, told};
use support::daemon::Daemon;
use support::disk::Disk;
use support::guarantees::Due;
use support::program::{Done, Place};

const EACH_SECOND: &str = "backups = [\"41\"]\n[schedule]\nevery = \"1s\"\n";

/// More commits than `once` makes of what is due here.
const COMMITS: usize = 40;

fn due(job: &str, occurrence: Timestamp, backups: &[&str]) -> Due {
    let backups = backups.iter().map(|&id| id.to_owned()).collect();
    Due { job: job.to_owned(), occurrence, backups, restores: false }
}

/// Two jobs: one is due, of the other two occurrences were missed. One backup fails for a while, one for good; of one a
/// second cancel has another outcome than the first.
fn story() -> (Place, Vec<Due>) {
    let now = SystemClock.now();
    let at = now - SignedDuration::from_secs(3);
    let minute = now.as_second().div_euclid(60) * 60;
    let missed = [-300, -240].map(|secs| Timestamp::from_second(minute + secs).expect("it is near"));
    let minutes = missed.map(|at| (at.as_second() / 60 % 60).to_string()).join(",");
    let zoho = "[[accounts.acme.backups]]\nid = \"41\"\nfaults = [\"INTERNAL_ERROR\", \"drop-after\"]\n\
        [[accounts.acme.backups]]\nid = \"42\"\n[[accounts.acme.backups]]\nid = \"43\"\n";
    let retry = "[retry]\ninitial_delay = \"10ms\"\nmax_delay = \"20ms\"\n";
    let job = format!("backups = [\"41\", \"99\", \"43\"]\n[schedule]\nat = \"{at}\"\n");
    let old = format!("backups = [\"42\"]\n[schedule]\ncatch_up = \"1m\"\ncron = \"{minutes} * * * *\"\n");
    let place = Place::new(zoho, retry, &[("job", &job), ("old", &old)]);
    let mut all = vec![due("job", at, &["41", "99", "43"])];
    all.extend(missed.map(|at| due("old", at, &["42"])));
    (place, all)
}

const ONCE: [&str; 4] = ["once", "--since", "10m", "--json"];

/// Tells the story killed at each commit, before and after it, and again to its end; `judge` sees what is left behind.
fn killed_at_each_commit(judge: impl Fn(&Aftermath, &[Due], &str)) {
    for when in ["before", "after"] {
        let end = (1..=COMMITS).find(|number| {
            let (place, due) = story();
            let mut first = place.command(&ONCE);
            first.env("CALLOFF_KILL", format!("{when}:record.commit:{number}"));
            let first = Done::from(first.output().expect("it is there"));
            let second = place.run(&ONCE);
            let said = [&first, &second].map(|life| format!("{}\n{}", life.stdout, life.stderr)).join("\n");
            let left = Aftermath::of(&place, told(&said), &said);
            judge(&left, &due, &format!("killed {when} commit {number}: {said}"));
            first.code != -1
        });
        assert!(end.is_some_and(|end| end > 8), "it was killed {when} {end:?} commits");
    }
}

#[test]
fn an_outcome_is_durable_before_it_is_reported_anywhere() {
    killed_at_each_commit(|left, due, context| left.hold(due, context));
}

#[test]
fn killed_at_any_instant_every_due_occurrence_ends_in_exactly_one_terminal_state() {
    killed_at_each_commit(|left, due, context| left.hold(due, context));
}

#[test]
fn every_target_is_really_cancelled_or_reported_as_not() {
    killed_at_each_commit(|left, due, context| {
        left.hold(due, context);
        let run = left.run_of("job").expect("it was due");
        let outcomes: Vec<&Value> = run["targets"].as_array().expect("it has targets").iter().collect();
        let is_done =
            |target: &Value| matches!(target["outcome"].as_str(), Some("cancelled" | "already_cancelled"));
        assert!(is_done(outcomes[0]), "{context}");
        assert_eq!(outcomes[1]["outcome"], "not_found", "{context}");
    });
}

#[test]
fn a_run_under_way_is_taken_up_again() {
    let (place, due) = story();
    let mut first = place.command(&ONCE);
    // Both runs are claimed by then.
    first.env("CALLOFF_KILL", "after:record.commit:4");
    let first = Done::from(first.output().expect("it is there"));
    assert!(on_record(&place, "SELECT count(*) FROM runs WHERE state = 'running'"), "{}", first.stderr);
    let second = place.run(&ONCE);
    assert!(second.stderr.contains("run.taken_up"), "{}", second.stderr);
    assert!(on_record(&place, "SELECT NOT EXISTS (SELECT 1 FROM runs WHERE state = 'running')"));
    let left = Aftermath::of(&place, told(&format!("{}\n{}", second.stdout, second.stderr)), &second.stderr);
    left.hold(&due, &second.stderr);
}

/// Keeps others from writing.
fn lock(place: &Place) -> Connection {
    let other = Connection::open(place.path("state/calloff.db")).expect("the record is there");
    other.busy_timeout(std::time::Duration::from_mins(1)).expect("a minute is a time");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock can be had");
    other
}

fn cancels_of(place: &Place, backup: &str) -> usize {
    let is_one = |seen: &&Seen| seen.endpoint == Endpoint::Cancel && seen.backup.as_deref() == Some(backup);
    place.zoho.world().lock().seen().filter(is_one).count()
}

/// A daemon whose record is locked before a job is due that restores; nothing if it was due by then.
fn locked_before_it_is_due(lead: i64) -> Option<(Place, Daemon, Connection, Timestamp)> {
    let now = SystemClock.now();
    let (at, closes) = (now + SignedDuration::from_secs(lead), now + SignedDuration::from_mins(10));
    let zoho = "[[accounts.acme.backups]]\nid = \"41\"\n[[accounts.acme.backups]]\nid = \"42\"\n\
        rrule = \"RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO\"\nscheduled_date = \"+2d\"\n";
    let window = format!("[[windows.freeze]]\nfrom = \"{now}\"\nto = \"{closes}\"\n");
    let freeze = format!(
        "backups = [\"current\"]\nwhen.window = \"freeze\"\nrestore = {{}}\n[schedule]\nat = \"{at}\"\n"
    );
    let place = Place::new(zoho, &window, &[("freeze", &freeze), ("each", EACH_SECOND)]);
    let daemon = Daemon::start(&place);
    place.wait_until("the daemon works", |place| cancels_of(place, "41") >= 1);
    let locked = lock(&place);
    (SystemClock.now() < at).then_some((place, daemon, locked, at))
}

#[test]
fn what_was_scheduled_is_stored_before_the_cancel_is_sent() {
    let begun = [3, 12, 48].into_iter().find_map(locked_before_it_is_due);
    let (place, daemon, locked, at) = begun.expect("it takes no 48 s to begin");
    place.wait_until("it is due", |_| SystemClock.now() > at);
    let before = cancels_of(&place, "41");
    place.wait_until("what owes nothing goes on", |place| cancels_of(place, "41") >= before + 4);
    assert_eq!(cancels_of(&place, "42"), 0, "nothing is sent that is not stored: {}", daemon.log());
    locked.execute_batch("COMMIT").expect("it is ours");
    place.wait_until("the cancel is sent", |place| cancels_of(place, "42") == 1);
    let debts = place.run(&["restore", "list", "--json"]).json();
    let debt = &debts[0];
    assert_eq!(
        (&debt["backup"], &debt["rrule"], &debt["state"]),
        (&"42".into(), &"RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO".into(), &"owed".into())
    );
}

#[test]
fn a_locked_database_never_stops_a_due_cancel() {
    let place = Place::new("[[accounts.acme.backups]]\nid = \"41\"\n", "", &[("each", EACH_SECOND)]);
    let daemon = Daemon::start(&place);
    place.wait_until("the daemon works", |place| place.cancels() >= 1);
    let locked = lock(&place);
    daemon.wait_for(&place, "store.failing", 1);
    let before = place.cancels();
    place.wait_until("cancels go on", |place| place.cancels() >= before + 2);
    drop(locked);
}

/// A daemon on a full disk, which worked before.
fn starving() -> Option<(Place, Disk, Daemon)> {
    let place = Place::new("[[accounts.acme.backups]]\nid = \"41\"\n", "", &[("each", EACH_SECOND)]);
    let disk = Disk::put_into(&place)?;
    let daemon = Daemon::of(&place, &mut disk.command(&place, &["run"]));
    place.wait_until("the daemon works", |place| place.cancels() >= 1);
    disk.fill();
    daemon.wait_for(&place, "store.failing", 1);
    Some((place, disk, daemon))
}

#[test]
fn a_full_disk_never_stops_a_due_cancel() {
    let Some((place, _disk, _daemon)) = starving() else { return };
    let before = place.cancels();
    place.wait_until("cancels go on", |place| place.cancels() >= before + 2);
}

#[test]
fn it_degrades_health_and_is_caught_up_later() {
    let Some((place, disk, daemon)) = starving() else { return };
    let before = place.cancels();
    place.wait_until("cancels go on", |place| place.cancels() >= before + 2);
    let health = || {
        let rows = disk.run(&place, &["status", "--json"]).json();
        rows.last().expect("the daemon comes last")["daemon"]["health"].clone()
    };
    assert_eq!(health()["state"], "degraded", "{}", health());
    assert!(health()["reasons"].to_string().contains("the record takes no writes"), "{}", health());
    disk.free();
    place.wait_until("it is well again", |_| health()["state"] == "ok");
    let made = place.cancels();
    let succeeded = || {
        let history = disk.run(&place, &["history", "--json"]).json();
        history.iter().filter(|run| run["state"] == "succeeded").count()
    };
    place.wait_until("all is on record", |_| succeeded() >= made);
    assert_eq!(daemon.stop(), Some(0));
    assert_eq!(succeeded(), place.cancels(), "once");
}
