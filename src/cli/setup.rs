//! What most commands begin with: the configuration, the log, the record, the accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use calloff_core::config::{self, Account, Job, Settings, State};
use calloff_core::diagnostic::Diagnostic;
use calloff_core::ids::{AccountName, JobName};
use calloff_core::outcome::{self, Standing};
use calloff_core::run::Run;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::args::LogArgs;
use super::output::{self, Output};
use crate::clock::{Clock as _, SystemClock};
use crate::daemon::{Access, Accounts, Ended, Fired, Paid, Runner, SeenTo, Successors, Surroundings, Worker};
use crate::error::{Error, chain};
use crate::files::Loaded;
use crate::store::{Interrupted, Role, Store};
use crate::zoho::HttpTransport;
use crate::{files, logs, report};

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

/// Loads `calloff.toml` and those jobs that are valid; of the others the diagnostics are printed.
///
/// # Errors
///
/// If anything in `calloff.toml` is wrong; the diagnostics have then been printed.
pub(super) fn configuration_as_far_as_valid(config: Option<&Path>) -> Result<Configuration, Error> {
    let loaded = files::load(&find(config)?, None);
    match loaded.settings {
        Some(settings) => {
            output::diagnostics(&loaded.diagnostics);
            let jobs = loaded.jobs.into_iter().map(Arc::new).collect();
            Ok(Configuration { settings, folder: loaded.base, jobs })
        }
        None => accept(loaded),
    }
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

/// What a task of a command came to.
pub(super) enum Done {
    /// Something that was due, or that a person set off.
    Fired(Box<Fired>),
    /// An interrupted run whose account is gone.
    Orphan,
    /// What a window had left to be done.
    SeenTo(SeenTo),
}

/// Prints how runs ended, and gives the exit code that follows from all of them.
pub(super) struct Results {
    json: bool,
    output: Output,
    failures: usize,
    refusals: usize,
    stopped: usize,
    unrecorded: usize,
    orphaned: usize,
    /// The first thing that went wrong besides the runs.
    error: Option<Error>,
}

impl Results {
    pub(super) fn new(json: bool, output: Output) -> Self {
        Self { json, output, failures: 0, refusals: 0, stopped: 0, unrecorded: 0, orphaned: 0, error: None }
    }

    /// Waits for all tasks, whatever becomes of one of them; after a stop for `grace` at most.
    pub(super) async fn collect(
        &mut self,
        mut tasks: JoinSet<Result<Done, Error>>,
        stop: &CancellationToken,
        grace: Duration,
    ) {
        let over = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                joined = tasks.join_next() => match joined {
                    None => return,
                    Some(Ok(Ok(done))) => self.add(done),
                    Some(Ok(Err(error))) => self.note(error),
                    Some(Err(defect)) => self.note(Error::Internal(defect.to_string())),
                },
                () = &mut over => {
                    self.stopped += tasks.len();
                    return;
                }
            }
        }
    }

    fn add(&mut self, done: Done) {
        let Fired { missed, ended } = match done {
            Done::Fired(fired) => *fired,
            Done::SeenTo(SeenTo::Nothing) => return,
            Done::SeenTo(SeenTo::Drift(ended)) => Fired { missed: None, ended: Some(*ended) },
            Done::SeenTo(SeenTo::Payment(paid)) => {
                self.add_payment(&paid);
                return;
            }
            Done::Orphan => {
                self.orphaned += 1;
                return;
            }
        };
        if let Some(missed) = missed {
            self.add_run(&missed);
        }
        match ended {
            Some(Ended::Complete(run)) => self.add_run(&run),
            Some(Ended::Stopped(_)) => self.stopped += 1,
            Some(Ended::Unrecorded(_)) => self.unrecorded += 1,
            None => {}
        }
    }

    /// Notes a payment. It is no run, and those who read the runs of `--json` find none of it there.
    fn add_payment(&mut self, paid: &Paid) {
        match paid {
            Paid::Yes(debt) if !self.json => {
                let printed = self.output.text(&report::paid(debt));
                printed.unwrap_or_else(|error| self.note(error));
            }
            Paid::No(debt, refusal) => {
                self.failures += 1;
                self.refusals +=
                    usize::from(outcome::credentials_refused(refusal.outcome, refusal.code.as_deref()));
                output::notice(&format!("the restore {} is still owed: {}", debt.restore_id, refusal.why));
            }
            Paid::Stopped => self.stopped += 1,
            _ => {}
        }
    }

    fn add_run(&mut self, run: &Run) {
        for target in &run.targets {
            let Some(outcome) = target.outcome.filter(|outcome| outcome.standing() == Standing::Failure)
            else {
                continue;
            };
            self.failures += 1;
            self.refusals += usize::from(outcome::credentials_refused(outcome, target.code.as_deref()));
        }
        let printed = if self.json { self.output.json(run) } else { self.output.text(&report::run(run)) };
        if let Err(error) = printed {
            self.note(error);
        }
    }

    fn note(&mut self, error: Error) {
        // Whoever reads the results may have seen enough; the exit code still says how the runs ended.
        let broken = matches!(&error, Error::Output(error) if error.kind() == ErrorKind::BrokenPipe);
        if !broken {
            self.error.get_or_insert(error);
        }
    }

    /// The exit code; closes the record first, so that nothing is left in line.
    pub(super) async fn finish(self, store: &Store) -> Result<ExitCode, Error> {
        let closed = tokio::time::timeout(RECORDING, store.close()).await;
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.unrecorded > 0 || closed.is_err() {
            return Err(Error::Unrecorded);
        }
        if self.stopped > 0 {
            output::notice(
                "stopped before all was done; the next `run`, `once` or `trigger` takes up what is left",
            );
        }
        if self.orphaned > 0 {
            output::notice(
                "an interrupted run waits for its account, which calloff.toml does not have any more",
            );
        }
        if self.stopped + self.orphaned > 0 {
            return Ok(ExitCode::from(1));
        }
        Ok(ExitCode::from(match (self.failures, self.refusals) {
            (0, _) => 0,
            (failures, refusals) if failures == refusals => 77,
            _ => 1,
        }))
    }
}

/// Takes up what was interrupted, beside what a command does itself.
pub(super) fn take_up(
    interrupted: Vec<Interrupted>,
    runner: &Runner,
    tasks: &mut JoinSet<Result<Done, Error>>,
) {
    for interrupted in interrupted {
        let runner = runner.clone();
        tasks.spawn(async move {
            let ended = runner.take_up(interrupted).await;
            Ok(ended.map_or(Done::Orphan, |ended| {
                Done::Fired(Box::new(Fired { missed: None, ended: Some(ended) }))
            }))
        });
    }
}
