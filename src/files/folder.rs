//! The folder of job files, read recursively.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use calloff_core::diagnostic::{Code, Diagnostic};
use calloff_core::ids::JobName;

use super::read::{shown, unreadable};
use super::stamp::Stamp;

/// Folders in folders, at most. Links can make a small tree endless.
const MOST_DEPTH: usize = 16;
/// Job files, at most.
const MOST_FILES: usize = 200_000;

/// A job file.
#[derive(Debug)]
pub(super) struct JobFile {
    pub(super) path: PathBuf,
    pub(super) name: JobName,
    /// What the file was when it was found; `None` if there is nothing at the path, as where a link leads nowhere.
    pub(super) stamp: Option<Stamp>,
}

/// What a folder has.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The job files, sorted by name.
    pub(super) files: Vec<JobFile>,
    /// What is wrong with the folder itself and with names in it.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The folder of job files.
    pub(super) root: PathBuf,
}

/// The job files in `folder`, named by their place below `root`.
pub(super) fn job_files(folder: &Path, root: &Path) -> Found {
    let found = Found { root: root.to_owned(), ..Found::default() };
    let mut walk = Walk { root, found, above: Vec::new() };
    walk.folder(folder);
    walk.found.files.sort_by(|a, b| a.name.cmp(&b.name));
    walk.found
}

struct Walk<'r> {
    root: &'r Path,
    found: Found,
    /// The folders on the way here, links resolved.
    above: Vec<PathBuf>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) {
        let (real, entries) = match entries(folder) {
            Ok(read) => read,
            Err(error) => return self.found.diagnostics.push(unreadable(&shown(folder), &error)),
        };
        if self.above.contains(&real) {
            // A link to a folder on the way here: everything in it has been seen.
            return;
        }
        if self.above.len() == MOST_DEPTH {
            let error = std::io::Error::other(format!("it is more than {MOST_DEPTH} folders deep"));
            return self.found.diagnostics.push(unreadable(&shown(folder), &error));
        }
        self.above.push(real);
        for (path, metadata) in entries {
            if self.found.files.len() == MOST_FILES {
                let error = std::io::Error::other(format!("it has more than {MOST_FILES} job files"));
                self.found.diagnostics.push(unreadable(&shown(folder), &error));
                break;
            }
            if metadata.as_ref().is_some_and(Metadata::is_dir) {
                self.folder(&path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                self.file(path, metadata.as_ref().map(Stamp::of));
            }
        }
        self.above.pop();
    }

    fn file(&mut self, path: PathBuf, stamp: Option<Stamp>) {
        match job_name(&path, self.root) {
            Ok(name) => self.found.files.push(JobFile { path, name, stamp }),
            Err(message) => {
                let help = "rename it: letters, digits, `-`, `_` and `.`, up to 255 with its folders";
                let file = shown(&path);
                let wrong = Diagnostic::of_file(Code::FileName, &file, message, Some(help.to_owned()));
                self.found.diagnostics.push(wrong);
            }
        }
    }
}

/// Something in a folder, and what it is with links followed; `None` if a link leads nowhere.
type Entry = (PathBuf, Option<Metadata>);

/// The folder with links resolved, and what in it may be job files or has them, sorted.
fn entries(folder: &Path) -> std::io::Result<(PathBuf, Vec<Entry>)> {
    // An empty path is the folder that a bare `calloff.toml` is in.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = folder.canonicalize()?;
    let mut entries = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        // Dotfiles, among them `..data` of Kubernetes; `#x.toml#` and the like are of editors.
        if matches!(entry.file_name().as_encoded_bytes().first(), Some(b'.' | b'#')) {
            continue;
        }
        let path = entry.path();
        let is_link = entry.file_type()?.is_symlink();
        let metadata = if is_link { path.metadata() } else { entry.metadata() };
        entries.push((path, metadata.ok()));
    }
    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok((real, entries))
}

/// The name of the job in a file.
pub(super) fn job_name(path: &Path, root: &Path) -> Result<JobName, String> {
    let below = path.strip_prefix(root).unwrap_or(path);
    let plain = below.to_str().ok_or("the file's name is not UTF-8")?;
    let stem = below.extension().map_or(plain, |extension| &plain[..plain.len() - extension.len() - 1]);
    JobName::parse(stem).map_err(|error| error.to_string())
}
