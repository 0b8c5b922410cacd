//! The contract of the command line: outcomes, exit codes, JSON, and that nothing is sent where something is wrong.

mod support;

use calloff::clock::{Clock as _, SystemClock};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};
use support::program::{Done, Place, SECRET, TOKEN, files, signal};

const LATER: &str = "[schedule]\nat = \"2090-01-01T00:00:00Z\"\n";

/// One backup that answers so.
fn scenario(fault: &str) -> String {
    format!("[[accounts.acme.backups]]\nid = \"42\"\nfaults = [{fault}]\n")
}

/// What a run as JSON has that differs from time to time.
fn without_times(mut run: Value) -> Value {
    for key in ["run_id", "started_at", "finished_at", "occurrence", "lateness_ms"] {
        assert!(run.as_object_mut().expect("a run is an object").remove(key).is_some(), "`{key}` is missing");
    }
    run
}

#[rstest]
#[case::success("\"ok\"", "cancelled", 0, 200)]
#[case::already("\"ALREADY_CANCELLED\"", "already_cancelled", 0, 400)]
#[case::running("\"INPROGRESS\"", "too_late", 1, 400)]
#[case::unknown("\"RESOURCE_NOT_FOUND\"", "not_found", 1, 400)]
#[case::method("\"INVALID_REQUEST_METHOD\"", "rejected", 1, 400)]
#[case::scope("\"OAUTH_SCOPE_MISMATCH\"", "denied", 1, 401)]
#[case::permission("\"NO_PERMISSION\"", "denied", 1, 403)]
#[case::url("\"INVALID_URL_PATTERN\"", "rejected", 1, 404)]
#[case::internal("{ then = \"INTERNAL_ERROR\", times = 99 }", "exhausted", 1, 500)]
fn every_documented_answer_has_its_outcome_exit_code_and_json(
    #[case] fault: &str,
    #[case] outcome: &str,
    #[case] code: i32,
    #[case] status: u16,
) {
    let retry = "[retry]\ninitial_delay = \"1ms\"\nmax_attempts = 2\n";
    let due = SystemClock.now() - SignedDuration::from_secs(5);
    let due = format!("backups = [\"42\"]\n[schedule]\nat = \"{due}\"\n");
    for (args, trigger) in [
        (vec!["cancel", "42", "--account", "acme", "--json"], "manual"),
        (vec!["trigger", "job", "--json"], "manual"),
        (vec!["once", "--since", "30s", "--json"], "schedule"),
    ] {
        let place = Place::new(&scenario(fault), retry, &[("job", &due)]);
        let done = place.run(&args);
        assert_eq!(done.code, code, "{args:?}: {}{}", done.stdout, done.stderr);
        let runs = done.json();
        let run = runs.last().unwrap().clone();
        let word = fault.split('"').nth(1).unwrap();
        let expected_code = if word == "ok" { "SUCCESS" } else { word };
        let target = &run["targets"][0];
        assert_eq!(target["outcome"], outcome);
        assert_eq!(target["code"], expected_code);
        assert_eq!(target["http_status"], status);
        assert_eq!(target["backup"], "42");
        assert_eq!(target["hint"].is_null(), code == 0);
        assert_eq!(run["trigger"], trigger);
        assert_eq!(run["state"], if code == 0 { "succeeded" } else { "failed" });
        assert_eq!(run["account"], "acme");
        assert_eq!(place.history().last(), Some(&run), "history prints what was printed");
    }
}

#[test]
fn help_lists_the_exit_codes() {
    let help = |args: &[&str]| {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_calloff")).args(args).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    let codes = |args: &[&str], wanted: &[&str]| {
        let help = help(args);
        let listed = help.split_once("Exit codes:").map(|(_, codes)| codes.to_owned()).unwrap_or_default();
        assert!(wanted.iter().all(|code| listed.contains(&format!("{code} "))), "{args:?}: {help}");
    };
    codes(&["--help"], &["0", "1", "2", "64", "69", "70", "77", "78"]);
    codes(&["init", "--help"], &["0", "64"]);
    codes(&["doctor", "--help"], &["0", "69", "78"]);
    codes(&["plan", "--help"], &["0", "1", "2", "69", "77", "78"]);
    for command in [
        &["explain"][..],
        &["backup", "show"],
        &["backup", "history"],
        &["auth", "check"],
        &["auth", "exchange"],
    ] {
        codes(&[command, &["--help"]].concat(), &["0", "1", "64", "69", "77", "78"]);
    }
}

