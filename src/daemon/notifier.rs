//! Tells sinks what has happened, beside the loop: nothing here can hold up a run.
//!
//! What has happened becomes notices in one transaction, and each sink is told in order by a task of its own, so that
//! one that hangs holds no other up. A notice is gone when its sink has taken it: told at least once, most often once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use calloff_core::notify::{Event, Next, Notice, Tried, after, of_health};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::engine::Pulse;
use super::observer::Observer;
use super::ping::{self, Pinging};
use super::reload::Report;
use super::sinks::Sinks;
use crate::clock::SharedClock;
use crate::error::chain;
use crate::notify::Sink;
use crate::store::{Deliverer, Health, Outgoing, Store, Telling};

/// The shortest time between two looks at what has happened.
const REST: Duration = Duration::from_secs(1);

/// The longest: other processes write, too.
const LONGEST: Duration = Duration::from_mins(1);

/// How long it is waited until it is on record that a notice is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after the start the parts of the daemon may still find that something is wrong with them.
const SETTLING: Duration = Duration::from_secs(10);

/// The part of the daemon that this is, where something is wrong with it.
pub(super) const PART: &str = "notify";

/// Where it is noted that nobody can be told.
const RIGHT: &str = "notices";

/// Has sinks told while a daemon runs.
#[derive(Debug)]
pub struct Notifier {
    store: Store,
    clock: SharedClock,
    /// The folder of `calloff.toml`.
    base: PathBuf,
    report: watch::Receiver<Report>,
    observer: Observer,
    sinks: watch::Sender<Sinks>,
    /// Counts the runs that have failed or were missed.
    failures: watch::Sender<u64>,
    /// When this began; none once it is known how Calloff is.
    unsettled: Option<Instant>,
}

impl Notifier {
    /// One that goes by the files that are in force, as reports have them.
    #[must_use]
    pub fn new(
        store: Store,
        clock: SharedClock,
        base: PathBuf,
        sinks: Sinks,
        report: watch::Receiver<Report>,
        observer: Observer,
    ) -> Self {
        let (sinks, failures) = (watch::channel(sinks).0, watch::channel(0).0);
        let unsettled = Some(Instant::now());
        Self { store, clock, base, report, observer, sinks, failures, unsettled }
    }

    /// What tells a service how the daemon is, as the loop shows it.
    #[must_use]
    pub fn pinging(&self, pulse: watch::Receiver<Pulse>) -> Pinging {
        Pinging {
            sinks: self.sinks.subscribe(),
            pulse,
            report: self.report.clone(),
            store: self.store.clone(),
            observer: self.observer.clone(),
            failures: self.failures.subscribe(),
        }
    }

    /// Tells until it is dropped; what is left is told by the next one.
    pub async fn run(mut self) {
        let mut commits = self.store.commits();
        let made = watch::channel(0_u64).0;
        let (mut right, mut is_blocked) = (None, false);
        let troubles = Troubles { observer: Some(self.observer.clone()), by_sink: Arc::default() };
        let mut lines = Lines { tasks: JoinSet::new(), by_sink: BTreeMap::new(), troubles: troubles.clone() };
        let mut tasks = JoinSet::new();
        tasks.spawn(tell_of_record(
            self.store.clone(),
            Arc::clone(&self.clock),
            self.sinks.subscribe(),
            troubles,
        ));
        loop {
            // Before what they bring is told: it is for the sinks that come with them.
            if self.report.has_changed().unwrap_or_default() {
                self.renew().await;
            }
            right = right.or_else(|| claim(&self.store, &mut is_blocked));
            let blocked = is_blocked.then_some("nobody is told anything: `notices.lock` can't be used");
            self.observer.note_trouble(RIGHT, blocked);
            commits.borrow_and_update();
            if right.is_some() {
                lines.follow(&self, &made);
                self.tell(&made).await;
            }
            tokio::time::sleep(REST).await;
            if right.is_some() && self.unsettled.is_some() {
                continue;
            }
            tokio::select! {
                Ok(()) = commits.changed() => {}
                Ok(()) = self.report.changed() => self.report.mark_changed(),
                () = tokio::time::sleep(LONGEST) => {}
            }
        }
    }

