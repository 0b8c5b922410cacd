//! The record of what was asked and answered.

use std::fmt;
use std::sync::Arc;

use http::Method;
use jiff::Timestamp;

use super::route::Endpoint;

/// One request, and what became of it. Its `Display` is a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Counts from 1.
    pub number: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// Whose token or credentials it had, if anybody's.
    pub account: Option<Arc<str>>,
    /// What it was for.
    pub endpoint: Endpoint,
    /// Its method.
    pub method: Method,
    /// Its path without the query, which may hold secrets.
    pub path: String,
    /// The backup in the path.
    pub backup: Option<String>,
    /// The HTTP status of the answer; `None` if none is given.
    pub status: Option<u16>,
    /// The code in the answer, such as `SUCCESS`, where it has one.
    pub code: Option<&'static str>,
    /// Whether Zoho acted, or would have if there had been anything to do.
    pub acted: bool,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.as_deref().unwrap_or("-");
        write!(f, "{:.3} {account} {} {} → ", self.at, self.method, self.path)?;
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => f.write_str("no answer")?,
        }
        match (self.code, self.status, self.acted) {
            (_, None, true) => f.write_str(" (but done)"),
            (Some(code), Some(_), _) => write!(f, " {code}"),
            _ => Ok(()),
        }
    }
}
