//! `calloff.toml`.

use std::time::Duration;

use calloff_core::config::{Settings, decode, looks_like_settings, parse_job, parse_settings};
use calloff_core::ids::JobName;
use jiff::Timestamp;

use super::diagnostics;

/// A job that suits many a `calloff.toml`.
const JOB: &str = "account = \"acme\"\nbackups = \"current\"\n[schedule]\ncron = \"30 17 * * FRI\"\n\
                   [when]\nwindow = \"freeze\"\ndue_in_window = true\n[restore]\nafter = \"window\"\n";

/// Any bytes are a `calloff.toml`, or something is said against them; a job is read beside it either way.
pub(crate) fn any_config(input: &[u8]) {
    let text = match decode("calloff.toml", input) {
        Ok(text) => text,
        Err(found) => {
            assert!(found.is_error() && found.span.end <= input.len() && found.span.start < found.span.end);
            return;
        }
    };
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
    let read = parse_settings("calloff.toml", text, None);
    let warned = parse_settings("calloff.toml", text, Some(from));
    for read in [&read, &warned] {
        diagnostics::check(text, &read.settings);
    }
    assert_eq!(read.settings.value, warned.settings.value, "warnings change nothing");
    let errors = warned.settings.diagnostics.iter().filter(|found| found.is_error());
    assert!(errors.eq(&read.settings.diagnostics), "nor do they hide an error");
    if let Some(settings) = &read.settings.value {
        check_settings(settings);
        assert!(settings.accounts.is_empty() || looks_like_settings(text));
    }
    let name = JobName::parse("any").expect("a name");
    diagnostics::check(JOB, &parse_job(&name, "jobs/any.toml", JOB, &warned.defaults));
}

fn check_settings(settings: &Settings) {
    for account in settings.accounts.values() {
        for url in [&account.api_domain, &account.accounts_url] {
            let host = url.as_str().strip_prefix("http://");
            let is_loopback =
                |host: &str| ["127.", "localhost", "[::1]"].iter().any(|own| host.starts_with(own));
            assert!(url.is_https() || host.is_some_and(is_loopback), "in the clear: {url}");
            assert!(!url.as_str().contains(['@', ' ']) && !url.as_str().ends_with('/'), "{url}");
        }
        assert!(account.concurrency > 0 && account.timeout > Duration::ZERO, "{account:?}");
        diagnostics::check_shown(&format!("{account:?}"));
    }
    if let Some(http) = &settings.http {
        assert!(http.token.is_some() || http.listen.ip().is_loopback(), "open to anybody: {http:?}");
    }
}
