//! Who works on a run, and whether that process still lives.
//!
//! A process that claims runs holds a lock on a file of its own. The operating system gives the lock up when
//! the process ends, however it ends; so a lock that can be had belongs to nobody who lives. No clock, no lease
//! and no process number, which could be another's by now.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// This process, as an owner of runs.
#[derive(Debug)]
pub(super) struct Owner {
    id: String,
    folder: PathBuf,
    /// Locked for as long as this lives.
    _file: File,
}

impl Owner {
    /// Makes this process known in the state folder.
    pub(super) fn new(state: &Path) -> io::Result<Self> {
        let folder = state.join("owners");
        std::fs::create_dir_all(&folder)?;
        let id = Uuid::now_v7().to_string();
        let file = OpenOptions::new().write(true).create_new(true).open(path(&folder, &id))?;
        file.lock()?;
        Ok(Self { id, folder, _file: file })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the process of that ID has ended. The ID must have been found in a claimed run: only then is it
    /// certain that its owner had locked its file before.
    pub(super) fn has_ended(&self, id: &str) -> bool {
        if id == self.id {
            return false;
        }
        match File::open(path(&self.folder, id)) {
            Err(error) => error.kind() == ErrorKind::NotFound,
            Ok(file) => !matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
        }
    }

    /// Forgets an owner whose runs have all been taken over.
    pub(super) fn forget(&self, id: &str) {
        // A leftover costs nothing but a file name.
        drop(std::fs::remove_file(path(&self.folder, id)));
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.forget(&self.id);
    }
}

fn path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_lives_as_long_as_its_lock() {
        let state = tempfile::tempdir().unwrap();
        let watching = Owner::new(state.path()).unwrap();
        let other = Owner::new(state.path()).unwrap();
        let id = other.id().to_owned();
        assert!(!watching.has_ended(&id) && !watching.has_ended(watching.id()));
        drop(other);
        assert!(watching.has_ended(&id));
    }

    #[test]
    fn an_owner_that_was_killed_has_ended_though_its_file_remains() {
        let state = tempfile::tempdir().unwrap();
        let watching = Owner::new(state.path()).unwrap();
        std::fs::write(path(&watching.folder, "killed"), "").unwrap();
        assert!(watching.has_ended("killed"));
        watching.forget("killed");
        assert!(!path(&watching.folder, "killed").exists());
    }
}