    async fn tell(&mut self, made: &watch::Sender<u64>) {
        let health = self.health();
        let telling =
            Telling { subscriptions: self.sinks.borrow().subscriptions(), health, now: self.clock.now() };
        let failures = tell(&self.store, telling, made).await;
        self.failures.send_if_modified(|count| {
            *count += failures;
            failures > 0
        });
    }

    /// What is not as it should be. Not what is wrong with those who are told: one would be told of itself once it can
    /// be. Nor that the record takes no writes, as it would have to keep that.
    ///
    /// Nothing is known shortly after a start: a trouble that is still there is not to be told as over, and then again.
    fn health(&mut self) -> Option<Vec<String>> {
        let mut reasons = self.observer.troubles_beside(&[PART, RIGHT, ping::PART]);
        reasons.extend(self.report.borrow().reasons());
        self.unsettled = self.unsettled.filter(|since| reasons.is_empty() && since.elapsed() < SETTLING);
        self.unsettled.is_none().then_some(reasons)
    }

    /// Takes the sinks of the files that are in force now.
    async fn renew(&mut self) {
        let in_force = {
            let report = self.report.borrow_and_update();
            if report.is_reading {
                return;
            }
            Arc::clone(&report.in_force)
        };
        let (base, before) = (self.base.clone(), self.sinks.borrow().clone());
        let renewing = move || Sinks::renewed(&in_force.settings, &base, &before);
        if let Ok(sinks) = tokio::task::spawn_blocking(renewing).await {
            self.sinks.send_replace(sinks);
        }
    }
}

/// The right to tell, if it can be had; that it can't is said once.
fn claim(store: &Store, is_blocked: &mut bool) -> Option<Deliverer> {
    match store.deliverer() {
        Ok(right) => {
            *is_blocked = false;
            right
        }
        Err(error) => {
            if !std::mem::replace(is_blocked, true) {
                tracing::warn!(
                    event = "notice.blocked",
                    error = chain(&error),
                    "nobody is told anything: the file that keeps two processes from telling the same can't be used"
                );
            }
            None
        }
    }
}

/// Makes notices of what has happened; gives how many runs have failed or were missed.
async fn tell(store: &Store, telling: Telling, made: &watch::Sender<u64>) -> u64 {
    match store.tell(telling).await {
        Ok(told) => {
            for (sink, notices) in told.dropped {
                tracing::warn!(
                    event = "notice.dropped",
                    sink,
                    notices,
                    "too many notices wait for a sink: the oldest are given up"
                );
            }
            if !told.sinks.is_empty() {
                made.send_modify(|count| *count = count.wrapping_add(1));
            }
            told.failures as u64
        }
        Err(error) => {
            tracing::warn!(
                event = "store.unread",
                error = chain(&error),
                "whom to tell what waits for the record"
            );
            0
        }
    }
}

/// The tasks that tell, one a sink. They end with this.
#[derive(Debug)]
struct Lines {
    tasks: JoinSet<()>,
    by_sink: BTreeMap<String, (Arc<Sink>, AbortHandle)>,
    troubles: Troubles,
}

