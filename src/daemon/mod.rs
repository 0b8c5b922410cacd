//! The shell that acts: accounts, workers, the engine and its beat, wired together.

mod accounts;
mod agenda;
mod beat;
mod engine;
mod runner;
mod watch;
mod worker;

pub use accounts::{Access, Accounts, Surroundings};
pub use agenda::{Agenda, Due};
pub use beat::{Alarm, Beat};
pub use engine::Engine;
pub use runner::{Fired, Runner};
pub use worker::{Ended, Worker};

use std::sync::Arc;

use calloff_core::agenda::{self as rules, Entry};
use calloff_core::config::Job;
use jiff::Timestamp;

use crate::store::{Store, StoreError};

/// The agenda of these jobs, each standing where the record has it. `fresh` is where they stand on a fresh record.
///
/// # Errors
///
/// If the record can't be used.
pub async fn agenda(
    store: &Store,
    jobs: &[Arc<Job>],
    now: Timestamp,
    fresh: Timestamp,
) -> Result<Agenda, StoreError> {
    let fingerprints =
        jobs.iter().map(|job| (job.name.clone(), rules::fingerprint(&Entry::from(job.as_ref())))).collect();
    let cursors = store.baselines(fingerprints, now, fresh).await?;
    let jobs = jobs.iter().filter_map(|job| Some((Arc::clone(job), *cursors.get(&job.name)?)));
    Ok(Agenda::new(jobs, now))
}
