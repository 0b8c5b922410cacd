//! Leaves a broken service alone: an account whose calls keep failing is probed by one call at a time.

use std::time::Duration;

/// Transient failures in a row after which calls go out one at a time.
pub const FAILURES_BEFORE_PROBING: u32 = 5;

/// The quiet time before the first probe; it doubles with each probe that fails.
const FIRST_QUIET: Duration = Duration::from_secs(1);

/// The longest quiet time of our own choice.
const LONGEST_QUIET: Duration = Duration::from_secs(30);

/// The longest quiet time that an answer can ask of the whole account: what a recovered service may have to wait to
/// be noticed. The target that was told so waits as long as it was asked to.
const LONGEST_ASKED: Duration = Duration::from_mins(5);

/// The state of one account's calls. Instants are durations on any one monotonic time line.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// Calls flow; so many have failed in a row.
    Closed { failures: u32 },
    /// Calls go out one at a time, none before `quiet_until`.
    Open { probes: u32, quiet_until: Duration, probing: bool },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// Whether a call may go out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Go(Pass),
    /// Not before this instant.
    NotBefore(Duration),
    /// Not before the probe under way has ended.
    AfterProbe,
}

/// The right to one call; it is handed back with how the call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// One call among others.
    Ordinary,
    /// The only call under way.
    Probe,
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The service answered, whatever it said.
    Answered,
    /// It failed transiently, and asked for this much quiet.
    Failed(Option<Duration>),
    /// The call was given up before it was known.
    Unknown,
}

impl Breaker {
    /// Asks for the right to a call.
    pub fn admit(&mut self, now: Duration) -> Admission {
        match &mut self.state {
            State::Closed { .. } => Admission::Go(Pass::Ordinary),
            State::Open { probing: true, .. } => Admission::AfterProbe,
            State::Open { quiet_until, .. } if now < *quiet_until => Admission::NotBefore(*quiet_until),
            State::Open { probing, .. } => {
                *probing = true;
                Admission::Go(Pass::Probe)
            }
        }
    }

    /// Hands a pass back. `dice` is uniform in `0.0..1.0`: half of a quiet time is chance, so that several
    /// processes do not probe in step.
    pub fn report(&mut self, pass: Pass, health: Health, now: Duration, dice: f64) {
        match (health, &mut self.state) {
            (Health::Answered, _) => self.state = State::default(),
            (Health::Failed(asked), State::Closed { failures }) => {
                *failures += 1;
                if *failures >= FAILURES_BEFORE_PROBING {
                    let quiet_until = now.saturating_add(quiet(0, asked, dice));
                    self.state = State::Open { probes: 0, quiet_until, probing: false };
                }
            }
            (Health::Failed(asked), State::Open { probes, quiet_until, probing }) if pass == Pass::Probe => {
                *probes = probes.saturating_add(1);
                *quiet_until = now.saturating_add(quiet(*probes, asked, dice));
                *probing = false;
            }
            (Health::Unknown, State::Open { probing, .. }) if pass == Pass::Probe => *probing = false,
            // A call that had gone out before the account was found failing says nothing new.
            (Health::Failed(_), State::Open { .. }) | (Health::Unknown, _) => {}
        }
    }

    /// Whether calls go out one at a time.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }
}

fn quiet(probes: u32, asked: Option<Duration>, dice: f64) -> Duration {
    let ceiling = FIRST_QUIET.saturating_mul(2_u32.saturating_pow(probes)).min(LONGEST_QUIET);
    ceiling.mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0).max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Health = Health::Failed(None);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_BEFORE_PROBING {
            assert_eq!(breaker.admit(secs(0)), Admission::Go(Pass::Ordinary));
            breaker.report(Pass::Ordinary, FAILED, secs(0), 1.0);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_leave_one_call_at_a_time() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(secs(0)), Admission::NotBefore(secs(1)));
        assert_eq!(breaker.admit(secs(1)), Admission::Go(Pass::Probe));
        assert_eq!(breaker.admit(secs(1)), Admission::AfterProbe);
    }

    #[test]
    fn an_answer_in_between_starts_the_count_again() {
        let mut breaker = Breaker::default();
        for health in [FAILED, FAILED, FAILED, FAILED, Health::Answered, FAILED, FAILED, FAILED, FAILED] {
            breaker.report(Pass::Ordinary, health, secs(0), 1.0);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn failed_probes_are_spaced_ever_further_until_one_gets_through() {
        let mut breaker = opened();
        let mut now = secs(0);
        let mut pauses = vec![];
        for _ in 0..7 {
            if let Admission::NotBefore(then) = breaker.admit(now) {
                pauses.push(then.saturating_sub(now).as_secs());
                now = then;
            }
            assert_eq!(breaker.admit(now), Admission::Go(Pass::Probe));
            breaker.report(Pass::Probe, FAILED, now, 1.0);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        breaker.report(Pass::Probe, Health::Answered, now, 1.0);
        assert_eq!(breaker.admit(now), Admission::Go(Pass::Ordinary));
    }

    #[test]
    fn calls_that_were_under_way_when_it_opened_do_not_prolong_the_quiet() {
        let mut breaker = opened();
        for _ in 0..20 {
            breaker.report(Pass::Ordinary, FAILED, secs(0), 1.0);
        }
        assert_eq!(breaker.admit(secs(0)), Admission::NotBefore(secs(1)));
    }

    #[test]
    fn a_probe_that_was_given_up_makes_way_for_another() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(secs(1)), Admission::Go(Pass::Probe));
        breaker.report(Pass::Probe, Health::Unknown, secs(1), 1.0);
        assert_eq!(breaker.admit(secs(1)), Admission::Go(Pass::Probe));
    }

    #[test]
    fn the_quiet_that_zoho_asks_for_is_kept() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(secs(1)), Admission::Go(Pass::Probe));
        breaker.report(Pass::Probe, Health::Failed(Some(secs(120))), secs(1), 0.0);
        assert_eq!(breaker.admit(secs(2)), Admission::NotBefore(secs(121)));
        assert_eq!(breaker.admit(secs(121)), Admission::Go(Pass::Probe));
        breaker.report(Pass::Probe, Health::Failed(Some(secs(21_600))), secs(121), 0.0);
        assert_eq!(breaker.admit(secs(121)), Admission::NotBefore(secs(421)), "but not for hours");
    }
}
