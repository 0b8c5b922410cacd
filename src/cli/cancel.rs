//! `calloff cancel`: backups by ID, without a job file.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use tokio::task::JoinSet;

use super::args::{CancelArgs, LogArgs};
use super::output::Output;
use super::results::{Done, Results};
use super::setup;
use crate::daemon::Fired;
use crate::error::Error;
use crate::store::Role;

pub(super) async fn cancel(
    config: Option<&Path>,
    log: &LogArgs,
    args: CancelArgs,
    output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::settings_alone(config)?;
    configuration.log(log, output.is_terminal() && !args.form.json)?;
    configuration.find_account(&args.account)?;
    let mut seen = BTreeSet::new();
    let mut backups = args.backups;
    backups.retain(|backup| seen.insert(backup.clone()));
    let stop = setup::stop_on_signals()?;
    let store = configuration.open(Role::Command)?;
    let runner =
        configuration.runner_of(&store, &stop, [args.account.clone()].into(), Some(setup::RECORDING)).await?;

    let mut tasks = JoinSet::new();
    let (account, reason) = (args.account, args.reason);
    tasks.spawn(async move {
        let ended = runner.cancel(&account, &backups, reason).await?;
        Ok(Done::Fired(Box::new(Fired { missed: None, ended })))
    });
    let mut results = Results::new(args.form.json, output);
    results.collect(tasks, &stop, configuration.settings.grace).await;
    results.finish(&store).await
}
