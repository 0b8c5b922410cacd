//! `auth check`: whether credentials are good and allow what the jobs call; and what `check` says of scopes.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::program::{Done, Place, SECRET, TOKEN};

const LATER: &str = "[schedule]\nat = \"2090-01-01T00:00:00Z\"\n";
const WINDOW: &str = "[[windows.w]]\nopens = \"0 18 * * FRI\"\nlasts = \"60h\"\n";

/// A job that restores: it needs all three scopes.
fn restoring() -> String {
    format!("backups = [\"42\"]\n{LATER}[when]\nwindow = \"w\"\n[restore]\n")
}

/// A job that needs nothing but to cancel.
fn cancelling() -> String {
    format!("backups = [\"42\"]\nverify = false\n{LATER}")
}

/// An account whose tokens allow this, with a backup.
fn allowing(scopes: &[&str], more: &str) -> String {
    let scopes: Vec<String> = scopes.iter().map(|scope| format!("ZohoCRM.bulk.backup.{scope}")).collect();
    format!("[accounts.acme]\nscopes = {scopes:?}\n{more}\n[[accounts.acme.backups]]\nid = \"42\"\n")
}

const SILENT: &str = "names_scopes = false";

/// The checks of what credentials are good for, by their words.
fn checks(done: &Done) -> Vec<(String, Value)> {
    let row = |row: Value| (row["check"].as_str().unwrap().to_owned(), row["ok"].clone());
    let rows = done.json().into_iter().map(row);
    rows.filter(|(check, _)| !["data_center", "organisation"].contains(&check.as_str())).collect()
}

/// One check of where they lead.
fn check_of(done: &Done, check: &str) -> (Value, String) {
    let row = done.json().into_iter().find(|row| row["check"] == check).unwrap();
    (row["ok"].clone(), row["detail"].as_str().unwrap().to_owned())
}

fn oks(done: &Done) -> Vec<Value> {
    checks(done).into_iter().map(|(_, ok)| ok).collect()
}

/// How often Zoho was asked to schedule a backup, or to stop one that there is.
fn changes(place: &Place) -> usize {
    let world = place.zoho.world().lock();
    let is_change = |path: &str, method: &str| match method {
        "PUT" => !path.contains("/backup/0/"),
        "POST" => path != "/oauth/v2/token",
        _ => false,
    };
    world.seen().filter(|seen| is_change(&seen.path, seen.method.as_str())).count()
}

#[rstest]
#[case::all(&["ALL"], "", json!([true, true, true, true]), 0)]
#[case::each(&["READ", "UPDATE", "CREATE"], "", json!([true, true, true, true]), 0)]
#[case::no_create(&["READ", "UPDATE"], "", json!([true, true, true, false]), 1)]
#[case::no_update(&["READ", "CREATE"], "", json!([true, true, false, true]), 1)]
#[case::no_read(&["UPDATE", "CREATE"], "", json!([true, false, true, true]), 1)]
#[case::silent(&["READ", "UPDATE"], SILENT, json!([true, true, true, null]), 0)]
#[case::silent_without_update(&["READ", "CREATE"], SILENT, json!([true, true, false, null]), 1)]
#[case::silent_without_read(&["UPDATE"], SILENT, json!([true, false, true, null]), 1)]
fn each_scope_that_jobs_need_is_checked_and_nothing_is_changed(
    #[case] scopes: &[&str],
    #[case] more: &str,
    #[case] ok: Value,
    #[case] code: i32,
) {
    let place = Place::new(&allowing(scopes, more), WINDOW, &[("a", &cancelling()), ("b", &restoring())]);
    // The second time the token comes from the cache.
    for _ in 0..2 {
        let done = place.run(&["auth", "check", "--json"]);
        assert_eq!(done.code, code, "{}{}", done.stdout, done.stderr);
        let words: Vec<String> = checks(&done).into_iter().map(|(check, _)| check).collect();
        assert_eq!(words, ["token", "read", "update", "create"]);
        assert_eq!(Value::from(oks(&done)), ok, "{}", done.stdout);
        let all = "generate a refresh token with ZohoCRM.bulk.backup.READ, .UPDATE and .CREATE";
        assert_eq!(done.stderr.contains(all), code == 1, "{}", done.stderr);
    }
    assert_eq!((place.token_calls(), changes(&place)), (1, 0));
}

#[test]
fn a_check_names_what_the_scope_is_for_and_the_first_job_that_needs_it() {
    let place = Place::new(
        &allowing(&["READ", "UPDATE"], SILENT),
        WINDOW,
        &[("a", &cancelling()), ("b", &restoring())],
    );
    let done = place.run(&["auth", "check"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
    let lines: Vec<Vec<&str>> =
        done.stdout.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let starts = [
        "acme token ok the token",
        "acme read ok ZohoCRM.bulk.backup.READ for `[restore]` in job `b`",
        "acme update ok ZohoCRM.bulk.backup.UPDATE for the cancel in job `a`",
        "acme create can't be told ZohoCRM.bulk.backup.CREATE for `[restore]` in job `b`: Zoho does not name",
        "acme data_center ok the API is at http://127.0.0.1:",
        "acme organisation ok acme, ID 4876876000000020005, Etc/UTC, enterprise",
    ];
    assert_eq!(lines.len(), starts.len(), "{}", done.stdout);
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.join(" ").starts_with(start), "`{start}`: {}", done.stdout);
    }
    let row = &place.run(&["auth", "check", "--json"]).json()[1];
    let detail = "ZohoCRM.bulk.backup.READ for `[restore]` in job `b`";
    assert_eq!(*row, json!({ "account": "acme", "check": "read", "ok": true, "detail": detail }));
}

