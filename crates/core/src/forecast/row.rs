//! What an occurrence would come to, target by target and all in all.

use jiff::Timestamp;

use crate::condition::Finding;
use crate::config::Job;
use crate::ids::BackupRef;
use crate::words::words;

words! {
    /// What a run would do to a backup.
    Action {
        /// Cancel it.
        Cancel = "cancel",
        /// Nothing: a condition would not hold, or the job is paused.
        Skip = "skip",
        /// Find it stopped, or nothing scheduled.
        AlreadyCancelled = "already_cancelled",
        /// Find it running.
        TooLate = "too_late",
        /// Find no such backup.
        NotFound = "not_found",
        /// That can't be told: Zoho could not be read.
        Unknown = "unknown",
    }
}

/// What an occurrence would come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Foretold<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its nominal instant.
    pub occurrence: Timestamp,
    /// When it becomes due.
    pub fire_at: Timestamp,
    /// What it would do, all in all.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// What it would do to each backup, in the job's order.
    pub targets: Vec<ForetoldTarget>,
    /// How each condition would stand.
    pub conditions: Vec<Finding>,
}

/// What would be done to one backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForetoldTarget {
    /// The backup; `current` if it can't be told which that is.
    pub backup: BackupRef,
    /// What would be done.
    pub action: Action,
    /// Why.
    pub reason: String,
}

impl Foretold<'_> {
    /// Lets it come to the same for all targets.
    pub(crate) fn become_all(&mut self, action: Action, why: &str) {
        for target in &mut self.targets {
            (target.action, target.reason) = (action, why.to_owned());
        }
        (self.action, self.reason) = (action, why.to_owned());
    }
}

/// What a run does, all in all: the first of these that it does to one of its targets.
pub const BY_WEIGHT: [Action; 6] = [
    Action::Cancel,
    Action::Unknown,
    Action::TooLate,
    Action::NotFound,
    Action::AlreadyCancelled,
    Action::Skip,
];

/// What a run does, all in all, and why.
pub(crate) fn summary(targets: &[ForetoldTarget]) -> (Action, String) {
    let of = |action: Action| targets.iter().filter(move |target| target.action == action);
    let action = BY_WEIGHT.into_iter().find(|action| of(*action).next().is_some()).unwrap_or(Action::Skip);
    let reason = of(action).next().map(|target| target.reason.clone()).unwrap_or_default();
    let others = targets.len() - of(action).count();
    match (of(action).count(), others) {
        (_, 0) => (action, reason),
        (count, _) => {
            let rest = BY_WEIGHT.into_iter().filter(|other| *other != action).filter_map(|other| {
                let count = of(other).count();
                (count > 0).then(|| format!("{count} {other}"))
            });
            let parts: Vec<String> =
                std::iter::once(format!("{count} {action}: {reason}")).chain(rest).collect();
            (action, parts.join("; "))
        }
    }
}
