//! What a run does, once it is known what Zoho has: cancel, leave it, or end without a call.

use std::time::Duration;

use jiff::Timestamp;

use crate::condition::{Conditions, Facts, Finding, Needs, Permit, permit};
use crate::config::Job;
use crate::ids::{BackupId, BackupRef};
use crate::live::{self, Current, LiveBackup, Phase, SURE_AFTER};
use crate::outcome::Outcome;

/// What a run is to decide by.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The backups to be called off.
    pub backups: &'a [BackupRef],
    /// What must hold.
    pub when: &'a Conditions,
    /// Whether what is ended is owed: then nothing is cancelled of which it is not known what it was.
    pub restore: bool,
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Course {
    /// Cancel the targets; the backup that `current` stands for, if it is asked for.
    Cancel(Option<BackupId>),
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

impl<'a> Question<'a> {
    /// That of a job.
    #[must_use]
    pub fn of(job: &'a Job) -> Self {
        Self { backups: &job.backups, when: &job.when, restore: job.restore }
    }

    /// The facts without which it can't be answered.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let needs = self.when.needs();
        Needs { live: needs.live || self.asks_for_current() || self.restore, ..needs }
    }

    /// Answers it.
    #[must_use]
    pub fn answer(&self, facts: &Facts, now: Timestamp) -> Course {
        self.answer_by(&self.when.judge(facts, now), facts, now)
    }

    /// Answers it by how the conditions stand.
    #[must_use]
    pub fn answer_by(&self, findings: &[Finding], facts: &Facts, now: Timestamp) -> Course {
        match permit(findings) {
            Permit::Refused(reason) => return Course::End(End::without(Outcome::Skipped, reason)),
            Permit::Untold(reason) => return Course::Untold(reason),
            Permit::Granted => {}
        }
        if !self.asks_for_current() && !self.restore {
            return Course::Cancel(None);
        }
        match facts.live.as_read() {
            Some(_) if !self.asks_for_current() => Course::Cancel(None),
            None if self.restore => {
                let why = facts.live.why_not();
                Course::Untold(format!(
                    "nothing is cancelled that could not be restored, and it was not told: {why}"
                ))
            }
            None => {
                let why = facts.live.why_not();
                Course::Untold(format!("which backup is current could not be told: {why}"))
            }
            Some(live) => current(live.as_ref(), now),
        }
    }

    fn asks_for_current(&self) -> bool {
        self.backups.contains(&BackupRef::Current)
    }
}

/// How a backup that is listed by its ID ends without a call in a run that owes a restore; `None` if it is to be
/// cancelled. Zoho shows the account's newest backup and no other: what another one is can't be told, and so it could
/// not be put back.
#[must_use]
pub fn unrestorable(id: &BackupId, live: Option<&LiveBackup>, now: Timestamp) -> Option<End> {
    let shown = live.and_then(|backup| backup.id.as_ref());
    if shown == Some(id) {
        return match current(live, now) {
            Course::End(end) => Some(end),
            Course::Cancel(_) | Course::Untold(_) => None,
        };
    }
    let what = shown.map_or("no backup".to_owned(), |shown| format!("another backup, {shown}"));
    let reason = format!(
        "nothing was sent: Zoho shows {what}, so that it is not known what would have to be restored"
    );
    Some(End::without(Outcome::NotFound, reason))
}

/// What is known of when one backup starts by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starts {
    /// Which backup that is: Zoho shows one, and of others nothing is known.
    pub of: BackupId,
    /// Its next start, if that lies ahead: there is no use in trying longer.
    pub deadline: Option<Timestamp>,
    /// When it has surely started since the occurrence of a late run: what is scheduled now is the start after that.
    pub started: Option<Timestamp>,
}

/// What a look tells of the starts of the backup that Zoho shows. `occurrence` is that of the run, if it has one.
#[must_use]
pub fn starts(live: Option<&LiveBackup>, occurrence: Option<Timestamp>, now: Timestamp) -> Option<Starts> {
    let backup = live?;
    Some(Starts {
        of: backup.id.clone()?,
        deadline: backup.next_start(now).filter(|start| *start > now),
        started: occurrence.and_then(|occurrence| backup.surely_started(occurrence, now)),
    })
}

/// Why a late run leaves a backup alone that has started at this instant.
#[must_use]
pub fn started_meanwhile(started: Timestamp) -> String {
    format!("the backup started at {started}, before the occurrence could be caught up with")
}

/// Whether a run is so late that a look may show that its backup has started meanwhile.
#[must_use]
pub fn is_late(occurrence: Option<Timestamp>, now: Timestamp) -> bool {
    let sure = occurrence.and_then(|occurrence| occurrence.saturating_add(SURE_AFTER).ok());
    sure.is_some_and(|sure| now > sure)
}

fn current(live: Option<&LiveBackup>, now: Timestamp) -> Course {
    let status = live.and_then(|backup| backup.status.as_deref()).unwrap_or("without a status");
    let end = |outcome, reason, current, verified| Course::End(End { outcome, reason, current, verified });
    match live::current(live, now) {
        Current::Cancel(id) => Course::Cancel(Some(id)),
        Current::Running(id) => {
            end(Outcome::TooLate, "the account's current backup is running".to_owned(), id, None)
        }
        Current::Nothing(Some(id)) => {
            let reason = format!("nothing is scheduled: the account's current backup is {status}");
            let stopped = live.is_some_and(|backup| backup.phase() == Phase::Stopped);
            end(Outcome::AlreadyCancelled, reason, Some(id), Some(stopped))
        }
        Current::Nothing(None) => {
            let reason = "nothing is scheduled: the account has no backup".to_owned();
            end(Outcome::AlreadyCancelled, reason, None, Some(false))
        }
        Current::Nameless => {
            let reason = format!("Zoho shows a backup that is {status}, and does not say under which ID");
            end(Outcome::Rejected, reason, None, None)
        }
    }
}

