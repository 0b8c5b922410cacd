//! A job as the forecast takes it.

use jiff::Timestamp;

use crate::agenda::{self, Entry, Pause, Upcoming};
use crate::config::Job;

/// A job and what stands in its way.
#[derive(Debug, Clone, Copy)]
pub struct Player<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its pause, if it has one.
    pub pause: Option<&'a Pause>,
    /// When the account's backup starts by itself as far as the daemon has seen it: it bounds the job's spread.
    pub deadline: Option<Timestamp>,
    /// The last occurrence that was dealt with, or the baseline of the schedule: what is left over from before now
    /// comes due as well.
    pub cursor: Timestamp,
    /// Whether its occurrences are asked for. Those of the others count for what they do.
    pub is_shown: bool,
}

impl<'a> Player<'a> {
    /// A job that is asked for, with nothing in its way and nothing left over from before `now`.
    #[must_use]
    pub fn new(job: &'a Job, now: Timestamp) -> Self {
        Self { job, pause: None, deadline: None, cursor: now, is_shown: true }
    }

    /// What the agenda looks at.
    #[must_use]
    pub fn entry(&self) -> Entry<'a> {
        Entry::from(self.job).until(self.deadline)
    }

    /// What is left over from before `now` and to be run now, and from where its schedule goes on.
    pub(super) fn left_over(&self, now: Timestamp) -> (Option<Upcoming>, Timestamp) {
        let decision = agenda::decide(&self.entry(), self.cursor, now, now);
        let run = decision.run.map(|run| Upcoming { occurrence: run.occurrence, fire_at: run.fire_at });
        (run, decision.cursor().unwrap_or(self.cursor))
    }

    /// Whether an occurrence has come due and is still to be run.
    #[must_use]
    pub fn is_left_over(&self, occurrence: Timestamp, now: Timestamp) -> bool {
        self.left_over(now).0.is_some_and(|run| run.occurrence == occurrence)
    }
}
