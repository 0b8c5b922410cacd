//! `calloff run`: the daemon.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use calloff_core::reload::Cause;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::args::{LogArgs, RunArgs};
use super::setup::{self, Insisting, Start};
use crate::daemon::{
    self, Alarm, Engine, InForce, Reloader, Reloading, Report, Request, Runner, Surroundings,
};
use crate::error::Error;
use crate::logs;
use crate::store::Role;

pub(super) async fn run(config: Option<&Path>, log: &LogArgs, args: &RunArgs) -> Result<ExitCode, Error> {
    let surroundings = setup::surroundings();
    let insisting = Insisting { is_strict: args.strict, allow_empty: args.allow_empty };
    let start = setup::start(config, &surroundings, insisting)?;
    start.configuration.log(log, false)?;
    start.say_quarantined();
    let stop = setup::stop_on_signals()?;
    let serving =
        Serving { reloads: true, allow_empty: args.allow_empty, log_level: log.log_level.is_some() };
    serve(start, surroundings, serving, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// How the daemon serves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Serving {
    /// Whether changed files come into force.
    pub(super) reloads: bool,
    /// Whether a set without jobs is meant whenever there is one.
    pub(super) allow_empty: bool,
    /// Whether the command line says how much is logged, whatever the files say.
    pub(super) log_level: bool,
}

/// Works until it is stopped.
pub(super) async fn serve(
    start: Start,
    surroundings: Surroundings,
    serving: Serving,
    stop: CancellationToken,
) -> Result<(), Error> {
    let store = start.configuration.open(Role::Daemon)?;
    let interrupted = store.take_over_at_start().await?;
    let runner = start.runner(&store, &stop, &interrupted, &surroundings, None).await?;
    let settings = start.configuration.settings.clone();
    let now = runner.worker.clock.now();
    let jobs = &start.configuration.jobs;
    let agenda = daemon::agenda(&store, jobs, &start.broken(), now, now).await?;
    let (alarm, beats) = Alarm::start().await.map_err(|error| Error::Internal(error.to_string()))?;
    tracing::info!(
        event = "daemon.started",
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        jobs = jobs.len(),
        quarantined = start.quarantined.len(),
        accounts = runner.accounts.len(),
        interrupted = interrupted.len(),
        next = agenda.next_wake().map(tracing::field::display),
        "watching the schedules"
    );
    let (keep, grace) = (settings.keep, settings.grace);
    let engine = Engine::new(runner.clone(), agenda, interrupted, keep, grace);
    // What goes with the loop, and ends with it.
    let mut company = JoinSet::new();
    if serving.reloads {
        let (requests, _report) = follow(start, &engine, &runner, serving, surroundings, &mut company);
        let hangups = signal(SignalKind::hangup()).map_err(|error| Error::Internal(error.to_string()))?;
        company.spawn(reload_on(hangups, requests));
    }
    let end = engine.run(beats).await;
    company.shutdown().await;
    alarm.stop().await;
    // What has its outcome still gets a moment to be written, even if the grace period was used up.
    let end = end.max(Instant::now() + Duration::from_secs(1));
    if tokio::time::timeout_at(end, store.close()).await.is_err() {
        return Err(Error::Unrecorded);
    }
    tracing::info!(event = "daemon.stopped", "stopped");
    Ok(())
}

/// Has changed files come into force from now on.
fn follow(
    start: Start,
    engine: &Engine,
    runner: &Runner,
    serving: Serving,
    surroundings: Surroundings,
    company: &mut JoinSet<()>,
) -> (mpsc::Sender<Request>, watch::Receiver<Report>) {
    let Start { configuration, quarantined, diagnostics, loader, seen, .. } = start;
    let (jobs, now) = (configuration.jobs.len(), surroundings.clock.now());
    let (reloader, requests, inbox, report) = Reloader::new(Reloading {
        loader,
        seen,
        engine: engine.handle(),
        store: runner.worker.store.clone(),
        surroundings,
        in_force: InForce {
            settings: configuration.settings,
            jobs: configuration.jobs,
            accounts: Arc::clone(&runner.accounts),
        },
        report: Report::of_start(jobs, quarantined, diagnostics, now),
        allow_empty: serving.allow_empty,
        set_log_level: if serving.log_level { |_| () } else { logs::set_level },
    });
    company.spawn(reloader.run(inbox, runner.worker.stop.clone()));
    (requests, report)
}

/// Has the files read again whenever the process is told to hang up, which daemons take for that.
async fn reload_on(mut hangups: Signal, requests: mpsc::Sender<Request>) {
    while hangups.recv().await.is_some() {
        if requests.send(Request::by(Cause::Signal)).await.is_err() {
            return;
        }
    }
}
