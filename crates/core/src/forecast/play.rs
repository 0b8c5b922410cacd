//! The jobs in turn, each occurrence as it becomes due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::Timestamp;

use super::kept::{Kept, Standing};
use super::player::Player;
use super::row::{Action, Foretold};
use super::world::World;
use crate::agenda::{self, Upcoming};
use crate::condition::Facts;
use crate::instant::just_before;

/// What would happen up to an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast<'a> {
    /// One for each occurrence that was asked for, in the order in which they become due.
    pub rows: Vec<Foretold<'a>>,
    /// The starts of the account's backup that nothing would prevent.
    pub starts: Vec<Timestamp>,
    /// Those that a cancel would prevent.
    pub prevented: Vec<Timestamp>,
    /// When its schedule would be put back after a window.
    pub restores: Vec<Timestamp>,
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
/// Starts and ends of the backup that are played at most between two occurrences: of nine years, if it is weekly.
const MOST_TURNS: usize = 1_000;
/// Targets of these that are kept at most.
const MOST_TARGETS: usize = 100_000;
/// Targets of these that are answered at most.
const MOST_ANSWERS: usize = 5_000_000;

/// Plays the jobs of one account from `now` up to and including `until`, for `most` occurrences of those that are
/// shown at most. `facts` are what Zoho has now, and `standing` is what the record has. When a debt falls due depends
/// on all jobs of the account: those that are switched off belong among the players.
#[must_use]
pub fn foretell<'a>(
    players: &[Player<'a>],
    facts: &Facts,
    standing: Standing<'_>,
    now: Timestamp,
    until: Timestamp,
    most: usize,
) -> Forecast<'a> {
    let mut play = Play::new(players, facts, standing, now, until);
    let (mut rows, mut cut_at) = (Vec::new(), None);
    let (mut kept, mut answered) = (0, 0);
    for step in 0.. {
        let Some((fire_at, place, _)) = play.next_up() else { break };
        let Player { is_shown, job, .. } = players[place];
        let is_full = is_shown && (rows.len() >= most || kept >= MOST_TARGETS);
        if is_full || step >= MOST_STEPS || answered >= MOST_ANSWERS || !play.reach(fire_at) {
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
    let end = cut_at.unwrap_or(until);
    if !play.pass_time(end, end) {
        cut_at = Some(play.world.now);
    }
    let World { starts, prevented, restores, .. } = play.world;
    Forecast { rows, starts, prevented, restores, cut_at }
}

/// What one instant would come to for the job at this place among the players, be it an occurrence or not. What the
/// others do before is taken into account, for an instant that lies ahead.
#[must_use]
pub fn at_instant<'a>(
    players: &[Player<'a>],
    place: usize,
    facts: &Facts,
    standing: Standing<'_>,
    now: Timestamp,
    at: Upcoming,
) -> Option<Told<'a>> {
    let player = players.get(place)?;
    let mut play = Play::new(players, facts, standing, now, at.fire_at);
    if at.fire_at <= now && !player.is_left_over(at.occurrence, now) {
        return Some(Told { row: play.world.play(player, at, at.fire_at), is_reached: true });
    }
    let is_before = |(fire_at, whose, occurrence): Turn| {
        fire_at <= at.fire_at && (whose, occurrence) != (place, at.occurrence)
    };
    let (mut steps, mut answered) = (0, 0);
    let is_reached = loop {
        let Some(turn) = play.next_up().filter(|turn| is_before(*turn)) else { break true };
        if steps >= MOST_STEPS || answered >= MOST_ANSWERS || !play.reach(turn.0) {
            break false;
        }
        steps += 1;
        answered += players[turn.1].job.backups.len();
        drop(play.step());
    };
    let is_reached = is_reached && play.reach(at.fire_at);
    let mut row = play.world.play(player, at, at.fire_at.max(now));
    if !is_reached {
        row.become_all(Action::Unknown, "too many occurrences come before it to play them all");
    }
    Some(Told { row, is_reached })
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
    kept: Kept<'p, 'a>,
}

impl<'p, 'a> Play<'p, 'a> {
    fn new(
        players: &'p [Player<'a>],
        facts: &Facts,
        standing: Standing<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Self {
        let (world, kept) = (World::new(facts.clone(), now), Kept::new(players, standing, now));
        let mut play = Self { players, coming: BinaryHeap::new(), until, world, kept };
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

    /// Lets time pass up to an occurrence. What windows leave to be done at that very instant is done after it.
    fn reach(&mut self, fire_at: Timestamp) -> bool {
        self.pass_time(fire_at, just_before(fire_at))
    }

    /// Lets time pass, with what windows leave to be done until then; says whether there was not too much of that.
    fn pass_time(&mut self, to: Timestamp, kept_until: Timestamp) -> bool {
        let mut turns = 0;
        loop {
            let due = self.kept.next().filter(|due| *due <= kept_until);
            let changed = if turns < MOST_TURNS { self.world.turn(due.unwrap_or(to)) } else { None };
            match (changed, due) {
                (Some(changed), _) => {
                    turns += 1;
                    self.kept.notice_change(changed);
                }
                (None, Some(_)) if self.kept.is_spent() => return false,
                (None, Some(due)) => {
                    self.world.pass_time(due);
                    self.kept.see_to(&mut self.world);
                }
                (None, None) => break,
            }
        }
        self.world.pass_time(to);
        true
    }

    fn step(&mut self) -> Option<Foretold<'a>> {
        let Reverse((fire_at, place, occurrence)) = self.coming.pop()?;
        let at = fire_at.max(self.world.now);
        let row = self.world.play(&self.players[place], Upcoming { occurrence, fire_at }, at);
        self.kept.take_over(place, &mut self.world);
        self.line_up(place, occurrence);
        Some(row)
    }
}
