//! The table of jobs on a terminal. The narrower that is, the fewer columns it has; which job it is, how it stands and
//! when it is due are always there.

use calloff_core::overview::{JobState, JobStatus};
use jiff::Timestamp;

use crate::report::grid::{Cell, Grid, Row, taken};
use crate::report::marks::{mark_of_job, mark_of_run, style_of_job, style_of_run};
use crate::report::style::{DIM, WARNING};
use crate::report::time::{relative, seconds};

/// Names are broken where they take more than this, or a quarter of the terminal, before a column is left out.
const NAME: usize = 16;
/// No name is broken into less.
const LEAST_NAME: usize = 8;

/// How much is said of the newest run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// How it went, and of when it was.
    Dated,
    /// How it went, and how long ago.
    Ago,
    /// How it went.
    State,
    Nothing,
}

/// Which columns there are.
#[derive(Debug, Clone, Copy)]
struct Layout {
    account: bool,
    /// Whether the instant is shown beside how far it is.
    instant: bool,
    last: Last,
}

/// From the one that says most to the narrowest.
const LAYOUTS: [Layout; 6] = [
    Layout { account: true, instant: true, last: Last::Dated },
    Layout { account: true, instant: true, last: Last::Ago },
    Layout { account: false, instant: true, last: Last::Ago },
    Layout { account: false, instant: false, last: Last::Ago },
    Layout { account: false, instant: false, last: Last::State },
    Layout { account: false, instant: false, last: Last::Nothing },
];

/// The lines of the headings and of each job. No more than `most_below` lines say why a job stands as it does.
pub(super) fn jobs(
    jobs: &[&JobStatus],
    now: Timestamp,
    columns: usize,
    most_below: usize,
) -> (String, Vec<Vec<String>>) {
    let grids = LAYOUTS.iter().map(|layout| {
        let rows = jobs.iter().map(|job| layout.row(job, now)).collect();
        let grid = Grid { headings: layout.headings(), rows, most_below };
        let widths = grid.widths();
        (grid, widths)
    });
    let mut chosen = None;
    for (grid, widths) in grids {
        let others = taken(&widths) - widths.first().copied().unwrap_or(0);
        let name = widths.first().map_or(0, |name| (*name).min(NAME.max(columns / 4)));
        let fits = others + name <= columns;
        chosen = Some((grid, widths, columns.saturating_sub(others).max(LEAST_NAME)));
        if fits {
            break;
        }
    }
    // There is always a layout.
    let Some((grid, mut widths, room)) = chosen else { return (String::new(), vec![]) };
    if let Some(name) = widths.first_mut() {
        *name = (*name).min(room);
    }
    (grid.head(&widths), grid.body(&widths, columns))
}

impl Layout {
    fn headings(self) -> Vec<&'static str> {
        let all = [
            (true, "JOB"),
            (self.account, "ACCOUNT"),
            (true, "STATE"),
            (true, "NEXT"),
            (self.instant, ""),
            (self.last != Last::Nothing, "LAST"),
        ];
        all.into_iter().filter_map(|(is_there, heading)| is_there.then_some(heading)).collect()
    }

    fn row(self, job: &JobStatus, now: Timestamp) -> Row {
        let mut cells = vec![Cell::plain(&job.job)];
        if self.account {
            cells.push(Cell::plain(job.account.clone().unwrap_or_default()));
        }
        cells.push(Cell::new(state(job), style_of_job(job.state)));
        let away = job.next.map_or_else(String::new, |next| relative(next, now));
        if self.instant {
            cells.push(Cell::plain(job.next.map_or_else(String::new, seconds)));
        }
        cells.push(Cell::plain(away));
        if self.last != Last::Nothing {
            cells.push(last(job, self.last, now));
        }
        Row { cells, below: below(job, now) }
    }
}

fn state(job: &JobStatus) -> String {
    let held = if job.held_until.is_some() { ", held" } else { "" };
    format!("{} {}{held}", mark_of_job(job.state), job.state)
}

fn last(job: &JobStatus, how: Last, now: Timestamp) -> Cell {
    let Some(last) = job.last else { return Cell::new("never ran", DIM) };
    let state = format!("{} {}", mark_of_run(last.state), last.state);
    let of_when = match (how, last.occurrence) {
        (Last::State | Last::Nothing, _) => String::new(),
        (_, None) => format!(", {}", last.trigger),
        (Last::Dated, Some(at)) => format!(" {}", seconds(at)),
        (Last::Ago, Some(at)) => format!(" {}", relative(at, now)),
    };
    Cell::new(state + &of_when, style_of_run(last.state))
}

/// Why it stands so, and until when.
fn below(job: &JobStatus, now: Timestamp) -> Vec<(String, anstyle::Style)> {
    let until = |at: Timestamp| format!("until {}, {}", seconds(at), relative(at, now));
    let mut below = vec![];
    match (job.paused_until, &job.reason) {
        (Some(at), reason) => {
            let reason = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            // It may be switched off or have had its day besides.
            let paused = if job.state == JobState::Paused { "" } else { "paused " };
            below.push((format!("{paused}{}{reason}", until(at)), DIM));
        }
        (None, Some(reason)) => {
            let style = if job.state == JobState::Quarantined { WARNING } else { DIM };
            below.push((reason.clone(), style));
        }
        (None, None) => {}
    }
    if let Some(closes) = job.held_until {
        below.push((format!("held {}", until(closes)), DIM));
    }
    below
}
