//! What Zoho says is scheduled: the newest backup of an organisation, and what that means now.

use std::time::Duration;

use jiff::{Timestamp, Zoned};

use crate::ids::BackupId;
use crate::recurrence;

/// The states of a backup that Zoho documents, as it writes them. The set is open: another word may come, and is
/// shown, never guessed at.
///
/// Sources: Zoho CRM API v7, "Get data backup info"; the last two: Zoho Recruit API v2, the same page.
pub const STATUSES: [&str; 7] =
    ["SCHEDULED", "INPROGRESS", "COMPLETED", "STOPPED", "FAILED", "PAYMENT_FAILED", "FINISHED"];

/// What Zoho doesn't say is how long a backup runs: "minutes to hours". A forecast takes it for this long.
pub const ASSUMED_RUN: Duration = Duration::from_hours(1);

/// A change of the clocks moves a start by no more than this.
const CLOCK_CHANGE: Duration = Duration::from_hours(1);

/// How long a time must be for it to be sure that a backup has started in it.
pub const SURE_AFTER: Duration = Duration::from_hours(2);

/// The newest backup of an organisation, as `GET /backup` has it. Zoho shows no other one.
///
/// Every field may be absent, whatever the documentation says: the v8 `OpenAPI` file and the v7 pages contradict
/// each other on which are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveBackup {
    /// Its ID.
    pub id: Option<BackupId>,
    /// Its status: one of [`STATUSES`], or another word.
    pub status: Option<String>,
    /// Its recurrence; none for an immediate backup.
    pub rrule: Option<String>,
    /// Its next start, in the offset that Zoho gave; none for an immediate backup.
    pub scheduled_date: Option<Zoned>,
    /// Its first start, likewise.
    pub start_date: Option<Zoned>,
    /// The name of who asked for it.
    pub requester: Option<String>,
}

/// One row of an organisation's backup history. Its ID is not that of a backup: don't cancel by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryRow {
    /// The row's ID.
    pub id: Option<String>,
    /// What was done: `scheduled`, `stopped`, `purchased`, `initiated`, or a word we don't know.
    pub action: Option<String>,
    /// How it went: `completed`, `failure`, or a word we don't know.
    pub state: Option<String>,
    /// `immediate`, `weekly`, `biweekly`, `monthly`, or a word we don't know.
    pub repeat_type: Option<String>,
    /// When.
    pub log_time: Option<Timestamp>,
    /// By whom.
    pub done_by: Option<String>,
}

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is going to run.
    Scheduled,
    /// It runs, and can't be stopped.
    Running,
    /// It was cancelled.
    Stopped,
    /// It has run, well or not.
    Over,
    /// Zoho has used a word that it doesn't document, or none.
    Unknown,
}

/// What `backups = "current"` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Current {
    /// This backup is to be cancelled.
    Cancel(BackupId),
    /// Nothing is scheduled. The backup that Zoho shows instead, if it does.
    Nothing(Option<BackupId>),
    /// It runs already.
    Running(Option<BackupId>),
    /// Something is scheduled, and Zoho does not say under which ID.
    Nameless,
}

/// What is to be cancelled, when it is whatever the account has scheduled. A status that we don't know is not taken
/// for idle: Zoho will say what it makes of the cancel.
#[must_use]
pub fn current(live: Option<&LiveBackup>, now: Timestamp) -> Current {
    let Some(backup) = live else { return Current::Nothing(None) };
    match (&backup.id, backup.phase()) {
        (id, _) if backup.is_idle(now) => Current::Nothing(id.clone()),
        (id, Phase::Running) => Current::Running(id.clone()),
        (Some(id), _) => Current::Cancel(id.clone()),
        (None, _) => Current::Nameless,
    }
}

