//! The picture of the coming days: what lies where in time, account by account. How it is drawn is not said here.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::agenda::{self, Entry};
use crate::config::Job;
use crate::overview::{AccountStatus, JobStatus, Overview, Recent};
use crate::run::RunState;
use crate::window::Span;

/// How much of the past is in the picture.
pub const PAST: SignedDuration = SignedDuration::from_hours(24);

/// How much of the future is.
pub const AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What lies in the same of so many slices of the picture is one mark.
const SLICES: i64 = 1500;

/// A job with more occurrences than this is shown as a band.
const MOST_TICKS: usize = 64;

/// Occurrences that are looked for in all: the jobs that come after are only counted.
const MOST_LOOKED_FOR: usize = 20_000;

/// What one mark tells one by one; more are only counted.
const MOST_TOLD: usize = 6;

/// Bands of one window that are drawn at most; the last of them stands for all that follow.
const MOST_BANDS: usize = 400;

/// The picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends.
    pub until: Timestamp,
    /// The present instant.
    pub now: Timestamp,
    /// A lane for each account.
    pub lanes: Vec<Lane>,
}

/// What is known of one account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lane {
    /// Its name.
    pub account: String,
    /// When the windows are open that its jobs name.
    pub bands: Vec<Band>,
    /// When jobs are due.
    pub ticks: Vec<Mark<JobTick>>,
    /// Jobs that are due so often that their ticks would be a band.
    pub frequent: Vec<Frequent>,
    /// When Zoho's own next backup starts, as far as was seen.
    pub backup: Option<Timestamp>,
    /// How runs ended.
    pub past: Vec<Mark<Recent>>,
    /// Jobs that are not drawn, because there are too many.
    pub left_out: usize,
}

/// A window while it is open, as far as it is in the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// The window's name.
    pub window: String,
    /// When it is open.
    pub span: Span,
    /// As far as it is in the picture.
    pub shown: Span,
    /// Whether it stands for all that follow, too: the window opens more often than can be drawn.
    pub is_many: bool,
}

/// Things that lie so near to each other that they are one mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark<T> {
    /// Where the first of them lies.
    pub at: Timestamp,
    /// The first of them, in the order of time.
    pub told: Vec<T>,
    /// How many more there are.
    pub more: usize,
}

/// A job that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobTick {
    /// The job.
    pub job: String,
    /// When.
    pub at: Timestamp,
    /// Whether a pause covers that.
    pub is_paused: bool,
}

/// A job that is due very often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frequent {
    /// The job.
    pub job: String,
    /// The longest time between two occurrences.
    pub interval: Option<Duration>,
}

impl Mark<JobTick> {
    /// Whether pauses cover all that it tells.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.told.iter().all(|tick| tick.is_paused)
    }
}

impl Mark<Recent> {
    /// The state that is most in need of a person.
    #[must_use]
    pub fn worst(&self) -> RunState {
        self.told.iter().map(|run| run.state).min_by_key(|state| urgency(*state)).unwrap_or(RunState::Skipped)
    }
}

/// What needs a person comes first.
fn urgency(state: RunState) -> u8 {
    match state {
        RunState::Failed => 0,
        RunState::Missed => 1,
        RunState::Running => 2,
        RunState::Succeeded => 3,
        RunState::Skipped => 4,
    }
}

/// The picture of these accounts.
#[must_use]
pub fn timeline<'a>(overview: &Overview, accounts: impl IntoIterator<Item = &'a AccountStatus>) -> Timeline {
    let now = overview.at;
    let from = now.saturating_sub(PAST).unwrap_or(Timestamp::MIN);
    let until = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let drawing = Drawing { overview, from, until };
    let mut of_account: BTreeMap<&str, Vec<&Job>> = BTreeMap::new();
    for job in &overview.loaded {
        of_account.entry(job.account.as_str()).or_default().push(job);
    }
    let mut budget = MOST_LOOKED_FOR;
    let lanes = accounts.into_iter().map(|account| {
        let jobs = of_account.get(account.account.as_str()).map(Vec::as_slice).unwrap_or_default();
        drawing.lane(account, jobs, &mut budget)
    });
    Timeline { from, until, now, lanes: lanes.collect() }
}

struct Drawing<'a> {
    overview: &'a Overview,
    from: Timestamp,
    until: Timestamp,
}

