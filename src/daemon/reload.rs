//! Takes changed files into force while the daemon runs: all of a set or nothing.
//!
//! Whatever announces a change (a signal, a command, the file system, the minute's beat) only has this look. What is read
//! was the same at two looks, and is the same still once it is read: so no half of a checkout comes into force.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use calloff_core::agenda::{self as rules, Entry};
use calloff_core::config::{Job, LogLevel, Settings};
use calloff_core::diagnostic::Diagnostic;
use calloff_core::ids::JobName;
use calloff_core::overview::ReloadStatus;
use calloff_core::reload::{self, Cause, Changes, LeftOut, Refusal, Verdict};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::accounts::{Accounts, Surroundings};
use super::engine::Handle;
use super::set::{Readying, Set, by_name, used};
use super::sinks::Sinks;
use crate::error::chain;
use crate::files::{Loaded, Loader, Scan, Watcher};
use crate::store::Store;

/// How long files must rest before they are read.
const REST: Duration = Duration::from_millis(250);

/// How long it is waited for that before it is left for later.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks for a look whether files have changed.
#[derive(Debug)]
pub struct Request {
    /// Why.
    pub by: Cause,
    /// Whether a set without jobs is meant.
    pub allow_empty: bool,
    /// Where the verdict goes, if somebody waits for it.
    pub reply: Option<oneshot::Sender<Report>>,
}

impl Request {
    /// One whose verdict nobody waits for.
    #[must_use]
    pub fn by(by: Cause) -> Self {
        Self { by, allow_empty: false, reply: None }
    }
}

/// What became of the files that were last read.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whether they are in force.
    pub verdict: Verdict,
    /// When that was found.
    pub at: Timestamp,
    /// Since when the files are in force that are.
    pub since: Timestamp,
    /// What is in force.
    pub in_force: Arc<InForce>,
    /// What has changed with them, if they are in force.
    pub changes: Changes,
    /// Why they are not, if they aren't.
    pub refusal: Option<Refusal>,
    /// What is wrong with them.
    pub diagnostics: Arc<[Diagnostic]>,
    /// What is not in force since the start.
    pub left_out: Arc<LeftOut>,
    /// Whether they are being read anew.
    pub is_reading: bool,
}

impl Report {
    /// That of a start.
    #[must_use]
    pub fn of_start(
        in_force: Arc<InForce>,
        left_out: Arc<LeftOut>,
        diagnostics: Vec<Diagnostic>,
        at: Timestamp,
    ) -> Self {
        let changes = Changes { added: in_force.jobs.len(), ..Changes::default() };
        Self {
            verdict: Verdict::Accepted,
            at,
            since: at,
            in_force,
            changes,
            refusal: None,
            diagnostics: diagnostics.into(),
            left_out,
            is_reading: false,
        }
    }

    /// Why the files that were last read are not in force, if they aren't, with the first thing that is wrong with them.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        let refusal = self.refusal.as_ref()?;
        let first = self.diagnostics.iter().find(|found| found.is_error());
        Some(first.map_or_else(|| refusal.to_string(), |first| format!("{refusal}: {first}")))
    }

    /// It in a few words.
    #[must_use]
    pub fn status(&self) -> ReloadStatus {
        ReloadStatus { verdict: self.verdict, at: self.at, since: self.since, reason: self.why() }
    }

    /// What of the files is not as it should be.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = vec![];
        if let Some(why) = self.why() {
            reasons.push(format!("changed files are not in force: {why}"));
        }
        reasons.extend(reasons_of_start(&self.left_out));
        reasons
    }

    /// Whether all files are in force.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.verdict == Verdict::Accepted && self.left_out.is_nothing()
    }
}

/// What a start has done without.
#[must_use]
pub fn reasons_of_start(left_out: &LeftOut) -> Vec<String> {
    let others = left_out.others.iter().chain(&left_out.sinks);
    let mut reasons: Vec<String> =
        others.map(|other| format!("not in force since the start: {other}")).collect();
    match left_out.jobs.len() {
        0 => {}
        1 => reasons.push("1 job is not in force since the start".to_owned()),
        jobs => reasons.push(format!("{jobs} jobs are not in force since the start")),
    }
    reasons
}

