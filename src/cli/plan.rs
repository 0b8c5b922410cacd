//! `calloff plan`: what the coming occurrences would do, against what Zoho has now.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use calloff_core::forecast::{self, Action, Forecast, Player};
use calloff_core::ids::AccountName;
use jiff::{SignedDuration, Timestamp};

use super::args::{LogArgs, PlanArgs};
use super::forecast::{Record, Row, by_account, is_refused, live_of, read_zoho};
use super::output::{Output, notice};
use super::setup;
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::Surveyed;
use crate::error::Error;
use crate::report::{self, AccountPlan};

/// Occurrences of one account that are played at most: a job that is due every second would fill the screen.
const MOST_ROWS: usize = 10_000;

pub(super) async fn plan(
    config: Option<&Path>,
    log: &LogArgs,
    args: &PlanArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::configuration(config)?;
    configuration.log(log, true)?;
    let shown = configuration.select(&args.jobs)?;
    let record = Record::read(&configuration).await?;
    let named = by_account(shown.iter().filter(|job| job.enabled));
    // What the other jobs of these accounts do counts for those that are shown.
    let mut accounts = by_account(configuration.jobs.iter().filter(|job| job.enabled));
    accounts.retain(|name, _| named.contains_key(name));
    if accounts.is_empty() {
        notice("no job is enabled: there is nothing to plan");
        return Ok(ExitCode::SUCCESS);
    }
    let surveyed = read_zoho(&configuration, &accounts, usize::from(args.concurrency)).await?;

    let now = SystemClock.now();
    let length = SignedDuration::try_from(args.until).unwrap_or(SignedDuration::MAX);
    let until = now.saturating_add(length).unwrap_or(Timestamp::MAX);
    let mut forecasts: BTreeMap<&AccountName, Forecast<'_>> = BTreeMap::new();
    for (name, jobs) in &accounts {
        let players: Vec<Player<'_>> = jobs.iter().map(|job| record.player(job, now)).collect();
        let Some(account) = surveyed.get(name) else { continue };
        let mut forecast = forecast::foretell(&players, &account.facts, now, until, MOST_ROWS);
        let of_shown = &named[name];
        forecast.rows.retain(|row| of_shown.iter().any(|job| job.name == row.job.name));
        forecasts.insert(name, forecast);
    }
    if args.form.json {
        print_rows(&forecasts, &surveyed, &mut output)?;
    } else {
        let plans: Vec<AccountPlan<'_>> = forecasts
            .iter()
            .map(|(name, forecast)| AccountPlan {
                account: name.as_str(),
                live: live_of(&surveyed[*name].facts),
                forecast,
            })
            .collect();
        output.text(&report::plan(&plans, now, until, output.width()))?;
    }
    if args.form.json {
        note_gaps(&forecasts, &surveyed);
    }
    let cancels =
        forecasts.values().flat_map(|forecast| &forecast.rows).any(|row| row.action == Action::Cancel);
    Ok(exit_code(&surveyed, args.detailed_exitcode && cancels))
}

fn print_rows(
    forecasts: &BTreeMap<&AccountName, Forecast<'_>>,
    surveyed: &BTreeMap<AccountName, Surveyed>,
    output: &mut Output,
) -> Result<(), Error> {
    let mut rows: Vec<_> = forecasts
        .iter()
        .flat_map(|(name, forecast)| forecast.rows.iter().map(|row| (row, &surveyed[*name].facts)))
        .collect();
    rows.sort_by_key(|(row, _)| (row.fire_at, row.job.name.clone()));
    rows.iter().try_for_each(|(row, facts)| output.json(&Row::new(row, facts)))
}

/// Says what the plan lacks: rows alone don't.
fn note_gaps(forecasts: &BTreeMap<&AccountName, Forecast<'_>>, surveyed: &BTreeMap<AccountName, Surveyed>) {
    for (name, account) in surveyed {
        if let Some(unread) = &account.unread {
            notice(&format!("account `{name}` could not be read: {}", unread.why()));
        }
    }
    if let Some(cut_at) = forecasts.values().filter_map(|forecast| forecast.cut_at).min() {
        notice(&format!(
            "there are too many occurrences: from {cut_at} on the plan is not complete; say --until or name jobs"
        ));
    }
}

fn exit_code(surveyed: &BTreeMap<AccountName, Surveyed>, something_to_do: bool) -> ExitCode {
    let unread = surveyed.values().filter(|account| account.unread.is_some()).count();
    let refused = surveyed.values().filter(|account| is_refused(account)).count();
    ExitCode::from(if unread == 0 {
        if something_to_do { 2 } else { 0 }
    } else if unread < surveyed.len() {
        1
    } else if refused == unread {
        77
    } else {
        69
    })
}
