//! `plan` and `explain` from outside: what they print, how they end, and that they change nothing.

mod support;

use calloff::clock::{Clock as _, SystemClock};
use calloff_sim::Endpoint;
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};
use support::program::Place;

/// The account's backup starts in two days, and every week after that.
const WEEKLY: &str =
    "[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"RRULE:FREQ=WEEKLY\"\nscheduled_date = \"+48h\"\n";

/// A one-off, so many hours from now.
fn in_hours(hours: i64) -> (String, Timestamp) {
    let at = SystemClock.now() + SignedDuration::from_hours(hours);
    (format!("[schedule]\nat = \"{at}\"\n"), at)
}

/// The requests that were not for reading or for a token.
fn changes(place: &Place) -> usize {
    let world = place.zoho.world().lock();
    world.seen().filter(|seen| seen.method != "GET" && seen.endpoint != Endpoint::Token).count()
}

fn gets(place: &Place) -> usize {
    place.zoho.world().lock().seen().filter(|seen| seen.endpoint == Endpoint::Get).count()
}

#[test]
fn a_row_has_the_fields_of_the_contract_and_nothing_is_changed() {
    let (schedule, at) = in_hours(3);
    let place = Place::new(WEEKLY, "", &[("eu/freeze", &format!("backups = [\"42\"]\n{schedule}"))]);
    let done = place.run(&["plan", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let rows = done.json();
    assert_eq!(rows.len(), 1);
    let scheduled = rows[0]["live"]["scheduled_date"].as_str().unwrap().to_owned();
    let reason = format!("it would start at {scheduled}");
    let row = json!({
        "job": "eu/freeze", "account": "acme", "occurrence": at, "fire_at": at, "action": "cancel", "reason": reason,
        "targets": [{"backup": "42", "action": "cancel", "reason": reason}],
        "live": {"backup": "42", "status": "SCHEDULED", "scheduled_date": scheduled, "rrule": "RRULE:FREQ=WEEKLY"},
    });
    assert_eq!(rows[0], row);
    let at = at.to_string();
    let explained = place.run(&["explain", "eu/freeze", "--at", &at, "--json"]);
    assert_eq!(explained.code, 0, "{}", explained.stderr);
    let mut row = row;
    row["conditions"] = json!([]);
    assert_eq!(explained.json(), [row], "a row like plan's, with its conditions");
    for args in
        [&["plan"][..], &["explain", "eu/freeze", "--at", &at], &["plan", "--until", "30d", "eu/freeze"]]
    {
        let done = place.run(args);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(done.stdout.contains("cancel") && done.stdout.contains("eu/freeze"), "{}", done.stdout);
        assert!(!done.stdout.contains('\u{1b}'), "colours are for terminals");
    }
    assert_eq!((changes(&place), place.token_calls()), (0, 1), "it reads only, and keeps its token");
    assert!(!place.path("state/calloff.db").exists(), "not even a record is made");
}

#[rstest]
#[case::cancel("42", "cancel", 2)]
#[case::other("7", "not_found", 0)]
fn the_detailed_exit_code_tells_whether_there_is_something_to_do(
    #[case] id: &str,
    #[case] action: &str,
    #[case] code: i32,
) {
    let (schedule, _) = in_hours(3);
    let place = Place::new(WEEKLY, "", &[("job", &format!("backups = [\"{id}\"]\n{schedule}"))]);
    assert_eq!(place.run(&["plan"]).code, 0);
    let done = place.run(&["plan", "--detailed-exitcode", "--json"]);
    assert_eq!((done.code, &done.json()[0]["action"]), (code, &json!(action)), "{}", done.stderr);
    let soon = place.run(&["plan", "--until", "2h", "--detailed-exitcode", "--json"]);
    assert_eq!((soon.code, soon.stdout.as_str()), (0, ""), "nothing is due by then");
}

#[test]
fn every_action_has_its_row() {
    let (soon, later) = (in_hours(1).0, in_hours(2).0);
    let place = Place::new(
        WEEKLY,
        "[[windows.shut]]\nfrom = \"2020-01-01T00:00:00\"\nto = \"2020-01-02T00:00:00\"\n",
        &[
            ("a", &format!("backups = [\"42\"]\n{soon}")),
            ("b", &format!("backups = \"current\"\n{later}")),
            ("c", &format!("backups = [\"42\"]\n{later}[when]\nwindow = \"shut\"\n")),
            ("d", &format!("backups = [\"7\"]\n{later}")),
            ("e", &format!("backups = [\"42\"]\n{later}")),
            ("off", &format!("backups = [\"42\"]\nenabled = false\n{later}")),
        ],
    );
    place.run(&["pause", "e", "--for", "5h", "--reason", "not today"]);
    let rows = place.run(&["plan", "--json"]).json();
    let actions: Vec<(&str, &str)> =
        rows.iter().map(|row| (row["job"].as_str().unwrap(), row["action"].as_str().unwrap())).collect();
    let want =
        [("a", "cancel"), ("b", "already_cancelled"), ("c", "skip"), ("d", "not_found"), ("e", "skip")];
    assert_eq!(actions, want);
    assert!(rows[4]["reason"].as_str().unwrap().starts_with("paused"));
    assert!(rows[2]["reason"].as_str().unwrap().contains("`window` did not hold"));
    assert_eq!(gets(&place), 1, "the account is read once, however many jobs it has");

    let only = place.run(&["plan", "--json", "b"]).json();
    assert_eq!(only.len(), 1);
    assert_eq!(only[0]["action"], "already_cancelled", "what the others do before still counts");
    place.zoho.world().lock().account_mut("acme").unwrap().set_status("42", calloff_sim::Status::Inprogress);
    let rows = place.run(&["plan", "--json", "--until", "1h 30m", "a"]).json();
    assert_eq!(rows[0]["live"]["status"], "INPROGRESS");
}

#[rstest]
#[case::scope("scopes = [\"ZohoCRM.bulk.backup.UPDATE\"]", "", 69, "OAUTH_SCOPE_MISMATCH")]
#[case::broken("", "get = [{ then = \"NO_PERMISSION\", times = 9 }]", 69, "NO_PERMISSION")]
#[case::refused("", "token = [{ then = \"invalid_client\", times = 9 }]", 77, "invalid_client")]
fn an_account_that_can_not_be_read_is_unknown_and_says_why(
    #[case] account: &str,
    #[case] faults: &str,
    #[case] code: i32,
    #[case] said: &str,
) {
    let (schedule, at) = in_hours(3);
    let zoho = format!("[accounts.acme]\n{account}\n{WEEKLY}[accounts.acme.faults]\n{faults}\n");
    let place = Place::new(&zoho, "", &[("job", &format!("backups = [\"42\"]\n{schedule}"))]);
    let done = place.run(&["plan", "--json", "--detailed-exitcode"]);
    assert_eq!(done.code, code, "{}", done.stderr);
    let row = &done.json()[0];
    assert_eq!((&row["action"], &row["live"]), (&json!("unknown"), &Value::Null));
    assert!(row["reason"].as_str().unwrap().contains(said), "{row}");
    assert!(done.stderr.contains(said), "{}", done.stderr);
    let explained = place.run(&["explain", "job", "--at", &at.to_string(), "--json"]);
    assert_eq!((explained.code, &explained.json()[0]["action"]), (code, &json!("unknown")));
    let offline = place.run(&["explain", "job", "--at", &at.to_string(), "--json", "--offline"]);
    assert_eq!(
        (offline.code, &offline.json()[0]["action"]),
        (0, &json!("cancel")),
        "it would act all the same"
    );
}

#[test]
fn a_bar_and_colours_are_for_terminals() {
    let (schedule, _) = in_hours(3);
    let zoho = format!("{WEEKLY}[accounts.other]\nclient_id = \"1000.OTHER\"\nlatency = \"200ms\"\n");
    let place = Place::new(&zoho, "", &[("one", &format!("backups = [\"42\"]\n{schedule}"))]);
    let text = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    let account = text.split("[accounts.acme]").nth(1).unwrap().replace("1000.CLIENT", "1000.OTHER");
    place.write("calloff.toml", &format!("{text}[accounts.other]{account}"));
    place.write("jobs/two.toml", &format!("account = \"other\"\nbackups = [\"42\"]\n{schedule}"));
    let plain = place.run(&["plan"]);
    assert!(!plain.stderr.contains("accounts read") && !plain.stdout.contains('\u{1b}'), "{}", plain.stderr);

    // `script` gives a program a terminal.
    let program = format!("{} plan", env!("CARGO_BIN_EXE_calloff"));
    let command = place.command(&[]);
    let (folder, environment) = (command.get_current_dir().unwrap().to_owned(), command.get_envs());
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-qec", &program, "/dev/null"]).current_dir(folder).env("TERM", "xterm-256color");
    for (key, value) in environment {
        match value {
            Some(value) => terminal.env(key, value),
            None => terminal.env_remove(key),
        };
    }
    let shown = String::from_utf8(terminal.output().unwrap().stdout).unwrap();
    assert!(shown.contains("accounts read") && shown.contains("\u{1b}[1m"), "{shown}");
}

#[test]
fn one_account_that_can_not_be_read_leaves_the_others_planned() {
    let zoho = format!("{WEEKLY}[accounts.broken]\nclient_id = \"1000.BROKEN\"\nno_permission = true\n");
    let (schedule, _) = in_hours(3);
    let place = Place::new(&zoho, "", &[("good", &format!("backups = [\"42\"]\n{schedule}"))]);
    let text = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    let account = text.split("[accounts.acme]").nth(1).unwrap().replace("1000.CLIENT", "1000.BROKEN");
    place.write("calloff.toml", &format!("{text}[accounts.broken]{account}"));
    place.write("jobs/bad.toml", &format!("account = \"broken\"\nbackups = [\"42\"]\n{schedule}"));
    let done = place.run(&["plan", "--json"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let mut actions: Vec<Value> = done.json().iter().map(|row| row["action"].clone()).collect();
    actions.sort_by_key(ToString::to_string);
    assert_eq!(actions, [json!("cancel"), json!("unknown")]);
    let human = place.run(&["plan"]).stdout;
    assert!(human.contains("NO_PERMISSION"), "{human}");
}

#[test]
fn explain_tells_each_condition_an_instant_that_is_none_and_what_is_on_record() {
    let due = SystemClock.now() - SignedDuration::from_secs(5);
    let job = format!(
        "backups = [\"42\"]\n[schedule]\nat = \"{due}\"\n[when]\nstatus = [\"SCHEDULED\"]\ndue_within = \"1h\"\n"
    );
    let place = Place::new(WEEKLY, "", &[("job", &job)]);
    let at = due.to_string();
    let row = place.run(&["explain", "job", "--at", &at, "--json"]).json().remove(0);
    let conditions = row["conditions"].as_array().unwrap();
    assert_eq!(conditions.len(), 2);
    assert_eq!(
        conditions[0],
        json!({"condition": "status", "holds": true, "wanted": "SCHEDULED", "actual": "SCHEDULED"})
    );
    assert_eq!((&conditions[1]["condition"], &conditions[1]["holds"]), (&json!("due_within"), &json!(false)));
    assert_eq!(row["action"], "skip");
    let offline = place.run(&["explain", "job", "--at", &at, "--json", "--offline"]).json().remove(0);
    assert_eq!((&offline["action"], &offline["conditions"][0]["holds"]), (&json!("unknown"), &Value::Null));

    let never = place.run(&["explain", "job", "--at", "2090-01-01T00:00:00Z", "--json"]).json().remove(0);
    assert_eq!(never["action"], "skip");
    assert!(never["reason"].as_str().unwrap().contains("not due"), "{never}");

    assert_eq!(place.run(&["once", "--since", "1m"]).code, 0);
    let human = place.run(&["explain", "job", "--at", &at]);
    assert_eq!(human.code, 0, "{}", human.stderr);
    assert!(human.stdout.contains("on record") && human.stdout.contains("skipped"), "{}", human.stdout);
    for args in
        [&["explain", "nothing", "--at", &at][..], &["explain", "job", "--at", "noon"], &["explain", "job"]]
    {
        assert_eq!(place.run(args).code, 64, "{args:?}");
    }
}
