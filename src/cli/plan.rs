//! `calloff plan`: what the coming occurrences would do, against what Zoho has now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use calloff_core::condition::Needs;
use calloff_core::config::Job;
use calloff_core::forecast::{self, Action, Forecast, Player};
use calloff_core::ids::{AccountName, JobName};
use jiff::{SignedDuration, Timestamp};

use super::args::{LogArgs, PlanArgs};
use super::forecast::{Row, advice, by_account, is_refused, is_unread, needs, read_zoho, unread};
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
    let mut configuration = setup::configuration(config)?;
    configuration.log(log, true)?;
    let record = configuration.on_record().await?;
    record.follow(&mut configuration.jobs);
    let shown = configuration.select(&args.jobs)?;
    let named = by_account(shown.iter().filter(|job| job.enabled));
    // What the other jobs of these accounts do counts for those that are shown; and what one has done that is switched
    // off by now may be owed until its window closes.
    let mut accounts = by_account(&configuration.jobs);
    accounts.retain(|name, _| named.contains_key(name));
    if accounts.is_empty() {
        let which = if args.jobs.is_empty() { "no job" } else { "none of the jobs named" };
        notice(&format!("{which} is enabled: there is nothing to plan"));
        return Ok(ExitCode::SUCCESS);
    }
    let needs = accounts.iter().map(|(name, jobs)| (name.clone(), needs_of_enabled(jobs))).collect();
    let surveyed = read_zoho(&configuration, &needs, usize::from(args.concurrency)).await?;

    let now = SystemClock.now();
    let length = SignedDuration::try_from(args.until).unwrap_or(SignedDuration::MAX);
    let until = now.saturating_add(length).unwrap_or(Timestamp::MAX);
    let mut forecasts: BTreeMap<&AccountName, Forecast<'_>> = BTreeMap::new();
    for (name, jobs) in &accounts {
        let shown: BTreeSet<&JobName> = named[name].iter().map(|job| &job.name).collect();
        let mut players: Vec<Player<'_>> = jobs.iter().map(|job| record.player(job, now)).collect();
        for player in &mut players {
            player.is_shown = shown.contains(&player.job.name);
        }
        let Some(account) = surveyed.get(name) else { continue };
        let standing = record.standing(name);
        forecasts.insert(name, forecast::foretell(&players, &account.facts, standing, now, until, MOST_ROWS));
    }
    if args.form.json {
        print_rows(&forecasts, &surveyed, &mut output)?;
        note_gaps(&forecasts, &surveyed);
    } else {
        let plans: Vec<AccountPlan<'_>> = forecasts
            .iter()
            .map(|(name, forecast)| AccountPlan {
                account: name.as_str(),
                live: &surveyed[*name].facts.live,
                forecast,
            })
            .collect();
        output.text(&report::plan(&plans, now, until, output.width()))?;
    }
    surveyed.iter().filter_map(|(name, account)| advice(name, account)).for_each(|advice| notice(&advice));
    Ok(ExitCode::from(exit_code(&surveyed, &forecasts, args.detailed_exitcode)))
}

fn needs_of_enabled(jobs: &[&Job]) -> Needs {
    let enabled: Vec<&Job> = jobs.iter().copied().filter(|job| job.enabled).collect();
    needs(&enabled)
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
        if let Some(unread) = unread(name, account) {
            notice(&unread);
        }
    }
    if let Some(cut_at) = forecasts.values().filter_map(|forecast| forecast.cut_at).min() {
        notice(&format!(
            "there are too many occurrences: from {cut_at} on the plan is not complete; say --until or name jobs"
        ));
    }
}

/// Without any account read there is no plan; a row that can't be told, or that was cut off, may be a cancel.
fn exit_code(
    surveyed: &BTreeMap<AccountName, Surveyed>,
    forecasts: &BTreeMap<&AccountName, Forecast<'_>>,
    is_detailed: bool,
) -> u8 {
    let comes_to =
        |action| forecasts.values().flat_map(|forecast| &forecast.rows).any(|row| row.action == action);
    if surveyed.values().all(is_unread) {
        if surveyed.values().all(is_refused) { 77 } else { 69 }
    } else if comes_to(Action::Unknown) {
        1
    } else if !is_detailed {
        0
    } else if comes_to(Action::Cancel) {
        2
    } else {
        u8::from(forecasts.values().any(|forecast| forecast.cut_at.is_some()))
    }
}
