//! What a run does, once it is known what Zoho has: cancel, leave it, or end without a call.

use std::time::Duration;

use jiff::Timestamp;

use crate::condition::{Conditions, Facts, Needs, Permit, permit};
use crate::ids::{BackupId, BackupRef};
use crate::live::{self, Current, LiveBackup, Standing};
use crate::outcome::Outcome;

/// What a run is to decide by.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The backups to be called off.
    pub backups: &'a [BackupRef],
    /// What must hold.
    pub when: &'a Conditions,
    /// The occurrence that is being caught up with; `None` for a run on time.
    pub late_for: Option<Timestamp>,
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Course {
    /// Cancel the targets.
    Cancel {
        /// The backup that `current` stands for, if it is asked for.
        current: Option<BackupId>,
        /// When the backup starts by itself, if that is known and lies ahead: there is no use in trying longer.
        deadline: Option<Timestamp>,
    },
    /// End all targets without a call.
    End(End),
    /// It can't be told, for this reason: a fact is missing.
    Untold(String),
}

/// How targets end without a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Their outcome.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
    /// The backup that `current` stands for, if that is known.
    pub current: Option<BackupId>,
    /// Whether what was read has shown the backup stopped; `None` where there was none to be stopped.
    pub verified: Option<bool>,
}

impl Question<'_> {
    /// The facts without which it can't be answered.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let needs = self.when.needs();
        Needs { live: needs.live || self.asks_for_current(), ..needs }
    }

    /// Whether the answer is better if the live backup is known, though there is one without.
    #[must_use]
    pub fn gains_from_live(&self) -> bool {
        self.late_for.is_some()
    }

    /// Answers it.
    #[must_use]
    pub fn answer(&self, facts: &Facts, now: Timestamp) -> Course {
        match permit(&self.when.judge(facts, now)) {
            Permit::Refused(reason) => return Course::End(End::without(Outcome::Skipped, reason)),
            Permit::Untold(reason) => return Course::Untold(reason),
            Permit::Granted => {}
        }
        let live = facts.live.as_read();
        if let Some(started) = live.and_then(|live| self.started_meanwhile(live.as_ref()?, now)) {
            let reason =
                format!("the backup started at {started}, before the occurrence could be caught up with");
            return Course::End(End::without(Outcome::Missed, reason));
        }
        let deadline = live.and_then(|live| live.as_ref()?.next_start(now)).filter(|start| *start > now);
        if !self.asks_for_current() {
            return Course::Cancel { current: None, deadline };
        }
        match live {
            None => {
                let why = facts.live.why_not();
                Course::Untold(format!("which backup is current could not be told: {why}"))
            }
            Some(live) => current(live.as_ref(), deadline, now),
        }
    }

    fn asks_for_current(&self) -> bool {
        self.backups.contains(&BackupRef::Current)
    }

    /// When the backup that a late run was to prevent has started by its own schedule.
    fn started_meanwhile(&self, backup: &LiveBackup, now: Timestamp) -> Option<Timestamp> {
        let late_for = self.late_for?;
        (backup.standing() == Standing::Scheduled).then(|| backup.surely_started(late_for, now))?
    }
}

fn current(live: Option<&LiveBackup>, deadline: Option<Timestamp>, now: Timestamp) -> Course {
    let status = live.and_then(|backup| backup.status.as_deref()).unwrap_or("without a status");
    let end = |outcome, reason, current, verified| Course::End(End { outcome, reason, current, verified });
    match live::current(live, now) {
        Current::Cancel(id) => Course::Cancel { current: Some(id), deadline },
        Current::Running(id) => {
            end(Outcome::TooLate, "the account's current backup is running".to_owned(), id, None)
        }
        Current::Nothing(Some(id)) => {
            let reason = format!("nothing is scheduled: the account's current backup is {status}");
            let stopped = live.is_some_and(|backup| backup.standing() == Standing::Stopped);
            end(Outcome::AlreadyCancelled, reason, Some(id), Some(stopped))
        }
        Current::Nothing(None) => end(
            Outcome::AlreadyCancelled,
            "nothing is scheduled: the account has no backup".to_owned(),
            None,
            Some(false),
        ),
        Current::Nameless => {
            let reason = format!("Zoho shows a backup that is {status}, and does not say under which ID");
            end(Outcome::Rejected, reason, None, None)
        }
    }
}

