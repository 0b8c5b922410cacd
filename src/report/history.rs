//! What happened, run by run.

use std::fmt::Write as _;

use calloff_core::outcome::{Outcome, Standing};
use calloff_core::run::{Run, RunState, Target, Trigger};
use comfy_table::Cell as Plain;
use jiff::Timestamp;

use super::grid::{Cell, Grid, Row, taken};
use super::marks::{mark_of_run, style_of_run};
use super::style::{DIM, style_of, style_of_state, styled};
use super::table::table;
use super::text::columns;
use super::time::{minutes, seconds};

/// Names are broken where they take more than this, or a quarter of the terminal, before a column is left out.
const NAME: usize = 16;
/// No name is broken into less.
const LEAST_NAME: usize = 8;
/// What became of the targets is broken into lines of this before a column is left out.
const TARGETS: usize = 24;
/// Targets of one run of which it is said why they failed.
const MOST_FAILURES: usize = 3;

/// Runs as a table, one line each where nobody reads along; `width` is that of the terminal, if there is one.
#[must_use]
pub fn history(runs: &[Run], width: Option<u16>) -> String {
    match width {
        None => plain(runs),
        Some(_) => terminal(runs, columns(width)),
    }
}

fn plain(runs: &[Run]) -> String {
    let mut table = table(["BEGAN", "JOB", "ACCOUNT", "TRIGGER", "STATE", "TARGETS"], None);
    for run in runs {
        table.add_row([
            Plain::new(run.started_at.or(run.occurrence).map_or_else(String::new, seconds)),
            Plain::new(&run.job),
            Plain::new(run.account.as_str()),
            Plain::new(run.trigger),
            Plain::new(styled(style_of_state(run.state), run.state)),
            Plain::new(coloured(&summary(run))),
        ]);
    }
    format!("{table}\n")
}

/// Which columns there are.
#[derive(Debug, Clone, Copy)]
struct Layout {
    began: fn(Timestamp) -> String,
    account: bool,
    trigger: bool,
    /// Whether what became of the targets is a column; else it hangs below.
    targets: bool,
}

/// From the one that says most to the narrowest.
const LAYOUTS: [Layout; 5] = [
    Layout { began: seconds, account: true, trigger: true, targets: true },
    Layout { began: seconds, account: false, trigger: true, targets: true },
    Layout { began: seconds, account: false, trigger: false, targets: true },
    Layout { began: minutes, account: false, trigger: false, targets: true },
    Layout { began: minutes, account: false, trigger: false, targets: false },
];

fn terminal(runs: &[Run], columns: usize) -> String {
    let mut chosen = None;
    for layout in LAYOUTS {
        let rows = runs.iter().map(|run| layout.row(run)).collect();
        let grid = Grid { headings: layout.headings(), rows, most_below: usize::MAX };
        let mut widths = grid.widths();
        let fits = layout.narrow(&mut widths, columns);
        chosen = Some((grid, widths));
        if fits {
            break;
        }
    }
    // There is always a layout.
    let Some((grid, widths)) = chosen else { return String::new() };
    let body = grid.body(&widths, columns).into_iter().flatten();
    let lines: Vec<String> = std::iter::once(grid.head(&widths)).chain(body).collect();
    lines.join("\n") + "\n"
}

