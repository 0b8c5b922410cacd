//! What most commands begin with: the configuration, the log, the record, the accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use calloff_core::config::{self, Account, Job, Settings, State};
use calloff_core::diagnostic::Diagnostic;
use calloff_core::ids::{AccountName, JobName};
use calloff_core::reload::{self, LeftOut, Quarantined, Refusal};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::LogArgs;
use super::output::{self};
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::{self, Accounts, Readying, Record, Runner, Sinks, Successors, Surroundings, Worker};
use crate::error::{Error, chain};
use crate::files::{Loaded, Loader, Scan};
use crate::metrics::Metrics;
use crate::store::{Role, Store, StoreError};
use crate::zoho::HttpTransport;
use crate::{files, logs};

/// Threads that run tasks: the work is waiting for Zoho and the disk, so more would only take memory.
const THREADS: usize = 2;

/// How long a command that has done its calls waits for their outcomes to be on record.
pub(super) const RECORDING: Duration = Duration::from_secs(30);

/// A valid configuration.
#[derive(Debug, Clone)]
pub(super) struct Configuration {
    pub(super) settings: Settings,
    /// The folder of `calloff.toml`, which paths in it are relative to.
    pub(super) folder: PathBuf,
    pub(super) jobs: Vec<Arc<Job>>,
}

/// A set-up as a start takes it: as far as it is right.
pub(super) struct Start {
    /// What is right.
    pub(super) configuration: Configuration,
    /// The accounts that are ready.
    pub(super) accounts: Accounts,
    /// Who can be told what happens.
    pub(super) sinks: Sinks,
    /// What is not.
    pub(super) left_out: Arc<LeftOut>,
    /// What is wrong with files.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What reads the files again.
    pub(super) loader: Loader,
    /// What they were when they were read.
    pub(super) seen: Scan,
}

/// What a start insists on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Insisting {
    /// That every file is right.
    pub(super) is_strict: bool,
    /// Nothing, if there is no job.
    pub(super) allow_empty: bool,
}

/// Loads `calloff.toml` and all jobs, for a start: it does without the jobs of which something is wrong.
///
/// # Errors
///
/// If it can't do without; the diagnostics have then been printed.
pub(super) fn start(
    config: Option<&Path>,
    surroundings: &Surroundings,
    insisting: Insisting,
) -> Result<Start, Error> {
    let now = surroundings.clock.now();
    let mut loader = Loader::new(find(config)?);
    let (read, seen) = loader.load(now);
    let judged = reload::judge_start(read.candidate(), insisting.is_strict, insisting.allow_empty);
    let Loaded { base, settings, jobs, wrong, others, diagnostics, jobs_folder, .. } = read;
    let settings = match (settings, judged) {
        (Some(settings), Ok(())) => settings,
        (_, Err(Refusal::Empty)) => {
            let folder = jobs_folder.unwrap_or_default();
            let folder = folder.display();
            return Err(Error::NoConfig(format!(
                "there is no job file in `{folder}`; put one there, or say --allow-empty"
            )));
        }
        _ => {
            output::diagnostics(&diagnostics);
            return Err(wrong_files(&diagnostics));
        }
    };
    let mut configuration = Configuration { settings, folder: base, jobs };
    let (accounts, mut failures) = configuration.ready_all(&configuration.state_folder(), surroundings);
    let used = daemon::used(&configuration.jobs);
    failures.retain(|account, _| used.contains(account));
    let unready = failures.iter().next().map(|(account, error)| secret_error(account, error));
    let (jobs, unready_jobs) = daemon::without(std::mem::take(&mut configuration.jobs), &failures);
    configuration.jobs = jobs;
    let is_nothing_left = configuration.jobs.is_empty() && !insisting.allow_empty;
    if let Some(error) = unready.filter(|_| insisting.is_strict || is_nothing_left) {
        output::diagnostics(&diagnostics);
        return Err(error);
    }
    let sinks = Sinks::ready(&configuration.settings, &configuration.folder);
    if let Some(why) = sinks.why_missing().into_iter().next().filter(|_| insisting.is_strict) {
        return Err(Error::Sink(why));
    }
    let mut left_out = daemon::left_out(wrong, &others);
    left_out.jobs.extend(unready_jobs);
    left_out.jobs.sort_by(|a, b| a.job.cmp(&b.job));
    left_out.sinks = sinks.why_missing();
    Ok(Start { configuration, accounts, sinks, left_out: Arc::new(left_out), diagnostics, loader, seen })
}

