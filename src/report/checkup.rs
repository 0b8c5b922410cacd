//! What a look around has shown.

use anstyle::AnsiColor;
use calloff_core::checkup::{Finding, Health};

use super::style::{coloured, styled};
use super::table::table;

/// Findings as a table, one line each.
#[must_use]
pub fn checkup(findings: &[Finding], width: Option<u16>) -> String {
    let mut table = table(["RESULT", "CHECK", "OF", "DETAIL"], width);
    for Finding { check, subject, result, detail, .. } in findings {
        let colour = match result {
            Health::Ok => AnsiColor::Green,
            Health::Warn => AnsiColor::Yellow,
            Health::Failed => AnsiColor::Red,
        };
        let subject = subject.as_deref().unwrap_or_default();
        table.add_row([&styled(coloured(colour), result), check.as_str(), subject, detail]);
    }
    format!("{table}\n")
}
