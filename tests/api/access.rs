//! Who may see what.

use std::io::Write as _;

use crate::description::Description;
use crate::place::{HTTP_TOKEN, NEEDS_TOKEN, Served, later};
use crate::support::program::{SECRET, TOKEN};
use crate::support::web::{self, Reply};

/// What has to be with every answer.
fn assert_guarded(reply: &Reply) {
    let policy = reply.header("content-security-policy").unwrap_or_default();
    for part in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{reply:?}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{reply:?}");
    }
    let cached = reply.header("cache-control");
    assert!(cached == Some("no-store") || cached == Some("private, max-age=86400"), "{reply:?}");
    // No other origin is let in.
    assert_eq!(reply.header("access-control-allow-origin"), None);
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn every_answer_has_the_headers_that_guard_it() {
    let served = Served::start(&[("job", &later())], "");
    for (method, path, host, status) in [
        ("GET", "/", None, 200),
        ("HEAD", "/", None, 200),
        ("GET", "/jobs/job", None, 200),
        ("GET", "/api/v1/status", None, 200),
        ("GET", "/metrics", None, 200),
        ("GET", "/healthz", None, 200),
        ("GET", "/readyz", None, 200),
        ("GET", "/assets/calloff.css", None, 200),
        ("GET", "/api/v1/jobs?page=0", None, 400),
        ("GET", "/api/v1/nothing", None, 404),
        ("GET", "/nothing", None, 404),
        ("GET", "/jobs/nothing", None, 404),
        ("GET", "/assets/nothing", None, 404),
        ("POST", "/", None, 405),
        ("DELETE", "/api/v1/jobs/job", None, 405),
        ("GET", "/", Some("evil.example"), 421),
        ("GET", "/api/v1/status", Some("evil.example"), 421),
    ] {
        let host = host.unwrap_or(&served.address);
        let reply = web::ask(&served.address, method, path, &[("Host", host)]);
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        assert_guarded(&reply);
    }
}

#[test]
fn only_names_of_its_own_lead_here() {
    let served = Served::start(&[("job", &later())], "hosts = [\"calloff.example.com\"]");
    let description = Description::read();
    let port = served.address.rsplit_once(':').unwrap().1;
    for (host, status) in [
        (served.address.clone(), 200),
        (format!("localhost:{port}"), 200),
        ("calloff.example.com".to_owned(), 200),
        ("Calloff.Example.com:443".to_owned(), 200),
        ("evil.example".to_owned(), 421),
        (format!("evil.example:{port}"), 421),
        ("calloff.example.com.evil.example".to_owned(), 421),
        (String::new(), 421),
    ] {
        for path in
            description.paths().into_iter().filter(|path| !path.contains('{')).chain(["/", "/nothing"])
        {
            let url = path.replace("/timeline", "/timeline?account=acme");
            let reply = web::ask(&served.address, "GET", &url, &[("Host", &host)]);
            let wanted = if status == 200 && path == "/nothing" { 404 } else { status };
            assert_eq!(reply.status, wanted, "{host} {path}: {reply:?}");
            if path != "/" && path != "/nothing" {
                description.check(path, &reply);
            }
        }
    }
    // What older clients send has none.
    let mut stream = web::connect(&served.address);
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(web::read(&mut stream).status, 421);
}

#[test]
fn whoever_has_no_token_sees_nothing() {
    let served = Served::start(&[("job", &later())], NEEDS_TOKEN);
    let description = Description::read();
    let ask = |path: &str, authorization: Option<&str>| {
        let headers = authorization.map(|value| ("Authorization", value));
        web::ask(&served.address, "GET", path, headers.as_slice())
    };
    let right = bearer(HTTP_TOKEN);
    let paths = description.paths().into_iter().map(|path| path.replace("{job}", "job"));
    let paths =
        paths.map(|path| path.replace("{account}", "acme").replace("/timeline", "/timeline?account=acme"));
    let paths: Vec<String> = paths.filter(|path| !path.contains("{run}")).collect();
    let pages = ["/", "/jobs/job", "/accounts/acme", "/assets/calloff.js", "/nothing"].map(str::to_owned);
    for path in paths.iter().chain(&pages) {
        let is_open = path == "/healthz" || path == "/readyz";
        for wrong in [
            None,
            Some("Bearer x"),
            Some("Bearer "),
            Some("Basic Og=="),
            Some(HTTP_TOKEN),
            Some(&right[..right.len() - 1]),
            Some("Bearer canary-http-token-01234567890"),
            Some("Digest canary-http-token-0123456789"),
        ] {
            let reply = ask(path, wrong);
            assert_guarded(&reply);
            if is_open {
                assert_eq!(reply.status, 200, "{path} {wrong:?}");
                continue;
            }
            assert_eq!(reply.status, 401, "{path} {wrong:?}: {reply:?}");
            assert!(reply.header("www-authenticate").unwrap().starts_with("Basic realm="), "{reply:?}");
            let described = path.split('?').next().unwrap_or_default();
            if description.paths().contains(&described) {
                description.check(described, &reply);
            }
        }
        for right in [
            &right,
            "bearer canary-http-token-0123456789",
            "Basic bWU6Y2FuYXJ5LWh0dHAtdG9rZW4tMDEyMzQ1Njc4OQ==",
        ] {
            let reply = ask(path, Some(right));
            assert_eq!(reply.status, if path == "/nothing" { 404 } else { 200 }, "{path} {right}: {reply:?}");
        }
    }
    // A token opens no door of another host, and to change something takes one, too.
    let elsewhere = [("Authorization", right.as_str()), ("Host", "evil.example")];
    assert_eq!(web::ask(&served.address, "GET", "/", &elsewhere).status, 421);
    assert_eq!(web::ask(&served.address, "POST", "/", &[]).status, 401);
}