impl End {
    /// An end that has nothing to do with a backup that was read.
    #[must_use]
    pub fn without(outcome: Outcome, reason: String) -> Self {
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
    match backup.phase() {
        Phase::Stopped => Proof::Stopped,
        Phase::Scheduled | Phase::Running => {
            Proof::Contradicted(format!("Zoho still shows the backup as {status}"))
        }
        Phase::Over => inconclusive(format!("not verified: Zoho shows the backup as {status}")),
        Phase::Unknown => {
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

    fn answer(backups: &[BackupRef], live: Reading<Option<LiveBackup>>) -> Course {
        let when = Conditions::default();
        Question { backups, when: &when, restore: false }.answer(&Facts { live, ..Facts::default() }, ts(NOW))
    }

    #[test]
    fn backups_by_id_are_cancelled_whatever_zoho_shows() {
        let listed = [BackupRef::Id(id())];
        let shown = Reading::Read(Some(backup("STOPPED", "2026-11-28T01:00:00Z")));
        for live in [Reading::NotRead, Reading::Failed("x".into()), Reading::Read(None), shown] {
            assert_eq!(answer(&listed, live.clone()), Course::Cancel(None), "{live:?}");
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
            let Course::End(got) = answer(&current, live.clone()) else { panic!("{live:?}") };
            assert_eq!((got.outcome, got.current, got.verified), want, "{live:?}");
        }
        assert_eq!(answer(&current, live("SCHEDULED")), Course::Cancel(Some(id())));
        assert!(matches!(answer(&current, Reading::Failed("x".into())), Course::Untold(_)));
    }

    #[test]
    fn a_run_that_owes_a_restore_cancels_nothing_that_it_does_not_know() {
        let when = Conditions::default();
        let listed = [BackupRef::Id(id())];
        let question = Question { backups: &listed, when: &when, restore: true };
        assert!(question.needs().live);
        let facts = |live| Facts { live, ..Facts::default() };
        let untold = question.answer(&facts(Reading::Failed("x".into())), ts(NOW));
        assert!(matches!(untold, Course::Untold(_)), "{untold:?}");
        assert_eq!(question.answer(&facts(Reading::Read(None)), ts(NOW)), Course::Cancel(None));

        let ahead = "2026-11-28T01:00:00Z";
        let other = LiveBackup { id: BackupId::parse("43").ok(), ..backup("SCHEDULED", ahead) };
        #[rustfmt::skip]
        let table = [
            (Some(backup("SCHEDULED", ahead)),  None,                            "it is known"),
            (Some(backup("STOPPED", ahead)),    Some(Outcome::AlreadyCancelled), "there is nothing to cancel"),
            (Some(backup("INPROGRESS", ahead)), Some(Outcome::TooLate),          "it runs"),
            (Some(other),                       Some(Outcome::NotFound),         "of an older one nothing is known"),
            (None,                              Some(Outcome::NotFound),         "there is none"),
        ];
        for (live, want, why) in table {
            assert_eq!(unrestorable(&id(), live.as_ref(), ts(NOW)).map(|end| end.outcome), want, "{why}");
        }
    }

    #[test]
    fn a_look_tells_when_the_backup_that_it_shows_starts_and_of_no_other() {
        let deadline =
            |live: &LiveBackup| starts(Some(live), None, ts(NOW)).and_then(|starts| starts.deadline);
        let ahead = "2026-11-28T01:00:00Z";
        assert_eq!(deadline(&backup("SCHEDULED", ahead)), Some(ts(ahead)));
        assert_eq!(
            deadline(&backup("SCHEDULED", "2026-11-27T18:00:00Z")),
            None,
            "a start in the past is none"
        );
        assert_eq!(deadline(&backup("STOPPED", ahead)), None, "it will not start");
        assert_eq!(starts(None, None, ts(NOW)), None);
        let nameless = LiveBackup { id: None, ..backup("SCHEDULED", ahead) };
        assert_eq!(starts(Some(&nameless), None, ts(NOW)), None, "nobody knows whose start it is");
    }

    #[test]
    fn a_late_run_knows_that_its_backup_has_run_meanwhile() {
        // It ran on the 26th at 12:00, and is scheduled again for the 3rd.
        let live = LiveBackup {
            start_date: "2026-11-19T12:00:00+00:00[UTC]".parse().ok(),
            ..backup("SCHEDULED", "2026-12-03T12:00:00Z")
        };
        let started = |live: &LiveBackup, occurrence: &str| {
            starts(Some(live), Some(ts(occurrence)), ts(NOW)).and_then(|starts| starts.started)
        };
        assert_eq!(started(&live, "2026-11-26T10:30:00Z"), Some(ts("2026-11-26T12:00:00Z")));
        assert_eq!(started(&live, "2026-11-26T13:30:00Z"), None, "it is late for the next start");
        let running = LiveBackup { status: Some("INPROGRESS".into()), ..live };
        assert_eq!(started(&running, "2026-11-26T10:30:00Z"), None, "Zoho will say so");
        assert!(is_late(Some(ts("2026-11-27T16:29:00Z")), ts(NOW)));
        assert!(!is_late(Some(ts("2026-11-27T16:31:00Z")), ts(NOW)) && !is_late(None, ts(NOW)));
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
