//! The account as it would stand, with what runs and time do to it.

use std::collections::BTreeSet;

use jiff::{Timestamp, Zoned};

use super::player::Player;
use super::row::{Action, Foretold, ForetoldTarget, summary};
use crate::agenda::{Pause, Upcoming};
use crate::condition::{Facts, Reading};
use crate::config::Job;
use crate::course::{self, Course, Question};
use crate::ids::{BackupId, BackupRef};
use crate::live::{ASSUMED_RUN, LiveBackup, Phase};
use crate::outcome::Outcome;
use crate::recurrence;
use crate::restore::{self, Found, PreImage};

/// The account as it would stand.
#[derive(Debug)]
pub(super) struct World {
    pub(super) facts: Facts,
    pub(super) now: Timestamp,
    /// When the run that is under way ends, if one is.
    run_ends: Option<Timestamp>,
    /// Backups that were cancelled, beside the one that Zoho shows.
    stopped: BTreeSet<BackupId>,
    /// Whether a backup that is over was cancelled: what becomes of it is not known.
    is_over_for_good: bool,
    /// Whether the backup was put back after a window.
    is_restored: bool,
    /// What the newest cancel has ended, until somebody takes it.
    pub(super) ended: Option<PreImage>,
    pub(super) starts: Vec<Timestamp>,
    pub(super) prevented: Vec<Timestamp>,
    pub(super) restores: Vec<Timestamp>,
}

impl World {
    pub(super) fn new(facts: Facts, now: Timestamp) -> Self {
        let mut world = Self {
            facts,
            now,
            run_ends: None,
            stopped: BTreeSet::new(),
            is_over_for_good: false,
            is_restored: false,
            ended: None,
            starts: Vec::new(),
            prevented: Vec::new(),
            restores: Vec::new(),
        };
        if let Some(backup) = world.live()
            && backup.phase() == Phase::Running
        {
            // Since when it runs is what it says was its last start, or not known.
            let began = backup.scheduled_date.as_ref().map(Zoned::timestamp).filter(|began| *began <= now);
            let ends = |began: Timestamp| began.saturating_add(ASSUMED_RUN).ok();
            // What runs now is not over, however long ago it began.
            world.run_ends = began.and_then(ends).filter(|end| *end > now).or_else(|| ends(now));
        }
        world
    }

    pub(super) fn live(&self) -> Option<&LiveBackup> {
        self.facts.live.as_read()?.as_ref()
    }

    fn live_mut(&mut self) -> Option<&mut LiveBackup> {
        match &mut self.facts.live {
            Reading::Read(live) => live.as_mut(),
            Reading::NotRead | Reading::Failed(_) => None,
        }
    }

    /// Lets the backup start or end by itself, if it does by then; says when it did.
    pub(super) fn turn(&mut self, to: Timestamp) -> Option<Timestamp> {
        let (backup, now) = (self.live().filter(|_| to > self.now)?, self.now);
        let named = backup.scheduled_date.as_ref().map(Zoned::timestamp).filter(|start| *start <= to);
        match (backup.phase(), self.run_ends) {
            (Phase::Scheduled, _) => self.start(named?.max(now)),
            (Phase::Over, _) => self.start(named.filter(|start| *start > now && !self.is_over_for_good)?),
            (Phase::Running, Some(end)) if end <= to => self.end(end),
            _ => return None,
        }
        Some(self.now)
    }

    /// Lets time pass in which nothing happens.
    pub(super) fn pass_time(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
    }

    fn start(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        self.starts.push(at);
        self.run_ends = at.saturating_add(ASSUMED_RUN).ok();
        if let Some(backup) = self.live_mut() {
            backup.status = Some("INPROGRESS".to_owned());
        }
    }

    fn end(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        self.run_ends = None;
        if let Reading::Read(newest) = &mut self.facts.last_good {
            *newest = (*newest).max(Some(at));
        }
        let Some(backup) = self.live_mut() else { return };
        let next = backup.next_start(at).filter(|next| *next > at);
        match (next, &backup.scheduled_date) {
            (Some(next), Some(anchor)) => {
                backup.scheduled_date = Some(next.to_zoned(anchor.time_zone().clone()));
                backup.status = Some("SCHEDULED".to_owned());
            }
            _ => backup.status = Some("COMPLETED".to_owned()),
        }
    }

