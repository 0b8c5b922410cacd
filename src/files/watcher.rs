//! Hears of changes from the file system, where it tells of them.

use std::path::{Path, PathBuf};

use super::stamp::Stamp;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Watches `calloff.toml` and the folder of jobs until it is dropped.
///
/// What it hears is only ever a hint to look: where files are swapped by a link, as Kubernetes does it, nothing is heard
/// but the link's name, and some file systems say nothing at all.
#[derive(Debug)]
pub struct Watcher {
    jobs: PathBuf,
    /// Which folder that was: another one may be put in its place.
    folder: Option<Stamp>,
    _tells: RecommendedWatcher,
}

impl Watcher {
    /// Begins to watch; `changed` is called from another thread, often for one change.
    ///
    /// # Errors
    ///
    /// If a folder can't be watched: it is not there, or the system watches as much as it is allowed to.
    pub fn start(
        config: &Path,
        jobs: PathBuf,
        changed: impl Fn() + Send + 'static,
    ) -> Result<Self, notify::Error> {
        let heard = move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| concerns(&event)) {
                changed();
            }
        };
        let mut watcher = notify::recommended_watcher(heard)?;
        // Folders, not files: an editor puts another file in the place of the one that was watched.
        let around = [folder_of(config), folder_of(&jobs)];
        for folder in around.iter().filter(|folder| **folder != jobs) {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        let folder = stamp(&jobs);
        watcher.watch(&jobs, RecursiveMode::Recursive)?;
        Ok(Self { jobs, folder, _tells: watcher })
    }

    /// Whether it watches the folder of jobs that is at this path now.
    #[must_use]
    pub fn watches(&self, jobs: &Path) -> bool {
        let is_the_same = match (self.folder, stamp(jobs)) {
            (Some(watched), Some(now)) => watched.is_of_the_same_file(now),
            _ => false,
        };
        self.jobs == jobs && is_the_same
    }
}

fn stamp(folder: &Path) -> Option<Stamp> {
    folder.metadata().ok().map(|metadata| Stamp::of(&metadata))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Whether it may be about a file of ours: the record may lie in the same folder, and is written all the time.
fn concerns(event: &Event) -> bool {
    let is_change = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    let is_ours = |path: &PathBuf| path.extension().is_none_or(|extension| extension == "toml");
    // A queue that ran over is told without a path.
    is_change && (event.paths.is_empty() || event.paths.iter().any(is_ours))
}