impl Drawing<'_> {
    fn lane(&self, account: &AccountStatus, jobs: &[&Job], budget: &mut usize) -> Lane {
        let next_start = account.seen.as_ref().and_then(|seen| seen.backup.next_start(seen.at));
        let mut lane = Lane {
            account: account.account.as_str().to_owned(),
            bands: self.bands(jobs),
            backup: next_start.filter(|start| self.shows(*start)),
            past: self.past(account.account.as_str()),
            ..Lane::default()
        };
        let mut ticks = vec![];
        for job in jobs {
            let Some(status) = self.overview.job(job.name.as_str()) else { continue };
            if *budget == 0 {
                lane.left_out += usize::from(status.next.is_some_and(|next| next < self.until));
                continue;
            }
            let due = self.due(job, status, next_start);
            *budget = budget.saturating_sub(due.len());
            if due.len() > MOST_TICKS {
                lane.frequent.push(Frequent { job: status.job.clone(), interval: status.interval });
            } else {
                ticks.extend(due);
            }
        }
        ticks.sort_by(|a, b| (a.at, &a.job).cmp(&(b.at, &b.job)));
        lane.ticks = self.marks(ticks, |tick| tick.at);
        lane
    }

    /// When a job is due; one more than can be shown, if it is due more often.
    fn due(&self, job: &Job, status: &JobStatus, deadline: Option<Timestamp>) -> Vec<JobTick> {
        let Some(next) = status.next else { return vec![] };
        let now = self.overview.at;
        let entry = Entry::from(job).until(deadline);
        let mut cursor = now;
        let coming = std::iter::from_fn(|| {
            let upcoming = agenda::upcoming(&entry, cursor)?;
            cursor = upcoming.occurrence;
            Some(upcoming.fire_at)
        });
        // One that is spread may have its nominal instant behind it.
        let first = Some(next).filter(|next| *next > now);
        let later = coming.filter(|at| Some(*at) != first);
        let tick = |at| JobTick {
            job: status.job.clone(),
            at,
            is_paused: status.paused_until.is_some_and(|until| at < until),
        };
        first
            .into_iter()
            .chain(later)
            .take_while(|at| *at < self.until)
            .take(MOST_TICKS + 1)
            .map(tick)
            .collect()
    }

    fn bands(&self, jobs: &[&Job]) -> Vec<Band> {
        let mut windows = BTreeMap::new();
        for named in jobs.iter().filter_map(|job| job.when.window.as_ref()) {
            windows.entry(named.name.as_str()).or_insert(&named.window);
        }
        let mut bands = vec![];
        for (name, window) in windows {
            let mut at = self.from;
            for place in 1..=MOST_BANDS {
                let Some(span) = window.current_or_next(at).filter(|span| span.opens < self.until) else {
                    break;
                };
                let is_many = place == MOST_BANDS && span.closes < self.until;
                let closes = if is_many { self.until } else { span.closes.min(self.until) };
                let shown = Span { opens: span.opens.max(self.from), closes };
                bands.push(Band { window: name.to_owned(), span, shown, is_many });
                if span.closes >= self.until {
                    break;
                }
                at = span.closes;
            }
        }
        bands
    }

    fn past(&self, account: &str) -> Vec<Mark<Recent>> {
        let mut runs: Vec<Recent> = self
            .overview
            .recent
            .iter()
            .filter(|run| &*run.account == account && self.shows(run.at))
            .cloned()
            .collect();
        // Whatever else lies there, a failure is told.
        runs.sort_by_key(|run| (self.slice(run.at), urgency(run.state), run.at));
        self.marks(runs, |run| run.at)
    }

    /// In which slice of the picture an instant lies.
    fn slice(&self, at: Timestamp) -> i64 {
        let length = (self.until.as_second() - self.from.as_second()).max(1);
        (at.as_second() - self.from.as_second()) * SLICES / length
    }

    fn shows(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Makes one mark of what lies in the same slice.
    fn marks<T>(&self, things: Vec<T>, at: impl Fn(&T) -> Timestamp) -> Vec<Mark<T>> {
        let mut marks: Vec<Mark<T>> = vec![];
        for thing in things {
            let here = at(&thing);
            match marks.last_mut().filter(|mark| self.slice(mark.at) == self.slice(here)) {
                Some(mark) if mark.told.len() < MOST_TOLD => mark.told.push(thing),
                Some(mark) => mark.more += 1,
                None => marks.push(Mark { at: here, told: vec![thing], more: 0 }),
            }
        }
        marks
    }
}
