//! What is not as it should be.

use calloff_core::overview::Health;

use super::reload::Report;
use crate::descriptors;
use crate::store::{self, Store};

/// How a daemon is, by what became of its files, whether its record takes writes and files can be opened, and what else
/// is known to be wrong.
#[must_use]
pub fn health<'a>(
    report: &Report,
    store: Option<&Store>,
    others: impl IntoIterator<Item = &'a String>,
) -> Health {
    let mut reasons: Vec<String> = others.into_iter().cloned().collect();
    reasons.extend(report.reasons());
    if let Some(store::Health::Failing(why)) = store.map(|store| store.health().borrow().clone()) {
        reasons.push(format!("the record takes no writes: {why}"));
    }
    if let Some(error) = descriptors::shortage() {
        reasons.push(format!("no file or connection can be opened: {error}"));
    }
    Health::new(reasons)
}
