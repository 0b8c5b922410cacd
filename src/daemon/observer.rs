//! Shows how everything stands, to whoever looks: from the record, the files in force and the loop.
//!
//! A look costs little if nothing has changed since the last, and it never stands in the way of what is due: it reads
//! through a connection that claims and outcomes don't use, and reckons aside.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use calloff_core::agenda::{self, Entry, Upcoming};
use calloff_core::config::Job;
use calloff_core::ids::{AccountName, RunId};
use calloff_core::overview::{
    AccountStatus, DaemonStatus, JobStatus, LastRun, LastSeen, Overview, Recent, StandingDebt,
};
use calloff_core::restore::Debt;
use calloff_core::run::RunState;
use calloff_core::timeline;
use jiff::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinError;
use tokio::time::Instant;

use super::engine::Pulse;
use super::health::health;
use super::record::Record;
use super::reload::Report;
use crate::clock::SharedClock;
use crate::error::chain;
use crate::store::{Brief, Mark, Process, Store, StoreError, Tail};

/// What was seen so shortly before is not looked at anew.
const FRESH: Duration = Duration::from_millis(250);

/// A loop that has not looked for so long hangs: it looks each second, and 3 s after an alarm that is silent.
const HANGING: Duration = Duration::from_secs(15);

/// Runs of the last day that are kept in mind at most, the newest.
const MOST_RECENT: usize = 20_000;

/// Sees how everything stands. Clones share what they have seen.
#[derive(Debug, Clone)]
pub struct Observer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    clock: SharedClock,
    process: Process,
    report: watch::Receiver<Report>,
    pulse: watch::Receiver<Pulse>,
    /// What is wrong beside the files and the record.
    troubles: StdMutex<BTreeMap<&'static str, String>>,
    memory: Mutex<Memory>,
}

/// What was seen before.
#[derive(Debug, Default)]
struct Memory {
    latest: Option<(Instant, Arc<Overview>)>,
    /// The record when it was last read.
    version: Option<i64>,
    record: Record,
    debts: Vec<Debt>,
    mark: Option<Mark>,
    last: HashMap<String, (RunId, LastRun)>,
    succeeded: HashMap<String, Timestamp>,
    /// Runs of the last day, in the order in which they began.
    recent: BTreeMap<RunId, Recent>,
    jobs: HashMap<String, Reckoned>,
    /// Why the record could not be read, if it couldn't.
    unread: Option<String>,
}

/// What was reckoned of a job.
#[derive(Debug)]
struct Reckoned {
    job: Arc<Job>,
    fingerprint: String,
    interval: Option<Duration>,
    /// Its next occurrence, and what it was reckoned from.
    next: Option<(From, Option<Upcoming>)>,
}

/// Where a schedule stands, and when the account's backup starts by itself.
type From = (Timestamp, Option<Timestamp>);

impl Observer {
    /// One that has seen nothing yet. `process` is the daemon itself.
    #[must_use]
    pub fn new(
        store: Store,
        clock: SharedClock,
        process: Process,
        report: watch::Receiver<Report>,
        pulse: watch::Receiver<Pulse>,
    ) -> Self {
        let shared = Shared {
            store,
            clock,
            process,
            report,
            pulse,
            troubles: StdMutex::default(),
            memory: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Says that something is wrong with a part of the daemon, or that nothing is any more; gives whether that is news.
    pub fn note_trouble(&self, part: &'static str, what: Option<&str>) -> bool {
        let mut troubles = self.shared.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match what {
            Some(what) => troubles.insert(part, what.to_owned()),
            None => troubles.remove(part),
        };
        before.as_deref() != what
    }

    /// Whether the loop looks what is due.
    #[must_use]
    pub fn is_beating(&self) -> bool {
        self.shared.pulse.borrow().seen_at.elapsed() < HANGING
    }

    /// What is wrong, of the parts that something is wrong with.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        self.troubles_beside(&[])
    }

    /// The same, without these parts.
    #[must_use]
    pub fn troubles_beside(&self, parts: &[&str]) -> Vec<String> {
        let troubles = self.shared.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let others = troubles.iter().filter(|(part, _)| !parts.contains(part));
        others.map(|(_, what)| what.clone()).collect()
    }

    /// How everything stands now, or stood a moment ago.
    pub async fn look(&self) -> Arc<Overview> {
        // Whoever asks may go away meanwhile; what is seen is kept all the same.
        let observer = self.clone();
        match tokio::spawn(async move { observer.look_now().await }).await {
            Ok(overview) => overview,
            Err(error) => self.look_blindly(&error),
        }
    }

    async fn look_now(&self) -> Arc<Overview> {
        let mut memory = self.shared.memory.lock().await;
        if let Some((_, overview)) = memory.latest.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Arc::clone(overview);
        }
        let now = self.shared.clock.now();
        memory.unread = self.read(&mut memory, now).await.err().map(|error| chain(&error));
        let (report, daemon) = (self.shared.report.borrow().clone(), self.daemon());
        let mut aside = std::mem::take(&mut *memory);
        let reckoned = tokio::task::spawn_blocking(move || {
            let overview = Arc::new(aside.reckon(&report, daemon, now));
            aside.latest = Some((Instant::now(), Arc::clone(&overview)));
            (aside, overview)
        });
        match reckoned.await {
            Ok((seen, overview)) => {
                *memory = seen;
                overview
            }
            // What was seen is seen anew.
            Err(error) => self.look_blindly(&error),
        }
    }

    /// What there is to show without what was seen, after a panic, which is a defect, or as the program ends.
    fn look_blindly(&self, error: &JoinError) -> Arc<Overview> {
        tracing::error!(event = "page.defect", %error, "what there is to show could not be reckoned");
        let now = self.shared.clock.now();
        Arc::new(Memory::default().reckon(&self.shared.report.borrow(), self.daemon(), now))
    }

