//! `[when]`, `[hold]` and `[restore]` of a job: checked in full, and without behaviour yet.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use super::reader::{Problems, Span, Table, Value, bare, did_you_mean};
use crate::diagnostic::Code;

/// Zoho's words for the state of a backup.
const STATUSES: [(&str, ()); 5] =
    [("SCHEDULED", ()), ("INPROGRESS", ()), ("COMPLETED", ()), ("STOPPED", ()), ("FAILED", ())];

/// Checks the three tables; `windows` are the names there are, if they can be told.
pub(super) fn conditions(root: &mut Table<'_>, windows: Option<&BTreeSet<String>>, problems: &mut Problems) {
    let (when_value, hold_value, restore_value) =
        (root.take("when"), root.take("hold"), root.take("restore"));
    let has_window = when_value.is_some_and(|value| when(&value, windows, problems));
    if let Some(value) = hold_value {
        hold(&value, problems);
        if !has_window {
            no_window(value.key_span(), "`hold` lasts until a window closes", problems);
        }
    }
    if let Some(value) = restore_value {
        restore(&value, problems);
        if !has_window {
            no_window(value.key_span(), "`restore` comes when a window closes", problems);
        }
    }
}

fn no_window(span: Range<usize>, what: &str, problems: &mut Problems) {
    problems
        .add(Code::Contradiction, span, format!("{what}, and the job has none"))
        .help("add `window = \"NAME\"` to `[when]`")
        .absence();
}

/// Checks `[when]`; true if it has a window.
fn when(value: &Value<'_>, windows: Option<&BTreeSet<String>>, problems: &mut Problems) -> bool {
    let Some(mut table) = value.table(problems, "`[when]`".into()) else { return true };
    let mut take = |key, problems: &mut Problems| {
        let value = table.take(key)?;
        problems.not_supported(value.key_span(), &format!("the condition `{key}`"));
        Some(value)
    };
    let window_value = take("window", problems);
    if let Some(value) = &window_value {
        window(value, windows, problems);
    }
    if let Some(value) = take("status", problems) {
        statuses(&value, problems);
    }
    for key in ["due_within", "last_good_backup_within"] {
        if let Some(value) = take(key, problems) {
            value.duration(problems, Span::from(Duration::from_secs(1)));
        }
    }
    if let Some(value) = take("due_in_window", problems)
        && value.flag(problems) == Some(true)
        && window_value.is_none()
    {
        no_window(value.key_span(), "`due_in_window` needs a window", problems);
    }
    table.finish(problems);
    window_value.is_some()
}

fn window(value: &Value<'_>, windows: Option<&BTreeSet<String>>, problems: &mut Problems) {
    let Some(name) = value.line(problems, 64) else { return };
    let Some(windows) = windows.filter(|windows| !windows.contains(name)) else { return };
    let help = did_you_mean(name, windows.iter().map(String::as_str))
        .unwrap_or_else(|| "add `[[windows.NAME]]` to calloff.toml".to_owned());
    let message = format!("there is no window `{}` in calloff.toml", bare(name));
    problems.add(Code::UnknownWindow, value.span(), message).help(help);
}

fn statuses(value: &Value<'_>, problems: &mut Problems) {
    const HELP: &str = "write an array such as `status = [\"SCHEDULED\"]`";
    let Some(words) = value.array(problems, HELP) else { return };
    if words.is_empty() {
        problems
            .add(Code::BadText, value.span(), "`status` is empty, so that it would never hold")
            .help(HELP);
    }
    for word in words {
        word.word(problems, &STATUSES);
    }
}

fn hold(value: &Value<'_>, problems: &mut Problems) {
    problems.not_supported(value.key_span(), "`hold`");
    let Some(mut table) = value.table(problems, "`[hold]`".into()) else { return };
    if let Some(poll) = table.take("poll") {
        poll.duration(problems, Span::from(Duration::from_secs(1)).to(Duration::from_hours(24)));
    }
    if let Some(on_drift) = table.take("on_drift") {
        on_drift.word(problems, &[("cancel", ()), ("report", ())]);
    }
    table.finish(problems);
}

fn restore(value: &Value<'_>, problems: &mut Problems) {
    problems.not_supported(value.key_span(), "`restore`");
    let Some(mut table) = value.table(problems, "`[restore]`".into()) else { return };
    if let Some(after) = table.take("after") {
        after.word(problems, &[("window", ())]);
    }
    table.finish(problems);
}