impl End {
    fn without(outcome: Outcome, reason: String) -> Self {
        Self { outcome, reason, current: None, verified: None }
    }
}

/// The longest that a read-back waits for Zoho to show what it has accepted, in pauses between its polls. How soon
/// it does is not documented.
pub const READ_BACK_PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// What reading back says of a backup that Zoho has accepted the cancel of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It is stopped.
    Stopped,
    /// It is not, as this says.
    Contradicted(String),
    /// It can't be told, for this reason. Whether asking again may help.
    Inconclusive(String, bool),
}

/// Judges what `GET /backup` shows after a cancel. It shows the account's newest backup and no other.
#[must_use]
pub fn prove(cancelled: &BackupId, live: Option<&LiveBackup>) -> Proof {
    let inconclusive = |reason: String| Proof::Inconclusive(reason, false);
    let Some(backup) = live.filter(|backup| !backup.is_blank()) else {
        return inconclusive("not verified: Zoho shows no backup".to_owned());
    };
    match &backup.id {
        Some(id) if id == cancelled => {}
        Some(id) => {
            return inconclusive(format!("not verified: Zoho shows another backup, {id}, and no older one"));
        }
        None => return inconclusive("not verified: Zoho shows a backup without an ID".to_owned()),
    }
    let status = backup.status.as_deref().unwrap_or("without a status");
    match backup.standing() {
        Standing::Stopped => Proof::Stopped,
        Standing::Scheduled | Standing::Running => {
            Proof::Contradicted(format!("Zoho answered the cancel, and still shows the backup as {status}"))
        }
        Standing::Over => inconclusive(format!("not verified: Zoho shows the backup as {status}")),
        Standing::Unknown => {
            let reason =
                format!("not verified: Zoho shows the backup as {status}, a word that it does not document");
            Proof::Inconclusive(reason, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::condition::Reading;

    const NOW: &str = "2026-11-27T18:30:00Z";

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn id() -> BackupId {
        BackupId::parse("42").unwrap()
    }

    fn backup(status: &str, start: &str) -> LiveBackup {
        let start = Some(ts(start).to_zoned(TimeZone::UTC));
        LiveBackup {
            id: Some(id()),
            status: Some(status.to_owned()),
            rrule: Some("FREQ=WEEKLY".to_owned()),
            scheduled_date: start.clone(),
            start_date: start,
            requester: None,
        }
    }

    fn answer(backups: &[BackupRef], live: Reading<Option<LiveBackup>>, late_for: Option<&str>) -> Course {
        let when = Conditions::default();
        let question = Question { backups, when: &when, late_for: late_for.map(ts) };
        question.answer(&Facts { live, ..Facts::default() }, ts(NOW))
    }

    #[test]
    fn backups_by_id_are_cancelled_whatever_zoho_shows_and_not_beyond_the_next_start() {
        let listed = [BackupRef::Id(id())];
        let cancel = |deadline: Option<&str>| Course::Cancel { current: None, deadline: deadline.map(ts) };
        let live = |status, start| Reading::Read(Some(backup(status, start)));
        #[rustfmt::skip]
        let table = [
            (Reading::NotRead,                           cancel(None),                           "it needs no facts"),
            (Reading::Failed("x".into()),                cancel(None),                           "nor are they missed"),
            (Reading::Read(None),                        cancel(None),                           "Zoho will say so"),
            (live("SCHEDULED", "2026-11-28T01:00:00Z"),  cancel(Some("2026-11-28T01:00:00Z")),   "until it starts"),
            (live("SCHEDULED", "2026-11-27T18:00:00Z"),  cancel(None),                           "a start in the past is none"),
            (live("STOPPED", "2026-11-28T01:00:00Z"),    cancel(None),                           "it will not start"),
        ];
        for (live, want, why) in table {
            assert_eq!(answer(&listed, live, None), want, "{why}");
        }
    }

    #[test]
    fn current_becomes_an_id_or_ends_without_a_call() {
        let current = [BackupRef::Current];
        let end = |outcome, current: Option<BackupId>, verified| (outcome, current, verified);
        let live = |status| Reading::Read(Some(backup(status, "2026-11-28T01:00:00Z")));
        #[rustfmt::skip]
        let table = [
            (live("INPROGRESS"),                        end(Outcome::TooLate, Some(id()), None)),
            (live("STOPPED"),                           end(Outcome::AlreadyCancelled, Some(id()), Some(true))),
            (Reading::Read(None),                       end(Outcome::AlreadyCancelled, None, Some(false))),
            (Reading::Read(Some(LiveBackup::default())), end(Outcome::AlreadyCancelled, None, Some(false))),
            (Reading::Read(Some(LiveBackup { id: None, ..backup("SCHEDULED", NOW) })), end(Outcome::Rejected, None, None)),
        ];
        for (live, want) in table {
            let Course::End(got) = answer(&current, live.clone(), None) else { panic!("{live:?}") };
            assert_eq!((got.outcome, got.current, got.verified), want, "{live:?}");
        }
        let deadline = Some(ts("2026-11-28T01:00:00Z"));
        assert_eq!(
            answer(&current, live("SCHEDULED"), None),
            Course::Cancel { current: Some(id()), deadline }
        );
        assert!(matches!(answer(&current, Reading::Failed("x".into()), None), Course::Untold(_)));
    }

    #[test]
    fn a_late_run_is_missed_if_the_backup_has_surely_run_meanwhile() {
        let listed = [BackupRef::Id(id())];
        // It ran on the 26th, and is scheduled again for the 3rd.
        let live = || Reading::Read(Some(backup("SCHEDULED", "2026-11-26T12:00:00Z")));
        let missed = |course| matches!(course, Course::End(End { outcome: Outcome::Missed, .. }));
        assert!(missed(answer(&listed, live(), Some("2026-11-26T10:30:00Z"))));
        assert!(
            !missed(answer(&listed, live(), Some("2026-11-26T13:30:00Z"))),
            "it is late for the next start"
        );
        assert!(!missed(answer(&listed, live(), None)), "it is not late");
        let running = Reading::Read(Some(backup("INPROGRESS", "2026-11-26T12:00:00Z")));
        assert!(!missed(answer(&listed, running, Some("2026-11-26T10:30:00Z"))), "Zoho will say so");
    }

    #[test]
    fn a_read_back_proves_disproves_or_tells_nothing() {
        let start = "2026-11-28T01:00:00Z";
        let other = LiveBackup { id: BackupId::parse("43").ok(), ..backup("SCHEDULED", start) };
        #[rustfmt::skip]
        let table = [
            (Some(backup("STOPPED", start)),     "Stopped",      "as it should be"),
            (Some(backup("SCHEDULED", start)),   "Contradicted", "still there"),
            (Some(backup("INPROGRESS", start)),  "Contradicted", "it runs nevertheless"),
            (Some(backup("COMPLETED", start)),   "Inconclusive", "over, which is not stopped"),
            (Some(backup("HIBERNATING", start)), "Inconclusive", "an unknown word is not guessed at"),
            (Some(other),                        "Inconclusive", "a newer one hides it"),
            (Some(LiveBackup::default()),        "Inconclusive", "all fields are null"),
            (None,                               "Inconclusive", "there is none"),
        ];
        for (live, want, why) in table {
            let proof = format!("{:?}", prove(&id(), live.as_ref()));
            assert!(proof.starts_with(want), "{why}: {proof}");
        }
    }
}
