//! `calloff check`: everything that is wrong with some files, offline.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calloff_core::config::{Job, JobDefaults, looks_like_settings, parse_settings, warn_of_races};
use calloff_core::diagnostic::{Diagnostic, Severity};
use calloff_core::ids::AccountName;
use calloff_core::scope::{Need, needs_by_account};
use jiff::Timestamp;

use super::folder::{Found, JobFile, job_files, job_name};
use super::load::{Loaded, load_each};
use super::loader::Anew;
use super::read::{shown, text, unreadable};

const CONFIG: &str = "calloff.toml";

/// What was found, and in how much.
#[derive(Debug, Default)]
pub struct Report {
    /// The findings, file by file.
    pub diagnostics: Vec<Diagnostic>,
    /// How many files were read.
    pub files: usize,
    /// How many jobs are right.
    pub jobs: usize,
    /// The scopes that these jobs need, for each set-up by account.
    pub needs: Vec<(AccountName, Vec<Need>)>,
}

impl Report {
    /// How many findings are of that severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|found| found.severity == severity).count()
    }

    /// Whether nothing is wrong: warnings don't count.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    /// One line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let read = format!("{} and {} read", many(self.files, "file"), many(self.jobs, "valid job"));
        match (self.count(Severity::Error), self.count(Severity::Warning)) {
            (0, 0) => format!("{read}: nothing is wrong"),
            (0, warnings) => format!("{read}: {}", many(warnings, "warning")),
            (errors, 0) => format!("{read}: {}", many(errors, "error")),
            (errors, warnings) => {
                format!("{read}: {} and {}", many(errors, "error"), many(warnings, "warning"))
            }
        }
    }

    fn take(&mut self, loaded: Loaded) {
        self.files += loaded.files;
        // A file may be reached by several of the paths.
        let mut known: HashSet<_> = self.diagnostics.iter().map(identity).collect();
        let new: Vec<bool> = loaded.diagnostics.iter().map(|found| known.insert(identity(found))).collect();
        let new = loaded.diagnostics.into_iter().zip(new).filter_map(|(found, new)| new.then_some(found));
        self.diagnostics.extend(new);
    }
}

/// What tells a finding from others.
fn identity(found: &Diagnostic) -> (&str, usize, &str, &str) {
    (&found.file, found.span.start, found.code.as_str(), &found.message)
}

fn many(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Checks each path: a `calloff.toml` with its jobs, a folder that has one, a folder of job files, or a job file.
///
/// Job files are read against `config`, or else against the `calloff.toml` in the nearest folder above them. If
/// there is none, what it might say is taken to be so.
#[must_use]
pub fn check(paths: &[PathBuf], config: Option<&Path>, now: Timestamp) -> Report {
    let mut report = Report::default();
    let mut together: BTreeMap<PathBuf, Vec<Arc<Job>>> = BTreeMap::new();
    for path in paths {
        let (mut loaded, set_up) = one(path, config, now);
        let jobs = together.entry(set_up).or_default();
        report.jobs += loaded.jobs.len();
        jobs.append(&mut loaded.jobs);
        report.take(loaded);
    }
    for jobs in together.into_values().map(each_once) {
        report.needs.extend(needs_by_account(jobs.iter().map(AsRef::as_ref)));
        let diagnostics = warn_of_races(&jobs, now);
        report.take(Loaded { diagnostics, ..Loaded::default() });
    }
    report
}

/// The jobs without those that were reached by several of the paths before, by name.
fn each_once(mut jobs: Vec<Arc<Job>>) -> Vec<Arc<Job>> {
    let mut known = HashSet::new();
    jobs.retain(|job| {
        let file = job.place.as_deref().map(|place| &place.file);
        file.is_none_or(|file| known.insert(canonical(Path::new(file))))
    });
    jobs.sort_by(|a, b| a.name.cmp(&b.name));
    jobs
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// What was found in one path, and what stands for the set-up that it belongs to: its `calloff.toml`, or else the
/// folder of job files.
fn one(path: &Path, config: Option<&Path>, now: Timestamp) -> (Loaded, PathBuf) {
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return (wrong(unreadable(&shown(path), &error)), path.to_owned()),
    };
    if metadata.is_dir() {
        let inside = path.join(CONFIG);
        if inside.is_file() {
            return (load_each(&inside, Some(now)), canonical(&inside));
        }
        let around = Around::of(path, config, now);
        let root = around.root_for(path).unwrap_or(path);
        let mut loaded = Loaded::default();
        loaded.take(job_files(path, root), &around.defaults, &mut Anew);
        return (loaded, around.set_up(root));
    }
    let named = path.file_name().is_some_and(|name| name == CONFIG) || config == Some(path);
    if named || text(path, "").is_ok_and(|text| looks_like_settings(&text)) {
        return (load_each(path, Some(now)), canonical(path));
    }
    let around = Around::of(path, config, now);
    let root = around.root_for(path).or_else(|| path.parent()).unwrap_or(Path::new(""));
    let loaded = match job_name(path, root) {
        Ok(name) => {
            let mut loaded = Loaded::default();
            let files = vec![JobFile { path: path.to_owned(), name, stamp: None }];
            let found = Found { files, diagnostics: Vec::new(), root: root.to_owned() };
            loaded.take(found, &around.defaults, &mut Anew);
            loaded
        }
        Err(message) => {
            let code = calloff_core::diagnostic::Code::FileName;
            wrong(Diagnostic::of_file(code, &shown(path), message, None))
        }
    };
    (loaded, around.set_up(root))
}

fn wrong(diagnostic: Diagnostic) -> Loaded {
    Loaded { diagnostics: vec![diagnostic], files: 1, ..Loaded::default() }
}

/// The set-up that a job file belongs to.
struct Around {
    defaults: JobDefaults,
    /// The folder of job files.
    jobs: Option<PathBuf>,
    /// The `calloff.toml`.
    config: Option<PathBuf>,
}

impl Around {
    fn of(path: &Path, config: Option<&Path>, now: Timestamp) -> Self {
        let config = config.map(Path::to_owned).or_else(|| above(path));
        let read = config.as_deref().and_then(|config| {
            let read = parse_settings("", &text(config, "").ok()?, Some(now));
            Some((config, read))
        });
        let shared = read.is_some().then(|| config.as_deref().map(canonical)).flatten();
        let (defaults, jobs) = match read {
            Some((config, read)) => {
                let jobs = config.parent().unwrap_or(Path::new("")).join(read.jobs.unwrap_or_default());
                (read.defaults, Some(jobs))
            }
            None => (JobDefaults::unknown(Some(now)), None),
        };
        Self { defaults, jobs, config: shared }
    }

    /// What jobs have in common that belong to one set-up; `root` is what their names count from.
    fn set_up(&self, root: &Path) -> PathBuf {
        self.config.clone().unwrap_or_else(|| canonical(root))
    }

    /// The part of `path` that is the folder of job files, if it goes through that.
    fn root_for<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        let jobs = self.jobs.as_ref()?.canonicalize().ok()?;
        path.ancestors().find(|part| part.canonicalize().is_ok_and(|part| part == jobs))
    }
}

/// The `calloff.toml` in the nearest folder above.
fn above(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().skip(1).map(|folder| folder.join(CONFIG)).find(|config| config.is_file())
}
