//! `calloff explain`: why a job would or would not act at an instant.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use calloff_core::config::Job;
use calloff_core::explain::{self, Explained, Past};
use calloff_core::forecast::{Action, Player};

use super::args::{ExplainArgs, LogArgs};
use super::forecast::{Row, advice, is_refused, needs, read_zoho, unread};
use super::next;
use super::output::{Output, notice};
use super::setup::{self, Configuration};
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::Surveyed;
use crate::error::Error;
use crate::report::{self, Explanation};

pub(super) async fn explain(
    config: Option<&Path>,
    log: &LogArgs,
    args: &ExplainArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let mut configuration = setup::configuration(config)?;
    configuration.log(log, true)?;
    let record = configuration.on_record().await?;
    record.follow(&mut configuration.jobs);
    let job = Arc::clone(&configuration.select(std::slice::from_ref(&args.job))?[0]);
    let at = next::instant(&args.at, &job)?;
    let account = if args.offline { Surveyed::default() } else { survey(&configuration, &job).await? };

    let now = SystemClock.now();
    let of_account = configuration.jobs.iter().filter(|other| other.account == job.account);
    let players: Vec<Player<'_>> = of_account.map(|job| record.player(job, now)).collect();
    let place = players.iter().position(|player| player.job.name == job.name).unwrap_or_default();
    let standing = record.standing(&job.account);
    let told = explain::explain(&players, place, &account.facts, standing, now, at, args.offline);
    let Some(mut told) = told else {
        return Err(Error::Internal("a job is not among its account's".to_owned()));
    };
    if let Some(occurrence) = told.on_record(now) {
        let first = match configuration.open_existing()? {
            Some(store) => store.first_run_from(job.name.clone(), occurrence).await?,
            None => None,
        };
        told.look_back(&players[place], first, now, args.offline);
    }

    if args.form.json {
        output.json(&Row::new(&told.row, &account.facts).with_conditions(&told.row))?;
    } else {
        let explanation = Explanation { told: &told, pause: players[place].pause, live: &account.facts.live };
        output.text(&report::explain(&explanation, now, output.width()))?;
    }
    if !told.is_reached {
        notice(&format!("too many occurrences come before {at} to play them all: name an earlier instant"));
    }
    if let Some(unread) = unread(&job.account, &account) {
        notice(&unread);
    }
    if let Some(advice) = advice(&job.account, &account) {
        notice(&advice);
    }
    Ok(ExitCode::from(exit_code(&told, &account, args.offline)))
}

/// That Zoho was not asked is no failure to tell.
fn exit_code(told: &Explained<'_>, account: &Surveyed, is_offline: bool) -> u8 {
    let is_told = told.row.action != Action::Unknown || matches!(told.past, Past::OnRecord(_));
    match &account.unread {
        _ if is_told => 0,
        Some(_) if is_refused(account) => 77,
        Some(_) => 69,
        None if told.is_reached && is_offline => 0,
        None => 1,
    }
}

/// Reads the live backup, and the history if this job asks for it: what the others need is not worth the calls.
async fn survey(configuration: &Configuration, job: &Job) -> Result<Surveyed, Error> {
    let needs = BTreeMap::from([(job.account.clone(), needs(&[job]))]);
    let mut surveyed = read_zoho(configuration, &needs, 1).await?;
    Ok(surveyed.remove(&job.account).unwrap_or_default())
}
