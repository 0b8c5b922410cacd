//! How many calls an account has under way: never more than its concurrency, and one while it keeps failing.

use std::sync::{Mutex, PoisonError};

use calloff_core::breaker::{Admission, Breaker, Health, Pass};
use calloff_core::ids::AccountName;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The way into an account's API.
#[derive(Debug)]
pub struct Gate {
    account: AccountName,
    /// Places that are left to calls that can't do without, if there is more than one place.
    reserved: usize,
    calls: Semaphore,
    breaker: Mutex<Breaker>,
    /// The breaker has changed; those it held back ask again.
    changed: Notify,
    origin: Instant,
    dice: fn() -> f64,
}

/// A call under way. Dropping it without a word on how it went gives its place to another.
#[derive(Debug)]
pub struct Entered<'a> {
    gate: &'a Gate,
    pass: Pass,
    health: Health,
    _place: SemaphorePermit<'a>,
}

impl Gate {
    /// A gate for at most `concurrency` calls at once. `dice` are uniform in `0.0..1.0`.
    #[must_use]
    pub fn new(account: AccountName, concurrency: u32, dice: fn() -> f64) -> Self {
        Self {
            account,
            reserved: usize::from(concurrency > 1),
            calls: Semaphore::new(concurrency.max(1) as usize),
            breaker: Mutex::default(),
            changed: Notify::new(),
            origin: Instant::now(),
            dice,
        }
    }

    /// Whether calls keep failing, so that they go out one at a time.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.with_breaker(|breaker, _| breaker.is_open())
    }

    /// The right to a call that can do without: only while the account is well and nobody else would wait for the
    /// place. How it goes is not to be reported.
    #[must_use]
    pub fn spare(&self) -> Option<Entered<'_>> {
        if self.is_failing() || self.calls.available_permits() <= self.reserved {
            return None;
        }
        let place = self.calls.try_acquire().ok()?;
        let Admission::Go(pass) = self.with_breaker(Breaker::admit) else { return None };
        let entered = Entered { gate: self, pass, health: Health::Unknown, _place: place };
        // A probe decides over the account; it is left to a call that reports.
        (pass == Pass::Ordinary).then_some(entered)
    }

    /// Waits for the right to one call.
    pub async fn enter(&self) -> Entered<'_> {
        let place = match self.calls.acquire().await {
            Ok(place) => place,
            // The semaphore is never closed; if it were, nothing could go out.
            Err(_) => std::future::pending().await,
        };
        loop {
            let changed = self.changed.notified();
            match self.with_breaker(Breaker::admit) {
                Admission::Go(pass) => {
                    return Entered { gate: self, pass, health: Health::Unknown, _place: place };
                }
                Admission::AfterProbe => changed.await,
                Admission::NotBefore(then) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(self.origin + then) => {}
                    }
                }
            }
        }
    }

    fn with_breaker<T>(&self, act: impl FnOnce(&mut Breaker, std::time::Duration) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut breaker, self.origin.elapsed())
    }
}

impl Entered<'_> {
    /// Says how the call went, and ends it.
    pub fn leave(mut self, health: Health) {
        self.health = health;
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let dice = (self.gate.dice)();
        let (opened, closed) = self.gate.with_breaker(|breaker, now| {
            let before = breaker.is_open();
            breaker.report(self.pass, self.health, now, dice);
            (!before && breaker.is_open(), before && !breaker.is_open())
        });
        if opened {
            tracing::warn!(
                event = "account.failing",
                account = %self.gate.account,
                "calls keep failing: the account is probed one call at a time"
            );
        }
        if closed {
            tracing::info!(event = "account.recovered", account = %self.gate.account, "a call got through: calls flow again");
        }
        if closed || self.pass == Pass::Probe {
            self.gate.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_than_the_concurrency_are_under_way() {
        let gate = Arc::new(Gate::new("acme".parse().unwrap(), 3, || 0.5));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (gate, now, most) = (Arc::clone(&gate), Arc::clone(&now), Arc::clone(&most));
            calls.spawn(async move {
                let entered = gate.enter().await;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                entered.leave(Health::Answered);
            });
        }
        while calls.join_next().await.is_some() {}
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_do_without_gets_no_place_that_another_would_wait_for() {
        let gate = Gate::new("acme".parse().unwrap(), 3, || 1.0);
        let (first, second) = (gate.spare(), gate.spare());
        assert!(first.is_some() && second.is_some() && gate.spare().is_none(), "one place is left");
        drop((first, second));
        for _ in 0..5 {
            gate.enter().await.leave(Health::Failed(None));
        }
        assert!(gate.spare().is_none(), "the account is failing");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(gate.spare().is_none(), "nor is it the probe");
        gate.enter().await.leave(Health::Answered);
        assert!(gate.spare().is_some());
        let narrow = Gate::new("acme".parse().unwrap(), 1, || 1.0);
        assert!(narrow.spare().is_some(), "there is but one place");
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_waiting_targets_do_not_storm_a_broken_service() {
        let gate = Arc::new(Gate::new("acme".parse().unwrap(), 10, || 1.0));
        let recovery = Instant::now() + Duration::from_mins(5);
        let failed = Arc::new(AtomicUsize::new(0));
        let mut targets = tokio::task::JoinSet::new();
        for _ in 0..1000 {
            let (gate, failed) = (Arc::clone(&gate), Arc::clone(&failed));
            targets.spawn(async move {
                loop {
                    let entered = gate.enter().await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if Instant::now() >= recovery {
                        entered.leave(Health::Answered);
                        break;
                    }
                    failed.fetch_add(1, Ordering::SeqCst);
                    entered.leave(Health::Failed(None));
                }
            });
        }
        while targets.join_next().await.is_some() {}
        assert!(failed.load(Ordering::SeqCst) <= 100, "{failed:?} calls while nothing could succeed");
        assert!(Instant::now() < recovery + Duration::from_mins(2));
    }
}
