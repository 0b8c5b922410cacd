//! Who works on a run, and whether that process still lives.
//!
//! A process that claims runs holds a lock on a file of its own. The operating system gives the lock up when
//! the process ends, however it ends; so a lock that can be had belongs to nobody who lives. No clock, no lease
//! and no process number, which could be another's by now.

use std::fs::{File, OpenOptions, ReadDir, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::failpoint::durably;

/// What a process opens the record for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The daemon.
    Daemon,
    /// A command that runs something and ends.
    Command,
    /// A command that claims no runs, so nobody needs to know whether it lives.
    Reader,
}

/// A process that works on the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// What it does.
    pub role: Role,
    /// Its number in the operating system.
    pub pid: u32,
    /// Its version of Calloff.
    pub version: String,
    /// When it opened the record.
    pub since: Timestamp,
    /// Where it listens for commands, if it does.
    #[serde(default)]
    pub control: Option<PathBuf>,
}

/// This process, as an owner of runs.
#[derive(Debug)]
pub(super) struct Owner {
    id: String,
    folder: PathBuf,
    process: Process,
    /// Locked for as long as this lives, once it could be made; those who claim no runs have none.
    file: Mutex<Option<File>>,
}

impl Owner {
    /// This process, which is not known yet.
    pub(super) fn new(state: &Path, process: Process) -> Self {
        let id = Uuid::now_v7().to_string();
        Self { id, folder: state.join(FOLDER), process, file: Mutex::default() }
    }

    /// Makes this process known in the state folder, unless it is, or claims no runs.
    pub(super) fn make_known(&self) -> io::Result<()> {
        let mut known = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() && self.process.role != Role::Reader {
            *known = Some(self.made()?);
        }
        Ok(())
    }

    fn made(&self) -> io::Result<File> {
        durably("owners.folder", || std::fs::create_dir_all(&self.folder))?;
        let unnamed = self.folder.join(format!("{}.new", self.id));
        let made = self.written(&unnamed).and_then(|file| {
            // Under its own name it is never seen without its lock.
            durably("owner.named", || std::fs::rename(&unnamed, path(&self.folder, &self.id)))?;
            Ok(file)
        });
        if made.is_err() {
            // A full disk has room for a name, and not for what it names.
            drop(durably("owner.swept", || std::fs::remove_file(&unnamed)));
        }
        made
    }

    fn written(&self, unnamed: &Path) -> io::Result<File> {
        let mut file =
            durably("owner.made", || OpenOptions::new().write(true).create_new(true).open(unnamed))?;
        file.lock()?;
        let text = serde_json::to_vec(&self.process)?;
        durably("owner.written", || file.write_all(&text))?;
        Ok(file)
    }

    /// Where processes are known.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the process of that ID has ended.
    pub(super) fn has_ended(&self, id: &str) -> bool {
        id != self.id && !is_locked(&path(&self.folder, id))
    }

    /// The processes that work on the record now.
    pub(super) fn living(&self) -> Vec<Process> {
        living(&self.folder)
    }

    /// The daemon that works on a record in this folder.
    ///
    /// # Errors
    ///
    /// If none is seen, and not all could be looked at.
    pub(super) fn daemon_in(state: &Path) -> io::Result<Option<Process>> {
        let entries = match std::fs::read_dir(state.join(FOLDER)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        let mut unseen = None;
        for path in locks(entries) {
            match look_at(&path) {
                Ok(Some(process)) if process.role == Role::Daemon => return Ok(Some(process)),
                Ok(_) => {}
                Err(error) => unseen = Some(error),
            }
        }
        unseen.map_or(Ok(None), Err)
    }

    /// Forgets processes that were killed. Their runs must have been taken over before.
    pub(super) fn sweep(&self) {
        for path in files(&self.folder).filter(|path| !is_locked(path)) {
            drop(durably("owner.swept", || std::fs::remove_file(path)));
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.file.get_mut().is_ok_and(|file| file.is_some()) {
            // A leftover costs nothing but a file name.
            drop(durably("owner.gone", || std::fs::remove_file(path(&self.folder, &self.id))));
        }
    }
}

/// The folder of owners, in the state folder.
const FOLDER: &str = "owners";

fn living(folder: &Path) -> Vec<Process> {
    let read = |path: PathBuf| serde_json::from_slice(&std::fs::read(path).ok()?).ok();
    files(folder).filter(|path| is_locked(path)).filter_map(read).collect()
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flat_map(locks)
}

fn locks(entries: ReadDir) -> impl Iterator<Item = PathBuf> {
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|it| it == "lock"))
}

/// The process whose file it is, if it lives.
fn look_at(path: &Path) -> io::Result<Option<Process>> {
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    Ok(if is_locked(path) { serde_json::from_slice(&text).ok() } else { None })
}

fn path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.lock"))
}

fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Err(error) => error.kind() != ErrorKind::NotFound,
        // Shared, so that two who look at once don't take each other for the owner.
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(state: &Path, role: Role) -> Owner {
        let process =
            Process { role, pid: 1, version: "0".into(), since: Timestamp::UNIX_EPOCH, control: None };
        let owner = Owner::new(state, process);
        owner.make_known().unwrap();
        owner
    }

    #[test]
    fn an_owner_lives_as_long_as_its_lock() {
        let state = tempfile::tempdir().unwrap();
        let watching = owner(state.path(), Role::Command);
        let other = owner(state.path(), Role::Daemon);
        let id = other.id().to_owned();
        assert!(!watching.has_ended(&id) && !watching.has_ended(watching.id()));
        assert_eq!(watching.living().iter().filter(|process| process.role == Role::Daemon).count(), 1);
        drop(other);
        assert!(watching.has_ended(&id));
        assert_eq!(watching.living().len(), 1);
    }

    #[test]
    fn an_owner_that_was_killed_has_ended_though_its_file_remains() {
        let state = tempfile::tempdir().unwrap();
        let watching = owner(state.path(), Role::Command);
        std::fs::write(path(&watching.folder, "killed"), "").unwrap();
        assert!(watching.has_ended("killed"));
        watching.sweep();
        assert!(path(&watching.folder, watching.id()).exists());
        assert!(!path(&watching.folder, "killed").exists());
    }

    #[test]
    fn an_owner_that_could_not_be_made_known_becomes_so_later() {
        let state = tempfile::tempdir().unwrap();
        let in_the_way = state.path().join(FOLDER);
        std::fs::write(&in_the_way, "").unwrap();
        let process = Process {
            role: Role::Daemon,
            pid: 1,
            version: "0".into(),
            since: Timestamp::UNIX_EPOCH,
            control: None,
        };
        let owner = Owner::new(state.path(), process);
        owner.make_known().unwrap_err();
        std::fs::remove_file(in_the_way).unwrap();
        owner.make_known().unwrap();
        owner.make_known().unwrap();
        assert_eq!(owner.living().len(), 1);
    }

    #[test]
    fn a_reader_leaves_no_trace() {
        let state = tempfile::tempdir().unwrap();
        drop(owner(state.path(), Role::Reader));
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
    }
}