impl Layout {
    fn headings(self) -> Vec<&'static str> {
        let all = [
            (true, "BEGAN"),
            (true, "JOB"),
            (self.account, "ACCOUNT"),
            (self.trigger, "TRIGGER"),
            (true, "STATE"),
            (self.targets, "TARGETS"),
        ];
        all.into_iter().filter_map(|(is_there, heading)| is_there.then_some(heading)).collect()
    }

    /// Narrows names and what became of targets so that all has room; gives whether it does.
    fn narrow(self, widths: &mut [usize], columns: usize) -> bool {
        let all = taken(widths);
        // The time is before the name.
        let Some((name, after)) = widths.get_mut(1..).and_then(<[usize]>::split_first_mut) else {
            return true;
        };
        let mut nothing = 0;
        let targets = if self.targets { after.last_mut().unwrap_or(&mut nothing) } else { &mut nothing };
        let room = columns.saturating_sub(all - *name - *targets);
        if self.targets {
            // Short names stay whole; the rest goes to what became of the targets.
            *name = (*name).min(NAME.max(columns / 4));
            *targets = (*targets).min(room.saturating_sub(*name).max(TARGETS));
        } else {
            *name = (*name).min(room.max(LEAST_NAME));
        }
        taken(widths) <= columns
    }

    fn row(self, run: &Run) -> Row {
        let mut cells = vec![
            Cell::plain(run.started_at.or(run.occurrence).map_or_else(String::new, self.began)),
            Cell::plain(&run.job),
        ];
        if self.account {
            cells.push(Cell::plain(run.account.as_str()));
        }
        if self.trigger {
            cells.push(Cell::plain(run.trigger.to_string()));
        }
        let state = format!("{} {}", mark_of_run(run.state), run.state);
        cells.push(Cell::new(state, style_of_run(run.state)));
        let mut below = failures(run);
        if self.targets {
            cells.push(Cell { highlight: Some(coloured), ..Cell::plain(summary(run)) });
        } else {
            below.insert(0, (summary(run), anstyle::Style::new()));
        }
        Row { cells, below }
    }
}

/// Why targets failed, and what to do next, each said once.
fn failures(run: &Run) -> Vec<(String, anstyle::Style)> {
    if !matches!(run.state, RunState::Failed | RunState::Missed) {
        return vec![];
    }
    let failed =
        run.targets.iter().filter(|it| it.outcome.is_some_and(|it| it.standing() == Standing::Failure));
    let mut said: Vec<String> = vec![];
    for target in failed {
        let why = target.reason.as_ref().or(target.message.as_ref()).map(|why| format!("why: {why}"));
        let next = target.hint.as_ref().map(|next| format!("next: {next}"));
        let line = why.into_iter().chain(next).collect::<Vec<_>>().join("; ");
        if !line.is_empty() && !said.contains(&line) {
            said.push(line);
        }
    }
    let more = said.len().saturating_sub(MOST_FAILURES);
    said.truncate(MOST_FAILURES);
    if more > 0 {
        said.push(format!("and {more} more reasons: calloff history --json"));
    }
    said.into_iter().map(|line| (line, DIM)).collect()
}

/// Why nothing was sent for any of these targets, where that is all there is to say of them.
fn unsent_because(targets: &[&Target]) -> String {
    match targets {
        [Target { reason: Some(reason), .. }, ..]
            if targets
                .iter()
                .all(|target| target.attempts == 0 && target.reason.as_ref() == Some(reason)) =>
        {
            format!(": {reason}")
        }
        _ => String::new(),
    }
}

/// What became of a run's targets, such as `2 cancelled, 1 too_late (INPROGRESS)`.
fn summary(run: &Run) -> String {
    if let Some(missed) = run.missed {
        return format!("{missed} occurrence{} missed", if missed == 1 { "" } else { "s" });
    }
    let mut parts = vec![];
    for &outcome in Outcome::ALL {
        let of_it: Vec<&Target> =
            run.targets.iter().filter(|target| target.outcome == Some(outcome)).collect();
        let Some(first) = of_it.first() else { continue };
        let mut part = format!("{} {outcome}", of_it.len());
        let tries = of_it.iter().map(|target| target.attempts).max().unwrap_or(0);
        if tries > 1 {
            write!(part, " after {tries} attempts").unwrap_or_default();
        }
        match (outcome, &first.code) {
            (Outcome::Contradicted, _) => part.push_str(" (still shown)"),
            (_, Some(code)) if outcome.standing() == Standing::Failure => {
                write!(part, " ({code})").unwrap_or_default();
            }
            _ => part.push_str(&unsent_because(&of_it)),
        }
        let unverified =
            of_it.iter().filter(|target| target.is_success() && target.verified == Some(false)).count();
        if unverified > 0 {
            let how_many = if unverified == of_it.len() { String::new() } else { format!("{unverified} ") };
            write!(part, " ({how_many}not verified)").unwrap_or_default();
        }
        parts.push(part);
    }
    let pending = run.targets.iter().filter(|target| target.outcome.is_none()).count();
    if pending > 0 {
        parts.push(format!("{pending} under way"));
    }
    // What a look at a held window has found is why there is a run at all.
    let drift = run.reason.iter().filter(|_| run.trigger == Trigger::Hold).cloned();
    std::iter::once(parts.join(", ")).chain(drift).collect::<Vec<_>>().join("; ")
}

