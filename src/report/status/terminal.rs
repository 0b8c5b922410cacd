//! For a person at a terminal: counts, then what is most pressing, fitted to the width and if need be to the height.

use calloff_core::overview::{JobState, JobStatus, StandingDebt};
use calloff_core::run::RunState;
use jiff::Timestamp;

use super::{Extent, Standing, jobs, plain};
use crate::report::marks::{mark_of_job, mark_of_run, style_of_job, style_of_run};
use crate::report::restores::owed;
use crate::report::style::{BOLD, DIM, WARNING, styled};
use crate::report::text::{columns, cut, flowing, width as width_of, wrapped};
use crate::report::time::relative;

/// Jobs of a kind that are shown unless all are asked for: those that need a person, and those that come next.
const MOST: usize = 50;
/// Lines that say why a job stands as it does, where lines are scarce.
const MOST_BELOW: usize = 2;

pub(super) fn status(standing: &Standing<'_>, extent: Extent, width: u16) -> String {
    let columns = columns(Some(width));
    // Sorting is stable: what comes at the same time stays in the order of names.
    let mut sorted: Vec<&JobStatus> = standing.jobs.iter().collect();
    sorted.sort_by_key(|job| job.precedence());
    let lines = match extent {
        Extent::Lines(room) => within(standing, &sorted, columns, room),
        Extent::All => whole(standing, &sorted, columns, width),
        Extent::Brief => {
            let (pressing, others) = sorted.split_at(pressing(&sorted));
            let shown =
                pressing.iter().take(MOST).chain(others.iter().take(MOST)).copied().collect::<Vec<_>>();
            whole(standing, &shown, columns, width)
        }
    };
    lines.join("\n") + "\n"
}

/// How many of the first jobs need a person, or have been overridden by one.
fn pressing(sorted: &[&JobStatus]) -> usize {
    sorted.iter().take_while(|job| job.is_pressing()).count()
}

/// As many lines as it takes.
fn whole(standing: &Standing<'_>, shown: &[&JobStatus], columns: usize, width: u16) -> Vec<String> {
    let mut lines: Vec<String> =
        owed(standing.debts, standing.now, Some(width)).lines().map(str::to_owned).collect();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.extend(counts(standing.jobs, columns));
    lines.push(String::new());
    let (head, rows) = jobs::jobs(shown, standing.now, columns, usize::MAX);
    lines.push(head);
    lines.extend(rows.into_iter().flatten());
    lines.extend(more(standing.jobs.len() - shown.len(), "calloff status --all"));
    lines.push(String::new());
    lines.extend(foot(standing, columns, usize::MAX));
    lines
}

/// As much as has room in so many lines.
fn within(standing: &Standing<'_>, sorted: &[&JobStatus], columns: usize, room: usize) -> Vec<String> {
    let third = (room / 3).max(1);
    let mut lines = debts(standing.debts, standing.now, columns, third);
    lines.extend(counts(standing.jobs, columns).into_iter().take(third));
    let foot = foot(standing, columns, third);
    // A job takes a line at least.
    let candidates = &sorted[..room.min(sorted.len())];
    let (head, rows) = jobs::jobs(candidates, standing.now, columns, MOST_BELOW);
    lines.push(head);
    let left = room.saturating_sub(lines.len() + foot.len());
    let shown = fitting(&rows, sorted.len(), left);
    lines.extend(rows.into_iter().take(shown).flatten());
    lines.extend(more(sorted.len() - shown, "calloff status --all").filter(|_| left > 0));
    lines.extend(foot);
    lines.truncate(room);
    lines
}

/// How many of the first rows have room, and if that is not all, a line that says so.
fn fitting(rows: &[Vec<String>], all: usize, room: usize) -> usize {
    let mut taken = 0;
    for (shown, row) in rows.iter().enumerate() {
        let is_last = shown + 1 == all;
        if taken + row.len() + usize::from(!is_last) > room {
            return shown;
        }
        taken += row.len();
    }
    rows.len()
}

fn more(left: usize, command: &str) -> impl Iterator<Item = String> {
    (left > 0).then(|| styled(DIM, format_args!("… and {left} more: {command}"))).into_iter()
}

/// How many jobs there are in each state, and of how many the newest run did not go well.
fn counts(jobs: &[JobStatus], columns: usize) -> Vec<String> {
    let many = format!("{} {}", jobs.len(), if jobs.len() == 1 { "job" } else { "jobs" });
    let mut parts = vec![(styled(BOLD, &many), width_of(&many))];
    let mut part = |style, count: usize, mark: char, word: &str| {
        let said = format!("{mark} {count} {word}");
        if count > 0 {
            parts.push((styled(style, &said), width_of(&said)));
        }
    };
    let pressing_first =
        [JobState::Quarantined, JobState::Paused, JobState::Armed, JobState::Expired, JobState::Disabled];
    for state in pressing_first {
        let count = jobs.iter().filter(|job| job.state == state).count();
        part(style_of_job(state), count, mark_of_job(state), state.as_str());
    }
    for state in [RunState::Failed, RunState::Missed, RunState::Running] {
        let count = jobs.iter().filter(|job| job.last.is_some_and(|last| last.state == state)).count();
        part(style_of_run(state), count, mark_of_run(state), state.as_str());
    }
    flowing(parts, 2, columns).lines().map(str::to_owned).collect()
}

/// What is owed, on a line each.
fn debts(debts: &[StandingDebt], now: Timestamp, columns: usize, most: usize) -> Vec<String> {
    let shown = if debts.len() > most { most.saturating_sub(1) } else { debts.len() };
    let line = |standing: &StandingDebt| {
        let (debt, due) = (&standing.debt, relative(standing.due(now), now));
        let refused = if debt.tries > 0 { ", refused so far" } else { "" };
        format!(
            "owed: restore in {} (job {}), due {due}{refused}: {}",
            debt.account, debt.job, debt.pre_image.rrule
        )
    };
    let left = debts.len() - shown;
    let rest = (left > 0).then(|| format!("owed: {left} more: calloff restore list"));
    let lines = debts.iter().take(shown).map(line).chain(rest);
    lines.map(|said| styled(WARNING, cut(&said, columns))).collect()
}

/// The daemon, and what is not as it should be.
fn foot(standing: &Standing<'_>, columns: usize, most: usize) -> Vec<String> {
    let wrong = plain::degraded(standing).into_iter().map(|said| (said, WARNING));
    let said = wrong.chain(plain::daemon(standing).into_iter().map(|said| (said, DIM)));
    let mut lines: Vec<String> = said
        .flat_map(|(said, style)| wrapped(&said, columns).into_iter().map(move |line| styled(style, line)))
        .collect();
    // Where there is no room for all, it is what is wrong that counts.
    lines.truncate(most);
    lines
}
