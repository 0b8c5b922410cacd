//! Files that change while jobs run: an occurrence belongs to the file that was in force when it became due, once.

#![allow(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use calloff::daemon::{Agenda, Due, Entering};
use calloff::store::Rebased;
use calloff_core::agenda::{self as rules, Entry};
use calloff_core::config::{Job, JobDefaults, parse_job};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

const START: &str = "2026-11-27T16:00:00Z";
const NAMES: [&str; 3] = ["a", "b", "c"];
/// Seconds between two occurrences, of the schedules that files choose from.
const EVERY: [i64; 3] = [7, 11, 30];

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// The job as its file's version has it, which stands in its backup's ID.
fn job(name: &str, every: i64, version: u32) -> Arc<Job> {
    let text =
        format!("account = \"acme\"\nbackups = [\"{version}\"]\nschedule = {{ every = \"{every}s\" }}\n");
    let read = parse_job(&name.parse().unwrap(), name, &text, &JobDefaults::unknown(None));
    Arc::new(read.value.unwrap())
}

/// What is in force of a job since an instant: how often it is due, and its version.
type Force = Option<(i64, u32)>;

/// Every occurrence of a job that some file in force makes due, with the version of that file. A file that is away for a
/// while and comes back with the same schedule goes on where it stood.
fn expected(name: &str, forces: &[(i64, Force)]) -> BTreeMap<Timestamp, u32> {
    let mut expected = BTreeMap::new();
    let mut last: Option<(i64, i64)> = None;
    for (index, (from, force)) in forces.iter().enumerate() {
        let Some((every, version)) = *force else { continue };
        let until = forces.get(index + 1).map_or(*from, |next| next.0);
        let from = last.filter(|(before, _)| *before == every).map_or(*from, |(_, until)| until);
        last = Some((every, until));
        let schedule = &job(name, every, version).schedule;
        let mut cursor = at(from);
        while let Some(next) = schedule.next(cursor).filter(|next| *next <= at(until)) {
            expected.insert(next, version);
            cursor = next;
        }
    }
    expected
}

/// An agenda, and what came of it.
struct Played {
    agenda: Agenda,
    /// What was run, by which version of the file.
    run: BTreeMap<String, BTreeMap<Timestamp, u32>>,
    missed: BTreeMap<String, u64>,
    /// When runs make their last calls, by place and cursor.
    under_way: Vec<(i64, usize, Timestamp)>,
    /// What the record has of each job: the fingerprint, and where its schedule stands.
    record: BTreeMap<String, (String, Timestamp)>,
}

impl Played {
    fn look(&mut self, second: i64, rng: &mut Rng) {
        let due = self.agenda.due(at(second), start());
        for Rebased { job, at, fingerprint } in self.agenda.handovers() {
            if let Some(fingerprint) = fingerprint {
                let known = self.record.get(job.as_str()).map(|(known, cursor)| (known.as_str(), *cursor));
                let cursor = rules::baseline(known, &fingerprint, at);
                self.record.insert(job.to_string(), (fingerprint, cursor));
            }
        }
        for Due { place, job, decision, .. } in due {
            let name = job.name.to_string();
            let version: u32 = job.backups[0].id().unwrap().as_str().parse().unwrap();
            if let Some(run) = decision.run {
                let before = self.run.entry(name.clone()).or_default().insert(run.occurrence, version);
                assert!(before.is_none(), "{} is run twice", run.occurrence);
            }
            *self.missed.entry(name.clone()).or_default() += decision.missed.map_or(0, |missed| missed.count);
            let cursor = decision.cursor().unwrap();
            self.record.get_mut(&name).unwrap().1 = cursor;
            self.under_way.push((second + rng.i64(1..20), place, cursor));
        }
    }

    fn end_runs(&mut self, second: i64) {
        for (_, place, cursor) in self.under_way.extract_if(.., |run| run.0 <= second) {
            self.agenda.settle(place, cursor, at(second));
        }
    }

