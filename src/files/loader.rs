//! A set-up that is read again and again: what has not changed since is not read anew.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calloff_core::config::{Checked, Job, JobDefaults, parse_job};
use calloff_core::diagnostic::Code;
use jiff::Timestamp;

use super::folder::{Found, JobFile, job_files};
use super::load::{Loaded, settings};
use super::read::{shown, text};
use super::stamp::Stamp;

/// Reads `calloff.toml` and its jobs, and remembers them.
#[derive(Debug)]
pub struct Loader {
    config: PathBuf,
    /// The folder of job files, as `calloff.toml` last said.
    jobs: Option<PathBuf>,
    known: Known,
    /// What `calloff.toml` was when these were read: each of them depends on it.
    settings: Option<String>,
}

/// Which files there are, and whether they are the same as at another time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scan {
    digest: u64,
    files: usize,
    is_settled: bool,
}

impl Scan {
    fn of(config: Option<Stamp>, found: &Found, now: Timestamp) -> Self {
        let mut hasher = DefaultHasher::new();
        config.hash(&mut hasher);
        for file in &found.files {
            (&file.path, file.stamp).hash(&mut hasher);
        }
        for problem in &found.diagnostics {
            (&problem.file, &problem.message).hash(&mut hasher);
        }
        let mut stamps = found.files.iter().map(|file| file.stamp).chain([config]);
        let is_settled = stamps.all(|stamp| stamp.is_none_or(|stamp| stamp.is_settled(now)));
        Self { digest: hasher.finish(), files: found.files.len(), is_settled }
    }

    /// Whether the files are the same.
    #[must_use]
    pub fn is_same(self, other: Self) -> bool {
        (self.digest, self.files) == (other.digest, other.files)
    }

    /// Whether another change would show. Right after one it might not: the clock of a file system is coarse.
    #[must_use]
    pub fn is_settled(self) -> bool {
        self.is_settled
    }
}

impl Loader {
    /// A loader of this `calloff.toml`, which has read nothing yet.
    #[must_use]
    pub fn new(config: PathBuf) -> Self {
        Self { config, jobs: None, known: Known::default(), settings: None }
    }

    /// The `calloff.toml`.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The folder of job files, as `calloff.toml` last said.
    #[must_use]
    pub fn jobs(&self) -> Option<&Path> {
        self.jobs.as_deref()
    }

    /// Looks which files there are, without reading them.
    #[must_use]
    pub fn scan(&self, now: Timestamp) -> Scan {
        let found = self.jobs.as_deref().map(|jobs| job_files(jobs, jobs)).unwrap_or_default();
        Scan::of(self.stamp(), &found, now)
    }

    fn stamp(&self) -> Option<Stamp> {
        self.config.metadata().ok().map(|metadata| Stamp::of(&metadata))
    }

    /// Reads `calloff.toml`, and those job files that have changed since they were last read; and says what the files
    /// were just before.
    #[must_use]
    pub fn load(&mut self, now: Timestamp) -> (Loaded, Scan) {
        let stamp = self.stamp();
        let written = text(&self.config, "").ok();
        if written != self.settings {
            self.known.files.clear();
            self.settings = written;
        }
        let (mut loaded, read) = settings(&self.config, None);
        let folder = read.as_ref().and_then(|read| Some(loaded.base.join(read.jobs.as_ref()?)));
        if folder.is_some() {
            self.jobs.clone_from(&folder);
        }
        let found = self.jobs.as_deref().map(|jobs| job_files(jobs, jobs)).unwrap_or_default();
        let scan = Scan::of(stamp, &found, now);
        if let (Some(read), Some(folder)) = (read, folder) {
            self.known.now = now;
            loaded.take(found, &read.defaults, &mut self.known);
            self.known.forget_others();
            loaded.jobs_folder = Some(folder);
        }
        (loaded, scan)
    }
}