    /// How the daemon stands.
    fn daemon(&self) -> DaemonStatus {
        let Shared { process, report, pulse, store, .. } = &*self.shared;
        let (report, pulse) = (report.borrow(), pulse.borrow());
        DaemonStatus {
            pid: process.pid,
            version: process.version.clone(),
            since: process.since,
            reload: report.status(),
            health: health(&report, Some(store), &self.troubles()),
            looked_at: pulse.at,
            is_beating: self.is_beating(),
            under_way: pulse.under_way,
            overdue: pulse.overdue.clone(),
        }
    }

    /// Reads what is new in the record.
    async fn read(&self, memory: &mut Memory, now: Timestamp) -> Result<(), StoreError> {
        let store = &self.shared.store;
        let version = store.version().await?;
        if memory.version == Some(version) {
            return Ok(());
        }
        let recent = now.saturating_sub(timeline::PAST).unwrap_or(Timestamp::MIN);
        memory.record = Record::of(store).await?;
        memory.debts = store.owed().await?;
        let tail = store.tail(memory.mark.clone(), recent).await?;
        memory.learn(tail);
        memory.recent.retain(|_, run| run.at >= recent);
        memory.version = Some(version);
        Ok(())
    }
}

impl Memory {
    fn learn(&mut self, tail: Tail) {
        let Tail { runs, successes, mark } = tail;
        self.mark = Some(mark);
        self.succeeded.extend(successes);
        for run in runs {
            self.note(run);
        }
        while self.recent.len() > MOST_RECENT {
            self.recent.pop_first();
        }
    }

    fn note(&mut self, run: Brief) {
        let Brief { run_id, job, account, last, at, finished_at } = run;
        if last.state == RunState::Succeeded
            && let Some(finished_at) = finished_at
        {
            let known = self.succeeded.entry(job.clone()).or_insert(finished_at);
            *known = (*known).max(finished_at);
        }
        if self.last.get(&job).is_none_or(|(known, _)| *known <= run_id) {
            self.last.insert(job.clone(), (run_id, last));
        }
        let recent =
            Recent { run_id, job: job.into(), account: account.as_str().into(), at, state: last.state };
        self.recent.insert(run_id, recent);
    }

    fn reckon(&mut self, report: &Report, daemon: DaemonStatus, now: Timestamp) -> Overview {
        let in_force = &report.in_force;
        let mut jobs = Vec::with_capacity(in_force.jobs.len() + report.left_out.jobs.len());
        let mut counts: HashMap<&AccountName, usize> = HashMap::new();
        let mut reckoned = HashMap::with_capacity(in_force.jobs.len());
        for job in &in_force.jobs {
            *counts.entry(&job.account).or_default() += 1;
            let name = job.name.as_str().to_owned();
            let known = self.jobs.remove(&name).filter(|known| Arc::ptr_eq(&known.job, job));
            let mut known = known.unwrap_or_else(|| Reckoned::new(job, now));
            jobs.push(self.status(&mut known, now));
            reckoned.insert(name, known);
        }
        self.jobs = reckoned;
        for job in &report.left_out.jobs {
            let last = self.last.get(job.job.as_str()).map(|(_, last)| *last);
            jobs.push(JobStatus::quarantined(job, last));
        }
        jobs.sort_by(|a, b| a.job.cmp(&b.job));
        let accounts = in_force.settings.accounts.values().map(|account| AccountStatus {
            account: account.name.clone(),
            api_domain: account.api_domain.to_string(),
            jobs: counts.get(&account.name).copied().unwrap_or_default(),
            vitals: in_force.accounts.get(&account.name).map(|access| access.vitals()),
            seen: self
                .record
                .seen(&account.name)
                .map(|seen| LastSeen { backup: seen.backup.clone(), at: seen.read_at }),
        });
        let files = || in_force.jobs.iter().map(AsRef::as_ref);
        let standing =
            |debt: &Debt| StandingDebt::of(debt.clone(), &in_force.settings, files(), &report.left_out, now);
        let daemon = match &self.unread {
            Some(why) => daemon.degraded(format!("the record can't be read: {why}")),
            None => daemon,
        };
        Overview {
            at: now,
            daemon,
            jobs,
            loaded: in_force.jobs.clone(),
            accounts: accounts.collect(),
            debts: self.debts.iter().map(standing).collect(),
            recent: self.recent.values().cloned().collect(),
        }
    }

    fn status(&self, known: &mut Reckoned, now: Timestamp) -> JobStatus {
        let job = Arc::clone(&known.job);
        let cursor = self.record.cursor_by(&job, &known.fingerprint, now);
        let key = (cursor, self.record.deadline(&job));
        let known_next = known.next.filter(|(from, _)| *from == key).map(|(_, next)| next);
        let next = known_next.unwrap_or_else(|| agenda::upcoming(&self.record.entry(&job), cursor));
        known.next = Some((key, next));
        let last = self.last.get(job.name.as_str()).map(|(_, last)| *last);
        JobStatus {
            last_success: self.succeeded.get(job.name.as_str()).copied(),
            // Of one that is switched off nothing is to be expected.
            interval: known.interval.filter(|_| job.enabled),
            ..JobStatus::of(&job, next, self.record.stand(&job, last, now))
        }
    }
}

impl Reckoned {
    fn new(job: &Arc<Job>, now: Timestamp) -> Self {
        Self {
            job: Arc::clone(job),
            fingerprint: agenda::fingerprint(&Entry::from(job.as_ref())),
            interval: job.schedule.expected_interval(now),
            next: None,
        }
    }
}
