//! `calloff trigger`: jobs now, whatever their schedules say.

use std::path::Path;
use std::process::ExitCode;

use tokio::task::JoinSet;

use super::args::{LogArgs, TriggerArgs};
use super::output::Output;
use super::setup::{self, Results};
use crate::error::Error;
use crate::store::Role;

pub(super) async fn trigger(
    config: Option<&Path>,
    log: &LogArgs,
    args: TriggerArgs,
    output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::configuration(config)?;
    configuration.log(log, output.is_terminal() && !args.form.json)?;
    let jobs = configuration.select(&args.jobs)?;
    let stop = setup::stop_on_signals()?;
    let store = configuration.open(Role::Command)?;
    let interrupted = store.take_over().await?;
    let runner = configuration.runner(&store, &stop, &interrupted, Some(setup::RECORDING))?;

    let mut results = Results::new(args.form.json, output);
    let mut tasks = JoinSet::new();
    for interrupted in interrupted {
        let runner = runner.clone();
        tasks.spawn(async move { Ok(runner.take_up(interrupted).await) });
    }
    for job in jobs {
        let (runner, reason) = (runner.clone(), args.reason.clone());
        tasks.spawn(async move { runner.trigger(&job, reason).await });
    }
    while let Some(done) = tasks.join_next().await {
        let ended = done.map_err(|error| Error::Internal(error.to_string()))??;
        match ended {
            Some(ended) => results.add(ended)?,
            None => results.add_orphan(),
        }
    }
    results.finish(&store).await
}
