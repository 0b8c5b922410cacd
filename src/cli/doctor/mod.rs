//! `calloff doctor`: everything around Calloff that may be wrong, one line each. It changes nothing.

mod machine;
mod network;
mod own;

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use calloff_core::checkup::{self, Check, Finding, Health};
use calloff_core::config::{LogFormat, Settings};

use super::args::{DoctorArgs, LogArgs};
use super::output::{Output, notice};
use super::setup::{self, Configuration};
use crate::error::{Error, chain};
use crate::files::{self, Loaded};
use crate::{logs, report};

pub(super) async fn doctor(
    config: Option<&Path>,
    log: &LogArgs,
    args: &DoctorArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    logs::init(LogFormat::Auto, log.log_level.as_deref().unwrap_or("warn")).map_err(Error::Usage)?;
    let surroundings = setup::surroundings();
    let (mut findings, loaded) = match files::find_config(config) {
        Ok(path) => {
            let loaded = files::load(&path, Some(surroundings.clock.now()));
            let mut findings = vec![own::configuration(&path, &loaded)];
            findings.extend(own::permissions(&path, &loaded));
            (findings, loaded)
        }
        Err(error) => {
            let hint = "`calloff init` makes one to start with";
            (vec![Finding::failed(Check::Configuration, chain(&error), hint)], Loaded::default())
        }
    };
    let reached = network::reach(accounts(&loaded), &surroundings).await;
    let now = surroundings.clock.now();
    findings.push(checkup::clock(now, &reached.times));
    findings.push(machine::time_zones(&loaded, now));
    match &loaded.settings {
        Some(settings) => {
            let jobs = Vec::new();
            let configuration =
                Configuration { settings: settings.clone(), folder: loaded.base.clone(), jobs };
            findings.extend(own::credentials(&configuration));
            findings.push(own::http(&configuration));
            findings.extend(own::sinks(&configuration));
            findings.push(machine::state_folder(&configuration));
            findings.push(machine::record(&configuration).await);
            findings.push(machine::daemon(&configuration));
        }
        None => findings.extend(untold()),
    }
    findings.extend(reached.findings);
    // In the order of the checks, whatever was looked at first.
    findings.sort_by_key(|found| Check::ALL.iter().position(|check| *check == found.check));
    print(&findings, args.form.json, &mut output)?;
    Ok(ExitCode::from(checkup::exit_code(&findings)))
}

fn accounts(loaded: &Loaded) -> Vec<&calloff_core::config::Account> {
    loaded.settings.iter().flat_map(|Settings { accounts, .. }| accounts.values()).collect()
}

/// What can't be looked at without a valid `calloff.toml`.
fn untold() -> impl Iterator<Item = Finding> {
    let hint = "mend calloff.toml first";
    [Check::Credentials, Check::Http, Check::Store, Check::Daemon, Check::Reachability]
        .into_iter()
        .map(move |check| Finding::warn(check, "can't be told without a valid calloff.toml", hint))
}

/// Whether everybody on this machine may write a file, or put another one into a folder in place of one.
fn others_may_write(metadata: &Metadata) -> bool {
    let mode = metadata.permissions().mode();
    // With the sticky bit, as /tmp has it, nobody can touch another's files.
    let is_guarded = metadata.is_dir() && mode & 0o1000 != 0;
    mode & 0o002 != 0 && !is_guarded
}

fn print(findings: &[Finding], is_json: bool, output: &mut Output) -> Result<(), Error> {
    if is_json {
        return findings.iter().try_for_each(|found| output.json(found));
    }
    output.text(&report::checkup(findings, output.width()))?;
    for (hint, of) in hints(findings) {
        notice(&format!("{}: {hint}", of.join(", ")));
    }
    Ok(())
}

/// What to do, and about what: once for what has the same remedy.
fn hints(findings: &[Finding]) -> BTreeMap<&str, Vec<String>> {
    let mut hints: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for found in findings.iter().filter(|found| found.result != Health::Ok) {
        let Some(hint) = &found.hint else { continue };
        let subject = found.subject.as_ref().map(|subject| format!(" ({subject})"));
        hints.entry(hint).or_default().push(format!("{}{}", found.check, subject.unwrap_or_default()));
    }
    hints
}
