//! What came due, worked out apart from the program: each schedule's occurrences one by one, while its file was in
//! force.

use std::collections::{BTreeMap, BTreeSet};

use calloff_core::config::Job;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::case::{File, Files};
use crate::support::guarantees::Due;

/// A job may be kept this long from claiming what is due: by a run that tries again, by a record that takes no writes.
const HELD_UP: SignedDuration = SignedDuration::from_mins(40);

/// A process that lives for no longer may find a disk that is full all the time.
const HARDLY: SignedDuration = SignedDuration::from_mins(3);

/// A file that is back within this time was only on the move.
const MOVING: SignedDuration = SignedDuration::from_hours(1);

/// Files that came into force.
#[derive(Debug, Clone)]
pub(crate) struct Epoch {
    pub since: Timestamp,
    pub files: Files,
    /// By name, as they were read.
    pub jobs: BTreeMap<String, std::sync::Arc<Job>>,
}

/// What has happened that decides what is due.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub epochs: Vec<Epoch>,
    /// From when to when no process lived.
    pub gaps: Vec<(Timestamp, Timestamp)>,
    /// Of which job what came due from when to when may have been forgotten, as somebody resumed it.
    pub resumed: Vec<(String, Timestamp, Timestamp)>,
}

/// An occurrence, and whether it has to be on record.
#[derive(Debug, Clone)]
struct Candidate {
    due: Due,
    must: bool,
    /// Of one schedule.
    schedule: String,
}

fn schedule(file: &File) -> String {
    format!("{} {}", file.schedule, file.enabled)
}

impl Story {
    /// No process lived from then to then. One that has hardly lived in between may have claimed nothing.
    pub(crate) fn gone(&mut self, from: Timestamp, to: Timestamp) {
        match self.gaps.last_mut().filter(|last| from.duration_since(last.1) < HARDLY) {
            Some(last) => last.1 = to,
            None => self.gaps.push((from, to)),
        }
    }

    /// What came due, until the last files came into force, in which nothing is due. What may have been forgotten
    /// counts if it is on record.
    pub(crate) fn due(&self, history: &[Value]) -> Vec<Due> {
        let names: BTreeSet<&String> = self.epochs.iter().flat_map(|epoch| epoch.files.keys()).collect();
        let mut due = vec![];
        for name in names {
            let candidates = self.candidates(name);
            let covered = covered(name, &candidates, history);
            let count = |(place, candidate): (usize, Candidate)| {
                (candidate.must || covered.contains(&place)).then_some(candidate.due)
            };
            due.extend(candidates.into_iter().enumerate().filter_map(count));
        }
        due
    }

    fn candidates(&self, name: &str) -> Vec<Candidate> {
        let mut candidates = vec![];
        // The schedule before, until when it was in force, and where it stood.
        let mut last: Option<(String, Timestamp, Timestamp)> = None;
        for Force { first, since, until, jitter } in self.forces(name) {
            let (file, job) = (&first.files[name], &first.jobs[name]);
            let key = schedule(file);
            let goes_on =
                last.filter(|(before, gone, _)| *before == key && since.duration_since(*gone) <= MOVING);
            let mut stands = goes_on.map_or(since, |(_, _, stands)| stands);
            let occurrences = job.schedule.occurrences(stands, until, usize::MAX);
            for occurrence in occurrences.filter(|_| file.enabled) {
                // What was yet to be spread when its schedule was replaced is not due any more.
                let must =
                    occurrence + jitter <= until && !self.may_be_forgotten(name, since, until, occurrence);
                if must {
                    stands = occurrence;
                }
                let (job, backups) = (name.to_owned(), file.backups.clone());
                let due = Due { job, occurrence, backups, restores: file.restores };
                candidates.push(Candidate { due, must, schedule: key.clone() });
            }
            last = Some((key, until, stands));
        }
        candidates.sort_by_key(|candidate| candidate.due.occurrence);
        candidates.dedup_by(|after, before| {
            let is_same = after.due == before.due && after.schedule == before.schedule;
            before.must |= is_same && after.must;
            is_same
        });
        candidates
    }

    /// The spans in which one schedule of a job was in force.
    fn forces(&self, name: &str) -> Vec<Force<'_>> {
        let mut forces: Vec<Force<'_>> = vec![];
        let mut before: Option<String> = None;
        for (index, epoch) in self.epochs.iter().enumerate() {
            let key = epoch.files.get(name).map(schedule);
            let until = self.epochs.get(index + 1).map_or(epoch.since, |next| next.since);
            if let Some(file) = epoch.files.get(name) {
                let jitter = SignedDuration::from_secs(file.jitter.cast_signed());
                match forces.last_mut().filter(|_| key == before) {
                    Some(force) => (force.until, force.jitter) = (until, jitter.max(force.jitter)),
                    None => forces.push(Force { first: epoch, since: epoch.since, until, jitter }),
                }
            }
            before = key;
        }
        forces
    }

    /// An edited schedule counts from the start that finds it, if the process ended before what was due by then was
    /// claimed; a resumed one from there.
    fn may_be_forgotten(
        &self,
        name: &str,
        since: Timestamp,
        until: Timestamp,
        occurrence: Timestamp,
    ) -> bool {
        let resumed = |(job, from, to): &(String, Timestamp, Timestamp)| {
            job == name && *from <= occurrence && occurrence <= *to
        };
        let lost = |edited: Timestamp| {
            self.gaps.iter().any(|(ended, began)| {
                edited >= *ended - HELD_UP
                    && edited <= *began
                    && occurrence >= edited.min(*ended) - HELD_UP
                    && occurrence <= *began
            })
        };
        self.resumed.iter().any(resumed) || lost(since) || lost(until)
    }
}

/// A schedule while it was in force.
#[derive(Debug, Clone, Copy)]
struct Force<'a> {
    /// The first of the files that had it.
    first: &'a Epoch,
    since: Timestamp,
    until: Timestamp,
    /// The longest that any of the files had.
    jitter: SignedDuration,
}

/// The places of what rows of the record stand for.
fn covered(name: &str, candidates: &[Candidate], history: &[Value]) -> BTreeSet<usize> {
    let mut covered = BTreeSet::new();
    for row in history.iter().filter(|row| row["job"] == name) {
        let Some(at) = row["occurrence"].as_str().and_then(|at| at.parse::<Timestamp>().ok()) else {
            continue;
        };
        let Some(newest) = candidates.iter().position(|candidate| candidate.due.occurrence == at) else {
            continue;
        };
        let schedule = &candidates[newest].schedule;
        let count = usize::try_from(row["missed"].as_u64().unwrap_or(1)).unwrap_or(usize::MAX);
        let same = (0..=newest).rev().filter(|place| candidates[*place].schedule == *schedule);
        covered.extend(same.take(count));
    }
    covered
}
