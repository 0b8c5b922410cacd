//! `calloff pause` and `calloff resume`: overrides that are kept in the record, never in files.

use std::path::Path;
use std::process::ExitCode;

use calloff_core::agenda::Pause;

use super::args::{PauseArgs, ResumeArgs};
use super::output::Output;
use super::setup;
use crate::clock::{Clock as _, SystemClock};
use crate::error::Error;
use crate::report;
use crate::store::Role;

pub(super) async fn pause(
    config: Option<&Path>,
    args: PauseArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::configuration(config)?;
    configuration.select(std::slice::from_ref(&args.job))?;
    let since = SystemClock.now();
    let until = since.checked_add(args.length).ok().filter(|until| *until > since).ok_or_else(|| {
        Error::Usage("a pause lasts longer than 0s, and ends before the year 9999".to_owned())
    })?;
    let store = configuration.open(Role::Reader)?;
    store.pause(args.job.clone(), Pause { since, until, reason: args.reason }).await?;
    store.close().await;
    output.text(&format!(
        "{} is paused until {} ({})\n",
        args.job,
        report::seconds(until),
        report::relative(until, since)
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn resume(
    config: Option<&Path>,
    args: ResumeArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::configuration(config)?;
    configuration.select(std::slice::from_ref(&args.job))?;
    let store = configuration.open(Role::Reader)?;
    let paused = store.resume(args.job.clone(), SystemClock.now()).await?;
    store.close().await;
    let said = if paused { "goes on from now" } else { "was not paused" };
    output.text(&format!("{} {said}\n", args.job))?;
    Ok(ExitCode::SUCCESS)
}
