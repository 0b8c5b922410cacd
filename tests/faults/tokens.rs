//! What the token endpoint may answer instead of a token.

use crate::rude::{self, Manners, Rude, STOPPED};
use crate::support::program::Place;
use crate::tls;
use crate::triggered::{JOB, place, trigger};

/// A place whose tokens come from there.
fn place_with_tokens_of(url: &str, timeout: &str) -> Place {
    let place = place(timeout);
    place.set_account_key("accounts_url", &format!("\"{url}\""));
    // The endpoint is left alone for two seconds after a failure, which then is too long.
    place.write("jobs/job.toml", &format!("account = \"acme\"\n{JOB}[retry]\ngive_up_after = \"1s\"\n"));
    place
}

#[test]
fn an_endpoint_without_a_token_is_asked_again_and_zoho_is_not_called() {
    let table: [(&str, Manners, &str, &str); 6] = [
        ("never answers", rude::never_answers, "300ms", "token endpoint: no whole answer within 300ms"),
        ("drips", rude::drips_a_body, "300ms", "token endpoint: no whole answer within 300ms"),
        ("hangs up", |_| Ok(()), "30s", "token endpoint: the connection broke"),
        ("a header of 10 MiB", rude::pours_one_header, "30s", "token endpoint: the connection broke"),
        ("100 MiB", rude::pours_a_body, "30s", "token endpoint: status 200 without a token"),
        ("a page", rude::says_a_page, "30s", "token endpoint: status 200 without a token"),
    ];
    for (why, manners, timeout, message) in table {
        let server = Rude::start(manners);
        let place = place_with_tokens_of(&server.url(), timeout);
        let triggered = trigger(&place, &[]);
        let target = &triggered.target;
        assert_eq!(target["outcome"], "exhausted", "{why}: {triggered:?}");
        assert!(target["message"].as_str().unwrap().contains(message), "{why}: {triggered:?}");
        assert_eq!(place.cancels(), 0, "{why}");
    }
}

#[test]
fn an_endpoint_that_leads_elsewhere_is_not_followed() {
    let elsewhere = Rude::start(rude::says(STOPPED));
    for status in [302, 307, 308] {
        let answer =
            format!("HTTP/1.1 {status} Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
        let server = Rude::start(rude::says(answer.leak().as_bytes()));
        let place = place_with_tokens_of(&server.url(), "30s");
        let triggered = trigger(&place, &[]);
        let target = &triggered.target;
        assert_eq!(
            (&target["outcome"], &target["code"]),
            (&"denied".into(), &"no_token".into()),
            "{triggered:?}"
        );
        assert!(target["hint"].as_str().unwrap().contains("`accounts_url`"), "{triggered:?}");
        assert_eq!(place.cancels(), 0);
    }
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
}

#[test]
fn an_endpoint_that_is_not_trusted_gets_no_secret() {
    let server = tls::server(tls::self_signed("localhost"), STOPPED);
    let place = place_with_tokens_of(&format!("https://localhost:{}", server.port()), "30s");
    let triggered = trigger(&place, &[]);
    assert_eq!(triggered.target["outcome"], "exhausted", "{triggered:?}");
    assert!(triggered.target["message"].as_str().unwrap().contains("UnknownIssuer"), "{triggered:?}");
    assert_eq!((server.asked().len(), place.cancels()), (0, 0));
}
