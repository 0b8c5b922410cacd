//! `state`: where the record is kept.

use std::path::PathBuf;

use super::model::State;
use super::reader::{Problems, Value};
use crate::diagnostic::Code;

/// Reads the place.
pub(super) fn state(value: &Value<'_>, problems: &mut Problems) -> Option<State> {
    const HELP: &str = "write `sqlite:` and a path, such as \"sqlite:state/calloff.db\"";
    let text = value.line(problems, 4096)?;
    if let Some(path) = text.strip_prefix("sqlite:") {
        if path.trim().is_empty() {
            problems.add(Code::State, value.span(), "`state` has no path").help(HELP);
            return None;
        }
        return Some(State::Sqlite(PathBuf::from(path)));
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        if has_password(text) {
            problems
                .add(Code::InlineSecret, value.span(), "the database's password stands in the file")
                .help("take it out, and replace it if this file was ever shared");
        } else {
            problems.not_supported(value.span(), "a `state` in PostgreSQL");
        }
        return None;
    }
    // The text is not repeated: it may carry a password.
    problems.add(Code::State, value.span(), "`state` names no kind of record that there is").help(HELP);
    None
}

/// Whether a URL has a password, before its host or among its parameters.
pub(super) fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':')) || rest.contains("password=")
}
