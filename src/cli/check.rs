//! `calloff check`: everything wrong in every file, offline.

use std::path::Path;
use std::process::ExitCode;

use calloff_core::ids::AccountName;
use calloff_core::scope::{self, Need, Scope};

use super::args::{CheckArgs, CheckFormat};
use super::output::{Output, notice};
use super::setup;
use crate::clock::{Clock as _, SystemClock};
use crate::error::Error;
use crate::files;
use crate::render::{self, Format};

pub(super) fn check(config: Option<&Path>, args: &CheckArgs, mut output: Output) -> Result<ExitCode, Error> {
    let paths = if args.paths.is_empty() { vec![setup::find(config)?] } else { args.paths.clone() };
    let report = files::check(&paths, config, SystemClock.now());
    let format = match args.format {
        CheckFormat::Human => Format::Human,
        CheckFormat::Json => Format::Json,
        CheckFormat::Github => Format::Github,
    };
    output.text(&render::diagnostics(&report.diagnostics, format, true))?;
    if args.format == CheckFormat::Human {
        for said in report.needs.iter().filter_map(|(account, needs)| unusual(account, needs)) {
            notice(&said);
        }
        notice(&report.summary());
    }
    Ok(ExitCode::from(if report.is_valid() { 0 } else { 78 }))
}

/// Names the scopes of an account that needs more than most do: a refresh token without them is noticed late, when the
/// backup is to be put back.
fn unusual(account: &AccountName, needs: &[Need]) -> Option<String> {
    let Need { by, job, .. } = needs.iter().find(|need| need.scope == Scope::Create)?;
    let scopes = scope::listed(needs.iter().map(|need| need.scope));
    Some(format!("account `{account}` needs the scopes {scopes} ({by} in job `{job}`)"))
}
