//! Runs: what has become of them.

use std::fmt::Write as _;
use std::time::Duration;

use calloff_core::outcome::{Outcome, Standing};
use calloff_core::run::{Run, Target, Trigger};

use super::style::{BOLD, DIM, style_of, style_of_state, styled};
use super::text::line;

/// Successful targets of one run that are listed one by one; of more, the rest is only counted.
const LISTED: usize = 20;

/// A run with its targets, for a person who has just set it off.
#[must_use]
pub fn run(run: &Run) -> String {
    let mut text = format!(
        "{} {} {}\n",
        styled(BOLD, &run.job),
        styled(style_of_state(run.state), run.state),
        styled(DIM, circumstances(run))
    );
    if let Some(drift) = run.reason.as_ref().filter(|_| run.trigger == Trigger::Hold) {
        line(&mut text, format_args!("  {drift}"));
    }
    let width = run.targets.iter().map(|target| target.backup.as_str().len()).max().unwrap_or(0);
    let mut unlisted = 0;
    for (position, target) in run.targets.iter().enumerate() {
        let failed = target.outcome.is_none_or(|outcome| outcome.standing() == Standing::Failure);
        if failed || position < LISTED {
            text.push_str(&target_lines(target, width));
        } else {
            unlisted += 1;
        }
    }
    if unlisted > 0 {
        line(&mut text, format_args!("  and {unlisted} more that did not fail"));
    }
    text
}

fn circumstances(run: &Run) -> String {
    let mut parts = vec![format!("account {}", run.account)];
    if let Some(occurrence) = run.occurrence {
        parts.push(format!("due {occurrence}"));
    }
    if let Some(missed) = run.missed {
        parts.push(format!("{missed} missed"));
    }
    if let Some(late) = run.lateness_ms.filter(|late| *late > 60_000) {
        let late = Duration::from_secs(u64::try_from(late / 1000).unwrap_or(0));
        parts.push(format!("{} late", humantime::format_duration(late)));
    }
    format!("({})", parts.join(", "))
}

fn target_lines(target: &Target, width: usize) -> String {
    let word = target.outcome.map_or("pending", Outcome::as_str);
    let mut text = format!(
        "  {:width$}  {}  {}",
        target.backup.as_str(),
        styled(style_of(target.outcome), format_args!("{word:<17}")),
        attempts(target.attempts)
    );
    if target.verified == Some(true) {
        text.push_str(", verified");
    }
    if let Some(answer) = answer(target) {
        write!(text, "  {answer}").unwrap_or_default();
    }
    text.push('\n');
    let indent = width + 4;
    for (label, detail) in [("why", &target.reason), ("next", &target.hint)] {
        if let Some(detail) = detail {
            line(&mut text, format_args!("{:indent$}{} {detail}", "", styled(DIM, format_args!("{label}:"))));
        }
    }
    text
}

fn attempts(count: u32) -> String {
    match count {
        0 => "no cancel sent".to_owned(),
        1 => "1 attempt".to_owned(),
        count => format!("{count} attempts"),
    }
}

/// What Zoho said, unless it is what the outcome says anyway.
fn answer(target: &Target) -> Option<String> {
    match (&target.code, &target.message, target.outcome) {
        (_, _, Some(Outcome::Cancelled)) => None,
        (Some(code), Some(message), _) => Some(format!("{code}: {message}")),
        (code, message, _) => code.clone().or_else(|| message.clone()),
    }
}
