//! The status page in a real browser, of the real program.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod seen;
mod shown;