    fn stop(&mut self, id: &BackupId) {
        self.stopped.insert(id.clone());
        let now = self.now;
        let shown = self.live().filter(|backup| backup.id.as_ref() == Some(id));
        let prevented = shown.and_then(|backup| backup.next_start(now)).map(|start| start.max(now));
        self.prevented.extend(prevented);
        if let Some(backup) = self.live_mut().filter(|backup| backup.id.as_ref() == Some(id)) {
            backup.status = Some("STOPPED".to_owned());
        }
    }

    /// What there is of a recurrence that is owed; `None` if that can't be told.
    pub(super) fn find(&self, rrule: &str) -> Option<Found> {
        let live = self.facts.live.as_read()?.as_ref();
        Some(restore::find(rrule, live.filter(|_| !self.is_over_for_good), self.now))
    }

    /// Schedules again what was there before. Its new ID is not known: the old one stands for it. Nor is the time of
    /// day that Zoho will choose: it is taken to be the same.
    pub(super) fn put_back(&mut self, before: &PreImage) {
        let anchor = before.scheduled_date.as_ref().or(before.start_date.as_ref());
        let first = anchor.and_then(|anchor| {
            let first = recurrence::starts(&before.rrule, anchor, self.now, Timestamp::MAX, 1).pop()?;
            Some(first.to_zoned(anchor.time_zone().clone()))
        });
        self.facts.live = Reading::Read(Some(LiveBackup {
            id: Some(before.backup.clone()),
            status: Some("SCHEDULED".to_owned()),
            rrule: Some(before.rrule.clone()),
            scheduled_date: first.clone(),
            start_date: first,
            requester: None,
        }));
        (self.is_over_for_good, self.is_restored) = (false, true);
        self.restores.push(self.now);
    }

