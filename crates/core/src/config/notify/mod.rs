//! `[[notify]]` and `[ping]`: who is told what happens.

mod model;
mod read;
mod smtp;

pub use model::{Channel, Email, Encryption, Format, Notify, Ping, Smtp};
pub(super) use read::{notify, ping};
