//! How many calls an account has under way: never more than its concurrency, and one while it keeps failing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use calloff_core::breaker::{Admission, Breaker, Health, Pass};
use calloff_core::ids::AccountName;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The way into an account's API.
#[derive(Debug)]
pub struct Gate {
    account: AccountName,
    places: Mutex<Places>,
    calls: Semaphore,
    /// How many calls are under way.
    under_way: AtomicUsize,
    breaker: Mutex<Breaker>,
    /// The breaker has changed; those it held back ask again.
    changed: Notify,
    origin: Instant,
    dice: fn() -> f64,
}

/// How many places there are.
#[derive(Debug, Clone, Copy)]
struct Places {
    /// As many as are wanted.
    wanted: usize,
    /// Those that were taken when fewer came to be wanted: they go when their calls end.
    surplus: usize,
}

/// A call under way. Dropping it without a word on how it went gives its place to another.
#[derive(Debug)]
pub struct Entered<'a> {
    gate: &'a Gate,
    pass: Pass,
    health: Health,
    place: Option<SemaphorePermit<'a>>,
}

impl Gate {
    /// A gate for at most `concurrency` calls at once. `dice` are uniform in `0.0..1.0`.
    #[must_use]
    pub fn new(account: AccountName, concurrency: u32, dice: fn() -> f64) -> Self {
        let wanted = concurrency.max(1) as usize;
        Self {
            account,
            places: Mutex::new(Places { wanted, surplus: 0 }),
            calls: Semaphore::new(wanted),
            under_way: AtomicUsize::new(0),
            breaker: Mutex::default(),
            changed: Notify::new(),
            origin: Instant::now(),
            dice,
        }
    }

    /// Lets at most `concurrency` calls through at once from now on. Those under way are not cut.
    pub fn resize(&self, concurrency: u32) {
        let wanted = concurrency.max(1) as usize;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let Places { wanted: before, surplus } = *places;
        let there_are = before + surplus;
        if wanted >= there_are {
            *places = Places { wanted, surplus: 0 };
            self.calls.add_permits(wanted - there_are);
        } else {
            let too_many = there_are - wanted;
            // What was a surplus before is among those that are taken.
            let forgotten = self.calls.forget_permits(too_many.saturating_sub(surplus));
            *places = Places { wanted, surplus: too_many - forgotten };
        }
    }

    /// How many calls may be under way at once.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.places().wanted
    }

    /// How many calls are under way, with what they do beforehand for a token.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
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
        // One place is left to calls that can't do without, if there is more than one.
        let reserved = usize::from(self.places().wanted > 1);
        if self.is_failing() || self.calls.available_permits() <= reserved {
            return None;
        }
        let place = self.calls.try_acquire().ok()?;
        let Admission::Go(pass) = self.with_breaker(Breaker::admit) else { return None };
        let entered = self.entered(pass, place);
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
                Admission::Go(pass) => return self.entered(pass, place),
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

    fn entered<'a>(&'a self, pass: Pass, place: SemaphorePermit<'a>) -> Entered<'a> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Entered { gate: self, pass, health: Health::Unknown, place: Some(place) }
    }

    fn places(&self) -> Places {
        *self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a place back, or up if there are too many.
    fn give_back(&self, place: SemaphorePermit<'_>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.surplus > 0 {
            places.surplus -= 1;
            place.forget();
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
        self.gate.under_way.fetch_sub(1, Ordering::Relaxed);
        if let Some(place) = self.place.take() {
            self.gate.give_back(place);
        }
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
        tokio::time::sleep(Duration::from_millis(75)).await;
        assert_eq!((gate.under_way(), gate.concurrency()), (3, 3));
        while calls.join_next().await.is_some() {}
        assert_eq!((most.load(Ordering::SeqCst), gate.under_way()), (3, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn another_concurrency_counts_at_once_and_cuts_no_call() {
        let gate = Gate::new("acme".parse().unwrap(), 4, || 0.5);
        let free = || gate.calls.available_permits();
        let mut calls = Vec::new();
        for _ in 0..4 {
            calls.push(gate.enter().await);
        }
        gate.resize(2);
        drop(calls.pop());
        drop(calls.pop());
        assert_eq!(free(), 0, "two are under way, and two are wanted");
        drop(calls.pop());
        assert_eq!(free(), 1);
        gate.resize(1);
        assert_eq!(free(), 0, "one is under way");
        gate.resize(3);
        assert_eq!(free(), 2);
        for _ in 0..2 {
            calls.push(gate.enter().await);
        }
        gate.resize(1);
        gate.resize(2);
        drop(calls.pop());
        assert_eq!(free(), 0);
        calls.clear();
        assert_eq!(free(), 2);
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
