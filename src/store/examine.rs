//! Looks at a record without touching it: for whoever wants to know whether it is sound.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;
use super::schema::{self, BUSY};

/// What a look at a record has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The version of its schema.
    pub version: i64,
    /// The newest version that this program knows.
    pub newest: i64,
    /// What SQLite finds wrong with it, the first few.
    pub faults: Vec<String>,
    /// Whether all of it was looked at in the time there was.
    pub is_complete: bool,
}

/// Examines the record, for so long at most. It is neither made nor brought up to date.
///
/// # Errors
///
/// If it can't be opened, or is no record.
pub async fn examine(path: &Path, patience: Duration) -> Result<Examined, StoreError> {
    let path = path.to_owned();
    let failed = |path: PathBuf| move |source| StoreError::Open { path, source };
    let opening = path.clone();
    let opened = tokio::task::spawn_blocking(move || open(&opening)).await.map_err(|_| StoreError::Closed)?;
    let (connection, version) = opened.map_err(failed(path.clone()))?;
    let stop = connection.get_interrupt_handle();
    let mut checking = tokio::task::spawn_blocking(move || quick_check(&connection));
    let checked = if let Ok(checked) = tokio::time::timeout(patience, &mut checking).await {
        checked
    } else {
        stop.interrupt();
        checking.await
    };
    let (faults, is_complete) = match checked.map_err(|_| StoreError::Closed)? {
        Ok(faults) => (faults, true),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => (vec![], false),
        // So much so that SQLite does not get to the end of the check.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            (vec![error.to_string()], true)
        }
        Err(source) => return Err(StoreError::Open { path, source }),
    };
    Ok(Examined { version, newest: schema::newest(), faults, is_complete })
}

fn open(path: &Path) -> rusqlite::Result<(Connection, i64)> {
    // Writable where that is allowed, so that nothing is left behind that only this user could use.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let version = schema::version(&connection)?;
    Ok((connection, version))
}

fn quick_check(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA quick_check(3)")?;
    let found: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_record_is_examined_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        assert!(examine(&path, PATIENCE).await.is_err());
        assert!(!path.exists(), "it is not made");

        drop(schema::open(&path).unwrap());
        let examined = examine(&path, PATIENCE).await.unwrap();
        let newest = schema::newest();
        assert_eq!(examined, Examined { version: newest, newest, faults: vec![], is_complete: true });

        schema::open(&path).unwrap().pragma_update(None, "user_version", 1).unwrap();
        assert_eq!(examine(&path, PATIENCE).await.unwrap().version, 1);
        assert_eq!(examine(&path, PATIENCE).await.unwrap().version, 1, "it is not brought up to date");
    }

    #[tokio::test]
    async fn a_damaged_record_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        std::fs::write(
            &path,
            "this is no database, and long enough to be taken for one by its size alone".repeat(99),
        )
        .unwrap();
        assert!(matches!(examine(&path, PATIENCE).await, Err(StoreError::Open { .. })));

        std::fs::remove_file(&path).unwrap();
        let connection = schema::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
        drop(connection);
        let mut bytes = std::fs::read(&path).unwrap();
        // The first page says what there is; the others are what it says.
        bytes[4096..].fill(0x55);
        std::fs::write(&path, bytes).unwrap();
        let examined = examine(&path, PATIENCE).await.unwrap();
        assert!(!examined.faults.is_empty() && examined.faults.len() <= 3, "{examined:?}");
    }
}
