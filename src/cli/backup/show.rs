//! `calloff backup show`: the backup that Zoho shows of an account.

use std::process::ExitCode;

use calloff_core::ids::BackupId;
use calloff_core::live::LiveBackup;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::cli::args::BackupShowArgs;
use crate::cli::output::Output;
use crate::cli::reading::{POLICY, Reader, came_of, say_unread};
use crate::cli::setup::Configuration;
use crate::clock::{Clock as _, SystemClock};
use crate::error::Error;
use crate::report;

/// The backup, as JSON; all is null if there is none.
#[derive(Debug, Serialize)]
struct Row<'a> {
    account: &'a str,
    backup: Option<&'a str>,
    status: Option<&'a str>,
    rrule: Option<&'a str>,
    scheduled_date: Option<Timestamp>,
    start_date: Option<Timestamp>,
    requester: Option<&'a str>,
}

pub(super) async fn show(
    configuration: &Configuration,
    args: &BackupShowArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let Reader { pursuer, access } = Reader::new(configuration, &args.account)?;
    let live = match came_of(pursuer.backup(&access, POLICY).await)? {
        Ok(live) => live.filter(|live| !live.is_blank()),
        Err(unread) => return Ok(ExitCode::from(say_unread(&args.account, &unread))),
    };
    let account = args.account.as_str();
    if args.form.json {
        output.json(&row(account, live.as_ref().unwrap_or(&LiveBackup::default())))?;
    } else if let Some(live) = live {
        output.text(&report::backup(account, &live, SystemClock.now(), output.width()))?;
    } else {
        output.text(&format!("account `{account}` has no backup\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row<'a>(account: &'a str, live: &'a LiveBackup) -> Row<'a> {
    Row {
        account,
        backup: live.id.as_ref().map(BackupId::as_str),
        status: live.status.as_deref(),
        rrule: live.rrule.as_deref(),
        scheduled_date: live.scheduled_date.as_ref().map(Zoned::timestamp),
        start_date: live.start_date.as_ref().map(Zoned::timestamp),
        requester: live.requester.as_deref(),
    }
}
