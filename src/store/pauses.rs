//! Jobs that a person has put out of action for a while.

use std::collections::BTreeMap;

use calloff_core::agenda::Pause;
use calloff_core::ids::JobName;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::rows::timestamp;
use super::{Store, StoreError};

impl Store {
    /// Pauses a job; a pause that it has is replaced.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn pause(&self, job: JobName, pause: Pause) -> Result<(), StoreError> {
        let write = move |tx: &Transaction<'_>| {
            tx.execute(
                "INSERT OR REPLACE INTO pauses (job, since, until, reason) VALUES (?1, ?2, ?3, ?4)",
                params![
                    job.as_str(),
                    pause.since.as_millisecond(),
                    pause.until.as_millisecond(),
                    pause.reason
                ],
            )
        };
        self.shared.writer.write(write).await.map(drop)
    }

    /// Ends a job's pause; says whether it was in force. What came due during the pause stays skipped: the schedule
    /// goes on from `now`.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn resume(&self, job: JobName, now: Timestamp) -> Result<bool, StoreError> {
        let write = move |tx: &Transaction<'_>| {
            let held = find(tx, job.as_str())?.is_some_and(|pause| pause.holds(now));
            tx.execute("DELETE FROM pauses WHERE job = ?1", [job.as_str()])?;
            if held {
                tx.execute(
                    "UPDATE jobs SET cursor = max(cursor, ?2) WHERE job = ?1",
                    params![job.as_str(), now.as_millisecond()],
                )?;
            }
            Ok(held)
        };
        self.shared.writer.write(write).await
    }

    /// The pauses, by job; those that have ended by themselves are among them.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn pauses(&self) -> Result<BTreeMap<String, Pause>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT since, until, reason, job FROM pauses")?;
            let rows = statement.query_map([], |row| Ok((row.get(3)?, read(row)?)))?;
            rows.collect()
        })
        .await
    }
}

/// The pause of a job, whether or not it is in force.
pub(super) fn find(connection: &Connection, job: &str) -> rusqlite::Result<Option<Pause>> {
    connection
        .prepare_cached("SELECT since, until, reason FROM pauses WHERE job = ?1")?
        .query_row([job], read)
        .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Pause> {
    Ok(Pause { since: timestamp(0, row.get(0)?)?, until: timestamp(1, row.get(1)?)?, reason: row.get(2)? })
}
