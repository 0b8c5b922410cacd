//! Tells: webhooks, mail servers, and the service that waits to hear that all is well.
//!
//! Each of them is known by a name that has no secret. No answer is trusted further than to say whether it was a yes.

#[cfg(feature = "email")]
mod email;
mod http;
mod ping;
mod sink;

pub use ping::{Ping, Signal};
pub use sink::{Sink, Unfit};
