//! Looks at a record without touching it: for whoever wants to know whether it is sound.
//!
//! Nothing is written, and no file is made: one that belongs to another user than the daemon's would keep it from its
//! own record.

use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// Why a record can't be examined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExamineError {
    /// This user may not read it.
    #[error("couldn't read it")]
    Closed(#[source] std::io::Error),
    /// SQLite can't read it as it is without writing beside it.
    #[error("couldn't read it without writing")]
    NotWithoutWriting(#[source] rusqlite::Error),
    /// It has tables of another program.
    #[error("`{}` is a database of another program", .0.display())]
    Foreign(PathBuf),
    /// It is no record that can be used.
    #[error(transparent)]
    Unusable(#[from] StoreError),
}

/// Examines the record, for so long at most. It is neither made nor brought up to date.
///
/// # Errors
///
/// If it can't be looked at, or is no record.
pub async fn examine(path: &Path, patience: Duration) -> Result<Examined, ExamineError> {
    let examined = examine_once(path, patience).await?;
    // Without a log there was nobody who wrote. Has somebody begun meanwhile, what was read may not fit together.
    if !examined.faults.is_empty() && has_log(path) {
        return examine_once(path, patience).await;
    }
    Ok(examined)
}

async fn examine_once(path: &Path, patience: Duration) -> Result<Examined, ExamineError> {
    let path = path.to_owned();
    let opening = path.clone();
    let opened = tokio::task::spawn_blocking(move || open(&opening)).await.map_err(|_| StoreError::Closed)?;
    let (connection, version) = opened?;
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
        Err(source) => return Err(StoreError::Open { path, source }.into()),
    };
    Ok(Examined { version, newest: schema::newest(), faults, is_complete })
}

fn open(path: &Path) -> Result<(Connection, i64), ExamineError> {
    // SQLite does not say why it can't open a file.
    drop(File::open(path).map_err(ExamineError::Closed)?);
    // What belongs to it lies beside the file itself, not beside a link to it.
    let path = path.canonicalize().map_err(ExamineError::Closed)?;
    let has_log = has_log(&path);
    let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) if has_log => {
            ExamineError::NotWithoutWriting(source)
        }
        _ => StoreError::Open { path: path.clone(), source }.into(),
    };
    let connection = connect(&path, has_log).map_err(failed)?;
    let version = schema::version(&connection).map_err(failed)?;
    if is_foreign(&connection, version) {
        return Err(ExamineError::Foreign(path));
    }
    Ok((connection, version))
}

fn connect(path: &Path, has_log: bool) -> rusqlite::Result<Connection> {
    // What has no log is whole in its file, and SQLite then does without the files beside it. Else it needs them, and
    // makes neither.
    let how = if has_log { "readonly_shm=1" } else { "immutable=1" };
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{}?{how}", escaped(path)), flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Whether there is something that is not in the file yet.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|metadata| metadata.len() > 0)
}

/// A path as part of a URI.
fn escaped(path: &Path) -> String {
    let escaped = path.as_os_str().as_bytes().iter().map(|&byte| {
        let is_plain = byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        if is_plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    });
    escaped.collect()
}

/// Whether its tables are another program's. If it is too damaged to tell, the check finds out what is wrong with it.
fn is_foreign(connection: &Connection, version: i64) -> bool {
    const COUNT: &str =
        "SELECT count(*), count(*) FILTER (WHERE name = 'runs') FROM sqlite_schema WHERE type = 'table'";
    let counted = connection.query_row(COUNT, [], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?)));
    // A version comes into the file together with its tables.
    counted.is_ok_and(|(tables, ours)| match version {
        0 => tables > 0,
        version => version <= schema::newest() && ours == 0,
    })
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

    /// What is in a folder, with its contents.
    fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<_> = paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        found.sort();
        found
    }

    #[tokio::test]
    async fn nothing_is_written_whatever_lies_beside_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b?%.db");
        let beside = |end: &str| folder.path().join(format!("a b?%.db{end}"));
        let connection = schema::open(&path).unwrap();
        let examined_as_it_is = async || {
            let before = contents(folder.path());
            let examined = examine(&path, PATIENCE).await;
            assert!(contents(folder.path()) == before, "{:?}", std::fs::read_dir(folder.path()).unwrap());
            examined.map(|examined| examined.version)
        };
        let newest = schema::newest();
        assert!(beside("-wal").metadata().unwrap().len() > 0);
        assert_eq!(examine(&path, PATIENCE).await.unwrap().version, newest, "somebody works on it");
        drop(connection);
        assert_eq!(examined_as_it_is().await.unwrap(), newest, "nobody does, and it has a log");

        std::fs::rename(beside("-shm"), folder.path().join("aside")).unwrap();
        let examined = examined_as_it_is().await;
        assert!(matches!(examined, Err(ExamineError::NotWithoutWriting(_))), "{examined:?}");
        let link = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(&path, link.path().join("link")).unwrap();
        let examined = examine(&link.path().join("link"), PATIENCE).await;
        assert!(matches!(examined, Err(ExamineError::NotWithoutWriting(_))), "{examined:?}");

        std::fs::rename(folder.path().join("aside"), beside("-shm")).unwrap();
        let connection = schema::open(&path).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(connection);
        for end in ["-shm", "-wal"] {
            std::fs::remove_file(beside(end)).unwrap();
        }
        assert_eq!(examined_as_it_is().await.unwrap(), newest, "all of it is in its file");
        assert_eq!(contents(folder.path()).len(), 1);
    }

    #[tokio::test]
    async fn a_database_of_another_program_is_no_record() {
        let folder = tempfile::tempdir().unwrap();
        for version in [0, 1, schema::newest()] {
            let path = folder.path().join(format!("{version}.db"));
            let other = Connection::open(&path).unwrap();
            other.execute_batch("CREATE TABLE moz_places (id INTEGER)").unwrap();
            other.pragma_update(None, "user_version", version).unwrap();
            let examined = examine(&path, PATIENCE).await;
            assert!(matches!(examined, Err(ExamineError::Foreign(_))), "{version}: {examined:?}");
        }
        let empty = folder.path().join("empty.db");
        std::fs::write(&empty, "").unwrap();
        assert_eq!(examine(&empty, PATIENCE).await.unwrap().version, 0, "it is about to become one");
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
        let examined = examine(&path, PATIENCE).await;
        assert!(matches!(examined, Err(ExamineError::Unusable(StoreError::Open { .. }))), "{examined:?}");

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
