//! Two jobs that may call off one backup at the same time.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::acting::Acting;
use super::horizon;
use crate::config::Job;
use crate::ids::{AccountName, BackupRef};

/// Jobs that one job is compared with, at most: those next to it among those that share a backup with it.
const MOST_PARTNERS: usize = 50;
/// Occurrences that are looked at in all, and of one pair at most.
const MOST_STEPS: u32 = 2_000_000;
const MOST_STEPS_OF_PAIR: u32 = 10_000;

/// Two jobs whose runs may be under way at the same time, with a backup in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Race {
    /// The later of them, by its place among the jobs.
    pub job: usize,
    /// The earlier one; the first, if it is one of several.
    pub other: usize,
    /// When the second of their occurrences becomes due, at the first time that it happens.
    pub at: Timestamp,
    /// How many jobs there are besides `other`.
    pub more: usize,
}

/// The races among some jobs in the 13 months after `from`, at most one for each job.
///
/// Two jobs race when they are enabled, have an account and a backup in common, and become due less than the longer of
/// their `give_up_after` apart, each inside its own window. `current` may be any backup of the account. Of jobs without
/// number not all are compared, and not for all of that time.
#[must_use]
pub fn races<J: Borrow<Job>>(jobs: &[J], from: Timestamp) -> Vec<Race> {
    let pairs = pairs(jobs);
    let share = MOST_STEPS / u32::try_from(pairs.len()).unwrap_or(u32::MAX).max(1);
    let mut races: Vec<Race> = Vec::new();
    for (job, other) in pairs {
        let Some(at) =
            first_race(jobs[other].borrow(), jobs[job].borrow(), from, share.min(MOST_STEPS_OF_PAIR))
        else {
            continue;
        };
        match races.last_mut().filter(|race| race.job == job) {
            Some(race) => race.more += 1,
            None => races.push(Race { job, other, at, more: 0 }),
        }
    }
    races
}

/// The enabled jobs of one account that have been seen so far.
#[derive(Default)]
struct Seen<'a> {
    all: Vec<usize>,
    by_backup: BTreeMap<&'a BackupRef, Vec<usize>>,
}

/// The pairs that have an account and a backup in common: each job with those before it, in order.
fn pairs<J: Borrow<Job>>(jobs: &[J]) -> Vec<(usize, usize)> {
    let mut accounts: BTreeMap<&AccountName, Seen<'_>> = BTreeMap::new();
    let mut pairs = Vec::new();
    let jobs = jobs.iter().map(J::borrow).enumerate();
    for (index, job) in jobs.filter(|(_, job)| job.enabled) {
        let seen = accounts.entry(&job.account).or_default();
        pairs.extend(seen.partners(job).into_iter().map(|other| (index, other)));
        seen.all.push(index);
        for backup in &job.backups {
            seen.by_backup.entry(backup).or_default().push(index);
        }
    }
    pairs
}

impl Seen<'_> {
    fn partners(&self, job: &Job) -> BTreeSet<usize> {
        let nearest = |list: &Vec<usize>| list.iter().rev().take(MOST_PARTNERS).copied().collect::<Vec<_>>();
        if job.backups.contains(&BackupRef::Current) {
            return nearest(&self.all).into_iter().collect();
        }
        let lists = job.backups.iter().chain([&BackupRef::Current]).filter_map(|id| self.by_backup.get(id));
        let mut partners: BTreeSet<usize> = lists.flat_map(nearest).collect();
        while partners.len() > MOST_PARTNERS {
            partners.pop_first();
        }
        partners
    }
}

/// When two jobs first race, found by walking along the occurrences of both; `None` also if that takes more than `steps`.
fn first_race(a: &Job, b: &Job, from: Timestamp, mut steps: u32) -> Option<Timestamp> {
    // Two at the same instant race, however early they give up.
    let reach = a.retry.give_up_after.max(b.retry.give_up_after).max(Duration::from_millis(1));
    let until = horizon(from);
    let (mut first, mut second) = (Acting::of(a), Acting::of(b));
    let mut early = first.next(from, until, &mut steps).ok()??;
    let mut late = second.next(from, until, &mut steps).ok()??;
    loop {
        if late.fire_at < early.fire_at {
            std::mem::swap(&mut early, &mut late);
            std::mem::swap(&mut first, &mut second);
        }
        let reached = late.fire_at.saturating_sub(reach).unwrap_or(Timestamp::MIN);
        if early.fire_at > reached {
            return Some(late.fire_at);
        }
        let cursor = early.occurrence.max(first.too_early_for(reached));
        early = first.next(cursor, until, &mut steps).ok()??;
    }
}
