//! `calloff backup`: Zoho's own view of an account's backups. One file a subcommand.

mod history;
mod schedule;
mod show;

use std::path::Path;
use std::process::ExitCode;

use super::args::{BackupArgs, BackupCommand, LogArgs};
use super::output::Output;
use super::setup;
use crate::error::Error;

pub(super) async fn backup(
    config: Option<&Path>,
    log: &LogArgs,
    args: BackupArgs,
    output: Output,
) -> Result<ExitCode, Error> {
    // Job files don't matter here.
    let configuration = setup::settings_alone(config)?;
    configuration.log(log, true)?;
    match args.command {
        BackupCommand::Show(args) => show::show(&configuration, &args, output).await,
        BackupCommand::History(args) => history::history(&configuration, &args, output).await,
        BackupCommand::Schedule(args) => schedule::schedule(&configuration, &args, output).await,
    }
}
