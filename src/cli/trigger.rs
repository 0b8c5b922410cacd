//! `calloff trigger`: jobs now, whatever their schedules say.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use calloff_core::ids::JobName;
use tokio::task::JoinSet;

use super::args::{LogArgs, TriggerArgs};
use super::output::Output;
use super::results::{self, Done, Results};
use super::setup;
use crate::daemon::{Fired, Runner};
use crate::error::Error;
use crate::store::Role;

pub(super) async fn trigger(
    config: Option<&Path>,
    log: &LogArgs,
    args: TriggerArgs,
    output: Output,
) -> Result<ExitCode, Error> {
    // Somebody else's slip is no reason not to run what is right.
    let (configuration, left_out, _) = setup::configuration_as_far_as_valid(config)?;
    configuration.log(log, output.is_terminal() && !args.form.json)?;
    if let Some(wrong) = left_out.jobs.iter().find(|wrong| args.jobs.contains(&wrong.job)) {
        return Err(Error::WrongJob { job: wrong.job.to_string(), why: wrong.why.clone() });
    }
    let named: BTreeSet<JobName> = args.jobs.into_iter().collect();
    let jobs = configuration.select(&named.into_iter().collect::<Vec<_>>())?;
    let stop = setup::stop_on_signals()?;
    let store = configuration.open(Role::Command)?;
    let interrupted = store.take_over_at_start().await?;
    let runner = configuration.runner_for(&store, &stop, &jobs, Some(setup::RECORDING)).await?;
    let runner = Runner { left_out: Arc::new(left_out), ..runner };

    let mut tasks = JoinSet::new();
    results::take_up(interrupted, &runner, &mut tasks);
    for job in jobs {
        let (runner, reason) = (runner.clone(), args.reason.clone());
        tasks.spawn(async move {
            let ended = runner.trigger(&job, reason).await?;
            Ok(Done::Fired(Box::new(Fired { missed: None, ended })))
        });
    }
    let mut results = Results::new(args.form.json, output);
    results.collect(tasks, &stop, configuration.settings.grace).await;
    results.finish(&store).await
}
