//! What is counted as it happens. It begins at zero with the process, and with nothing else: files that are read anew
//! change none of it.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use calloff_core::code::{self, Endpoint, Refreshed};
use calloff_core::ids::AccountName;
use calloff_core::outcome::Outcome;
use calloff_core::run::{MANUAL_JOB, Run, RunState, Trigger};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::exposition::Format;
use super::labels::{BuildLabels, CallLabels, EndpointLabels, RefreshLabels, RunLabels, TargetLabels};
use super::process::Process;
use super::scrape::{PREFIX, Scrape, seconds};
use super::series::Names;

/// Bounds in seconds: Zoho answers in some tenths of a second, and `timeout` is 30 s if nobody says otherwise.
const CALL_BUCKETS: [f64; 11] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0];

/// Bounds in seconds: the loop looks once a second, and what is more than a minute late is caught up with.
const LATENESS_BUCKETS: [f64; 9] = [0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Bounds in calls: most targets take one, `max_attempts` is 6 if nobody says otherwise.
const ATTEMPT_BUCKETS: [f64; 8] = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0];

/// Counts what happens. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Counted>);

type CallTimes = Family<EndpointLabels, Histogram, fn() -> Histogram>;

#[derive(Debug)]
struct Counted {
    registry: Registry,
    runs: Family<RunLabels, Counter>,
    targets: Family<TargetLabels, Counter>,
    attempts: Histogram,
    lateness: Histogram,
    calls: Family<CallLabels, Counter>,
    call_times: CallTimes,
    refreshes: Family<RefreshLabels, Counter>,
    clock_steps: Counter<f64, AtomicU64>,
    reload_is_in_force: Gauge,
    reload_at: Gauge<f64, AtomicU64>,
    reload_took: Gauge<f64, AtomicU64>,
    /// Jobs that have series.
    jobs: Mutex<Names>,
    /// Accounts that have.
    accounts: Mutex<Names>,
}

impl Metrics {
    /// A run is to begin that its schedule has set off on time, or nearly.
    pub fn fired(&self, run: &Run) {
        if let (Trigger::Schedule, Some(late)) = (run.trigger, run.lateness_ms) {
            self.0.lateness.observe(SignedDuration::from_millis(late).as_secs_f64().max(0.0));
        }
    }

    /// A run has ended, and that is on record.
    pub fn run_ended(&self, run: &Run) {
        self.note_job(&run.job);
        let account = run.account.as_str();
        self.note_account(account);
        self.0.runs.get_or_create(&RunLabels { job: run.job.clone(), state: run.state.as_str() }).inc();
        for target in &run.targets {
            let Some(outcome) = target.outcome else { continue };
            let labels = TargetLabels { account: account.to_owned(), outcome: outcome.as_str() };
            self.0.targets.get_or_create(&labels).inc();
            if target.attempts > 0 {
                self.0.attempts.observe(f64::from(target.attempts));
            }
        }
    }

    /// A call was made; `code` is one of the words for answers.
    pub fn called(&self, account: &AccountName, endpoint: Endpoint, code: &'static str, took: Duration) {
        self.note_account(account.as_str());
        let endpoint = endpoint.as_str();
        let labels = CallLabels { account: account.as_str().to_owned(), endpoint, code };
        self.0.calls.get_or_create(&labels).inc();
        self.0.call_times.get_or_create(&EndpointLabels { endpoint }).observe(took.as_secs_f64());
    }

    /// An access token was asked for.
    pub fn token_asked(&self, account: &AccountName, result: Refreshed) {
        self.note_account(account.as_str());
        self.0.refreshes.get_or_create(&refresh_labels(account.as_str(), result)).inc();
    }

    /// The wall clock has jumped.
    pub fn clock_stepped(&self, step: SignedDuration) {
        self.0.clock_steps.inc_by(step.abs().as_secs_f64());
    }

    /// Files were read, and are in force or not; it `took` so long if that was a reload and not the start.
    pub fn reloaded(&self, is_in_force: bool, at: Timestamp, took: Option<Duration>) {
        self.0.reload_is_in_force.set(i64::from(is_in_force));
        if is_in_force {
            self.0.reload_at.set(seconds(at));
        }
        if let Some(took) = took {
            self.0.reload_took.set(took.as_secs_f64());
        }
    }

    /// All of it as text, with what stands so at the moment of the scrape. Names that the scrape does not have, and that
    /// none has had for an hour, lose their series.
    #[must_use]
    pub fn encode(&self, scrape: Scrape, format: Format) -> String {
        self.settle(&scrape);
        let mut text = String::with_capacity(4096 + 1024 * scrape.jobs.len());
        let process_of = Process { since: scrape.since };
        let mut standing = Registry::with_prefix(PREFIX);
        standing.register_collector(Box::new(scrape));
        let mut process = Registry::default();
        process.register_collector(Box::new(process_of));
        for registry in [&self.0.registry, &standing, &process] {
            // Writing into a text does not fail.
            let _ = encode_registry(&mut text, registry);
        }
        format.finish(text)
    }

