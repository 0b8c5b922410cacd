//! One account, as it is shown.

use jiff::Timestamp;

use crate::ids::AccountName;
use crate::live::LiveBackup;

/// How an account stands.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountStatus {
    /// Its name.
    pub account: AccountName,
    /// Where its calls go, such as `https://www.zohoapis.eu`.
    pub api_domain: String,
    /// How many jobs in force are its.
    pub jobs: usize,
    /// How its calls go; `None` if it is not called: no job in force uses it, or its secrets can't be read.
    pub vitals: Option<Vitals>,
    /// What Zoho last showed of it, if it ever did.
    pub seen: Option<LastSeen>,
}

impl AccountStatus {
    /// Whether its calls keep failing.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.vitals.as_ref().is_some_and(|vitals| vitals.is_failing)
    }
}

/// How the calls of an account go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    /// Calls under way.
    pub calls_in_flight: usize,
    /// Calls that may be under way at most.
    pub concurrency: usize,
    /// Whether calls keep failing transiently, so that they go out one at a time.
    pub is_failing: bool,
    /// When the access token at hand ends, if there is one.
    pub token_expires_at: Option<Timestamp>,
    /// The API credits that Zoho last said are left, and when it did. It says so only once half of a day's are used
    /// (CRM API, "API limits").
    pub credits: Option<(u64, Timestamp)>,
}

/// What Zoho showed of an account, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSeen {
    /// Its backup; a blank one if it had none.
    pub backup: LiveBackup,
    /// When.
    pub at: Timestamp,
}
