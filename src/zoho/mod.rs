//! Zoho's API: one request, one answer. Nothing here tries again; that is the worker's.

mod auth;
mod backup;
mod client;
mod credits;
mod exchange;
mod gate;
mod grant;
mod redact;
mod token_file;
mod transport;
mod wire;

pub use auth::{AccessToken, Credentials, TokenError, Tokens};
pub use backup::{HistoryPage, Organisation, Scheduled};
pub use client::{Client, Read};
pub use credits::Credits;
pub use exchange::{ExchangeError, Exchanged, exchange};
pub use gate::{Entered, Gate};
pub use redact::Redactor;
pub use transport::{Fault, HttpTransport, Sending, Transport};
