//! `calloff notify`: whether those who are told what happens can be.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use calloff_core::notify::{Notice, Tried};
use serde::Serialize;
use tokio::task::JoinSet;

use super::args::{LogArgs, NotifyCommand, NotifyTestArgs};
use super::output::Output;
use super::setup;
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::Sinks;
use crate::error::Error;

/// What came of a test, as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    sink: &'a str,
    told: bool,
    reason: Option<&'a str>,
}

pub(super) async fn notify(
    config: Option<&Path>,
    log: &LogArgs,
    command: &NotifyCommand,
    output: Output,
) -> Result<ExitCode, Error> {
    match command {
        NotifyCommand::Test(args) => test(config, log, args, output).await,
    }
}

async fn test(
    config: Option<&Path>,
    log: &LogArgs,
    args: &NotifyTestArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::settings_alone(config)?;
    configuration.log(log, output.is_terminal() && !args.form.json)?;
    if configuration.settings.notify.is_empty() {
        return Err(Error::Usage("calloff.toml has no `[[notify]]`: there is nobody to tell".to_owned()));
    }
    let Sinks { sinks, missing, .. } = Sinks::ready(&configuration.settings, &configuration.folder);
    let now = SystemClock.now();
    let text =
        format!("This is a test of Calloff, sent by `calloff notify test` at {now}: nothing has happened");
    let body =
        serde_json::to_string(&Notice::test(&text)).map_err(|error| Error::Internal(error.to_string()))?;
    let mut tests = JoinSet::new();
    for (place, sink) in sinks.iter().enumerate() {
        let (sink, body) = (Arc::clone(sink), body.clone());
        let key = format!("calloff-test-{}-{place}", now.as_millisecond());
        tests.spawn(async move { (place, sink.tell(&body, &key).await) });
    }
    let mut tried = tests.join_all().await;
    tried.sort_by_key(|(place, _)| *place);
    let mut rows: Vec<(&str, Option<&str>)> =
        missing.iter().map(|(name, why)| (name.as_str(), Some(why.as_str()))).collect();
    rows.extend(sinks.iter().zip(&tried).map(|(sink, (_, tried))| {
        let why = match tried {
            Tried::Done => None,
            Tried::Failed { why, .. } | Tried::Refused { why } => Some(why.as_str()),
        };
        (sink.name(), why)
    }));
    for (sink, reason) in &rows {
        if args.form.json {
            output.json(&Row { sink, told: reason.is_none(), reason: *reason })?;
        } else {
            output.text(&match reason {
                None => format!("told    {sink}\n"),
                Some(reason) => format!("failed  {sink}: {reason}\n"),
            })?;
        }
    }
    let failed = rows.iter().any(|(_, reason)| reason.is_some());
    Ok(ExitCode::from(match (missing.is_empty(), failed) {
        (false, _) => 78,
        (true, true) => 69,
        (true, false) => 0,
    }))
}
