//! What a scrape shows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use calloff::metrics::{AccountRow, Format, JobRow, Metrics, Scrape};
use calloff_core::code::{self, Endpoint};
use calloff_core::ids::{BackupRef, RunId};
use calloff_core::outcome::Outcome;
use calloff_core::overview::{JobState, Vitals};
use calloff_core::run::{Run, RunState, Target, Trigger};
use jiff::{SignedDuration, Timestamp};

use super::stage::start;

/// Those of an account that rests.
pub const VITALS: Vitals =
    Vitals { calls_in_flight: 0, concurrency: 10, is_failing: false, token_expires_at: None, credits: None };

/// A scrape at that moment, of jobs and accounts of which nothing else is known.
pub fn scrape(now: Timestamp, jobs: &[&str], accounts: &[&str]) -> Scrape {
    let job = |name: &&str| JobRow {
        name: (*name).to_owned(),
        state: JobState::Armed,
        next: Some(now),
        last_success: Some(now),
        expected_interval: Some(Duration::from_hours(24)),
        paused_until: None,
    };
    let account = |name: &&str| AccountRow {
        name: (*name).to_owned(),
        vitals: Some(VITALS),
        restores_owed: 0,
        restore_due: None,
    };
    Scrape {
        now,
        since: now,
        heartbeat: Some(now),
        jobs: jobs.iter().map(job).collect(),
        accounts: accounts.iter().map(account).collect(),
    }
}

/// The samples of a text, by name and labels.
pub fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parts = lines.map(|line| line.rsplit_once(' ').unwrap());
    parts.map(|(name, value)| (name, value.parse().unwrap())).collect()
}

/// All that there can be to see.
pub fn everything() -> (Metrics, Scrape) {
    let metrics = Metrics::default();
    let account = "acme".parse().unwrap();
    for endpoint in Endpoint::ALL {
        for code in code::all() {
            metrics.called(&account, *endpoint, code, Duration::from_millis(250));
        }
    }
    let mut target = Target::pending(BackupRef::Current);
    target.end(Outcome::Cancelled, None);
    metrics.run_ended(&Run {
        run_id: RunId::parse("0197c9d4-0000-7000-8000-000000000001").unwrap(),
        job: "often".to_owned(),
        account: account.clone(),
        trigger: Trigger::Schedule,
        occurrence: Some(start()),
        state: RunState::Succeeded,
        started_at: Some(start()),
        finished_at: Some(start()),
        lateness_ms: Some(212),
        missed: None,
        reason: None,
        targets: vec![target],
    });
    metrics.token_asked(&account, code::Refreshed::Issued);
    metrics.clock_stepped(SignedDuration::from_secs(-3));
    metrics.reloaded(true, start(), Some(Duration::from_millis(700)));
    let mut scrape = scrape(start(), &["often", "eu/release-freeze"], &["acme"]);
    let job = &mut scrape.jobs[1];
    (job.state, job.paused_until) = (JobState::Paused, Some(start()));
    let account = &mut scrape.accounts[0];
    account.vitals = Some(Vitals { credits: Some((17, start())), ..VITALS });
    (account.restores_owed, account.restore_due) = (1, Some(start()));
    (metrics, scrape)
}

/// Each metric that the program exposes, with its kind and its labels.
pub fn exposed() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let (metrics, scrape) = everything();
    let text = metrics.encode(scrape, Format::Text);
    let described = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let labels = |of: &str| {
        let mut labels = BTreeSet::new();
        for name in samples(&text).into_keys() {
            let (name, rest) = name.split_once('{').unwrap_or((name, ""));
            let name =
                ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            if name == of {
                let labelled = rest.split("\",").filter_map(|label| label.split_once('='));
                labels.extend(labelled.map(|(label, _)| label.to_owned()).filter(|label| label != "le"));
            }
        }
        labels
    };
    described.map(|(name, kind)| (name.to_owned(), (kind.to_owned(), labels(name)))).collect()
}
