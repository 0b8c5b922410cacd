//! Which job to look at next: a heap over all jobs, so that a look costs nothing when nothing is due.
//!
//! What a job's schedule asks for is decided by [`calloff_core::agenda`]; this keeps the jobs' cursors and knows
//! which of them are busy. A job has one run under way at most: what becomes due meanwhile is looked at when that
//! run has made its last call, by the rules for downtime.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use calloff_core::agenda::{self, Decision, Entry};
use calloff_core::config::Job;
use calloff_core::ids::AccountName;
use jiff::Timestamp;

/// The jobs and where each schedule stands.
#[derive(Debug, Default)]
pub struct Agenda {
    jobs: Vec<Armed>,
    /// When to look at which job. One entry counts for each job that is idle and has an occurrence to come: that of
    /// its present arming.
    wakes: BinaryHeap<Reverse<(Timestamp, usize, Arming)>>,
    /// When each account's backup starts by itself, as far as it was seen.
    starts: BTreeMap<AccountName, Timestamp>,
}

/// Counts how often a job was armed.
type Arming = u32;

#[derive(Debug)]
struct Armed {
    job: Arc<Job>,
    cursor: Timestamp,
    /// Since when it has been idle.
    idle_since: Timestamp,
    busy: bool,
    arming: Arming,
}

/// A job with something to do. It is busy until it is [settled](Agenda::settle).
#[derive(Debug, Clone)]
pub struct Due {
    /// Its place in the agenda.
    pub place: usize,
    /// The job.
    pub job: Arc<Job>,
    /// Where its schedule stands.
    pub cursor: Timestamp,
    /// What to do.
    pub decision: Decision,
}

impl Agenda {
    /// An agenda of jobs, each with where its schedule stands. `starts` says when accounts' backups start by
    /// themselves, as far as it is known.
    #[must_use]
    pub fn new(
        jobs: impl IntoIterator<Item = (Arc<Job>, Timestamp)>,
        starts: BTreeMap<AccountName, Timestamp>,
        now: Timestamp,
    ) -> Self {
        let mut agenda = Self { starts, ..Self::default() };
        for (job, cursor) in jobs {
            agenda.jobs.push(Armed { job, cursor, idle_since: now, busy: false, arming: 0 });
            agenda.arm(agenda.jobs.len() - 1, now);
        }
        agenda
    }

    /// The jobs that have something to do now. `awake_since` is when the process last began to look without a gap.
    pub fn due(&mut self, now: Timestamp, awake_since: Timestamp) -> Vec<Due> {
        let mut due = vec![];
        while let Some(&Reverse((wake, place, arming))) = self.wakes.peek() {
            if wake > now {
                break;
            }
            self.wakes.pop();
            let armed = &self.jobs[place];
            if armed.busy || armed.arming != arming {
                continue;
            }
            let ready_since = armed.idle_since.max(awake_since);
            let decision = agenda::decide(&self.entry(armed), armed.cursor, ready_since, now);
            if decision.cursor().is_some() {
                due.push(Due { place, job: Arc::clone(&armed.job), cursor: armed.cursor, decision });
                self.jobs[place].busy = true;
            } else if let Some(next) = decision.next {
                self.wakes.push(Reverse((next.fire_at, place, arming)));
            }
        }
        due
    }

    /// Hears when an account's backup starts by itself; `None` if it does not. Its jobs' spreads end before that.
    pub fn learn(&mut self, account: &AccountName, start: Option<Timestamp>, now: Timestamp) {
        let before = match start {
            Some(start) => self.starts.insert(account.clone(), start),
            None => self.starts.remove(account),
        };
        if before == start {
            return;
        }
        for place in 0..self.jobs.len() {
            let armed = &self.jobs[place];
            if !armed.busy && !armed.job.jitter.is_zero() && armed.job.account == *account {
                self.arm(place, now);
            }
        }
        // What is armed anew leaves its old entry behind, perhaps for a year.
        if self.wakes.len() > 64 + 2 * self.jobs.len() {
            let jobs = &self.jobs;
            self.wakes.retain(|Reverse((_, place, arming))| jobs[*place].arming == *arming);
        }
    }

    fn entry<'a>(&self, armed: &'a Armed) -> Entry<'a> {
        Entry::from(armed.job.as_ref()).until(self.starts.get(&armed.job.account).copied())
    }

    /// Says that a job is idle again, and where its schedule stands now.
    pub fn settle(&mut self, place: usize, cursor: Timestamp, now: Timestamp) {
        let armed = &mut self.jobs[place];
        armed.cursor = if agenda::plausible(cursor, now) { cursor } else { now };
        armed.idle_since = now;
        armed.busy = false;
        self.arm(place, now);
    }

    /// Looks at all idle jobs anew, after the clock was set back: what they wait for may be nearer than it was,
    /// and a cursor that was set while the clock was ahead says nothing.
    pub fn rearm(&mut self, now: Timestamp) {
        self.wakes.clear();
        for place in 0..self.jobs.len() {
            if !self.jobs[place].busy {
                self.settle(place, self.jobs[place].cursor, now);
            }
        }
    }

    /// When the next job becomes due, as far as the idle ones go.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let counts = |place: usize, arming| self.jobs[place].arming == arming && !self.jobs[place].busy;
        match self.wakes.peek() {
            Some(Reverse((wake, place, arming))) if counts(*place, *arming) => Some(*wake),
            Some(_) => self.wakes.iter().filter(|wake| counts(wake.0.1, wake.0.2)).map(|wake| wake.0.0).min(),
            None => None,
        }
    }

    fn arm(&mut self, place: usize, now: Timestamp) {
        let armed = &self.jobs[place];
        let decision = agenda::decide(&self.entry(armed), armed.cursor, armed.idle_since, now);
        // Something that is due already is found by the next look.
        let wake =
            if decision.cursor().is_some() { Some(now) } else { decision.next.map(|next| next.fire_at) };
        let arming = armed.arming.wrapping_add(1);
        self.jobs[place].arming = arming;
        if let Some(wake) = wake {
            self.wakes.push(Reverse((wake, place, arming)));
        }
    }
}