impl Start {
    /// Prepares what carries out the runs of its jobs, and those that were interrupted as far as their accounts are
    /// there.
    pub(super) async fn runner(
        &self,
        store: &Store,
        stop: &CancellationToken,
        surroundings: &Surroundings,
        record_within: Option<Duration>,
    ) -> Result<Runner, Error> {
        let accounts = self.accounts.clone();
        let runner =
            self.configuration.runner_with(store, stop, accounts, surroundings, record_within).await?;
        Ok(Runner { left_out: Arc::clone(&self.left_out), ..runner })
    }

    /// The error that something is not in force, if it isn't.
    pub(super) fn problem(&self) -> Option<Error> {
        let LeftOut { jobs, others, sinks } = &*self.left_out;
        if jobs.is_empty() && others.is_empty() {
            return sinks.first().cloned().map(Error::Sink);
        }
        Some(Error::Quarantined { jobs: jobs.len() })
    }

    /// Says which jobs are not in force, and what is wrong with files: to people where the log is for them, else as a
    /// part of it.
    pub(super) fn say_left_out(&self) {
        if logs::is_json(self.configuration.settings.log.format) {
            daemon::say_errors(&self.diagnostics);
        } else {
            output::diagnostics(&self.diagnostics);
        }
        for Quarantined { job, account, why } in &self.left_out.jobs {
            tracing::error!(
                event = "job.quarantined",
                job = job.as_str(),
                account = account.as_ref().map(AccountName::as_str),
                why,
                "a job is not in force: mend it, and it is from then on"
            );
        }
        for why in &self.left_out.sinks {
            tracing::error!(event = "notice.unready", why, "somebody who is to be told can't be: mend it");
        }
    }
}

pub(super) fn runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("couldn't start: {error}")))
}

/// Loads `calloff.toml` and all jobs.
///
/// # Errors
///
/// If anything in them is wrong; the diagnostics have then been printed.
pub(super) fn configuration(config: Option<&Path>) -> Result<Configuration, Error> {
    accept(files::load(&find(config)?, None), output::diagnostics)
}

/// Loads `calloff.toml` and those jobs that are valid; of the others the diagnostics are printed, and the error is given
/// that they are.
///
/// # Errors
///
/// If anything in `calloff.toml` is wrong; the diagnostics have then been printed.
pub(super) fn configuration_as_far_as_valid(
    config: Option<&Path>,
) -> Result<(Configuration, LeftOut, Option<Error>), Error> {
    as_far_as_valid(config, output::diagnostics)
}

/// The same for whoever does something else with the diagnostics.
pub(super) fn as_far_as_valid(
    config: Option<&Path>,
    say: fn(&[Diagnostic]),
) -> Result<(Configuration, LeftOut, Option<Error>), Error> {
    let Loaded { base, settings, jobs, wrong, others, diagnostics, .. } = files::load(&find(config)?, None);
    say(&diagnostics);
    let Some(settings) = settings else { return Err(wrong_files(&diagnostics)) };
    let left_out = daemon::left_out(wrong, &others);
    let problem = diagnostics.iter().any(Diagnostic::is_error).then(|| wrong_files(&diagnostics));
    Ok((Configuration { settings, folder: base, jobs }, left_out, problem))
}

/// Loads `calloff.toml` alone.
///
/// # Errors
///
/// If anything in it is wrong; the diagnostics have then been printed.
pub(super) fn settings_alone(config: Option<&Path>) -> Result<Configuration, Error> {
    settings_saying(config, output::diagnostics)
}

/// The same for whoever does something else with the diagnostics.
pub(super) fn settings_saying(config: Option<&Path>, say: fn(&[Diagnostic])) -> Result<Configuration, Error> {
    accept(files::load_settings(&find(config)?), say)
}

/// What accounts need from outside: the network, the clock, and dice.
pub(super) fn surroundings() -> Surroundings {
    Surroundings {
        transport: Arc::new(HttpTransport::default()),
        clock: Arc::new(SystemClock),
        dice: fastrand::f64,
        metrics: Metrics::default(),
    }
}

pub(super) fn find(config: Option<&Path>) -> Result<PathBuf, Error> {
    files::find_config(config).map_err(|error| Error::NoConfig(error.to_string()))
}

