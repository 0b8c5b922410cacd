//! How everything stands: for programs that read text as it always was, and for a person at a terminal.

mod jobs;
mod plain;
mod terminal;
#[cfg(test)]
mod tests;

use calloff_core::overview::{DaemonRow, JobStatus, StandingDebt};
use jiff::Timestamp;

/// What there is to say.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The jobs, what needs a person first.
    pub jobs: &'a [JobStatus],
    /// What is owed.
    pub debts: &'a [StandingDebt],
    /// The daemon that sees to them, if one does.
    pub daemon: Option<&'a DaemonRow>,
    /// When that is.
    pub now: Timestamp,
}

/// How much of it a person at a terminal is told. Where nobody reads along it is always all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All jobs.
    All,
    /// The most pressing of many jobs, and the next ones.
    Brief,
    /// What has room in so many lines, what needs a person first.
    Lines(usize),
}

/// How everything stands, as text that ends with a line break; `width` is that of the terminal, if there is one.
#[must_use]
pub fn status(standing: &Standing<'_>, extent: Extent, width: Option<u16>) -> String {
    match width {
        None => plain::status(standing),
        Some(width) => terminal::status(standing, extent, width),
    }
}
