//! What a test of credentials has shown.

use anstyle::AnsiColor;

use super::style::{coloured, styled};
use super::table::table;

/// One check of an account's credentials.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// The account.
    pub account: &'a str,
    /// What was checked.
    pub check: &'a str,
    /// Whether all is well; `None` if that is not known.
    pub ok: Option<bool>,
    /// The same in a word.
    pub word: &'a str,
    /// What it is about, and why it is not well.
    pub detail: &'a str,
}

/// Checks as a table, one line each.
#[must_use]
pub fn credentials<'a>(checks: impl IntoIterator<Item = Checked<'a>>, width: Option<u16>) -> String {
    let mut table = table(["ACCOUNT", "CHECK", "RESULT", "DETAIL"], width);
    for Checked { account, check, ok, word, detail } in checks {
        let colour = match ok {
            Some(true) => AnsiColor::Green,
            Some(false) => AnsiColor::Red,
            None => AnsiColor::Yellow,
        };
        table.add_row([account, check, &styled(coloured(colour), word), detail]);
    }
    format!("{table}\n")
}
