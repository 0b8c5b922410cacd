//! A record that can't be written to: due cancels go out, health says that something is wrong, and what was done is
//! caught up with once there is room. The kernel says so itself, on a small disk of its own.

mod support;

use calloff::clock::{Clock as _, SystemClock};
use calloff_sim::{Endpoint, Seen};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::Value;
use support::aftermath::{Aftermath, told};
use support::daemon::Daemon;
use support::disk::Disk;
use support::guarantees::Due;
use support::program::{Done, Place, signal};

const ZOHO: &str = "[[accounts.acme.backups]]\nid = \"41\"\n[[accounts.acme.backups]]\nid = \"42\"\n";

const EACH_SECOND: &str = "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n";

/// A place with a disk of its own, and a daemon that works there.
fn working(jobs: &[(&str, &str)]) -> Option<(Place, Disk, Daemon)> {
    let place = Place::new(ZOHO, "", jobs);
    let disk = Disk::put_into(&place)?;
    let daemon = Daemon::of(&place, &mut disk.command(&place, &["run"]));
    Some((place, disk, daemon))
}

/// What the daemon says of itself.
fn health(place: &Place, disk: &Disk) -> Value {
    disk.run(place, &["status", "--json"]).json().pop().expect("the daemon comes last")["daemon"]["health"]
        .clone()
}

fn is_degraded(place: &Place, disk: &Disk) -> bool {
    let health = health(place, disk);
    health["state"] == "degraded" && health["reasons"].to_string().contains("the record takes no writes: ")
}