#[test]
fn whatever_is_shown_is_text() {
    const HOSTILE: &str = "</td><script>alert(1)</script><img src=x onerror=alert(2)>\"'&";
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    let job =
        format!("description = {quoted}\nbackups = [\"44\"]\n[schedule]\nat = \"2080-01-01T00:00:00Z\"\n");
    let served = Served::start(&[("job", &job)], "");
    assert_eq!(served.place.run(&["trigger", "job", "--reason", HOSTILE]).code, 0);
    assert_eq!(served.place.run(&["pause", "job", "--for", "1h", "--reason", HOSTILE]).code, 0);
    let query: String = HOSTILE.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    for (path, least) in [("/", 1), ("/jobs/job", 3), (&format!("/?q={query}"), 1)] {
        let page = served.get(path).text();
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{path}: {page}");
        let shown = page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count();
        assert!(shown >= least, "{path} shows it {shown} times: {page}");
    }
    let json = served.get("/api/v1/jobs/job");
    assert_eq!(json.header("Content-Type"), Some("application/json"));
    assert_eq!(json.header("X-Content-Type-Options"), Some("nosniff"));
}

#[test]
fn no_secret_is_ever_shown() {
    let served = Served::with_everything(NEEDS_TOKEN);
    let cache = std::fs::read_to_string(served.place.path("state/tokens/acme.json")).unwrap();
    let cache: serde_json::Value = serde_json::from_str(&cache).unwrap();
    let issued = cache["access_token"].as_str().unwrap();
    assert!(issued.len() > 10, "{cache}");
    let right = bearer(HTTP_TOKEN);
    let ask = |path: &str| {
        let reply = web::ask(&served.address, "GET", path, &[("Authorization", &right)]);
        assert!(reply.status < 500, "{path}: {reply:?}");
        reply
    };
    let mut paths: Vec<String> = [
        "/",
        "/accounts/acme",
        "/accounts/closed",
        "/metrics",
        "/healthz",
        "/readyz",
        "/nothing",
        "/api/v1/openapi.json",
        "/api/v1/status",
        "/api/v1/accounts",
        "/api/v1/accounts/closed",
        "/api/v1/restores",
        "/api/v1/history",
        "/api/v1/timeline?account=acme",
        "/api/v1/jobs?nonsense=1",
        "/assets/calloff.js",
    ]
    .map(str::to_owned)
    .to_vec();
    for job in ask("/api/v1/jobs").json()["items"].as_array().unwrap() {
        let job = job["job"].as_str().unwrap();
        paths.extend([format!("/jobs/{job}"), format!("/api/v1/jobs/{job}")]);
    }
    for run in ask("/api/v1/history").json()["items"].as_array().unwrap() {
        paths.push(format!("/api/v1/runs/{}/calls", run["run_id"].as_str().unwrap()));
    }
    assert!(paths.len() > 40, "{}", paths.len());
    // Whoever is wrong about it leaves no trace of that, either.
    let wrong = web::ask(&served.address, "GET", "/", &[("Authorization", "Bearer canary-of-a-stranger")]);
    let seen: String = paths.iter().map(|path| ask(path).text()).chain([wrong.text()]).collect();
    let said = served.daemon.log() + &served.daemon.plain();
    assert!(seen.contains("failing") && said.contains("target.outcome"));
    for (canary, what) in [
        (SECRET, "the client secret"),
        (TOKEN, "the refresh token"),
        (HTTP_TOKEN, "the token"),
        (issued, "the access token"),
        ("canary", "another"),
    ] {
        assert!(!seen.contains(canary), "{what} was shown");
        assert!(!said.contains(canary), "{what} was logged");
    }
}