impl Lines {
    /// Begins to tell new sinks, and ends to tell those that there are none of any more.
    fn follow(&mut self, notifier: &Notifier, made: &watch::Sender<u64>) {
        while self.tasks.try_join_next().is_some() {}
        let sinks = notifier.sinks.borrow();
        let is_there =
            |sink: &Arc<Sink>| sinks.sinks.iter().any(|it| it.name() == sink.name() && it.is_same(sink));
        let troubles = &self.troubles;
        self.by_sink.retain(|name, (sink, task)| {
            let stays = is_there(sink) && !task.is_finished();
            if !stays {
                task.abort();
                troubles.note(name, None);
            }
            stays
        });
        for sink in &sinks.sinks {
            if !self.by_sink.contains_key(sink.name()) {
                let line =
                    Line::new(Arc::clone(sink), &notifier.store, &notifier.clock, self.troubles.clone());
                let task = self.tasks.spawn(line.serve(made.subscribe()));
                self.by_sink.insert(sink.name().to_owned(), (Arc::clone(sink), task));
            }
        }
    }
}

/// What waits for a sink.
struct Line {
    teller: Teller,
    store: Store,
    /// The notice that was last dealt with; the record may not show that yet.
    last: i64,
}

impl Line {
    fn new(sink: Arc<Sink>, store: &Store, clock: &SharedClock, troubles: Troubles) -> Self {
        let teller = Teller { sink, clock: Arc::clone(clock), troubles };
        Self { teller, store: store.clone(), last: 0 }
    }

    /// Tells whenever there is something new.
    async fn serve(mut self, mut made: watch::Receiver<u64>) {
        loop {
            made.borrow_and_update();
            self.tell_all().await;
            tokio::select! {
                changed = made.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                // What could not be read is read again.
                () = tokio::time::sleep(LONGEST) => {}
            }
        }
    }

    /// Tells all that there is.
    async fn tell_all(&mut self) {
        loop {
            match self.store.next_notice(self.teller.sink.name().to_owned(), self.last).await {
                Ok(Some(next)) => self.tell(next).await,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(
                        event = "store.unread",
                        error = chain(&error),
                        "what a sink is to be told waits for the record"
                    );
                    return;
                }
            }
        }
    }

    async fn tell(&mut self, next: Outgoing) {
        let Outgoing { notice, body, made_at } = next;
        let key = format!("calloff-{}-{notice}", made_at.as_millisecond());
        if self.teller.insist(&body, &key, made_at).await {
            // It is in line for the record; nobody needs to wait for that.
            drop(self.store.delivered(notice));
        } else {
            // With it goes what tells that it is over, which must not be read before that.
            drop(tokio::time::timeout(PATIENCE, self.store.give_up(notice)).await);
        }
        self.last = notice;
    }
}

/// Who can't be told just now, and why; clones share it.
#[derive(Debug, Clone, Default)]
struct Troubles {
    /// Who shows it, where a daemon runs.
    observer: Option<Observer>,
    by_sink: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Troubles {
    /// Notes why a sink can't be told, or that it can; says whether the one is news after the other.
    fn note(&self, sink: &str, why: Option<&str>) -> bool {
        let mut by_sink = self.by_sink.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match why {
            Some(why) => by_sink.insert(sink.to_owned(), why.to_owned()),
            None => by_sink.remove(sink),
        };
        if let Some(observer) = &self.observer {
            let all: Vec<String> =
                by_sink.iter().map(|(sink, why)| format!("{sink} can't be told: {why}")).collect();
            observer.note_trouble(PART, Some(all.join("; ")).filter(|all| !all.is_empty()).as_deref());
        }
        before.is_some() != why.is_some()
    }
}

/// Tells one sink, and says in the log when that begins or ceases to fail.
struct Teller {
    sink: Arc<Sink>,
    clock: SharedClock,
    troubles: Troubles,
}

impl Teller {
    /// Tells until it was told; says whether it was, or had to be given up.
    async fn insist(&self, body: &str, key: &str, made_at: Timestamp) -> bool {
        let sink = self.sink.name();
        for tries in 1.. {
            let tried = self.sink.tell(body, key).await;
            self.note(&tried);
            let age = self.clock.now().duration_since(made_at);
            match after(&tried, tries, age.try_into().unwrap_or_default()) {
                Next::Done => {
                    tracing::debug!(event = "notice.sent", sink, key, tries, "a sink was told");
                    return true;
                }
                Next::After(pause) => tokio::time::sleep(pause).await,
                Next::GiveUp => {
                    tracing::warn!(
                        event = "notice.dropped",
                        sink,
                        key,
                        tries,
                        notices = 1,
                        "a notice is given up: its sink has not taken it"
                    );
                    return false;
                }
            }
        }
        false
    }

