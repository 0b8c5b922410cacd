//! `restore list`, `pay` and `waive`, and what else the commands say of holds and debts: the real program.

#![allow(clippy::unwrap_used, reason = "a check that can't be made fails its test")]

mod support;

use calloff::clock::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::program::{Done, Place};

const RULE: &str = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO";
const JOB: &str =
    "backups = [\"current\"]\n[schedule]\nevery = \"1s\"\n[when]\nwindow = \"freeze\"\n[hold]\n[restore]\n";

/// A place where a window is open and a backup has just been called off in it.
fn called_off(faults: &str) -> (Place, Timestamp) {
    let zoho = format!(
        "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"{RULE}\"\nscheduled_date = \"+2d\"\n{faults}"
    );
    let (now, hour) = (SystemClock.now(), SignedDuration::from_hours(1));
    let closes = now + hour;
    let window = format!("[[windows.freeze]]\nfrom = \"{}\"\nto = \"{closes}\"\n", now - hour);
    let place = Place::new(&zoho, &window, &[("freeze", JOB)]);
    let done = place.run(&["trigger", "freeze", "--json"]);
    assert_eq!(done.json()[0]["targets"][0]["outcome"], "cancelled", "{}", done.stderr);
    (place, closes)
}

/// The window closes, by an edit.
fn close(place: &Place) {
    let text = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    let to = text.lines().find(|line| line.starts_with("to = ")).unwrap();
    let closed = SystemClock.now() - SignedDuration::from_mins(1);
    place.write("calloff.toml", &text.replace(to, &format!("to = \"{closed}\"")));
}

