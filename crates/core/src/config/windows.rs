//! `[[windows.NAME]]`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::instant::instant;
use super::reader::{Problems, Span as Bounds, Value, bare};
use super::timing::cron;
use super::warnings;
use super::zone::Fallback;
use crate::condition::NamedWindow;
use crate::diagnostic::Code;
use crate::ids::AccountName;
use crate::window::{Entry, Span, Window};

/// The windows by name; `None` for one that is wrong, which has been reported.
pub(super) type Windows = BTreeMap<String, Option<Arc<NamedWindow>>>;

/// Reads the windows; `None` if not even their names can be told.
pub(super) fn windows(
    value: Option<&Value<'_>>,
    zone: &Fallback,
    warn_from: Option<Timestamp>,
    problems: &mut Problems,
) -> Option<Windows> {
    let Some(value) = value else { return Some(Windows::new()) };
    let table = value.table(problems, "`[[windows.NAME]]`".into())?;
    let mut windows = Windows::new();
    for (name, key, value) in table.entries() {
        // A window's name is of the form of an account's.
        if AccountName::parse(name).is_err() {
            problems
                .add(Code::Name, key.clone(), format!("`{}` is not a window name", bare(name)))
                .help("use 1 to 64 letters, digits, `-` or `_`");
        }
        let place = format!("`[[windows.{}]]`", bare(name));
        let help = format!("write it as {place}: a window may have several entries");
        let entries = value.array(problems, &help);
        if entries.as_ref().is_some_and(Vec::is_empty) {
            problems.add(Code::BadText, value.span(), format!("{place} has no entry")).help(HELP);
        }
        let entries: Vec<_> = entries
            .unwrap_or_default()
            .iter()
            .map(|value| entry(value, place.clone(), zone, warn_from, problems))
            .collect();
        let entries: Option<Vec<Entry>> = entries.into_iter().collect();
        let window = entries.filter(|entries| !entries.is_empty()).map(|entries| {
            let window = Window::new(entries);
            warnings::closed_for_good(&window, key, &place, warn_from, problems);
            Arc::new(NamedWindow { name: name.to_owned(), window })
        });
        windows.insert(name.to_owned(), window);
    }
    Some(windows)
}

const HELP: &str =
    "write `opens` and `lasts` for one that recurs, or `from` and `to` for one that comes once";

fn entry(
    value: &Value<'_>,
    place: String,
    zone: &Fallback,
    warn_from: Option<Timestamp>,
    problems: &mut Problems,
) -> Option<Entry> {
    let mut table = value.table(problems, place)?;
    let zone = zone.overridden(table.take("timezone").as_ref(), problems);
    let (opens, lasts, from, to) =
        (table.take("opens"), table.take("lasts"), table.take("from"), table.take("to"));
    let (recurs, once) = (opens.is_some() || lasts.is_some(), from.is_some() || to.is_some());
    if recurs && once {
        let message = format!("this entry of {} both recurs and comes once", table.place());
        problems.add(Code::Contradiction, table.span(), message).help(HELP);
    } else if opens.is_some() != lasts.is_some() || from.is_some() != to.is_some() || !(recurs || once) {
        let message = format!("this entry of {} lacks its beginning or its end", table.place());
        problems.add(Code::MissingKey, table.span(), message).help(HELP).absence();
    }
    // Each is checked, so that the one that is kept is right.
    let recurring = recurring(opens.as_ref(), lasts.as_ref(), &zone, table.place(), warn_from, problems);
    let one_off = one_off(from.as_ref(), to.as_ref(), &zone, problems);
    table.finish(problems);
    // What stands in for a zone is good enough to check by, not to warn by.
    recurring.or(one_off).filter(|_| !zone.is_unreadable())
}

fn recurring(
    opens: Option<&Value<'_>>,
    lasts: Option<&Value<'_>>,
    zone: &Fallback,
    window: &str,
    warn_from: Option<Timestamp>,
    problems: &mut Problems,
) -> Option<Entry> {
    let opens = opens.and_then(|opens| {
        let zone = zone.for_local(opens, problems);
        cron(opens, zone, problems)
    });
    let place = lasts.map(Value::span);
    let lasts = lasts.and_then(|lasts| lasts.duration(problems, Bounds::from(Duration::from_secs(1))));
    let (opens, lasts) = (opens?, lasts?);
    warnings::overlaps_itself(&opens, lasts, window, place.unwrap_or_default(), warn_from, problems);
    Some(Entry::Recurring { opens, lasts })
}

fn one_off(
    from: Option<&Value<'_>>,
    to: Option<&Value<'_>>,
    zone: &Fallback,
    problems: &mut Problems,
) -> Option<Entry> {
    let opens = from.and_then(|from| instant(from, zone, problems));
    let closes = to.and_then(|to| instant(to, zone, problems));
    let (span, to) = (Span { opens: opens?, closes: closes? }, to?);
    if span.closes <= span.opens {
        problems
            .add(Code::Contradiction, to.span(), "the window closes no later than it opens")
            .help("write a `to` that is later than `from`");
        return None;
    }
    Some(Entry::Once(span))
}
