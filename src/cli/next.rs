//! `calloff next`: the coming occurrences.

use std::path::Path;
use std::process::ExitCode;

use calloff_core::agenda::{self, Entry, Upcoming};
use calloff_core::config::Job;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset};
use serde::Serialize;

use super::args::NextArgs;
use super::output::{Output, notice};
use super::setup::{self, Configuration};
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::Record;
use crate::error::{Error, chain};
use crate::report;

/// One coming occurrence, as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    job: &'a str,
    occurrence: Timestamp,
    fire_at: Timestamp,
    /// The occurrence in the job's zone, with its offset.
    local: String,
    timezone: String,
}

pub(super) async fn next(
    config: Option<&Path>,
    args: &NextArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let configuration = setup::configuration(config)?;
    let record = record(&configuration).await;
    let now = SystemClock.now();
    let jobs = configuration.select(&args.jobs)?;
    let mut rows = vec![];
    for job in jobs.iter().filter(|job| job.enabled) {
        let after = args.at.as_deref().map_or(Ok(now), |text| instant(text, job))?;
        rows.extend(coming(job, record.entry(job), after, usize::from(args.n)));
    }
    rows.sort_by(|a, b| (a.fire_at, a.job).cmp(&(b.fire_at, b.job)));
    if args.form.json {
        for row in &rows {
            output.json(row)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        let off: Vec<&str> = jobs.iter().filter(|job| !job.enabled).map(|job| job.name.as_str()).collect();
        let off = if off.is_empty() { String::new() } else { format!("; switched off: {}", off.join(", ")) };
        notice(&format!("no job has an occurrence to come{off}"));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = report::table(["JOB", "LOCAL", "TIMEZONE", "UTC", ""], output.width());
    for row in &rows {
        let local = row.local.replacen('T', " ", 1);
        table.add_row([
            row.job,
            &local,
            &row.timezone,
            &report::seconds(row.occurrence),
            &report::relative(row.fire_at, now),
        ]);
    }
    output.text(&format!("{table}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The record, for what the daemon has seen. Schedules can be told without.
async fn record(configuration: &Configuration) -> Record {
    configuration.on_record().await.unwrap_or_else(|error| {
        notice(&format!("{}: spreads are shown as if no backup had been seen", chain(&error)));
        Record::default()
    })
}

fn coming<'a>(
    job: &'a Job,
    entry: Entry<'a>,
    after: Timestamp,
    count: usize,
) -> impl Iterator<Item = Row<'a>> {
    let mut cursor = after;
    let upcoming = std::iter::from_fn(move || {
        let next: Upcoming = agenda::upcoming(&entry, cursor)?;
        cursor = next.occurrence;
        Some(next)
    });
    upcoming.take(count).map(|next| {
        let zone = job.schedule.zone();
        let local = next.occurrence.to_zoned(zone.clone());
        Row {
            job: job.name.as_str(),
            occurrence: next.occurrence,
            fire_at: next.fire_at,
            local: local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            timezone: zone.iana_name().unwrap_or("UTC").to_owned(),
        }
    })
}

/// Reads an instant with an offset, or a local time in the job's zone.
pub(super) fn instant(text: &str, job: &Job) -> Result<Timestamp, Error> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let no_time = || {
        Error::Usage(format!(
            "`{text}` is no time: write it like 2026-11-27T16:30:00Z or 2026-11-27T17:30:00"
        ))
    };
    let local = text.parse::<DateTime>().map_err(|_| no_time())?;
    let zone = job.schedule.zone();
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let (what, [first, second]) = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => {
            return offset.to_timestamp(local).map_err(|_| no_time());
        }
        // What the clocks show is found with the offset from after the change first.
        AmbiguousOffset::Gap { before, after } => ("does not exist", [after, before]),
        AmbiguousOffset::Fold { before, after } => ("comes twice", [before, after]),
    };
    let written = |offset: Offset| -> Result<String, Error> {
        let instant = offset.to_timestamp(local).map_err(|_| no_time())?.to_zoned(zone.clone());
        Ok(instant.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    };
    Err(Error::Usage(format!(
        "`{text}` {what} in {}, where the clocks change: write {} or {}",
        zone.iana_name().unwrap_or("the job's time zone"),
        written(first)?,
        written(second)?
    )))
}
