//! What the tests share.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

pub mod aftermath;
pub mod canary;
pub mod daemon;
pub mod disk;
pub mod edits;
pub mod endpoint;
pub mod guarantees;
pub mod program;
pub mod promtool;
pub mod scraped;
pub mod stage;
pub mod terminal;
pub mod web;
