//! Configuration of any bytes: no panic, and no secret shown.

use calloff_core::config::{JobDefaults, decode, looks_like_settings, parse_job, parse_settings};
use calloff_core::diagnostic::Diagnostic;
use calloff_core::ids::JobName;
use proptest::prelude::*;

const CANARY: &str = "kanarienvogel";

/// Every key that there is, and secrets where none may be.
const SETTINGS: &str = r#"
jobs     = "jobs"
state    = "sqlite:state/calloff.db"
timezone = "Europe/Berlin"
control  = "run/calloff.sock"
grace    = "20s"

[accounts.acme]
data_center   = "eu"
environment   = "sandbox"
api_version   = "v7"
client_id     = "1000.ABCDEF"
client_secret = "kanarienvogel"
refresh_token = """
kanarienvogel
kanarienvogel"""
concurrency   = 10
timeout       = "30s"
timezone      = "Asia/Tokyo"

[accounts.other]
api_domain    = "https://me:kanarienvogel@a.example"
accounts_url  = "https://b.example"
client_secret = { value = "kanarienvogel" }
refresh_token = ["kanarienvogel"]

[accounts.third.client_secret]
text = "kanarienvogel"

[[windows.release-freeze]]
opens = "0 18 * * FRI"
lasts = "60h"
timezone = "America/New_York"
[[windows.release-freeze]]
from = "2026-12-24T00:00:00"
to   = "2027-01-02T00:00:00+01:00"

[retry]
max_attempts = 6
initial_delay = "1s"
max_delay = "60s"
give_up_after = "15m"

[http]
listen = "127.0.0.1:9817"
token = 'kanarienvogel'

[log]
format = "auto"
level  = "info"

[[notify]]
webhook = "https://hooks.example/kanarienvogel"
on = ["failed", "missed"]

[retention]
keep = "400d"
"#;

const JOB: &str = r#"
description = "No CRM backup while the Friday release runs"
account  = "acme"
backups  = ["4876876000001593003", "1"]
timezone = "Europe/Berlin"
enabled  = true
verify   = false

[schedule]
cron     = "30 17 * * FRI"
at       = "2026-12-24T17:30:00"
every    = "10m"
jitter   = "0s"
catch_up = "15m"

[when]
window     = "release-freeze"
status     = ["SCHEDULED"]
due_within = "12h"
due_in_window = true
last_good_backup_within = "8d"

[retry]
max_attempts = 8

[hold]
poll = "5m"
on_drift = "cancel"

[restore]
after = "window"
"#;

fn read_both(text: &str) -> Vec<Diagnostic> {
    let from = "2026-01-01T00:00:00Z".parse().expect("an instant");
    let read = parse_settings("calloff.toml", text, Some(from));
    assert_eq!(read.settings.value.is_none(), read.settings.diagnostics.iter().any(Diagnostic::is_error));
    let name = JobName::parse("any").expect("a job name");
    let mut found = read.settings.diagnostics;
    for defaults in [read.defaults, JobDefaults::unknown(Some(from)), JobDefaults::default()] {
        let job = parse_job(&name, "jobs/any.toml", text, &defaults);
        assert_eq!(job.value.is_none(), job.diagnostics.iter().any(Diagnostic::is_error));
        found.extend(job.diagnostics);
    }
    let _ = looks_like_settings(text);
    for diagnostic in &found {
        if let Some(quote) = &diagnostic.quote {
            assert!(quote.text.get(quote.mark.clone()).is_some(), "{diagnostic:?}");
            assert!(!quote.text.contains(|c: char| c.is_control() && c != '\t'), "{diagnostic:?}");
        }
        assert!(diagnostic.line > 0 && diagnostic.column > 0 && diagnostic.help.is_some(), "{diagnostic:?}");
    }
    found
}

/// A text with some of its characters cut off, replaced, put in or doubled.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let edit = (0..text.len(), 0..5_u8, "[\\PC\n\"'=\\[\\]{}#.,]{0,3}");
    proptest::collection::vec(edit, 1..4).prop_map(move |edits| {
        let mut text = text.to_owned();
        for (at, kind, with) in edits {
            let at = text.floor_char_boundary(at);
            let next = text.ceil_char_boundary(at + 1).min(text.len());
            match kind {
                0 => text.truncate(at),
                1 => text.replace_range(at..next, &with),
                2 => text.insert_str(at, &with),
                3 => text.replace_range(at..next, ""),
                _ => text.extend(text.clone().get(at..)),
            }
        }
        text
    })
}

