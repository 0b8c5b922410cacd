//! When to try again: a policy from the configuration, and a machine that never sleeps.

use std::time::Duration;

use crate::outcome::Verdict;

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
            max_delay: Duration::from_mins(1),
            give_up_after: Duration::from_mins(15),
        }
    }
}

impl RetryPolicy {
    /// The ceiling of the wait after the `failures`-th failure: exponential, factor 2.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.initial_delay.saturating_mul(factor).min(self.max_delay)
    }
}

/// What happened to the last try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<T> {
    /// A call was answered, or failed, and was judged.
    Judged(Verdict<T>),
    /// No call was made: the token endpoint refused the credentials for good.
    CredentialsRefused,
    /// No call was made: no token can be had before this much time has passed.
    NoTokenFor(Duration),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<T> {
    /// Try again after this long.
    TryAfter(Duration),
    /// Get a new token, then try again at once.
    RenewToken,
    /// Stop: it ended so.
    Stop(T),
    /// Stop: the credentials are refused.
    Deny,
    /// Stop: transient failures used up what there was.
    GiveUp(Limit),
}

/// What ran out when something ended as `exhausted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `max_attempts`.
    Attempts,
    /// `give_up_after`: the next attempt would have come later than that.
    Time,
    /// The next attempt would have come when the backup itself starts, or later.
    Deadline,
}

/// Where a pursuit stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// The time since it began.
    pub elapsed: Duration,
    /// The time left until the backup starts by itself, if that is known.
    pub left: Option<Duration>,
}

/// The pursuit of one answer: how much of its policy is used up.
#[derive(Debug, Clone)]
pub struct Pursuit {
    policy: RetryPolicy,
    /// Transient failures of calls.
    failures: u32,
    /// Times in a row that no token could be had.
    tokenless: u32,
    /// Whether the call before was refused for its token.
    token_renewed: bool,
}

impl Pursuit {
    /// A pursuit that has not begun.
    #[must_use]
    pub fn new(policy: RetryPolicy) -> Self {
        Self { policy, failures: 0, tokenless: 0, token_renewed: false }
    }

    /// Says what to do after `event`.
    ///
    /// `dice` is uniform in `0.0..1.0` ("full jitter", as in the
    /// AWS Architecture Blog's "Exponential Backoff And Jitter"). A time that Zoho asks for is a floor, never a
    /// ceiling.
    #[must_use]
    pub fn step<T>(&mut self, event: Event<T>, at: Moment, dice: f64) -> Next<T> {
        match event {
            Event::Judged(Verdict::End(end)) => Next::Stop(end),
            Event::CredentialsRefused => Next::Deny,
            Event::Judged(Verdict::TokenRefused) if self.token_renewed => Next::Deny,
            Event::Judged(Verdict::TokenRefused) => {
                self.token_renewed = true;
                Next::RenewToken
            }
            Event::Judged(Verdict::Transient(floor)) => {
                self.token_renewed = false;
                self.tokenless = 0;
                self.failures = self.failures.saturating_add(1);
                if self.failures >= self.policy.max_attempts {
                    return Next::GiveUp(Limit::Attempts);
                }
                self.wait(self.failures, floor.unwrap_or_default(), at, dice)
            }
            Event::NoTokenFor(floor) => {
                self.tokenless = self.tokenless.saturating_add(1);
                self.wait(self.tokenless, floor, at, dice)
            }
        }
    }