#[test]
fn what_no_job_needs_is_not_missed() {
    let place = Place::new(&allowing(&["UPDATE"], ""), "", &[("job", &cancelling())]);
    let done = place.run(&["auth", "check", "--json"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert_eq!(checks(&done), [("token".to_owned(), json!(true)), ("update".to_owned(), json!(true))]);
}

#[test]
fn a_token_from_the_cache_of_an_older_version_names_no_scopes() {
    let place = Place::new(&allowing(&["ALL"], ""), WINDOW, &[("job", &restoring())]);
    assert_eq!(oks(&place.run(&["auth", "check", "--json"])).last(), Some(&json!(true)));
    let cache = std::fs::read_to_string(place.path("state/tokens/acme.json")).unwrap();
    let mut cache: Value = serde_json::from_str(&cache).unwrap();
    for later in ["scopes", "api_domain"] {
        assert!(cache.as_object_mut().unwrap().remove(later).unwrap().is_string());
    }
    place.write("state/tokens/acme.json", &cache.to_string());
    let done = place.run(&["auth", "check", "--json"]);
    assert_eq!((done.code, oks(&done)), (0, vec![json!(true), json!(true), json!(true), Value::Null]));
    assert_eq!(check_of(&done, "data_center").0, Value::Null);
    assert_eq!(place.token_calls(), 1);
}

#[test]
fn another_data_centre_than_the_configured_one_is_a_failure_with_a_hint() {
    let named = "api_domain = \"https://www.zohoapis.com\"";
    let place = Place::new(&allowing(&["ALL"], named), "", &[("job", &cancelling())]);
    // The second time it is known from the cache.
    for _ in 0..2 {
        let done = place.run(&["auth", "check", "--json"]);
        assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
        let (ok, detail) = check_of(&done, "data_center");
        assert_eq!(ok, json!(false));
        assert!(detail.contains("Zoho names https://www.zohoapis.com"), "{detail}");
        assert!(done.stderr.contains("set `data_center`"), "{}", done.stderr);
    }
    assert_eq!(place.token_calls(), 1);
}

#[rstest]
#[case::scope("\"OAUTH_SCOPE_MISMATCH\"", "ZohoCRM.org.READ")]
#[case::permission("\"NO_PERMISSION\"", "NO_PERMISSION")]
#[case::broken("\"html-502\"", "nothing needs it")]
#[case::dropped("\"drop\"", "nothing needs it")]
#[case::garbage("\"garbage\"", "nothing needs it")]
fn an_organisation_that_may_not_be_read_is_no_failure(#[case] fault: &str, #[case] said: &str) {
    let scenario = format!("{}[accounts.acme.faults]\norg = [{fault}]\n", allowing(&["ALL"], ""));
    let place = Place::new(&scenario, "", &[("job", &cancelling())]);
    let done = place.run(&["auth", "check", "--json"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
    let (ok, detail) = check_of(&done, "organisation");
    assert_eq!(ok, Value::Null);
    assert!(detail.contains(said), "{detail}");
}

#[test]
fn the_organisation_is_shown_and_a_time_zone_that_is_not_its_own_told() {
    let org =
        "[accounts.acme.org]\ncompany_name = \"Acme\"\ntime_zone = \"Europe/Berlin\"\nedition = \"free\"\n";
    let place = Place::new(&format!("{}{org}", allowing(&["ALL"], "")), "", &[("job", &cancelling())]);
    for (zone, is_other) in [("Europe/Berlin", false), ("Asia/Tokyo", true)] {
        place.set_account_key("timezone", &format!("\"{zone}\""));
        let done = place.run(&["auth", "check", "--json"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let detail = "Acme, ID 4876876000000020005, Europe/Berlin, free".to_owned();
        assert_eq!(check_of(&done, "organisation"), (json!(true), detail));
        assert_eq!(done.stderr.contains("set `timezone = \"Europe/Berlin\"`"), is_other, "{}", done.stderr);
    }
    assert_eq!(changes(&place), 0);
}

#[rstest]
#[case::credentials("token", "{ then = \"invalid_client\", times = 9 }", 77, json!(false), "client_id")]
#[case::tokens("get", "{ then = \"INVALID_TOKEN\", times = 9 }", 77, json!(false), "data_center")]
#[case::unreachable("get", "{ then = \"503\", retry_after = \"60s\" }", 69, Value::Null, "")]
#[case::throttled("token", "\"throttled\"", 69, Value::Null, "")]
#[case::profile("get", "\"NO_PERMISSION\"", 1, json!(false), "Administrator")]
#[case::version("get", "\"INVALID_URL_PATTERN\"", 1, json!(false), "api_version")]
fn what_keeps_the_scopes_from_being_tested_has_its_exit_code_and_hint(
    #[case] endpoint: &str,
    #[case] fault: &str,
    #[case] code: i32,
    #[case] token: Value,
    #[case] hint: &str,
) {
    let scenario = format!("{}[accounts.acme.faults]\n{endpoint} = [{fault}]\n", allowing(&["ALL"], ""));
    let place = Place::new(&scenario, "", &[("job", &cancelling())]);
    let done = place.run(&["auth", "check", "--json"]);
    assert_eq!(done.code, code, "{}{}", done.stdout, done.stderr);
    assert_eq!(oks(&done), [token, Value::Null], "{}", done.stdout);
    let notices: Vec<&str> = done.stderr.lines().filter(|line| line.starts_with("note")).collect();
    assert_eq!(notices.len(), usize::from(!hint.is_empty()), "{}", done.stderr);
    assert!(notices.iter().all(|notice| notice.contains(hint)), "{}", done.stderr);
    for canary in [SECRET, TOKEN, "1000.sim"] {
        assert!(!(done.stdout.clone() + &done.stderr).contains(canary), "`{canary}` was shown");
    }
}

/// Two accounts at the same Zoho; jobs are of `acme` only.
fn two_accounts(jobs: &[(&str, &str)]) -> Place {
    let other = "client_id = \"1000.OTHER\"\nrefresh_token = \"1000.other\"\n";
    let scenario = format!("{}[accounts.other]\n{other}", allowing(&["ALL"], "client_id = \"1000.CLIENT\""));
    let place = Place::new(&scenario, "", jobs);
    let url = place.zoho.url();
    let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    let other = format!(
        "[accounts.other]\napi_domain = \"{url}\"\naccounts_url = \"{url}\"\nclient_id = \"1000.OTHER\"\n\
         client_secret = {{ env = \"ACME_SECRET\" }}\nrefresh_token = {{ env = \"ACME_TOKEN\" }}\n"
    );
    place.write("calloff.toml", &(settings + &other));
    place
}

#[test]
fn the_accounts_of_jobs_are_checked_or_all_if_there_is_no_job_or_the_one_that_is_named() {
    let accounts = |done: &Done| {
        let mut names: Vec<String> =
            done.json().iter().map(|row| row["account"].as_str().unwrap().to_owned()).collect();
        names.dedup();
        names
    };
    let place = two_accounts(&[("job", &cancelling())]);
    let done = place.run(&["auth", "check", "--json"]);
    assert_eq!((done.code, accounts(&done)), (0, vec!["acme".to_owned()]), "{}", done.stdout);
    // The other one's refresh token is wrong.
    let done = place.run(&["auth", "check", "--json", "--account", "other"]);
    assert_eq!((done.code, accounts(&done)), (77, vec!["other".to_owned()]), "{}", done.stdout);
    let done = place.run(&["auth", "check", "--account", "acmee"]);
    assert_eq!((done.code, done.stdout.as_str()), (64, ""));
    assert!(done.stderr.contains("did you mean `acme`?"), "{}", done.stderr);

    let place = two_accounts(&[]);
    let done = place.run(&["auth", "check", "--json"]);
    assert_eq!(
        (done.code, accounts(&done)),
        (77, vec!["acme".to_owned(), "other".to_owned()]),
        "{}",
        done.stdout
    );
    let read = &done.json()[1];
    assert_eq!(
        (&read["check"], &read["ok"]),
        (&json!("read"), &json!(true)),
        "without a job, what commands need"
    );
}

#[test]
fn a_wrong_job_or_a_secret_that_is_not_there_exits_78_and_nothing_is_sent() {
    let place = Place::new(&allowing(&["ALL"], ""), "", &[("wrong", "backups = [\"12a\"]\n")]);
    assert_eq!(place.run(&["auth", "check"]).code, 78);
    let place = Place::new(&allowing(&["ALL"], ""), "", &[]);
    place.set_account_key("client_secret", "{ env = \"NOT_SET\" }");
    assert_eq!((place.run(&["auth", "check"]).code, place.requests()), (78, 0));
}

#[test]
fn check_names_the_scopes_of_an_account_that_is_to_be_restored() {
    let said = "account `acme` needs the scopes ZohoCRM.bulk.backup.READ, .UPDATE and .CREATE (`[restore]` in job `b`)";
    let wrong = ("wrong", "backups = [\"12a\"]\n");
    let place =
        Place::new(&allowing(&["ALL"], ""), WINDOW, &[("a", &cancelling()), ("b", &restoring()), wrong]);
    assert!(place.run(&["check"]).stderr.contains(said), "{}", place.run(&["check"]).stderr);
    for format in ["json", "github"] {
        assert!(!place.run(&["check", "--format", format]).stderr.contains("scopes"));
    }
    let place = Place::new(&allowing(&["ALL"], ""), WINDOW, &[("a", &cancelling())]);
    assert!(!place.run(&["check"]).stderr.contains("scopes"));
    assert_eq!(place.requests(), 0);
}
