//! The tables, and how an older file is brought up to date.
//!
//! Migrations only go forward. Instants are milliseconds since the Unix epoch, UTC.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::StoreError;
use crate::failpoint::durably;

/// How long a statement waits for another process's transaction before it is put back in line.
pub(super) const BUSY: Duration = Duration::from_secs(2);

/// The pause between two tries where SQLite does not wait by itself.
const PAUSE: Duration = Duration::from_millis(10);

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
    "
    -- Whether it is settled that the run acts: what is taken up after that does not ask its conditions again.
    ALTER TABLE runs ADD COLUMN decided INTEGER NOT NULL DEFAULT 1;
    -- Whether the run's cancels are read back before it ends.
    ALTER TABLE runs ADD COLUMN verify INTEGER NOT NULL DEFAULT 0;

    -- What Zoho last showed of each account.
    CREATE TABLE live (
        account        TEXT PRIMARY KEY,
        read_at        INTEGER NOT NULL,
        backup         TEXT,
        status         TEXT,
        rrule          TEXT,
        scheduled_date TEXT,                -- with the offset that Zoho gave
        start_date     TEXT,
        requester      TEXT
    ) STRICT, WITHOUT ROWID;
",
    "
    -- Recurring schedules that a cancel has ended, or is about to end: they are owed until they are put back.
    CREATE TABLE restores (
        restore_id     TEXT PRIMARY KEY,
        account        TEXT NOT NULL,
        job            TEXT NOT NULL,           -- whose cancel was the first
        backup         TEXT NOT NULL,           -- what was scheduled before it
        rrule          TEXT NOT NULL,
        status         TEXT,
        scheduled_date TEXT,
        start_date     TEXT,
        requester      TEXT,
        owed_since     INTEGER NOT NULL,
        due            INTEGER NOT NULL,
        state          TEXT NOT NULL,
        confirmed      INTEGER NOT NULL,        -- whether a cancel has ended it, or may have
        changes        INTEGER NOT NULL,        -- counts the cancels: a payment that one comes into does not count
        tries          INTEGER NOT NULL DEFAULT 0,
        next_try       INTEGER,
        reason         TEXT,
        restored       TEXT,                    -- under which ID it was put back
        place          INTEGER,                 -- among those that were, in the order of payment
        ended_at       INTEGER,
        reminded_at    INTEGER,
        owner          TEXT                     -- the process that is paying it
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX restores_owed ON restores (account) WHERE state = 'owed';
    CREATE UNIQUE INDEX restores_by_place ON restores (place) WHERE place IS NOT NULL;
    -- What was cancelled besides, while a debt was owed.
    CREATE TABLE restores_also (
        restore_id     TEXT NOT NULL REFERENCES restores ON DELETE CASCADE,
        backup         TEXT NOT NULL,
        rrule          TEXT NOT NULL,
        status         TEXT,
        scheduled_date TEXT,
        start_date     TEXT,
        requester      TEXT,
        run_id         TEXT NOT NULL,           -- whose cancel it was
        PRIMARY KEY (restore_id, backup)
    ) STRICT, WITHOUT ROWID;
    -- The debt that the run makes, or adds to.
    ALTER TABLE runs ADD COLUMN restore_id TEXT;
    CREATE INDEX runs_by_restore ON runs (restore_id) WHERE restore_id IS NOT NULL;

    -- Windows in which a job was due, and which are held since.
    CREATE TABLE holds (
        job            TEXT PRIMARY KEY,
        account        TEXT NOT NULL,
        since          INTEGER NOT NULL,
        closes         INTEGER NOT NULL,
        next_poll      INTEGER NOT NULL,
        was_quiet      INTEGER NOT NULL,
        drift          TEXT,
        failures       INTEGER NOT NULL,
        acts           INTEGER NOT NULL,
        act_after      INTEGER
    ) STRICT, WITHOUT ROWID;
",
    "
    -- Whether nobody has thought yet of whom to tell that the run has ended. What ended before there was this is told.
    ALTER TABLE runs ADD COLUMN untold INTEGER;
    CREATE INDEX runs_untold ON runs (finished_at) WHERE untold = 1;

    -- What sinks are to be told, in order, until they were.
    CREATE TABLE notices (
        notice         INTEGER PRIMARY KEY AUTOINCREMENT,
        sink           TEXT NOT NULL,
        cause          TEXT NOT NULL,
        about          INTEGER,                 -- the notice of the trouble whose end this tells
        body           TEXT NOT NULL,
        made_at        INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX notices_by_sink ON notices (sink, notice);

    -- Which sinks know of which trouble that is not over, or will when they get this notice.
    CREATE TABLE told (
        cause          TEXT NOT NULL,
        sink           TEXT NOT NULL,
        notice         INTEGER NOT NULL,
        PRIMARY KEY (cause, sink)
    ) STRICT, WITHOUT ROWID;
",
];

/// Opens a connection, with the schema up to date.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open { path: path.to_path_buf(), source };
    let mut connection = Connection::open(path).map_err(failed)?;
    patiently(|| configure(&connection)).map_err(failed)?;
    let known = newest();
    match version(&connection).map_err(failed)? {
        found if found > known => return Err(StoreError::Newer { path: path.to_path_buf(), found, known }),
        found if found == known => {}
        _ => migrate(&mut connection).map_err(failed)?,
    }
    Ok(connection)
}

