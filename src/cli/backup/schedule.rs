//! `calloff backup schedule`: a recurring backup, or one that is made now.

use std::process::ExitCode;

use calloff_core::ids::BackupId;
use calloff_core::outcome::Outcome;
use serde::Serialize;

use crate::cli::args::BackupScheduleArgs;
use crate::cli::output::{Output, notice};
use crate::cli::reading::{POLICY, Reader, came_of, exit_code};
use crate::cli::setup::Configuration;
use crate::daemon::Back;
use crate::error::Error;

/// What is scheduled, as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    account: &'a str,
    backup: Option<&'a str>,
    rrule: Option<&'a str>,
    was_there: bool,
}

pub(super) async fn schedule(
    configuration: &Configuration,
    args: &BackupScheduleArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let Reader { pursuer, access } = Reader::new(configuration, &args.account)?;
    let account = args.account.as_str();
    let rrule = args.rrule.as_deref();
    let tried = match rrule {
        Some(rrule) => pursuer.put_back(&access, rrule, POLICY).await,
        None => pursuer.start_now(&access, POLICY).await,
    };
    let Back { id, was_there } = match came_of(tried)? {
        Ok(back) => back,
        Err(refusal) => {
            notice(&format!("account `{account}`: {}", refusal.with_hint(hint)));
            if rrule.is_none() && refusal.outcome == Outcome::Exhausted {
                notice("it may have begun all the same: see `calloff backup show` before you try again");
            }
            return Ok(ExitCode::from(exit_code(refusal.outcome, refusal.code.as_deref())));
        }
    };
    if args.form.json {
        output.json(&Row { account, backup: id.as_ref().map(BackupId::as_str), rrule, was_there })?;
    } else {
        let id = id.map_or_else(|| "an ID that Zoho does not say".to_owned(), |id| id.to_string());
        output.text(&match rrule {
            Some(rrule) if was_there => format!("{rrule} is scheduled in {account} already, under {id}\n"),
            Some(rrule) => format!("{rrule} is scheduled in {account}, under {id}\n"),
            None => format!("a backup of {account} has begun, under {id}\n"),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the operator does next about a refusal of this code.
fn hint(code: Option<&str>) -> Option<&'static str> {
    Some(match code? {
        "INVALID_DATA" => {
            "write the rule as Zoho has it, such as RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TU; FREQ is WEEKLY or MONTHLY"
        }
        "BACKUP_ALREADY_SCHEDULED" => {
            "an organisation has one schedule at a time: cancel that one first, with `calloff cancel ID -a ACCOUNT`"
        }
        "LIMIT_EXCEEDED" => "the organisation has used up its backups: buy one or wait for the next month",
        "OAUTH_SCOPE_MISMATCH" => "the refresh token lacks the scope ZohoCRM.bulk.backup.CREATE",
        _ => return None,
    })
}
