//! Between rows and values.

use calloff_core::ids::{AccountName, BackupRef, RunId};
use calloff_core::outcome::Outcome;
use calloff_core::run::{Run, RunState, Target, Trigger};
use jiff::{Timestamp, Zoned};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

/// The columns of `runs` that [`run`] reads, in its order.
pub(super) const RUN_COLUMNS: &str =
    "run_id, job, account, trigger, occurrence, due_at, state, started_at, finished_at, missed, reason";

/// Reads a value that only this program writes.
pub(super) fn parsed<T>(
    row: &Row<'_>,
    index: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(index)?;
    parse(&text).ok_or_else(|| corrupt(index, format!("`{text}` is not a word this program writes")))
}

pub(super) fn instant(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(index)?.map(|ms| timestamp(index, ms)).transpose()
}

pub(super) fn timestamp(index: usize, ms: i64) -> rusqlite::Result<Timestamp> {
    // What has no end is kept as the end of time, which is no whole millisecond.
    if ms == Timestamp::MAX.as_millisecond() {
        return Ok(Timestamp::MAX);
    }
    Timestamp::from_millisecond(ms).map_err(|error| corrupt(index, error.to_string()))
}

/// An instant with the offset that Zoho gave, as a column has it.
pub(super) fn date(date: Option<&Zoned>) -> Option<String> {
    date.map(ToString::to_string)
}

/// Reads what [`date`] has written. What can't be read is as good as not there: it is for people.
pub(super) fn dated(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Zoned>> {
    Ok(row.get::<_, Option<String>>(index)?.and_then(|text| text.parse().ok()))
}

fn corrupt(index: usize, message: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, message.into())
}

/// Reads a run, without its targets.
pub(super) fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let started_at = instant(row, 7)?;
    let lateness_ms =
        started_at.zip(instant(row, 5)?).map(|(start, due)| start.as_millisecond() - due.as_millisecond());
    Ok(Run {
        run_id: parsed(row, 0, |text| RunId::parse(text).ok())?,
        job: row.get(1)?,
        account: parsed(row, 2, |text| AccountName::parse(text).ok())?,
        trigger: parsed(row, 3, Trigger::parse)?,
        occurrence: instant(row, 4)?,
        state: parsed(row, 6, RunState::parse)?,
        started_at,
        finished_at: instant(row, 8)?,
        lateness_ms,
        missed: row.get(9)?,
        reason: row.get(10)?,
        targets: vec![],
    })
}

/// Reads the targets of a run, in the job's order.
pub(super) fn targets(connection: &Connection, run: RunId) -> rusqlite::Result<Vec<Target>> {
    let mut statement = connection.prepare_cached(
        "SELECT backup, outcome, verified, attempts, http_status, code, message, reason, hint
         FROM targets WHERE run_id = ?1 ORDER BY position",
    )?;
    let rows = statement.query_map([run.to_string()], |row| {
        Ok(Target {
            backup: parsed(row, 0, |text| BackupRef::parse(text).ok())?,
            outcome: match row.get::<_, Option<String>>(1)? {
                None => None,
                Some(_) => Some(parsed(row, 1, Outcome::parse)?),
            },
            verified: row.get(2)?,
            attempts: row.get(3)?,
            http_status: row.get(4)?,
            code: row.get(5)?,
            message: row.get(6)?,
            reason: row.get(7)?,
            hint: row.get(8)?,
        })
    })?;
    rows.collect()
}
