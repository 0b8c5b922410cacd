//! `calloff restore`: the recurring backups that are owed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use calloff_core::config::{Job, Settings};
use calloff_core::ids::RestoreId;
use calloff_core::overview::{DebtRow, StandingDebt};
use calloff_core::reload::LeftOut;
use calloff_core::restore::{Debt, DebtState, Payment};
use jiff::Timestamp;

use super::args::{LogArgs, RestoreCommand, RestoreListArgs, RestorePayArgs, RestoreWaiveArgs};
use super::output::{Output, notice};
use super::reading::exit_code;
use super::setup::{self, Configuration};
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::Paid;
use crate::error::Error;
use crate::report;
use crate::store::{ForPayment, Role, Store};

/// These debts, each with when it is to be paid by the files as they are now.
pub(super) fn standing(
    settings: &Settings,
    jobs: &[Arc<Job>],
    left_out: &LeftOut,
    debts: Vec<Debt>,
    now: Timestamp,
) -> Vec<StandingDebt> {
    let jobs = || jobs.iter().map(AsRef::as_ref);
    debts.into_iter().map(|debt| StandingDebt::of(debt, settings, jobs(), left_out, now)).collect()
}

/// Prints one debt, as it stands now.
fn print_json(configuration: &Configuration, debt: Debt, output: &mut Output) -> Result<(), Error> {
    output.json(&DebtRow::new(&standing_now(configuration, debt), SystemClock.now()))
}

fn standing_now(configuration: &Configuration, debt: Debt) -> StandingDebt {
    let (now, jobs) = (SystemClock.now(), configuration.jobs.iter().map(AsRef::as_ref));
    StandingDebt::of(debt, &configuration.settings, jobs, &LeftOut::default(), now)
}

pub(super) async fn restore(
    config: Option<&Path>,
    log: &LogArgs,
    command: RestoreCommand,
    output: Output,
) -> Result<ExitCode, Error> {
    match command {
        RestoreCommand::List(args) => list(config, &args, output).await,
        RestoreCommand::Pay(args) => pay(config, log, &args, output).await,
        RestoreCommand::Waive(args) => waive(config, args, output).await,
    }
}