#[test]
fn a_run_as_json_has_exactly_the_fields_of_the_contract() {
    let place = Place::new(
        &scenario("\"INTERNAL_ERROR\", \"INTERNAL_ERROR\", \"ok\""),
        "[retry]\ninitial_delay = \"1ms\"\n",
        &[],
    );
    let done = place.run(&["cancel", "42", "--account", "acme", "--json"]);
    let run = done.json().remove(0);
    assert_eq!(
        without_times(run),
        json!({
            "job": "(manual)", "account": "acme", "trigger": "manual", "state": "succeeded",
            "targets": [{
                "backup": "42", "outcome": "cancelled", "verified": true, "attempts": 3, "http_status": 200,
                "code": "SUCCESS", "message": "Backup stopped successfully.", "reason": null, "hint": null,
            }],
        })
    );
}

#[rstest]
#[case::inline_secret("client_secret = \"oh-no-canary\"", &["env", "file", "credential"])]
#[case::unknown_key("color = 1", &["unknown"])]
fn a_wrong_configuration_exits_78_and_nothing_is_sent(#[case] line: &str, #[case] said: &[&str]) {
    let place = Place::new(&scenario(""), "", &[("job", "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n")]);
    let (key, value) = line.split_once(" = ").unwrap();
    place.set_account_key(key, value);
    for args in
        [&["once", "--since", "1h"][..], &["run"], &["trigger", "job"], &["cancel", "42", "-a", "acme"]]
    {
        let done = place.run(args);
        assert_eq!(done.code, 78, "{args:?}: {}", done.stderr);
        assert!(said.iter().all(|word| done.stderr.contains(word)), "{}", done.stderr);
        assert!(!done.stderr.contains("oh-no-canary"), "{}", done.stderr);
    }
    assert_eq!(place.requests(), 0);
}

