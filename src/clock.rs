//! The one reader of the wall clock. Elapsed time is never taken from here: that is [`tokio::time`].

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Tells the wall time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present instant, to the millisecond: that is what is recorded and printed.
    fn now(&self) -> Timestamp;
}

/// A clock that tasks share.
pub type SharedClock = Arc<dyn Clock>;

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    fn now(&self) -> Timestamp {
        to_millisecond(Timestamp::now())
    }
}

/// A wall clock that follows tokio's, so that a test which moves one moves both.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: Timestamp,
    start: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that shows `origin` now.
    #[must_use]
    pub fn starting_at(origin: Timestamp) -> Self {
        Self { origin, start: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        to_millisecond(self.origin.saturating_add(self.start.elapsed()).unwrap_or(Timestamp::MAX))
    }
}

fn to_millisecond(instant: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(instant.as_millisecond()).unwrap_or(instant)
}