fn accept(loaded: Loaded, say: fn(&[Diagnostic])) -> Result<Configuration, Error> {
    say(&loaded.diagnostics);
    let is_valid = loaded.is_valid();
    match loaded.settings {
        Some(settings) if is_valid => Ok(Configuration { settings, folder: loaded.base, jobs: loaded.jobs }),
        _ => Err(wrong_files(&loaded.diagnostics)),
    }
}

/// The error that there are errors in files.
fn wrong_files(diagnostics: &[Diagnostic]) -> Error {
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|found| found.is_error()).collect();
    let files: BTreeSet<&str> = errors.iter().map(|error| error.file.as_str()).collect();
    Error::Config { problems: errors.len(), files: files.len() }
}

fn secret_error(account: &AccountName, reason: &str) -> Error {
    Error::Secret { account: account.to_string(), reason: reason.to_owned() }
}

impl Configuration {
    /// Finds the jobs of these names; all of them if there are none.
    pub(super) fn select(&self, names: &[JobName]) -> Result<Vec<Arc<Job>>, Error> {
        if names.is_empty() {
            return Ok(self.jobs.clone());
        }
        let find = |name: &JobName| {
            let found = self.jobs.iter().find(|job| job.name == *name).map(Arc::clone);
            found.ok_or_else(|| Error::Usage(format!("there is no job `{name}`{}", self.did_you_mean(name))))
        };
        names.iter().map(find).collect()
    }

    fn did_you_mean(&self, name: &JobName) -> String {
        let names = self.jobs.iter().map(|job| job.name.as_str());
        match config::did_you_mean(name.as_str(), names) {
            Some(question) => format!("; {question}"),
            None => "; `calloff status` lists the jobs".to_owned(),
        }
    }

    /// Finds the account of that name.
    pub(super) fn find_account(&self, name: &AccountName) -> Result<&Account, Error> {
        self.settings.accounts.get(name).ok_or_else(|| {
            let names = || self.settings.accounts.keys().map(AccountName::as_str);
            let help = config::did_you_mean(name.as_str(), names())
                .unwrap_or_else(|| format!("it has: {}", names().collect::<Vec<_>>().join(", ")));
            Error::Usage(format!("there is no account `{name}` in calloff.toml; {help}"))
        })
    }

    /// The SQLite file.
    pub(super) fn record(&self) -> PathBuf {
        match &self.settings.state {
            State::Sqlite(path) => self.folder.join(path),
        }
    }

    /// The folder of the record, which tokens are cached below.
    pub(super) fn state_folder(&self) -> PathBuf {
        self.record().parent().map_or(PathBuf::from("."), Path::to_path_buf)
    }

    /// Where the daemon's control socket is, if the files say so.
    pub(super) fn control(&self) -> Option<PathBuf> {
        self.settings.control.as_ref().map(|path| self.folder.join(path))
    }

    /// Opens the record for a process that claims runs.
    pub(super) fn open(&self, role: Role) -> Result<Store, Error> {
        Ok(Store::open(&self.record(), role, SystemClock.now())?)
    }

    /// The same for the daemon, which listens for commands at `control`.
    pub(super) fn open_daemon(&self, control: Option<&Path>) -> Result<Store, Error> {
        let control = control.and_then(|path| std::path::absolute(path).ok());
        Ok(Store::open_heard_at(&self.record(), Role::Daemon, SystemClock.now(), control)?)
    }

    /// Opens the record to read it; `None` if there is none yet.
    pub(super) fn open_existing(&self) -> Result<Option<Store>, Error> {
        let path = self.record();
        // To be kept out is not to find nothing.
        let is_there =
            path.try_exists().map_err(|source| StoreError::Folder { path: self.state_folder(), source })?;
        if is_there { Ok(Some(Store::open(&path, Role::Reader, SystemClock.now())?)) } else { Ok(None) }
    }

    /// Reads what stands beside the files, if there is a record yet.
    pub(super) async fn on_record(&self) -> Result<Record, Error> {
        match self.open_existing()? {
            Some(store) => Ok(Record::of(&store).await?),
            None => Ok(Record::default()),
        }
    }

    /// Sets up the log as the configuration and the command line say. A command whose results a person reads on
    /// the terminal anyway logs less there.
    pub(super) fn log(&self, args: &LogArgs, results_on_terminal: bool) -> Result<(), Error> {
        let configured = self.settings.log.level.map(logs::word);
        let level = match (&args.log_level, configured) {
            (Some(level), _) => level,
            (None, Some(level)) => level,
            (None, None) if results_on_terminal => "warn",
            (None, None) => "info",
        };
        logs::init(self.settings.log.format, level).map_err(Error::Usage)
    }

