//! Where schedules stand at a start, and runs whose process has ended.

use std::collections::BTreeMap;

use calloff_core::agenda;
use calloff_core::ids::{JobName, RunId};
use calloff_core::run::Run;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::rows::{self, RUN_COLUMNS};
use super::{Store, StoreError};

/// A run whose process ended before the run did.
#[derive(Debug, Clone)]
pub struct Interrupted {
    /// The run as it was left; targets without an outcome are still to be done.
    pub run: Run,
}

impl Store {
    /// Brings the record up to date with the loaded jobs, and says where each schedule stands.
    ///
    /// A job that is new, or whose fingerprint has changed, stands at `now`: an edit never makes a past
    /// instant due. On a fresh record jobs stand at `fresh` instead.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn baselines(
        &self,
        jobs: Vec<(JobName, String)>,
        now: Timestamp,
        fresh: Timestamp,
    ) -> Result<BTreeMap<JobName, Timestamp>, StoreError> {
        let write = move |tx: &Transaction<'_>| {
            let empty: bool = tx.query_row("SELECT NOT EXISTS (SELECT 1 FROM jobs)", [], |row| row.get(0))?;
            let baseline = if empty { fresh } else { now };
            jobs.iter()
                .map(|(job, fingerprint)| Ok((job.clone(), stand(tx, job, fingerprint, baseline)?)))
                .collect()
        };
        self.shared.writer.write(write).await
    }

    /// Takes over the runs whose processes have ended, oldest first. Each is given to one process only.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn take_over(&self) -> Result<Vec<Interrupted>, StoreError> {
        let owners = self.read(|connection| {
            let mut statement = connection
                .prepare("SELECT DISTINCT coalesce(owner, '') FROM runs WHERE state = 'running'")?;
            statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
        });
        let mut interrupted = vec![];
        for id in owners.await? {
            if !self.shared.owner.has_ended(&id) {
                continue;
            }
            let ours = self.shared.owner.id().to_owned();
            let theirs = id.clone();
            let runs = self.shared.writer.write(move |tx| adopt(tx, &theirs, &ours)).await?;
            interrupted.extend(runs.into_iter().map(|run| Interrupted { run }));
        }
        self.shared.owner.sweep();
        interrupted.sort_by_key(|interrupted| interrupted.run.run_id);
        Ok(interrupted)
    }
}

fn stand(
    tx: &Transaction<'_>,
    job: &JobName,
    fingerprint: &str,
    baseline: Timestamp,
) -> rusqlite::Result<Timestamp> {
    let known: Option<(String, i64)> = tx
        .prepare_cached("SELECT fingerprint, cursor FROM jobs WHERE job = ?1")?
        .query_row([job.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let known = match &known {
        Some((known, cursor)) => Some((known.as_str(), rows::timestamp(1, *cursor)?)),
        None => None,
    };
    let cursor = agenda::baseline(known, fingerprint, baseline);
    tx.prepare_cached(
        "INSERT INTO jobs (job, fingerprint, cursor) VALUES (?1, ?2, ?3)
         ON CONFLICT (job) DO UPDATE SET fingerprint = excluded.fingerprint, cursor = excluded.cursor
         WHERE fingerprint <> excluded.fingerprint",
    )?
    .execute(params![job.as_str(), fingerprint, cursor.as_millisecond()])?;
    Ok(cursor)
}

fn adopt(tx: &Transaction<'_>, theirs: &str, ours: &str) -> rusqlite::Result<Vec<Run>> {
    let sql = format!(
        "UPDATE runs SET owner = ?2 WHERE state = 'running' AND coalesce(owner, '') = ?1 RETURNING {RUN_COLUMNS}"
    );
    let mut runs =
        tx.prepare(&sql)?.query_map([theirs, ours], rows::run)?.collect::<rusqlite::Result<Vec<_>>>()?;
    for run in &mut runs {
        let run_id: RunId = run.run_id;
        run.targets = rows::targets(tx, run_id)?;
    }
    Ok(runs)
}
