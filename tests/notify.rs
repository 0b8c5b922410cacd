//! Who is told what happens: by the real program, over real sockets, whatever is wrong with those who are told.

#![allow(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::os::unix::fs::PermissionsExt;

use calloff::clock::{Clock as _, SystemClock};
use calloff_sim::Scenario;
use rstest::rstest;
use serde_json::{Value, json};
use support::daemon::Daemon;
use support::endpoint::{Endpoint, MailServer, Manners, URL_TOKEN};
use support::program::{Done, Place, SECRET, TOKEN, files, signal};

const PASSWORD: &str = "canary-mail-password";

/// A job that is due each second, and fails as long as Zoho has no such backup.
const FAILING: &str = "backups = [\"42\"]\nverify = false\n[schedule]\nevery = \"1s\"\n";

const LATER: &str = "backups = [\"42\"]\n[schedule]\nat = \"2090-01-01T00:00:00Z\"\n";

const HOOK: &str = "[[notify]]\nwebhook = { file = \"hook\" }\n";

/// A place where Zoho has no backup yet.
fn place(settings: &str, job: &str) -> Place {
    Place::new("[accounts.acme]\n", settings, &[("job", job)])
}

fn write_secret(place: &Place, name: &str, text: &str) {
    place.write(name, text);
    std::fs::set_permissions(place.path(name), PermissionsExt::from_mode(0o600)).unwrap();
}

fn told_at(endpoint: &Endpoint, settings: &str, job: &str) -> Place {
    let place = place(settings, job);
    write_secret(&place, "hook", endpoint.url());
    place
}

/// Has Zoho know the backup from now on, so that the job succeeds.
fn mend(place: &Place) {
    let scenario = Scenario::parse("[[accounts.acme.backups]]\nid = \"42\"\n").unwrap();
    let mut world = place.zoho.world().lock();
    world.account_mut("acme").unwrap().put(&scenario.accounts["acme"].backups[0], SystemClock.now());
}

/// Waits until so many more runs have ended.
fn wait_for_runs(place: &Place, count: usize) {
    let ended = |place: &Place| place.history().iter().filter(|run| run["finished_at"].is_string()).count();
    let before = ended(place);
    place.wait_until("runs end", |place| ended(place) >= before + count);
}

/// What the daemon says of itself.
fn health(place: &Place) -> Value {
    place.run(&["status", "--json"]).json().pop().unwrap()["daemon"]["health"].clone()
}

#[test]
fn a_failure_is_told_once_and_so_is_that_it_is_over() {
    let endpoint = Endpoint::start(Manners::Good);
    let slack = Endpoint::start(Manners::Good);
    let settings = format!(
        "{HOOK}[[notify]]\nwebhook = {{ file = \"slack\" }}\nformat = \"slack\"\non = [\"failed\"]\n"
    );
    let place = told_at(&endpoint, &settings, FAILING);
    write_secret(&place, "slack", slack.url());
    let daemon = Daemon::start_with(&place, &["run", "--log-level", "calloff=trace,debug"], &[]);
    place.wait_until("it is told", |_| endpoint.calls() > 0 && slack.calls() > 0);
    wait_for_runs(&place, 2);
    assert_eq!(endpoint.events(), ["failed"], "not of each run");
    mend(&place);
    place.wait_until("it is told that it is over", |_| endpoint.calls() > 1);
    wait_for_runs(&place, 2);
    assert_eq!((endpoint.events().join(" "), slack.calls()), ("failed recovered".to_owned(), 1));

    let history = place.history();
    for (body, state) in endpoint.bodies().iter().zip(["failed", "succeeded"]) {
        let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["account", "event", "job", "run", "text"]);
        assert_eq!((&body["job"], &body["account"]), (&json!("job"), &json!("acme")));
        let run = history.iter().find(|run| run["state"] == state).unwrap();
        assert_eq!(&body["run"], run, "the first run that ended so, as history has it");
        assert!(body["text"].as_str().unwrap().contains("`job` (acme)"), "{body}");
    }
    let bodies = slack.bodies();
    assert_eq!(bodies[0], json!({ "text": endpoint.bodies()[0]["text"] }));
    let keys: Vec<String> =
        endpoint.taken().iter().map(|call| call.headers["idempotency-key"].clone()).collect();
    assert_ne!(keys[0], keys[1]);

    let log = daemon.log() + &daemon.plain();
    let status = place.run(&["status"]);
    assert_eq!(daemon.stop(), Some(0));
    let shown = log + &status.stdout + &status.stderr;
    assert!(shown.contains("notice.sent"), "{shown}");
    for canary in [URL_TOKEN, SECRET, TOKEN] {
        assert!(!shown.contains(canary), "`{canary}` was shown");
        for (path, bytes) in files(&place.path("state")) {
            let is_there = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
            assert!(!is_there, "`{canary}` is in {}", path.display());
        }
    }
}

