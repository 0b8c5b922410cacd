//! What would happen: the jobs of one account played through against what Zoho has now, as far as that can be told.
//!
//! Each occurrence is answered by the same rules as a run. What a run does is taken to have happened when the next
//! one is answered: a backup that one job has cancelled is `already_cancelled` for the next. So are the starts of the
//! backup itself; how long it then runs is not documented, and is taken to be [`ASSUMED_RUN`].

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use jiff::{Timestamp, Zoned};

use crate::agenda::{self, Entry, Pause, Upcoming};
use crate::condition::{Facts, Finding, Reading};
use crate::config::Job;
use crate::course::{Course, Question};
use crate::ids::{BackupId, BackupRef};
use crate::live::{ASSUMED_RUN, LiveBackup, Phase};
use crate::outcome::Outcome;
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

/// A job and what stands in its way.
#[derive(Debug, Clone, Copy)]
pub struct Player<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its pause, if it has one.
    pub pause: Option<&'a Pause>,
    /// When the account's backup starts by itself as far as the daemon has seen it: it bounds the job's spread.
    pub deadline: Option<Timestamp>,
    /// The last occurrence that was dealt with, or the baseline of the schedule: what is left over from before now
    /// comes due as well.
    pub cursor: Timestamp,
    /// Whether its occurrences are asked for. Those of the others count for what they do.
    pub is_shown: bool,
}

impl<'a> Player<'a> {
    /// A job that is asked for, with nothing in its way and nothing left over from before `now`.
    #[must_use]
    pub fn new(job: &'a Job, now: Timestamp) -> Self {
        Self { job, pause: None, deadline: None, cursor: now, is_shown: true }
    }

    /// What the agenda looks at.
    #[must_use]
    pub fn entry(&self) -> Entry<'a> {
        Entry::from(self.job).until(self.deadline)
    }

    /// What is left over from before `now` and to be run now, and from where its schedule goes on.
    fn left_over(&self, now: Timestamp) -> (Option<Upcoming>, Timestamp) {
        let decision = agenda::decide(&self.entry(), self.cursor, now, now);
        let run = decision.run.map(|run| Upcoming { occurrence: run.occurrence, fire_at: run.fire_at });
        (run, decision.cursor().unwrap_or(self.cursor))
    }

    /// Whether an occurrence has come due and is still to be run.
    #[must_use]
    pub fn is_left_over(&self, occurrence: Timestamp, now: Timestamp) -> bool {
        self.left_over(now).0.is_some_and(|run| run.occurrence == occurrence)
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

/// What would happen up to an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast<'a> {
    /// One for each occurrence that was asked for, in the order in which they become due.
    pub rows: Vec<Foretold<'a>>,
    /// The starts of the account's backup that nothing would prevent.
    pub starts: Vec<Timestamp>,
    /// Those that a cancel would prevent.
    pub prevented: Vec<Timestamp>,
    /// Up to where it reaches, if that is not as far as was asked: there would be too many rows, or too much to play.
    pub cut_at: Option<Timestamp>,
}

/// What one instant would come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<'a> {
    /// It.
    pub row: Foretold<'a>,
    /// Whether all that comes before it was played; if not it can't be told.
    pub is_reached: bool,
}

/// Occurrences that are played at most, shown or not.
const MOST_STEPS: usize = 200_000;
/// Targets of these that are kept at most.
const MOST_TARGETS: usize = 100_000;
/// Targets of these that are answered at most.
const MOST_ANSWERS: usize = 5_000_000;

/// Plays the jobs of one account from `now` up to and including `until`, for `most` occurrences of those that are
/// shown at most. `facts` are what Zoho has now.
#[must_use]
pub fn foretell<'a>(
    players: &[Player<'a>],
    facts: &Facts,
    now: Timestamp,
    until: Timestamp,
    most: usize,
) -> Forecast<'a> {
    let mut play = Play::new(players, facts, now, until);
    let (mut rows, mut cut_at) = (Vec::new(), None);
    let (mut kept, mut answered) = (0, 0);
    for step in 0.. {
        let Some((fire_at, place, _)) = play.next_up() else { break };
        let Player { is_shown, job, .. } = players[place];
        let is_full = is_shown && (rows.len() >= most || kept >= MOST_TARGETS);
        if is_full || step >= MOST_STEPS || answered >= MOST_ANSWERS {
            cut_at = Some(fire_at);
            break;
        }
        let row = play.step();
        answered += job.backups.len();
        if is_shown {
            kept += job.backups.len();
            rows.extend(row);
        }
    }
    play.world.pass_time(cut_at.unwrap_or(until));
    Forecast { rows, starts: play.world.starts, prevented: play.world.prevented, cut_at }
}

