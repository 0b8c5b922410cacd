//! What is told to whom: when something goes wrong, and when it is right again; not each time that it is still wrong.
//!
//! What can go wrong has a *cause*, such as `failed:JOB`. For each of them it is kept which sinks were told. So a sink
//! is told once, hears of a recovery only if it heard of the failure, and one that is added later is not told what has
//! long been over.

mod decide;
mod message;
mod news;
mod patience;

pub use decide::{Tell, decide};
pub use message::{Notice, slack};
pub use news::{News, What, of_debt, of_health, of_run, without_debt};
pub use patience::{Next, Tried, after};

use crate::words::words;

words! {
    /// What a notice tells: the words of `on`.
    Event {
        /// A run has failed.
        Failed = "failed",
        /// Occurrences passed while nothing could run them.
        Missed = "missed",
        /// A recurring backup could not be scheduled again.
        RestoreOwed = "restore_owed",
        /// A backup is scheduled though its window is held.
        Drift = "drift",
        /// Calloff itself is not as it should be.
        Degraded = "degraded",
        /// What was told before is over.
        Recovered = "recovered",
    }
}

/// A sink, and what it is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its name.
    pub sink: String,
    /// The events.
    pub on: Vec<Event>,
}

impl Subscription {
    fn wants(&self, event: Event) -> bool {
        self.on.contains(&event)
    }
}
