//! What is answered: what the commands say, in the form that is described.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::description::Description;
use crate::place::Served;
use crate::support::web;

/// Each path, with what it is asked for.
fn asked(served: &Served) -> Vec<(&'static str, String)> {
    let mut asked: Vec<(&'static str, String)> = vec![
        ("/api/v1/openapi.json", "/api/v1/openapi.json".to_owned()),
        ("/api/v1/status", "/api/v1/status".to_owned()),
        ("/api/v1/jobs", "/api/v1/jobs".to_owned()),
        ("/api/v1/jobs", "/api/v1/jobs?q=%20HELD&state=armed&account=acme&page=2&per_page=1".to_owned()),
        ("/api/v1/jobs/{job}", "/api/v1/jobs/eu%2Fcaught-up".to_owned()),
        ("/api/v1/accounts", "/api/v1/accounts".to_owned()),
        ("/api/v1/restores", "/api/v1/restores".to_owned()),
        ("/api/v1/history", "/api/v1/history".to_owned()),
        (
            "/api/v1/history",
            "/api/v1/history?job=failing&outcome=not_found&since=2026-01-01T00:00:00Z&limit=1".to_owned(),
        ),
        ("/api/v1/timeline", "/api/v1/timeline?account=acme".to_owned()),
        ("/api/v1/timeline", "/api/v1/timeline?account=closed".to_owned()),
        ("/metrics", "/metrics".to_owned()),
        ("/healthz", "/healthz".to_owned()),
        ("/readyz", "/readyz".to_owned()),
    ];
    let each = |path: &str, key: &str| -> Vec<String> {
        served.items(path).iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    let jobs = each("/api/v1/jobs", "job");
    asked.extend(jobs.iter().map(|job| ("/api/v1/jobs/{job}", format!("/api/v1/jobs/{job}"))));
    let accounts = each("/api/v1/accounts", "account");
    asked.extend(
        accounts.iter().map(|name| ("/api/v1/accounts/{account}", format!("/api/v1/accounts/{name}"))),
    );
    let runs = each("/api/v1/history", "run_id");
    asked.extend(runs.iter().map(|run| ("/api/v1/runs/{run}/calls", format!("/api/v1/runs/{run}/calls"))));
    asked
}

#[test]
fn every_answer_is_as_it_is_described() {
    let (served, description) = (Served::with_everything(""), Description::read());
    let asked = asked(&served);
    let paths: BTreeSet<&str> = asked.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, description.paths().into_iter().collect());
    for (path, url) in &asked {
        let reply = served.get(url);
        assert_eq!(reply.status, 200, "{url}: {reply:?}");
        description.check(path, &reply);
        let head = web::ask(&served.address, "HEAD", url, &[]);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{url}");
        assert_eq!(head.header("content-type"), reply.header("content-type"), "{url}");
        assert!(head.header("content-length").is_some(), "{url}");
    }
    let newer = [("Accept", "application/openmetrics-text; version=1.0.0")];
    let newer = web::ask(&served.address, "GET", "/metrics", &newer);
    description.check("/metrics", &newer);
    assert!(newer.body.ends_with("# EOF\n"));
    assert_eq!(served.get("/api/v1/openapi.json").json(), description.document);

    // There was something of everything.
    let jobs = served.items("/api/v1/jobs");
    let states: BTreeSet<&str> = jobs.iter().map(|job| job["state"].as_str().unwrap()).collect();
    assert_eq!(states, BTreeSet::from(["armed", "paused", "expired", "disabled", "quarantined"]));
    for key in ["held_until", "last_success", "expected_interval_ms", "description", "window", "last", "next"]
    {
        assert!(jobs.iter().any(|job| !job[key].is_null()), "no job has `{key}`");
        assert!(jobs.iter().any(|job| job[key].is_null()), "each job has `{key}`");
    }
    let disabled = jobs.iter().find(|job| job["job"] == "disabled").unwrap();
    assert!(disabled["expected_interval_ms"].is_null(), "an alert would wait for it: {disabled}");
    let runs = served.items("/api/v1/history");
    let of = |key: &str| runs.iter().map(|run| run[key].as_str().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!(of("state"), BTreeSet::from(["succeeded", "skipped", "failed", "missed"]));
    assert_eq!(of("trigger"), BTreeSet::from(["catch_up", "manual", "schedule"]));
    assert!(
        runs.iter().any(|run| run["missed"].is_u64()) && runs.iter().any(|run| run["reason"].is_string())
    );
    let [acme, closed] = &served.items("/api/v1/accounts")[..] else { panic!("two accounts") };
    for (key, value) in acme.as_object().unwrap() {
        assert!(!value.is_null(), "{key}");
    }
    for key in
        ["calls_in_flight", "concurrency", "is_failing", "token_expires_at", "credits_remaining", "backup"]
    {
        assert!(closed[key].is_null(), "{key}");
    }
    assert_eq!(served.items("/api/v1/restores").len(), 1);
    let lane = served.json("/api/v1/timeline?account=acme");
    for (key, value) in lane.as_object().unwrap() {
        let has_some = value.as_array().is_none_or(|items| !items.is_empty());
        assert!(has_some, "{key} is empty: {lane}");
    }
    assert_eq!(lane["frequent"], json!(["often"]));
}

/// The rows of a command, each with only these fields.
fn rows(served: &Served, args: &[&str]) -> Vec<Value> {
    let done = served.place.run(args);
    assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
    done.json()
}

#[test]
fn the_commands_say_the_same() {
    let served = Served::with_everything("");
    // What was done a moment ago may not have been seen yet.
    served
        .place
        .wait_until("the pause is seen", |_| served.json("/api/v1/jobs/paused")["paused_until"].is_string());
    let (status, rest): (Vec<Value>, Vec<Value>) = rows(&served, &["status", "--json"])
        .into_iter()
        .partition(|row| row.get("state").is_some() && row.get("restore_id").is_none());
    assert_eq!(status.len(), 11);
    for row in status {
        let name = row["job"].as_str().unwrap();
        let by_itself = served.json(&format!("/api/v1/jobs/{name}"));
        let listed = served.items("/api/v1/jobs").into_iter().find(|job| job["job"] == name).unwrap();
        for (key, value) in row.as_object().unwrap() {
            assert_eq!((&by_itself[key], &listed[key]), (value, value), "{name} {key}");
        }
        let file = served.place.path(&format!("jobs/{name}.toml"));
        let text = std::fs::read_to_string(file).unwrap();
        let is_in_force = row["state"] != "quarantined";
        assert_eq!(by_itself["file"], if is_in_force { json!(text) } else { Value::Null }, "{name}");
    }
    let [debt, daemon] = &rest[..] else { panic!("{rest:?}") };
    let told = served.json("/api/v1/status");
    assert_eq!(told["daemon"], daemon["daemon"]);
    assert_eq!(told["daemon"]["health"]["state"], "degraded", "a job is quarantined");
    assert_eq!((&told["is_ready"], &told["unready"]), (&json!(true), &json!([])));
    assert_eq!((&told["restores_owed"], &told["accounts"]), (&json!(1), &json!(2)));
    for counted in told["jobs"].as_array().unwrap() {
        let state = counted["state"].as_str().unwrap();
        assert_eq!(counted["count"], served.items(&format!("/api/v1/jobs?state={state}")).len(), "{state}");
    }

    let owed = served.items("/api/v1/restores");
    assert_eq!(owed, std::slice::from_ref(debt));
    assert_eq!(owed, rows(&served, &["restore", "list", "--owed", "--json"]));
    let mut runs = rows(&served, &["history", "--json"]);
    runs.reverse();
    assert_eq!(served.items("/api/v1/history"), runs);
    let failed = rows(&served, &["history", "--json", "--outcome", "not_found"]);
    assert_eq!(served.items("/api/v1/history?outcome=not_found"), failed);
    assert_eq!(failed.len(), 1);
}

#[test]
fn the_calls_of_a_run_are_told_one_by_one() {
    let served = Served::with_everything("");
    let run = served.items("/api/v1/history?job=retried").remove(0);
    let calls = served.items(&format!("/api/v1/runs/{}/calls", run["run_id"].as_str().unwrap()));
    let told: Vec<_> =
        calls.iter().map(|call| (&call["target"], &call["attempt"], &call["http_status"])).collect();
    let wanted = [json!(0), json!(1), json!(2), json!(3), json!(500), json!(200), Value::Null];
    let [zero, one, two, three, failed, done, none] = &wanted;
    assert_eq!(told, [(zero, one, failed), (zero, two, none), (zero, three, done)], "{calls:#?}");
    let skipped = served.items("/api/v1/history?job=skipped").remove(0);
    let calls = served.items(&format!("/api/v1/runs/{}/calls", skipped["run_id"].as_str().unwrap()));
    assert_eq!(calls, Vec::<Value>::new(), "it is on record, and made none");
}

#[test]
fn jobs_are_found_by_what_is_asked_for_and_paged() {
    let served = Served::with_everything("");
    let found = |query: &str| -> BTreeSet<String> {
        let items = served.items(&format!("/api/v1/jobs?{query}"));
        items.iter().map(|job| job["job"].as_str().unwrap().to_owned()).collect()
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let all = found("");
    assert_eq!(all.len(), 11);
    assert_eq!(found("q=EU/"), set(&["eu/caught-up"]));
    assert_eq!(found("q=caught+up+with"), set(&["eu/caught-up"]), "by its description");
    let of_acme: BTreeSet<String> = all.iter().filter(|job| *job != "broken").cloned().collect();
    assert_eq!(found("q=ACME"), of_acme, "by the account, which a broken file does not tell");
    assert_eq!(found("q="), all);
    assert_eq!(found("q=nobody"), set(&[]));
    assert_eq!(found("state=quarantined"), set(&["broken"]));
    assert_eq!(found("account=acme"), of_acme);
    assert_eq!(found("account=closed"), set(&[]));
    assert_eq!(found("account=acme&state=armed&q=l&per_page=1000"), set(&["failing", "held"]));

    let mut paged = vec![];
    for page in 1..=5 {
        let shown = served.json(&format!("/api/v1/jobs?per_page=3&page={page}"));
        assert_eq!(
            (&shown["page"], &shown["pages"], &shown["per_page"], &shown["total"]),
            (&json!(page), &json!(4), &json!(3), &json!(11))
        );
        let items = shown["items"].as_array().unwrap().clone();
        assert_eq!(items.len(), [3, 3, 3, 2, 0][page - 1], "a page beyond the last is empty");
        paged.extend(items);
    }
    assert_eq!(paged, served.items("/api/v1/jobs"));
    assert_eq!(paged[0]["job"], "broken", "what needs a person comes first");
    let none = served.json("/api/v1/jobs?q=nobody");
    assert_eq!((&none["pages"], &none["total"]), (&json!(1), &json!(0)));
}
