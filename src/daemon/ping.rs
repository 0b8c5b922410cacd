//! Tells a service that all is well, as long as the loop beats: if it hears nothing it raises an alarm.

use std::sync::Arc;
use std::time::Duration;

use calloff_core::notify::Tried;
use tokio::sync::watch;

use super::engine::Pulse;
use super::health::health;
use super::observer::Observer;
use super::reload::Report;
use super::sinks::Sinks;
use crate::notify::{Ping, Signal};
use crate::store::Store;

/// Tries to say one thing; the next thing comes soon.
const TRIES: u32 = 3;

/// The pause between them.
const PAUSE: Duration = Duration::from_secs(2);

/// The part of the daemon that this is, where something is wrong with it.
pub(super) const PART: &str = "ping";

/// Tells while a daemon runs.
#[derive(Debug)]
pub struct Pinging {
    /// What is told.
    pub(super) sinks: watch::Receiver<Sinks>,
    /// What the loop shows; one that hangs shows nothing new.
    pub(super) pulse: watch::Receiver<Pulse>,
    /// What has become of the files.
    pub(super) report: watch::Receiver<Report>,
    /// The record.
    pub(super) store: Store,
    /// What else is wrong.
    pub(super) observer: Observer,
    /// Counts the runs that have failed or were missed.
    pub(super) failures: watch::Receiver<u64>,
}

impl Pinging {
    /// Tells until it is dropped: first that it begins, then how it is.
    pub async fn run(mut self) {
        let (mut has_begun, mut is_failing, mut failures_told) = (false, false, 0);
        loop {
            let service = self.sinks.borrow_and_update().ping.clone();
            let Some((ping, every)) = service else {
                self.observer.note_trouble(PART, None);
                is_failing = false;
                if self.sinks.changed().await.is_err() {
                    return;
                }
                continue;
            };
            if !std::mem::replace(&mut has_begun, true) {
                is_failing = !self.insist(&ping, Signal::Start, "Calloff has started", is_failing).await;
            }
            // A loop that hangs is to be missed: what it has shown before counts for nothing.
            self.pulse.mark_unchanged();
            if self.pulse.changed().await.is_err() {
                return;
            }
            let failures = *self.failures.borrow();
            let reasons = self.reasons(failures - failures_told);
            let signal = if reasons.is_empty() { Signal::Success } else { Signal::Fail };
            let is_told = self.insist(&ping, signal, &reasons.join("; "), is_failing).await;
            is_failing = !is_told;
            if is_told {
                failures_told = failures;
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = other(&mut self.sinks, &ping, every) => {}
            }
        }
    }

    fn reasons(&self, failures: u64) -> Vec<String> {
        // Not that nobody hears this: who hears it knows better.
        let others = self.observer.troubles_beside(&[PART]);
        let mut reasons = health(&self.report.borrow(), Some(&self.store), &others).reasons().to_vec();
        if failures > 0 {
            reasons.push(format!("runs that have failed or were missed: {failures}"));
        }
        reasons
    }

    /// Says it, and shows whether it was heard.
    async fn insist(&self, ping: &Ping, signal: Signal, why: &str, was_failing: bool) -> bool {
        let heard = insist(ping, signal, why, was_failing).await;
        let trouble = heard.as_ref().err().map(|why| format!("the pinged service does not hear: {why}"));
        self.observer.note_trouble(PART, trouble.as_deref());
        heard.is_ok()
    }
}

/// Waits until another service is to be told, or in another rhythm.
async fn other(sinks: &mut watch::Receiver<Sinks>, ping: &Arc<Ping>, every: Duration) {
    let is_other = |sinks: &Sinks| match &sinks.ping {
        Some((now, rhythm)) => !Arc::ptr_eq(now, ping) || *rhythm != every,
        None => true,
    };
    if sinks.wait_for(is_other).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Says it, a few times if need be; else gives why it was not heard.
async fn insist(ping: &Ping, signal: Signal, why: &str, was_failing: bool) -> Result<(), String> {
    let mut tries = 0;
    loop {
        tries += 1;
        match ping.say(signal, why).await {
            Tried::Done => {
                if was_failing {
                    tracing::info!(event = "ping.recovered", "the pinged service hears again");
                }
                return Ok(());
            }
            Tried::Failed { why, .. } | Tried::Refused { why } if tries == TRIES => {
                if !was_failing {
                    tracing::warn!(event = "ping.failed", why, "the pinged service does not hear");
                }
                return Err(why);
            }
            Tried::Failed { .. } | Tried::Refused { .. } => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Says one thing, for so long at most.
pub async fn say_once(ping: &Ping, signal: Signal, why: &str, within: Duration) {
    if tokio::time::timeout(within, insist(ping, signal, why, false)).await.is_err() {
        tracing::warn!(event = "ping.failed", "the pinged service does not hear");
    }
}