/// Has changed files come into force.
#[derive(Debug)]
pub struct Reloader {
    loader: Arc<Mutex<Loader>>,
    /// The folder of `calloff.toml`.
    base: PathBuf,
    engine: Handle,
    store: Store,
    surroundings: Surroundings,
    in_force: Arc<InForce>,
    /// What the files were at the start.
    started_with: Scan,
    /// What the files were when they were last read, whatever became of that; `None` if another look is due in any case.
    seen: Option<Scan>,
    reports: watch::Sender<Report>,
    /// Whether a set without jobs is meant whenever there is one.
    allow_empty: bool,
    set_log_level: fn(Option<LogLevel>),
    watcher: Option<Watcher>,
    /// For what watches the files.
    hints: mpsc::Sender<Request>,
}

/// What of the files is in force.
#[derive(Debug)]
pub struct InForce {
    /// What that says.
    pub settings: Settings,
    /// The jobs, sorted by name.
    pub jobs: Vec<Arc<Job>>,
    /// The accounts that are ready.
    pub accounts: Arc<Accounts>,
}

/// What a reloader works with.
#[derive(Debug)]
pub struct Reloading {
    /// What reads the files.
    pub loader: Loader,
    /// What they were when they were read.
    pub seen: Scan,
    /// The loop that they are in force in.
    pub engine: Handle,
    /// The record.
    pub store: Store,
    /// What accounts need from outside.
    pub surroundings: Surroundings,
    /// What became of the files of the start.
    pub report: Report,
    /// Whether a set without jobs is meant whenever there is one.
    pub allow_empty: bool,
    /// What to do about another level of the log.
    pub set_log_level: fn(Option<LogLevel>),
}

impl Reloader {
    /// A reloader, with where to ask it, and what it has to say.
    #[must_use]
    pub fn new(
        of: Reloading,
    ) -> (Self, mpsc::Sender<Request>, mpsc::Receiver<Request>, watch::Receiver<Report>) {
        let (hints, requests) = mpsc::channel(16);
        let (reports, report) = watch::channel(of.report);
        let is_complete = {
            let report = report.borrow();
            of.surroundings.metrics.reloaded(report.verdict == Verdict::Accepted, report.at, None);
            report.left_out.jobs.iter().all(|job| job.account.is_none()) && report.left_out.sinks.is_empty()
        };
        let base = of.loader.config().parent().map(PathBuf::from).unwrap_or_default();
        let reloader = Self {
            loader: Arc::new(Mutex::new(of.loader)),
            base,
            engine: of.engine,
            store: of.store,
            surroundings: of.surroundings,
            in_force: Arc::clone(&report.borrow().in_force),
            started_with: of.seen,
            // What lacks nothing but a secret is tried again.
            seen: Some(of.seen).filter(|seen| seen.is_settled() && is_complete),
            reports,
            allow_empty: of.allow_empty,
            set_log_level: of.set_log_level,
            watcher: None,
            hints: hints.clone(),
        };
        (reloader, hints, requests, report)
    }

