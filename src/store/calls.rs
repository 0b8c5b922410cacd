//! The calls of runs, and how the newest runs of jobs ended.

use std::collections::BTreeMap;

use calloff_core::ids::RunId;
use calloff_core::overview::Call;
use calloff_core::run::RunState;

use rusqlite::params;

use super::{Store, StoreError, rows};

/// Calls of one run that are read at most.
const MOST_CALLS: u32 = 1000;

impl Store {
    /// The calls of those of these runs that are on record, each target by target.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn calls(&self, runs: Vec<RunId>) -> Result<BTreeMap<RunId, Vec<Call>>, StoreError> {
        self.read(move |connection| {
            let mut known = connection.prepare_cached("SELECT 1 FROM runs WHERE run_id = ?1")?;
            let mut statement = connection.prepare_cached(
                "SELECT position, attempt, sent_at, took_ms, http_status, code, message
                 FROM attempts WHERE run_id = ?1 ORDER BY position, attempt LIMIT ?2",
            )?;
            let mut all = BTreeMap::new();
            for run in runs {
                if !known.exists([run.to_string()])? {
                    continue;
                }
                let rows = statement.query_map(params![run.to_string(), MOST_CALLS], |row| {
                    Ok(Call {
                        target: row.get(0)?,
                        attempt: row.get(1)?,
                        sent_at: rows::timestamp(2, row.get(2)?)?,
                        took_ms: row.get(3)?,
                        http_status: row.get(4)?,
                        code: row.get(5)?,
                        message: row.get(6)?,
                    })
                })?;
                all.insert(run, rows.collect::<rusqlite::Result<Vec<_>>>()?);
            }
            Ok(all)
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
                let states =
                    statement.query_map(params![job, count], |row| rows::parsed(row, 0, RunState::parse))?;
                let mut states = states.collect::<rusqlite::Result<Vec<_>>>()?;
                states.reverse();
                all.insert(job, states);
            }
            Ok(all)
        })
        .await
    }
}
