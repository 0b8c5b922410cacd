//! `doctor`: one line for each check, whatever is wrong with the others; nothing is changed or given away.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use rstest::rstest;
use serde_json::{Value, json};
use support::program::{Done, Place, SECRET, TOKEN, files, signal};

const JOB: &str = "backups = [\"42\"]\n[schedule]\nat = \"2090-01-01T00:00:00Z\"\n";

fn place() -> Place {
    Place::new("[accounts.acme]\n", "", &[("job", JOB)])
}

fn mode(place: &Place, name: &str, mode: u32) {
    std::fs::set_permissions(place.path(name), PermissionsExt::from_mode(mode)).unwrap();
}

/// The row of a check; the first if there are several, but a failed one before others.
fn row(done: &Done, check: &str) -> Value {
    let mut rows: Vec<Value> = done.json().into_iter().filter(|row| row["check"] == check).collect();
    rows.sort_by_key(|row| row["result"] != "failed");
    rows.into_iter().next().unwrap_or_else(|| panic!("no {check}: {}", done.stdout))
}

#[test]
fn where_all_is_well_there_is_a_line_for_each_check_and_nothing_is_changed_or_given_away() {
    let place = place();
    assert_eq!(place.run(&["once"]).code, 0, "so that there is a record");
    let before = files(place.folder.path());
    let requests = place.requests();
    let done = place.run(&["doctor", "--json", "--log-level", "trace=trace,trace"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let checks: Vec<String> =
        done.json().iter().map(|row| row["check"].as_str().unwrap().to_owned()).collect();
    let wanted = [
        "configuration",
        "clock",
        "time_zones",
        "permissions",
        "permissions",
        "credentials",
        "http",
        "store",
        "daemon",
        "reachability",
    ];
    assert_eq!(checks, wanted);
    assert!(done.json().iter().all(|row| row["result"] == "ok" && row["hint"].is_null()), "{}", done.stdout);
    assert!(row(&done, "clock")["detail"].as_str().unwrap().contains("agrees"), "{}", done.stdout);
    let reached = json!({
        "check": "reachability", "subject": place.zoho.url(), "result": "ok",
        "detail": "answers, with status 404 (for acme)", "hint": null,
    });
    assert_eq!(row(&done, "reachability"), reached);

    assert_eq!((place.requests() - requests, place.token_calls()), (1, 0), "one host, asked once");
    assert_eq!(place.zoho.world().lock().seen().last().unwrap().path, "/");
    for canary in [SECRET, TOKEN] {
        assert!(!(done.stdout.clone() + &done.stderr).contains(canary), "`{canary}` was shown");
    }
    let sorted = |mut files: Vec<(std::path::PathBuf, Vec<u8>)>| {
        files.sort();
        files
    };
    assert_eq!(sorted(files(place.folder.path())), sorted(before));
    let done = place.run(&["doctor"]);
    assert_eq!(
        (done.code, done.stderr.as_str(), done.stdout.lines().count()),
        (0, "", 11),
        "{}",
        done.stdout
    );
    assert!(!done.stdout.contains('\u{1b}'), "no colours where nobody reads along");
}

/// What is done to a place, and what the check then finds.
type Harm = fn(&Place);

#[rstest]
#[case::job(|place: &Place| place.write("jobs/wrong.toml", "account = 5\n"), "configuration", 78, "calloff check")]
#[case::secret(|place: &Place| place.set_account_key("client_secret", "{ env = \"NOT_SET\" }"), "credentials", 78, "`client_secret`")]
#[case::token(|place: &Place| place.set_account_key("refresh_token", "{ file = \"none\" }"), "credentials", 78, "calloff auth exchange -a acme")]
#[case::open(|place: &Place| {
    place.set_account_key("refresh_token", "{ file = \"open\" }");
    place.write("open", "1000.canary");
    mode(place, "open", 0o644);
}, "credentials", 78, "chmod o= ")]
#[case::config(|place: &Place| mode(place, "calloff.toml", 0o666), "permissions", 78, "chmod o-w calloff.toml")]
#[case::jobs(|place: &Place| mode(place, "jobs", 0o777), "permissions", 78, "chmod o-w jobs")]
#[case::job_file(|place: &Place| mode(place, "jobs/job.toml", 0o666), "permissions", 78, "chmod o-w jobs/job.toml")]
#[case::folder(|place: &Place| {
    std::fs::create_dir(place.path("state")).unwrap();
    mode(place, ".", 0o777);
}, "permissions", 78, "chmod o-w .`")]
#[case::job_folder(|place: &Place| {
    place.write("jobs/eu/freeze/job.toml", &format!("account = \"acme\"\n{JOB}"));
    mode(place, "jobs/eu", 0o777);
}, "permissions", 78, "chmod o-w jobs/eu`")]
#[case::secrets(|place: &Place| {
    place.set_account_key("client_secret", "{ file = \"secrets/acme\" }");
    place.write("secrets/acme", "canary");
    mode(place, "secrets/acme", 0o600);
    mode(place, "secrets", 0o777);
}, "permissions", 78, "chmod o-w secrets`")]
#[case::http(|place: &Place| place.append("[http]\nlisten = \"127.0.0.1:0\"\ntoken = { env = \"NOT_SET\" }"), "http", 78, "`token` in `[http]`")]
#[case::open_token(|place: &Place| {
    place.append("[http]\nlisten = \"127.0.0.1:0\"\ntoken = { file = \"open\" }");
    place.write("open", "canary");
    mode(place, "open", 0o644);
}, "http", 78, "chmod o= ")]
#[case::token_folder(|place: &Place| {
    place.append("[http]\nlisten = \"127.0.0.1:0\"\ntoken = { file = \"secrets/http\" }");
    place.write("secrets/http", "canary");
    mode(place, "secrets/http", 0o600);
    mode(place, "secrets", 0o777);
}, "permissions", 78, "chmod o-w secrets`")]
#[case::state(|place: &Place| {
    std::fs::create_dir(place.path("state")).unwrap();
    mode(place, "state", 0o777);
}, "permissions", 78, "chmod o-w state")]
#[case::blocked(|place: &Place| place.write("state", "a file where the folder should be"), "permissions", 78, "as the user")]
#[case::no_record(|place: &Place| place.write("state/calloff.db", &"no database".repeat(999)), "store", 69, "SQLite")]
#[case::foreign(|place: &Place| {
    std::fs::create_dir(place.path("state")).unwrap();
    let other = rusqlite::Connection::open(place.path("state/calloff.db")).unwrap();
    other.execute_batch("CREATE TABLE moz_places (id INTEGER)").unwrap();
}, "store", 69, "to itself")]
#[case::newer(|place: &Place| {
    assert_eq!(place.run(&["once"]).code, 0);
    let record = rusqlite::Connection::open(place.path("state/calloff.db")).unwrap();
    record.pragma_update(None, "user_version", 99).unwrap();
}, "store", 69, "newer Calloff")]
#[case::unreachable(|place: &Place| {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    place.set_account_key("api_domain", &format!("\"http://127.0.0.1:{port}\""));
}, "reachability", 69, "`data_center`")]
fn what_is_wrong_is_found_and_the_other_checks_go_on(
    #[case] harm: Harm,
    #[case] check: &str,
    #[case] code: i32,
    #[case] hint: &str,
) {
    let place = place();
    harm(&place);
    let done = place.run(&["doctor", "--json"]);
    assert_eq!(done.code, code, "{}{}", done.stdout, done.stderr);
    let failed = row(&done, check);
    assert_eq!(failed["result"], "failed", "{}", done.stdout);
    assert!(failed["hint"].as_str().unwrap().contains(hint), "{failed}");
    let others = done.json().iter().filter(|row| row["result"] == "failed").count();
    assert_eq!(others, 1, "nothing else failed: {}", done.stdout);
    // One is always on the same host.
    assert!(
        done.json().iter().any(|row| row["check"] == "reachability" && row["result"] == "ok"),
        "{}",
        done.stdout
    );
    assert!(!(done.stdout.clone() + &done.stderr).contains("canary"), "{}", done.stdout);

    let told = place.run(&["doctor"]);
    assert_eq!(told.code, code);
    assert!(told.stderr.contains(hint), "{}", told.stderr);
}

