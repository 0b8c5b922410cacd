//! Zoho's own view of an account, for people and for programs: `backup show`, `history` and `schedule`.

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::program::{Place, SECRET, TOKEN};

const WEEKLY: &str = r#"
[accounts.acme]
utc_offset = "+01:00"
[[accounts.acme.backups]]
id = "42"
rrule = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA"
scheduled_date = "2090-01-07T02:00:00+01:00"
start_date = "2026-01-03T02:00:00+01:00"
"#;

/// An account whose history has so many rows, an hour apart; the oldest comes first in the scenario.
fn with_history(rows: u32) -> String {
    let row = |hours| format!("[[accounts.acme.history]]\nlog_time = \"-{hours}h\"\n");
    format!("[accounts.acme]\n{}", (1..=rows).rev().map(row).collect::<String>())
}

#[test]
fn the_current_backup_is_shown() {
    let place = Place::new(WEEKLY, "", &[]);
    let done = place.run(&["backup", "show", "--account", "acme", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let want = json!({
        "account": "acme", "backup": "42", "status": "SCHEDULED",
        "rrule": "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA", "scheduled_date": "2090-01-07T01:00:00Z",
        "start_date": "2026-01-03T01:00:00Z", "requester": "Ada Admin",
    });
    assert_eq!(done.json(), [want]);

    let done = place.run(&["backup", "show", "-a", "acme"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    for said in
        ["SCHEDULED", "2090-01-07 02:00:00+01:00, 2090-01-07 01:00:00Z, in ", "BYDAY=SA", "Ada Admin", "42"]
    {
        assert!(done.stdout.contains(said), "`{said}` is missing: {}", done.stdout);
    }
}

#[test]
fn that_there_is_no_backup_is_no_failure() {
    let place = Place::new("[accounts.acme]\n", "", &[]);
    let done = place.run(&["backup", "show", "-a", "acme"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "account `acme` has no backup\n"), "{}", done.stderr);
    let done = place.run(&["backup", "show", "-a", "acme", "--json"]);
    let want = json!({
        "account": "acme", "backup": null, "status": null, "rrule": null, "scheduled_date": null,
        "start_date": null, "requester": null,
    });
    assert_eq!((done.code, done.json()), (0, vec![want]));

    let done = place.run(&["backup", "history", "-a", "acme"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{}", done.stderr);
    assert!(done.stderr.contains("no history"), "{}", done.stderr);
    assert_eq!(place.run(&["backup", "history", "-a", "acme", "--json"]).stdout, "");
}

#[test]
fn a_cancel_is_the_newest_row_of_the_history() {
    let place = Place::new(
        &format!("{WEEKLY}\n[[accounts.acme.history]]\nlog_time = \"2026-01-03T02:00:00+01:00\"\n"),
        "",
        &[],
    );
    assert_eq!(place.run(&["cancel", "42", "-a", "acme"]).code, 0);
    let rows = place.run(&["backup", "history", "-a", "acme", "--json"]).json();
    let keys: Vec<&str> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["account", "action", "done_by", "id", "log_time", "repeat_type", "state"]);
    assert_eq!((&rows[0]["action"], &rows[0]["repeat_type"]), (&json!("stopped"), &json!("weekly")));
    assert_eq!((&rows[0]["state"], &rows[0]["done_by"]), (&Value::Null, &json!("Ada Admin")));

    let done = place.run(&["backup", "history", "-a", "acme"]);
    assert!(done.stdout.contains("row IDs are not backup IDs"), "{}", done.stdout);
    assert!(done.stdout.lines().nth(1).unwrap().contains("stopped"), "{}", done.stdout);
}

#[test]
fn all_pages_of_the_history_are_read_and_a_person_is_shown_the_newest_50_rows() {
    let place = Place::new(&with_history(450), "", &[]);
    let all = place.run(&["backup", "history", "-a", "acme", "--json"]).json();
    let times: Vec<&str> = all.iter().map(|row| row["log_time"].as_str().unwrap()).collect();
    assert_eq!(times.len(), 450);
    assert!(times.is_sorted_by(|a, b| a > b), "newest first: {times:?}");
    let newest = place.run(&["backup", "history", "-a", "acme", "--json", "--limit", "2"]).json();
    assert_eq!(newest, all[..2]);

    let rows = |args: &[&str]| {
        let done = place.run(args);
        (done.stdout.lines().filter(|line| line.contains("initiated")).count(), done.stderr)
    };
    let (shown, notice) = rows(&["backup", "history", "-a", "acme"]);
    assert_eq!(shown, 50);
    assert!(notice.contains("the newest 50 of 450 rows"), "{notice}");
    assert_eq!(rows(&["backup", "history", "-a", "acme", "--limit", "1000"]), (450, String::new()));
}

#[test]
fn a_history_that_is_too_long_to_be_read_whole_says_so() {
    let place = Place::new(&with_history(2001), "", &[]);
    let done = place.run(&["backup", "history", "-a", "acme", "--json"]);
    assert_eq!((done.code, done.json().len()), (0, 2000));
    assert!(done.stderr.contains("rows are missing"), "{}", done.stderr);
}

#[rstest]
#[case::unreachable("get", "{ then = \"503\", retry_after = \"60s\" }", 69, None)]
#[case::credentials("token", "\"invalid_client\"", 77, Some("client_id"))]
#[case::scope("get", "\"OAUTH_SCOPE_MISMATCH\"", 1, Some("ZohoCRM.bulk.backup.READ"))]
#[case::profile("get", "\"NO_PERMISSION\"", 1, Some("Administrator"))]
#[case::rejected("get", "\"INVALID_URL_PATTERN\"", 1, Some("api_version"))]
fn what_can_not_be_read_has_its_exit_code_and_hint(
    #[case] endpoint: &str,
    #[case] fault: &str,
    #[case] code: i32,
    #[case] hint: Option<&str>,
) {
    for (command, endpoint) in [("show", endpoint), ("history", endpoint.replace("get", "history").as_str())]
    {
        let place = Place::new(&format!("{WEEKLY}[accounts.acme.faults]\n{endpoint} = [{fault}]\n"), "", &[]);
        let done = place.run(&["backup", command, "-a", "acme", "--json"]);
        assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{command}: {}", done.stderr);
        assert!(done.stderr.contains("account `acme` could not be read"), "{command}: {}", done.stderr);
        match hint {
            Some(hint) => assert!(done.stderr.contains(hint), "{command}: {}", done.stderr),
            None => assert_eq!(done.stderr.lines().count(), 1, "{command}: {}", done.stderr),
        }
    }
}

#[test]
fn neither_job_files_nor_the_secrets_of_others_are_needed() {
    let others = "[accounts.other]\ndata_center = \"eu\"\nclient_id = \"x\"\nclient_secret = { env = \"NOT_SET\" }\n\
                  refresh_token = { env = \"NOT_SET\" }\n";
    let place = Place::new(WEEKLY, others, &[("wrong", "backups = [\"12a\"]\n")]);
    for command in ["show", "history"] {
        assert_eq!(place.run(&["backup", command, "-a", "acme"]).code, 0);
        assert_eq!(place.run(&["backup", command, "-a", "other"]).code, 78);
    }
}

#[test]
fn an_account_that_does_not_exist_exits_64_with_the_one_that_may_have_been_meant() {
    let place = Place::new(WEEKLY, "", &[]);
    for command in [&["backup", "show"][..], &["backup", "history"], &["cancel", "42"]] {
        let done = place.run(&[command, &["-a", "acmee"]].concat());
        assert_eq!(done.code, 64, "{}", done.stderr);
        assert!(done.stderr.contains("did you mean `acme`?"), "{}", done.stderr);
        let done = place.run(&[command, &["-a", "nobody"]].concat());
        assert!(done.stderr.contains("it has: acme"), "{}", done.stderr);
    }
    assert_eq!(place.run(&["backup"]).code, 64);
    assert_eq!(place.requests(), 0);
}

#[test]
fn what_zoho_echoes_is_redacted_before_it_is_shown() {
    let scenario = format!(
        "[[accounts.acme.backups]]\nid = \"42\"\nshows_as = \"{SECRET}\"\nrequester = {{ name = \"{TOKEN} \\u001b[31mx\" }}\n\
         [[accounts.acme.history]]\nlog_time = \"-1h\"\naction = \"{SECRET}\"\nstate = \"1000.sim.acme.1\"\n\
         repeat_type = \"a\\u0007b\"\n"
    );
    let place = Place::new(&scenario, "", &[]);
    let mut shown = String::new();
    for args in [&["backup", "show", "-a", "acme"][..], &["backup", "history", "-a", "acme"]] {
        for form in [&[][..], &["--json"]] {
            let done = place.run(&[args, form].concat());
            assert_eq!(done.code, 0, "{}", done.stderr);
            assert!(done.stdout.contains("[redacted]"), "{}", done.stdout);
            shown += &(done.stdout + &done.stderr);
        }
    }
    for canary in [SECRET, TOKEN, "1000.sim", "\u{1b}", "\u{7}", "\\u001b", "\\u0007"] {
        assert!(!shown.contains(canary), "{canary:?} was shown: {shown}");
    }
}

#[test]
fn a_schedule_is_made_once_and_another_one_is_not_overwritten() {
    const RULE: &str = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TU";
    let place = Place::new("[accounts.acme]\n", "", &[]);
    let schedule = |rule: &str| place.run(&["backup", "schedule", "-a", "acme", "--json", "--rrule", rule]);
    let made = schedule(RULE);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let row = &made.json()[0];
    assert_eq!(
        (&row["account"], &row["rrule"], &row["was_there"]),
        (&json!("acme"), &json!(RULE), &json!(false))
    );
    let again = schedule("FREQ=WEEKLY;BYDAY=TU");
    assert_eq!((again.code, &again.json()[0]["was_there"]), (0, &json!(true)));
    assert_eq!(again.json()[0]["backup"], row["backup"]);
    let other = schedule("RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=5");
    assert_eq!((other.code, other.stdout.as_str()), (1, ""));
    assert!(
        other.stderr.contains("not overwritten") && other.stderr.contains("one schedule at a time"),
        "{}",
        other.stderr
    );
    let shown = place.run(&["backup", "show", "-a", "acme", "--json"]).json().remove(0);
    assert_eq!((&shown["backup"], &shown["rrule"]), (&row["backup"], &json!(RULE)));
}

#[test]
fn a_backup_that_is_made_now_is_asked_for_once() {
    let place = Place::new("[accounts.acme]\n", "", &[]);
    let done = place.run(&["backup", "schedule", "-a", "acme", "--now"]);
    assert!(
        done.code == 0 && done.stdout.starts_with("a backup of acme has begun"),
        "{}{}",
        done.stdout,
        done.stderr
    );
    let lost = Place::new("[accounts.acme.faults]\nschedule = [\"drop-after\"]\n", "", &[]);
    let done = lost.run(&["backup", "schedule", "-a", "acme", "--now"]);
    assert_eq!(done.code, 69);
    assert!(done.stderr.contains("calloff backup show"), "{}", done.stderr);
    let posts = |place: &Place| {
        let world = place.zoho.world().lock();
        world.seen().filter(|seen| seen.method == "POST" && seen.path.ends_with("/backup")).count()
    };
    assert_eq!(posts(&lost), 1);
}

#[rstest]
#[case("schedule = [\"LIMIT_EXCEEDED\"]", 1, "buy one")]
#[case("schedule = [\"INVALID_DATA\"]", 1, "FREQ is WEEKLY or MONTHLY")]
#[case("schedule = [\"OAUTH_SCOPE_MISMATCH\"]", 1, "ZohoCRM.bulk.backup.CREATE")]
#[case("token = [\"invalid_code\"]", 77, "refresh token")]
#[case("get = [{ then = \"503\", times = 9 }]", 69, "503")]
fn a_schedule_that_is_refused_says_what_to_do(#[case] fault: &str, #[case] code: i32, #[case] said: &str) {
    let place = Place::new(&format!("[accounts.acme.faults]\n{fault}\n"), "", &[]);
    let done = place.run(&["backup", "schedule", "-a", "acme", "--rrule", "RRULE:FREQ=WEEKLY;INTERVAL=1"]);
    assert_eq!(done.code, code, "{}", done.stderr);
    assert!(done.stderr.contains(said), "{}", done.stderr);
}

#[test]
fn what_is_to_be_scheduled_has_to_be_said() {
    let place = Place::new("[accounts.acme]\n", "", &[]);
    for args in [
        &["backup", "schedule", "-a", "acme"][..],
        &["backup", "schedule", "-a", "acme", "--now", "--rrule", "x"],
    ] {
        assert_eq!(place.run(args).code, 64, "{args:?}");
    }
    assert_eq!(place.requests(), 0);
}
