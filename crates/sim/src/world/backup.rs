//! One backup, and how time changes it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Value, json};

use super::queue::Queue;
use super::rrule::Rrule;
use crate::scenario::{BackupScenario, Person, Status, When};

/// One backup of an account.
#[derive(Clone, Debug)]
pub struct Backup {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) rrule: Option<String>,
    pub(super) scheduled: Option<Timestamp>,
    pub(super) started: Option<Timestamp>,
    pub(super) offset: Offset,
    pub(super) requester: Person,
    pub(super) faults: Queue,
    pub(super) reappears_after: Option<Duration>,
    settles_after: Option<Duration>,
    shows_as: Option<String>,
    /// Until when `GET /backup` doesn't show that it was cancelled.
    unsettled_until: Option<Timestamp>,
    /// When the run under way ends; `None` if the scenario said that one is under way: that never ends.
    pub(super) run_ends: Option<Timestamp>,
    /// When it is scheduled again after a cancel.
    pub(super) reappears: Option<Timestamp>,
}

/// Something that happened to a backup by itself, for the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Ran(Timestamp),
    Rescheduled(Timestamp),
}

/// A backup whose dates lie decades back would otherwise be walked through week by week.
const MOST_EVENTS: usize = 100;

impl Backup {
    pub(super) fn new(scenario: &BackupScenario, start: Timestamp, offset: Offset) -> Self {
        let offset = match scenario.scheduled_date {
            Some(When::At(_, own)) => own,
            _ => offset,
        };
        let scheduled = scenario.scheduled_date.map(|date| date.instant(start));
        Self {
            id: scenario.id.clone(),
            status: scenario.status,
            rrule: scenario.rrule.clone(),
            scheduled,
            started: scenario.start_date.map(|date| date.instant(start)).or(scheduled),
            offset,
            requester: scenario.requester.clone(),
            faults: Queue::new(&scenario.faults),
            reappears_after: scenario.reappears_after,
            settles_after: scenario.settles_after,
            shows_as: scenario.shows_as.clone(),
            unsettled_until: None,
            run_ends: None,
            reappears: None,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its state when a request last touched it.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Its recurrence.
    #[must_use]
    pub fn rrule(&self) -> Option<&str> {
        self.rrule.as_deref()
    }

    /// Its next run.
    #[must_use]
    pub const fn scheduled_date(&self) -> Option<Timestamp> {
        self.scheduled
    }

    /// Cancels it.
    pub(super) fn stop(&mut self, now: Timestamp) {
        let after = |wait: Duration| now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.status = Status::Stopped;
        self.reappears = self.reappears_after.map(after);
        self.unsettled_until = self.settles_after.map(after);
    }

    pub(super) fn rule(&self) -> Option<Rrule> {
        self.rrule.as_deref().and_then(Rrule::parse)
    }

    /// Lets time pass until now; tells what happened meanwhile.
    pub(super) fn advance(&mut self, now: Timestamp, runs_for: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < MOST_EVENTS {
            match (self.status, self.scheduled, self.run_ends, self.reappears) {
                (Status::Scheduled, Some(run), ..) if run <= now => {
                    self.status = Status::Inprogress;
                    self.run_ends = Some(run.saturating_add(runs_for).unwrap_or(Timestamp::MAX));
                }
                (Status::Inprogress, _, Some(end), _) if end <= now => {
                    self.run_ends = None;
                    self.finish();
                    events.push(Event::Ran(end));
                }
                (Status::Stopped, _, _, Some(instant)) if instant <= now => {
                    self.reappears = None;
                    self.status = Status::Scheduled;
                    // A run that would have been while it was stopped didn't happen.
                    while let (Some(rule), Some(run)) = (self.rule(), self.scheduled) {
                        if run > instant {
                            break;
                        }
                        self.scheduled = Some(rule.next(run, self.offset));
                    }
                    events.push(Event::Rescheduled(instant));
                }
                _ => break,
            }
        }
        events
    }

    fn finish(&mut self) {
        match (self.rule(), self.scheduled) {
            (Some(rule), Some(run)) => {
                self.scheduled = Some(rule.next(run, self.offset));
                self.status = Status::Scheduled;
            }
            _ => self.status = Status::Completed,
        }
    }

    /// The value of `backup` in `GET /backup`.
    pub(super) fn shown(&self, now: Timestamp) -> Value {
        let settled = self.status != Status::Stopped || self.unsettled_until.is_none_or(|until| until <= now);
        let status = if settled { self.status } else { Status::Scheduled };
        let shown = |instant: Option<Timestamp>| instant.map(|instant| show(instant, self.offset));
        json!({
            "id": self.id,
            "scheduled_date": shown(self.scheduled),
            "start_date": shown(self.started),
            "rrule": self.rrule,
            "requester": self.requester,
            "status": self.shows_as.as_deref().unwrap_or(status.as_str()),
        })
    }
}

pub(super) fn show(instant: Timestamp, offset: Offset) -> String {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant).display_with_offset(offset).to_string()
}