/// The same, or a line of it, with its outcomes in their colours: they are the words behind counts.
fn coloured(line: &str) -> String {
    let mut is_counted = true;
    let words = line.split(' ').map(|word| {
        let name = word.trim_end_matches([',', ':', ';']);
        let outcome = Outcome::parse(name).filter(|_| is_counted);
        is_counted = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        match outcome {
            Some(outcome) => format!("{}{}", styled(style_of(Some(outcome)), name), &word[name.len()..]),
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use calloff_core::ids::BackupRef;
    use insta::assert_snapshot;

    use super::super::fixture::{BACKUP, at_widths, shown, ts};
    use super::super::text::width as width_of;
    use super::*;

    fn run(job: &str, trigger: Trigger, state: RunState, outcomes: &[Option<Outcome>]) -> Run {
        let targets = outcomes.iter().map(|outcome| {
            let backup = if trigger == Trigger::CatchUp { "current" } else { BACKUP };
            let mut target = Target::pending(BackupRef::parse(backup).unwrap());
            if let Some(outcome) = outcome {
                target.end(*outcome, None);
            }
            target
        });
        Run {
            run_id: "019ab6a1-7c3e-7000-8a55-0123456789ab".parse().unwrap(),
            job: job.to_owned(),
            account: "acme".parse().unwrap(),
            trigger,
            occurrence: Some(ts("2026-11-27T16:30:00Z")),
            state,
            started_at: Some(ts("2026-11-27T16:30:12Z")),
            finished_at: None,
            lateness_ms: None,
            missed: None,
            reason: None,
            targets: targets.collect(),
        }
    }

    fn runs() -> Vec<Run> {
        let mut tried =
            run("crm-import", Trigger::Schedule, RunState::Succeeded, &[Some(Outcome::Cancelled); 2]);
        for target in &mut tried.targets {
            (target.attempts, target.verified) = (3, Some(false));
        }
        let mut failed = run(
            "accounts/emea/quarterly-closing-of-the-books",
            Trigger::Schedule,
            RunState::Failed,
            &[Some(Outcome::AlreadyCancelled), Some(Outcome::TooLate)],
        );
        failed.targets[1].code = Some("INPROGRESS".to_owned());
        let mut skipped = run("night-watch", Trigger::CatchUp, RunState::Skipped, &[Some(Outcome::Skipped)]);
        skipped.targets[0].reason = Some(
            "`due_within` did not hold: wanted a next start at most 12h ahead, found in 23h 59m".to_owned(),
        );
        let mut missed = run("release-freeze", Trigger::Schedule, RunState::Missed, &[Some(Outcome::Missed)]);
        missed.stand_for_missed();
        missed.missed = Some(3);
        let running = run("(manual)", Trigger::Manual, RunState::Running, &[Some(Outcome::Cancelled), None]);
        vec![tried, failed, skipped, missed, running]
    }

    #[test]
    fn a_terminal_is_shown_what_fits_it_and_why_a_run_failed() {
        assert_snapshot!(at_widths([60, 80, 120], |width| shown(&history(&runs(), width))));
    }

    #[test]
    fn states_and_outcomes_have_colours() {
        assert_snapshot!(history(&runs(), Some(120)).replace('\u{1b}', "␛"));
    }

    #[test]
    fn where_nobody_reads_along_there_is_a_line_for_each_run() {
        assert_snapshot!(shown(&history(&runs(), None)));
    }

    #[test]
    fn no_line_is_too_long_and_no_name_is_cut() {
        for width in 40..140 {
            let text = shown(&history(&runs(), Some(width)));
            assert!(text.lines().all(|line| width_of(line) <= usize::from(width)), "{width}: {text}");
            for word in ["night-watch", "too_late", "INPROGRESS", "missed"] {
                // There may be room for half of the name only.
                assert!(text.contains(word) || (width < 44 && word.len() > 10), "{width}: {text}");
            }
        }
    }
}