/// How job files are read.
pub(super) trait Reads {
    /// What a job file says.
    fn read(&mut self, file: &JobFile, defaults: &JobDefaults) -> Checked<Arc<Job>>;
}

/// Reads each file, and remembers nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anew;

impl Reads for Anew {
    fn read(&mut self, JobFile { path, name, .. }: &JobFile, defaults: &JobDefaults) -> Checked<Arc<Job>> {
        let file = shown(path);
        match text(path, &file) {
            Ok(text) => {
                let Checked { value, diagnostics } = parse_job(name, &file, &text, defaults);
                Checked { value: value.map(Arc::new), diagnostics }
            }
            Err(diagnostic) => Checked { value: None, diagnostics: vec![*diagnostic] },
        }
    }
}

/// What was read before.
#[derive(Debug, Default)]
struct Known {
    files: HashMap<PathBuf, Remembered>,
    now: Timestamp,
    /// Counts the loads.
    load: u64,
}

#[derive(Debug)]
struct Remembered {
    /// What the file was when it was read, if another change of it would show.
    stamp: Option<Stamp>,
    checked: Checked<Arc<Job>>,
    /// The load that last found it.
    load: u64,
}

impl Reads for Known {
    fn read(&mut self, file: &JobFile, defaults: &JobDefaults) -> Checked<Arc<Job>> {
        let stamp = file.stamp.filter(|stamp| stamp.is_settled(self.now));
        let before = self.files.get_mut(&file.path);
        if let Some(before) = before
            && stamp.is_some()
            && before.stamp == stamp
        {
            before.load = self.load;
            return before.checked.clone();
        }
        let mut checked = Anew.read(file, defaults);
        // Whoever has the job as it was read before shall see that it is the same.
        let before = self.files.get(&file.path).and_then(|before| before.checked.value.as_ref());
        if let (Some(before), Some(job)) = (before, &mut checked.value)
            && before == job
        {
            *job = Arc::clone(before);
        }
        // What could not be read this time may be the next time, though nothing has touched the file.
        let was_read = !checked.diagnostics.iter().any(|found| found.code == Code::Unreadable);
        let stamp = stamp.filter(|_| was_read);
        let remembered = Remembered { stamp, checked: checked.clone(), load: self.load };
        self.files.insert(file.path.clone(), remembered);
        checked
    }
}

