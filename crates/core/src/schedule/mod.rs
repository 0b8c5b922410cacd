//! When a job is due.
//!
//! An occurrence is a nominal UTC instant, to the millisecond. Nothing here knows what time it is.
//!
//! A cron expression is read by croner and kept as bit sets (`pattern`); which civil times match is then a
//! matter of table look-ups, and what a zone's transitions do to them is decided here (`zoned`), by the rules
//! of `docs/time.md`, not in croner.

mod error;
mod field;
mod parse;
mod pattern;
mod rule;
mod warning;
mod zoned;

pub use error::CronError;
pub use rule::Schedule;
pub use warning::{DstEffect, DstWarning};