fn list(place: &Place) -> Vec<Value> {
    let done = place.run(&["restore", "list", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    done.json()
}

fn shown(place: &Place) -> Value {
    place.run(&["backup", "show", "-a", "acme", "--json"]).json().remove(0)
}

#[test]
fn a_debt_is_listed_and_comes_first_in_status() {
    let (place, closes) = called_off("");
    let debt = list(&place).remove(0);
    for (field, want) in [
        ("account", json!("acme")),
        ("job", json!("freeze")),
        ("backup", json!("42")),
        ("rrule", json!(RULE)),
        ("state", json!("owed")),
        ("reason", json!(null)),
        ("due", json!(closes.to_string())),
    ] {
        assert_eq!(debt[field], want, "{field}");
    }
    assert!(debt["restore_id"].is_string() && debt["owed_since"].is_string(), "{debt}");
    let status = place.run(&["status"]);
    assert!(status.stdout.starts_with(&format!("owed: restore of {RULE} in acme")), "{}", status.stdout);
    let closing = closes.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    assert!(status.stdout.contains(&format!("armed, held until {closing}")), "{}", status.stdout);
    let kinds: Vec<_> = place.run(&["status", "--json"]).json();
    assert_eq!(kinds[0]["job"], "freeze");
    assert_eq!(kinds[1]["restore_id"], debt["restore_id"], "jobs, then debts");
    assert!(kinds[2].get("daemon").is_some(), "then the daemon");
    let text = place.run(&["restore", "list"]).stdout;
    for said in ["owed", "42", "Ada Admin", "job freeze", "in 59m"] {
        assert!(text.contains(said), "`{said}` is missing: {text}");
    }
}

#[test]
fn once_restores_when_the_window_has_closed() {
    let (place, _) = called_off("");
    assert_eq!(place.run(&["once"]).code, 0);
    assert_eq!(list(&place)[0]["state"], "owed", "it is open");
    close(&place);
    let done = place.run(&["once"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("restored") && done.stdout.contains(RULE), "{}", done.stdout);
    let (debt, live) = (list(&place).remove(0), shown(&place));
    assert_eq!(
        (&debt["state"], &live["status"], &live["rrule"]),
        (&json!("paid"), &json!("SCHEDULED"), &json!(RULE))
    );
    assert_eq!(debt["restored"], live["backup"]);
    assert!(place.run(&["restore", "list"]).stdout.starts_with("nothing is owed"));
    assert_eq!(place.run(&["restore", "list", "--owed", "--json"]).stdout, "");
}

#[test]
fn once_says_what_zoho_refuses_and_pay_tries_at_once() {
    let (place, _) =
        called_off("[accounts.acme.faults]\nschedule = [{ then = \"LIMIT_EXCEEDED\", times = 2 }]\n");
    close(&place);
    let done = place.run(&["once"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("LIMIT_EXCEEDED") && done.stderr.contains("still owed"), "{}", done.stderr);
    let debt = list(&place).remove(0);
    assert!(
        debt["reason"].as_str().unwrap().starts_with("LIMIT_EXCEEDED") && debt["next_try"].is_string(),
        "{debt}"
    );
    let id = debt["restore_id"].as_str().unwrap();
    assert_eq!(place.run(&["once"]).code, 0, "it waits for a minute");
    let status = place.run(&["status"]).stdout;
    assert!(
        status.contains("LIMIT_EXCEEDED") && status.contains(&format!("calloff restore pay {id}")),
        "{status}"
    );

    let pay = |args: &[&str]| place.run(&[&["restore", "pay", id], args].concat());
    let refused = pay(&["--json"]);
    assert_eq!((refused.code, &refused.json()[0]["state"]), (1, &json!("owed")), "{}", refused.stderr);
    let paid = pay(&[]);
    assert!(paid.code == 0 && paid.stdout.contains("restored"), "{}{}", paid.stdout, paid.stderr);
    let again = pay(&["--json"]);
    assert_eq!((again.code, &again.json()[0]["state"]), (0, &json!("paid")));
    assert_eq!(shown(&place)["rrule"], RULE);
}

#[test]
fn a_debt_whose_job_is_gone_is_shown_with_what_ends_it() {
    let (place, _) = called_off("");
    std::fs::remove_file(place.path("jobs/freeze.toml")).unwrap();
    close(&place);
    assert_eq!(place.run(&["once"]).code, 0);
    let debt = list(&place).remove(0);
    let (id, reason) = (debt["restore_id"].as_str().unwrap(), debt["reason"].as_str().unwrap());
    assert_eq!(debt["state"], "owed");
    assert!(
        reason.starts_with("orphaned") && reason.contains(&format!("calloff restore pay {id}")),
        "{reason}"
    );
    assert!(place.run(&["restore", "list"]).stdout.contains(&format!("calloff restore waive {id}")));
    assert_eq!(place.run(&["restore", "pay", id]).code, 0);
    assert_eq!(shown(&place)["rrule"], RULE);
}

#[test]
fn a_debt_is_listed_though_a_job_file_is_broken() {
    let (place, _) = called_off("");
    place.write("jobs/broken.toml", "account = ");
    assert_eq!(list(&place).len(), 1);
    assert_eq!(place.run(&["status"]).code, 78);
}

#[test]
fn a_waived_debt_is_not_paid_and_says_why() {
    let (place, _) = called_off("");
    let id = list(&place)[0]["restore_id"].as_str().unwrap().to_owned();
    assert_eq!(place.run(&["restore", "waive", &id]).code, 64, "without a reason");
    assert_eq!(place.run(&["restore", "waive", &id, "--reason", ""]).code, 64, "without words");
    let waived = place.run(&["restore", "waive", &id, "--reason", "the plan has changed", "--json"]);
    let row = &waived.json()[0];
    assert_eq!(
        (waived.code, &row["state"], &row["reason"]),
        (0, &json!("waived"), &json!("the plan has changed"))
    );
    close(&place);
    assert_eq!(place.run(&["once"]).code, 0);
    assert_eq!(shown(&place)["status"], "STOPPED");
    for args in [&["restore", "waive", &id, "--reason", "again"][..], &["restore", "pay", &id]] {
        let done: Done = place.run(args);
        assert_eq!(done.code, 64, "{args:?}: {}", done.stderr);
    }
}

#[test]
fn a_restore_that_does_not_exist_is_a_usage_error() {
    let (place, _) = called_off("");
    let id = "019ab6a1-7c3e-7000-8a55-0123456789ab";
    for args in
        [&["restore", "pay", id][..], &["restore", "waive", id, "--reason", "x"], &["restore", "pay", "42"]]
    {
        let done = place.run(args);
        assert_eq!(done.code, 64, "{args:?}: {}", done.stderr);
    }
    let fresh = Place::new("[accounts.acme]\n", "", &[]);
    assert_eq!(list(&fresh), [] as [Value; 0], "no record yet");
    assert!(!fresh.path("state").exists(), "and none is made");
}

#[test]
fn a_listed_backup_is_called_off_under_the_id_that_it_has_now() {
    let (place, _) = called_off("");
    close(&place);
    assert_eq!(place.run(&["once"]).code, 0);
    let now = shown(&place)["backup"].clone();
    assert_ne!(now, "42");
    let job = "backups = [\"42\"]\n[schedule]\nevery = \"1d\"\n";
    place.write("jobs/listed.toml", &format!("account = \"acme\"\n{job}"));
    let plan = place.run(&["plan", "--json", "listed"]).json();
    assert!(
        plan.iter().any(|row| row["targets"][0]["backup"] == now && row["action"] == "cancel"),
        "{plan:#?}"
    );
    let run = place.run(&["trigger", "listed", "--json"]).json().remove(0);
    assert_eq!((&run["targets"][0]["backup"], &run["targets"][0]["outcome"]), (&now, &json!("cancelled")));
}

#[test]
fn once_looks_at_a_held_window_and_calls_off_what_has_come_back() {
    let (place, _) = called_off("");
    let scenario = format!(
        "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"43\"\nrrule = \"{RULE}\"\nscheduled_date = \"+3d\"\n"
    );
    let scenario = calloff_sim::Scenario::parse(&scenario).unwrap();
    let backup = &scenario.accounts["acme"].backups[0];
    place.zoho.world().lock().account_mut("acme").unwrap().put(backup, SystemClock.now());
    let done = place.run(&["once", "--json"]);
    let run = done
        .json()
        .into_iter()
        .find(|run| run["trigger"] == "hold")
        .unwrap_or_else(|| panic!("{}", done.stderr));
    assert_eq!(run["targets"][0]["outcome"], "cancelled");
    assert!(run["occurrence"].is_null() && run["reason"].as_str().unwrap().contains("Ada Admin"), "{run}");
    let history = place.run(&["history"]).stdout;
    assert!(history.contains("hold") && history.contains("has come back"), "{history}");
}

#[test]
fn the_demo_tells_the_whole_story() {
    let place = Place::new("[accounts.acme]\n", "", &[]);
    let done = place.run(&["demo", "--story", "hold"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    for said in ["jobs/release.toml", "hold", "Grace Hopper", "nothing is owed", "paid"] {
        assert!(done.stdout.contains(said), "`{said}` is missing: {}", done.stdout);
    }
    for event in ["restore.recorded", "hold.drift", "hold.ended", "restore.paid"] {
        assert!(done.stderr.contains(event), "`{event}` is missing: {}", done.stderr);
    }
}

/// A place where a process was killed with its cancel under way; Zoho has not acted on it.
fn killed_in_its_cancel() -> Place {
    let zoho = format!(
        "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"{RULE}\"\nscheduled_date = \"+2d\"\nfaults = [\"hang\"]\n"
    );
    let (now, hour) = (SystemClock.now(), SignedDuration::from_hours(1));
    let window = format!("[[windows.freeze]]\nfrom = \"{}\"\nto = \"{}\"\n", now - hour, now + hour);
    let place = Place::new(&zoho, &window, &[("freeze", JOB)]);
    let child = place.start(&["trigger", "freeze"]);
    place.wait_until("the cancel is under way", |place| place.cancels() == 1);
    support::program::signal(&child, "KILL");
    drop(child.wait_with_output().unwrap());
    place
}

#[test]
fn a_debt_of_a_process_that_was_killed_can_be_paid_and_its_run_owes_anew() {
    let place = killed_in_its_cancel();
    let id = list(&place)[0]["restore_id"].as_str().unwrap().to_owned();
    let paid = place.run(&["restore", "pay", &id, "--json"]);
    assert_eq!((paid.code, &paid.json()[0]["state"]), (0, &json!("paid")), "{}", paid.stderr);
    assert_eq!(place.run(&["once"]).code, 0, "it takes up the run, which calls the backup off");
    assert_eq!(shown(&place)["status"], "STOPPED");
    let states: Vec<Value> = list(&place).into_iter().map(|debt| debt["state"].clone()).collect();
    assert_eq!(states, ["owed", "paid"]);
}

#[test]
fn a_run_that_is_taken_up_after_its_window_has_closed_cancels_nothing() {
    let place = killed_in_its_cancel();
    close(&place);
    let done = place.run(&["once", "--json"]);
    let run = done.json().remove(0);
    assert_eq!(
        run["targets"][0]["outcome"], "exhausted",
        "set off by hand, it has no occurrence to miss: {run}"
    );
    assert_eq!(place.cancels(), 1, "no other was sent");
    // Whether the one that was sent has had its effect can't be told: it is looked for.
    assert_eq!((&list(&place)[0]["state"], &shown(&place)["status"]), (&json!("paid"), &json!("SCHEDULED")));
}
