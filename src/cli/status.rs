//! `calloff status`: what is loaded, when it is due, how it last went, and whether a daemon sees to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use calloff_core::agenda::{self, Entry, Pause, State};
use calloff_core::config::Job;
use calloff_core::run::{RunState, Trigger};
use jiff::Timestamp;
use serde::Serialize;

use super::args::StatusArgs;
use super::output::Output;
use super::record::Record;
use super::{restore, setup};
use crate::clock::{Clock as _, SystemClock};
use crate::error::Error;
use crate::report;
use crate::store::{Last, Process};

/// One job, as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    job: &'a str,
    account: &'a str,
    state: &'static str,
    next: Option<Timestamp>,
    last: Option<LastRun>,
    paused_until: Option<Timestamp>,
    reason: Option<String>,
    /// For people only.
    #[serde(skip)]
    held_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct LastRun {
    occurrence: Option<Timestamp>,
    state: RunState,
    /// For people only.
    #[serde(skip)]
    trigger: Trigger,
}

/// The object that comes last.
#[derive(Debug, Serialize)]
struct Closing<'a> {
    daemon: Option<Daemon<'a>>,
}

/// The daemon that works on the same record, if one does.
#[derive(Debug, Serialize)]
struct Daemon<'a> {
    pid: u32,
    version: &'a str,
    since: Timestamp,
    /// Not known without asking the daemon.
    reload: Option<()>,
    /// Not known without asking the daemon.
    health: Option<()>,
}

pub(super) async fn status(
    config: Option<&Path>,
    args: &StatusArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    // What is owed is shown even if a job file is broken.
    let (configuration, broken) = setup::configuration_as_far_as_valid(config)?;
    let now = SystemClock.now();
    let (record, last, daemon, owed) = match configuration.open_existing()? {
        Some(store) => {
            (Record::of(&store).await?, store.last_runs().await?, store.daemon(), store.owed().await?)
        }
        None => (Record::default(), BTreeMap::new(), None, vec![]),
    };
    let owed = restore::standing(&configuration, owed, now);
    let mut rows: Vec<Row<'_>> = configuration
        .jobs
        .iter()
        .map(|job| {
            let pause = record.pause(job, now).filter(|pause| pause.holds(now));
            let held_until = record.held_until(job, now);
            Row {
                held_until,
                ..row(job, &record.entry(job), record.cursor(job, now), last.get(job.name.as_str()), pause)
            }
        })
        .collect();
    // Then what a person has overridden.
    rows.sort_by_key(|row| row.paused_until.is_none());
    if args.form.json {
        for row in &rows {
            output.json(row)?;
        }
        for debt in &owed {
            output.json(&restore::Row::new(debt, now))?;
        }
        let daemon = daemon.as_ref().map(|process| Daemon {
            pid: process.pid,
            version: &process.version,
            since: process.since,
            reload: None,
            health: None,
        });
        output.json(&Closing { daemon })?;
    } else {
        // What is owed comes first, so that nobody forgets it.
        output.text(&report::owed(&owed, now, output.width()))?;
        if !owed.is_empty() {
            output.text("\n")?;
        }
        output.text(&text(&rows, daemon.as_ref(), now, output.width()))?;
    }
    broken.map_or(Ok(ExitCode::SUCCESS), Err)
}

fn row<'a>(
    job: &'a Job,
    entry: &Entry<'_>,
    cursor: Timestamp,
    last: Option<&Last>,
    pause: Option<&Pause>,
) -> Row<'a> {
    Row {
        job: job.name.as_str(),
        account: job.account.as_str(),
        state: match (agenda::state(entry, cursor), pause) {
            (State::Disabled, _) => "disabled",
            (State::Expired, _) => "expired",
            (State::Armed, Some(_)) => "paused",
            (State::Armed, None) => "armed",
        },
        next: agenda::upcoming(entry, cursor).filter(|_| job.enabled).map(|next| next.fire_at),
        last: last.map(|last| LastRun {
            occurrence: last.occurrence,
            state: last.state,
            trigger: last.trigger,
        }),
        paused_until: pause.map(|pause| pause.until),
        reason: pause.map(|pause| pause.reason.clone()),
        held_until: None,
    }
}

fn text(rows: &[Row<'_>], daemon: Option<&Process>, now: Timestamp, width: Option<u16>) -> String {
    let mut table = report::table(["JOB", "ACCOUNT", "STATE", "NEXT", "", "LAST"], width);
    for row in rows {
        let last = row.last.map_or_else(
            || "never ran".to_owned(),
            |last| match last.occurrence {
                Some(occurrence) => format!("{} ({})", last.state, report::seconds(occurrence)),
                None => format!("{} ({})", last.state, last.trigger),
            },
        );
        table.add_row([
            row.job.to_owned(),
            row.account.to_owned(),
            match (row.paused_until, &row.reason) {
                (Some(until), Some(reason)) => format!("paused until {}: {reason}", report::seconds(until)),
                _ => row.held_until.map_or_else(
                    || row.state.to_owned(),
                    |closes| format!("{}, held until {}", row.state, report::seconds(closes)),
                ),
            },
            row.next.map_or_else(String::new, report::seconds),
            row.next.map_or_else(String::new, |next| report::relative(next, now)),
            last,
        ]);
    }
    let daemon = match daemon {
        Some(daemon) => {
            format!("daemon: running, pid {}, since {}", daemon.pid, report::seconds(daemon.since))
        }
        None => "daemon: not running".to_owned(),
    };
    format!("{table}\n{}\n", report::styled(report::DIM, daemon))
}
