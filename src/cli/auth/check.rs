//! `calloff auth check`: whether an account's credentials are good, and allow what its jobs call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use calloff_core::ids::AccountName;
use calloff_core::scope;
use serde::Serialize;

use super::finding::{Finding, Shown, Use, exit_code, findings};
use super::whereabouts;
use crate::cli::args::{AuthCheckArgs, LogArgs};
use crate::cli::output::{Output, notice};
use crate::cli::reading::{POLICY, pursuer};
use crate::cli::setup::{self, Configuration};
use crate::daemon;
use crate::error::Error;
use crate::report::{self, Checked};

/// One check, as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    account: &'a str,
    check: &'a str,
    ok: Option<bool>,
    detail: &'a str,
}

pub(super) async fn check(
    config: Option<&Path>,
    log: &LogArgs,
    args: &AuthCheckArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::configuration(config)?;
    configuration.log(log, true)?;
    let uses = uses(&configuration, args.account.as_ref())?;
    let surroundings = setup::surroundings();
    let needed: BTreeSet<AccountName> = uses.keys().cloned().collect();
    let accounts = configuration.accounts(&needed, &configuration.state_folder(), &surroundings)?;
    let audited = daemon::audit(&pursuer(&surroundings), &accounts, POLICY).await;
    let now = surroundings.clock.now();
    let audited = audited.map_err(|error| Error::Internal(error.to_string()))?;

    let found: Vec<(&str, Vec<Finding>)> = audited
        .iter()
        .map(|(name, audited)| {
            let mut findings = findings(uses.get(name).map_or(&[], Vec::as_slice), audited);
            if let Some(account) = configuration.settings.accounts.get(name) {
                findings.push(whereabouts::data_center(account, audited));
                findings.push(whereabouts::organisation(account, audited, now));
            }
            (name.as_str(), findings)
        })
        .collect();
    print(&found, args.form.json, &mut output)?;
    advise(&found);
    let shown: Vec<Shown> =
        found.iter().flat_map(|(_, findings)| findings).map(|found| found.shown).collect();
    Ok(ExitCode::from(exit_code(&shown)))
}

/// What is to be tested of which account: of the one that is named, else of those that jobs use, else of all.
fn uses(
    configuration: &Configuration,
    named: Option<&AccountName>,
) -> Result<BTreeMap<AccountName, Vec<Use>>, Error> {
    let needs = scope::needs_by_account(configuration.jobs.iter().map(AsRef::as_ref));
    let accounts: Vec<&AccountName> = match named {
        Some(name) => vec![&configuration.find_account(name)?.name],
        None if needs.is_empty() => configuration.settings.accounts.keys().collect(),
        None => needs.keys().collect(),
    };
    let uses_of =
        |name: &AccountName| needs.get(name).map_or_else(Use::of_commands, |needs| Use::of_jobs(needs));
    Ok(accounts.into_iter().map(|name| (name.clone(), uses_of(name))).collect())
}

fn print(found: &[(&str, Vec<Finding>)], is_json: bool, output: &mut Output) -> Result<(), Error> {
    let each = || found.iter().flat_map(|(account, findings)| findings.iter().map(move |of| (*account, of)));
    if !is_json {
        let rows = each().map(|(account, Finding { check, shown, detail, .. })| Checked {
            account,
            check,
            ok: shown.is_ok(),
            word: shown.as_str(),
            detail,
        });
        return output.text(&report::credentials(rows, output.width()));
    }
    for (account, Finding { check, shown, detail, .. }) in each() {
        output.json(&Row { account, check, ok: shown.is_ok(), detail })?;
    }
    Ok(())
}

/// Says what to do, once for each account and reason.
fn advise(found: &[(&str, Vec<Finding>)]) {
    for (account, findings) in found {
        let hints: BTreeSet<&str> = findings.iter().filter_map(|finding| finding.hint.as_deref()).collect();
        for hint in hints {
            notice(&format!("account `{account}`: {hint}"));
        }
    }
}