impl Known {
    fn forget_others(&mut self) {
        let load = self.load;
        self.files.retain(|_, file| file.load == load);
        self.load += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "account = \"acme\"\nbackups = [\"1\"]\nschedule = { every = \"1h\" }\n";

    fn place() -> (tempfile::TempDir, Loader) {
        let folder = tempfile::tempdir().unwrap();
        let settings = "[accounts.acme]\ndata_center = \"eu\"\nclient_id = \"1000.A\"\n\
                        client_secret = { env = \"A\" }\nrefresh_token = { env = \"A\" }\n";
        std::fs::write(folder.path().join("calloff.toml"), settings).unwrap();
        std::fs::create_dir(folder.path().join("jobs")).unwrap();
        for name in ["a", "b"] {
            std::fs::write(folder.path().join(format!("jobs/{name}.toml")), JOB).unwrap();
        }
        let loader = Loader::new(folder.path().join("calloff.toml"));
        (folder, loader)
    }

    /// Long after everything was written, as far as stamps go.
    fn later() -> Timestamp {
        "2100-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_has_not_changed_is_the_same_job_as_before() {
        let (folder, mut loader) = place();
        let (before, _) = loader.load(later());
        assert!(before.is_valid() && before.jobs.len() == 2, "{:?}", before.diagnostics);
        std::fs::write(folder.path().join("jobs/b.toml"), JOB.replace("1h", "2h")).unwrap();
        let (after, _) = loader.load(later());
        assert!(Arc::ptr_eq(&before.jobs[0], &after.jobs[0]));
        assert_ne!(before.jobs[1], after.jobs[1]);
        // The same words, written anew.
        std::fs::write(folder.path().join("jobs/b.toml"), JOB.replace("1h", "2h")).unwrap();
        assert!(Arc::ptr_eq(&after.jobs[1], &loader.load(later()).0.jobs[1]));
    }

    #[test]
    fn a_file_that_was_just_written_is_read_again_though_its_stamp_is_the_same() {
        let (folder, mut loader) = place();
        let path = folder.path().join("jobs/a.toml");
        let now: Timestamp = std::fs::metadata(&path).unwrap().modified().unwrap().try_into().unwrap();
        assert!(!{
            drop(loader.load(now));
            loader.scan(now).is_settled()
        });
        let times = std::fs::FileTimes::new().set_modified(now.into());
        std::fs::write(&path, JOB.replace("1h", "2h")).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        // Whatever the stamp says by now: as of this instant it might say nothing.
        let stamp = Stamp::of(&path.metadata().unwrap());
        loader.known.files.get_mut(&path).unwrap().stamp = Some(stamp);
        let schedule = |loaded: &Loaded| loaded.jobs[0].schedule.clone();
        let (read, _) = loader.load(now);
        assert_eq!(schedule(&read), read.jobs[0].schedule);
        assert_ne!(schedule(&read), read.jobs[1].schedule);
        assert!(loader.scan(later()).is_settled());
    }

    #[test]
    fn a_change_of_the_settings_has_every_job_read_again() {
        let (folder, mut loader) = place();
        drop(loader.load(later()));
        let config = folder.path().join("calloff.toml");
        let other = std::fs::read_to_string(&config).unwrap().replace("acme", "other");
        std::fs::write(&config, other).unwrap();
        let (after, _) = loader.load(later());
        assert!(after.jobs.is_empty() && after.wrong.len() == 2, "{after:?}");
    }

    #[test]
    fn a_scan_notices_every_kind_of_change() {
        let (folder, mut loader) = place();
        drop(loader.load(later()));
        let jobs = folder.path().join("jobs");
        let mut last = loader.scan(later());
        let mut changed = |what: &str| {
            let now = loader.scan(later());
            assert!(!now.is_same(last), "{what}");
            assert!(now.is_same(loader.scan(later())));
            last = now;
        };
        std::fs::write(jobs.join("c.toml"), JOB).unwrap();
        changed("a new file");
        std::fs::write(jobs.join(".tmp"), JOB.replace('1', "2")).unwrap();
        std::fs::rename(jobs.join(".tmp"), jobs.join("c.toml")).unwrap();
        changed("another file in its place");
        std::fs::remove_file(jobs.join("c.toml")).unwrap();
        changed("a file less");
        std::fs::write(folder.path().join("calloff.toml"), "").unwrap();
        changed("other settings");
        std::fs::remove_dir_all(&jobs).unwrap();
        changed("no folder");
    }

    #[test]
    fn a_swapped_link_is_a_change_as_kubernetes_makes_it() {
        let (folder, mut loader) = place();
        let jobs = folder.path().join("jobs");
        std::fs::remove_dir_all(&jobs).unwrap();
        for version in ["..1", "..2"] {
            std::fs::create_dir_all(jobs.join(version)).unwrap();
            std::fs::write(jobs.join(version).join("a.toml"), JOB).unwrap();
        }
        let link = |to: &str| {
            std::os::unix::fs::symlink(to, jobs.join("..tmp")).unwrap();
            std::fs::rename(jobs.join("..tmp"), jobs.join("..data")).unwrap();
        };
        link("..1");
        std::os::unix::fs::symlink("..data/a.toml", jobs.join("a.toml")).unwrap();
        assert_eq!(loader.load(later()).0.jobs.len(), 1);
        let before = loader.scan(later());
        link("..2");
        assert!(!loader.scan(later()).is_same(before));
    }
}
