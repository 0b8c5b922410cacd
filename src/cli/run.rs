//! `calloff run`: the daemon.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::Instant;

use super::args::{LogArgs, RunArgs};
use super::setup::{self, Configuration};
use crate::daemon::{self, Alarm};
use crate::error::Error;
use crate::store::Role;

pub(super) async fn run(config: Option<&Path>, log: &LogArgs, args: &RunArgs) -> Result<ExitCode, Error> {
    let configuration = setup::configuration(config)?;
    configuration.log(log, false)?;
    if configuration.jobs.is_empty() && !args.allow_empty {
        return Err(Error::NoConfig(format!(
            "there is no job file in `{}`; put one there, or say --allow-empty",
            configuration.folder.join(&configuration.settings.jobs).display()
        )));
    }
    let stop = setup::stop_on_signals()?;
    serve(&configuration, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Works until it is stopped.
pub(super) async fn serve(
    configuration: &Configuration,
    stop: tokio_util::sync::CancellationToken,
) -> Result<(), Error> {
    let store = configuration.open(Role::Daemon)?;
    let interrupted = store.take_over_at_start().await?;
    let runner = configuration.runner(&store, &stop, &interrupted, None).await?;
    let now = runner.worker.clock.now();
    let agenda = daemon::agenda(&store, &configuration.jobs, now, now).await?;
    let (alarm, beats) = Alarm::start().await.map_err(|error| Error::Internal(error.to_string()))?;
    tracing::info!(
        event = "daemon.started",
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        jobs = configuration.jobs.len(),
        accounts = runner.accounts.len(),
        interrupted = interrupted.len(),
        next = agenda.next_wake().map(tracing::field::display),
        "watching the schedules"
    );
    let settings = &configuration.settings;
    let engine = daemon::Engine::new(runner, agenda, interrupted, settings.keep);
    let end = engine.run(beats, settings.grace).await;
    alarm.stop().await;
    // What has its outcome still gets a moment to be written, even if the grace period was used up.
    let end = end.max(Instant::now() + Duration::from_secs(1));
    if tokio::time::timeout_at(end, store.close()).await.is_err() {
        return Err(Error::Unrecorded);
    }
    tracing::info!(event = "daemon.stopped", "stopped");
    Ok(())
}