/// What one instant would come to for the job at this place among the players, be it an occurrence or not. What the
/// others do before is taken into account, for an instant that lies ahead.
#[must_use]
pub fn at_instant<'a>(
    players: &[Player<'a>],
    place: usize,
    facts: &Facts,
    now: Timestamp,
    at: Upcoming,
) -> Option<Told<'a>> {
    let player = players.get(place)?;
    let mut play = Play::new(players, facts, now, at.fire_at);
    if at.fire_at <= now && !player.is_left_over(at.occurrence, now) {
        return Some(Told { row: play.world.play(player, at, at.fire_at), is_reached: true });
    }
    let is_before = |(fire_at, whose, occurrence): Turn| {
        fire_at <= at.fire_at && (whose, occurrence) != (place, at.occurrence)
    };
    let (mut steps, mut answered) = (0, 0);
    let is_reached = loop {
        let Some(turn) = play.next_up().filter(|turn| is_before(*turn)) else { break true };
        if steps >= MOST_STEPS || answered >= MOST_ANSWERS {
            break false;
        }
        steps += 1;
        answered += players[turn.1].job.backups.len();
        drop(play.step());
    };
    play.world.pass_time(at.fire_at);
    let mut row = play.world.play(player, at, at.fire_at.max(now));
    if !is_reached {
        row.become_all(Action::Unknown, "too many occurrences come before it to play them all");
    }
    Some(Told { row, is_reached })
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

/// An occurrence to be played: when it is due, whose it is, and its nominal instant.
type Turn = (Timestamp, usize, Timestamp);

/// The players, in turn.
#[derive(Debug)]
struct Play<'p, 'a> {
    players: &'p [Player<'a>],
    coming: BinaryHeap<Reverse<Turn>>,
    until: Timestamp,
    world: World,
}

impl<'p, 'a> Play<'p, 'a> {
    fn new(players: &'p [Player<'a>], facts: &Facts, now: Timestamp, until: Timestamp) -> Self {
        let world = World::new(facts.clone(), now);
        let mut play = Self { players, coming: BinaryHeap::new(), until, world };
        for (place, player) in players.iter().enumerate() {
            let (run, cursor) = player.left_over(now);
            match run {
                Some(run) => play.coming.push(Reverse((run.fire_at, place, run.occurrence))),
                None => play.line_up(place, cursor),
            }
        }
        play
    }

    fn line_up(&mut self, place: usize, after: Timestamp) {
        let player = &self.players[place];
        let next = agenda::upcoming(&player.entry(), after);
        let next = next.filter(|next| player.job.enabled && next.occurrence <= self.until);
        self.coming.extend(next.map(|next| Reverse((next.fire_at, place, next.occurrence))));
    }

    fn next_up(&self) -> Option<Turn> {
        self.coming.peek().map(|Reverse(turn)| *turn)
    }

    fn step(&mut self) -> Option<Foretold<'a>> {
        let Reverse((fire_at, place, occurrence)) = self.coming.pop()?;
        self.world.pass_time(fire_at);
        let at = fire_at.max(self.world.now);
        let row = self.world.play(&self.players[place], Upcoming { occurrence, fire_at }, at);
        self.line_up(place, occurrence);
        Some(row)
    }
}

/// The account as it would stand.
#[derive(Debug)]
struct World {
    facts: Facts,
    now: Timestamp,
    /// When the run that is under way ends, if one is.
    run_ends: Option<Timestamp>,
    /// Backups that were cancelled, beside the one that Zoho shows.
    stopped: BTreeSet<BackupId>,
    /// Whether a backup that is over was cancelled: what becomes of it is not known.
    is_over_for_good: bool,
    starts: Vec<Timestamp>,
    prevented: Vec<Timestamp>,
}

/// Starts that are played at most between two occurrences: more than there are weeks in ten years.
const MOST_STARTS: usize = 1_000;

