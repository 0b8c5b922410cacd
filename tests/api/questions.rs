//! What can't be asked: each is told what is wrong with it, in the form that is described.

use serde_json::Value;

use crate::description::Description;
use crate::place::{Served, later};
use crate::support::web;

fn served() -> Served {
    Served::start(&[("job", &later())], "")
}

/// A path with something that is there in place of each name, and what it has to be asked with.
fn asked(path: &str) -> String {
    let url = path.replace("{job}", "job").replace("{account}", "acme");
    if path.ends_with("/timeline") { format!("{url}?account=acme") } else { url }
}

/// The same with one more parameter.
fn with(path: &str, name: &str, value: &str) -> String {
    let url = asked(path);
    let url = if name == "account" { url.split('?').next().unwrap_or_default().to_owned() } else { url };
    format!("{url}{}{name}={value}", if url.contains('?') { '&' } else { '?' })
}

#[test]
fn a_parameter_has_the_bounds_that_are_described() {
    let (served, description) = (served(), Description::read());
    let refused = |path: &str, url: &str, said: &str| {
        let reply = served.get(url);
        assert_eq!(reply.status, 400, "{url}: {reply:?}");
        description.check(path, &reply);
        assert!(reply.json()["detail"].as_str().unwrap().contains(said), "{url}: {reply:?}");
    };
    let granted = |url: &str| assert_eq!(served.get(url).status, 200, "{url}");
    let mut checked = 0;
    for path in description.paths().into_iter().filter(|path| path.starts_with("/api/")) {
        if !path.contains("{run}") {
            granted(&asked(path));
            refused(path, &with(path, "nonsense", "1"), "nonsense");
        }
        let parameters = description.operation(path)["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            let schema = description.resolve(&parameter["schema"]);
            let [least, most] = ["minimum", "maximum"].map(|bound| schema[bound].as_u64());
            if let (Some(least), Some(most)) = (least, most) {
                granted(&with(path, name, &least.to_string()));
                granted(&with(path, name, &most.to_string()));
                granted(&with(path, name, &schema["default"].to_string()));
                refused(path, &with(path, name, &(least - 1).to_string()), name);
                for wrong in [&(most + 1).to_string(), "-1", "ten", "1.5", "", "99999999999999999999"] {
                    refused(path, &with(path, name, wrong), name);
                }
            } else if let Some(words) = schema["enum"].as_array() {
                for word in words.iter().filter_map(Value::as_str) {
                    granted(&with(path, name, word));
                    refused(path, &with(path, name, &word.to_uppercase()), name);
                }
            } else if schema["format"] == "date-time" {
                granted(&with(path, name, "2026-11-24T00:00:00Z"));
                granted(&with(path, name, "2026-11-24T00:00:00%2B01:00"));
                for wrong in ["2026-11-24T00:00:00+01:00", "2026-11-24T00:00:00", "yesterday", ""] {
                    refused(path, &with(path, name, wrong), name);
                }
            } else if schema["minLength"] == 1 {
                granted(&with(path, name, "acme"));
                refused(path, &with(path, name, ""), name);
            }
            let twice = with(path, name, "1") + &format!("&{name}=1");
            refused(path, &twice, name);
            checked += 1;
        }
    }
    assert_eq!(checked, 10);
    refused("/api/v1/timeline", "/api/v1/timeline", "account");
}

#[test]
fn what_is_not_there_is_said_not_to_be() {
    let (served, description) = (served(), Description::read());
    for (path, url, said) in [
        ("/api/v1/jobs/{job}", "/api/v1/jobs/none", "no job `none`"),
        ("/api/v1/jobs/{job}", "/api/v1/jobs/eu/none", "no job `eu/none`"),
        ("/api/v1/jobs/{job}", "/api/v1/jobs/%ff", ""),
        ("/api/v1/jobs/{job}", "/api/v1/jobs/", "/api/v1/openapi.json"),
        ("/api/v1/accounts/{account}", "/api/v1/accounts/none", "no account `none`"),
        ("/api/v1/timeline", "/api/v1/timeline?account=none", "no account `none`"),
        ("/api/v1/runs/{run}/calls", "/api/v1/runs/x/calls", "no run `x`"),
        (
            "/api/v1/runs/{run}/calls",
            "/api/v1/runs/0197c9d4-0000-7000-8000-000000000001/calls",
            "no run `0197c9d4",
        ),
        // Other paths are answered alike.
        ("/api/v1/jobs/{job}", "/api/v1", "/api/v1/openapi.json"),
        ("/api/v1/jobs/{job}", "/api/v1/", "/api/v1/openapi.json"),
        ("/api/v1/jobs/{job}", "/api/v1/nothing", "/api/v1/openapi.json"),
        ("/api/v1/jobs/{job}", "/api/v1/status/", "/api/v1/openapi.json"),
    ] {
        let reply = served.get(url);
        assert_eq!(reply.status, 404, "{url}: {reply:?}");
        description.check(path, &reply);
        assert!(reply.json()["detail"].as_str().unwrap().contains(said), "{url}: {reply:?}");
    }
    let page = served.get("/api/v2/status");
    assert_eq!((page.status, page.header("content-type")), (404, Some("text/html; charset=utf-8")));
}

#[test]
fn nothing_can_be_changed() {
    let (served, description) = (served(), Description::read());
    let paths = description.paths().into_iter().filter(|path| !path.contains('{'));
    for path in paths.chain(["/", "/jobs/job", "/nothing"]) {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let reply = web::ask(&served.address, method, path, &[("Content-Length", "0")]);
            assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
            let is_api = reply.header("content-type") == Some("application/problem+json");
            assert_eq!(is_api, path.starts_with("/api/"), "{path}");
            assert!(reply.body.contains("nothing can be changed here"), "{reply:?}");
        }
    }
}
