//! What is not as it should be.

use calloff_core::overview::Health;

use super::reload::Report;
use crate::store::{self, Store};

/// How a daemon is, by what became of its files, whether its record takes writes, and what else is known to be wrong.
#[must_use]
pub fn health<'a>(
    report: &Report,
    store: Option<&Store>,
    others: impl IntoIterator<Item = &'a String>,
) -> Health {
    let mut reasons: Vec<String> = others.into_iter().cloned().collect();
    if let Some(why) = report.why() {
        reasons.push(format!("changed files are not in force: {why}"));
    }
    let left_out = report.left_out.others.iter();
    reasons.extend(left_out.map(|other| format!("not in force since the start: {other}")));
    match report.left_out.jobs.len() {
        0 => {}
        1 => reasons.push("1 job is not in force since the start".to_owned()),
        jobs => reasons.push(format!("{jobs} jobs are not in force since the start")),
    }
    if let Some(store::Health::Failing(why)) = store.map(|store| store.health().borrow().clone()) {
        reasons.push(format!("the record takes no writes: {why}"));
    }
    Health::new(reasons)
}
