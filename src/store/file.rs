//! The record's file: whether it is still where it was opened.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, MAIN_DB};

use super::{StoreError, schema};
use crate::error::chain;

/// The file that was opened.
#[derive(Debug)]
pub(super) struct RecordFile {
    path: PathBuf,
    /// Its device and inode.
    identity: (u64, u64),
}

impl RecordFile {
    /// The file at this path.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let identity =
            identity(path).map_err(|source| StoreError::Folder { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), identity })
    }

    /// Fails if it was removed or replaced: SQLite would go on writing to what nobody finds again.
    pub(super) fn is_there(&self) -> io::Result<()> {
        let gone = |what: &str| io::Error::other(format!("its file `{}` {what}", self.path.display()));
        match identity(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            Ok(_) => Err(gone("was replaced by another: put it back, or restart")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(gone("is gone: put it back, or restart"))
            }
            Err(error) => Err(gone(&format!("can't be looked at: {error}"))),
        }
    }

    /// Gives a connection that can write, opened anew if there is none, or one that can only read: it stays as it was
    /// when nobody could write, and so does the shared memory beside the file until its last user is gone.
    pub(super) fn writable<'c>(&self, slot: &'c mut Option<Connection>) -> io::Result<&'c mut Connection> {
        slot.take_if(|connection| !can_write(connection));
        if slot.is_none() {
            let opened = schema::open(&self.path).map_err(|error| io::Error::other(chain(&error)))?;
            *slot = Some(opened).filter(can_write);
        }
        slot.as_mut().ok_or_else(|| io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// Whether a connection was opened to write as well.
pub(super) fn can_write(connection: &Connection) -> bool {
    connection.is_readonly(MAIN_DB).is_ok_and(|it| !it)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    path.metadata().map(|file| (file.dev(), file.ino()))
}