    fn wait<T>(&self, failures: u32, floor: Duration, at: Moment, dice: f64) -> Next<T> {
        let wait = self.policy.ceiling(failures).mul_f64(dice.clamp(0.0, 1.0)).max(floor);
        if at.left.is_some_and(|left| wait >= left) {
            Next::GiveUp(Limit::Deadline)
        } else if at.elapsed.saturating_add(wait) > self.policy.give_up_after {
            Next::GiveUp(Limit::Time)
        } else {
            Next::TryAfter(wait)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    const TRANSIENT: Event<Outcome> = Event::Judged(Verdict::Transient(None));
    const TOKEN_REFUSED: Event<Outcome> = Event::Judged(Verdict::TokenRefused);
    const START: Moment = Moment { elapsed: Duration::ZERO, left: None };

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn pursuit(max_attempts: u32) -> Pursuit {
        Pursuit::new(RetryPolicy { max_attempts, max_delay: secs(5), ..RetryPolicy::default() })
    }

    #[test]
    fn waits_double_up_to_the_ceiling_and_attempts_run_out() {
        let mut pursuit = pursuit(6);
        let steps: Vec<Next<Outcome>> = (0..6).map(|_| pursuit.step(TRANSIENT, START, 1.0)).collect();
        let waits = [1, 2, 4, 5, 5].map(|n| Next::TryAfter(secs(n)));
        assert_eq!(steps[..5], waits);
        assert_eq!(steps[5], Next::GiveUp(Limit::Attempts));
    }

    #[test]
    fn the_dice_spread_a_wait_over_its_whole_range() {
        assert_eq!(pursuit(6).step(TRANSIENT, START, 0.0), Next::TryAfter(Duration::ZERO));
        assert_eq!(pursuit(6).step(TRANSIENT, START, 0.25), Next::TryAfter(Duration::from_millis(250)));
    }

    #[test]
    fn what_zoho_asks_for_is_a_floor_that_max_delay_does_not_cut() {
        let event = Event::<Outcome>::Judged(Verdict::Transient(Some(secs(90))));
        assert_eq!(pursuit(6).step(event, START, 1.0), Next::TryAfter(secs(90)));
    }

    #[test]
    fn a_wait_beyond_give_up_after_ends_the_target_at_once() {
        let event = Event::<Outcome>::Judged(Verdict::Transient(Some(secs(901))));
        assert_eq!(pursuit(6).step(event, START, 0.0), Next::GiveUp(Limit::Time));
        assert_eq!(
            pursuit(6).step(TRANSIENT, Moment { elapsed: secs(900), left: None }, 1.0),
            Next::GiveUp(Limit::Time)
        );
        assert_eq!(
            pursuit(6).step(Event::<Outcome>::NoTokenFor(secs(901)), START, 0.0),
            Next::GiveUp(Limit::Time)
        );
    }

    #[test]
    fn a_wait_into_the_start_of_the_backup_ends_the_target_at_once() {
        let at = |left| Moment { left: Some(secs(left)), ..START };
        assert_eq!(pursuit(6).step(TRANSIENT, at(1), 1.0), Next::GiveUp(Limit::Deadline));
        assert_eq!(pursuit(6).step(TRANSIENT, at(2), 1.0), Next::TryAfter(secs(1)));
        let asked = Event::<Outcome>::Judged(Verdict::Transient(Some(secs(90))));
        assert_eq!(pursuit(6).step(asked, at(90), 0.0), Next::GiveUp(Limit::Deadline));
        let no_token = Event::<Outcome>::NoTokenFor(secs(600));
        assert_eq!(pursuit(6).step(no_token, at(300), 0.0), Next::GiveUp(Limit::Deadline));
        let both = Moment { elapsed: secs(900), left: Some(secs(1)) };
        assert_eq!(pursuit(6).step(TRANSIENT, both, 1.0), Next::GiveUp(Limit::Deadline));
    }

    #[test]
    fn a_refused_token_is_renewed_once_and_costs_no_attempt() {
        let mut pursuit = pursuit(1);
        assert_eq!(pursuit.step(TOKEN_REFUSED, START, 0.0), Next::RenewToken);
        assert_eq!(pursuit.step(TOKEN_REFUSED, START, 0.0), Next::Deny);
    }

    #[test]
    fn a_token_that_was_accepted_in_between_may_expire_again() {
        let mut pursuit = pursuit(6);
        assert_eq!(pursuit.step(TOKEN_REFUSED, START, 0.0), Next::RenewToken);
        assert_eq!(pursuit.step(TRANSIENT, START, 0.0), Next::TryAfter(Duration::ZERO));
        assert_eq!(pursuit.step(TOKEN_REFUSED, START, 0.0), Next::RenewToken);
    }

    #[test]
    fn waiting_for_a_token_uses_up_time_but_no_attempts() {
        let mut pursuit = pursuit(1);
        for _ in 0..20 {
            assert_eq!(
                pursuit.step(Event::<Outcome>::NoTokenFor(secs(2)), START, 0.0),
                Next::TryAfter(secs(2))
            );
        }
        assert_eq!(pursuit.step(Event::<Outcome>::CredentialsRefused, START, 0.0), Next::Deny);
    }

    #[test]
    fn huge_policies_do_not_overflow() {
        let policy = RetryPolicy {
            max_attempts: u32::MAX,
            initial_delay: Duration::MAX,
            max_delay: Duration::MAX,
            give_up_after: Duration::MAX,
        };
        assert_eq!(policy.ceiling(u32::MAX), Duration::MAX);
        let mut pursuit = Pursuit::new(policy);
        assert_eq!(
            pursuit.step(TRANSIENT, Moment { elapsed: Duration::MAX, left: None }, 0.5),
            Next::TryAfter(Duration::MAX.mul_f64(0.5))
        );
    }
}
