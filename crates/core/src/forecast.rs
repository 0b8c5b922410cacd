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
    /// One for each occurrence, in the order in which they become due.
    pub rows: Vec<Foretold<'a>>,
    /// The starts of the account's backup that nothing would prevent.
    pub starts: Vec<Timestamp>,
    /// Up to where it reaches, if that is not as far as was asked: there would be too many rows.
    pub cut_at: Option<Timestamp>,
}

/// Plays the jobs of one account from `now` up to and including `until`, for `most` occurrences at most. `facts` are
/// what Zoho has now.
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
    while let Some((fire_at, ..)) = play.next_up() {
        if rows.len() >= most {
            cut_at = Some(fire_at);
            break;
        }
        rows.extend(play.step());
    }
    play.world.pass_time(cut_at.unwrap_or(until));
    Forecast { rows, starts: play.world.starts, cut_at }
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
) -> Option<Foretold<'a>> {
    let player = players.get(place)?;
    let mut play = Play::new(players, facts, now, at.fire_at);
    for _ in 0..MOST_BEFORE {
        match play.next_up() {
            Some((_, whose, occurrence)) if (whose, occurrence) == (place, at.occurrence) => break,
            Some((fire_at, ..)) if fire_at <= at.fire_at => drop(play.step()),
            _ => break,
        }
    }
    play.world.pass_time(at.fire_at);
    Some(play.world.play(player, at))
}

/// Occurrences that are played at most before the one that is asked for.
const MOST_BEFORE: usize = 100_000;

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
        for place in 0..players.len() {
            play.line_up(place, now);
        }
        play
    }

    fn line_up(&mut self, place: usize, after: Timestamp) {
        let Player { job, deadline, .. } = self.players[place];
        let next = agenda::upcoming(&Entry::from(job).until(deadline), after);
        let next = next.filter(|next| job.enabled && next.occurrence <= self.until);
        self.coming.extend(next.map(|next| Reverse((next.fire_at, place, next.occurrence))));
    }

    fn next_up(&self) -> Option<Turn> {
        self.coming.peek().map(|Reverse(turn)| *turn)
    }

    fn step(&mut self) -> Option<Foretold<'a>> {
        let Reverse((fire_at, place, occurrence)) = self.coming.pop()?;
        self.world.pass_time(fire_at);
        let row = self.world.play(&self.players[place], Upcoming { occurrence, fire_at });
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
    starts: Vec<Timestamp>,
}

/// Starts that are played at most between two occurrences: more than there are weeks in ten years.
const MOST_STARTS: usize = 1_000;

impl World {
    fn new(facts: Facts, now: Timestamp) -> Self {
        let mut world = Self { facts, now, run_ends: None, stopped: BTreeSet::new(), starts: Vec::new() };
        if let Some(backup) = world.live()
            && backup.phase() == Phase::Running
        {
            // Since when it runs is what it says was its last start, or not known.
            let began = backup.scheduled_date.as_ref().map(Zoned::timestamp).filter(|began| *began <= now);
            world.run_ends = began.unwrap_or(now).saturating_add(ASSUMED_RUN).ok();
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
        for _ in 0..MOST_STARTS {
            let Some(backup) = self.live() else { break };
            match (backup.phase(), self.run_ends) {
                (Phase::Scheduled, _) => match backup.scheduled_date.as_ref().map(Zoned::timestamp) {
                    Some(start) if start <= to => self.start(start.max(self.now)),
                    _ => break,
                },
                (Phase::Running, Some(end)) if end <= to => self.end(end),
                _ => break,
            }
        }
        self.now = self.now.max(to);
    }

    fn start(&mut self, at: Timestamp) {
        self.starts.push(at);
        self.run_ends = at.saturating_add(ASSUMED_RUN).ok();
        if let Some(backup) = self.live_mut() {
            backup.status = Some("INPROGRESS".to_owned());
        }
    }

    fn end(&mut self, at: Timestamp) {
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
        if let Some(backup) = self.live_mut().filter(|backup| backup.id.as_ref() == Some(id)) {
            backup.status = Some("STOPPED".to_owned());
        }
    }

    /// What an occurrence comes to, with its effects.
    fn play<'a>(&mut self, player: &Player<'a>, at: Upcoming) -> Foretold<'a> {
        let job = player.job;
        let Upcoming { occurrence, fire_at } = at;
        let conditions = job.when.judge(&self.facts, fire_at);
        let all = |action: Action, reason: &str, current: Option<&BackupId>| -> Vec<ForetoldTarget> {
            let named = |backup: &BackupRef| match (backup, current) {
                (BackupRef::Current, Some(id)) => BackupRef::Id(id.clone()),
                _ => backup.clone(),
            };
            let target = |backup| ForetoldTarget { backup: named(backup), action, reason: reason.to_owned() };
            job.backups.iter().map(target).collect()
        };
        let paused = player.pause.filter(|pause| pause.covers(occurrence, fire_at)).map(Pause::why);
        let question = Question { backups: &job.backups, when: &job.when };
        let targets = match (paused, question.answer_by(&conditions, &self.facts, fire_at)) {
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
        if action == Action::Cancel && !is_over {
            self.stop(id);
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
                return (Action::NotFound, format!("the account's current backup is another one, {other}"));
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

fn summary(targets: &[ForetoldTarget]) -> (Action, String) {
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
        Player { job, pause: None, deadline: None }
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
        let action = |place, text| at_instant(&players, place, &facts, ts(NOW), at(text)).unwrap().action;
        assert_eq!(action(0, "2026-11-27T17:00:00Z"), Action::Cancel);
        assert_eq!(action(1, "2026-11-27T18:00:00Z"), Action::AlreadyCancelled);
        assert_eq!(action(1, "2026-11-27T16:30:00Z"), Action::Cancel, "no occurrence, before the first");
        assert_eq!(action(1, "2026-11-27T15:00:00Z"), Action::Cancel, "in the past, by what Zoho has now");
    }
}