#[test]
fn what_a_person_sets_off_is_run_though_another_file_is_wrong() {
    let good = "backups = [\"42\"]\n[schedule]\nevery = \"1h\"\n";
    for bad in ["../../x", "12a", ""] {
        let wrong = format!("backups = [\"{bad}\"]\n[schedule]\nevery = \"1h\"\n");
        let place = Place::new(&scenario(""), "", &[("good", good), ("eu/wrong", &wrong)]);
        let refused = place.run(&["trigger", "good", "eu/wrong"]);
        assert_eq!(refused.code, 78, "{}", refused.stderr);
        assert!(
            refused.stderr.contains("`eu/wrong` can't be run: jobs/eu/wrong.toml:2:"),
            "{}",
            refused.stderr
        );
        assert_eq!(place.requests(), 0);
        let done = place.run(&["trigger", "good"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(done.stderr.contains("jobs/eu/wrong.toml:2:"), "{}", done.stderr);
        // A job file doesn't matter to `cancel`.
        assert_eq!(place.run(&["cancel", "42", "-a", "acme"]).code, 0);
    }
}

/// A job for this backup that was due a moment ago.
fn just_due(backup: &str) -> String {
    let at = SystemClock.now() - SignedDuration::from_secs(5);
    format!("backups = [\"{backup}\"]\n[schedule]\nat = \"{at}\"\n")
}

#[test]
fn once_does_without_the_files_that_are_wrong_and_says_so() {
    let wrong = "backups = [\"12a\"]\n";
    let place = Place::new(&scenario(""), "", &[("good", &just_due("42")), ("eu/wrong", wrong)]);
    let done = place.run(&["once", "--since", "1m", "--json"]);
    assert_eq!(done.code, 78, "{}", done.stderr);
    assert!(done.stderr.contains(r#""file":"jobs/eu/wrong.toml","line":2"#), "{}", done.stderr);
    assert!(done.stderr.contains("1 job was left out"), "{}", done.stderr);
    assert_eq!(done.json()[0]["targets"][0]["outcome"], "cancelled");

    // What comes of the runs matters more.
    let place = Place::new(&scenario(""), "", &[("good", &just_due("7")), ("eu/wrong", wrong)]);
    assert_eq!(place.run(&["once", "--since", "1m"]).code, 1);
}

#[test]
fn once_does_without_an_account_whose_secret_is_not_there() {
    let place = Place::new(&scenario(""), "", &[("good", &just_due("42"))]);
    let other = "[accounts.other]\ndata_center = \"eu\"\nclient_id = \"1000.B\"\n\
                 client_secret = { file = \"nowhere\" }\nrefresh_token = { env = \"ACME_TOKEN\" }\n";
    let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    place.write("calloff.toml", &format!("{settings}{other}"));
    place.write("jobs/other.toml", &format!("account = \"other\"\n{}", just_due("42")));
    let done = place.run(&["once", "--since", "1m", "--json"]);
    assert_eq!(done.code, 78, "{}", done.stderr);
    assert!(done.stderr.contains("nowhere"), "{}", done.stderr);
    assert_eq!(place.cancels(), 1, "{}", done.stderr);
}

#[rstest]
#[case(&["cancel", "../../x", "-a", "acme"])]
#[case(&["cancel", "12a", "-a", "acme"])]
#[case(&["cancel", "42"])]
#[case(&["cancel", "42", "-a", "nobody"])]
#[case(&["trigger", "nothing"])]
#[case(&["trigger"])]
#[case(&["next", "nothing"])]
#[case(&["next", "--at", "tomorrow", "job"])]
#[case(&["history", "--outcome", "stopped"])]
#[case(&["nonsense"])]
#[case(&["history", "--job", "nothing"])]
#[case(&["--log-level", "bogus", "next"])]
fn what_can_not_be_meant_exits_64_and_nothing_is_sent(#[case] args: &[&str]) {
    let place = Place::new(&scenario(""), "", &[("job", &format!("backups = [\"42\"]\n{LATER}"))]);
    let done = place.run(args);
    assert_eq!(done.code, 64, "{}", done.stderr);
    assert_eq!((done.stdout.as_str(), place.requests()), ("", 0));
}

#[test]
fn a_command_that_is_stopped_while_reading_back_says_what_it_has_done() {
    let zoho = "[[accounts.acme.backups]]\nid = \"42\"\nsettles_after = \"5m\"\n";
    let place = Place::new(zoho, "", &[]);
    let child = place.start(&["cancel", "42", "-a", "acme", "--json"]);
    // The token, the cancel, and two looks.
    place.wait_until("it reads back", |place| place.requests() >= 4);
    signal(&child, "TERM");
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}", done.stderr);
    let target = &done.json()[0]["targets"][0];
    assert_eq!((&target["outcome"], &target["verified"]), (&json!("cancelled"), &json!(false)));
    assert!(done.stderr.contains("target.outcome"), "{}", done.stderr);
}

#[test]
fn one_warning_names_the_scope_that_a_read_back_lacks_and_the_cancels_are_successes() {
    let zoho = format!("[accounts.acme]\nscopes = [\"ZohoCRM.bulk.backup.UPDATE\"]\n{}", scenario(""));
    let job = format!("backups = [\"42\"]\n{LATER}");
    let place = Place::new(&zoho, "", &[("a", &job), ("b", &job), ("c", &job)]);
    let done = place.run(&["trigger", "a", "b", "c", "--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    for run in done.json() {
        assert_eq!((&run["state"], &run["targets"][0]["verified"]), (&json!("succeeded"), &json!(false)));
        assert!(run["targets"][0]["reason"].as_str().unwrap().contains("OAUTH_SCOPE_MISMATCH"), "{run}");
    }
    let warnings: Vec<&str> =
        done.stderr.lines().filter(|line| line.contains("account.unverifiable")).collect();
    assert_eq!(warnings.len(), 1, "{}", done.stderr);
    assert!(warnings[0].contains("ZohoCRM.bulk.backup.READ"), "{}", warnings[0]);
}

#[test]
fn refused_credentials_exit_77() {
    let refusing = format!(
        "{}[accounts.acme.faults]\ntoken = [{{ then = \"invalid_client\", times = 9 }}]\n",
        scenario("")
    );
    let place = Place::new(&refusing, "", &[]);
    let done = place.run(&["cancel", "42", "-a", "acme", "--json"]);
    assert_eq!(done.code, 77, "{}", done.stderr);
    assert_eq!(done.json()[0]["targets"][0]["code"], "invalid_client");

    let place = Place::new(&scenario("\"INVALID_TOKEN\", \"INVALID_TOKEN\""), "", &[]);
    let done = place.run(&["cancel", "42", "-a", "acme", "--json"]);
    assert_eq!(done.code, 77, "a 401 after one refresh: {}", done.stdout);
}

#[test]
fn a_record_that_can_not_be_opened_exits_69_and_nothing_is_sent() {
    let place = Place::new(&scenario(""), "state = \"sqlite:blocked/calloff.db\"", &[]);
    place.write("blocked", "a file where the folder should be");
    let done = place.run(&["cancel", "42", "-a", "acme"]);
    assert_eq!((done.code, place.requests()), (69, 0), "{}", done.stderr);
}

#[test]
fn two_once_processes_share_one_token_and_run_each_job_once() {
    let due = SystemClock.now() - SignedDuration::from_secs(5);
    let job = format!("backups = [\"42\"]\n[schedule]\nat = \"{due}\"\n");
    let names: Vec<String> = (0..50).map(|n| format!("job-{n}")).collect();
    let jobs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), job.as_str())).collect();
    let place = Place::new(&scenario(""), "", &jobs);
    let children: Vec<_> = (0..2).map(|_| place.start(&["once", "--since", "1m", "--json"])).collect();
    let runs: usize = children
        .into_iter()
        .map(|child| {
            let done = Done::from(child.wait_with_output().unwrap());
            assert_eq!(done.code, 0, "{}", done.stderr);
            done.json().len()
        })
        .sum();
    assert_eq!((place.token_calls(), runs, place.cancels(), place.history().len()), (1, 50, 50, 50));
}

#[test]
fn results_that_nobody_reads_do_not_stop_the_work() {
    let job = format!("backups = [\"42\"]\n{LATER}");
    let place = Place::new(&scenario(""), "", &[("a", &job), ("b", &job)]);
    let mut child = place.start(&["trigger", "a", "b", "--json"]);
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let history = place.history();
    assert_eq!(history.len(), 2);
    assert!(history.iter().all(|run| run["state"] == "succeeded"), "{history:?}");
}

#[test]
fn the_history_says_why_nothing_was_sent() {
    let job = format!("backups = [\"42\", \"43\"]\n{LATER}[when]\nstatus = [\"STOPPED\"]\n");
    let place = Place::new(&scenario(""), "", &[("job", &job)]);
    assert_eq!(place.run(&["trigger", "job"]).code, 0);
    assert_eq!(place.cancels(), 0);
    let line = place.run(&["history"]).stdout;
    let said = "2 skipped: `status` did not hold: wanted STOPPED, found SCHEDULED";
    assert!(line.contains(said), "{line}");
}

#[test]
fn the_first_once_sets_baselines_and_the_next_runs_what_came_due() {
    let place = Place::new(&scenario(""), "", &[("job", "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n")]);
    let done = place.run(&["once", "--json"]);
    assert_eq!((done.code, done.stdout.as_str(), place.requests()), (0, "", 0));
    place.wait_until("a second has passed", |place| !place.run(&["once", "--json"]).stdout.is_empty());
    assert_eq!(place.cancels(), 1);
}

#[test]
fn the_daemon_runs_jobs_and_stops_on_sigterm() {
    let place = Place::new(&scenario(""), "", &[("job", "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n")]);
    let daemon = place.start(&["run"]);
    place.wait_until("two cancels", |place| place.cancels() >= 2);
    let status = place.run(&["status", "--json"]).json();
    assert_eq!(status[0]["job"], "job");
    assert_eq!(status[0]["state"], "armed");
    assert_eq!(status[1]["daemon"]["pid"], daemon.id());
    signal(&daemon, "TERM");
    let done = Done::from(daemon.wait_with_output().unwrap());
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{}", done.stderr);
    let history = place.history();
    assert!(history.iter().filter(|run| run["state"] == "succeeded").count() >= 2, "{history:?}");
    let lines: Vec<Value> = done.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcome = lines.iter().find(|line| line["event"] == "target.outcome").unwrap();
    for key in ["run_id", "job", "account", "backup", "outcome", "attempts", "http_status", "code", "message"]
    {
        assert!(!outcome[key].is_null(), "`{key}` is missing in {outcome}");
    }
    assert_eq!(place.run(&["status", "--json"]).json()[1]["daemon"], Value::Null);
}

#[test]
fn a_pause_is_seen_first_needs_an_end_and_a_reason_and_can_be_ended() {
    let job = format!("backups = [\"42\"]\n{LATER}");
    let place = Place::new(&scenario(""), "", &[("a", &job), ("b", &job)]);
    for args in [
        &["pause", "b", "--for", "2h"][..],
        &["pause", "b", "--reason", "why"],
        &["pause", "b", "--for", "0s", "--reason", "why"],
        &["pause", "c", "--for", "2h", "--reason", "why"],
        &["resume", "c"],
    ] {
        assert_eq!(place.run(args).code, 64, "{args:?}");
    }
    assert_eq!(place.run(&["pause", "b", "--for", "2h", "--reason", "why"]).code, 0);
    let status = place.run(&["status", "--json"]).json();
    assert_eq!(
        (&status[0]["job"], &status[0]["state"], &status[0]["reason"]),
        (&json!("b"), &json!("paused"), &json!("why"))
    );
    assert!(status[0]["paused_until"].is_string());
    assert_eq!(
        (&status[1]["job"], &status[1]["state"], &status[1]["paused_until"]),
        (&json!("a"), &json!("armed"), &Value::Null)
    );
    assert_eq!(place.run(&["resume", "b"]).stdout, "b goes on from now\n");
    assert_eq!(place.run(&["resume", "b"]).stdout, "b was not paused\n");
    assert_eq!(place.run(&["status", "--json"]).json()[0]["job"], "a");
}

#[test]
fn secrets_are_in_no_output_and_in_no_file_but_the_token_cache() {
    let slow = scenario("\"INVALID_TOKEN\", \"unknown-code\"");
    let place = Place::new(&slow, "", &[("job", &format!("backups = [\"42\"]\n{LATER}"))]);
    let mut shown = String::new();
    for args in
        [&["cancel", "42", "-a", "acme"][..], &["trigger", "job"], &["check"], &["status"], &["history"]]
    {
        let args = [args, &["--log-level", "trace=trace,trace"]].concat();
        let done = place.run(&args);
        shown += &(done.stdout + &done.stderr);
    }
    for canary in [SECRET, TOKEN, "1000.sim"] {
        assert!(!shown.contains(canary), "`{canary}` was shown");
        for (path, bytes) in files(place.folder.path()) {
            let cache = path.ends_with("tokens/acme.json") && canary == "1000.sim";
            let holds = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!holds || cache, "`{canary}` stands in {}", path.display());
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::new(&scenario(""), "", &[("job", "backups = [\"42\"]\n[schedule]\nevery = \"1s\"\n")]);
    let mut child = place.start(&["next", "-n", "60000", "--json"]);
    drop(child.stdout.take());
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
}

#[test]
fn whoever_may_not_write_beside_the_record_cancels_nothing() {
    let place = Place::new(&scenario(""), "", &[("job", &format!("backups = [\"42\"]\n{LATER}"))]);
    assert_eq!(place.run(&["once"]).code, 0);
    std::fs::set_permissions(place.path("state"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    for args in [&["cancel", "42", "-a", "acme"][..], &["trigger", "job"], &["once"]] {
        let done = place.run_as_another("state/owners", args);
        assert_eq!((done.code, done.stdout.as_str()), (69, ""), "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains("couldn't use the state folder"), "{args:?}: {}", done.stderr);
    }
    assert_eq!(place.cancels(), 0);
}
