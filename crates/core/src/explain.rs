//! Why a job would act at an instant or would not, and what became of one that has passed.

use jiff::{SignedDuration, Timestamp};

use crate::agenda::{self, Upcoming};
use crate::condition::{Facts, Needs};
use crate::course::Question;
use crate::forecast::{self, Action, Foretold, ForetoldTarget, Player, Standing, Told};
use crate::instant::just_before;
use crate::outcome::Outcome;
use crate::run::{Run, Target};

/// What there is to say of one job at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained<'a> {
    /// What it comes to, all in all; its `occurrence` is the instant asked for, be it an occurrence or not.
    pub row: Foretold<'a>,
    /// What it would do by itself, whatever outweighs that: the job is switched off, or that is no occurrence of it.
    pub by_itself: ByItself,
    /// The occurrence, if it is one.
    pub due: Option<Upcoming>,
    /// The first occurrence at or after that instant, if there is one.
    pub next: Option<Timestamp>,
    /// Whether all that comes before it was played.
    pub is_reached: bool,
    /// Whether it has passed, and what is known of it then.
    pub past: Past,
}

/// What a run would do, were it due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByItself {
    /// What.
    pub action: Action,
    /// Why.
    pub reason: String,
}

/// What is known of an occurrence that has passed.
#[derive(Debug, Clone, PartialEq)]
pub enum Past {
    /// It lies ahead, or is to be run now, or is no occurrence.
    Not,
    /// This is on record.
    OnRecord(Box<Run>),
    /// Nothing is on record.
    NotOnRecord,
}

/// Explains what the job at this place among the players of its account would do at an instant. `standing` is what the
/// record has of the account. `is_offline` says that Zoho was not asked: then a run that needs to know nothing of it
/// acts.
#[must_use]
pub fn explain<'a>(
    players: &[Player<'a>],
    place: usize,
    facts: &Facts,
    standing: Standing<'_>,
    now: Timestamp,
    at: Timestamp,
    is_offline: bool,
) -> Option<Explained<'a>> {
    let player = players.get(place)?;
    let due = occurrence(player, at);
    let upcoming = due.unwrap_or(Upcoming { occurrence: at, fire_at: at });
    let Told { mut row, is_reached } = forecast::at_instant(players, place, facts, standing, now, upcoming)?;
    if is_offline && row.action == Action::Unknown && is_reached && needs_nothing(player) {
        row.become_all(Action::Cancel, "it would send the cancel; what Zoho has was not looked at");
    }
    let by_itself = ByItself { action: row.action, reason: row.reason.clone() };
    let next = player.job.schedule.next(just_before(row.occurrence));
    if !player.job.enabled {
        row.become_all(Action::Skip, "the job is switched off (`enabled = false`)");
    } else if due.is_none() {
        let next = next.map_or("and never again".to_owned(), |next| format!("its next occurrence is {next}"));
        let reason = format!("the job is not due at {}; {next}", row.occurrence);
        row.become_all(Action::Skip, &reason);
    }
    Some(Explained { row, by_itself, due, next, is_reached, past: Past::Not })
}

impl Explained<'_> {
    /// The occurrence of which the record may tell: one whose nominal instant has passed.
    #[must_use]
    pub fn on_record(&self, now: Timestamp) -> Option<Timestamp> {
        self.due.map(|due| due.occurrence).filter(|occurrence| *occurrence <= now)
    }

    /// Puts what the record has of it first; `first` is the job's first run at or after the occurrence. `player` is
    /// that of the job.
    pub fn look_back(&mut self, player: &Player<'_>, first: Option<Run>, now: Timestamp, is_offline: bool) {
        let Some(due) = self.due.filter(|due| due.occurrence <= now) else { return };
        if let Some(run) = first.filter(|run| tells_of(player, run, due.occurrence)) {
            self.row.targets = run.targets.iter().map(recorded).collect();
            let (action, reason) = forecast::summary(&self.row.targets);
            (self.row.action, self.row.reason) = (action, format!("on record: {reason}"));
            for target in &mut self.row.targets {
                target.reason = format!("on record: {}", target.reason);
            }
            self.past = Past::OnRecord(Box::new(run));
        } else if due.fire_at <= now && !player.is_left_over(due.occurrence, now) {
            self.past = Past::NotOnRecord;
            if player.job.enabled {
                let by = if is_offline { "" } else { "by what Zoho has now: " };
                self.row.reason = format!("it is past and not on record; {by}{}", self.row.reason);
            }
        }
    }
}

/// Whether a run is that of an occurrence, or stands for it among others that were missed.
fn tells_of(player: &Player<'_>, run: &Run, occurrence: Timestamp) -> bool {
    let among = |newest| player.job.schedule.count_between(just_before(occurrence), newest);
    match (run.occurrence, run.missed) {
        (Some(own), _) if own == occurrence => true,
        (Some(newest), Some(missed)) if newest > occurrence => among(newest) <= missed,
        _ => false,
    }
}

fn recorded(target: &Target) -> ForetoldTarget {
    let action = match target.outcome {
        Some(Outcome::Cancelled) => Action::Cancel,
        Some(Outcome::AlreadyCancelled) => Action::AlreadyCancelled,
        Some(Outcome::Skipped) => Action::Skip,
        Some(Outcome::TooLate) => Action::TooLate,
        Some(Outcome::NotFound) => Action::NotFound,
        _ => Action::Unknown,
    };
    let outcome = target.outcome.map_or("it has not ended yet", Outcome::as_str);
    let reason = match target.reason.as_ref().or(target.message.as_ref()) {
        Some(why) => format!("{outcome}: {why}"),
        None => outcome.to_owned(),
    };
    ForetoldTarget { backup: target.backup.clone(), action, reason }
}

/// The occurrence that an instant belongs to: its nominal instant, or any up to when it becomes due.
fn occurrence(player: &Player<'_>, at: Timestamp) -> Option<Upcoming> {
    let jitter = SignedDuration::try_from(player.job.jitter).unwrap_or(SignedDuration::MAX);
    let reach = jitter.saturating_add(SignedDuration::from_secs(1));
    let after = at.saturating_sub(reach).unwrap_or(Timestamp::MIN);
    let occurrence = player.job.schedule.newest(after, at)?;
    let fire_at = agenda::fire_at(&player.entry(), occurrence);
    (occurrence == at || at <= fire_at).then_some(Upcoming { occurrence, fire_at })
}

/// Whether a job's action can be told without reading Zoho.
fn needs_nothing(player: &Player<'_>) -> bool {
    let question = Question::of(player.job);
    question.needs() == Needs::default()
}
