//! What most commands begin with: the configuration, the log, the record, the accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use calloff_core::config::{self, Account, Job, Settings, State};
use calloff_core::diagnostic::Diagnostic;
use calloff_core::ids::{AccountName, JobName};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::LogArgs;
use super::output::{self};
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::{Access, Accounts, Runner, Successors, Surroundings, Worker};
use crate::error::{Error, chain};
use crate::files::Loaded;
use crate::store::{Interrupted, Role, Store};
use crate::zoho::HttpTransport;
use crate::{files, logs};

/// Threads that run tasks: the work is waiting for Zoho and the disk, so more would only take memory.
const THREADS: usize = 2;

/// How long a command that has done its calls waits for their outcomes to be on record.
pub(super) const RECORDING: Duration = Duration::from_secs(30);

/// A valid configuration.
pub(super) struct Configuration {
    pub(super) settings: Settings,
    /// The folder of `calloff.toml`, which paths in it are relative to.
    pub(super) folder: PathBuf,
    pub(super) jobs: Vec<Arc<Job>>,
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
    accept(files::load(&find(config)?, None))
}

/// Loads `calloff.toml` and those jobs that are valid; of the others the diagnostics are printed, and the error is given
/// that they are.
///
/// # Errors
///
/// If anything in `calloff.toml` is wrong; the diagnostics have then been printed.
pub(super) fn configuration_as_far_as_valid(
    config: Option<&Path>,
) -> Result<(Configuration, Option<Error>), Error> {
    let loaded = files::load(&find(config)?, None);
    let Some(settings) = loaded.settings.clone() else { return accept(loaded).map(|valid| (valid, None)) };
    let jobs = loaded.jobs.iter().cloned().map(Arc::new).collect();
    let valid = Configuration { settings, folder: loaded.base.clone(), jobs };
    Ok((valid, accept(loaded).err()))
}

/// Loads `calloff.toml` alone.
///
/// # Errors
///
/// If anything in it is wrong; the diagnostics have then been printed.
pub(super) fn settings_alone(config: Option<&Path>) -> Result<Configuration, Error> {
    accept(files::load_settings(&find(config)?))
}

/// What accounts need from outside: the network, the clock, and dice.
pub(super) fn surroundings() -> Surroundings {
    Surroundings {
        transport: Arc::new(HttpTransport::default()),
        clock: Arc::new(SystemClock),
        dice: fastrand::f64,
    }
}

pub(super) fn find(config: Option<&Path>) -> Result<PathBuf, Error> {
    files::find_config(config).map_err(|error| Error::NoConfig(error.to_string()))
}

fn accept(loaded: Loaded) -> Result<Configuration, Error> {
    output::diagnostics(&loaded.diagnostics);
    let errors: Vec<&Diagnostic> = loaded.diagnostics.iter().filter(|found| found.is_error()).collect();
    let files: BTreeSet<&str> = errors.iter().map(|error| error.file.as_str()).collect();
    match loaded.settings {
        Some(settings) if errors.is_empty() => {
            let jobs = loaded.jobs.into_iter().map(Arc::new).collect();
            Ok(Configuration { settings, folder: loaded.base, jobs })
        }
        _ => Err(Error::Config { problems: errors.len(), files: files.len() }),
    }
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

    /// Opens the record for a process that claims runs.
    pub(super) fn open(&self, role: Role) -> Result<Store, Error> {
        Ok(Store::open(&self.record(), role, SystemClock.now())?)
    }

    /// Opens the record to read it; `None` if there is none yet.
    pub(super) fn open_existing(&self) -> Result<Option<Store>, Error> {
        let path = self.record();
        if path.exists() { Ok(Some(Store::open(&path, Role::Reader, SystemClock.now())?)) } else { Ok(None) }
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

    /// Prepares what carries out the runs of the loaded jobs and those that were interrupted, with the secrets of
    /// their accounts.
    pub(super) async fn runner(
        &self,
        store: &Store,
        stop: &CancellationToken,
        interrupted: &[Interrupted],
        record_within: Option<Duration>,
    ) -> Result<Runner, Error> {
        let of_jobs = self.jobs.iter().map(|job| &job.account);
        let needed = of_jobs.chain(interrupted.iter().map(|interrupted| &interrupted.run.account));
        self.runner_of(store, stop, needed.cloned().collect(), record_within).await
    }

    /// Prepares the accounts of these names, with their secrets; tokens are cached below the state folder.
    pub(super) fn accounts(
        &self,
        needed: BTreeSet<AccountName>,
        state: &Path,
        surroundings: &Surroundings,
    ) -> Result<Accounts, Error> {
        let mut accounts = Accounts::new();
        for name in needed {
            let Some(account) = self.settings.accounts.get(&name) else { continue };
            let secret = |place| {
                files::read_secret(place, &self.folder)
                    .map_err(|error| Error::Secret { account: name.to_string(), reason: chain(&error) })
            };
            let client_secret = secret(&account.client_secret)?;
            let refresh_token = secret(&account.refresh_token)?;
            let access = Access::new(account, client_secret, refresh_token, state, surroundings);
            accounts.insert(name, Arc::new(access));
        }
        Ok(accounts)
    }

    /// Prepares what carries out runs of these accounts.
    pub(super) async fn runner_of(
        &self,
        store: &Store,
        stop: &CancellationToken,
        needed: BTreeSet<AccountName>,
        record_within: Option<Duration>,
    ) -> Result<Runner, Error> {
        let successors = Successors::default();
        successors.learn(store).await?;
        let surroundings = surroundings();
        let accounts = self.accounts(needed, store.folder(), &surroundings)?;
        let jobs: BTreeMap<String, _> =
            self.jobs.iter().map(|job| (job.name.as_str().to_owned(), Arc::clone(job))).collect();
        Ok(Runner {
            worker: Worker {
                store: store.clone(),
                clock: surroundings.clock,
                dice: surroundings.dice,
                stop: stop.clone(),
                record_within,
                sightings: Arc::default(),
                successors: Arc::new(successors),
            },
            accounts: Arc::new(accounts),
            jobs: Arc::new(jobs),
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
