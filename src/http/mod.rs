//! What is seen over HTTP: the status page, the JSON API, metrics and health. Everything is read-only.
//!
//! Whoever asks is served from what a [`Source`] has seen, by tasks of their own: nothing here can hold up what is due.

mod access;
mod api;
mod assets;
#[cfg(test)]
mod fixture;
mod format;
mod health;
mod page;
mod picture;
mod routes;
mod server;
mod source;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use routes::router;
pub use server::{BindError, Bounds, Listening};
pub use source::{Source, Unread, Wanted};