    /// Gives each job and account that there is the series which alerts are made of, so that the first failure is an
    /// increase; takes them from those that are gone.
    fn settle(&self, scrape: &Scrape) {
        for job in &scrape.jobs {
            self.note_job(&job.name);
        }
        for account in &scrape.accounts {
            self.note_account(&account.name);
        }
        let jobs = scrape.jobs.iter().map(|job| job.name.as_str()).chain([MANUAL_JOB]);
        for job in lock(&self.0.jobs).settle(jobs, scrape.now) {
            for state in RunState::ALL {
                self.0.runs.remove(&RunLabels { job: job.clone(), state: state.as_str() });
            }
        }
        let accounts = scrape.accounts.iter().map(|account| account.name.as_str());
        for account in lock(&self.0.accounts).settle(accounts, scrape.now) {
            self.forget_account(&account);
        }
    }

    fn note_job(&self, job: &str) {
        if lock(&self.0.jobs).note(job) {
            for state in RunState::ALL.iter().filter(|state| **state != RunState::Running) {
                let labels = RunLabels { job: job.to_owned(), state: state.as_str() };
                drop(self.0.runs.get_or_create(&labels));
            }
        }
    }

    fn note_account(&self, account: &str) {
        if lock(&self.0.accounts).note(account) {
            for result in Refreshed::ALL {
                drop(self.0.refreshes.get_or_create(&refresh_labels(account, *result)));
            }
        }
    }

    fn forget_account(&self, account: &str) {
        for outcome in Outcome::ALL {
            self.0.targets.remove(&TargetLabels { account: account.to_owned(), outcome: outcome.as_str() });
        }
        for result in Refreshed::ALL {
            self.0.refreshes.remove(&refresh_labels(account, *result));
        }
        for endpoint in Endpoint::ALL {
            for code in code::all() {
                let endpoint = endpoint.as_str();
                self.0.calls.remove(&CallLabels { account: account.to_owned(), endpoint, code });
            }
        }
    }
}

impl Default for Counted {
    fn default() -> Self {
        let histogram = |bounds: &[f64]| Histogram::new(bounds.iter().copied());
        let call_times = || Histogram::new(CALL_BUCKETS);
        let mut counted = Self {
            registry: Registry::with_prefix(PREFIX),
            runs: Family::default(),
            targets: Family::default(),
            attempts: histogram(&ATTEMPT_BUCKETS),
            lateness: histogram(&LATENESS_BUCKETS),
            calls: Family::default(),
            call_times: CallTimes::new_with_constructor(call_times),
            refreshes: Family::default(),
            clock_steps: Counter::default(),
            reload_is_in_force: Gauge::default(),
            reload_at: Gauge::default(),
            reload_took: Gauge::default(),
            jobs: Mutex::default(),
            accounts: Mutex::default(),
        };
        counted.register();
        counted
    }
}

impl Counted {
    /// The library puts `_total` behind the names of counters, and a full stop behind each text.
    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("runs", "Runs that have ended, by the state they ended in", self.runs.clone());
        to.register("targets", "Targets that have ended, by their outcome", self.targets.clone());
        to.register("target_attempts", "Calls that a target took until it ended", self.attempts.clone());
        to.register(
            "fire_lateness_seconds",
            "How long after its time, jitter included, a scheduled run began",
            self.lateness.clone(),
        );
        to.register("zoho_requests", "Calls to Zoho, by what came of them", self.calls.clone());
        to.register(
            "zoho_request_seconds",
            "How long calls to Zoho took, answered or not",
            self.call_times.clone(),
        );
        to.register(
            "token_refreshes",
            "Requests for an access token, by their result",
            self.refreshes.clone(),
        );
        to.register(
            "clock_step_seconds",
            "By how much the wall clock has jumped, forward and back",
            self.clock_steps.clone(),
        );
        to.register(
            "config_last_reload_successful",
            "Whether the files that were last read are in force",
            self.reload_is_in_force.clone(),
        );
        to.register(
            "config_last_reload_success_timestamp_seconds",
            "When files last came into force, or were found unchanged",
            self.reload_at.clone(),
        );
        to.register(
            "config_last_reload_duration_seconds",
            "How long the last reload took, waiting for the files to rest included",
            self.reload_took.clone(),
        );
        let build = Family::<BuildLabels, Gauge>::default();
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        to.register("build_info", "The program that runs; always 1", build);
    }
}

fn refresh_labels(account: &str, result: Refreshed) -> RefreshLabels {
    RefreshLabels { account: account.to_owned(), result: result.as_str() }
}

fn lock(names: &Mutex<Names>) -> MutexGuard<'_, Names> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}
