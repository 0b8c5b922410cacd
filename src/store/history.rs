//! Reading the record.

use std::collections::{BTreeMap, BTreeSet};

use calloff_core::ids::JobName;
use calloff_core::outcome::Outcome;
use calloff_core::overview::LastRun;
use calloff_core::run::{Run, RunState, Trigger};
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params, params_from_iter};

use super::rows::{self, RUN_COLUMNS};
use super::{Store, StoreError};

/// Which runs to list. The default is all of them.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Recorded at this instant or later.
    pub since: Option<Timestamp>,
    /// Having a target with this outcome.
    pub outcome: Option<Outcome>,
    /// Of one of these jobs, if any is named.
    pub jobs: Vec<String>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

impl Store {
    /// The names of all jobs that are on record, or were.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn known_jobs(&self) -> Result<BTreeSet<String>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare("SELECT job FROM jobs UNION SELECT DISTINCT job FROM runs")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
        .await
    }

    /// The runs that match, oldest first.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn history(&self, filter: Filter) -> Result<Vec<Run>, StoreError> {
        self.read(move |connection| list(connection, &filter)).await
    }

    /// The first run of a job whose occurrence is this one or a later one.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn first_run_from(
        &self,
        job: JobName,
        occurrence: Timestamp,
    ) -> Result<Option<Run>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {RUN_COLUMNS} FROM runs WHERE job = ?1 AND occurrence >= ?2 ORDER BY occurrence LIMIT 1"
            );
            let found = connection
                .prepare(&sql)?
                .query_row(params![job.as_str(), occurrence.as_millisecond()], rows::run)
                .optional()?;
            let with_targets = |run: Run| Ok(Run { targets: rows::targets(connection, run.run_id)?, ..run });
            found.map(with_targets).transpose()
        })
        .await
    }

    /// The newest run of each job that has one.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn last_runs(&self) -> Result<BTreeMap<String, LastRun>, StoreError> {
        self.read(|connection| {
            // With a bare max(), SQLite takes the other columns from the row that has it.
            let mut statement = connection
                .prepare("SELECT job, occurrence, state, trigger, max(run_id) FROM runs GROUP BY job")?;
            let rows = statement.query_map([], |row| {
                let last = LastRun {
                    occurrence: rows::instant(row, 1)?,
                    state: rows::parsed(row, 2, RunState::parse)?,
                    trigger: rows::parsed(row, 3, Trigger::parse)?,
                };
                Ok((row.get(0)?, last))
            })?;
            rows.collect()
        })
        .await
    }

    /// Where each job's schedule stands, as far as the record knows.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn cursors(&self) -> Result<BTreeMap<String, (String, Timestamp)>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare("SELECT job, fingerprint, cursor FROM jobs WHERE absent_since IS NULL")?;
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, rows::timestamp(2, row.get(2)?)?))))?;
            rows.collect()
        })
        .await
    }

    /// Forgets runs that were recorded before `horizon` and have ended; says how many.
    ///
    /// # Errors
    ///
    /// If the record can't be read, refuses it for good, or is closed.
    pub async fn prune(&self, horizon: Timestamp) -> Result<usize, StoreError> {
        let horizon = horizon.as_millisecond();
        let mut forgotten = 0;
        loop {
            let old: Vec<String> = self.read(move |connection| old_runs(connection, horizon)).await?;
            if old.is_empty() {
                return Ok(forgotten);
            }
            // In small groups, so that a claim never waits long.
            let write = move |tx: &Transaction<'_>| {
                let mut forget = tx.prepare_cached("DELETE FROM runs WHERE run_id = ?1")?;
                old.iter().try_fold(0, |count, run| Ok(count + forget.execute([run])?))
            };
            forgotten += self.shared.writer.write(write).await?;
        }
    }
}

fn old_runs(connection: &Connection, horizon: i64) -> rusqlite::Result<Vec<String>> {
    let mut find = connection.prepare_cached(
        "SELECT run_id FROM runs WHERE recorded_at < ?1 AND state <> 'running' ORDER BY recorded_at LIMIT 100",
    )?;
    find.query_map([horizon], |row| row.get(0))?.collect()
}

fn list(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Run>> {
    let (sql, values) = query(filter);
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(values), rows::run)?;
    let mut runs = rows.collect::<rusqlite::Result<Vec<Run>>>()?;
    for run in &mut runs {
        run.targets = rows::targets(connection, run.run_id)?;
    }
    runs.reverse();
    Ok(runs)
}

fn query(filter: &Filter) -> (String, Vec<Value>) {
    let mut conditions = vec!["1"];
    let mut values: Vec<Value> = vec![];
    if let Some(since) = filter.since {
        conditions.push("recorded_at >= ?");
        values.push(since.as_millisecond().into());
    }
    if let Some(outcome) = filter.outcome {
        conditions.push(
            "EXISTS (SELECT 1 FROM targets WHERE targets.run_id = runs.run_id AND targets.outcome = ?)",
        );
        values.push(outcome.as_str().to_owned().into());
    }
    let named = format!("job IN ({})", vec!["?"; filter.jobs.len()].join(", "));
    if !filter.jobs.is_empty() {
        conditions.push(&named);
        values.extend(filter.jobs.iter().cloned().map(Value::from));
    }
    values.push(filter.limit.map_or(-1, i64::from).into());
    let conditions = conditions.join(" AND ");
    (format!("SELECT {RUN_COLUMNS} FROM runs WHERE {conditions} ORDER BY run_id DESC LIMIT ?"), values)
}