/// Every second from the first to the last one that is on record.
fn each_second(job: &str, backup: &str, history: &[Value]) -> Vec<Due> {
    let at = |run: &Value| run["occurrence"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let rows = || history.iter().filter(|run| run["job"] == job);
    let lasting = |run: &Value| run["missed"].as_i64().unwrap_or(1) - 1;
    let first = rows().filter_map(|run| Some(at(run)?.as_second() - lasting(run))).min();
    let last = rows().filter_map(at).map(Timestamp::as_second).max();
    let due = |second| Due {
        job: job.to_owned(),
        occurrence: Timestamp::from_second(second).expect("it is near"),
        backups: vec![backup.to_owned()],
        restores: false,
    };
    first.zip(last).into_iter().flat_map(|(first, last)| first..=last).map(due).collect()
}

/// Stops the daemon, and holds what is left behind against what has to hold.
fn end(place: &Place, disk: &Disk, daemon: Daemon, due: impl Fn(&[Value]) -> Vec<Due>) -> Aftermath {
    let log = daemon.log();
    assert_eq!(daemon.stop(), Some(0), "{log}");
    let left = Aftermath::by(place, |args| disk.run(place, args), told(&log));
    left.hold(&due(&left.history), &log);
    assert_eq!(soundness(disk), "ok", "{log}");
    left
}

/// What SQLite finds when it looks at all of the record, of a copy: it would not look for it through a process.
fn soundness(disk: &Disk) -> String {
    let folder = tempfile::tempdir().expect("there is room");
    for name in ["calloff.db", "calloff.db-wal"] {
        std::fs::copy(disk.path(name), folder.path().join(name)).expect("it is there");
    }
    let record = Connection::open(folder.path().join("calloff.db")).expect("it is a record");
    record.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be asked")
}

/// Cancels of this backup that Zoho got.
fn cancels_of(place: &Place, backup: &str) -> usize {
    let is_one = |seen: &&Seen| seen.endpoint == Endpoint::Cancel && seen.backup.as_deref() == Some(backup);
    place.zoho.world().lock().seen().filter(is_one).count()
}

/// A job that was due a moment ago, or will be.
fn once_at(at: Timestamp, backups: &str, rest: &str) -> String {
    format!("backups = [{backups}]\n{rest}\n[schedule]\nat = \"{at}\"\n")
}

fn due_once(job: &str, at: Timestamp, backups: &[&str]) -> Due {
    let backups = backups.iter().map(|&id| id.to_owned()).collect();
    Due { job: job.to_owned(), occurrence: at, backups, restores: false }
}

#[test]
fn on_a_full_disk_cancels_go_on_and_are_caught_up_with() {
    let Some((place, disk, daemon)) = working(&[("job", EACH_SECOND)]) else { return };
    place.wait_until("the daemon works", |place| place.cancels() >= 1);
    disk.fill();
    daemon.wait_for(&place, "store.failing", 1);
    let before = place.cancels();
    place.wait_until("cancels go on", |place| place.cancels() >= before + 3);
    assert!(is_degraded(&place, &disk), "{}", health(&place, &disk));
    daemon.wait_for(&place, "target.unrecorded", 1);
    disk.free();
    daemon.wait_for(&place, "store.recovered", 1);
    place.wait_until("it is well again", |place| health(place, &disk)["state"] == "ok");
    let made = place.cancels();
    let left = end(&place, &disk, daemon, |history| each_second("job", "42", history));
    let runs = left.history.iter().filter(|run| run["state"] == "succeeded").count();
    assert!(runs >= made, "{runs} of {made} are on record");
}

/// A daemon on a disk that is full in the middle of a run: with more time if the run was not due yet when the daemon
/// began, or had ended by then.
fn full_in_the_middle(lead: i64) -> Option<(Place, Disk, Daemon, Timestamp)> {
    assert!(lead < 15, "it takes no quarter of a minute to fill a disk");
    let delay = 3 * lead;
    let zoho = format!(
        "[[accounts.acme.backups]]\nid = \"41\"\n[[accounts.acme.backups]]\nid = \"42\"\nfaults = [{{ delay = \"{delay}s\" }}]\n"
    );
    let at = SystemClock.now() + SignedDuration::from_secs(lead);
    let place = Place::new(&zoho, "", &[("job", &once_at(at, "\"41\", \"42\"", ""))]);
    let disk = Disk::put_into(&place)?;
    let daemon = Daemon::of(&place, &mut disk.command(&place, &["run"]));
    if SystemClock.now() >= at {
        return full_in_the_middle(3 * lead);
    }
    let history = || disk.run(&place, &["history", "--json"]).json();
    let has_first = |history: &[Value]| history.iter().any(|run| run["targets"][0]["outcome"] == "cancelled");
    place.wait_until("it is in the middle of its run", |place| {
        cancels_of(place, "42") == 1 && has_first(&history())
    });
    disk.fill();
    if history()[0]["state"] != "running" {
        return full_in_the_middle(3 * lead);
    }
    Some((place, disk, daemon, at))
}

#[test]
fn what_ends_after_the_disk_is_full_is_on_record_once_there_is_room() {
    let Some((place, disk, daemon, at)) = full_in_the_middle(1) else { return };
    let history = || disk.run(&place, &["history", "--json"]).json();
    let unrecorded = daemon.wait_for(&place, "target.unrecorded", 1);
    assert_eq!(
        (&unrecorded["backup"], &unrecorded["outcome"]),
        (&"42".into(), &"cancelled".into()),
        "{unrecorded}"
    );
    assert!(is_degraded(&place, &disk), "{}", health(&place, &disk));
    assert_eq!(history()[0]["state"], "running", "nothing is said that is not on record");
    disk.free();
    place.wait_until("it is on record", |_| history()[0]["state"] == "succeeded");
    place.wait_until("it is well again", |place| health(place, &disk)["state"] == "ok");
    end(&place, &disk, daemon, |_| vec![due_once("job", at, &["41", "42"])]);
    assert_eq!(place.cancels(), 2, "nothing is done twice");
}

/// A daemon on a disk that is full before a job is due that restores: with more time if it was due by then.
fn full_before_it_is_due(lead: i64) -> Option<(Place, Disk, Daemon, Timestamp)> {
    assert!(lead < 60, "it takes no half a minute to begin");
    let rule = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO";
    let now = SystemClock.now();
    let (at, closes) = (now + SignedDuration::from_secs(lead), now + SignedDuration::from_mins(10));
    let zoho = format!(
        "[[accounts.acme.backups]]\nid = \"41\"\n[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"{rule}\"\nscheduled_date = \"+2d\"\n"
    );
    let window = format!("[[windows.freeze]]\nfrom = \"{now}\"\nto = \"{closes}\"\n");
    let freeze = once_at(at, "\"current\"", "when.window = \"freeze\"\nrestore = {}");
    let place = Place::new(&zoho, &window, &[("freeze", &freeze), ("job", &EACH_SECOND.replace("42", "41"))]);
    let disk = Disk::put_into(&place)?;
    let daemon = Daemon::of(&place, &mut disk.command(&place, &["run"]));
    place.wait_until("the daemon works", |place| cancels_of(place, "41") >= 1);
    disk.fill();
    daemon.wait_for(&place, "store.failing", 1);
    if SystemClock.now() >= at {
        return full_before_it_is_due(3 * lead);
    }
    Some((place, disk, daemon, at))
}

#[test]
fn what_is_to_be_restored_is_not_cancelled_before_there_is_room_to_record_it() {
    let Some((place, disk, daemon, at)) = full_before_it_is_due(4) else { return };
    place.wait_until("it is due", |_| SystemClock.now() > at);
    // The others are not held up, and the one that would be lost is.
    let before = cancels_of(&place, "41");
    place.wait_until("the other job goes on", |place| cancels_of(place, "41") >= before + 4);
    assert_eq!(cancels_of(&place, "42"), 0, "{}", daemon.log());
    disk.free();
    place.wait_until("it is cancelled", |place| cancels_of(place, "42") == 1);
    let debts = || disk.run(&place, &["restore", "list", "--json"]).json();
    assert_eq!((&debts()[0]["backup"], &debts()[0]["state"]), (&"42".into(), &"owed".into()));
    let left = end(&place, &disk, daemon, |history| {
        let mut due = each_second("job", "41", history);
        due.push(Due { restores: true, ..due_once("freeze", at, &["current"]) });
        due
    });
    assert_eq!(left.run_of("freeze").expect("it was due")["state"], "succeeded");
}

/// A daemon that is killed in the middle of a run, and then the disk is full.
fn interrupted() -> Option<(Place, Disk, Timestamp)> {
    let at = SystemClock.now() + SignedDuration::from_secs(1);
    let zoho = "[[accounts.acme.backups]]\nid = \"41\"\n[[accounts.acme.backups]]\nid = \"42\"\nfaults = [\"hang\"]\n";
    let place = Place::new(zoho, "", &[("job", &once_at(at, "\"41\", \"42\"", ""))]);
    let disk = Disk::put_into(&place)?;
    let daemon = Daemon::of(&place, &mut disk.command(&place, &["run"]));
    place.wait_until("it is in the middle of its run", |place| cancels_of(place, "42") == 1);
    drop(daemon);
    disk.fill();
    Some((place, disk, at))
}

#[test]
fn a_daemon_that_starts_on_a_full_disk_does_what_is_due_and_what_was_interrupted() {
    let Some((place, disk, at)) = interrupted() else { return };
    // A job that the record does not know yet.
    let next = SystemClock.now() + SignedDuration::from_secs(3);
    place.write("jobs/new.toml", &format!("account = \"acme\"\n{}", once_at(next, "\"41\"", "")));
    let before = cancels_of(&place, "41");
    let daemon = Daemon::of(&place, &mut disk.command(&place, &["run"]));
    place.wait_until("what was interrupted goes on", |place| cancels_of(place, "42") == 2);
    place.wait_until("what is due is done", |place| cancels_of(place, "41") > before);
    daemon.wait_for(&place, "target.unrecorded", 1);
    disk.free();
    daemon.wait_for(&place, "store.recovered", 1);
    let running = |place: &Place| {
        let history = disk.run(place, &["history", "--json"]).json();
        history.len() != 2 || history.iter().any(|run| run["state"] != "succeeded")
    };
    place.wait_until("all is on record", |place| !running(place));
    assert_eq!(health(&place, &disk)["state"], "ok", "it is known by now, and well");
    end(&place, &disk, daemon, |_| vec![due_once("job", at, &["41", "42"]), due_once("new", next, &["41"])]);
}

#[test]
fn once_on_a_full_disk_does_what_is_due_and_says_that_it_is_not_on_record() {
    let at = SystemClock.now() + SignedDuration::from_secs(2);
    let place = Place::new(ZOHO, "grace = \"1s\"", &[("job", &once_at(at, "\"42\"", ""))]);
    let Some(disk) = Disk::put_into(&place) else { return };
    assert_eq!(disk.run(&place, &["once"]).code, 0);
    place.wait_until("the job is due", |_| SystemClock.now() > at);
    disk.fill();
    let mut once = disk.command(&place, &["once", "--json"]);
    let once = once.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let once = once.expect("it is there");
    place.wait_until("the cancel went out", |place| place.cancels() == 1);
    // Its patience with the disk is not waited for.
    signal(&once, "INT");
    let done = Done::from(once.wait_with_output().expect("it was started"));
    assert_eq!((done.code, done.stdout.as_str()), (69, ""), "{}", done.stderr);
    assert!(done.stderr.contains("target.unrecorded"), "{}", done.stderr);
    disk.free();
    let done = disk.run(&place, &["once", "--json"]);
    assert_eq!((done.code, &done.json()[0]["state"]), (0, &"succeeded".into()), "{}", done.stderr);
    assert_eq!(soundness(&disk), "ok");
    assert_eq!(disk.run(&place, &["history", "--json"]).json().len(), 1);
}

#[test]
fn on_a_disk_that_may_only_be_read_what_is_due_is_done() {
    let at = SystemClock.now() + SignedDuration::from_secs(4);
    let place = Place::new(ZOHO, "", &[("job", &once_at(at, "\"42\"", ""))]);
    let Some(disk) = Disk::put_into(&place) else { return };
    assert_eq!(disk.run(&place, &["once"]).code, 0);
    disk.make("ro");
    let daemon = Daemon::of(&place, &mut disk.command(&place, &["run"]));
    place.wait_until("the cancel went out", |place| place.cancels() == 1);
    let unrecorded = daemon.wait_for(&place, "target.unrecorded", 1);
    assert_eq!(unrecorded["outcome"], "cancelled");
    assert!(daemon.events("store.failing").len() == 1, "{}", daemon.log());
    disk.make("rw");
    daemon.wait_for(&place, "store.recovered", 1);
    end(&place, &disk, daemon, |_| vec![due_once("job", at, &["42"])]);
}

#[test]
fn a_record_that_is_moved_away_is_missed_and_caught_up_with_when_it_is_back() {
    let place = Place::new(ZOHO, "", &[("job", EACH_SECOND)]);
    let daemon = Daemon::start(&place);
    place.wait_until("the daemon works", |place| place.cancels() >= 1);
    let (record, aside) = (place.path("state/calloff.db"), place.path("state/aside"));
    std::fs::rename(&record, &aside).expect("it is there");
    let failing = daemon.wait_for(&place, "store.failing", 1);
    assert!(failing["reason"].as_str().is_some_and(|why| why.contains("is gone")), "{failing}");
    let before = place.cancels();
    place.wait_until("cancels go on", |place| place.cancels() >= before + 2);
    daemon.wait_for(&place, "target.unrecorded", 1);
    std::fs::rename(&aside, &record).expect("it is there");
    daemon.wait_for(&place, "store.recovered", 1);
    let made = place.cancels();
    let recorded =
        |place: &Place| place.history().iter().filter(|run| run["state"] == "succeeded").count() >= made;
    place.wait_until("what was done meanwhile is on record", recorded);
    let log = daemon.log();
    assert_eq!(daemon.stop(), Some(0), "{log}");
    let left = Aftermath::of(&place, told(&log), &log);
    left.hold(&each_second("job", "42", &left.history), &log);
}

#[test]
fn a_record_that_is_gone_for_good_stops_no_cancel_and_is_no_success() {
    let place = Place::new(ZOHO, "grace = \"2s\"", &[("job", EACH_SECOND)]);
    let daemon = Daemon::start(&place);
    place.wait_until("the daemon works", |place| place.cancels() >= 1);
    std::fs::remove_file(place.path("state/calloff.db")).expect("it is there");
    daemon.wait_for(&place, "store.failing", 1);
    let before = place.cancels();
    place.wait_until("cancels go on", |place| place.cancels() >= before + 2);
    daemon.wait_for(&place, "target.unrecorded", 1);
    assert_eq!(daemon.stop(), Some(69), "what was done is in the log alone");
}
