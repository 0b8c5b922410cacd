//! States as shapes: each has its own, so that they are told apart without colours too.

use anstyle::{AnsiColor, Style};
use calloff_core::overview::JobState;
use calloff_core::run::RunState;

use super::style::{DIM, coloured, style_of_state};

/// The shape of how a job stands.
pub(super) fn mark_of_job(state: JobState) -> char {
    match state {
        JobState::Armed => '●',
        JobState::Paused => '‖',
        JobState::Expired => '◌',
        JobState::Disabled => '○',
        JobState::Quarantined => '!',
    }
}

/// The style of how a job stands.
pub(super) fn style_of_job(state: JobState) -> Style {
    match state {
        JobState::Armed => coloured(AnsiColor::Green),
        JobState::Paused => coloured(AnsiColor::Yellow),
        JobState::Expired | JobState::Disabled => DIM,
        JobState::Quarantined => coloured(AnsiColor::Red).bold(),
    }
}

/// The shape of where a run stands.
pub(super) fn mark_of_run(state: RunState) -> char {
    match state {
        RunState::Running => '…',
        RunState::Succeeded => '✓',
        RunState::Skipped => '–',
        RunState::Failed => '✗',
        RunState::Missed => '?',
    }
}

/// The style of where a run stands; what failed stands out.
pub(super) fn style_of_run(state: RunState) -> Style {
    let style = style_of_state(state);
    if matches!(state, RunState::Failed | RunState::Missed) { style.bold() } else { style }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_state_has_a_shape_of_its_own_that_takes_one_column() {
        let jobs = JobState::ALL.iter().map(|state| mark_of_job(*state));
        let marks: Vec<char> = jobs.chain(RunState::ALL.iter().map(|state| mark_of_run(*state))).collect();
        assert_eq!(marks.iter().collect::<BTreeSet<_>>().len(), marks.len(), "{marks:?}");
        for mark in marks {
            assert_eq!(unicode_width::UnicodeWidthChar::width(mark), Some(1), "{mark}");
        }
    }
}
