//! What a scrape costs, and what counting costs those who call Zoho.
//!
//! `cargo bench --bench metrics`. Benchmarks measure, tests decide: nothing is asserted here.

use std::time::Duration;

use calloff::metrics::{AccountRow, Format, JobRow, Metrics, Scrape};
use calloff_core::code::{Endpoint, Refreshed};
use calloff_core::ids::AccountName;
use calloff_core::overview::{JobState, Vitals};
use divan::Bencher;
use jiff::Timestamp;

fn main() {
    divan::main();
}

fn now() -> Timestamp {
    Timestamp::constant(1_795_795_200, 0)
}

/// So many jobs, with 50 of them an account.
fn scrape(jobs: usize) -> Scrape {
    let job = |number| JobRow {
        name: format!("team-{}/job-{number}", number % 50),
        state: JobState::Armed,
        next: Some(now()),
        last_success: Some(now()),
        expected_interval: Some(Duration::from_hours(24)),
        paused_until: None,
    };
    let account = |number| AccountRow {
        name: format!("account-{number}"),
        vitals: Some(Vitals {
            calls_in_flight: 3,
            concurrency: 10,
            is_failing: false,
            token_expires_at: None,
            credits: Some((17_000, now())),
        }),
        restores_owed: 0,
        restore_due: None,
    };
    Scrape {
        now: now(),
        since: now(),
        heartbeat: Some(now()),
        jobs: (0..jobs).map(job).collect(),
        accounts: (0..jobs / 50).map(account).collect(),
    }
}

/// Each account has made calls of three kinds with two answers each.
fn counted(scrape: &Scrape) -> Metrics {
    let metrics = Metrics::default();
    for account in &scrape.accounts {
        let account = AccountName::parse(&account.name).expect("a name");
        for endpoint in [Endpoint::Cancel, Endpoint::Get, Endpoint::Token] {
            for code in ["SUCCESS", "HTTP_200"] {
                metrics.called(&account, endpoint, code, Duration::from_millis(120));
            }
        }
        metrics.token_asked(&account, Refreshed::Issued);
    }
    metrics
}

#[divan::bench(args = [100, 10_000, 100_000])]
fn scrape_text(bencher: Bencher<'_, '_>, jobs: usize) {
    encode(bencher, jobs, Format::Text);
}

#[divan::bench(args = [100, 10_000, 100_000])]
fn scrape_open_metrics(bencher: Bencher<'_, '_>, jobs: usize) {
    encode(bencher, jobs, Format::OpenMetrics);
}

fn encode(bencher: Bencher<'_, '_>, jobs: usize, format: Format) {
    let scrape = scrape(jobs);
    let metrics = counted(&scrape);
    bencher.with_inputs(|| scrape.clone()).bench_values(|scrape| metrics.encode(scrape, format));
}

#[divan::bench]
fn count_a_call(bencher: Bencher<'_, '_>) {
    let scrape = scrape(10_000);
    let metrics = counted(&scrape);
    let account = AccountName::parse("account-7").expect("a name");
    bencher.bench(|| metrics.called(&account, Endpoint::Cancel, "SUCCESS", Duration::from_millis(120)));
}