/// Tries again while another process makes the same new file: SQLite does not wait for the lock by itself where it
/// takes up write-ahead logging.
fn patiently(mut work: impl FnMut() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    for _ in 0..BUSY.as_millis() / PAUSE.as_millis() {
        match work() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => pause(),
            done => return done,
        }
    }
    work()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file is opened before there is anything that could wait in between"
)]
fn pause() {
    std::thread::sleep(PAUSE);
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    durably("record.logged_ahead", || connection.pragma_update(None, "journal_mode", "WAL"))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A short command must not pay for a checkpoint when it ends; SQLite makes one every 1,000 pages anyway.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// The newest version of the schema.
pub(super) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The version of a file's schema.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have migrated meanwhile.
    let from = usize::try_from(version(&tx)?).unwrap_or(usize::MAX);
    for migration in MIGRATIONS.get(from..).unwrap_or_default() {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "user_version", newest())?;
    durably("record.migrated", || tx.commit())
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
            assert_eq!(version(&connection).unwrap(), 5);
        }
    }

    #[test]
    fn an_older_file_keeps_what_it_has() {
        for from in 1..MIGRATIONS.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("calloff.db");
            let old = Connection::open(&path).unwrap();
            old.execute_batch(&MIGRATIONS[..from].concat()).unwrap();
            old.pragma_update(None, "user_version", from).unwrap();
            old.execute_batch(
                "INSERT INTO jobs (job, fingerprint, cursor) VALUES ('job', 'every', 42);
                 INSERT INTO runs (run_id, job, account, trigger, state, recorded_at, pending)
                 VALUES ('id', 'job', 'acme', 'manual', 'running', 1, 1)",
            )
            .unwrap();
            drop(old);
            let connection = open(&path).unwrap();
            let cursor: i64 = connection.query_row("SELECT cursor FROM jobs", [], |row| row.get(0)).unwrap();
            assert_eq!((version(&connection).unwrap(), cursor), (5, 42));
            connection.execute("INSERT INTO pauses VALUES ('job', 1, 2, 'why')", []).unwrap();
            // A run of a version without conditions and read-backs is taken up as it was begun.
            let run: (bool, bool) = connection
                .query_row("SELECT decided, verify FROM runs", [], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            assert_eq!(run, (true, false), "from version {from}");
            // And what ended before anybody was told is not told now.
            let untold: i64 = connection
                .query_row("SELECT count(*) FROM runs WHERE untold = 1", [], |row| row.get(0))
                .unwrap();
            assert_eq!(untold, 0, "from version {from}");
        }
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(open(&path), Err(StoreError::Newer { found: 99, .. })));
    }

    #[test]
    fn the_record_is_in_wal_mode_with_full_synchronous() {
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
