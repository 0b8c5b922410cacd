//! `calloff pause` and `calloff resume`: overrides that are kept in the record, never in files.
//!
//! A daemon that runs keeps the record, and does it; else the command does it itself.

use std::path::Path;
use std::process::ExitCode;

use calloff_core::agenda::Pause;
use calloff_core::ids::JobName;

use super::args::{PauseArgs, ResumeArgs};
use super::attending::pause_of;
use super::output::Output;
use super::{asking, setup};
use crate::clock::{Clock as _, SystemClock};
use crate::control::Request;
use crate::error::Error;
use crate::report;
use crate::store::Role;

pub(super) async fn pause(
    config: Option<&Path>,
    args: PauseArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let pause = pause_of(args.length, args.reason, SystemClock.now())?;
    let for_ms = u64::try_from(args.length.as_millis()).unwrap_or(u64::MAX);
    let request = Request::Pause { job: args.job.to_string(), for_ms, reason: pause.reason.clone() };
    if let Some(answer) = asking::ask(config, &request).await? {
        return asking::print(&answer, &mut output);
    }
    let configuration = setup::configuration(config)?;
    configuration.select(std::slice::from_ref(&args.job))?;
    let store = configuration.open(Role::Reader)?;
    let said = paused(&args.job, &pause);
    store.pause(args.job, pause).await?;
    store.close().await;
    output.text(&said)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn resume(
    config: Option<&Path>,
    args: ResumeArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    if let Some(answer) = asking::ask(config, &Request::Resume { job: args.job.to_string() }).await? {
        return asking::print(&answer, &mut output);
    }
    let configuration = setup::configuration(config)?;
    configuration.select(std::slice::from_ref(&args.job))?;
    let store = configuration.open(Role::Reader)?;
    let was_paused = store.resume(args.job.clone(), SystemClock.now()).await?;
    store.close().await;
    output.text(&resumed(&args.job, was_paused))?;
    Ok(ExitCode::SUCCESS)
}

/// Says that a job is paused.
pub(super) fn paused(job: &JobName, Pause { since, until, .. }: &Pause) -> String {
    format!("{job} is paused until {} ({})\n", report::seconds(*until), report::relative(*until, *since))
}

/// Says that a job is not paused any more.
pub(super) fn resumed(job: &JobName, was_paused: bool) -> String {
    format!("{job} {}\n", if was_paused { "goes on from now" } else { "was not paused" })
}
