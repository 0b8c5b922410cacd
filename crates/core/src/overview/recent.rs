//! How runs ended, as far as pictures show it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ids::RunId;
use crate::run::RunState;

/// A run of the last days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Which.
    pub run_id: RunId,
    /// Its job.
    pub job: Arc<str>,
    /// Its account.
    pub account: Arc<str>,
    /// When it began, or if it never did, when it should have.
    pub at: Timestamp,
    /// Where it stands.
    pub state: RunState,
}
