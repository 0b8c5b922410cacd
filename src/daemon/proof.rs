//! Reads back what Zoho shows after a cancel: once per run, and again a few times while it does not show it yet.

use std::time::Duration;

use calloff_core::course::{self, Proof, READ_BACK_PAUSES};
use calloff_core::live::LiveBackup;
use calloff_core::outcome::{self, Outcome, Standing};
use calloff_core::retry::RetryPolicy;
use calloff_core::run::{Run, Target};

use super::accounts::Access;
use super::look::Unread;
use super::pursuit::Spent;
use super::worker::Worker;

/// One try a poll: the polls are the retries.
const ONE_TRY: RetryPolicy = RetryPolicy {
    max_attempts: 1,
    initial_delay: Duration::from_secs(1),
    max_delay: Duration::from_secs(1),
    give_up_after: Duration::from_secs(10),
};

impl Worker {
    /// The targets that were cancelled, as they stand after reading back; `None` if a stop came first. Not being
    /// allowed to read makes no failure of a success.
    pub(super) async fn read_back(&self, access: &Access, run: &Run) -> Option<Vec<(usize, Target)>> {
        let unproven: Vec<(usize, &Target)> =
            run.targets.iter().enumerate().filter(|(_, target)| is_unproven(target)).collect();
        if unproven.is_empty() {
            return Some(Vec::new());
        }
        let pursuer = self.pursuer();
        let mut pauses = READ_BACK_PAUSES.into_iter();
        loop {
            let (proven, settled) = match pursuer.live(access, ONE_TRY, &mut Spent::default()).await? {
                Ok(live) => {
                    self.remember(&access.name, live.clone());
                    judge(&unproven, live.as_ref())
                }
                Err(unread) => {
                    if unread.outcome == Outcome::Denied {
                        access.warn_unverifiable(&unread.why());
                    }
                    (unverified(&unproven, &unread), unread.outcome != Outcome::Exhausted)
                }
            };
            let Some(pause) = pauses.next().filter(|_| !settled) else { return Some(proven) };
            tracing::debug!(event = "run.unproven", run_id = %run.run_id, job = run.job, account = %run.account,
                "Zoho does not show the cancel yet: looking again");
            if !pursuer.wait(pause).await {
                return None;
            }
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
            // Zoho did not say that it has stopped the backup, only that somebody had.
            Proof::Contradicted(reason) if target.outcome == Some(Outcome::AlreadyCancelled) => {
                target.verified = Some(false);
                target.reason = Some(format!("not verified: {reason}"));
            }
            Proof::Contradicted(reason) => {
                settled = false;
                target.verified = Some(false);
                target.outcome = Some(Outcome::Contradicted);
                target.reason = Some(reason);
                target.hint = outcome::hint(Outcome::Contradicted, None).map(str::to_owned);
            }
        }
        Some((*position, target))
    });
    (proven.collect(), settled)
}

fn unverified(unproven: &[(usize, &Target)], unread: &Unread) -> Vec<(usize, Target)> {
    let reason = format!("not verified: {}", unread.why());
    let target =
        |target: &Target| Target { verified: Some(false), reason: Some(reason.clone()), ..target.clone() };
    unproven.iter().map(|(position, unproven)| (*position, target(unproven))).collect()
}

fn is_unproven(target: &Target) -> bool {
    let success = target.outcome.is_some_and(|outcome| outcome.standing() == Standing::Success);
    success && target.verified.is_none() && target.backup.id().is_some()
}
