//! When to try again: a policy from the configuration, and a machine that never sleeps.

use std::time::Duration;

/// How often and how long transient failures are retried. Every value has passed validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts per target, the first included; at least 1.
    pub max_attempts: u32,
    /// The ceiling of the first wait; it doubles with each failure.
    pub initial_delay: Duration,
    /// The ceiling of every wait. A `Retry-After` may be longer.
    pub max_delay: Duration,
    /// The time after which no new attempt is begun, from the start of the run.
    pub give_up_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 6,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            give_up_after: Duration::from_mins(15),
        }
    }
}