    fn replace(&mut self, set: &BTreeMap<&str, (i64, u32)>, second: i64) {
        let entering: Vec<Entering> = set
            .iter()
            .map(|(name, (every, version))| {
                let job = job(name, *every, *version);
                let fingerprint = rules::fingerprint(&Entry::from(job.as_ref()));
                let known = self.record.get(*name).map(|(known, cursor)| (known.as_str(), *cursor));
                Entering { stands: Some(rules::baseline(known, &fingerprint, at(second))), job }
            })
            .collect();
        self.agenda.replace(entering, at(second));
    }
}

#[test]
fn what_would_have_come_after_a_job_was_taken_away_is_not_overdue() {
    let mut agenda = Agenda::new([(job("a", 10, 0), at(1))], BTreeMap::new(), start());
    let due = agenda.due(at(10), start());
    let (place, cursor) = (due[0].place, due[0].decision.cursor().unwrap());
    assert!(agenda.overdue(place, cursor, at(200)).is_some(), "it is busy since");
    agenda.replace([], at(15));
    assert_eq!(agenda.overdue(place, cursor, at(200)), None);
}

#[test]
fn who_finds_the_schedule_moved_is_not_late_for_that() {
    // Another process has loaded the edited file first: the record counts from a second before.
    let mut agenda = Agenda::new([(job("a", 7, 0), at(1))], BTreeMap::new(), start());
    let due = agenda.due(at(5), start());
    assert_eq!(due.len(), 1, "an occurrence is due");
    agenda.give_up(due[0].place, at(0), at(6));
    let again = agenda.due(at(6), start());
    assert!(again[0].decision.missed.is_none() && again[0].decision.run.is_some(), "{again:?}");
}

#[test]
fn every_occurrence_is_dealt_with_once_by_the_file_that_was_in_force() {
    const END: i64 = 240;
    for seed in 0..2000 {
        let rng = &mut Rng::with_seed(seed);
        let mut set: BTreeMap<&str, (i64, u32)> = NAMES.iter().map(|name| (*name, (7, 0))).collect();
        let jobs: Vec<Arc<Job>> = NAMES.iter().map(|name| job(name, 7, 0)).collect();
        let fingerprint = |job: &Arc<Job>| rules::fingerprint(&Entry::from(job.as_ref()));
        let mut played = Played {
            record: jobs.iter().map(|job| (job.name.to_string(), (fingerprint(job), start()))).collect(),
            agenda: Agenda::new(jobs.into_iter().map(|job| (job, start())), BTreeMap::new(), start()),
            run: BTreeMap::new(),
            missed: BTreeMap::new(),
            under_way: vec![],
        };
        let mut forces: BTreeMap<&str, Vec<(i64, Force)>> =
            set.iter().map(|(name, force)| (*name, vec![(0, Some(*force))])).collect();
        for (second, version) in (1..=END).zip(1..) {
            played.end_runs(second);
            played.look(second, rng);
            if second == END {
                set.clear();
            } else if rng.u32(0..12) == 0 {
                let name = *rng.choice(&NAMES).unwrap();
                match rng.u32(0..3) {
                    0 => drop(set.remove(name)),
                    1 => drop(set.insert(name, (*rng.choice(&EVERY).unwrap(), version))),
                    _ => drop(set.entry(name).and_modify(|force| force.1 = version)),
                }
            } else {
                continue;
            }
            played.replace(&set, second);
            played.look(second, rng);
            for (name, forces) in &mut forces {
                forces.push((second, set.get(name).copied()));
            }
        }
        // All runs end, and what waited for them is done.
        for second in END..END + 100 {
            played.end_runs(second);
            played.look(second, rng);
        }
        assert!(!played.agenda.is_in_transition() && played.agenda.jobs().next().is_none(), "seed {seed}");
        for name in NAMES {
            let expected = expected(name, &forces[name]);
            let run = played.run.remove(name).unwrap_or_default();
            for (occurrence, version) in &run {
                assert_eq!(expected.get(occurrence), Some(version), "seed {seed}: {name} at {occurrence}");
            }
            let dealt_with = run.len() as u64 + played.missed.remove(name).unwrap_or(0);
            assert_eq!(dealt_with, expected.len() as u64, "seed {seed}: {name}: {:?}", forces[name]);
        }
    }
}
