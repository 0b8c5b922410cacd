//! What Calloff decides.
//!
//! Everything here is a function of its arguments: configuration text, instants, replies and dice go in,
//! decisions come out. There is no I/O, no clock and no chance in this crate; its `clippy.toml` and its
//! dependencies see to that. What acts on the decisions is the `calloff` program.

pub mod agenda;
pub mod breaker;
pub mod checkup;
pub mod code;
pub mod condition;
pub mod config;
pub mod course;
pub mod diagnostic;
pub mod explain;
pub mod forecast;
pub mod grant;
pub mod hold;
pub mod ids;
mod instant;
pub mod lint;
pub mod live;
pub mod notify;
pub mod outcome;
pub mod overview;
pub mod place;
pub mod recurrence;
pub mod reload;
pub mod restore;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod scope;
pub mod text;
pub mod timeline;
pub mod window;
mod words;
