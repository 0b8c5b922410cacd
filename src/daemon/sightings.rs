//! News of when backups start by themselves, from the runs that have seen it to the loop that plans by it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use calloff_core::ids::AccountName;
use jiff::Timestamp;

/// What was seen since it was last asked for: when each account's backup starts next, if it does.
#[derive(Debug, Default)]
pub struct Sightings(Mutex<BTreeMap<AccountName, Option<Timestamp>>>);

impl Sightings {
    /// Notes when an account's backup starts next; `None` if it does not.
    pub fn note(&self, account: AccountName, start: Option<Timestamp>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(account, start);
    }

    /// What is new.
    #[must_use]
    pub fn take(&self) -> BTreeMap<AccountName, Option<Timestamp>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
