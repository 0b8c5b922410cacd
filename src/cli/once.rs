//! `calloff once`: everything due now, one look at each held account, the restores that are due, then the end.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::{JoinHandle, JoinSet};

use super::args::{LogArgs, OnceArgs};
use super::output::Output;
use super::results::{self, Done, Results};
use super::setup::{self, Insisting, Start};
use crate::daemon::{self, Sinks, Surroundings};
use crate::error::Error;
use crate::notify::Signal;
use crate::store::Role;

/// How long sinks are told at most before this ends; what is left is told the next time.
const TELLING: Duration = Duration::from_secs(10);

pub(super) async fn once(
    config: Option<&Path>,
    log: &LogArgs,
    args: &OnceArgs,
    output: Output,
) -> Result<ExitCode, Error> {
    let surroundings = setup::surroundings();
    let insisting = Insisting { is_strict: false, allow_empty: true };
    let start = setup::start(config, &surroundings, insisting)?;
    start.configuration.log(log, output.is_terminal() && !args.form.json)?;
    start.say_left_out();
    let began = began(&start.sinks);
    let ended = all_that_is_due(&start, &surroundings, args, output).await;
    if let Some((ping, _)) = &start.sinks.ping {
        // What comes last is to be heard last.
        if let Some(began) = began {
            drop(began.await);
        }
        let is_well = matches!(&ended, Ok(code) if *code == ExitCode::SUCCESS);
        let (signal, why) = if is_well {
            (Signal::Success, "")
        } else {
            (Signal::Fail, "not all went well: see `calloff history`")
        };
        daemon::say_once(ping, signal, why, TELLING).await;
    }
    ended
}

/// Does it, however it ends.
async fn all_that_is_due(
    start: &Start,
    surroundings: &Surroundings,
    args: &OnceArgs,
    output: Output,
) -> Result<ExitCode, Error> {
    let configuration = &start.configuration;
    let stop = setup::stop_on_signals()?;
    let store = configuration.open(Role::Command)?;
    let interrupted = store.take_over_at_start().await?;
    let runner = start.runner(&store, &stop, surroundings, Some(setup::RECORDING)).await?;
    let now = runner.worker.clock.now();
    let back = SignedDuration::try_from(args.since.unwrap_or_default()).unwrap_or(SignedDuration::MAX);
    let fresh = now.saturating_sub(back).unwrap_or(Timestamp::MIN);
    let mut agenda = daemon::agenda(&store, &configuration.jobs, &start.left_out, now, fresh).await?;

    let mut tasks = JoinSet::new();
    results::take_up(interrupted, &runner, &mut tasks);
    for due in agenda.due(now, now) {
        let runner = runner.clone();
        tasks.spawn(async move { Ok(Done::Fired(Box::new(runner.fire(due, |_| ()).await))) });
    }
    let settings = &configuration.settings;
    let mut results = Results::new(args.form.json, output);
    results.at_best(start.problem());
    results.collect(tasks, &stop, settings.grace).await;
    // What the runs have left to be done is among it.
    if !stop.is_cancelled() {
        let mut tasks = JoinSet::new();
        for (_, duty) in runner.duties().await? {
            let runner = runner.clone();
            tasks.spawn(async move { Ok(Done::SeenTo(runner.see_to(duty).await?)) });
        }
        results.collect(tasks, &stop, settings.grace).await;
    }
    // Old runs may wait for a record that takes writes.
    drop(tokio::time::timeout(setup::RECORDING, daemon::prune(&store, now, settings.keep)).await);
    if !stop.is_cancelled() {
        let health = daemon::reasons_of_start(&start.left_out);
        let telling = daemon::tell_once(&store, &surroundings.clock, &start.sinks, health, TELLING);
        stop.run_until_cancelled(telling).await;
    }
    results.finish(&store).await
}

/// Tells the service that waits to hear of it that this begins; nothing waits for that.
fn began(sinks: &Sinks) -> Option<JoinHandle<()>> {
    let (ping, _) = sinks.ping.clone()?;
    Some(tokio::spawn(async move {
        daemon::say_once(&ping, Signal::Start, "`calloff once` begins", TELLING).await;
    }))
}
