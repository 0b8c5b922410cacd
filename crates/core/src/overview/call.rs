//! One call, as it is shown.

use jiff::Timestamp;
use serde::Serialize;

/// A call that was made for a target, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The target's place among those of its run, from 0.
    pub target: u32,
    /// Its place among the calls for the target, from 1.
    pub attempt: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The status of the answer; `None` if there was none.
    pub http_status: Option<u16>,
    /// Its code.
    pub code: Option<String>,
    /// Zoho's message, or what was wrong with the connection; redacted.
    pub message: Option<String>,
}
