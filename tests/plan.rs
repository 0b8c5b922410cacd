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

/// A second account beside `acme`.
fn add_account(place: &Place, name: &str, client: &str) {
    let text = std::fs::read_to_string(place.path("calloff.toml")).expect("a configuration");
    let account = text.split("[accounts.acme]").nth(1).expect("an account").replace("1000.CLIENT", client);
    place.write("calloff.toml", &format!("{text}[accounts.{name}]{account}"));
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
    add_account(&place, "other", "1000.OTHER");
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
    add_account(&place, "broken", "1000.BROKEN");
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

#[test]
fn a_plan_of_one_job_is_not_used_up_by_others_and_a_cut_one_is_never_all_clear() {
    let (schedule, _) = in_hours(4);
    let place = Place::new(
        "[[accounts.acme.backups]]\nid = \"42\"\nstatus = \"STOPPED\"\n",
        "",
        &[
            ("busy", "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n"),
            ("rare", &format!("backups = [\"42\"]\n{schedule}")),
        ],
    );
    let rare = place.run(&["plan", "rare", "--until", "5h", "--json", "--detailed-exitcode"]);
    assert_eq!((rare.code, rare.json().len()), (0, 1), "{}", rare.stderr);
    let all = place.run(&["plan", "--until", "5h", "--json", "--detailed-exitcode"]);
    assert_eq!((all.code, all.json().len()), (1, 10_000));
    assert!(all.stderr.contains("too many occurrences"), "{}", all.stderr);
    let week = place.run(&["plan", "rare", "--json", "--detailed-exitcode"]);
    assert_eq!((week.code, week.json().len()), (1, 1), "what is hidden is bounded as well");
    let far = (SystemClock.now() + SignedDuration::from_hours(24 * 7)).to_string();
    let explained = place.run(&["explain", "busy", "--at", &far, "--json"]);
    assert_eq!(explained.json()[0]["action"], "skip", "that is no occurrence");
    let at = (SystemClock.now() + SignedDuration::from_hours(24 * 7)).as_second();
    let at = Timestamp::from_second(at).unwrap().to_string();
    let explained = place.run(&["explain", "busy", "--at", &at, "--json"]);
    assert_eq!((explained.code, &explained.json()[0]["action"]), (1, &json!("unknown")));
    assert!(explained.stderr.contains("too many occurrences"), "{}", explained.stderr);
}

#[test]
fn a_plan_of_one_job_shows_the_start_that_another_one_prevents() {
    let (soon, later) = (in_hours(1).0, in_hours(2).0);
    let jobs = [
        ("first", &*format!("backups = [\"42\"]\n{soon}")),
        ("second", &*format!("backups = [\"42\"]\n{later}")),
    ];
    let place = Place::new(WEEKLY, "", &jobs);
    let shown = place.run(&["plan", "second"]).stdout;
    assert!(shown.contains("△ start prevented") && !shown.contains("backup starts"), "{shown}");
}

#[test]
fn what_is_left_over_from_before_now_is_planned() {
    let place =
        Place::new(WEEKLY, "", &[("old", "backups = [\"42\"]\n[schedule]\nat = \"2020-01-01T00:00:00Z\"\n")]);
    assert_eq!(place.run(&["once"]).code, 0, "it sets the baseline");
    let due = SystemClock.now() - SignedDuration::from_secs(90);
    let job = format!("backups = [\"42\"]\n[schedule]\nat = \"{due}\"\njitter = \"12h\"\n");
    place.write("jobs/spread.toml", &format!("account = \"acme\"\n{job}"));
    let record = |sql: &str| {
        let connection = rusqlite::Connection::open(place.path("state/calloff.db")).unwrap();
        assert_eq!(connection.execute(sql, []).unwrap(), 1);
    };
    assert_eq!(place.run(&["once"]).code, 0);
    assert!(place.run(&["plan", "--json"]).json().is_empty(), "a new file makes nothing due");
    let before = due.as_millisecond() - 1;
    record(&format!("UPDATE jobs SET cursor = {before} WHERE job = 'spread'"));
    let rows = place.run(&["plan", "--json"]).json();
    assert_eq!((rows.len(), &rows[0]["action"]), (1, &json!("cancel")), "{rows:?}");
    let explained =
        place.run(&["explain", "spread", "--at", rows[0]["occurrence"].as_str().unwrap(), "--json"]);
    let reason = explained.json()[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("it would start at"), "it is still to come: {reason}");
}

#[test]
fn explain_leads_with_what_is_on_record() {
    let due = SystemClock.now() - SignedDuration::from_secs(20);
    let place = Place::new(
        WEEKLY,
        "",
        &[
            ("job", &format!("backups = [\"42\"]\n[schedule]\nat = \"{due}\"\n")),
            ("off", &format!("backups = [\"42\"]\nenabled = false\n[schedule]\nat = \"{due}\"\n")),
        ],
    );
    let explain = |job: &str, at: &str| {
        let row = place.run(&["explain", job, "--at", at, "--json"]).json().remove(0);
        (row["action"].as_str().unwrap().to_owned(), row["reason"].as_str().unwrap().to_owned())
    };
    let at = due.to_string();
    let (action, reason) = explain("job", &at);
    assert_eq!(action, "cancel");
    assert!(
        reason.starts_with("it is past and not on record; by what Zoho has now: it would start"),
        "{reason}"
    );
    let (action, reason) = explain("off", &at);
    assert_eq!((action.as_str(), reason.as_str()), ("skip", "the job is switched off (`enabled = false`)"));
    let shown = place.run(&["explain", "off", "--at", &at]).stdout;
    assert!(shown.contains("If it ran then, it would cancel: it would start at"), "{shown}");

    let done = place.run(&["once", "--since", "1m"]);
    assert_eq!(done.code, 0, "{} {}", done.stdout, done.stderr);
    let (action, reason) = explain("job", &at);
    assert!(action == "cancel" && reason.starts_with("on record: cancelled"), "{action} {reason}");
    let row = place.run(&["explain", "job", "--at", &at, "--json"]).json().remove(0);
    assert_eq!(row["targets"][0]["reason"], row["reason"]);
    let shown = place.run(&["explain", "job", "--at", &at]).stdout;
    assert!(shown.starts_with("job: on record: cancelled"), "{shown}");

    // Several missed occurrences, in one row.
    place.write("jobs/often.toml", "account = \"acme\"\nbackups = [\"7\"]\n[schedule]\nevery = \"1h\"\n");
    place.run(&["once"]);
    let connection = rusqlite::Connection::open(place.path("state/calloff.db")).unwrap();
    let hour = 3_600_000;
    let this_hour = SystemClock.now().as_millisecond() / hour * hour;
    let cursor = this_hour - 6 * hour;
    let set = format!("UPDATE jobs SET cursor = {cursor} WHERE job = 'often'");
    assert_eq!(connection.execute(&set, []).unwrap(), 1);
    drop(connection);
    place.run(&["once"]);
    let hours_ago = |hours: i64| Timestamp::from_millisecond(this_hour - hours * hour).unwrap().to_string();
    let missed = place.history().into_iter().find(|run| run["missed"].is_number()).unwrap();
    assert!(missed["missed"].as_u64().unwrap() >= 5, "{missed}");
    for hours in [1, 3, 5] {
        let (action, reason) = explain("often", &hours_ago(hours));
        assert!(action == "unknown" && reason.starts_with("on record: missed"), "{hours}: {action} {reason}");
    }
    let (_, reason) = explain("often", &hours_ago(6));
    assert!(reason.starts_with("it is past and not on record"), "{reason}");
}

#[test]
fn a_history_that_can_not_be_read_matters_to_those_that_ask_for_it() {
    let (schedule, at) = in_hours(3);
    let zoho = format!(
        "[accounts.acme]\n{WEEKLY}[accounts.acme.faults]\nhistory = [{{ then = \"NO_PERMISSION\", times = 99 }}]\n"
    );
    let guarded = format!("backups = [\"42\"]\n{schedule}[when]\nlast_good_backup_within = \"8d\"\n");
    let plain = format!("backups = [\"42\"]\n{schedule}");
    let place = Place::new(&zoho, "", &[("guarded", &guarded), ("plain", &plain)]);
    let of_plain = place.run(&["plan", "plain", "--json", "--detailed-exitcode"]);
    assert_eq!((of_plain.code, &of_plain.json()[0]["action"]), (2, &json!("cancel")), "{}", of_plain.stderr);
    let of_both = place.run(&["plan", "--json", "--detailed-exitcode"]);
    assert_eq!(of_both.code, 1, "{}", of_both.stderr);
    assert!(of_both.stderr.contains("the history of account `acme`"), "{}", of_both.stderr);
    let at = at.to_string();
    let before = place.requests();
    let explained = place.run(&["explain", "plain", "--at", &at, "--json"]);
    assert_eq!((explained.code, explained.stderr.as_str()), (0, ""));
    assert_eq!(place.requests(), before + 1, "the other job's history is not read");
    assert_eq!(place.run(&["explain", "guarded", "--at", &at, "--json"]).code, 69);
}

#[test]
fn a_missing_secret_of_one_account_leaves_the_others_planned() {
    let zoho = format!("{WEEKLY}[accounts.other]\nclient_id = \"1000.OTHER\"\n");
    let (schedule, at) = in_hours(3);
    let place = Place::new(&zoho, "", &[("good", &format!("backups = [\"42\"]\n{schedule}"))]);
    add_account(&place, "other", "1000.OTHER");
    let text = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    let (ours, other) = text.split_once("[accounts.other]").unwrap();
    let other = other.replace("ACME_SECRET", "NO_SUCH_SECRET");
    place.write("calloff.toml", &format!("{ours}[accounts.other]{other}"));
    place.write("jobs/bad.toml", &format!("account = \"other\"\nbackups = [\"42\"]\n{schedule}"));
    let done = place.run(&["plan", "--json"]);
    let rows: Vec<Value> = done.json();
    assert_eq!(done.code, 1, "{}", done.stderr);
    let bad = rows.iter().find(|row| row["job"] == "bad").unwrap();
    assert!(
        bad["action"] == "unknown" && bad["reason"].as_str().unwrap().contains("NO_SUCH_SECRET"),
        "{bad}"
    );
    assert_eq!(rows.iter().find(|row| row["job"] == "good").unwrap()["action"], "cancel");
    assert_eq!(place.run(&["plan", "bad"]).code, 78, "of those asked for none has its secrets");
    assert_eq!(place.run(&["explain", "bad", "--at", &at.to_string()]).code, 78);
}

#[test]
fn spreads_end_at_the_start_that_the_daemon_has_seen() {
    let (schedule, at) = in_hours(3);
    let spread = format!("backups = [\"42\"]\n{schedule}jitter = \"12h\"\n");
    let place = Place::new(WEEKLY, "", &[("job", &spread)]);
    let fire_at = |args: &[&str], key: &str| -> Timestamp {
        place.run(args).json()[0][key].as_str().unwrap().parse().unwrap()
    };
    let unbounded = fire_at(&["next", "--json"], "fire_at");
    assert_eq!(place.run(&["once"]).code, 0, "it makes the record");
    let connection = rusqlite::Connection::open(place.path("state/calloff.db")).unwrap();
    let start = at + SignedDuration::from_secs(1);
    let sql = format!(
        "INSERT INTO live (account, read_at, backup, status, scheduled_date) VALUES ('acme', {}, '42', 'SCHEDULED', '{}')",
        SystemClock.now().as_millisecond(),
        start.to_zoned(jiff::tz::TimeZone::UTC)
    );
    connection.execute(&sql, []).unwrap();
    let bounded = fire_at(&["next", "--json"], "fire_at");
    assert!(bounded < start && bounded < unbounded, "{bounded} {unbounded}");
    assert_eq!(fire_at(&["status", "--json"], "next"), bounded);
    assert_eq!(fire_at(&["plan", "--json"], "fire_at"), bounded);
}

#[test]
fn a_local_time_that_is_not_one_instant_is_refused_with_both() {
    let berlin = "backups = [\"42\"]\ntimezone = \"Europe/Berlin\"\n[schedule]\ncron = \"0 12 * * *\"\n";
    let place = Place::new(WEEKLY, "", &[("job", berlin)]);
    for (at, both) in [
        ("2027-03-28T02:30:00", ["2027-03-28T01:30:00+01:00", "2027-03-28T03:30:00+02:00"]),
        ("2027-10-31T02:30:00", ["2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00"]),
    ] {
        for args in [&["next", "--at", at][..], &["explain", "job", "--offline", "--at", at]] {
            let done = place.run(args);
            assert_eq!(done.code, 64, "{args:?}");
            assert!(both.iter().all(|one| done.stderr.contains(one)), "{args:?}: {}", done.stderr);
        }
        assert_eq!(place.run(&["next", "--at", both[0]]).code, 0);
    }
}

#[test]
fn what_is_said_when_there_is_nothing_to_ask() {
    let (schedule, at) = in_hours(3);
    let off = format!("backups = [\"42\"]\nenabled = false\n{schedule}");
    let on = format!("backups = \"current\"\n{schedule}");
    let place = Place::new(WEEKLY, "", &[("off", &off), ("on", &on)]);
    let done = place.run(&["plan", "off"]);
    assert!(done.code == 0 && !done.stderr.contains("no job is enabled"), "{}", done.stderr);
    assert!(done.stderr.contains("none of the jobs named is enabled"), "{}", done.stderr);
    let offline = place.run(&["explain", "on", "--at", &at.to_string(), "--offline"]);
    assert!(!offline.stdout.contains("could not be read"), "{}", offline.stdout);
    assert!(offline.stdout.contains("Zoho was not asked"), "{}", offline.stdout);
}