    fn note(&self, tried: &Tried) {
        let sink = self.sink.name();
        match tried {
            Tried::Done => {
                if self.troubles.note(sink, None) {
                    tracing::info!(event = "notice.recovered", sink, "a sink can be told again");
                }
            }
            Tried::Failed { why, .. } | Tried::Refused { why } => {
                if self.troubles.note(sink, Some(why)) {
                    tracing::warn!(
                        event = "notice.failed",
                        sink,
                        why,
                        "a sink can't be told; it is tried again, ever later"
                    );
                }
            }
        }
    }
}

/// Tells that the record takes no writes for a minute, and that it does again. The record can't keep that.
async fn tell_of_record(store: Store, clock: SharedClock, sinks: watch::Receiver<Sinks>, troubles: Troubles) {
    let mut health = store.health();
    let mut tasks = JoinSet::new();
    loop {
        if health.wait_for(|health| *health != Health::Good).await.is_err() {
            // The writer has ended; nothing will fail any more.
            return std::future::pending().await;
        }
        if tokio::time::timeout(LONGEST, health.wait_for(|health| *health == Health::Good)).await.is_ok() {
            // A lock that somebody held for a moment.
            continue;
        }
        while tasks.try_join_next().is_some() {}
        let Health::Failing(why) = health.borrow().clone() else { continue };
        for sink in
            sinks.borrow().sinks.iter().filter(|sink| sink.subscription().on.contains(&Event::Degraded))
        {
            let teller =
                Teller { sink: Arc::clone(sink), clock: Arc::clone(&clock), troubles: troubles.clone() };
            tasks.spawn(tell_trouble(teller, why.clone(), health.clone()));
        }
        drop(health.wait_for(|health| *health == Health::Good).await);
    }
}

async fn tell_trouble(teller: Teller, why: String, mut health: watch::Receiver<Health>) {
    let news = of_health("record", &[format!("the record takes no writes: {why}")]);
    let now = teller.clock.now();
    let told = async |event, word: &str| {
        let body = serde_json::to_string(&Notice::new(event, &news, None)).unwrap_or_default();
        teller.insist(&body, &format!("calloff-{}-{word}", now.as_millisecond()), teller.clock.now()).await
    };
    let is_told = tokio::select! {
        is_told = told(Event::Degraded, "record") => is_told,
        // Nobody needs to hear any more of what is over.
        _ = health.wait_for(|health| *health == Health::Good) => return,
    };
    let is_over = health.wait_for(|health| *health == Health::Good).await.is_ok();
    if is_told && is_over && teller.sink.subscription().on.contains(&Event::Recovered) {
        told(Event::Recovered, "record-recovered").await;
    }
}

/// Tells what there is to be told, for so long at most; what is left is told the next time. Where another process tells
/// this does nothing.
pub async fn tell_once(
    store: &Store,
    clock: &SharedClock,
    sinks: &Sinks,
    health: Vec<String>,
    within: Duration,
) {
    let Some(right) = claim(store, &mut false) else { return };
    let made = watch::channel(0).0;
    let telling = async {
        let telling =
            Telling { subscriptions: sinks.subscriptions(), health: Some(health), now: clock.now() };
        tell(store, telling, &made).await;
        let mut lines = JoinSet::new();
        for sink in &sinks.sinks {
            let mut line = Line::new(Arc::clone(sink), store, clock, Troubles::default());
            lines.spawn(async move { line.tell_all().await });
        }
        while lines.join_next().await.is_some() {}
    };
    drop(tokio::time::timeout(within, telling).await);
    drop(right);
}