/// A text that differs in one character, which is no line break, or ends early.
fn slightly_wrong(text: &'static str) -> impl Strategy<Value = String> {
    (0..text.len(), proptest::option::of("[a-z\"'=\\[\\]{}#., ]")).prop_map(move |(at, with)| {
        let at = text.floor_char_boundary(at);
        match with {
            None => text[..at].to_owned(),
            Some(with) if text[at..].starts_with('\n') => format!("{}{with}{}", &text[..at], &text[at..]),
            Some(with) => format!("{}{with}{}", &text[..at], &text[at + 1..]),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Err(diagnostic) = decode("any", &bytes) {
            prop_assert!(diagnostic.line > 0 && diagnostic.column > 0);
        }
        read_both(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "(\\PC|[\n\r\t\"'=\\[\\]{}#.,]){0,200}") {
        read_both(&text);
    }

    #[test]
    fn what_looks_like_toml_is_read_without_a_panic(
        text in "(([a-z_]{1,6}|account|backups|schedule|client_secret)(\\.cron|\\.at)? ?= ?(\"[^\"\n]{0,9}\"|[0-9]{1,20}|\\[\"1\"|\\{ |'''|\"\"\")?\n|\\[{1,2}(accounts|windows)\\.[a-z]\\]{0,2}\n){0,12}"
    ) {
        read_both(&text);
    }

    #[test]
    fn any_value_of_any_key_is_read_without_a_panic(at in 0..60_usize, value in "[\\PC&&[^\"\\\\]]{0,30}") {
        for text in [SETTINGS, JOB] {
            let Some((nth, line)) = text.lines().enumerate().filter(|(_, line)| line.contains(" = \"")).nth(at) else {
                continue;
            };
            let key = line.split(" = ").next().unwrap_or_default();
            let lines: Vec<String> = text
                .lines()
                .enumerate()
                .map(|(n, line)| if n == nth { format!("{key} = \"{value}\"") } else { line.to_owned() })
                .collect();
            read_both(&lines.join("\n"));
        }
    }

    #[test]
    fn a_wrong_calloff_toml_is_read_without_a_panic(text in mutated(SETTINGS)) {
        read_both(&text);
    }

    #[test]
    fn a_wrong_job_is_read_without_a_panic(text in mutated(JOB)) {
        read_both(&text);
    }

    #[test]
    fn a_slip_of_the_pen_shows_no_secret(text in slightly_wrong(SETTINGS)) {
        let shown = format!("{:?}", read_both(&text));
        prop_assert!(!shown.contains(CANARY), "{shown}");
    }
}

#[test]
fn a_file_without_slips_shows_no_secret_either() {
    let found = read_both(SETTINGS);
    assert!(found.len() > 10);
    assert!(!format!("{found:?}").contains(CANARY));
}

#[test]
fn a_secret_is_masked_however_wrong_its_line_is() {
    for line in [
        "client_secret \"kanarienvogel\"",
        "client_secret: kanarienvogel",
        "client_secret = kanarienvogel",
        "client_secret = \"kanarienvogel",
        "client_secret =\n\"kanarienvogel\"",
        "client_secret = [\n\"kanarienvogel\",\n= 1",
        "client_secret = \"\"\"\nkanarienvogel\nkanarienvogel \\z\n",
        "client-secret = \"kanarienvogel\"",
        "clientSecret = \"kanarienvogel\"",
        "\"client_secret\" = \"kanarienvogel\"",
        "client_secrte = \"kanarienvogel\"",
        "refresh_tokn = \"kanarienvogel\"",
        "password = \"kanarienvogel\"",
        "webhok = \"kanarienvogel\"",
        "cs = \"kanarienvogel\"",
        "client_secret = \"a\"\nclient_secret = \"kanarienvogel\"",
        "accounts.a = { client_secret = \"kanarienvogel\", x = 1, = }",
        "accounts.a = { client_secret = { env = \"A\" }, refresh_token = \"kanarienvogel\", x }",
        "accounts.a.client_secret.kanarienvogel = 1",
        "[accounts.a.client_secret]\nx = \"kanarienvogel\" 5",
        "[client_secret kanarienvogel",
        "database = \"postgres://me:kanarienvogel@host/x\"",
        "state = \"postgres://me:kanarienvogel@host/x\"",
        "state = \"postgres://host/x?password=kanarienvogel\"",
        "state = \"redis://me:kanarienvogel@host/x\"",
    ] {
        let found = read_both(line);
        assert!(!found.is_empty(), "{line}");
        assert!(!format!("{found:?}").contains(CANARY), "{line}\n{found:#?}");
    }
}

#[test]
fn what_looks_like_a_secret_is_masked_wherever_it_stands() {
    let token = "1000.8cb99dxxxxxxxxxxxxx9be93.9b8xxxxxxxxxxxxxxxf";
    let hex = "a1b2c3d4e5f60718293a4b5c6d7e8f901a2b3c4d5e";
    for text in [format!("jobs = \"{hex}\" x"), format!("timezone = \"{hex}\""), format!("{hex} = 1")] {
        let found = read_both(&text);
        assert!(!format!("{found:?}").contains(hex), "{found:#?}");
    }
    let found = read_both(&format!("[accounts.a]\nclient_id = \"x\"\nrefresh_token = \"{token}\"\n"));
    assert!(!format!("{found:?}").contains("9be93"), "{found:#?}");
}

#[test]
fn a_good_reference_is_shown() {
    let found =
        parse_settings("calloff.toml", "[accounts.a]\nclient_secret = { env = \"A\", file = \"b\" }\n", None);
    let quote = found
        .settings
        .diagnostics
        .iter()
        .find_map(|found| found.quote.as_ref().filter(|quote| quote.text.starts_with("client_secret")));
    assert_eq!(quote.map(|quote| quote.text.as_str()), Some("client_secret = { env = \"A\", file = \"b\" }"));
}

#[test]
fn a_large_file_is_read_in_bearable_time() {
    for line in
        ["a\n", "a = 1\na = 1\n", "client_secret\n", "= \"\"\"\n", "://", "[", "{", "k.", "'", "a = [\n"]
    {
        read_both(&line.repeat(100_000 / line.len()));
    }
    let keys: Vec<String> = (0..5_000).map(|n| format!("key{n} = 1\n")).collect();
    read_both(&keys.concat());
}