impl World {
    fn new(facts: Facts, now: Timestamp) -> Self {
        let mut world = Self {
            facts,
            now,
            run_ends: None,
            stopped: BTreeSet::new(),
            is_over_for_good: false,
            starts: Vec::new(),
            prevented: Vec::new(),
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

    fn live(&self) -> Option<&LiveBackup> {
        self.facts.live.as_read()?.as_ref()
    }

    fn live_mut(&mut self) -> Option<&mut LiveBackup> {
        match &mut self.facts.live {
            Reading::Read(live) => live.as_mut(),
            Reading::NotRead | Reading::Failed(_) => None,
        }
    }

    /// Lets the backup start and end by itself.
    fn pass_time(&mut self, to: Timestamp) {
        if to <= self.now {
            return;
        }
        for _ in 0..MOST_STARTS {
            let Some(backup) = self.live() else { break };
            let named = backup.scheduled_date.as_ref().map(Zoned::timestamp).filter(|start| *start <= to);
            match (backup.phase(), self.run_ends) {
                (Phase::Scheduled, _) => match named {
                    Some(start) => self.start(start.max(self.now)),
                    None => break,
                },
                (Phase::Over, _) => match named.filter(|start| *start > self.now && !self.is_over_for_good) {
                    Some(start) => self.start(start),
                    None => break,
                },
                (Phase::Running, Some(end)) if end <= to => self.end(end),
                _ => break,
            }
        }
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

    /// What an occurrence that is run at `now` comes to, with its effects.
    fn play<'a>(&mut self, player: &Player<'a>, at: Upcoming, now: Timestamp) -> Foretold<'a> {
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
        let question = Question { backups: &job.backups, when: &job.when };
        let targets = match (paused, question.answer_by(&conditions, &self.facts, now)) {
            (Some(why), _) => all(Action::Skip, &why, None),
            (None, Course::Untold(reason)) => all(Action::Unknown, &reason, None),
            (None, Course::End(end)) => all(action_of(end.outcome), &end.reason, end.current.as_ref()),
            (None, Course::Cancel(current)) => {
                let ids = job.backups.iter().filter_map(|backup| backup.id().or(current.as_ref()).cloned());
                ids.collect::<Vec<_>>().iter().map(|id| self.cancel(id)).collect()
            }
        };
        let (action, reason) = summary(&targets);
        Foretold { job, occurrence, fire_at, action, reason, targets, conditions }
    }

    /// What a cancel comes to, with its effects.
    fn cancel(&mut self, id: &BackupId) -> ForetoldTarget {
        let (action, reason) = self.answer_to_cancel(id);
        // What becomes of a backup that is over is not known.
        let is_over = self.live().is_some_and(|backup| backup.phase() == Phase::Over);
        match (action, is_over) {
            (Action::Cancel, true) => self.is_over_for_good = true,
            (Action::Cancel, false) => self.stop(id),
            _ => {}
        }
        ForetoldTarget { backup: BackupRef::Id(id.clone()), action, reason }
    }

    fn answer_to_cancel(&self, id: &BackupId) -> (Action, String) {
        let live = match &self.facts.live {
            Reading::Read(live) => live.as_ref().filter(|backup| !backup.is_blank()),
            Reading::Failed(why) => return (Action::Unknown, format!("Zoho could not be read: {why}")),
            Reading::NotRead => return (Action::Unknown, "Zoho was not asked".to_owned()),
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
        match backup.phase() {
            Phase::Scheduled => match backup.next_start(self.now) {
                Some(start) => (Action::Cancel, format!("it would start at {start}")),
                None => (Action::Cancel, "it is SCHEDULED, without a date".to_owned()),
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

/// What a run does, all in all: the first of these that it does to one of its targets.
pub const BY_WEIGHT: [Action; 6] = [
    Action::Cancel,
    Action::Unknown,
    Action::TooLate,
    Action::NotFound,
    Action::AlreadyCancelled,
    Action::Skip,
];

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

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::config::{JobDefaults, parse_job, parse_settings};

    /// A Friday.
    const NOW: &str = "2026-11-27T16:00:00Z";

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn defaults() -> JobDefaults {
        let text = "timezone = \"UTC\"\n[accounts.acme]\ndata_center = \"eu\"\nclient_id = \"x\"\n\
                    client_secret = { env = \"A\" }\nrefresh_token = { env = \"B\" }\n\
                    [[windows.night]]\nopens = \"0 20 * * *\"\nlasts = \"10h\"\n";
        parse_settings("calloff.toml", text, None).defaults
    }

    fn job(name: &str, text: &str) -> Job {
        let text = format!("account = \"acme\"\n{text}");
        let read = parse_job(&name.parse().unwrap(), name, &text, &defaults());
        read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics))
    }

    fn player(job: &Job) -> Player<'_> {
        Player::new(job, ts(NOW))
    }

    fn live(status: &str, start: Option<&str>, rrule: Option<&str>) -> Facts {
        let backup = LiveBackup {
            id: BackupId::parse("42").ok(),
            status: Some(status.to_owned()),
            rrule: rrule.map(str::to_owned),
            scheduled_date: start.map(|start| ts(start).to_zoned(TimeZone::UTC)),
            ..LiveBackup::default()
        };
        Facts { live: Reading::Read(Some(backup)), last_good: Reading::Read(None) }
    }

    /// The actions of all occurrences in the two days after now, as `HH:MM action`.
    fn actions(jobs: &[Job], facts: &Facts) -> Vec<String> {
        let players: Vec<Player<'_>> = jobs.iter().map(player).collect();
        let forecast = foretell(&players, facts, ts(NOW), ts("2026-11-29T16:00:00Z"), 1000);
        forecast
            .rows
            .iter()
            .map(|row| format!("{} {}", row.occurrence.strftime("%d %H:%M"), row.action))
            .collect()
    }

    #[test]
    fn what_zoho_has_decides_what_a_cancel_would_find() {
        let once = job("once", "backups = [\"42\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
        let none = |live| Facts { live, last_good: Reading::NotRead };
        #[rustfmt::skip]
        let table = [
            (live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None), Action::Cancel,           "it would start at"),
            (live("SCHEDULED", None, None),                         Action::Cancel,           "without a date"),
            (live("SCHEDULED", Some("2026-11-27T17:30:00Z"), None), Action::TooLate,          "it will be running, perhaps until 2026-11-27T18:30:00Z"),
            (live("SCHEDULED", Some("2026-11-27T16:30:00Z"), None), Action::Cancel,           "it is COMPLETED"),
            (live("INPROGRESS", None, None),                        Action::Cancel,           "it is COMPLETED"),
            (live("STOPPED", Some("2026-11-28T01:00:00Z"), None),   Action::AlreadyCancelled, "it is STOPPED"),
            (live("DOZING", None, None),                            Action::Cancel,           "a word that Zoho does not document"),
            (none(Reading::Read(None)),                             Action::NotFound,         "no backup"),
            (none(Reading::Failed("INTERNAL_ERROR".into())),        Action::Unknown,          "could not be read: INTERNAL_ERROR"),
        ];
        for (facts, action, said) in table {
            let players = [player(&once)];
            let row = foretell(&players, &facts, ts(NOW), ts("2026-11-28T16:00:00Z"), 10).rows.remove(0);
            assert_eq!(row.action, action, "{facts:?}: {}", row.reason);
            assert!(row.reason.contains(said), "{}", row.reason);
        }
    }

    #[test]
    fn what_an_earlier_run_does_counts_for_the_later_ones() {
        let often = job("often", "backups = [\"42\"]\nschedule.every = \"12h\"");
        let picky = job(
            "picky",
            "backups = \"current\"\nschedule.cron = \"30 */12 * * *\"\nwhen.status = [\"SCHEDULED\"]",
        );
        let facts = live("SCHEDULED", Some("2026-11-28T06:00:00Z"), Some("FREQ=WEEKLY"));
        assert_eq!(
            actions(&[often, picky], &facts),
            [
                "28 00:00 cancel",
                "28 00:30 skip",
                "28 12:00 already_cancelled",
                "28 12:30 skip",
                "29 00:00 already_cancelled",
                "29 00:30 skip",
                "29 12:00 already_cancelled",
                "29 12:30 skip",
            ]
        );
    }

    #[test]
    fn a_backup_that_nothing_prevents_runs_for_an_hour_and_is_scheduled_again() {
        let late = job("late", "backups = [\"42\"]\nschedule.cron = \"30 6-8 * * SAT\"");
        let facts = live("SCHEDULED", Some("2026-11-28T06:00:00Z"), Some("FREQ=WEEKLY"));
        assert_eq!(
            actions(&[late], &facts),
            ["28 06:30 too_late", "28 07:30 cancel", "28 08:30 already_cancelled"]
        );
        let never = job("never", "backups = [\"42\"]\nschedule.cron = \"0 12 1 1 *\"");
        let forecast = foretell(&[player(&never)], &facts, ts(NOW), ts("2026-12-12T16:00:00Z"), 10);
        assert_eq!(
            forecast.starts,
            [ts("2026-11-28T06:00:00Z"), ts("2026-12-05T06:00:00Z"), ts("2026-12-12T06:00:00Z")]
        );
    }

    #[test]
    fn a_backup_that_ran_by_itself_is_a_good_one() {
        let text =
            "backups = [\"42\"]\nschedule.cron = \"0 5,9 * * *\"\nwhen.last_good_backup_within = \"1d\"";
        let facts = live("SCHEDULED", Some("2026-11-28T06:00:00Z"), Some("FREQ=WEEKLY"));
        let want = ["28 05:00 skip", "28 09:00 cancel", "29 05:00 already_cancelled", "29 09:00 skip"];
        assert_eq!(actions(&[job("guarded", text)], &facts), want);
    }

    #[test]
    fn a_run_with_several_targets_is_known_by_what_weighs_most() {
        let both = job("both", "backups = [\"7\", \"42\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
        let facts = live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None);
        let row = foretell(&[player(&both)], &facts, ts(NOW), ts("2026-11-28T16:00:00Z"), 10).rows.remove(0);
        assert_eq!(row.action, Action::Cancel);
        assert_eq!(row.reason, "1 cancel: it would start at 2026-11-28T01:00:00Z; 1 not_found");
        assert_eq!(row.targets[0].action, Action::NotFound);
    }

    #[test]
    fn a_pause_and_a_shut_window_skip() {
        let nightly =
            job("nightly", "backups = [\"42\"]\nschedule.cron = \"0 12,21 * * *\"\nwhen.window = \"night\"");
        let facts = live("SCHEDULED", Some("2026-12-01T06:00:00Z"), None);
        assert_eq!(
            actions(std::slice::from_ref(&nightly), &facts),
            ["27 21:00 cancel", "28 12:00 skip", "28 21:00 already_cancelled", "29 12:00 skip"]
        );
        let pause = Pause { since: ts(NOW), until: ts("2026-11-28T00:00:00Z"), reason: "why".into() };
        let paused = Player { pause: Some(&pause), ..player(&nightly) };
        let rows = foretell(&[paused], &facts, ts(NOW), ts("2026-11-29T00:00:00Z"), 10).rows;
        let got: Vec<Action> = rows.iter().map(|row| row.action).collect();
        assert_eq!(got, [Action::Skip, Action::Skip, Action::Cancel]);
        assert!(rows[0].reason.starts_with("paused"));
    }

    #[test]
    fn too_many_occurrences_shorten_the_forecast_and_it_says_so() {
        let often = job("often", "backups = [\"42\"]\nschedule.every = \"1h\"");
        let facts = live("STOPPED", None, None);
        let forecast = foretell(&[player(&often)], &facts, ts(NOW), ts("2026-12-27T16:00:00Z"), 3);
        assert_eq!((forecast.rows.len(), forecast.cut_at), (3, Some(ts("2026-11-27T20:00:00Z"))));
    }

    #[test]
    fn an_instant_is_explained_with_what_others_do_before_it() {
        let first = job("first", "backups = [\"42\"]\nschedule.at = \"2026-11-27T17:00:00Z\"");
        let second = job("second", "backups = [\"42\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
        let facts = live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None);
        let players = [player(&first), player(&second)];
        let at = |text: &str| Upcoming { occurrence: ts(text), fire_at: ts(text) };
        let action = |place, text| at_instant(&players, place, &facts, ts(NOW), at(text)).unwrap().row.action;
        assert_eq!(action(0, "2026-11-27T17:00:00Z"), Action::Cancel);
        assert_eq!(action(1, "2026-11-27T18:00:00Z"), Action::AlreadyCancelled);
        assert_eq!(action(1, "2026-11-27T16:30:00Z"), Action::Cancel, "no occurrence, before the first");
        assert_eq!(action(1, "2026-11-27T15:00:00Z"), Action::Cancel, "in the past, by what Zoho has now");
    }

    #[test]
    fn a_run_that_is_observed_now_is_not_over_now() {
        let job = job("job", "backups = [\"42\"]\nschedule.cron = \"30,50 16,17 * * *\"");
        let in_all = |began: Option<&str>| {
            let running = live("INPROGRESS", began, None);
            actions(std::slice::from_ref(&job), &running)[..4].to_vec()
        };
        let long_ago = ["27 16:30 too_late", "27 16:50 too_late", "27 17:30 cancel", "27 17:50 cancel"];
        assert_eq!(in_all(Some("2026-11-27T12:00:00Z")), long_ago, "an hour from now is assumed");
        assert_eq!(in_all(Some("2026-11-27T15:00:00Z")), long_ago, "it should be ending at this moment");
        let lately = ["27 16:30 too_late", "27 16:50 cancel", "27 17:30 cancel", "27 17:50 cancel"];
        assert_eq!(in_all(Some("2026-11-27T15:40:00Z")), lately, "an hour from when it began");
    }

    #[test]
    fn only_rows_that_are_shown_count_and_all_steps_are_bounded() {
        let often = job("often", "backups = [\"42\"]\nschedule.every = \"1h\"");
        let daily = job("daily", "backups = [\"42\"]\nschedule.cron = \"30 12 * * *\"");
        let facts = live("STOPPED", None, None);
        let hidden = |job| Player { is_shown: false, ..player(job) };
        let forecast =
            foretell(&[hidden(&often), player(&daily)], &facts, ts(NOW), ts("2026-11-30T16:00:00Z"), 3);
        let jobs: Vec<&str> = forecast.rows.iter().map(|row| row.job.name.as_str()).collect();
        assert_eq!((jobs, forecast.cut_at), (vec!["daily"; 3], None), "no more than three, of the one shown");
        let ever = job("ever", "backups = [\"42\"]\nschedule.every = \"1s\"");
        let until = ts("2026-12-04T16:00:00Z");
        let forecast = foretell(&[hidden(&ever), player(&daily)], &facts, ts(NOW), until, 100);
        assert_eq!(forecast.cut_at, Some(ts("2026-11-29T23:33:19Z")), "after 200,000 steps");
        assert_eq!(forecast.rows.len(), 2);
    }

    #[test]
    fn targets_count_towards_the_bound() {
        let ids: Vec<String> = (0..500).map(|id| format!("\"{}\"", 1000 + id)).collect();
        let text = format!("backups = [{}]\nschedule.every = \"1m\"", ids.join(", "));
        let many = job("many", &text);
        let facts = live("STOPPED", None, None);
        let forecast = foretell(&[player(&many)], &facts, ts(NOW), ts("2026-12-04T16:00:00Z"), 10_000);
        assert_eq!((forecast.rows.len(), forecast.cut_at), (200, Some(ts("2026-11-27T19:21:00Z"))));
    }

    #[test]
    fn an_instant_behind_too_many_others_can_not_be_told() {
        let ever = job("ever", "backups = [\"42\"]\nschedule.every = \"1s\"");
        let once = job("once", "backups = [\"42\"]\nschedule.at = \"2026-12-04T16:00:00Z\"");
        let facts = live("SCHEDULED", Some("2026-12-05T01:00:00Z"), None);
        let at = Upcoming { occurrence: ts("2026-12-04T16:00:00Z"), fire_at: ts("2026-12-04T16:00:00Z") };
        let told = at_instant(&[player(&ever), player(&once)], 1, &facts, ts(NOW), at).unwrap();
        assert_eq!((told.is_reached, told.row.action), (false, Action::Unknown));
        assert_eq!(told.row.targets[0].action, Action::Unknown);
        let told = at_instant(&[player(&once)], 0, &facts, ts(NOW), at).unwrap();
        assert_eq!((told.is_reached, told.row.action), (true, Action::Cancel));
    }

    #[test]
    fn what_is_left_over_from_before_now_is_played() {
        let facts = live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None);
        let rows = |job: &Job, cursor: &str| -> Vec<String> {
            let players = [Player { cursor: ts(cursor), ..player(job) }];
            let forecast = foretell(&players, &facts, ts(NOW), ts("2026-11-27T17:00:00Z"), 100);
            let rows = forecast.rows.iter();
            let told = rows.map(|row| format!("{} {} {}", row.occurrence, row.fire_at > ts(NOW), row.action));
            told.collect()
        };
        let due = job("due", "backups = [\"42\"]\nschedule.cron = \"50,55 15 * * *\"");
        assert_eq!(
            rows(&due, "2026-11-27T15:00:00Z"),
            ["2026-11-27T15:55:00Z false cancel"],
            "the newest within `catch_up`; the other one is missed"
        );
        assert!(rows(&due, "2026-11-27T15:55:00Z").is_empty(), "it has been dealt with");
        let old = job("old", "backups = [\"42\"]\nschedule.cron = \"0 12 * * *\"");
        assert!(rows(&old, "2026-11-27T10:00:00Z").is_empty(), "it is missed");
        let spread =
            job("spread", "backups = [\"42\"]\nschedule.cron = \"30 15 * * *\"\nschedule.jitter = \"20h\"");
        assert_eq!(rows(&spread, "2026-11-27T15:00:00Z"), ["2026-11-27T15:30:00Z true cancel"]);
        let at = Upcoming { occurrence: ts("2026-11-27T15:55:00Z"), fire_at: ts("2026-11-27T15:55:00Z") };
        let players = [Player { cursor: ts("2026-11-27T15:00:00Z"), ..player(&due) }, player(&due)];
        let told = |place| at_instant(&players, place, &facts, ts(NOW), at).unwrap().row.action;
        assert_eq!((told(0), told(1)), (Action::Cancel, Action::Cancel));
    }

    #[test]
    fn a_late_backup_that_zoho_still_shows_scheduled_is_cancelled_by_what_is_run_now() {
        let due = job("due", "backups = [\"42\"]\nschedule.cron = \"55 15 * * *\"");
        let facts = live("SCHEDULED", Some("2026-11-27T15:50:00Z"), None);
        let players = [Player { cursor: ts("2026-11-27T15:00:00Z"), ..player(&due) }];
        let forecast = foretell(&players, &facts, ts(NOW), ts("2026-11-27T17:00:00Z"), 100);
        assert_eq!(forecast.rows[0].action, Action::Cancel);
        assert_eq!(forecast.prevented, [ts(NOW)], "it would start at any moment");
    }

    #[test]
    fn the_starts_that_a_cancel_prevents_are_told() {
        let once = job("once", "backups = [\"42\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
        let until = ts("2026-12-27T16:00:00Z");
        let play = |facts: &Facts, is_shown| {
            let forecast = foretell(&[Player { is_shown, ..player(&once) }], facts, ts(NOW), until, 10);
            (forecast.starts, forecast.prevented)
        };
        let ahead = ts("2026-11-28T06:00:00Z");
        let weekly = live("SCHEDULED", Some("2026-11-28T06:00:00Z"), Some("FREQ=WEEKLY"));
        assert_eq!(play(&weekly, true), (vec![], vec![ahead]));
        assert_eq!(play(&weekly, false), (vec![], vec![ahead]), "whoever is shown");
        assert_eq!(play(&live("STOPPED", Some("2026-11-28T06:00:00Z"), None), true), (vec![], vec![]));
        let undated = live("SCHEDULED", None, None);
        assert_eq!(play(&undated, true), (vec![], vec![]), "it had no next start");
    }

    #[test]
    fn a_backup_that_is_over_starts_at_a_date_that_lies_ahead() {
        let never = job("never", "backups = [\"42\"]\nschedule.cron = \"0 12 1 1 *\"");
        let facts = live("COMPLETED", Some("2026-11-28T06:00:00Z"), None);
        let until = ts("2026-12-12T16:00:00Z");
        let forecast = foretell(&[player(&never)], &facts, ts(NOW), until, 10);
        assert_eq!(forecast.starts, [ts("2026-11-28T06:00:00Z")]);
        let late = job("late", "backups = [\"42\"]\nschedule.cron = \"30 6,8 * * SAT\"");
        assert_eq!(actions(std::slice::from_ref(&late), &facts), ["28 06:30 too_late", "28 08:30 cancel"]);
        let early = job("early", "backups = [\"42\"]\nschedule.cron = \"30 5,6 * * SAT\"");
        assert_eq!(actions(&[early], &facts), ["28 05:30 cancel", "28 06:30 cancel"], "nobody knows");
    }

    #[test]
    fn of_a_backup_that_is_not_the_newest_nothing_is_known_and_it_says_so() {
        let old = job("old", "backups = [\"7\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
        let facts = live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None);
        let row = foretell(&[player(&old)], &facts, ts(NOW), ts("2026-11-28T16:00:00Z"), 10).rows.remove(0);
        let want =
            "Zoho shows another backup, 42, and tells nothing of older ones; the cancel is sent all the same";
        assert_eq!((row.action, row.reason.as_str()), (Action::NotFound, want));
    }
}
