//! Which job to look at next: a heap over all jobs, so that a look costs nothing when nothing is due.
//!
//! What a job's schedule asks for is decided by [`calloff_core::agenda`]; this keeps the jobs' cursors and knows
//! which of them are busy. A job has one run under way at most: what becomes due meanwhile is looked at when that
//! run has made its last call, by the rules for downtime.
//!
//! When other files are loaded an occurrence belongs to the file that was in force when it became due. So a job that
//! was edited or taken away while it is busy first does, by its old file, what became due before the change.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use calloff_core::agenda::{self, Decision, Entry};
use calloff_core::config::Job;
use calloff_core::ids::{AccountName, JobName};
use calloff_core::overview::Overdue;
use jiff::Timestamp;

use crate::store::Rebased;

/// The jobs and where each schedule stands.
#[derive(Debug, Default)]
pub struct Agenda {
    jobs: Vec<Armed>,
    /// Where each job stands among them.
    places: HashMap<JobName, usize>,
    /// Places whose jobs are gone.
    vacant: Vec<usize>,
    /// Places of jobs that have yet to become what a newer file says.
    in_transition: BTreeSet<usize>,
    /// What has changed, for the record.
    handovers: Vec<Rebased>,
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
    /// What it becomes, in order, once it has done what was due before.
    heirs: VecDeque<Heir>,
    /// Whether the job is gone, and its place is free.
    is_gone: bool,
}

/// What a job is from an instant on; `None` if it is gone.
#[derive(Debug)]
struct Heir {
    from: Timestamp,
    job: Option<Arc<Job>>,
}