    /// Follows the files until it is stopped.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>, stop: CancellationToken) {
        self.watch().await;
        // What changed while nobody watched.
        let mut request = Request::by(Cause::Poll);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.follow(request) => {}
            }
            request = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(request) = requests.recv() => request,
                () = self.engine.rescan.notified() => Request::by(Cause::Poll),
            };
            // Of many hints one look comes, and what a person asks for is more than that.
            while !request.by.is_person() {
                let Ok(next) = requests.try_recv() else { break };
                request = next;
            }
        }
    }

    /// Does what is asked.
    async fn follow(&mut self, request: Request) {
        let Request { by, allow_empty, reply } = request;
        let scan = self.scan().await;
        let is_changed = self.seen.is_some_and(|seen| !seen.is_same(scan));
        if !by.is_person() && !is_changed && self.seen.is_some() {
            return;
        }
        // What is only looked at once more, because a change might not have shown, is no reload yet.
        if by.is_person() || is_changed {
            self.reports.send_modify(|report| report.is_reading = true);
        }
        let begun = Instant::now();
        let report = self.reload(scan, allow_empty || self.allow_empty, by).await;
        if let Some(report) = &report {
            let is_in_force = report.verdict == Verdict::Accepted;
            self.surroundings.metrics.reloaded(is_in_force, report.at, Some(begun.elapsed()));
        }
        self.reports.send_modify(|last| match report {
            Some(report) => *last = report,
            None => last.is_reading = false,
        });
        if let Some(reply) = reply {
            // Who asked may have gone.
            drop(reply.send(self.reports.borrow().clone()));
        }
    }

    /// Reads the files once they rest. Gives no report if nothing has changed and nobody has asked.
    async fn reload(&mut self, before: Scan, allow_empty: bool, by: Cause) -> Option<Report> {
        let Some((loaded, scan)) = self.read(before).await else {
            self.seen = None;
            return self.news(Refusal::Unsteady, vec![], before, by);
        };
        self.seen = Some(scan).filter(|scan| scan.is_settled());
        if !self.is_watched() && self.watch().await {
            // What has changed before it was watched is found by the next look.
            self.seen = None;
            drop(self.hints.try_send(Request::by(Cause::Poll)));
        }
        let before = &self.in_force;
        let judged = reload::judge(loaded.candidate(), &before.settings, before.jobs.len(), allow_empty);
        let Loaded { settings, jobs, diagnostics, .. } = loaded;
        let Some(settings) = settings.filter(|_| judged.is_ok()) else {
            let refusal = judged.err().unwrap_or(Refusal::Errors(0));
            return self.news(refusal, diagnostics, scan, by);
        };
        match self.set(settings, jobs).await {
            Ok(set) => self.accept(set, by).await,
            Err(refusal) => {
                // The files need not change for this to come right.
                self.seen = None;
                self.news(refusal, vec![], scan, by)
            }
        }
    }

    /// Says that files are refused, unless that has been said and nobody asked.
    fn news(&self, refusal: Refusal, diagnostics: Vec<Diagnostic>, scan: Scan, by: Cause) -> Option<Report> {
        let last = self.reports.borrow().clone();
        let is_known = if let Some(known) = &last.refusal {
            *known == refusal && *last.diagnostics == *diagnostics
        } else {
            // What the start has done without.
            let is_the_same = match &refusal {
                Refusal::Errors(_) => *last.diagnostics == *diagnostics,
                Refusal::Secret(why) => last.left_out.is_for_secret(why),
                _ => false,
            };
            !last.is_well() && scan.is_same(self.started_with) && is_the_same
        };
        (by.is_person() || !is_known).then(|| self.refused(refusal, diagnostics, by))
    }

    fn refused(&self, refusal: Refusal, diagnostics: Vec<Diagnostic>, by: Cause) -> Report {
        tracing::error!(
            event = "reload.rejected",
            by = by.as_str(),
            reason = %refusal,
            errors = diagnostics.iter().filter(|found| found.is_error()).count(),
            jobs = self.in_force.jobs.len(),
            "changed files are not taken: the ones before stay in force"
        );
        super::say_errors(&diagnostics);
        Report {
            verdict: Verdict::Rejected,
            at: self.surroundings.clock.now(),
            changes: Changes::default(),
            refusal: Some(refusal),
            diagnostics: diagnostics.into(),
            is_reading: false,
            ..self.reports.borrow().clone()
        }
    }

    /// Has a set come into force. Gives no report if it is the one that is, and nobody has asked.
    async fn accept(&mut self, set: Set, by: Cause) -> Option<Report> {
        let before = &self.in_force;
        let changes =
            Changes::between(before.jobs.iter().map(AsRef::as_ref), set.jobs.iter().map(AsRef::as_ref));
        let last = self.reports.borrow().clone();
        // What the start has done without is in force now, or gone: the loop has to hear of it.
        let is_same = changes == Changes::default()
            && last.left_out.is_nothing()
            && before.settings == set.settings
            && before.accounts.len() == set.accounts.len()
            && before.accounts.values().zip(set.accounts.values()).all(|(old, new)| Arc::ptr_eq(old, new));
        if is_same && !by.is_person() && last.is_well() {
            return None;
        }
        // Who asks has most often changed something just before, and the file system has told of it.
        let changes = if is_same { last.changes } else { changes };
        let since = if is_same { last.since } else { self.put_in_force(set).await };
        tracing::info!(
            event = "reload.accepted",
            by = by.as_str(),
            jobs = self.in_force.jobs.len(),
            added = changes.added,
            changed = changes.changed,
            removed = changes.removed,
            %since,
            "the files are in force"
        );
        let at = self.surroundings.clock.now();
        Some(Report {
            since,
            changes,
            ..Report::of_start(Arc::clone(&self.in_force), Arc::default(), vec![], at)
        })
    }

    /// Gives since when the set is in force.
    async fn put_in_force(&mut self, set: Set) -> Timestamp {
        if set.settings.log.level != self.in_force.settings.log.level {
            (self.set_log_level)(set.settings.log.level);
        }
        self.in_force = Arc::new(InForce {
            settings: set.settings.clone(),
            jobs: set.jobs.clone(),
            accounts: Arc::clone(&set.accounts),
        });
        // Without the loop the process is about to end.
        self.engine.replace(set).await.unwrap_or_else(|| self.surroundings.clock.now())
    }

    /// What the files make, with secrets as they are now.
    async fn set(&self, settings: Settings, jobs: Vec<Arc<Job>>) -> Result<Set, Refusal> {
        let before = Arc::clone(&self.in_force.accounts);
        let (base, state) = (self.base.clone(), self.store.folder().to_owned());
        let surroundings = self.surroundings.clone();
        let (known, left_out) = (self.in_force.jobs.clone(), Arc::clone(&self.reports.borrow().left_out));
        let made = tokio::task::spawn_blocking(move || {
            let readying =
                Readying { settings: &settings, base: &base, state: &state, surroundings: &surroundings };
            let needed = used(&jobs);
            let (accounts, failures) = readying.ready_all(&before);
            if let Some((name, error)) = failures.iter().find(|(name, _)| needed.contains(*name)) {
                return Err(Refusal::Secret(reload::secret(name, &chain(error))));
            }
            // They are made ready by whoever tells them.
            if let Some(why) = Sinks::ready(&settings, &base).why_missing().into_iter().next() {
                return Err(Refusal::Secret(why));
            }
            let new = entering(&known, &jobs);
            let by_name = by_name(&jobs);
            let (accounts, stands) = (Arc::new(accounts), BTreeMap::new());
            let gone = left_out.jobs.iter().map(|job| &job.job);
            let gone = gone.filter(|job| !by_name.contains_key(job.as_str())).cloned().collect();
            Ok((Set { settings, jobs, by_name, accounts, stands, gone }, new))
        });
        let internal = |error| Refusal::Record(format!("internal error: {error}"));
        let (mut set, new) = made.await.map_err(internal)??;
        let stands = self.store.stands(new, self.surroundings.clock.now()).await;
        set.stands = stands.map_err(|error| Refusal::Record(chain(&error)))?;
        Ok(set)
    }

    /// Reads the files, once they rest, and says what they were; nothing if they don't rest. `before` is what they were
    /// just now.
    async fn read(&mut self, mut before: Scan) -> Option<(Loaded, Scan)> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            tokio::time::sleep(REST).await;
            let (loaded, scan) = self.with_loader(Loader::load).await?;
            if !scan.is_same(before) {
                before = scan;
                continue;
            }
            let after = self.scan().await;
            if after.is_same(scan) {
                return Some((loaded, after));
            }
            before = after;
        }
        None
    }

    fn is_watched(&self) -> bool {
        let jobs = self.loader().jobs().map(Path::to_path_buf);
        self.watcher.as_ref().zip(jobs).is_some_and(|(watcher, jobs)| watcher.watches(&jobs))
    }

    /// Has the file system tell of changes, and says whether it will.
    async fn watch(&mut self) -> bool {
        self.watcher = None;
        let (config, jobs) = {
            let loader = self.loader();
            (loader.config().to_owned(), loader.jobs().map(Path::to_path_buf))
        };
        let Some(jobs) = jobs else { return false };
        let hints = self.hints.clone();
        // Where a request waits already, it serves for this, too.
        let changed = move || drop(hints.try_send(Request::by(Cause::Change)));
        match tokio::task::spawn_blocking(move || Watcher::start(&config, jobs, changed)).await {
            Ok(Ok(watcher)) => self.watcher = Some(watcher),
            Ok(Err(error)) => tracing::warn!(
                event = "reload.unwatched",
                error = chain(&error),
                "changes of files are not told at once: it is looked for them once a minute"
            ),
            Err(error) => tracing::error!(event = "reload.unwatched", %error, "watching ended in a defect"),
        }
        self.watcher.is_some()
    }

    fn loader(&self) -> std::sync::MutexGuard<'_, Loader> {
        self.loader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn scan(&self) -> Scan {
        self.with_loader(|loader, now| loader.scan(now)).await.unwrap_or_default()
    }

    /// Has the disk looked at aside.
    async fn with_loader<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Loader, Timestamp) -> T + Send + 'static,
    ) -> Option<T> {
        let (loader, now) = (Arc::clone(&self.loader), self.surroundings.clock.now());
        let act = move || act(&mut loader.lock().unwrap_or_else(PoisonError::into_inner), now);
        tokio::task::spawn_blocking(act).await.ok()
    }
}

/// The jobs that there were none of before, with their fingerprints; both are sorted by name.
fn entering(before: &[Arc<Job>], after: &[Arc<Job>]) -> Vec<(JobName, String)> {
    let known: BTreeSet<&JobName> = before.iter().map(|job| &job.name).collect();
    let new = after.iter().filter(|job| !known.contains(&job.name));
    new.map(|job| (job.name.clone(), rules::fingerprint(&Entry::from(job.as_ref())))).collect()
}
