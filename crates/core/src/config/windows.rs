//! `[[windows.NAME]]`: checked in full, and without behaviour yet.

use std::collections::BTreeSet;
use std::time::Duration;

use super::instant::instant;
use super::reader::{Problems, Span, Value, bare};
use super::timing::cron;
use super::zone::Fallback;
use crate::diagnostic::Code;
use crate::ids::AccountName;

/// Checks the windows and hands back their names; `None` if they can't be read.
pub(super) fn windows(
    value: Option<&Value<'_>>,
    zone: &Fallback,
    problems: &mut Problems,
) -> Option<BTreeSet<String>> {
    let Some(value) = value else { return Some(BTreeSet::new()) };
    problems.not_supported(value.key_span(), "`windows`");
    let table = value.table(problems, "`[[windows.NAME]]`".into())?;
    let mut names = BTreeSet::new();
    for (name, span, value) in table.entries() {
        // A window's name is of the form of an account's.
        if AccountName::parse(name).is_err() {
            problems
                .add(Code::Name, span, format!("`{}` is not a window name", bare(name)))
                .help("use 1 to 64 letters, digits, `-` or `_`");
        }
        names.insert(name.to_owned());
        let place = format!("`[[windows.{}]]`", bare(name));
        let help = format!("write it as {place}: a window may have several entries");
        for entry in value.array(problems, &help).unwrap_or_default() {
            window(&entry, place.clone(), zone, problems);
        }
    }
    Some(names)
}

fn window(value: &Value<'_>, place: String, zone: &Fallback, problems: &mut Problems) {
    const HELP: &str =
        "write `opens` and `lasts` for one that recurs, or `from` and `to` for one that comes once";
    let Some(mut table) = value.table(problems, place) else { return };
    let zone = zone.overridden(table.take("timezone").as_ref(), problems);
    let (opens, lasts, from, to) =
        (table.take("opens"), table.take("lasts"), table.take("from"), table.take("to"));
    let pairs = (opens.is_some() || lasts.is_some(), from.is_some() || to.is_some());
    let complete = matches!(
        (&opens, &lasts, &from, &to),
        (Some(_), Some(_), None, None) | (None, None, Some(_), Some(_))
    );
    if !complete {
        let code = if pairs == (true, true) { Code::Contradiction } else { Code::MissingKey };
        let fault = if pairs == (true, true) {
            "both recurs and comes once"
        } else {
            "lacks its beginning or its end"
        };
        let problem = problems.add(code, table.span(), format!("this entry of {} {fault}", table.place()));
        problem.help(HELP);
        if code == Code::MissingKey {
            problem.absence();
        }
    }
    if let Some(opens) = opens {
        let zone = zone.for_local(&opens, problems);
        cron(&opens, zone, problems);
    }
    if let Some(lasts) = lasts {
        lasts.duration(problems, Span::from(Duration::from_secs(1)));
    }
    let begin = from.and_then(|value| instant(&value, &zone, problems));
    let end = to.as_ref().and_then(|value| instant(value, &zone, problems));
    if let (Some(begin), Some(end), Some(to)) = (begin, end, to)
        && end <= begin
    {
        problems
            .add(Code::Contradiction, to.span(), "the window closes no later than it opens")
            .help("write a `to` that is later than `from`");
    }
    table.finish(problems);
}
