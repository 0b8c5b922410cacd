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
use super::attending::Attendant;
use super::setup::{self, Configuration, Insisting, Start};
use crate::control::{self, Server};
use crate::daemon::{
    self, Alarm, Engine, InForce, Reloader, Reloading, Report, Request, Runner, Surroundings,
};
use crate::error::{Error, chain};
use crate::logs;

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
    // From now on a hangup is no reason to end.
    let hangups = serving.reloads.then(|| signal(SignalKind::hangup())).transpose();
    let hangups = hangups.map_err(|error| Error::Internal(error.to_string()))?;
    let control = if serving.reloads { listen(&start.configuration) } else { None };
    let store = start.configuration.open_daemon(control.as_ref().map(Server::path))?;
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
    let mut announcing = None;
    if let Some(hangups) = hangups {
        let clock = Arc::clone(&surroundings.clock);
        let (requests, report) = follow(start, &engine, &runner, serving, surroundings, &mut company);
        announcing =
            Some(tokio::spawn(daemon::announce(engine.handle().pulse, report.clone(), stop.clone())));
        let attendant = Attendant { store: store.clone(), clock, reloads: requests.clone(), report };
        if let Some(control) = control {
            company.spawn(control.serve(move |request| attendant.clone().answer(request)));
        }
        company.spawn(reload_on(hangups, requests));
    }
    let end = engine.run(beats).await;
    company.shutdown().await;
    if let Some(announcing) = announcing {
        // It ends with the stop; nothing depends on what systemd was told.
        drop(announcing.await);
    }
    alarm.stop().await;
    // What has its outcome still gets a moment to be written, even if the grace period was used up.
    let end = end.max(Instant::now() + Duration::from_secs(1));
    if tokio::time::timeout_at(end, store.close()).await.is_err() {
        return Err(Error::Unrecorded);
    }
    tracing::info!(event = "daemon.stopped", "stopped");
    Ok(())
}

/// Listens for commands, where it can.
fn listen(configuration: &Configuration) -> Option<Server> {
    let places = control::to_listen(configuration.control().as_deref(), &configuration.state_folder());
    for place in &places {
        match Server::bind(place) {
            Ok(server) => return Some(server),
            Err(error) => tracing::warn!(
                event = "control.unavailable",
                place = %place.display(),
                error = chain(&error),
                "can't listen for commands there"
            ),
        }
    }
    None
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
    let now = surroundings.clock.now();
    let in_force = InForce {
        settings: configuration.settings,
        jobs: configuration.jobs,
        accounts: Arc::clone(&runner.accounts),
    };
    let (reloader, requests, inbox, report) = Reloader::new(Reloading {
        loader,
        seen,
        engine: engine.handle(),
        store: runner.worker.store.clone(),
        surroundings,
        report: Report::of_start(Arc::new(in_force), quarantined, diagnostics, now),
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