    /// What an occurrence that is run at `now` comes to, with its effects.
    pub(super) fn play<'a>(&mut self, player: &Player<'a>, at: Upcoming, now: Timestamp) -> Foretold<'a> {
        let job = player.job;
        let Upcoming { occurrence, fire_at } = at;
        let conditions = job.when.judge(&self.facts, now);
        let all = |action: Action, reason: &str, current: Option<&BackupId>| -> Vec<ForetoldTarget> {
            let named = |backup: &BackupRef| match (backup, current) {
                (BackupRef::Current, Some(id)) => BackupRef::Id(id.clone()),
                _ => backup.clone(),
            };
            let target = |backup| ForetoldTarget { backup: named(backup), action, reason: reason.to_owned() };
            job.backups.iter().map(target).collect()
        };
        let paused = player.pause.filter(|pause| pause.covers(occurrence, now)).map(Pause::why);
        let question = Question::of(job);
        let targets = match (paused, question.answer_by(&conditions, &self.facts, now)) {
            (Some(why), _) => all(Action::Skip, &why, None),
            (None, Course::Untold(reason)) => all(Action::Unknown, &reason, None),
            (None, Course::End(end)) => all(action_of(end.outcome), &end.reason, end.current.as_ref()),
            (None, Course::Cancel(current)) => {
                let ids = job.backups.iter().filter_map(|backup| backup.id().or(current.as_ref()).cloned());
                let late_for = Some(occurrence).filter(|_| course::is_late(Some(occurrence), now));
                let ids: Vec<BackupId> = ids.collect();
                let mut end = |id: &BackupId| {
                    let without_call = self.missed(id, late_for, now);
                    let without_call = without_call.or_else(|| self.unrestorable(job, id, now));
                    without_call.unwrap_or_else(|| self.cancel(id))
                };
                ids.iter().map(&mut end).collect()
            }
        };
        let (action, reason) = summary(&targets);
        Foretold { job, occurrence, fire_at, action, reason, targets, conditions }
    }

    /// What a run that is hours late leaves alone: a backup that has started since its occurrence.
    fn missed(&self, id: &BackupId, late_for: Option<Timestamp>, now: Timestamp) -> Option<ForetoldTarget> {
        let starts = course::starts(self.live(), Some(late_for?), now).filter(|starts| starts.of == *id)?;
        let reason = course::started_meanwhile(starts.started?);
        Some(ForetoldTarget { backup: BackupRef::Id(id.clone()), action: Action::Skip, reason })
    }

    /// What a run that owes a restore leaves alone.
    fn unrestorable(&self, job: &Job, id: &BackupId, now: Timestamp) -> Option<ForetoldTarget> {
        let end = course::unrestorable(id, self.live(), now).filter(|_| job.restore)?;
        let backup = BackupRef::Id(id.clone());
        Some(ForetoldTarget { backup, action: action_of(end.outcome), reason: end.reason })
    }

    /// What a cancel comes to, with its effects.
    pub(super) fn cancel(&mut self, id: &BackupId) -> ForetoldTarget {
        let (action, reason) = self.answer_to_cancel(id);
        if action == Action::Cancel {
            self.ended = self.live().and_then(PreImage::of);
            // What becomes of a backup that is over is not known.
            match self.live().map(LiveBackup::phase) {
                Some(Phase::Over) => self.is_over_for_good = true,
                _ => self.stop(id),
            }
        }
        ForetoldTarget { backup: BackupRef::Id(id.clone()), action, reason }
    }

    fn answer_to_cancel(&self, id: &BackupId) -> (Action, String) {
        let live = match &self.facts.live {
            Reading::Read(live) => live.as_ref().filter(|backup| !backup.is_blank()),
            unread => return (Action::Unknown, unread.why_not()),
        };
        let backup = match live {
            Some(backup) if backup.id.as_ref() == Some(id) => backup,
            _ if self.stopped.contains(id) => {
                return (Action::AlreadyCancelled, "an earlier run has cancelled it".to_owned());
            }
            Some(LiveBackup { id: Some(other), .. }) => {
                let reason = format!(
                    "Zoho shows another backup, {other}, and tells nothing of older ones; the cancel is sent all the same"
                );
                return (Action::NotFound, reason);
            }
            Some(_) => return (Action::NotFound, "the account's current backup has no ID".to_owned()),
            None => return (Action::NotFound, "the account has no backup".to_owned()),
        };
        let status = backup.status.as_deref().unwrap_or("without a status");
        let restored = if self.is_restored { "restored after the window; " } else { "" };
        match backup.phase() {
            Phase::Scheduled => match backup.next_start(self.now) {
                Some(start) => (Action::Cancel, format!("{restored}it would start at {start}")),
                None => (Action::Cancel, format!("{restored}it is SCHEDULED, without a date")),
            },
            Phase::Running => match self.run_ends.filter(|_| !self.starts.is_empty()) {
                Some(end) => (Action::TooLate, format!("it will be running, perhaps until {end}")),
                None => (Action::TooLate, "it is running".to_owned()),
            },
            Phase::Stopped if self.stopped.contains(id) => {
                (Action::AlreadyCancelled, "an earlier run has cancelled it".to_owned())
            }
            Phase::Stopped => (Action::AlreadyCancelled, "it is STOPPED".to_owned()),
            Phase::Over => (
                Action::Cancel,
                format!("it is {status}; what Zoho makes of a cancel then is not documented"),
            ),
            Phase::Unknown => {
                (Action::Cancel, format!("it is {status}, a word that Zoho does not document; it is tried"))
            }
        }
    }
}

fn action_of(outcome: Outcome) -> Action {
    match outcome {
        Outcome::Skipped => Action::Skip,
        Outcome::AlreadyCancelled => Action::AlreadyCancelled,
        Outcome::TooLate => Action::TooLate,
        Outcome::NotFound => Action::NotFound,
        Outcome::Cancelled => Action::Cancel,
        Outcome::Denied
        | Outcome::Rejected
        | Outcome::Exhausted
        | Outcome::Contradicted
        | Outcome::Missed => Action::Unknown,
    }
}
