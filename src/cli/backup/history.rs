//! `calloff backup history`: what Zoho says has been done with an account's backups.

use std::process::ExitCode;

use calloff_core::live::HistoryRow;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::BackupHistoryArgs;
use crate::cli::output::{Output, notice};
use crate::cli::reading::{POLICY, Reader, came_of, say_unread};
use crate::cli::setup::Configuration;
use crate::error::Error;
use crate::report;

/// Rows that a person is shown unless they ask for more.
const SHOWN: usize = 50;

/// One row, as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    account: &'a str,
    id: Option<&'a str>,
    action: Option<&'a str>,
    state: Option<&'a str>,
    repeat_type: Option<&'a str>,
    log_time: Option<Timestamp>,
    done_by: Option<&'a str>,
}

pub(super) async fn history(
    configuration: &Configuration,
    args: &BackupHistoryArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let Reader { pursuer, access } = Reader::new(configuration, &args.account)?;
    let history = match came_of(pursuer.history(&access, POLICY).await)? {
        Ok(history) => history,
        Err(unread) => return Ok(ExitCode::from(say_unread(&args.account, &unread))),
    };
    let account = args.account.as_str();
    let limit = args.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let limit = limit.or((!args.form.json).then_some(SHOWN)).unwrap_or(usize::MAX);
    let shown = &history.rows[..limit.min(history.rows.len())];
    if args.form.json {
        shown.iter().try_for_each(|of| output.json(&row(account, of)))?;
    } else if history.rows.is_empty() {
        notice(&format!("account `{account}` has no history: Zoho's covers a year"));
    } else {
        output.text(&report::backup_history(shown, output.width()))?;
        if shown.len() < history.rows.len() {
            let (shown, all) = (shown.len(), history.rows.len());
            notice(&format!("these are the newest {shown} of {all} rows; `--limit` shows more"));
        }
    }
    if history.is_cut {
        notice(&format!("account `{account}` has a longer history than was read: rows are missing"));
    }
    Ok(ExitCode::SUCCESS)
}

fn row<'a>(account: &'a str, row: &'a HistoryRow) -> Row<'a> {
    Row {
        account,
        id: row.id.as_deref(),
        action: row.action.as_deref(),
        state: row.state.as_deref(),
        repeat_type: row.repeat_type.as_deref(),
        log_time: row.log_time,
        done_by: row.done_by.as_deref(),
    }
}
