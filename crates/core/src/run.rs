//! A run and its targets, as they are recorded, printed and counted.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::ids::{AccountName, BackupRef, RunId};
use crate::outcome::{self, Outcome, Standing};
use crate::words::words;

/// The job name under which `calloff cancel` journals. No file can have it: it is no [`JobName`](crate::ids::JobName).
pub const MANUAL_JOB: &str = "(manual)";

words! {
    /// What set a run off.
    Trigger {
        /// Its schedule, on time.
        Schedule = "schedule",
        /// Its schedule, more than a minute late.
        CatchUp = "catch_up",
        /// A person.
        Manual = "manual",
        /// A window that is being held.
        Hold = "hold",
    }
}

words! {
    /// Where a run stands.
    RunState {
        /// Under way, or cut off by a stop and to be taken up again.
        Running = "running",
        /// All targets succeeded.
        Succeeded = "succeeded",
        /// A condition did not hold.
        Skipped = "skipped",
        /// A target failed; the others were still run.
        Failed = "failed",
        /// Nothing could run at the time.
        Missed = "missed",
    }
}

impl RunState {
    /// The state that follows from the targets' outcomes.
    #[must_use]
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let (mut all_missed, mut any_failed, mut any_succeeded, mut any) = (true, false, false, false);
        for outcome in outcomes {
            any = true;
            all_missed &= outcome == Outcome::Missed;
            any_failed |= outcome.standing() == Standing::Failure;
            any_succeeded |= outcome.standing() == Standing::Success;
        }
        match (any && all_missed, any_failed, any_succeeded) {
            (true, ..) => Self::Missed,
            (_, true, _) => Self::Failed,
            (_, _, true) => Self::Succeeded,
            _ => Self::Skipped,
        }
    }
}

/// A run as it is printed and kept: `once`, `trigger`, `cancel` and `history` print this as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its ID.
    #[serde(serialize_with = "as_text")]
    pub run_id: RunId,
    /// The job's name, or [`MANUAL_JOB`].
    pub job: String,
    /// The account.
    #[serde(serialize_with = "as_text")]
    pub account: AccountName,
    /// What set it off.
    pub trigger: Trigger,
    /// The nominal instant; `None` for a manual trigger.
    pub occurrence: Option<Timestamp>,
    /// Where it stands.
    pub state: RunState,
    /// When the work began; `None` if it never did.
    pub started_at: Option<Timestamp>,
    /// When the last target ended; `None` while one has not.
    pub finished_at: Option<Timestamp>,
    /// Milliseconds from when it was to begin, jitter included, until it did.
    pub lateness_ms: Option<i64>,
    /// How many missed occurrences this stands for; absent in other runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// Why a person set it off, in their words; absent in other runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The targets, in the job's order.
    pub targets: Vec<Target>,
}

impl Run {
    /// Gives a run that turned out to be missed the form of one: it stands for one occurrence, and never began.
    pub fn stand_for_missed(&mut self) {
        self.missed = self.missed.or(Some(1));
        self.started_at = None;
        self.lateness_ms = None;
    }
}

/// One backup inside a run. The field names are also those of its log line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// The backup; `current` until it is known which that is.
    #[serde(serialize_with = "as_text")]
    pub backup: BackupRef,
    /// How it ended; `None` while it has not.
    pub outcome: Option<Outcome>,
    /// Whether a read-back showed the backup stopped; `None` when none was made.
    pub verified: Option<bool>,
    /// HTTP calls made for it.
    pub attempts: u32,
    /// The status of the last answer.
    pub http_status: Option<u16>,
    /// The code of the last answer.
    pub code: Option<String>,
    /// Zoho's message, or what was wrong with the connection; redacted.
    pub message: Option<String>,
    /// Why it was skipped or given up.
    pub reason: Option<String>,
    /// What the operator does next.
    pub hint: Option<String>,
}

impl Target {
    /// A target that nothing has been done for.
    #[must_use]
    pub fn pending(backup: BackupRef) -> Self {
        Self {
            backup,
            outcome: None,
            verified: None,
            attempts: 0,
            http_status: None,
            code: None,
            message: None,
            reason: None,
            hint: None,
        }
    }

    /// Ends it so, with what the operator does next. Its code, if it has one, is on it by then.
    pub fn end(&mut self, outcome: Outcome, reason: Option<String>) {
        self.outcome = Some(outcome);
        self.reason = reason;
        self.hint = outcome::hint(outcome, self.code.as_deref()).map(str::to_owned);
    }

    /// Whether it has ended as a success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.outcome.is_some_and(|outcome| outcome.standing() == Standing::Success)
    }
}

fn as_text<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_run_follows_from_its_targets() {
        use Outcome::{AlreadyCancelled, Cancelled, Missed, NotFound, Skipped};
        #[rustfmt::skip]
        let table: [(&[Outcome], RunState); 7] = [
            (&[Cancelled, AlreadyCancelled], RunState::Succeeded),
            (&[Cancelled, NotFound],         RunState::Failed),
            (&[Skipped, NotFound],           RunState::Failed),
            (&[Skipped, Skipped],            RunState::Skipped),
            (&[Skipped, Cancelled],          RunState::Succeeded),
            (&[Missed, Missed],              RunState::Missed),
            (&[Missed, Cancelled],           RunState::Failed),
        ];
        for (outcomes, want) in table {
            assert_eq!(RunState::of(outcomes.iter().copied()), want, "{outcomes:?}");
        }
    }
}
