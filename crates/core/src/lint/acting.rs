//! The occurrences at which a job may act: those that become due inside its window.

use jiff::Timestamp;

use super::horizon;
use crate::agenda::{Entry, Upcoming, upcoming};
use crate::config::Job;
use crate::instant::just_before;
use crate::window::Window;

/// Occurrences looked at of one job, at most: more than it has of one an hour.
const MOST_STEPS: u32 = 10_000;

/// Why a job will not act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeverActs {
    /// When its next occurrence becomes due.
    pub due: Timestamp,
    /// When its window opens next; `None` if it is open for the last time.
    pub opening: Option<Timestamp>,
}

/// Whether none of the occurrences in the 13 months after `from` falls into the job's window.
///
/// `None` also if the job has no window, is switched off or has no occurrence in that time, and if its window never
/// opens again, which is a fault of the window.
#[must_use]
pub fn never_acts(job: &Job, from: Timestamp) -> Option<NeverActs> {
    let acting = Acting::of(job);
    let window = acting.window?;
    let until = horizon(from);
    let next = upcoming(&acting.entry, from).filter(|next| job.enabled && next.fire_at <= until)?;
    match acting.next(from, until, &mut { MOST_STEPS }) {
        Ok(None) => {
            window.current_or_next(from)?;
            Some(NeverActs { due: next.fire_at, opening: window.next_opening(from) })
        }
        Ok(Some(_)) | Err(OutOfSteps) => None,
    }
}

/// What of a job says when it may act.
pub(super) struct Acting<'a> {
    pub(super) entry: Entry<'a>,
    window: Option<&'a Window>,
}

/// The bound on the work was reached.
pub(super) struct OutOfSteps;

impl<'a> Acting<'a> {
    pub(super) fn of(job: &'a Job) -> Self {
        Self { entry: job.into(), window: job.when.window.as_deref().map(|named| &named.window) }
    }

    /// The first occurrence after `cursor` that is due by `until` and inside the window. What lies between two openings
    /// of the window is leapt over.
    ///
    /// # Errors
    ///
    /// If it is not found in as many `steps` as there are, which are used up on the way.
    pub(super) fn next(
        &self,
        mut cursor: Timestamp,
        until: Timestamp,
        steps: &mut u32,
    ) -> Result<Option<Upcoming>, OutOfSteps> {
        loop {
            *steps = steps.checked_sub(1).ok_or(OutOfSteps)?;
            let Some(next) = upcoming(&self.entry, cursor).filter(|next| next.fire_at <= until) else {
                return Ok(None);
            };
            let Some(window) = self.window.filter(|window| !window.contains(next.fire_at)) else {
                return Ok(Some(next));
            };
            let Some(opening) = window.next_opening(next.fire_at) else { return Ok(None) };
            cursor = next.occurrence.max(self.too_early_for(opening));
        }
    }

    /// The last instant whose occurrence is due before `at`, whatever its share of the jitter.
    pub(super) fn too_early_for(&self, at: Timestamp) -> Timestamp {
        just_before(at.saturating_sub(self.entry.jitter).unwrap_or(Timestamp::MIN))
    }
}