#[test]
fn a_folder_in_which_nobody_can_touch_anothers_files_is_well() {
    let place = place();
    for folder in [".", "jobs"] {
        mode(&place, folder, 0o1777);
    }
    let done = place.run(&["doctor", "--json"]);
    assert_eq!((done.code, &row(&done, "permissions")["result"]), (0, &json!("ok")), "{}", done.stdout);
}

#[test]
fn without_a_valid_calloff_toml_the_rest_is_looked_at() {
    let place = place();
    place.write("calloff.toml", "accounts = 5\n");
    let broken = place.run(&["doctor", "--json"]);
    std::fs::remove_file(place.path("calloff.toml")).unwrap();
    let absent = place.run(&["doctor", "--json", "--config", "calloff.toml"]);
    for (done, hint) in [(broken, "calloff check"), (absent, "calloff init")] {
        assert_eq!(done.code, 78, "{}{}", done.stdout, done.stderr);
        assert!(row(&done, "configuration")["hint"].as_str().unwrap().contains(hint), "{}", done.stdout);
        assert_eq!(row(&done, "time_zones")["result"], "ok", "{}", done.stdout);
        // Without accounts no host is asked, and so none shows its time.
        for check in ["clock", "credentials", "http", "store", "daemon", "reachability"] {
            assert_eq!(row(&done, check)["result"], "warn", "{}", done.stdout);
        }
    }
}

