//! `calloff auth`: an account's credentials. One file a subcommand.

mod check;
mod code;
mod exchange;
mod finding;
mod whereabouts;

use std::path::Path;
use std::process::ExitCode;

use super::args::{AuthArgs, AuthCommand, LogArgs};
use super::output::Output;
use crate::error::Error;

pub(super) async fn auth(
    config: Option<&Path>,
    log: &LogArgs,
    args: AuthArgs,
    output: Output,
) -> Result<ExitCode, Error> {
    match args.command {
        AuthCommand::Exchange(args) => exchange::exchange(config, log, &args, output).await,
        AuthCommand::Check(args) => check::check(config, log, &args, output).await,
    }
}
