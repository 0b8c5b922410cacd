//! What text looks like.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};
use calloff_core::forecast::Action;
use calloff_core::outcome::{Outcome, Standing};
use calloff_core::run::RunState;

/// Bold, for headings and names.
pub const BOLD: Style = Style::new().bold();
/// Dimmed, for what is secondary.
pub const DIM: Style = Style::new().dimmed();

/// For what a person should see to.
pub const WARNING: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));

/// The style of an outcome's word; plain if there is none.
#[must_use]
pub fn style_of(outcome: Option<Outcome>) -> Style {
    coloured(match outcome.map(Outcome::standing) {
        Some(Standing::Success) => AnsiColor::Green,
        Some(Standing::Neutral) => AnsiColor::Blue,
        Some(Standing::Failure) => AnsiColor::Red,
        None => return Style::new(),
    })
}

/// The style of a run's state.
pub(super) fn style_of_state(state: RunState) -> Style {
    coloured(match state {
        RunState::Succeeded => AnsiColor::Green,
        RunState::Skipped => AnsiColor::Blue,
        RunState::Running => AnsiColor::Yellow,
        RunState::Failed | RunState::Missed => AnsiColor::Red,
    })
}

/// The style of what a run would do: that of the outcome it would have. A cancel is what people look for.
pub(super) fn style_of_action(action: Action) -> Style {
    match action {
        Action::Cancel => style_of(Some(Outcome::Cancelled)).bold(),
        Action::Skip => style_of(Some(Outcome::Skipped)),
        Action::AlreadyCancelled => style_of(Some(Outcome::AlreadyCancelled)),
        Action::TooLate => style_of(Some(Outcome::TooLate)),
        Action::NotFound => style_of(Some(Outcome::NotFound)),
        Action::Unknown => coloured(AnsiColor::Yellow),
    }
}

/// A colour as a style.
pub(super) fn coloured(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into()))
}

/// A text in a style.
pub fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
