//! What is due, what was missed, and when to look again.
//!
//! The engine keeps one instant per job, its *cursor*: the nominal instant of the last occurrence dealt with, or
//! the baseline from which the schedule counts. [`decide`] says what to do now; the engine does it, moves the
//! cursor and asks again:
//!
//! - to [`DueRun::occurrence`] when there is something to run, once that is on record;
//! - else to [`Missed::newest`] when something was missed, once that is on record;
//! - else the cursor stays, and there is nothing to do before [`Upcoming::fire_at`].
//!
//! Whatever lies at or before the cursor is over. So an occurrence is decided once, however often the process
//! dies, the clock steps or a tick is lost. The work is bounded by the logarithm of the time passed, save for
//! the count of what was missed, which is calendar arithmetic over it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::config::Job;
use crate::ids::JobName;
use crate::instant::just_before;
use crate::run::Trigger;
use crate::schedule::Schedule;

/// A run that begins later than this after it was due is a catch-up.
const PUNCTUAL: SignedDuration = SignedDuration::from_mins(1);

/// A job file that comes back within this time was only on the move.
const MOVING: SignedDuration = SignedDuration::from_hours(1);

/// What of a job the agenda looks at.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The job's name: it picks the job's place in the spread.
    pub name: &'a JobName,
    /// When it is due.
    pub schedule: &'a Schedule,
    /// The longest spread that is added to an occurrence.
    pub jitter: Duration,
    /// How old a missed occurrence may be to be run after downtime.
    pub catch_up: Duration,
    /// Whether its schedule counts.
    pub enabled: bool,
    /// When the account's backup starts by itself, if that is known: no spread reaches up to it.
    pub deadline: Option<Timestamp>,
    /// Until when its file was in force, if another has taken its place since: nothing becomes due by it after that.
    pub replaced_at: Option<Timestamp>,
}

impl<'a> From<&'a Job> for Entry<'a> {
    fn from(job: &'a Job) -> Self {
        let Job { name, schedule, jitter, catch_up, enabled, .. } = job;
        Self {
            name,
            schedule,
            jitter: *jitter,
            catch_up: *catch_up,
            enabled: *enabled,
            deadline: None,
            replaced_at: None,
        }
    }
}

impl Entry<'_> {
    /// The same with a deadline.
    #[must_use]
    pub fn until(self, deadline: Option<Timestamp>) -> Self {
        Self { deadline, ..self }
    }

    /// The same, replaced by another file.
    #[must_use]
    pub fn replaced_at(self, replaced_at: Option<Timestamp>) -> Self {
        Self { replaced_at, ..self }
    }
}

/// What to do about one job now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Decision {
    /// To be put on record as missed, before anything is run.
    pub missed: Option<Missed>,
    /// To be run now.
    pub run: Option<DueRun>,
    /// The first occurrence after all of these; it may be due already.
    pub next: Option<Upcoming>,
}

impl Decision {
    /// The cursor once this decision has been carried out; `None` if it stays where it is.
    #[must_use]
    pub fn cursor(&self) -> Option<Timestamp> {
        self.run.map(|run| run.occurrence).or(self.missed.map(|missed| missed.newest))
    }
}

/// Occurrences that passed while nothing could run them: all those of the job from `oldest` to `newest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The newest of them.
    pub newest: Timestamp,
    /// The oldest of them.
    pub oldest: Timestamp,
    /// How many they are; at least 1.
    pub count: u64,
}

/// An occurrence to be run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueRun {
    /// Its nominal instant.
    pub occurrence: Timestamp,
    /// The instant at which it became due; never before the nominal one.
    pub fire_at: Timestamp,
    /// [`Trigger::Schedule`] if it became due within the last minute, else [`Trigger::CatchUp`].
    pub trigger: Trigger,
}

/// An occurrence that is yet to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upcoming {
    /// Its nominal instant.
    pub occurrence: Timestamp,
    /// The instant at which it becomes due.
    pub fire_at: Timestamp,
}