#[test]
fn what_may_be_right_is_a_warning() {
    let place = place();
    place.set_account_key("refresh_token", "{ credential = \"acme\" }");
    place.write("jobs/job.toml", &format!("account = \"acme\"\nenabled = false\n{JOB}"));
    let done = place.run(&["doctor", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stdout);
    assert_eq!(
        (&row(&done, "credentials")["result"], &row(&done, "configuration")["result"]),
        (&json!("warn"), &json!("warn"))
    );
    let hint = row(&done, "credentials")["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("systemd") && hint.contains("calloffctl doctor"), "{hint}");
    let done = place.run(&["auth", "check"]);
    assert_eq!(done.code, 78, "{}", done.stderr);
    assert!(
        done.stderr.contains("`calloffctl`") && done.stderr.contains("the file `acme`"),
        "{}",
        done.stderr
    );

    // In the service there are credentials, and this one is not among them.
    let mut command = place.command(&["doctor", "--json"]);
    let done = Done::from(command.env("CREDENTIALS_DIRECTORY", place.folder.path()).output().unwrap());
    let credentials = row(&done, "credentials");
    assert_eq!((done.code, &credentials["result"]), (78, &json!("failed")), "{}", done.stdout);
    let hint = credentials["hint"].as_str().unwrap();
    assert!(hint.contains("/etc/calloff/credentials/acme") && hint.contains("restart the service"), "{hint}");
}

#[test]
fn where_the_status_page_is_and_who_may_see_it_is_told() {
    let place = place();
    let told = |place: &Place| {
        let done = place.run(&["doctor", "--json"]);
        let found = row(&done, "http");
        (done.code, found["subject"].clone(), found["detail"].as_str().unwrap().to_owned())
    };
    let (code, subject, detail) = told(&place);
    assert_eq!((code, subject), (0, Value::Null));
    assert!(detail.contains("is off"), "{detail}");
    place.append("[http]\nlisten = \"127.0.0.1:9817\"");
    let (code, subject, detail) = told(&place);
    assert_eq!((code, subject), (0, json!("127.0.0.1:9817")));
    assert!(detail.contains("no token"), "{detail}");
    place.append("token = { file = \"secrets/http\" }");
    place.write("secrets/http", "canary");
    mode(&place, "secrets/http", 0o600);
    let (code, _, detail) = told(&place);
    assert!(code == 0 && detail.contains("which can be read"), "{detail}");
}

#[test]
fn a_daemon_that_runs_is_told() {
    let place = place();
    let daemon = place.start(&["run"]);
    let pid = format!("pid {}", daemon.id());
    place.wait_until("the daemon is there", |place| {
        row(&place.run(&["doctor", "--json"]), "daemon")["detail"].as_str().unwrap().contains(&pid)
    });
    let done = place.run(&["doctor", "--json"]);
    let store = row(&done, "store");
    assert_eq!(store["result"], "ok", "{store}");
    assert!(store["detail"].as_str().unwrap().starts_with("sound, schema version"), "{store}");
    signal(&daemon, "TERM");
    assert!(daemon.wait_with_output().unwrap().status.success());
    let done = place.run(&["doctor", "--json"]);
    assert!(row(&done, "daemon")["detail"].as_str().unwrap().contains("not running"), "{}", done.stdout);
    assert_eq!(row(&done, "daemon")["result"], "ok", "`once` does without");
}

#[test]
fn what_another_user_can_not_see_is_not_said_to_be_well() {
    let place = place();
    let daemon = place.start(&["run"]);
    place.wait_until("the daemon is there", |place| {
        row(&place.run(&["doctor", "--json"]), "daemon")["detail"].as_str().unwrap().contains("running, pid")
    });
    let done = place.run_as_another("state", &["doctor", "--json"]);
    signal(&daemon, "TERM");
    assert!(daemon.wait_with_output().unwrap().status.success());
    for check in ["store", "daemon"] {
        let found = row(&done, check);
        assert_eq!(found["result"], "warn", "{}", done.stdout);
        assert!(found["detail"].as_str().unwrap().contains("can't be told as this user"), "{found}");
        assert!(found["hint"].as_str().unwrap().contains("calloffctl doctor"), "{found}");
    }
}

#[test]
fn data_of_time_zones_that_is_old_is_told() {
    let place = place();
    for zone in ["UTC", "Europe/Berlin"] {
        place.write(&format!("zones/{zone}"), "");
        std::fs::copy(format!("/usr/share/zoneinfo/{zone}"), place.path("zones").join(zone)).unwrap();
    }
    place.write("zones/tzdata.zi", "# version 2020a\n# This zic input file is in the public domain.\n");
    place.set_account_key("timezone", "\"Europe/Berlin\"");
    let mut command = place.command(&["doctor", "--json"]);
    let done = Done::from(command.env("TZDIR", place.path("zones")).output().unwrap());
    assert_eq!(done.code, 0, "{}", done.stdout);
    let zones = row(&done, "time_zones");
    assert_eq!(
        (&zones["result"], &zones["detail"]),
        (&json!("warn"), &json!("version 2020a; in use: Europe/Berlin, UTC"))
    );
}
