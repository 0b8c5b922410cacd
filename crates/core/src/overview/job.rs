//! One job, as it is shown.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::agenda::{Pause, Upcoming};
use crate::config::Job;
use crate::ids::AccountName;
use crate::reload::Quarantined;
use crate::run::{RunState, Trigger};
use crate::words::words;

words! {
    /// How a job stands.
    JobState {
        /// It will be due.
        Armed = "armed",
        /// A person has put it out of action for a while.
        Paused = "paused",
        /// Its schedule has nothing left to say.
        Expired = "expired",
        /// Its file switches it off.
        Disabled = "disabled",
        /// It is not in force, as something about it is wrong.
        Quarantined = "quarantined",
    }
}

/// How a job stands, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobStatus {
    /// Its name.
    pub job: String,
    /// Its account; `None` if its file does not say that much.
    pub account: Option<String>,
    /// How it stands.
    pub state: JobState,
    /// When it becomes due next, jitter included.
    pub next: Option<Timestamp>,
    /// Its newest run.
    pub last: Option<LastRun>,
    /// When its pause ends, if it has one.
    pub paused_until: Option<Timestamp>,
    /// Why it is paused or quarantined.
    pub reason: Option<String>,
    /// When the window closes that it holds, if it does.
    #[serde(skip)]
    pub held_until: Option<Timestamp>,
    /// When a run of it last succeeded, as far as that is on record.
    #[serde(skip)]
    pub last_success: Option<Timestamp>,
    /// The longest time between two occurrences that is to be expected; `None` if it is due only once, or
    /// switched off.
    #[serde(skip)]
    pub interval: Option<Duration>,
}

/// A job's newest run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// The nominal instant; `None` for a manual trigger.
    pub occurrence: Option<Timestamp>,
    /// Where it stands.
    pub state: RunState,
    /// What set it off.
    #[serde(skip)]
    pub trigger: Trigger,
}

/// What is on record of a job that is in force.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stand<'a> {
    /// Its newest run.
    pub last: Option<LastRun>,
    /// Its pause, if it has one that holds now.
    pub pause: Option<&'a Pause>,
    /// When the window closes that it holds, if it does.
    pub held_until: Option<Timestamp>,
}

impl JobStatus {
    /// That of a job that is in force. `next` is its first occurrence after `cursor`, where its schedule stands.
    #[must_use]
    pub fn of(job: &Job, next: Option<Upcoming>, stand: Stand<'_>) -> Self {
        let state = match (job.enabled, next, stand.pause) {
            (false, ..) => JobState::Disabled,
            (true, None, _) => JobState::Expired,
            (true, Some(_), Some(_)) => JobState::Paused,
            (true, Some(_), None) => JobState::Armed,
        };
        Self {
            job: job.name.as_str().to_owned(),
            account: Some(job.account.as_str().to_owned()),
            state,
            next: next.filter(|_| job.enabled).map(|next| next.fire_at),
            last: stand.last,
            paused_until: stand.pause.map(|pause| pause.until),
            reason: stand.pause.map(|pause| pause.reason.clone()),
            held_until: stand.held_until,
            last_success: None,
            interval: None,
        }
    }

    /// That of a job that is not.
    #[must_use]
    pub fn quarantined(job: &Quarantined, last: Option<LastRun>) -> Self {
        Self {
            job: job.job.as_str().to_owned(),
            account: job.account.as_ref().map(AccountName::to_string),
            state: JobState::Quarantined,
            next: None,
            last,
            paused_until: None,
            reason: Some(job.why.clone()),
            held_until: None,
            last_success: None,
            interval: None,
        }
    }

    /// Whether its newest run needs a person.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.last.is_some_and(|last| matches!(last.state, RunState::Failed | RunState::Missed))
    }

    /// What needs a person comes first: what is wrong, then what a person has overridden.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match (self.state, self.paused_until) {
            (JobState::Quarantined, _) => 0,
            (_, Some(_)) => 1,
            _ => 2,
        }
    }
    /// Whether a person should see to it, or has overridden it.
    #[must_use]
    pub fn is_pressing(&self) -> bool {
        self.rank() < 2 || self.has_failed()
    }

    /// Where it comes if not all jobs can be shown at once: what needs a person, then what is due next.
    #[must_use]
    pub fn precedence(&self) -> impl Ord + use<> {
        (self.state != JobState::Quarantined, !self.has_failed(), self.rank(), self.next.is_none(), self.next)
    }
}
