//! Backups and their past.

use std::time::Duration;

use serde::Deserialize;

use super::when::When;
use crate::fault::Step;

/// One backup; the module documentation has a table of the keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupScenario {
    /// A string of digits.
    pub id: String,
    /// Its state at the start.
    #[serde(default)]
    pub status: Status,
    /// Its recurrence.
    pub rrule: Option<String>,
    /// Its next run.
    pub scheduled_date: Option<When>,
    /// Its first run.
    pub start_date: Option<When>,
    /// Who asked for it.
    #[serde(default)]
    pub requester: Person,
    /// What becomes of its cancels.
    #[serde(default)]
    pub faults: Vec<Step>,
    /// What `GET /backup` says instead of its status.
    pub shows_as: Option<String>,
    /// How long after a cancel `GET /backup` still shows it as scheduled.
    #[serde(default, with = "humantime_serde")]
    pub settles_after: Option<Duration>,
    /// How long after a cancel it is scheduled again.
    #[serde(default, with = "humantime_serde")]
    pub reappears_after: Option<Duration>,
}

impl BackupScenario {
    /// A scheduled backup without dates, recurrence or faults.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            status: Status::default(),
            rrule: None,
            scheduled_date: None,
            start_date: None,
            requester: Person::default(),
            faults: Vec::new(),
            shows_as: None,
            settles_after: None,
            reappears_after: None,
        }
    }
}

/// One row of the history before the start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryScenario {
    /// When it happened.
    pub log_time: When,
    /// `initiated`, `scheduled`, `stopped` or `purchased`.
    #[serde(default = "initiated")]
    pub action: String,
    /// `completed`, `failure` or nothing.
    #[serde(default = "completed")]
    pub state: Option<String>,
    /// `immediate`, `weekly`, `biweekly` or `monthly`.
    #[serde(default = "weekly")]
    pub repeat_type: Option<String>,
    /// The archive's name.
    pub file_name: Option<String>,
    /// How many archives.
    #[serde(default)]
    pub count: u32,
}

fn initiated() -> String {
    "initiated".to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn completed() -> Option<String> {
    Some("completed".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn weekly() -> Option<String> {
    Some("weekly".to_owned())
}

/// A Zoho user as the answers show them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub name: String,
    /// The user's id with Zoho as a whole.
    pub zuid: String,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            id: "4876876000000327001".to_owned(),
            name: "Ada Admin".to_owned(),
            zuid: "744782135".to_owned(),
        }
    }
}

/// The state of a backup, as `GET /backup` spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It will run.
    #[default]
    Scheduled,
    /// It was cancelled.
    Stopped,
    /// It is running.
    Inprogress,
    /// It has run.
    Completed,
    /// It has run and failed.
    Failed,
    /// Only in the oldest version of Zoho's documentation.
    #[serde(rename = "PAYMENT_FAILED")]
    PaymentFailed,
    /// Only in the oldest version of Zoho's documentation.
    Finished,
}

impl Status {
    /// The word in the answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Stopped => "STOPPED",
            Self::Inprogress => "INPROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::PaymentFailed => "PAYMENT_FAILED",
            Self::Finished => "FINISHED",
        }
    }
}
