//! The calls of runs, and how the newest runs of jobs ended.

use std::collections::BTreeMap;

use calloff_core::ids::RunId;
use calloff_core::run::RunState;
use jiff::Timestamp;

use super::{Store, StoreError, rows};

/// A call that was made for a target.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AttemptRow {
    /// The target's place among those of its run, from 0.
    pub target: u32,
    /// Its place among the calls for the target, from 1.
    pub attempt: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The status of the answer.
    pub http_status: Option<u16>,
    /// Its code.
    pub code: Option<String>,
    /// Zoho's message, or what was wrong with the connection; redacted.
    pub message: Option<String>,
}

impl Store {
    /// The calls of a run, target by target.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn attempts(&self, run: RunId) -> Result<Vec<AttemptRow>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT position, attempt, sent_at, took_ms, http_status, code, message
                 FROM attempts WHERE run_id = ?1 ORDER BY position, attempt",
            )?;
            let rows = statement.query_map([run.to_string()], |row| {
                Ok(AttemptRow {
                    target: row.get(0)?,
                    attempt: row.get(1)?,
                    sent_at: rows::timestamp(2, row.get(2)?)?,
                    took_ms: row.get(3)?,
                    http_status: row.get(4)?,
                    code: row.get(5)?,
                    message: row.get(6)?,
                })
            })?;
            rows.collect()
        })
        .await
    }

    /// How the newest runs of these jobs stand, at most `count` of each, the oldest of them first.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn newest_states(
        &self,
        jobs: Vec<String>,
        count: u32,
    ) -> Result<BTreeMap<String, Vec<RunState>>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT state FROM runs WHERE job = ?1 ORDER BY run_id DESC LIMIT ?2")?;
            let mut all = BTreeMap::new();
            for job in jobs {
                let states = statement
                    .query_map(rusqlite::params![job, count], |row| rows::parsed(row, 0, RunState::parse))?;
                let mut states = states.collect::<rusqlite::Result<Vec<_>>>()?;
                states.reverse();
                all.insert(job, states);
            }
            Ok(all)
        })
        .await
    }
}
