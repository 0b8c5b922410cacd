//! How things are written on a page.

use std::time::Duration;

use calloff_core::run::RunState;
use calloff_core::text::relative;
use jiff::Timestamp;
use maud::{Markup, html};

/// An instant to the second, in UTC.
pub(super) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// An instant, as far away as it is, with the date beside it.
pub(super) fn time(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(seconds(at)) { (relative(at, now)) } }
}

/// An instant, with how far away it is.
pub(super) fn dated(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) { (seconds(at)) } " " span.dim { (relative(at, now)) } }
}

/// A duration, in whole seconds.
pub(super) fn duration(length: Duration) -> String {
    humantime::format_duration(Duration::from_secs(length.as_secs())).to_string()
}

/// A state in a shape of its own, so that it can be told without colours.
pub(super) fn glyph(state: RunState) -> &'static str {
    match state {
        RunState::Running => "…",
        RunState::Succeeded => "✓",
        RunState::Skipped => "–",
        RunState::Failed => "✗",
        RunState::Missed => "?",
    }
}

/// A state as a badge.
pub(super) fn badge(state: RunState) -> Markup {
    html! { span class={ "badge " (state.as_str()) } { span aria-hidden="true" { (glyph(state)) " " } (state.as_str()) } }
}

/// A count with its noun.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
