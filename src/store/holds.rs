//! Windows that are held.

use calloff_core::hold::{Held, Memory};
use calloff_core::ids::{AccountName, JobName, RunId};
use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};

use super::rows::{instant, parsed, timestamp};
use super::{Store, StoreError};

impl Store {
    /// The windows that are held.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn holds(&self) -> Result<Vec<Held>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT job, account, since, closes, next_poll, was_quiet, drift, failures, acts, act_after FROM holds ORDER BY job",
            )?;
            statement.query_map([], held)?.collect()
        })
        .await
    }

    /// Takes a look at a held account upon this process: says whether it may be made. It may not while a run of the job
    /// is under way, or if another process has taken it meanwhile. `until` is when the next one is due if nothing
    /// comes of this one.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn take_poll(&self, held: &Held, until: Timestamp) -> Result<bool, StoreError> {
        let (job, before) = (held.job.clone(), held.next_poll);
        let write = move |tx: &Transaction<'_>| {
            tx.execute(
                "UPDATE holds SET next_poll = ?3
                 WHERE job = ?1 AND next_poll = ?2
                   AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.job = ?1 AND runs.state = 'running')",
                params![job.as_str(), before.as_millisecond(), until.as_millisecond()],
            )
        };
        Ok(self.shared.writer.write(write).await? > 0)
    }

    /// Records what a look has shown, and when the next one is due.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn polled(&self, held: &Held, memory: Memory, next_poll: Timestamp) -> Result<(), StoreError> {
        let (job, closes) = (held.job.clone(), held.closes);
        let write = move |tx: &Transaction<'_>| {
            tx.execute(
                "UPDATE holds SET next_poll = ?3, was_quiet = ?4, drift = ?5, failures = ?6, acts = ?7, act_after = ?8
                 WHERE job = ?1 AND closes = ?2",
                params![
                    job.as_str(),
                    closes.as_millisecond(),
                    next_poll.as_millisecond(),
                    memory.was_quiet,
                    memory.drift,
                    memory.failures,
                    memory.acts,
                    memory.act_after.map(Timestamp::as_millisecond),
                ],
            )
        };
        self.shared.writer.write(write).await.map(drop)
    }

    /// Ends a hold; what has begun meanwhile for a later window stays.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn let_go(&self, held: &Held) -> Result<bool, StoreError> {
        let (job, closes) = (held.job.clone(), held.closes);
        let write = move |tx: &Transaction<'_>| {
            tx.execute(
                "DELETE FROM holds WHERE job = ?1 AND closes = ?2",
                params![job.as_str(), closes.as_millisecond()],
            )
        };
        Ok(self.shared.writer.write(write).await? > 0)
    }
}

/// Begins a hold. One of the same window goes on as it is: a job that is due more often than it looks must not put its
/// looks off.
pub(super) fn begin(tx: &Transaction<'_>, held: &Held) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO holds (job, account, since, closes, next_poll, was_quiet, failures, acts)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0)
         ON CONFLICT (job) DO UPDATE
            SET account = excluded.account, since = excluded.since, closes = excluded.closes,
                next_poll = excluded.next_poll, was_quiet = 0, drift = NULL, failures = 0, acts = 0, act_after = NULL
            WHERE holds.closes <> excluded.closes OR holds.account <> excluded.account",
    )?
    .execute(params![
        held.job.as_str(),
        held.account.as_str(),
        held.since.as_millisecond(),
        held.closes.as_millisecond(),
        held.next_poll.as_millisecond(),
    ])
    .map(drop)
}

/// Notes that a run of a job that holds has left nothing scheduled.
pub(super) fn quieten(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE holds SET was_quiet = 1, drift = NULL, failures = 0, acts = 0, act_after = NULL
         WHERE job = (SELECT job FROM runs WHERE run_id = ?1)",
    )?
    .execute([run.to_string()])
    .map(drop)
}

fn held(row: &Row<'_>) -> rusqlite::Result<Held> {
    Ok(Held {
        job: parsed(row, 0, |text| JobName::parse(text).ok())?,
        account: parsed(row, 1, |text| AccountName::parse(text).ok())?,
        since: timestamp(2, row.get(2)?)?,
        closes: timestamp(3, row.get(3)?)?,
        next_poll: timestamp(4, row.get(4)?)?,
        memory: Memory {
            was_quiet: row.get(5)?,
            drift: row.get(6)?,
            failures: row.get(7)?,
            acts: row.get(8)?,
            act_after: instant(row, 9)?,
        },
    })
}