async fn list(config: Option<&Path>, args: &RestoreListArgs, mut output: Output) -> Result<ExitCode, Error> {
    // What is owed is shown even if a job file is broken.
    let (configuration, left_out, _) = setup::configuration_as_far_as_valid(config)?;
    let now = SystemClock.now();
    let debts = match configuration.open_existing()? {
        Some(store) if args.owed => store.owed().await?,
        Some(store) => store.debts().await?,
        None => vec![],
    };
    let debts = standing(&configuration.settings, &configuration.jobs, &left_out, debts, now);
    if args.form.json {
        for debt in &debts {
            output.json(&DebtRow::new(debt, now))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    output.text(&text(&debts, now, output.width()))?;
    Ok(ExitCode::SUCCESS)
}

/// Debts that are paid or waived and listed for people, at most.
const LISTED: usize = 50;

/// Debts for people: what is owed, then what was paid or waived.
pub(super) fn text(debts: &[StandingDebt], now: Timestamp, width: Option<u16>) -> String {
    let (owed, ended): (Vec<_>, Vec<_>) =
        debts.iter().partition(|standing| standing.debt.state == DebtState::Owed);
    let mut text =
        if owed.is_empty() { "nothing is owed\n".to_owned() } else { report::owed(owed, now, width) };
    if !ended.is_empty() {
        text.push('\n');
        text.push_str(&report::ended(ended.into_iter().take(LISTED), width));
    }
    text
}

/// What there is to say if another process is at it.
const AT_WORK: &str =
    "another process is paying it, or a cancel that adds to it is under way: try again in a minute";

async fn pay(
    config: Option<&Path>,
    log: &LogArgs,
    args: &RestorePayArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let (configuration, ..) = setup::configuration_as_far_as_valid(config)?;
    configuration.log(log, output.is_terminal() && !args.form.json)?;
    let stop = setup::stop_on_signals()?;
    let store = configuration.open(Role::Command)?;
    let debt = find(&store, args.restore_id).await?;
    let accounts = BTreeSet::from([debt.account.clone()]);
    let runner = configuration.runner_of(&store, &stop, accounts, Some(setup::RECORDING)).await?;
    if let (DebtState::Owed, Some(closes)) = (debt.state, open_until(&configuration, &debt)) {
        notice(&format!(
            "a window is open until {}: a job that holds it will call the backup off again",
            report::seconds(closes)
        ));
    }
    let paid = runner.pay(args.restore_id).await?;
    let (debt, code) = match paid {
        Paid::Yes(debt) => (debt, 0),
        Paid::No(debt, refusal) => {
            notice(&format!("it is still owed: {}", refusal.why));
            (debt, exit_code(refusal.outcome, refusal.code.as_deref()))
        }
        Paid::Before(debt) => {
            notice(&format!("it was {} before", debt.state));
            let code = if debt.state == DebtState::Paid { 0 } else { 64 };
            (debt, code)
        }
        Paid::Unknown => return Err(unknown(args.restore_id)),
        Paid::NoAccount(debt) => {
            return Err(Error::Usage(format!(
                "the account `{}` is not in calloff.toml: put it back, or waive the restore",
                debt.account
            )));
        }
        Paid::Busy => {
            notice(AT_WORK);
            (debt, 69)
        }
        Paid::Stopped => {
            notice("it was not settled; `calloff restore list` shows how it stands");
            (debt, 1)
        }
    };
    if args.form.json {
        print_json(&configuration, debt, &mut output)?;
    } else if debt.state == DebtState::Paid {
        output.text(&report::paid(&debt))?;
    }
    close(&store).await?;
    Ok(ExitCode::from(code))
}

async fn waive(config: Option<&Path>, args: RestoreWaiveArgs, mut output: Output) -> Result<ExitCode, Error> {
    let (configuration, ..) = setup::configuration_as_far_as_valid(config)?;
    let store = configuration.open(Role::Reader)?;
    match store.waive(args.restore_id, args.reason, SystemClock.now()).await? {
        ForPayment::Ours(_) => {}
        ForPayment::Unknown => return Err(unknown(args.restore_id)),
        ForPayment::Ended(debt) => {
            return Err(Error::Usage(format!("the restore {} was {} before", args.restore_id, debt.state)));
        }
        ForPayment::Busy => {
            notice(AT_WORK);
            return Ok(ExitCode::from(69));
        }
    }
    let after = find(&store, args.restore_id).await?;
    close(&store).await?;
    if args.form.json {
        print_json(&configuration, after, &mut output)?;
    } else {
        output.text(&format!(
            "waived: {} is not scheduled again in {}\n",
            after.pre_image.rrule, after.account
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn close(store: &Store) -> Result<(), Error> {
    tokio::time::timeout(setup::RECORDING, store.close()).await.map_err(|_| Error::Unrecorded)
}

async fn find(store: &Store, id: RestoreId) -> Result<Debt, Error> {
    let debts = store.debts().await?;
    debts.into_iter().find(|debt| debt.restore_id == id).ok_or_else(|| unknown(id))
}

fn unknown(id: RestoreId) -> Error {
    Error::Usage(format!("there is no restore `{id}`; `calloff restore list` lists them"))
}

/// When the last window closes of those that a job of the debt's account has open now and holds, or restores after.
fn open_until(configuration: &Configuration, debt: &Debt) -> Option<Timestamp> {
    let untried = Debt { next_try: None, ..debt.clone() };
    match standing_now(configuration, untried).payment {
        Payment::At(closes) => Some(closes),
        Payment::Now | Payment::ByHand(_) => None,
    }
}
