//! Reads back what Zoho shows after a cancel: once per run, and again a few times while it does not show it yet.

use std::time::Duration;

use calloff_core::course::{self, Proof, READ_BACK_PAUSES};
use calloff_core::live::LiveBackup;
use calloff_core::outcome::Outcome;
use calloff_core::run::{Run, Target};
use tokio::time::Instant;

use super::accounts::Access;
use super::worker::Worker;

/// No poll is begun later than this after the first. How soon Zoho shows a cancel is not documented.
const PATIENCE: Duration = Duration::from_secs(20);

impl Worker {
    /// The targets that were cancelled, as they stand after reading back. Not being able to read makes no failure of a
    /// success; nor does it hold up anything else.
    pub(super) async fn read_back(&self, access: &Access, run: &Run) -> Vec<(usize, Target)> {
        let unproven: Vec<(usize, &Target)> =
            run.targets.iter().enumerate().filter(|(_, target)| is_unproven(target)).collect();
        if unproven.is_empty() {
            return Vec::new();
        }
        if access.tokens.at_hand().is_none() {
            // The run was taken up with nothing left to cancel: its token is in the cache, or has expired since.
            drop(access.tokens.current().await);
        }
        let (pursuer, end) = (self.pursuer(), Instant::now() + PATIENCE);
        let mut pauses = READ_BACK_PAUSES.into_iter();
        loop {
            if self.stop.is_cancelled() {
                return unverified(&unproven, "Calloff was stopped before it could be read back");
            }
            let glance = tokio::select! {
                biased;
                () = self.stop.cancelled() => continue,
                glance = pursuer.glance(access) => glance,
            };
            let mut floor = Duration::ZERO;
            let (proven, settled) = match glance {
                Ok(live) => {
                    self.remember(&access.name, live.clone());
                    judge(&unproven, live.as_ref())
                }
                Err(unread) => {
                    if unread.lacks_permission() {
                        access.warn_unverifiable(&unread.why());
                    }
                    floor = unread.retry_after.unwrap_or_default();
                    (unverified(&unproven, &unread.why()), unread.outcome != Outcome::Exhausted)
                }
            };
            let next = pauses.next().map(|pause| pause.max(floor));
            let next = next.filter(|pause| !settled && Instant::now() + *pause < end);
            let Some(pause) = next else { return proven };
            tracing::debug!(event = "run.unproven", run_id = %run.run_id, job = run.job, account = %run.account,
                "Zoho does not show the cancel yet: looking again");
            // A stop is found at the top: what Zoho does not show yet is no contradiction.
            pursuer.wait(pause).await;
        }
    }
}

/// The targets as the read-back shows them, and whether another one can show no more.
fn judge(unproven: &[(usize, &Target)], live: Option<&LiveBackup>) -> (Vec<(usize, Target)>, bool) {
    let mut settled = true;
    let proven = unproven.iter().filter_map(|(position, target)| {
        let mut target = (*target).clone();
        match course::prove(target.backup.id()?, live) {
            Proof::Stopped => target.verified = Some(true),
            Proof::Inconclusive(reason, may_change) => {
                settled &= !may_change;
                target.verified = Some(false);
                target.reason = Some(reason);
            }
            // Zoho did not say that it has stopped the backup, only that somebody had. After several attempts that may
            // have been the first of them.
            Proof::Contradicted(reason) if !was_ours(&target) => {
                target.verified = Some(false);
                target.reason =
                    Some(format!("not verified: {reason}, and says that it is cancelled already"));
            }
            Proof::Contradicted(reason) => {
                settled = false;
                target.verified = Some(false);
                target.end(Outcome::Contradicted, Some(reason));
            }
        }
        Some((*position, target))
    });
    (proven.collect(), settled)
}

/// Whether a cancel of ours was accepted, or may have been and its answer was lost.
fn was_ours(target: &Target) -> bool {
    target.outcome == Some(Outcome::Cancelled) || target.attempts > 1
}

fn unverified(unproven: &[(usize, &Target)], why: &str) -> Vec<(usize, Target)> {
    let reason = format!("not verified: {why}");
    let target =
        |target: &Target| Target { verified: Some(false), reason: Some(reason.clone()), ..target.clone() };
    unproven.iter().map(|(position, unproven)| (*position, target(unproven))).collect()
}

fn is_unproven(target: &Target) -> bool {
    target.is_success() && target.verified.is_none() && target.backup.id().is_some()
}
