//! The record: what is claimed, under way and done, in SQLite.
//!
//! All writes go through one writer, which commits them in groups: a commit is durable (WAL,
//! `synchronous=FULL`) before anyone is told of it. A write that the disk refuses stays in line and is tried
//! again; the caller decides how long it can wait.

mod calls;
mod examine;
mod file;
mod history;
mod holds;
mod live;
mod notices;
mod outbox;
mod owner;
mod pauses;
mod recovery;
mod restores;
mod rows;
mod runs;
mod schema;
mod tail;
mod writer;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;

pub use examine::{ExamineError, Examined, examine};
pub use history::Filter;
pub use live::Seen;
pub use notices::{Telling, Told};
pub use outbox::{Deliverer, Outgoing};
pub use owner::{Process, Role};
pub use recovery::{Interrupted, Kept, Rebased, RunDebt};
pub use restores::{ForPayment, Owed, Payable, Settlement, Successor};
pub use runs::{Attempt, Claim, Claimed, Decided, Decision, Ending, Missed, NewRun, Written};
pub use tail::{Brief, Mark, Tail};
pub use writer::Health;

use crate::failpoint::durably;
use file::RecordFile;
use owner::Owner;
use writer::Writer;

/// Why the record can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Its folder can't be made or entered.
    #[error("couldn't use the state folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// It can't be opened or brought up to date.
    #[error("couldn't open the record `{}`", path.display())]
    Open {
        /// The SQLite file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// It was written by a newer Calloff.
    #[error("the record `{}` has schema version {found}, newer than this program's {known}: use the newer Calloff", path.display())]
    Newer {
        /// The SQLite file.
        path: PathBuf,
        /// Its schema's version.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// A statement failed for a reason that will not go away.
    #[error("the record refused a statement")]
    Statement(#[from] rusqlite::Error),
    /// The record was closed while something was in line.
    #[error("the record was closed before the write was durable")]
    Closed,
    /// The record takes no writes, and what has to be written can't be done without.
    #[error("the record takes no writes: another process holds it, or the disk is full or read-only")]
    Busy,
}

/// A handle on the record; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
    reader: Arc<Reader>,
}

/// A connection for reading, so that a long report never holds up a claim. Opened when first needed.
type Reader = Mutex<Option<Connection>>;

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    folder: PathBuf,
    writer: Writer,
    owner: Arc<Owner>,
}

impl Store {
    /// Opens the record, makes it if there is none, and brings its schema up to date. `now` is when, for those
    /// who ask who works on it.
    ///
    /// Blocks on the disk; must be called within a tokio runtime, which then runs the writer.
    ///
    /// # Errors
    ///
    /// If the folder or the file can't be used, or a newer Calloff wrote it.
    pub fn open(path: &Path, role: Role, now: Timestamp) -> Result<Self, StoreError> {
        Self::open_heard_at(path, role, now, None)
    }

    /// The same for a process that listens for commands at `control`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_heard_at(
        path: &Path,
        role: Role,
        now: Timestamp,
        control: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let mut maker = DirBuilder::new();
        maker.recursive(true).mode(0o750);
        durably("record.folder", || maker.create(&folder))
            .map_err(|source| StoreError::Folder { path: folder.clone(), source })?;
        let connection = schema::open(path)?;
        let process = Process {
            role,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: now,
            control,
        };
        let owner = Arc::new(Owner::new(&folder, process));
        let is_known = match owner.make_known() {
            Ok(()) => true,
            // Whoever is not allowed to will not be later either, and must not cancel without a record.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(StoreError::Folder { path: folder, source: error });
            }
            Err(_) => false,
        };
        let (known, file) = (Arc::clone(&owner), RecordFile::of(path)?);
        let writer = Writer::start(
            connection,
            Box::new(move |connection| {
                file.is_there()?;
                known.make_known().map_err(|error| {
                    std::io::Error::new(error.kind(), format!("`{}`: {error}", known.folder().display()))
                })?;
                file.writable(connection)
            }),
        );
        if !is_known {
            // Who waits here for a disk to have room becomes known then, and is not well until then. What is due does
            // not wait for it.
            drop(writer.write(|_| Ok(())));
        }
        let shared = Shared { path: path.to_path_buf(), folder, writer, owner };
        Ok(Self { shared: Arc::new(shared), reader: Arc::default() })
    }

    /// A handle that reads through a connection of its own: whoever reads through the other does not wait for it.
    #[must_use]
    pub fn with_own_reader(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), reader: Arc::default() }
    }

    /// The folder that the record lies in; tokens are kept there too.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// This process, as others who work on the record see it.
    #[must_use]
    pub fn process(&self) -> &Process {
        self.shared.owner.process()
    }

    /// The daemon that works on this record now, if there is one.
    #[must_use]
    pub fn daemon(&self) -> Option<Process> {
        self.shared.owner.living().into_iter().find(|process| process.role == Role::Daemon)
    }

    /// The daemon that works on the record at this path now, if there is one; nothing is opened for that.
    #[must_use]
    pub fn daemon_at(path: &Path) -> Option<Process> {
        Self::find_daemon(path).ok().flatten()
    }

    /// The same for whoever needs to know whether it could be told.
    ///
    /// # Errors
    ///
    /// If there may be one that this user is not allowed to see.
    pub fn find_daemon(path: &Path) -> std::io::Result<Option<Process>> {
        Owner::daemon_in(path.parent().unwrap_or(Path::new("")))
    }

    /// Whether writes get through. Changes are seen by every receiver.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.writer.health()
    }

    /// Counts what this process has written. Each change is seen by every receiver, or the last of several.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.shared.writer.commits()
    }

    /// Waits until writes don't get through; for ever if they always do.
    pub async fn failing(&self) {
        let failing = self.health().wait_for(|health| *health != Health::Good).await.is_ok();
        if !failing {
            // The writer has ended: nothing will fail any more.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until everything in line is durable, then ends the writer.
    pub async fn close(&self) {
        self.shared.writer.close().await;
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Self { shared, reader } = self.clone();
        tokio::task::spawn_blocking(move || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            if reader.is_none() {
                *reader = Some(schema::open(&shared.path)?);
            }
            let read = match &*reader {
                Some(connection) => query(connection)?,
                None => return Err(StoreError::Closed),
            };
            // One that can only read would keep others from writing when they may again.
            reader.take_if(|connection| !file::can_write(connection));
            Ok(read)
        })
        .await
        .map_err(|_| StoreError::Closed)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn who_reads_through_a_connection_of_its_own_holds_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&folder.path().join("calloff.db"), Role::Daemon, Timestamp::UNIX_EPOCH).unwrap();
        let ((begun, begins), (end, ends)) = (mpsc::channel(), mpsc::channel::<()>());
        let report = store.with_own_reader();
        let long = tokio::spawn(async move {
            let read = report.read(move |_| {
                begun.send(()).unwrap();
                ends.recv().unwrap();
                Ok(())
            });
            read.await.unwrap();
        });
        tokio::task::spawn_blocking(move || begins.recv().unwrap()).await.unwrap();
        // A cancel that could not be claimed in time asks for this before it goes ahead.
        tokio::time::timeout(Duration::from_secs(10), store.pauses()).await.unwrap().unwrap();
        end.send(()).unwrap();
        long.await.unwrap();
    }
}