impl LiveBackup {
    /// What its status means.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.status.as_deref() {
            Some("SCHEDULED") => Phase::Scheduled,
            Some("INPROGRESS") => Phase::Running,
            Some("STOPPED") => Phase::Stopped,
            Some("COMPLETED" | "FAILED" | "PAYMENT_FAILED" | "FINISHED") => Phase::Over,
            _ => Phase::Unknown,
        }
    }

    /// Whether there is nothing at all: an organisation that never had a backup may be shown so.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.id.is_none() && self.status.is_none() && self.scheduled_date.is_none()
    }

    /// Whether nothing is going to run, as far as Zoho says. A backup that is over, but has a start ahead of it, will
    /// run again.
    #[must_use]
    pub fn is_idle(&self, now: Timestamp) -> bool {
        match self.phase() {
            Phase::Stopped => true,
            Phase::Over => self.next_start(now).is_none(),
            Phase::Scheduled | Phase::Running | Phase::Unknown => self.is_blank(),
        }
    }

    /// When it starts next, as far as Zoho says. It may lie in the past, of a backup that is about to start.
    #[must_use]
    pub fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        let named = self.scheduled_date.as_ref().map(Zoned::timestamp);
        let ahead = named.filter(|start| *start > now);
        match self.phase() {
            Phase::Stopped => None,
            Phase::Scheduled => named.or_else(|| self.recurring(now)),
            Phase::Running => ahead.or_else(|| self.recurring(now)),
            Phase::Over | Phase::Unknown => ahead,
        }
    }

    /// When it has surely started by its rule within `(from, until]`: Zoho names a later start by now.
    ///
    /// Zoho gives an offset and no zone, so a start that a change of the clocks may have moved out of that time does
    /// not count; so nothing is sure of less than [`SURE_AFTER`].
    #[must_use]
    pub fn surely_started(&self, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let (rule, first) = (self.rrule.as_ref()?, self.start_date.as_ref()?);
        let from = from.saturating_add(CLOCK_CHANGE).ok()?;
        let until = until.saturating_sub(CLOCK_CHANGE).ok()?;
        let started = recurrence::starts(rule, first, from, until, 1).pop()?;
        let next = self.scheduled_date.as_ref()?.timestamp();
        (self.phase() == Phase::Scheduled && next > started).then_some(started)
    }

    fn recurring(&self, now: Timestamp) -> Option<Timestamp> {
        recurrence::starts(self.rrule.as_ref()?, self.anchor()?, now, Timestamp::MAX, 1).pop()
    }

    /// A start that the rule is anchored to.
    fn anchor(&self) -> Option<&Zoned> {
        self.scheduled_date.as_ref().or(self.start_date.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn backup(status: &str, scheduled: Option<&str>, rrule: Option<&str>) -> LiveBackup {
        let zoned = scheduled.map(|text| ts(text).to_zoned(jiff::tz::TimeZone::UTC));
        LiveBackup {
            id: BackupId::parse("42").ok(),
            status: Some(status.to_owned()),
            rrule: rrule.map(str::to_owned),
            start_date: zoned.clone(),
            scheduled_date: zoned,
            requester: None,
        }
    }

    #[test]
    fn the_next_start_and_whether_there_is_any_follow_from_status_and_dates() {
        let now = ts("2026-11-24T12:00:00Z");
        let (past, ahead) = (Some("2026-11-24T10:00:00Z"), Some("2026-11-27T10:00:00Z"));
        let (weekly, later) = (Some("RRULE:FREQ=WEEKLY"), Some("2026-12-01T10:00:00Z"));
        #[rustfmt::skip]
        let table = [
            // status      scheduled rule    next   idle   why
            ("SCHEDULED",  ahead,    weekly, ahead, false, "as Zoho says"),
            ("SCHEDULED",  past,     weekly, past,  false, "late, and about to start"),
            ("SCHEDULED",  None,     None,   None,  false, "an immediate one has no date"),
            ("INPROGRESS", past,     weekly, later, false, "the one after the one that runs"),
            ("INPROGRESS", past,     None,   None,  false, "it runs once"),
            ("STOPPED",    ahead,    weekly, None,  true,  "whatever dates it keeps"),
            ("COMPLETED",  past,     None,   None,  true,  "it is over"),
            ("COMPLETED",  ahead,    weekly, ahead, false, "over, and scheduled again"),
            ("FAILED",     past,     weekly, None,  true,  "no next start is named"),
            ("HIBERNATING", ahead,   weekly, ahead, false, "an unknown word is not taken for idle"),
            ("HIBERNATING", past,    weekly, None,  false, "nor are starts worked out for it"),
        ];
        for (status, scheduled, rule, next, idle, why) in table {
            let backup = backup(status, scheduled, rule);
            assert_eq!(backup.next_start(now), next.map(ts), "{status}: {why}");
            assert_eq!(backup.is_idle(now), idle, "{status}: {why}");
        }
        assert!(LiveBackup::default().is_idle(now), "all fields are null");
    }

    #[test]
    fn the_current_backup_is_whatever_is_not_surely_idle() {
        let now = ts("2026-11-24T12:00:00Z");
        let id = BackupId::parse("42").unwrap();
        let cancel = Current::Cancel(id.clone());
        let nothing = Current::Nothing(Some(id.clone()));
        let ahead = Some("2026-11-27T10:00:00Z");
        #[rustfmt::skip]
        let table = [
            ("SCHEDULED",   ahead, cancel.clone(),               "the usual case"),
            ("SCHEDULED",   None,  cancel.clone(),               "an immediate one"),
            ("INPROGRESS",  None,  Current::Running(Some(id)),   "too late"),
            ("STOPPED",     ahead, nothing.clone(),              "whatever dates it keeps"),
            ("COMPLETED",   None,  nothing,                      "it is over"),
            ("COMPLETED",   ahead, cancel.clone(),               "it will run again"),
            ("HIBERNATING", None,  cancel,                       "Zoho will say"),
        ];
        for (status, scheduled, want, why) in table {
            assert_eq!(current(Some(&backup(status, scheduled, None)), now), want, "{status}: {why}");
        }
        let nameless = |status| LiveBackup { id: None, ..backup(status, ahead, None) };
        assert_eq!(current(Some(&nameless("SCHEDULED")), now), Current::Nameless);
        assert_eq!(current(Some(&nameless("STOPPED")), now), Current::Nothing(None));
        assert_eq!(current(Some(&LiveBackup::default()), now), Current::Nothing(None));
        assert_eq!(current(None, now), Current::Nothing(None));
    }

    #[test]
    fn a_start_that_may_lie_outside_of_the_time_does_not_count_as_sure() {
        let weekly = LiveBackup {
            start_date: "2026-11-20T19:00:00+00:00[UTC]".parse().ok(),
            ..backup("SCHEDULED", Some("2026-12-04T19:00:00Z"), Some("FREQ=WEEKLY"))
        };
        let surely = |from, until| weekly.surely_started(ts(from), ts(until));
        assert_eq!(surely("2026-11-27T17:30:00Z", "2026-11-29T12:00:00Z"), Some(ts("2026-11-27T19:00:00Z")));
        assert_eq!(surely("2026-11-27T17:30:00Z", "2026-11-27T19:30:00Z"), None, "half an hour ago");
        assert_eq!(surely("2026-11-27T18:30:00Z", "2026-11-29T12:00:00Z"), None, "half an hour after");
        assert_eq!(surely("2026-11-28T17:30:00Z", "2026-12-01T12:00:00Z"), None);
    }

    #[test]
    fn a_start_that_zoho_still_names_has_not_been() {
        let late = backup("SCHEDULED", Some("2026-11-27T19:00:00Z"), Some("FREQ=WEEKLY"));
        assert_eq!(late.surely_started(ts("2026-11-27T12:00:00Z"), ts("2026-11-29T12:00:00Z")), None);
        let undated = LiveBackup { scheduled_date: None, ..late.clone() };
        assert_eq!(undated.surely_started(ts("2026-11-27T12:00:00Z"), ts("2026-11-29T12:00:00Z")), None);
        let stopped = LiveBackup { status: Some("STOPPED".into()), ..late };
        assert_eq!(stopped.surely_started(ts("2026-11-27T12:00:00Z"), ts("2026-11-29T12:00:00Z")), None);
    }
}