/// Whether a job's schedule has anything left to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has an occurrence after its cursor.
    Armed,
    /// It has none: a one-off in the past. That is no error, such a file stays in git.
    Expired,
    /// It is switched off.
    Disabled,
}

/// What to do about a job at `now`.
///
/// - `cursor` is the nominal instant of the last occurrence dealt with, or the [`baseline`].
/// - `ready_since` is the instant since which the engine has been awake and free for this job: the start of the
///   process, the end of a suspension, or the end of the job's previous run, whichever was last.
///
/// Occurrences that became due before `ready_since` fell into downtime: only the newest of them is run, if it is
/// at most [`Entry::catch_up`] old; the others are missed. Those that became due later are run one by one, the
/// oldest first. Nothing is due before its nominal instant, nor when the clock stands before the cursor, nor after
/// the file was replaced.
pub fn decide(entry: &Entry<'_>, cursor: Timestamp, ready_since: Timestamp, now: Timestamp) -> Decision {
    if !entry.enabled {
        return Decision::default();
    }
    let Some(oldest) = upcoming(entry, cursor) else { return Decision::default() };
    let until = entry.replaced_at.map_or(now, |replaced_at| replaced_at.min(now));
    if oldest.fire_at > until {
        return Decision { next: Some(oldest), ..Decision::default() };
    }
    let run = |due: Upcoming| DueRun {
        occurrence: due.occurrence,
        fire_at: due.fire_at,
        trigger: trigger(due, now),
    };
    let missed = |newest: Timestamp| {
        let count = entry.schedule.count_between(cursor, newest);
        (count > 0).then_some(Missed { newest, oldest: oldest.occurrence, count })
    };

    let decision = match newest_fired_before(entry, cursor, ready_since.min(until)) {
        None => Decision { run: Some(run(oldest)), ..Decision::default() },
        Some(newest) if age(newest.fire_at, now) <= entry.catch_up => Decision {
            missed: entry.schedule.newest(cursor, just_before(newest.occurrence)).and_then(missed),
            run: Some(run(newest)),
            next: None,
        },
        Some(newest) => Decision {
            missed: missed(newest.occurrence),
            run: upcoming(entry, newest.occurrence).filter(|due| due.fire_at <= until).map(run),
            next: None,
        },
    };
    Decision { next: upcoming(entry, decision.cursor().unwrap_or(cursor)), ..decision }
}

/// Whether a job's schedule has anything left to say after `cursor`.
#[must_use]
pub fn state(entry: &Entry<'_>, cursor: Timestamp) -> State {
    if !entry.enabled {
        State::Disabled
    } else if entry.schedule.next(cursor).is_none() {
        State::Expired
    } else {
        State::Armed
    }
}

/// The first occurrence after `cursor`, whether it is enabled or not.
#[must_use]
pub fn upcoming(entry: &Entry<'_>, cursor: Timestamp) -> Option<Upcoming> {
    let occurrence = entry.schedule.next(cursor)?;
    Some(Upcoming { occurrence, fire_at: fire_at(entry, occurrence) })
}

/// The text to keep beside a cursor: it changes when the schedule is edited, switched off or switched on.
#[must_use]
pub fn fingerprint(entry: &Entry<'_>) -> String {
    let schedule = entry.schedule.fingerprint();
    if entry.enabled { schedule } else { format!("disabled {schedule}") }
}

/// Where a job's cursor stands when its file is loaded.
///
/// `previous` is what was kept when it was last loaded: its [`fingerprint`] and its cursor. A job that is new or
/// edited starts from `now`, so that no past instant ever becomes due by an edit. So does one whose cursor is not
/// [plausible].
#[must_use]
pub fn baseline(previous: Option<(&str, Timestamp)>, fingerprint: &str, now: Timestamp) -> Timestamp {
    match previous {
        Some((before, cursor)) if before == fingerprint && plausible(cursor, now) => cursor,
        _ => now,
    }
}

