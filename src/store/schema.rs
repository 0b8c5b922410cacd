//! The tables, and how an older file is brought up to date.
//!
//! Migrations only go forward. Instants are milliseconds since the Unix epoch, UTC.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// How long a statement waits for another process's transaction before it is put back in line.
const BUSY: Duration = Duration::from_secs(2);

/// The migration at index N brings a file from version N to N + 1.
const MIGRATIONS: &[&str] = &[
    "
    -- Where each job's schedule stands.
    CREATE TABLE jobs (
        job         TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,          -- of its schedule: a change sets a new baseline
        cursor      INTEGER NOT NULL        -- the last occurrence dealt with, or the baseline
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE runs (
        run_id      TEXT PRIMARY KEY,
        job         TEXT NOT NULL,
        account     TEXT NOT NULL,
        trigger     TEXT NOT NULL,
        occurrence  INTEGER,                -- NULL for a manual trigger
        due_at      INTEGER,                -- the occurrence with its jitter
        state       TEXT NOT NULL,
        recorded_at INTEGER NOT NULL,
        started_at  INTEGER,
        finished_at INTEGER,
        missed      INTEGER,                -- how many occurrences a missed run stands for
        reason      TEXT,                   -- why a person triggered it
        pending     INTEGER NOT NULL,       -- targets without an outcome
        owner       TEXT,                   -- the process that works on it, while it is running
        UNIQUE (job, occurrence)            -- an occurrence is claimed once, ever
    ) STRICT;
    CREATE INDEX runs_by_time ON runs (recorded_at);
    CREATE INDEX runs_running ON runs (state) WHERE state = 'running';

    CREATE TABLE targets (
        run_id      TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        position    INTEGER NOT NULL,
        backup      TEXT NOT NULL,
        outcome     TEXT,
        verified    INTEGER,
        attempts    INTEGER NOT NULL DEFAULT 0,
        http_status INTEGER,
        code        TEXT,
        message     TEXT,
        reason      TEXT,
        hint        TEXT,
        PRIMARY KEY (run_id, position)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE attempts (
        run_id      TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        position    INTEGER NOT NULL,
        attempt     INTEGER NOT NULL,
        sent_at     INTEGER NOT NULL,
        took_ms     INTEGER NOT NULL,
        http_status INTEGER,
        code        TEXT,
        message     TEXT,
        PRIMARY KEY (run_id, position, attempt)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- Jobs that a person has put out of action for a while.
    CREATE TABLE pauses (
        job         TEXT PRIMARY KEY,
        since       INTEGER NOT NULL,
        until       INTEGER NOT NULL,
        reason      TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

        -- When the job's file was first found absent; it may only be on the move.
        ALTER TABLE jobs ADD COLUMN absent_since INTEGER;
        CREATE INDEX runs_by_job ON runs (job, run_id);
",
];

/// Opens a connection, with the schema up to date.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open { path: path.to_path_buf(), source };
    let mut connection = Connection::open(path).map_err(failed)?;
    configure(&connection).map_err(failed)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    match version(&connection).map_err(failed)? {
        found if found > known => return Err(StoreError::Newer { path: path.to_path_buf(), found, known }),
        found if found == known => {}
        _ => migrate(&mut connection).map_err(failed)?,
    }
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A short command must not pay for a checkpoint when it ends; SQLite makes one every 1,000 pages anyway.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have migrated meanwhile.
    let from = usize::try_from(version(&tx)?).unwrap_or(usize::MAX);
    for migration in MIGRATIONS.get(from..).unwrap_or_default() {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    tx.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        for _ in 0..2 {
            let connection = open(&path).unwrap();
            assert_eq!(version(&connection).unwrap(), 2);
        }
    }

    #[test]
    fn an_older_file_keeps_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch("PRAGMA user_version = 1; INSERT INTO jobs (job, fingerprint, cursor) VALUES ('job', 'every', 42)").unwrap();
        drop(old);
        let connection = open(&path).unwrap();
        let cursor: i64 = connection.query_row("SELECT cursor FROM jobs", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&connection).unwrap(), cursor), (2, 42));
        connection.execute("INSERT INTO pauses VALUES ('job', 1, 2, 'why')", []).unwrap();
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(open(&path), Err(StoreError::Newer { found: 99, .. })));
    }

    #[test]
    fn commits_are_durable() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("calloff.db")).unwrap();
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!(
            (mode.as_str(), synchronous),
            ("wal", 2),
            "2 is FULL: a commit is on the disk when it returns"
        );
    }
}