/// A job of a newly loaded set, and where its schedule stands if it was not in the set before.
#[derive(Debug, Clone)]
pub struct Entering {
    /// The job.
    pub job: Arc<Job>,
    /// What the record has of it: a file that was away for a moment goes on where it stood.
    pub stands: Option<Timestamp>,
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
            agenda.enter(job, cursor, now);
        }
        agenda
    }

    /// Puts a job in a free place.
    fn enter(&mut self, job: Arc<Job>, cursor: Timestamp, now: Timestamp) {
        let place = self.vacant.pop().unwrap_or(self.jobs.len());
        // Wakes for whoever had the place before don't count for this one.
        let arming = self.jobs.get(place).map_or(0, |gone| gone.arming);
        self.places.insert(job.name.clone(), place);
        let heirs = VecDeque::new();
        let armed = Armed { job, cursor, idle_since: now, busy: false, arming, heirs, is_gone: false };
        if place == self.jobs.len() {
            self.jobs.push(armed);
        } else {
            self.jobs[place] = armed;
        }
        self.arm(place, now);
    }

    /// Takes other files into force from `now` on. What was due by those before should have been [asked
    /// for](Self::due) by then.
    pub fn replace(&mut self, set: impl IntoIterator<Item = Entering>, now: Timestamp) {
        let mut gone: BTreeSet<usize> = self.places.values().copied().collect();
        for Entering { job, stands } in set {
            let Some(&place) = self.places.get(&job.name) else {
                let fingerprint = Some(agenda::fingerprint(&Entry::from(job.as_ref())));
                self.handovers.push(Rebased { job: job.name.clone(), at: now, fingerprint });
                self.enter(job, stands.unwrap_or(now), now);
                continue;
            };
            gone.remove(&place);
            let armed = &self.jobs[place];
            let last = armed.heirs.back().map_or(Some(&armed.job), |heir| heir.job.as_ref());
            if !last.is_some_and(|last| Arc::ptr_eq(last, &job) || **last == *job) {
                self.jobs[place].heirs.push_back(Heir { from: now, job: Some(job) });
                self.in_transition.insert(place);
            }
        }
        for place in gone {
            let armed = &mut self.jobs[place];
            if armed.heirs.back().is_none_or(|heir| heir.job.is_some()) {
                armed.heirs.push_back(Heir { from: now, job: None });
                self.in_transition.insert(place);
            }
        }
        let idle: Vec<usize> =
            self.in_transition.iter().copied().filter(|place| !self.jobs[*place].busy).collect();
        for place in idle {
            self.arm(place, now);
        }
        self.tidy();
    }

    /// Notes for the record that these jobs, none of which is in the agenda, have no files any more.
    pub fn forget(&mut self, jobs: Vec<JobName>, at: Timestamp) {
        self.handovers.extend(jobs.into_iter().map(|job| Rebased { job, at, fingerprint: None }));
    }

    /// Whether a job has yet to do what was due before its file changed.
    #[must_use]
    pub fn is_in_transition(&self) -> bool {
        !self.in_transition.is_empty()
    }

    /// What has changed since this was last asked; to be put in line for the record before anything else that is due.
    #[must_use]
    pub fn handovers(&mut self) -> Vec<Rebased> {
        std::mem::take(&mut self.handovers)
    }

    /// The loaded jobs: each as it is by the newest file.
    pub fn jobs(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs.iter().filter(|armed| !armed.is_gone).filter_map(|armed| match armed.heirs.back() {
            Some(heir) => heir.job.as_ref(),
            None => Some(&armed.job),
        })
    }

    /// The jobs that have something to do now. `awake_since` is when the process last began to look without a gap.
    pub fn due(&mut self, now: Timestamp, awake_since: Timestamp) -> Vec<Due> {
        let mut due = vec![];
        while let Some(&Reverse((wake, place, arming))) = self.wakes.peek() {
            if wake > now {
                break;
            }
            self.wakes.pop();
            if self.counts(place, arming) {
                due.extend(self.due_at(place, now, awake_since));
            }
        }
        due
    }

    /// What the job at this place has to do now, which makes it busy; else it is armed again.
    fn due_at(&mut self, place: usize, now: Timestamp, awake_since: Timestamp) -> Option<Due> {
        loop {
            let armed = &self.jobs[place];
            let ready_since = armed.idle_since.max(awake_since);
            let decision = agenda::decide(&self.entry(armed), armed.cursor, ready_since, now);
            if decision.cursor().is_some() {
                let due = Due { place, job: Arc::clone(&armed.job), cursor: armed.cursor, decision };
                self.jobs[place].busy = true;
                return Some(due);
            }
            if !self.hand_over(place, now) {
                let arming = self.jobs[place].arming;
                if let Some(next) = decision.next.filter(|_| !self.jobs[place].is_gone) {
                    self.wakes.push(Reverse((next.fire_at, place, arming)));
                }
                return None;
            }
        }
    }

    /// Makes a job what its next file says; false if there is none, or the job is gone.
    fn hand_over(&mut self, place: usize, now: Timestamp) -> bool {
        let armed = &mut self.jobs[place];
        let Some(mut heir) = armed.heirs.pop_front() else { return false };
        if heir.job.is_none()
            && let Some(back) = armed.heirs.pop_front()
        {
            // The file was only on the move.
            heir = back;
        }
        if armed.heirs.is_empty() {
            self.in_transition.remove(&place);
        }
        let (job, at) = (armed.job.name.clone(), heir.from.min(now));
        let Some(new) = heir.job else {
            armed.is_gone = true;
            armed.arming = armed.arming.wrapping_add(1);
            self.places.remove(&job);
            self.vacant.push(place);
            self.handovers.push(Rebased { job, at, fingerprint: None });
            return false;
        };
        let [before, after] = [&armed.job, &new].map(|job| agenda::fingerprint(&Entry::from(job.as_ref())));
        armed.job = new;
        if before != after {
            // An edit never makes a past instant due.
            armed.cursor = at;
            self.handovers.push(Rebased { job, at, fingerprint: Some(after) });
        }
        true
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
            let is_idle = !armed.busy && !armed.is_gone;
            if is_idle && !armed.job.jitter.is_zero() && armed.job.account == *account {
                self.arm(place, now);
            }
        }
        self.tidy();
    }

    /// Drops entries that don't count: what is armed anew leaves its old one behind, perhaps for a year.
    fn tidy(&mut self) {
        if self.wakes.len() > 64 + 2 * self.jobs.len() {
            let jobs = &self.jobs;
            self.wakes.retain(|Reverse((_, place, arming))| jobs[*place].arming == *arming);
        }
    }

    fn entry<'a>(&self, armed: &'a Armed) -> Entry<'a> {
        let deadline = self.starts.get(&armed.job.account).copied();
        let replaced_at = armed.heirs.front().map(|heir| heir.from);
        Entry::from(armed.job.as_ref()).until(deadline).replaced_at(replaced_at)
    }

    /// Says that a job is idle again, and where its schedule stands now.
    pub fn settle(&mut self, place: usize, cursor: Timestamp, now: Timestamp) {
        self.jobs[place].idle_since = now;
        self.give_up(place, cursor, now);
    }

    /// Says that a job has not been busy after all: its schedule had moved on to `cursor` meanwhile. What is due since
    /// then is not late for that.
    pub fn give_up(&mut self, place: usize, cursor: Timestamp, now: Timestamp) {
        let armed = &mut self.jobs[place];
        armed.cursor = if agenda::plausible(cursor, now) { cursor } else { now };
        armed.busy = false;
        self.arm(place, now);
    }

    /// Looks at all idle jobs anew, after the clock was set back: what they wait for may be nearer than it was,
    /// and a cursor that was set while the clock was ahead says nothing.
    pub fn rearm(&mut self, now: Timestamp) {
        self.wakes.clear();
        for place in 0..self.jobs.len() {
            if !self.jobs[place].busy && !self.jobs[place].is_gone {
                self.settle(place, self.jobs[place].cursor, now);
            }
        }
    }

    /// Since when a job that is busy should have begun what comes after that, its schedule standing at `cursor` then.
    #[must_use]
    pub fn overdue(&self, place: usize, cursor: Timestamp, now: Timestamp) -> Option<Overdue> {
        let armed = &self.jobs[place];
        let entry = self.entry(armed);
        let since = agenda::upcoming(&entry, cursor)?.fire_at;
        // What would have come after its file was replaced never becomes due.
        let is_to_come = entry.replaced_at.is_none_or(|replaced_at| since <= replaced_at);
        (is_to_come && agenda::is_overdue(since, now)).then(|| Overdue { job: armed.job.name.clone(), since })
    }

    /// When the next job becomes due, as far as the idle ones go.
    #[must_use]
    pub fn next_wake(&mut self) -> Option<Timestamp> {
        self.next_due().map(|(wake, _)| wake)
    }

    /// The same, with the job.
    #[must_use]
    pub fn next_due(&mut self) -> Option<(Timestamp, &Arc<Job>)> {
        while let Some(&Reverse((wake, place, arming))) = self.wakes.peek() {
            if self.counts(place, arming) {
                return Some((wake, &self.jobs[place].job));
            }
            self.wakes.pop();
        }
        None
    }

    /// Whether a wake is that of the job's present arming: what was armed anew leaves older ones behind.
    fn counts(&self, place: usize, arming: Arming) -> bool {
        let armed = &self.jobs[place];
        armed.arming == arming && !armed.busy
    }

    fn arm(&mut self, place: usize, now: Timestamp) {
        let armed = &self.jobs[place];
        let decision = agenda::decide(&self.entry(armed), armed.cursor, armed.idle_since, now);
        // Something that is due already, or a change of files, is found by the next look.
        let wake = if decision.cursor().is_some() || !armed.heirs.is_empty() {
            Some(now)
        } else {
            decision.next.map(|next| next.fire_at)
        };
        let arming = armed.arming.wrapping_add(1);
        self.jobs[place].arming = arming;
        if let Some(wake) = wake {
            self.wakes.push(Reverse((wake, place, arming)));
        }
    }
}
