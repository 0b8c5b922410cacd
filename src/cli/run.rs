//! `calloff run`: the daemon.

use std::io::ErrorKind;
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
use super::serving::{self, Showing};
use super::setup::{self, Configuration, Insisting, Start};
use crate::control::{self, Server};
use crate::daemon::{
    self, Alarm, Engine, InForce, Notifier, Observer, Reloader, Reloading, Report, Request, Runner,
    Surroundings,
};
use crate::error::{Error, chain};
use crate::logs;

pub(super) async fn run(config: Option<&Path>, log: &LogArgs, args: &RunArgs) -> Result<ExitCode, Error> {
    // From now on a hangup is no reason to end.
    let hangups = signal(SignalKind::hangup()).map_err(|error| Error::Internal(error.to_string()))?;
    let surroundings = setup::surroundings();
    let insisting = Insisting { is_strict: args.strict, allow_empty: args.allow_empty };
    let start = setup::start(config, &surroundings, insisting)?;
    start.configuration.log(log, false)?;
    start.say_left_out();
    let stop = setup::stop_on_signals()?;
    let following = Following { allow_empty: args.allow_empty, log_level: log.log_level.is_some() };
    let serving = Serving { hangups: Some(hangups), following };
    serve(start, surroundings, serving, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// How the daemon serves.
#[derive(Debug, Default)]
pub(super) struct Serving {
    /// What asks for files to be read again; without it, files that change don't matter, and nobody asks.
    hangups: Option<Signal>,
    following: Following,
}

/// How files are followed.
#[derive(Debug, Clone, Copy, Default)]
struct Following {
    /// Whether a set without jobs is meant whenever there is one.
    allow_empty: bool,
    /// Whether the command line says how much is logged, whatever the files say.
    log_level: bool,
}

/// Works until it is stopped.
pub(super) async fn serve(
    start: Start,
    surroundings: Surroundings,
    serving: Serving,
    stop: CancellationToken,
) -> Result<(), Error> {
    let Serving { hangups, .. } = serving;
    let control = if hangups.is_some() { listen(&start.configuration) } else { None };
    let store = start.configuration.open_daemon(control.as_ref().map(Server::path))?;
    let interrupted = store.take_over_at_start().await?;
    let runner = start.runner(&store, &stop, &surroundings, None).await?;
    let settings = start.configuration.settings.clone();
    let now = runner.worker.clock.now();
    let jobs = &start.configuration.jobs;
    let mut agenda = daemon::agenda(&store, jobs, &start.left_out, now, now).await?;
    let (alarm, beats) = Alarm::start().await.map_err(|error| Error::Internal(error.to_string()))?;
    tracing::info!(
        event = "daemon.started",
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        jobs = jobs.len(),
        quarantined = start.left_out.jobs.len(),
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
        let (clock, config) = (Arc::clone(&surroundings.clock), start.loader.config().to_owned());
        let (sinks, base) = (start.sinks.clone(), start.configuration.folder.clone());
        let (requests, report) =
            follow(start, &engine, &runner, serving.following, surroundings, &mut company);
        announcing =
            Some(tokio::spawn(daemon::announce(engine.handle().pulse, report.clone(), stop.clone())));
        let process = store.process().clone();
        let pulse = engine.handle().pulse;
        // What is shown may take long to read; a claim that can't be had in time must not wait for that.
        let shown = store.with_own_reader();
        let observer = Observer::new(shown.clone(), Arc::clone(&clock), process, report.clone(), pulse);
        let showing =
            Showing { observer: observer.clone(), store: shown, metrics: runner.worker.metrics.clone() };
        let serving = serving::Serving { showing, report: report.clone(), base: base.clone() };
        company.spawn(serving.run_aside(stop.clone()));
        let (record, now) = (store.clone(), Arc::clone(&clock));
        let notifier = Notifier::new(record, now, base, sinks, report.clone(), observer.clone());
        company.spawn(notifier.pinging(engine.handle().pulse).run());
        company.spawn(notifier.run());
        let attendant =
            Attendant { store: store.clone(), clock, reloads: requests.clone(), report, observer };
        if let Some(control) = control {
            company.spawn(control.serve(config, move |request| attendant.clone().answer(request)));
        }
        company.spawn(reload_on(hangups, requests));
    }
    let has_ended = CancellationToken::new();
    let company = tokio::spawn(accompany(company, has_ended.clone()));
    let end = engine.run(beats).await;
    has_ended.cancel();
    if let Some(announcing) = announcing {
        // It ends with the stop; nothing depends on what systemd was told.
        drop(announcing.await);
    }
    alarm.stop().await;
    // What has its outcome still gets a moment to be written, even if the grace period was used up.
    let end = end.max(Instant::now() + Duration::from_secs(1));
    let closing = tokio::time::timeout_at(end, store.close());
    // With its company the socket is gone.
    let (closed, _) = tokio::join!(closing, tokio::time::timeout_at(end, company));
    if closed.is_err() {
        return Err(Error::Unrecorded);
    }
    tracing::info!(event = "daemon.stopped", "stopped");
    // Within the grace period, too; `execute` would wait for its own time.
    logs::flush(end.duration_since(Instant::now()).min(super::FLUSHING)).await;
    Ok(())
}

/// Sees to it that it is said if what goes with the loop ends in a defect: jobs are run without it. When the loop
/// has ended, so does its company, and whatever belongs to it is gone when this returns.
async fn accompany(mut company: JoinSet<()>, has_ended: CancellationToken) {
    while let Some(Some(ended)) = has_ended.run_until_cancelled(company.join_next()).await {
        if let Err(error) = ended {
            tracing::error!(
                event = "daemon.defect",
                %error,
                "what takes changed files, answers commands or tells sinks has ended; restart the daemon"
            );
        }
    }
    company.shutdown().await;
}

/// Listens for commands, where it can.
fn listen(configuration: &Configuration) -> Option<Server> {
    let places = control::to_listen(configuration.control().as_deref(), &configuration.state_folder());
    for place in &places {
        match Server::bind(place) {
            Ok(server) => return Some(server),
            Err(error) if error.kind() == ErrorKind::AddrInUse => tracing::warn!(
                event = "control.taken",
                place = %place.display(),
                "another daemon answers commands there, and not this one: is it running twice?"
            ),
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
    following: Following,
    surroundings: Surroundings,
    company: &mut JoinSet<()>,
) -> (mpsc::Sender<Request>, watch::Receiver<Report>) {
    let Start { configuration, left_out, diagnostics, loader, seen, .. } = start;
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
        report: Report::of_start(Arc::new(in_force), left_out, diagnostics, now),
        allow_empty: following.allow_empty,
        set_log_level: if following.log_level { |_| () } else { logs::set_level },
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
