//! Storms: a service that fails for five minutes while a thousand targets of one account wait. It is left alone
//! meanwhile, and all is done soon after it has recovered.

#![allow(clippy::unwrap_used, reason = "a check that can't be made fails its test")]

mod support;

use std::cell::Cell;
use std::time::Duration;

use calloff_core::outcome::Outcome;
use calloff_core::run::RunState;
use calloff_sim::Endpoint;
use jiff::{SignedDuration, Timestamp};
use support::stage::{Stage, start};

const TARGETS: u32 = 1_000;

/// When the service fails, from the start on, and for how long.
const STRIKES: Duration = Duration::from_secs(50);
const LASTS: Duration = Duration::from_mins(5);

/// Calls that a service may get while it can't answer.
const CALLS: usize = 100;

/// By when all is done once it can.
const DONE_WITHIN: SignedDuration = SignedDuration::from_mins(2);

thread_local! {
    /// How long waits are, of what they may be.
    static DRAWN: Cell<f64> = const { Cell::new(0.5) };
}

/// What the storm has cost.
#[derive(Debug)]
struct Figures {
    calls_meanwhile: usize,
    tokens_meanwhile: usize,
    done_after: SignedDuration,
}

/// So many jobs with so many targets each become due at once, ten seconds after the service has begun to fail.
async fn weather(then: &str, token: bool, jobs: u32, dice: fn() -> f64) -> Figures {
    let zoho = format!(
        "[accounts.acme]\nlatency = \"20ms\"\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n[accounts.acme.outage]\nthen = \"{then}\"\nstarts = \"{}s\"\nlasts = \"{}s\"\ntoken = {token}\n",
        STRIKES.as_secs(),
        LASTS.as_secs()
    );
    let mut stage = Stage::in_memory(&zoho, "");
    stage.dice = dice;
    let each = TARGETS / jobs;
    let jobs: Vec<_> = (0..jobs)
        .map(|job| {
            let backups: Vec<String> = (0..each).map(|n| (100_000 + job * each + n).to_string()).collect();
            let text =
                format!("backups = {backups:?}\nverify = false\nschedule.at = \"2026-11-27T16:01:00Z\"\n");
            stage.job(&format!("job-{job}"), &text)
        })
        .collect();
    stage.serve(&jobs, Duration::from_mins(20)).await;

    let history = stage.history().await;
    let targets: Vec<_> = history.iter().flat_map(|run| &run.targets).collect();
    assert_eq!(targets.len(), TARGETS as usize);
    assert!(history.iter().all(|run| run.state == RunState::Succeeded), "{:?}", history.first());
    assert!(
        targets
            .iter()
            .all(|target| { matches!(target.outcome, Some(Outcome::Cancelled | Outcome::AlreadyCancelled)) })
    );
    let (strikes, recovers) = (start() + STRIKES, start() + STRIKES + LASTS);
    let world = stage.world.lock();
    let meanwhile = |at: Timestamp| strikes <= at && at < recovers;
    let calls_meanwhile =
        world.seen().filter(|seen| seen.endpoint == Endpoint::Cancel && meanwhile(seen.at)).count();
    let tokens_meanwhile =
        world.seen().filter(|seen| seen.endpoint == Endpoint::Token && meanwhile(seen.at)).count();
    assert!(calls_meanwhile + tokens_meanwhile > 5, "it was never tried");
    let finished = history.iter().filter_map(|run| run.finished_at).max().unwrap();
    Figures { calls_meanwhile, tokens_meanwhile, done_after: finished.duration_since(recovers) }
}

#[rstest::rstest]
#[case::unavailable("503", false)]
#[case::gateway("html-502", false)]
#[case::hangs("hang", false)]
#[case::resets("drop", false)]
#[case::resets_after_it_has_acted("drop-after", false)]
#[case::tokens_too("503", true)]
#[tokio::test(start_paused = true)]
async fn a_broken_service_is_left_alone_and_served_soon_after(
    #[case] then: &str,
    #[case] token: bool,
    #[values(1, 1_000)] jobs: u32,
    #[values(0.0, 0.5, 0.999)] drawn: f64,
) {
    DRAWN.set(drawn);
    let figures = weather(then, token, jobs, || DRAWN.get()).await;
    println!("{then}, token {token}, {jobs} jobs, waits of {drawn}: {figures:?}");
    assert!(figures.calls_meanwhile <= CALLS && figures.tokens_meanwhile <= CALLS, "{figures:?}");
    assert!(figures.done_after <= DONE_WITHIN, "{figures:?}");
}