#[rstest]
#[case::hangs(Manners::Hang)]
#[case::hangs_up(Manners::Reset)]
#[case::garbage(Manners::Garbage)]
#[case::fails(Manners::Status(500))]
#[case::redirects(Manners::Redirect)]
#[case::endless(Manners::Endless)]
#[case::refuses(Manners::Status(403))]
fn whatever_an_endpoint_does_the_runs_go_on_and_it_is_told_once_it_can_be(#[case] manners: Manners) {
    let (bad, good) = (Endpoint::start(manners), Endpoint::start(Manners::Good));
    let settings = format!("{HOOK}[[notify]]\nwebhook = {{ file = \"good\" }}\n");
    let place = told_at(&bad, &settings, FAILING);
    write_secret(&place, "good", good.url());
    let daemon = Daemon::start(&place);
    place.wait_until("it is tried to be told", |_| bad.calls() > 0);
    place.wait_until("the other one is told", |_| good.events() == ["failed"]);
    wait_for_runs(&place, 3);
    daemon.wait_for(&place, "notice.failed", 1);
    let reasons = health(&place)["reasons"].clone();
    assert!(reasons[0].as_str().unwrap().starts_with("webhook file hook can't be told: "), "{reasons}");
    assert!(!reasons.to_string().contains(URL_TOKEN), "{reasons}");
    let lateness = |run: &Value| run["lateness_ms"].as_i64();
    assert!(place.history().iter().all(|run| lateness(run).is_some()), "each began by itself");

    bad.behave(Manners::Good);
    place.wait_until("it is told", |_| bad.events() == ["failed"]);
    daemon.wait_for(&place, "notice.recovered", 1);
    assert_eq!(health(&place)["state"], "ok");
    wait_for_runs(&place, 2);
    assert_eq!((bad.events().join(" "), good.events().join(" ")), ("failed".to_owned(), "failed".to_owned()));
    let failed = daemon.events("notice.failed");
    assert_eq!(failed.len(), 1, "said once: {failed:?}");
    assert_eq!(failed[0]["sink"], "webhook file hook");
    assert!(!format!("{failed:?}").contains(URL_TOKEN), "{failed:?}");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_stop_waits_for_nobody_who_is_told_and_the_next_start_goes_on() {
    let endpoint = Endpoint::start(Manners::Hang);
    let place = told_at(&endpoint, HOOK, FAILING);
    let daemon = Daemon::start(&place);
    place.wait_until("it is being told", |_| endpoint.calls() > 0);
    // Before the endpoint's patience of ten seconds is over; what the stop itself took is in the log.
    assert_eq!(daemon.stop(), Some(0));
    endpoint.behave(Manners::Good);
    let daemon = Daemon::start(&place);
    place.wait_until("it is told", |_| endpoint.events() == ["failed"]);
    wait_for_runs(&place, 2);
    assert_eq!(endpoint.events(), ["failed"]);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn what_was_not_told_when_it_was_killed_is_told_once_after_the_next_start() {
    let endpoint = Endpoint::start(Manners::Status(503));
    let place = told_at(&endpoint, HOOK, FAILING);
    let daemon = Daemon::start(&place);
    daemon.wait_for(&place, "notice.failed", 1);
    signal(daemon.child(), "KILL");
    drop(daemon);
    endpoint.behave(Manners::Good);
    let daemon = Daemon::start(&place);
    place.wait_until("it is told", |_| !endpoint.taken().is_empty());
    wait_for_runs(&place, 2);
    assert_eq!(endpoint.events(), ["failed"], "the job goes on failing, and that was told");
    mend(&place);
    place.wait_until("it is told that it is over", |_| endpoint.taken().len() > 1);
    assert_eq!(endpoint.events(), ["failed", "recovered"]);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn once_tells_what_nobody_was_told_of_and_what_it_can_not_tell_stays() {
    let endpoint = Endpoint::start(Manners::Status(500));
    let ping = Endpoint::start(Manners::Good);
    let place = told_at(&endpoint, &format!("{HOOK}[ping]\nurl = {{ file = \"ping\" }}\n"), LATER);
    write_secret(&place, "ping", &format!("{}?from=test", ping.url()));
    assert_eq!(place.run(&["trigger", "job"]).code, 1);
    assert_eq!((endpoint.calls(), ping.calls()), (0, 0), "that is for a daemon, or for this:");
    let done = place.run(&["once"]);
    assert_eq!(done.code, 0, "who can't be told is nothing to the runs: {}", done.stderr);
    assert!(endpoint.calls() > 1 && endpoint.taken().is_empty(), "it was tried");
    endpoint.behave(Manners::Good);
    assert_eq!(place.run(&["once"]).code, 0);
    assert_eq!(endpoint.events(), ["failed"]);
    assert_eq!(place.run(&["once"]).code, 0);
    assert_eq!(endpoint.events(), ["failed"]);
    let both = ["/start?from=test", "?from=test"];
    assert_eq!(ping.paths(), [both, both, both].concat());

    // What a person cancels by hand is seen by that person.
    assert_eq!(place.run(&["cancel", "43", "-a", "acme"]).code, 1);
    assert_eq!(place.run(&["once"]).code, 0);
    assert_eq!(endpoint.events(), ["failed"]);

    let due = SystemClock.now();
    place.write(
        "jobs/now.toml",
        &format!("account = \"acme\"\nbackups = [\"7\"]\n[schedule]\nat = \"{due}\"\n"),
    );
    std::fs::remove_dir_all(place.path("state")).unwrap();
    assert_eq!(place.run(&["once", "--since", "1h"]).code, 1);
    assert_eq!(ping.paths().last().unwrap(), "/fail?from=test");
    assert_eq!(endpoint.events(), ["failed", "failed"]);
}

#[test]
fn what_happens_while_a_secret_is_gone_waits_for_it() {
    let endpoint = Endpoint::start(Manners::Good);
    let place = told_at(&endpoint, HOOK, LATER);
    assert_eq!(place.run(&["trigger", "job"]).code, 1);
    assert_eq!(place.run(&["once"]).code, 0);
    assert_eq!(endpoint.events(), ["failed"]);

    // As where somebody calls it by hand, without the surroundings of the service.
    std::fs::remove_file(place.path("hook")).unwrap();
    assert_eq!(place.run(&["once"]).code, 78);
    write_secret(&place, "hook", endpoint.url());
    assert_eq!(place.run(&["trigger", "job"]).code, 1);
    assert_eq!(place.run(&["once"]).code, 0);
    assert_eq!(endpoint.events(), ["failed"], "that was told");

    std::fs::remove_file(place.path("hook")).unwrap();
    mend(&place);
    assert_eq!(place.run(&["trigger", "job"]).code, 0);
    assert_eq!(place.run(&["once"]).code, 78);
    write_secret(&place, "hook", endpoint.url());
    assert_eq!(place.run(&["once"]).code, 0);
    assert_eq!(endpoint.events(), ["failed", "recovered"]);
}

#[test]
fn a_start_that_finds_the_same_trouble_tells_nothing_of_it() {
    let endpoint = Endpoint::start(Manners::Good);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = format!("[http]\nlisten = \"{}\"\n{HOOK}", taken.local_addr().unwrap());
    let place = told_at(&endpoint, &settings, LATER);
    let first = Daemon::start(&place);
    place.wait_until("it is told", |_| !endpoint.events().is_empty());
    assert_eq!(first.stop(), Some(0));

    let second = Daemon::start(&place);
    place.wait_until("it is degraded", |place| health(place)["state"] == "degraded");
    // What comes after the start's own look is told after whatever that would tell.
    assert_eq!(place.run(&["trigger", "job"]).code, 1);
    place.wait_until("the failure is told", |_| endpoint.events().contains(&"failed".to_owned()));
    assert_eq!(endpoint.events(), ["degraded", "failed"]);
    assert_eq!(second.stop(), Some(0));
}

#[test]
fn that_nobody_can_be_told_is_seen_and_pinged() {
    let (endpoint, ping) = (Endpoint::start(Manners::Good), Endpoint::start(Manners::Good));
    let settings = format!("{HOOK}[ping]\nurl = {{ file = \"ping\" }}\nevery = \"1s\"\n");
    let place = told_at(&endpoint, &settings, FAILING);
    write_secret(&place, "ping", ping.url());
    // As where another user's process was the first.
    std::fs::create_dir_all(place.path("state/notices.lock")).unwrap();
    let daemon = Daemon::start(&place);
    daemon.wait_for(&place, "notice.blocked", 1);
    place.wait_until("it is seen", |place| health(place)["reasons"].to_string().contains("notices.lock"));
    place.wait_until("it is pinged", |_| ping.paths().contains(&"/fail".to_owned()));
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn once_pings_that_it_could_not_even_begin() {
    let ping = Endpoint::start(Manners::Good);
    let place = place("[ping]\nurl = { file = \"ping\" }\n", LATER);
    write_secret(&place, "ping", ping.url());
    // A record that is none.
    std::fs::create_dir_all(place.path("state/calloff.db")).unwrap();
    let done = place.run(&["once"]);
    assert_eq!(done.code, 69, "{}", done.stderr);
    assert_eq!(ping.paths(), ["/start", "/fail"]);
}

#[test]
fn mail_is_sent_to_whoever_wants_it() {
    let server = MailServer::start();
    let settings = format!(
        "[[notify]]\non = [\"failed\"]\n[notify.email]\nto = [\"ops@example.com\", \"boss@example.com\"]\n\
         from = \"calloff@example.com\"\nsmtp = \"smtp://127.0.0.1:{}\"\nusername = \"me\"\npassword = {{ file = \"password\" }}\n",
        server.port
    );
    let place = place(&settings, LATER);
    write_secret(&place, "password", PASSWORD);
    assert_eq!(place.run(&["trigger", "job"]).code, 1);
    let done = place.run(&["once", "--log-level", "trace,calloff=trace"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let talks = server.talks();
    assert_eq!(talks.len(), 1, "{talks:?}\n{}", done.stderr);
    let talk = &talks[0];
    for part in [
        "MAIL FROM:<calloff@example.com>",
        "RCPT TO:<ops@example.com>",
        "RCPT TO:<boss@example.com>",
        "Subject: [calloff] failed: job, acme",
        "Message-ID: <calloff-",
        "backup 42 is not_found",
    ] {
        assert!(talk.contains(part), "`{part}` is not in {talk}");
    }
    assert!(!(done.stdout + &done.stderr).contains(PASSWORD));
    for (path, bytes) in files(&place.path("state")) {
        assert!(!String::from_utf8_lossy(&bytes).contains(PASSWORD), "{}", path.display());
    }
    drop(server);

    let test = place.run(&["notify", "test"]);
    assert_eq!(
        (test.code, test.stdout.as_str()),
        (0, "told    email ops@example.com,boss@example.com\n"),
        "{}",
        test.stderr
    );
}

#[test]
fn a_reload_tells_others_from_then_on_and_one_whose_secret_is_gone_is_refused() {
    let (before, after) = (Endpoint::start(Manners::Good), Endpoint::start(Manners::Good));
    let place = told_at(&before, HOOK, FAILING);
    let daemon = Daemon::start(&place);
    place.wait_until("it is told", |_| before.events() == ["failed"]);

    std::fs::remove_file(place.path("hook")).unwrap();
    let refused = place.run(&["reload"]);
    assert_eq!(refused.code, 78, "{}{}", refused.stdout, refused.stderr);
    assert!((refused.stdout + &refused.stderr).contains("webhook file hook"));
    let reasons = health(&place)["reasons"].to_string();
    assert!(reasons.contains("webhook file hook"), "{reasons}");
    place.wait_until("that is told as well, as it can be still", |_| {
        before.events() == ["failed", "degraded"]
    });

    write_secret(&place, "hook", after.url());
    assert_eq!(place.run(&["reload"]).code, 0);
    place.wait_until("the other one is told", |_| after.events() == ["recovered"]);
    assert!(after.bodies()[0]["job"].is_null(), "that Calloff is well again");
    mend(&place);
    place.wait_until("the other one is told", |_| after.events() == ["recovered", "recovered"]);
    assert_eq!(before.events(), ["failed", "degraded"]);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_start_does_without_those_who_can_not_be_told_and_says_so() {
    let place = place(
        "[[notify]]\nwebhook = { env = \"HOOK_NOT_SET\" }\n[[notify]]\nwebhook = { file = \"hook\" }\n",
        FAILING,
    );
    write_secret(&place, "hook", &format!("http://hooks.example/{URL_TOKEN}"));
    let daemon = Daemon::start(&place);
    let unready = daemon.wait_for(&place, "notice.unready", 2);
    assert!(
        unready["why"].as_str().unwrap().contains("webhook file hook: its URL is not encrypted"),
        "{unready}"
    );
    wait_for_runs(&place, 1);
    assert_eq!(health(&place)["state"], "degraded");
    assert!(health(&place)["reasons"][0].as_str().unwrap().contains("HOOK_NOT_SET"));
    let doctor = place.run(&["doctor", "--json"]);
    let rows: Vec<Value> = doctor.json().into_iter().filter(|row| row["check"] == "notify").collect();
    assert_eq!((doctor.code, rows.len()), (78, 2), "{}", doctor.stdout);
    assert!(rows.iter().all(|row| row["result"] == "failed"), "{rows:?}");
    assert_eq!(daemon.stop(), Some(0));

    let strict = place.run(&["run", "--strict"]);
    assert_eq!(strict.code, 78, "{}", strict.stderr);
    let once = place.run(&["once"]);
    assert_eq!(once.code, 78, "{}", once.stderr);
    let shown = [doctor, strict, once].map(|done: Done| done.stdout + &done.stderr).concat();
    assert!(shown.contains("HOOK_NOT_SET") && !shown.contains(URL_TOKEN), "{shown}");
}

#[test]
fn a_mended_secret_is_taken_by_itself() {
    let endpoint = Endpoint::start(Manners::Good);
    let place = place(HOOK, FAILING);
    let daemon = Daemon::start(&place);
    daemon.wait_for(&place, "notice.unready", 1);
    write_secret(&place, "hook", endpoint.url());
    assert_eq!(place.run(&["reload"]).code, 0);
    place.wait_until("it is told", |_| endpoint.events() == ["failed"]);
    assert_eq!(health(&place)["state"], "ok");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn the_daemon_says_that_all_is_well_while_it_is() {
    let ping = Endpoint::start(Manners::Good);
    let place = place("[ping]\nurl = { file = \"ping\" }\nevery = \"1s\"\n", LATER);
    write_secret(&place, "ping", ping.url());
    let daemon = Daemon::start(&place);
    place.wait_until("it says so", |_| ping.paths().len() >= 3);
    assert_eq!(ping.paths()[..3], ["/start", "", ""]);
    let before = ping.paths().len();
    place.write("jobs/wrong.toml", "account = 5\n");
    assert_eq!(place.run(&["reload"]).code, 78);
    place.wait_until("it says that it is not", |_| ping.paths()[before..].contains(&"/fail".to_owned()));
    assert!(ping.taken().iter().any(|call| call.body.contains("changed files are not in force")));
    std::fs::remove_file(place.path("jobs/wrong.toml")).unwrap();
    assert_eq!(place.run(&["reload"]).code, 0);
    let before = ping.paths().len();
    place.wait_until("it says so again", |_| ping.paths()[before..].contains(&String::new()));

    // The loop hangs with all else; what is heard after it was stopped was under way before.
    let before = ping.paths().len();
    place.write("jobs/job.toml", &format!("account = \"acme\"\n{FAILING}"));
    place.wait_until("a run fails", |_| ping.paths()[before..].contains(&"/fail".to_owned()));
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_test_is_sent_to_each_and_says_what_came_of_it() {
    let (good, bad) = (Endpoint::start(Manners::Good), Endpoint::start(Manners::Status(404)));
    let settings =
        format!("{HOOK}on = [\"missed\"]\n[[notify]]\nwebhook = {{ file = \"bad\" }}\nformat = \"slack\"\n");
    let place = told_at(&good, &settings, LATER);
    write_secret(&place, "bad", bad.url());
    let done = place.run(&["notify", "test"]);
    let said = "told    webhook file hook\nfailed  slack webhook file bad: it answered with status 404\n";
    assert_eq!((done.code, done.stdout.as_str()), (69, said), "{}", done.stderr);
    assert_eq!(good.events(), ["test"]);
    bad.behave(Manners::Good);
    let done = place.run(&["notify", "test", "--json"]);
    let rows = [
        json!({ "sink": "webhook file hook", "told": true, "reason": null }),
        json!({ "sink": "slack webhook file bad", "told": true, "reason": null }),
    ];
    assert_eq!((done.code, done.json()), (0, rows.to_vec()));
    assert!(!place.path("state").exists(), "nothing is recorded");
    std::fs::remove_file(place.path("bad")).unwrap();
    assert_eq!(place.run(&["notify", "test"]).code, 78);
    assert_eq!(self::place("", LATER).run(&["notify", "test"]).code, 64);
}
