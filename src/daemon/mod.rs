//! The shell that acts: accounts, workers, the engine and its beat, wired together.

mod accounts;
mod agenda;
mod announce;
mod audit;
mod beat;
mod cancel;
mod decide;
mod engine;
mod health;
mod hold;
mod ids;
mod keeper;
mod look;
mod notifier;
mod observer;
mod ping;
mod proof;
mod pursuit;
mod record;
mod reload;
mod restore;
mod runner;
mod schedule;
mod set;
mod sightings;
mod sinks;
mod spans;
mod successors;
mod survey;
mod watch;
mod worker;

pub use accounts::{Access, Accounts, Surroundings};
pub use agenda::{Agenda, Due, Entering};
pub use announce::announce;
pub use audit::{Audited, audit};
pub use beat::{Alarm, Beat};
pub use engine::{Engine, Handle, Pulse};
pub use health::health;
pub use keeper::{Duty, Keeper, Key, SeenTo};
pub use look::{History, Unread};
pub use notifier::{Notifier, tell_once};
pub use observer::Observer;
pub use ping::{Pinging, say_once};
pub use pursuit::Pursuer;
pub use record::Record;
pub use reload::{InForce, Reloader, Reloading, Report, Request, reasons_of_start};
pub use restore::Paid;
pub use runner::{Current, Fired, Runner, TakenUp};
pub use schedule::{Back, Refusal};
pub use set::{Readying, Set, by_name, left_out, used, without};
pub use sightings::Sightings;
pub use sinks::Sinks;
pub use successors::Successors;
pub use survey::{Surveyed, survey};
pub use worker::{Ended, Orders, Owing, Worker};

use std::sync::Arc;
use std::time::Duration;

use calloff_core::agenda::{self as rules, Entry};
use calloff_core::config::Job;
use calloff_core::diagnostic::Diagnostic;
use calloff_core::reload::LeftOut;
use jiff::{SignedDuration, Timestamp};

use crate::error::chain;
use crate::store::{Kept, Store, StoreError};

/// The agenda of these jobs, each standing where the record has it. `fresh` is where they stand on a fresh record. Those
/// that were left out are not in it, and are not forgotten.
///
/// # Errors
///
/// If the record can't be used.
pub async fn agenda(
    store: &Store,
    jobs: &[Arc<Job>],
    left_out: &LeftOut,
    now: Timestamp,
    fresh: Timestamp,
) -> Result<Agenda, StoreError> {
    let fingerprints =
        jobs.iter().map(|job| (job.name.clone(), rules::fingerprint(&Entry::from(job.as_ref())))).collect();
    let broken = left_out.jobs.iter().map(|job| job.job.clone()).collect();
    let kept = if left_out.others.is_empty() { Kept::These(broken) } else { Kept::All };
    let cursors = store.baselines(fingerprints, kept, now, fresh).await?;
    let jobs = jobs.iter().filter_map(|job| Some((Arc::clone(job), *cursors.get(&job.name)?)));
    let seen = store.seen().await?.into_iter();
    let starts = seen.filter_map(|(account, seen)| Some((account, seen.backup.next_start(seen.read_at)?)));
    Ok(Agenda::new(jobs, starts.collect(), now))
}

/// Forgets runs that are older than the retention.
pub async fn prune(store: &Store, now: Timestamp, keep: Duration) {
    let keep = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
    let horizon = now.saturating_sub(keep).unwrap_or(Timestamp::MIN);
    match store.prune(horizon).await {
        Ok(0) => {}
        Ok(runs) => tracing::info!(event = "store.pruned", runs, %horizon, "old runs are forgotten"),
        Err(error) => {
            tracing::warn!(event = "store.pruned", error = chain(&error), "old runs could not be forgotten");
        }
    }
}

/// Errors of one set that are said in the log.
const SAID: usize = 20;

/// Says in the log what is wrong with files.
pub fn say_errors(diagnostics: &[Diagnostic]) {
    let errors = || diagnostics.iter().filter(|found| found.is_error());
    for error in errors().take(SAID) {
        tracing::error!(
            event = "config.error",
            file = error.file,
            line = error.line,
            column = error.column,
            code = error.code.as_str(),
            help = error.help,
            "{}",
            error.message
        );
    }
    let more = errors().count().saturating_sub(SAID);
    if more > 0 {
        tracing::error!(event = "config.error", more, "and more: `calloff check` says all");
    }
}
