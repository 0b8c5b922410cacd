//! What windows leave to be done: looks at those that are held, and restores once they have closed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::player::Player;
use super::world::World;
use crate::config::{Hold, Job};
use crate::course::{Course, Question};
use crate::hold::{self, Held, Memory, Response};
use crate::ids::{BackupRef, RestoreId};
use crate::reload::LeftOut;
use crate::restore::{self, Debt, DebtState, Found, NewDebt, Payment};

/// What stands on record of an account when its forecast begins. The default is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing<'a> {
    /// The schedule that is owed, if one is.
    pub debt: Option<&'a Debt>,
    /// The windows that are held.
    pub holds: &'a [Held],
}

/// Looks that are played at most; to see whether a debt is due is as many as there are jobs that hold or restore.
const MOST_LOOKS: usize = 200_000;

/// What is owed and held.
#[derive(Debug)]
pub(super) struct Kept<'p, 'a> {
    players: &'p [Player<'a>],
    /// The debt, and when it is to be paid as far as is known; `None` if that can't be told.
    debt: Option<(Debt, Option<Timestamp>)>,
    /// The holds, by the places of their jobs among the players.
    holds: BTreeMap<usize, Holding>,
    /// How many jobs hold or restore.
    keepers: usize,
    looks: usize,
}

/// A window that is held.
#[derive(Debug)]
struct Holding {
    hold: Hold,
    /// An instant at which the account is looked at; the others follow in steps of the pause between two.
    poll: Timestamp,
    closes: Timestamp,
    /// The first of them at which there may be something that was not there before: the others show nothing new.
    look_at: Option<Timestamp>,
}

impl Holding {
    fn new(hold: Hold, poll: Timestamp, closes: Timestamp) -> Self {
        let mut holding = Self { hold, poll, closes, look_at: None };
        holding.look_from(poll);
        holding
    }

    /// Lets the first look at or after an instant be made.
    fn look_from(&mut self, from: Timestamp) {
        let first = self.first_poll(from).filter(|first| *first < self.closes);
        self.look_at = self.look_at.into_iter().chain(first).min();
    }

    fn first_poll(&self, from: Timestamp) -> Option<Timestamp> {
        let pause = i128::try_from(self.hold.poll.as_nanos()).ok()?;
        let behind = (from.as_nanosecond() - self.poll.as_nanosecond()).max(0);
        let steps = (behind + pause - 1).checked_div(pause)?;
        Timestamp::from_nanosecond(self.poll.as_nanosecond() + steps * pause).ok()
    }
}

