//! The daemon at work, as an administrator meets it: files that change, commands that it answers, and systemd.

#![allow(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::Value;
use support::daemon::Daemon;
use support::edits::{Folder, Style};
use support::program::{Place, signal};

const SCENARIO: &str = "[[accounts.acme.backups]]\nid = \"42\"\n";
const LATER: &str = "backups = [\"42\"]\n[schedule]\nat = \"2090-01-01T00:00:00Z\"\n";

fn place(jobs: &[(&str, &str)]) -> Place {
    Place::new(SCENARIO, "", jobs)
}

fn job(text: &str) -> String {
    format!("account = \"acme\"\n{text}")
}

/// What the daemon says of itself.
fn told(place: &Place) -> Value {
    let status = place.run(&["status", "--json"]);
    assert_eq!(status.code, 0, "{}", status.stderr);
    status.json().pop().expect("it says something")["daemon"].clone()
}

fn states(place: &Place) -> Vec<(String, String)> {
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = place.run(&["status", "--json"]).json();
    rows.iter()
        .filter(|row| !row["job"].is_null())
        .map(|row| (word(row, "job"), word(row, "state")))
        .collect()
}

fn pair(job: &str, state: &str) -> (String, String) {
    (job.to_owned(), state.to_owned())
}

#[rstest]
#[case(Style::InPlace)]
#[case(Style::Rename)]
#[case(Style::Vim)]
#[case(Style::Checkout)]
#[case(Style::ConfigMap)]
fn each_way_to_change_files_is_noticed_at_once(#[case] style: Style) {
    let place = place(&[]);
    let files = |names: &[&str], text: &str| -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), job(text))).collect()
    };
    let mut folder = Folder::new(place.path("jobs"), style);
    folder.change(&files(&["a", "eu/b"], LATER), || ());
    let daemon = Daemon::start(&place);
    let others = LATER.replace("2090", "2091");
    folder.change(&files(&["a", "c", "d"], &others), || ());
    place.wait_until("the set is in force", |place| {
        states(place) == [pair("a", "armed"), pair("c", "armed"), pair("d", "armed")]
    });
    let next = place.run(&["status", "--json"]).json()[0]["next"].clone();
    assert_eq!(next, "2091-01-01T00:00:00Z");
    // Not by the look that is made each minute, except where that just comes first.
    let told_by_the_file_system = (2092..2102).any(|year| {
        let accepted = daemon.events("reload.accepted").len();
        folder.change(&files(&["a"], &LATER.replace("2090", &year.to_string())), || ());
        daemon.wait_for(&place, "reload.accepted", accepted + 1)["by"] == "change"
    });
    assert!(told_by_the_file_system);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn other_settings_are_noticed_and_a_broken_file_changes_nothing() {
    let place = place(&[("a", LATER)]);
    let daemon = Daemon::start(&place);
    let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    place.write("calloff.toml", &format!("grace = \"5s\"\n{settings}"));
    daemon.wait_for(&place, "reload.accepted", 1);

    place.write("jobs/b.toml", &job(&LATER.replace("[\"42\"]", "7")));
    daemon.wait_for(&place, "reload.rejected", 1);
    let error = daemon.wait_for(&place, "config.error", 1);
    assert_eq!((error["file"].as_str(), error["line"].as_u64()), (Some("jobs/b.toml"), Some(2)));
    assert_eq!(states(&place), [pair("a", "armed")]);
    let told = told(&place);
    assert_eq!(told["reload"]["verdict"], "rejected");
    assert_eq!(told["health"]["state"], "degraded");
    let reason = told["health"]["reasons"][0].as_str().unwrap();
    assert!(reason.contains("jobs/b.toml:2:11: E013"), "{reason}");
    let said = place.run(&["status"]).stdout;
    assert!(said.contains("files: rejected") && said.contains("degraded: changed files"), "{said}");

    // Even if it is only taken away again.
    std::fs::remove_file(place.path("jobs/b.toml")).unwrap();
    daemon.wait_for(&place, "reload.accepted", 2);
    assert_eq!(self::told(&place)["health"]["state"], "ok");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_reload_is_asked_for_by_command_or_signal_and_its_verdict_is_told() {
    let place = place(&[("a", LATER), ("b", LATER)]);
    let none = place.run(&["reload"]);
    assert_eq!(none.code, 69);
    assert!(none.stderr.contains("no daemon answers"), "{}", none.stderr);

    let daemon = Daemon::start(&place);
    let done = place.run(&["reload"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(done.stdout.starts_with("accepted: 2 jobs in force since "), "{}", done.stdout);

    place.write("jobs/b.toml", "account = \"acme\"\nbackup = []\n");
    let done = place.run(&["reload"]);
    assert_eq!((done.code, done.stdout.as_str()), (78, ""));
    assert!(done.stderr.contains("jobs/b.toml:2:1"), "{}", done.stderr);
    assert!(done.stderr.contains("did you mean `backups`?"), "{}", done.stderr);
    assert!(done.stderr.contains("what was in force before stays in force (2 jobs)"), "{}", done.stderr);
    assert!(!done.stderr.contains('\u{1b}'), "colours are for terminals");
    let done = place.run(&["reload", "--json"]);
    assert_eq!(done.code, 78);
    let lines = done.json();
    assert_eq!(lines[0]["code"], "E011");
    let verdict = lines.last().unwrap();
    assert_eq!((verdict["verdict"].as_str(), verdict["jobs"].as_u64()), (Some("rejected"), Some(2)));

    std::fs::remove_file(place.path("jobs/b.toml")).unwrap();
    signal(daemon.child(), "HUP");
    place.wait_until("the signal is heard", |_| {
        daemon.events("reload.accepted").iter().any(|line| line["by"] == "signal")
    });
    assert_eq!(states(&place), [pair("a", "armed")]);

    std::fs::remove_file(place.path("jobs/a.toml")).unwrap();
    let done = place.run(&["reload"]);
    assert_eq!(done.code, 78);
    assert!(done.stderr.contains("--allow-empty"), "{}", done.stderr);
    assert_eq!(states(&place), [pair("a", "armed")]);
    assert_eq!(place.run(&["reload", "--allow-empty"]).code, 0);
    assert_eq!(states(&place), []);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_start_does_without_what_is_wrong_and_takes_it_once_it_is_mended() {
    let place = place(&[("good", LATER), ("eu/bad", "backups = 7\n")]);
    let strict = place.run(&["run", "--strict"]);
    assert_eq!(strict.code, 78, "{}", strict.stderr);

    let daemon = Daemon::start(&place);
    assert_eq!(daemon.plain(), "", "the log is for programs here, all of it");
    assert_eq!(daemon.events("config.error")[0]["file"], "jobs/eu/bad.toml");
    assert_eq!(daemon.events("job.quarantined")[0]["job"], "eu/bad");
    assert_eq!(states(&place), [pair("eu/bad", "quarantined"), pair("good", "armed")]);
    let rows = place.run(&["status", "--json"]).json();
    assert_eq!(rows[0]["account"], Value::Null);
    assert!(rows[0]["reason"].as_str().unwrap().starts_with("jobs/eu/bad.toml:"), "{}", rows[0]);
    let told = told(&place);
    assert_eq!(told["health"]["reasons"], serde_json::json!(["1 job is not in force since the start"]));
    // Nothing has changed: there is nothing to refuse.
    assert_eq!(told["reload"]["verdict"], "accepted");
    assert!(daemon.events("reload.rejected").is_empty());

    place.write("jobs/eu/bad.toml", &job(LATER));
    daemon.wait_for(&place, "reload.accepted", 1);
    assert_eq!(states(&place), [pair("eu/bad", "armed"), pair("good", "armed")]);
    assert_eq!(self::told(&place)["health"]["state"], "ok");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn what_stands_for_no_job_is_said_to_be_wrong_too() {
    let place = place(&[("good", LATER)]);
    place.write("jobs/bad name.toml", &job(LATER));
    let daemon = Daemon::start(&place);
    let health = told(&place)["health"].clone();
    assert_eq!(health["state"], "degraded");
    assert!(health["reasons"][0].as_str().unwrap().contains("bad name.toml: E004"), "{health}");
    std::fs::remove_file(place.path("jobs/bad name.toml")).unwrap();
    daemon.wait_for(&place, "reload.accepted", 1);
    assert_eq!(told(&place)["health"]["state"], "ok");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_start_with_a_broken_file_does_not_wait_for_a_record_that_takes_no_writes() {
    let place = place(&[("good", LATER), ("other", LATER)]);
    assert_eq!(Daemon::start(&place).stop(), Some(0));
    place.write("jobs/other.toml", "nonsense");
    let record = rusqlite::Connection::open(place.path("state/calloff.db")).unwrap();
    record.execute_batch("BEGIN IMMEDIATE").unwrap();
    // It waits until the daemon works.
    let daemon = Daemon::start(&place);
    assert_eq!(states(&place), [pair("other", "quarantined"), pair("good", "armed")]);
    drop(record);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn who_asks_after_a_change_is_told_of_it_whoever_was_first() {
    let place = place(&[("a", LATER)]);
    let daemon = Daemon::start(&place);
    place.write("jobs/b.toml", &job(LATER));
    let done = place.run(&["reload"]);
    assert!(done.stdout.contains("(1 added, 0 changed, 0 removed)"), "{}", done.stdout);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_daemon_is_asked_after_its_files_were_swapped_by_a_link() {
    let place = place(&[("a", LATER)]);
    let link = |to: &str| {
        std::os::unix::fs::symlink(to, place.path("new")).unwrap();
        std::fs::rename(place.path("new"), place.path("calloff.toml")).unwrap();
    };
    for version in ["v1.toml", "v2.toml"] {
        std::fs::copy(place.path("calloff.toml"), place.path(version)).unwrap();
    }
    link("v1.toml");
    let daemon = Daemon::start(&place);
    link("v2.toml");
    let done = place.run(&["reload"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_daemon_of_other_files_is_not_asked() {
    let other = place(&[("a", LATER)]);
    let place = place(&[("a", LATER)]);
    let runtime = place.path("run");
    let environment = [("RUNTIME_DIRECTORY", runtime.to_str().unwrap())];
    let daemon = Daemon::start_with(&place, &["run"], &environment);
    let asked = |place: &Place| {
        let output = place.command(&["reload"]).envs(environment).output().unwrap();
        output.status.code()
    };
    assert_eq!((asked(&place), asked(&other)), (Some(0), Some(69)));
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_folder_that_is_put_in_the_place_of_another_is_watched() {
    let place = place(&[("a", LATER)]);
    let daemon = Daemon::start(&place);
    let other = |year: &str| {
        std::fs::create_dir_all(place.path("other")).unwrap();
        std::fs::write(place.path("other/a.toml"), job(&LATER.replace("2090", year))).unwrap();
        std::fs::rename(place.path("jobs"), place.path(&format!("old-{year}"))).unwrap();
        std::fs::rename(place.path("other"), place.path("jobs")).unwrap();
    };
    other("2091");
    let mut accepted = 1;
    daemon.wait_for(&place, "reload.accepted", accepted);
    // What is written into the new folder is told by the file system, too.
    let is_told = (2092..2102).any(|year| {
        place.write("jobs/a.toml", &job(&LATER.replace("2090", &year.to_string())));
        accepted += 1;
        daemon.wait_for(&place, "reload.accepted", accepted)["by"] == "change"
    });
    assert!(is_told);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn nothing_that_is_right_is_no_start() {
    let place = place(&[("bad", "backups = 7\n")]);
    assert_eq!(place.run(&["run"]).code, 78);
    std::fs::remove_file(place.path("jobs/bad.toml")).unwrap();
    let empty = place.run(&["run"]);
    assert_eq!(empty.code, 78);
    assert!(empty.stderr.contains("--allow-empty"), "{}", empty.stderr);
    let daemon = Daemon::start_with(&place, &["run", "--allow-empty"], &[]);
    place.write("jobs/first.toml", &job(LATER));
    daemon.wait_for(&place, "reload.accepted", 1);
    assert_eq!(states(&place), [pair("first", "armed")]);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_daemon_is_asked_by_its_own_user_whatever_the_files_are_by_then() {
    let place = place(&[("a", LATER)]);
    let daemon = Daemon::start(&place);
    let socket = place.path("state/calloff.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    place.write("jobs/a.toml", "nonsense");
    let paused = place.run(&["pause", "a", "--for", "2h", "--reason", "not now"]);
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    assert!(paused.stdout.contains("a is paused until"), "{}", paused.stdout);
    assert_eq!(states(&place), [pair("a", "paused")]);
    let unknown = place.run(&["pause", "b", "--for", "2h", "--reason", "not now"]);
    assert_eq!(unknown.code, 64);
    assert!(unknown.stderr.contains("no job `b`"), "{}", unknown.stderr);
    assert_eq!(place.run(&["resume", "a"]).stdout, "a goes on from now\n");
    assert_eq!(states(&place), [pair("a", "armed")]);
    assert_eq!(daemon.stop(), Some(0));
    assert!(!socket.exists());
    // And without a daemon as before.
    assert_eq!(place.run(&["pause", "a", "--for", "2h", "--reason", "x"]).code, 78);
}

#[test]
fn the_socket_is_where_the_settings_say_and_found_where_systemd_put_it() {
    let place = place(&[("a", LATER)]);
    let runtime = place.path("run");
    let runtime = runtime.to_str().unwrap();
    let daemon = Daemon::start_with(&place, &["run"], &[("RUNTIME_DIRECTORY", runtime)]);
    assert!(place.path("run/calloff.sock").exists());
    // A shell does not have that variable.
    assert_eq!(place.run(&["reload"]).code, 0);
    assert_eq!(daemon.stop(), Some(0));

    let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    place.write("calloff.toml", &format!("control = \"ctl/here.sock\"\n{settings}"));
    let daemon = Daemon::start_with(&place, &["run"], &[("RUNTIME_DIRECTORY", runtime)]);
    assert!(place.path("ctl/here.sock").exists());
    assert_eq!(place.run(&["reload"]).code, 0);
    assert_eq!(daemon.stop(), Some(0));
}

/// What systemd would be told, each with everything in one datagram.
fn systemd(place: &Place) -> (String, Arc<Mutex<Vec<String>>>) {
    let path = place.path("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let told = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&told);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = socket.recv(&mut buffer) {
            heard.lock().unwrap().push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
    });
    (path.to_str().unwrap().to_owned(), told)
}

#[test]
fn systemd_is_told_when_it_is_ready_reloads_beats_and_stops() {
    let place = place(&[("a", LATER)]);
    let (socket, told) = systemd(&place);
    let environment = [("NOTIFY_SOCKET", socket.as_str()), ("WATCHDOG_USEC", "30000000")];
    let daemon = Daemon::start_with(&place, &["run"], &environment);
    let count = |what: &str| {
        told.lock()
            .unwrap()
            .iter()
            .flat_map(|said| said.lines())
            .filter(|line| line.starts_with(what))
            .count()
    };
    place.wait_until("it is ready and beats", |_| count("READY=1") == 1 && count("WATCHDOG=1") >= 2);
    place.wait_until("it has a status", |_| count("STATUS=1 job; next: a at 2090-01-01 00:00:00Z") == 1);

    place.write("jobs/a.toml", "nonsense");
    assert_eq!(place.run(&["reload"]).code, 78);
    place.wait_until("it is ready again though it has refused", |_| count("READY=1") >= 2);
    assert_eq!(count("RELOADING=1"), count("MONOTONIC_USEC="));
    assert!(count("RELOADING=1") >= 1);
    place.wait_until("the status says so", |_| {
        told.lock().unwrap().iter().any(|said| said.contains("STATUS=") && said.contains("jobs/a.toml:1:"))
    });
    assert_eq!(daemon.stop(), Some(0));
    place.wait_until("it has said that it stops", |_| count("STOPPING=1") == 1);
    let told = told.lock().unwrap();
    let ready = told.iter().position(|said| said.contains("READY=1")).unwrap();
    assert!(
        !told[..ready].iter().any(|said| said.contains("WATCHDOG") || said.contains("STATUS")),
        "{told:?}"
    );
}

#[test]
fn another_level_of_the_log_is_in_force_at_once() {
    let place = place(&[("a", LATER)]);
    let daemon = Daemon::start(&place);
    let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    place.write("calloff.toml", &format!("log.level = \"warn\"\n{settings}"));
    place.wait_until("it is in force", |place| told(place)["reload"]["verdict"] == "accepted");
    place.wait_until("nothing more is said", |place| {
        let before = daemon.events("reload.accepted").len();
        place.run(&["reload"]).code == 0 && daemon.events("reload.accepted").len() == before
    });
    assert_eq!(daemon.stop(), Some(0));
    assert!(place.run(&["history"]).code == 0);
}
