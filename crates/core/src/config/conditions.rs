//! `[when]`, `[hold]` and `[restore]` of a job.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::model::{Hold, OnDrift};
use super::reader::{Problems, Span, Table, Value, bare, did_you_mean};
use super::windows::Windows;
use crate::condition::{Conditions, NamedWindow};
use crate::diagnostic::Code;
use crate::live::STATUSES;
use crate::window::Window;

/// What the three tables come to.
pub(super) struct Read {
    pub(super) conditions: Conditions,
    pub(super) hold: Option<Hold>,
    pub(super) restore: bool,
    /// Where the window's name stands, if it has one.
    pub(super) window: Option<Range<usize>>,
}

/// Reads the three tables; `windows` are those there are, if they can be told.
pub(super) fn conditions(
    root: &mut Table<'_>,
    windows: Option<&Windows>,
    problems: &mut Problems,
) -> Option<Read> {
    let (when_value, hold_value, restore_value) =
        (root.take("when"), root.take("hold"), root.take("restore"));
    let (conditions, window, has_window) = when_value
        .map_or((Some(Conditions::default()), None, false), |value| when(&value, windows, problems));
    let hold = optional(hold_value.as_ref(), |value| hold(value, problems));
    if let (Some(value), false) = (&hold_value, has_window) {
        no_window(value.key_span(), "`hold` lasts until a window closes", "", problems);
    }
    let restore = restore_value.as_ref().is_none_or(|value| restore(value, problems));
    if let (Some(value), false) = (&restore_value, has_window) {
        let scope = "; the restore will need the scope ZohoCRM.bulk.backup.CREATE as well";
        no_window(value.key_span(), "`restore` comes when a window closes", scope, problems);
    }
    if !restore {
        return None;
    }
    Some(Read { conditions: conditions?, hold: hold?, restore: restore_value.is_some(), window })
}

fn no_window(span: Range<usize>, what: &str, besides: &str, problems: &mut Problems) {
    problems
        .add(Code::Contradiction, span, format!("{what}, and the job has none"))
        .help(format!("add `window = \"NAME\"` to `[when]`{besides}"))
        .absence();
}

/// Reads `[when]`, and says where it names a window, and whether it may, be it a wrong one.
fn when(
    value: &Value<'_>,
    windows: Option<&Windows>,
    problems: &mut Problems,
) -> (Option<Conditions>, Option<Range<usize>>, bool) {
    let Some(mut table) = value.table(problems, "`[when]`".into()) else { return (None, None, true) };
    let window_value = table.take("window");
    let window = optional(window_value.as_ref(), |value| window(value, windows, problems));
    let status = optional(table.take("status").as_ref(), |value| statuses(value, problems));
    let second = Span::from(Duration::from_secs(1));
    let due_within = optional(table.take("due_within").as_ref(), |value| value.duration(problems, second));
    let due_in_window_value = table.take("due_in_window");
    let due_in_window = optional(due_in_window_value.as_ref(), |value| value.flag(problems));
    let last_good_backup_within =
        optional(table.take("last_good_backup_within").as_ref(), |value| value.duration(problems, second));
    if let (Some(value), Some(Some(true)), None) = (&due_in_window_value, due_in_window, &window_value) {
        no_window(value.key_span(), "`due_in_window` needs a window", "", problems);
    }
    table.finish(problems);
    let conditions = (|| {
        Some(Conditions {
            window: window?,
            status: status?,
            due_within: due_within?,
            due_in_window: due_in_window?.unwrap_or(false),
            last_good_backup_within: last_good_backup_within?,
        })
    })();
    let place = window_value.map(|value| value.span());
    let has_window = place.is_some();
    (conditions, place, has_window)
}

/// What a key that may be absent comes to: `None` if it is there and wrong.
#[expect(
    clippy::option_option,
    reason = "the outer one is whether it is right, the inner one whether it is there"
)]
fn optional<T>(value: Option<&Value<'_>>, read: impl FnOnce(&Value<'_>) -> Option<T>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn window(value: &Value<'_>, windows: Option<&Windows>, problems: &mut Problems) -> Option<Arc<NamedWindow>> {
    let name = value.line(problems, 64)?;
    // What can't be told, or is wrong and has been reported where it stands, is not held against the job.
    let stand_in = || Arc::new(NamedWindow { name: name.to_owned(), window: Window::new(Vec::new()) });
    let Some(windows) = windows else { return Some(stand_in()) };
    if let Some(window) = windows.get(name) {
        return Some(window.clone().unwrap_or_else(stand_in));
    }
    let help = did_you_mean(name, windows.keys().map(String::as_str))
        .unwrap_or_else(|| "add `[[windows.NAME]]` to calloff.toml".to_owned());
    let message = format!("there is no window `{}` in calloff.toml", bare(name));
    problems.add(Code::UnknownWindow, value.span(), message).help(help);
    None
}

fn statuses(value: &Value<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    const HELP: &str = "write an array such as `status = [\"SCHEDULED\"]`";
    let words = value.array(problems, HELP)?;
    if words.is_empty() {
        problems
            .add(Code::BadText, value.span(), "`status` is empty, so that it would never hold")
            .help(HELP);
        return None;
    }
    let known = STATUSES.map(|status| (status, status.to_owned()));
    let read: Vec<_> = words.iter().map(|word| word.word(problems, &known)).collect();
    read.into_iter().collect()
}

/// How long it is between two looks at a held account, unless the job says otherwise.
const POLL: Duration = Duration::from_mins(5);

fn hold(value: &Value<'_>, problems: &mut Problems) -> Option<Hold> {
    let mut table = value.table(problems, "`[hold]`".into())?;
    let bounds = Span::from(Duration::from_secs(1)).to(Duration::from_hours(24));
    let poll = table.take("poll").map_or(Some(POLL), |poll| poll.duration(problems, bounds));
    let words = [("cancel", OnDrift::Cancel), ("report", OnDrift::Report)];
    let on_drift =
        table.take("on_drift").map_or(Some(OnDrift::Cancel), |on_drift| on_drift.word(problems, &words));
    table.finish(problems);
    Some(Hold { poll: poll?, on_drift: on_drift? })
}

/// Reads `[restore]`; says whether it is right.
fn restore(value: &Value<'_>, problems: &mut Problems) -> bool {
    let Some(mut table) = value.table(problems, "`[restore]`".into()) else { return false };
    let after = table.take("after").is_none_or(|after| after.word(problems, &[("window", ())]).is_some());
    table.finish(problems);
    after
}