impl<'p, 'a> Kept<'p, 'a> {
    pub(super) fn new(players: &'p [Player<'a>], standing: Standing<'_>, now: Timestamp) -> Self {
        let holding = |held: &Held| {
            let place = players.iter().position(|player| player.job.name == held.job)?;
            let job = players[place].job;
            let hold::Standing::PollAt(poll) = hold::standing(held, Some(job), now) else { return None };
            let closes = job.when.window.as_ref()?.window.current_or_next(now)?.closes;
            Some((place, Holding::new(job.hold?, poll.max(now), closes)))
        };
        let debt = standing.debt.filter(|debt| debt.state == DebtState::Owed);
        let keeps = |player: &&Player<'_>| player.job.hold.is_some() || player.job.restore;
        Self {
            players,
            debt: debt.map(|debt| (debt.clone(), Some(now))),
            holds: standing.holds.iter().filter_map(holding).collect(),
            keepers: players.iter().filter(keeps).count(),
            looks: 0,
        }
    }

    /// Whether there was too much to look at to go on.
    pub(super) fn is_spent(&self) -> bool {
        self.looks >= MOST_LOOKS
    }

    /// When there is something to be done next.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let looks = self.holds.values().filter_map(|holding| holding.look_at);
        looks.chain(self.debt.as_ref().and_then(|(_, due)| *due)).min()
    }

    /// Hears that the account is not as it was before.
    pub(super) fn notice_change(&mut self, at: Timestamp) {
        self.holds.values_mut().for_each(|holding| holding.look_from(at));
    }

    /// Does what is to be done by now.
    pub(super) fn see_to(&mut self, world: &mut World) {
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= world.now);
        let looks = self.holds.iter().filter(|(_, holding)| is_due(holding.look_at));
        let looks: Vec<usize> = looks.map(|(place, _)| *place).collect();
        let is_debt_due = self.debt.as_ref().is_some_and(|(_, due)| is_due(*due));
        for place in looks {
            self.look(place, world);
        }
        if is_debt_due {
            self.pay(world);
        }
    }

    /// Takes over what a run leaves to be done.
    pub(super) fn take_over(&mut self, place: usize, world: &mut World) {
        let job = self.players[place].job;
        self.owe(job, world);
        let (Some(hold), Some(closes)) = (job.hold, job.when.closing_at(world.now)) else { return };
        // One of the same window goes on as it is, whatever becomes of the run.
        if self.holds.get(&place).is_none_or(|holding| holding.closes != closes) {
            let poll = world.now.saturating_add(hold.poll).unwrap_or(Timestamp::MAX);
            self.holds.insert(place, Holding::new(hold, poll, closes));
        }
    }

    /// Owes what the newest cancel has ended, if it is this job's to restore it and nothing is owed yet.
    fn owe(&mut self, job: &Job, world: &mut World) {
        let ended = world.ended.take().filter(|_| job.restore && self.debt.is_none());
        let Some(pre_image) = ended else { return };
        let now = world.now;
        let due = job.when.closing_at(now).unwrap_or(now);
        let debt = Debt::from(NewDebt {
            restore_id: RestoreId::new(Uuid::nil()),
            account: job.account.clone(),
            job: job.name.as_str().to_owned(),
            pre_image,
            owed_since: now,
            due,
        });
        self.debt = Some((debt, Some(due)));
    }

    /// Looks at the account for the job at this place.
    fn look(&mut self, place: usize, world: &mut World) {
        self.looks += 1;
        let Some(holding) = self.holds.get_mut(&place) else { return };
        holding.look_at = None;
        let (Player { job, pause, .. }, now) = (self.players[place], world.now);
        if let Some(pause) = pause.filter(|pause| pause.holds(now)) {
            holding.look_from(pause.until);
            return;
        }
        let memory = Memory::default();
        let Some(drift) = hold::drift(world.live(), &memory, now) else { return };
        let question = Question { backups: &[BackupRef::Current], ..Question::of(job) };
        let course = question.answer(&world.facts, now);
        match (hold::respond(&drift, holding.hold.on_drift, &course, &memory, now), course) {
            (Response::Run, Course::Cancel(Some(id))) => {
                world.cancel(&id);
                self.owe(job, world);
            }
            (Response::Record(_), _) => {
                if let Some(near) = job.when.near_enough_at(&world.facts, now) {
                    holding.look_from(near);
                }
            }
            _ => {}
        }
    }

    /// Pays the debt, if it is due.
    fn pay(&mut self, world: &mut World) {
        self.looks += self.keepers;
        let now = world.now;
        let Some((debt, due)) = &mut self.debt else { return };
        *due = match restore::payment(
            debt,
            true,
            self.players.iter().map(|player| player.job),
            &LeftOut::default(),
            now,
        ) {
            Payment::At(at) => Some(at).filter(|at| *at > now),
            Payment::ByHand(_) => None,
            Payment::Now => match world.find(&debt.pre_image.rrule) {
                Some(found @ (Found::Nothing | Found::Same(_))) => {
                    if found == Found::Nothing {
                        world.put_back(&debt.pre_image);
                    }
                    self.debt = None;
                    return;
                }
                // It is refused, and tried again.
                Some(Found::Other(_) | Found::Running) => {
                    debt.tries = debt.tries.saturating_add(1);
                    debt.next_try = now.saturating_add(restore::pause_after(debt.tries)).ok();
                    debt.next_try
                }
                None => None,
            },
        };
    }
}
