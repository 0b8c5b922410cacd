//! `calloff.toml` and its jobs, read together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use calloff_core::config::{
    Checked, Job, JobDefaults, ReadSettings, Settings, parse_settings, warn_of_races,
};
use calloff_core::diagnostic::Diagnostic;
use calloff_core::ids::JobName;
use calloff_core::reload::Candidate;
use jiff::Timestamp;

use super::folder::{Found, job_files};
use super::loader::{Anew, Reads};
use super::read::{shown, text};

/// A set-up, as far as it is right.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The folder that relative paths of `calloff.toml` start from.
    pub base: PathBuf,
    /// What `calloff.toml` says; `None` if it is wrong.
    pub settings: Option<Settings>,
    /// The folder of job files, if it can be told.
    pub jobs_folder: Option<PathBuf>,
    /// The jobs whose files are right, sorted by name.
    pub jobs: Vec<Arc<Job>>,
    /// The jobs whose files are wrong, sorted by name.
    pub wrong: Vec<Wrong>,
    /// Everything that was found, file by file.
    pub diagnostics: Vec<Diagnostic>,
    /// Of these, what is about no job, or nobody knows which: `calloff.toml`, folders, names that no job can have.
    pub others: Vec<Diagnostic>,
    /// How many files were read.
    pub files: usize,
}

/// A job whose file is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The job.
    pub job: JobName,
    /// The first thing that is wrong with its file, and where.
    pub why: String,
}

impl Loaded {
    /// Whether nothing is wrong with it. Warnings don't count.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.errors() == 0
    }

    /// How much is wrong with it.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|found| found.is_error()).count()
    }

    /// As far as it decides whether it comes into force.
    #[must_use]
    pub fn candidate(&self) -> Candidate<'_> {
        Candidate { settings: self.settings.as_ref(), jobs: self.jobs.len(), errors: self.errors() }
    }
}

/// Reads `calloff.toml` and every job file, whatever is wrong with others of them.
///
/// With `warn_from`, all is read with warnings of what will come after it; those that take several files to tell come
/// last.
#[must_use]
pub fn load(config: &Path, warn_from: Option<Timestamp>) -> Loaded {
    let mut loaded = load_each(config, warn_from);
    if let Some(from) = warn_from {
        loaded.diagnostics.extend(warn_of_races(&loaded.jobs, from));
    }
    loaded
}

/// The same without the warnings that take several files to tell.
pub(super) fn load_each(config: &Path, warn_from: Option<Timestamp>) -> Loaded {
    let (mut loaded, read) = settings(config, warn_from);
    let Some(ReadSettings { jobs, defaults, .. }) = read else { return loaded };
    if let Some(folder) = jobs.map(|jobs| loaded.base.join(jobs)) {
        loaded.take(job_files(&folder, &folder), &defaults, &mut Anew);
        loaded.jobs_folder = Some(folder);
    }
    loaded
}

/// Reads `calloff.toml` and no job file.
#[must_use]
pub fn load_settings(config: &Path) -> Loaded {
    settings(config, None).0
}

pub(super) fn settings(config: &Path, warn_from: Option<Timestamp>) -> (Loaded, Option<ReadSettings>) {
    let base = config.parent().unwrap_or(Path::new("")).to_owned();
    let file = shown(config);
    let mut loaded = Loaded { base, files: 1, ..Loaded::default() };
    match text(config, &file) {
        Ok(text) => {
            let mut read = parse_settings(&file, &text, warn_from);
            loaded.settings = read.settings.value.take();
            loaded.diagnostics = std::mem::take(&mut read.settings.diagnostics);
            (loaded, Some(read))
        }
        Err(diagnostic) => {
            loaded.diagnostics.push(*diagnostic);
            (loaded, None)
        }
    }
}

impl Loaded {
    /// Reads the job files found.
    pub(super) fn take(&mut self, found: Found, defaults: &JobDefaults, files: &mut impl Reads) {
        self.others.extend(found.diagnostics.iter().cloned());
        self.diagnostics.extend(found.diagnostics);
        for file in found.files {
            self.files += 1;
            let Checked { value, mut diagnostics } = files.read(&file, defaults);
            if !diagnostics.is_empty() && leads_elsewhere(&file.path, &found.root) {
                // Whoever can put a link here must not have shown what they may not read.
                for shown in &mut diagnostics {
                    shown.quote = None;
                }
            }
            match value {
                Some(job) => self.jobs.push(job),
                None => self.wrong.push(Wrong { job: file.name, why: first_of(&diagnostics) }),
            }
            self.diagnostics.extend(diagnostics);
        }
    }
}

/// Whether a link leads out of the folder of job files.
fn leads_elsewhere(file: &Path, root: &Path) -> bool {
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    match (file.canonicalize(), root.canonicalize()) {
        (Ok(file), Ok(root)) => !file.starts_with(root),
        _ => true,
    }
}

/// The first error, in one line.
fn first_of(diagnostics: &[Diagnostic]) -> String {
    let first = diagnostics.iter().find(|found| found.is_error());
    first.map_or_else(|| "it can't be used".to_owned(), Diagnostic::to_string)
}
