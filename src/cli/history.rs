//! `calloff history`: what happened.

use std::path::Path;
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};

use super::args::HistoryArgs;
use super::output::{Output, notice};
use super::setup;
use crate::clock::{Clock as _, SystemClock};
use crate::error::Error;
use crate::report;
use crate::store::Filter;

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
    let runs = match configuration.open_existing()? {
        Some(store) => store.history(filter).await?,
        None => vec![],
    };
    if args.form.json {
        for run in &runs {
            output.json(run)?;
        }
    } else if runs.is_empty() {
        notice("no run on record matches");
    } else {
        output.text(&report::history(&runs, output.width()))?;
    }
    Ok(ExitCode::SUCCESS)
}
