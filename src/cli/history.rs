//! `calloff history`: what happened.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use calloff_core::ids::IdError;
use calloff_core::run::MANUAL_JOB;
use jiff::{SignedDuration, Timestamp};

use super::args::HistoryArgs;
use super::output::{Output, notice};
use super::setup;
use crate::clock::{Clock as _, SystemClock};
use crate::error::Error;
use crate::report;
use crate::store::Filter;

/// Refuses a job that there is neither on record nor in a file.
fn check_job(config: Option<&Path>, job: &str) -> Result<(), Error> {
    let (configuration, left_out, _) = setup::configuration_as_far_as_valid(config)?;
    if left_out.may_have(job) {
        return Ok(());
    }
    let name = job.parse().map_err(|error: IdError| Error::Usage(error.to_string()))?;
    configuration.select(&[name]).map(drop)
}

/// Runs that a person is shown unless they ask for more.
const SHOWN: u32 = 50;

pub(super) async fn history(
    config: Option<&Path>,
    args: &HistoryArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::settings_alone(config)?;
    let filter = Filter {
        since: args.since.map(|back| {
            let back = SignedDuration::try_from(back).unwrap_or(SignedDuration::MAX);
            SystemClock.now().saturating_sub(back).unwrap_or(Timestamp::MIN)
        }),
        outcome: args.outcome,
        jobs: args.jobs.clone(),
        limit: args.limit.or((!args.form.json).then_some(SHOWN)),
    };
    let limit = filter.limit;
    let (runs, known) = match configuration.open_existing()? {
        Some(store) => (store.history(filter).await?, store.known_jobs().await?),
        None => (vec![], BTreeSet::new()),
    };
    // A job whose file is gone has its history still.
    let on_record = |job: &&String| known.contains(*job) || *job == MANUAL_JOB;
    if let Some(job) = args.jobs.iter().find(|job| !on_record(job)) {
        check_job(config, job)?;
    }
    if args.form.json {
        for run in &runs {
            output.json(run)?;
        }
    } else if runs.is_empty() {
        notice("no run on record matches");
    } else {
        output.text(&report::history(&runs, output.width()))?;
        if args.limit.is_none() && limit.is_some_and(|limit| runs.len() >= limit as usize) {
            notice(&format!("these are the newest {SHOWN}; --limit N shows more"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