/// Whether something that became due then should have begun by now.
#[must_use]
pub fn is_overdue(fire_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(fire_at) > PUNCTUAL
}

/// Whether a job that has come back was only being moved, renamed or checked out, so that it goes on where it stood.
#[must_use]
pub fn was_moving(absent_since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(absent_since) <= MOVING
}

/// A job put out of action for a while by a person. It lives in the record, never in a file, and always ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// When it began.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Why, in the words of who paused it.
    pub reason: String,
}

impl Pause {
    /// Whether it is in force at an instant.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }

    /// Whether an occurrence that is looked at now is skipped: because the job is paused now, or because it was
    /// when the occurrence came and nothing ran to note it.
    #[must_use]
    pub fn covers(&self, occurrence: Timestamp, now: Timestamp) -> bool {
        self.holds(occurrence) || self.holds(now)
    }

    /// The reason that a skipped run is given.
    #[must_use]
    pub fn why(&self) -> String {
        format!("paused until {}: {}", self.until, self.reason)
    }
}

/// Whether a cursor may be true: an occurrence is dealt with only once it is due, so a cursor that lies well ahead
/// was set while the clock was wrong. Without this a clock that leapt to next year and back would silence a job
/// for a year. A clock that is put right by less than a minute changes nothing.
#[must_use]
pub fn plausible(cursor: Timestamp, now: Timestamp) -> bool {
    cursor.duration_since(now) <= PUNCTUAL
}

/// When an occurrence becomes due: its nominal instant plus the job's share of the spread.
///
/// The share is a pure function of the job's name and the occurrence, uniform from zero to less than the jitter.
/// It is also less than the time to the next occurrence, so that occurrences become due in their own order, and less
/// than the time to the deadline, if that is known and lies after the occurrence.
#[must_use]
pub fn fire_at(entry: &Entry<'_>, occurrence: Timestamp) -> Timestamp {
    let jitter = u64::try_from(entry.jitter.as_millis()).unwrap_or(u64::MAX);
    if jitter == 0 {
        return occurrence;
    }
    let room = entry.schedule.next(occurrence).map_or(u64::MAX, |next| milliseconds(occurrence, next));
    let before_deadline = match entry.deadline {
        Some(deadline) if deadline > occurrence => milliseconds(occurrence, deadline),
        _ => u64::MAX,
    };
    let share =
        (u128::from(jitter.min(room).min(before_deadline)) * u128::from(dice(entry.name, occurrence))) >> 64;
    let share = i64::try_from(share).unwrap_or(i64::MAX);
    occurrence.checked_add(SignedDuration::from_millis(share)).unwrap_or(Timestamp::MAX)
}

/// Uniform over all values, the same on every machine and in every version.
fn dice(name: &JobName, occurrence: Timestamp) -> u64 {
    let mut hash = Sha256::new();
    hash.update(name.as_str());
    hash.update([0]);
    hash.update(occurrence.as_millisecond().to_be_bytes());
    hash.finalize().iter().take(8).fold(0, |dice, byte| dice << 8 | u64::from(*byte))
}

/// The newest occurrence after `cursor` that became due before `limit`.
fn newest_fired_before(entry: &Entry<'_>, cursor: Timestamp, limit: Timestamp) -> Option<Upcoming> {
    let mut until = just_before(limit);
    // They become due in order, each before the next one's instant: if the newest is not due, the one before is.
    loop {
        let occurrence = entry.schedule.newest(cursor, until)?;
        let fire_at = fire_at(entry, occurrence);
        if fire_at < limit {
            return Some(Upcoming { occurrence, fire_at });
        }
        until = just_before(occurrence);
    }
}

fn trigger(due: Upcoming, now: Timestamp) -> Trigger {
    if now.duration_since(due.fire_at) > PUNCTUAL { Trigger::CatchUp } else { Trigger::Schedule }
}

fn age(due: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(due).try_into().unwrap_or(Duration::ZERO)
}

fn milliseconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}