    /// Prepares what carries out the runs of these jobs; those of other accounts that were interrupted as far as their
    /// secrets are there.
    pub(super) async fn runner_for(
        &self,
        store: &Store,
        stop: &CancellationToken,
        jobs: &[Arc<Job>],
        record_within: Option<Duration>,
    ) -> Result<Runner, Error> {
        let surroundings = surroundings();
        let (accounts, failures) = self.ready_all(store.folder(), &surroundings);
        let needed = daemon::used(jobs);
        if let Some((name, error)) = failures.iter().find(|(name, _)| needed.contains(*name)) {
            return Err(secret_error(name, error));
        }
        self.runner_with(store, stop, accounts, &surroundings, record_within).await
    }

    /// The same for every account.
    fn ready_all(
        &self,
        state: &Path,
        surroundings: &Surroundings,
    ) -> (Accounts, BTreeMap<AccountName, String>) {
        self.ready(&self.settings.accounts.keys().cloned().collect(), state, surroundings)
    }

    /// Prepares those of the accounts of these names that can be; tokens are cached below the state folder. Of the others
    /// it says why not.
    pub(super) fn ready(
        &self,
        needed: &BTreeSet<AccountName>,
        state: &Path,
        surroundings: &Surroundings,
    ) -> (Accounts, BTreeMap<AccountName, String>) {
        let readying = Readying { settings: &self.settings, base: &self.folder, state, surroundings };
        let (accounts, failures) = readying.ready(needed, &Accounts::new());
        (accounts, failures.into_iter().map(|(name, error)| (name, chain(&error))).collect())
    }

    /// Prepares the accounts of these names, with their secrets; tokens are cached below the state folder.
    pub(super) fn accounts(
        &self,
        needed: &BTreeSet<AccountName>,
        state: &Path,
        surroundings: &Surroundings,
    ) -> Result<Accounts, Error> {
        let (accounts, failures) = self.ready(needed, state, surroundings);
        match failures.iter().next() {
            Some((name, error)) => Err(secret_error(name, error)),
            None => Ok(accounts),
        }
    }

    /// Prepares what carries out runs of these accounts.
    pub(super) async fn runner_of(
        &self,
        store: &Store,
        stop: &CancellationToken,
        needed: BTreeSet<AccountName>,
        record_within: Option<Duration>,
    ) -> Result<Runner, Error> {
        let surroundings = surroundings();
        let accounts = self.accounts(&needed, store.folder(), &surroundings)?;
        self.runner_with(store, stop, accounts, &surroundings, record_within).await
    }

    /// The same with accounts that are ready.
    pub(super) async fn runner_with(
        &self,
        store: &Store,
        stop: &CancellationToken,
        accounts: Accounts,
        surroundings: &Surroundings,
        record_within: Option<Duration>,
    ) -> Result<Runner, Error> {
        let successors = Successors::default();
        successors.learn(store).await?;
        Ok(Runner {
            worker: Worker {
                store: store.clone(),
                clock: Arc::clone(&surroundings.clock),
                dice: surroundings.dice,
                stop: stop.clone(),
                record_within,
                sightings: Arc::default(),
                successors: Arc::new(successors),
                metrics: surroundings.metrics.clone(),
            },
            accounts: Arc::new(accounts),
            former: Arc::default(),
            left_out: Arc::default(),
            current: Arc::default(),
            jobs: daemon::by_name(&self.jobs),
            default_retry: self.settings.retry,
        })
    }
}

/// A second Ctrl-C ends the process at once, if it comes this much later: some senders repeat a signal.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// A token that SIGTERM or SIGINT cancels. A second SIGINT ends the process at once.
pub(super) fn stop_on_signals() -> Result<CancellationToken, Error> {
    let internal = |error: std::io::Error| Error::Internal(format!("couldn't listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
        tokio::time::sleep(IMPATIENCE).await;
        interrupt.recv().await;
        tracing::warn!(
            event = "daemon.killed",
            "interrupted again: ending at once; what is under way is taken up at the next start"
        );
        end_at_once();
    });
    Ok(stop)
}

#[expect(
    clippy::exit,
    reason = "a second interrupt asks for exactly this; the record is consistent at any instant"
)]
fn end_at_once() -> ! {
    std::process::exit(130)
}
