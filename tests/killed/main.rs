//! Killed at any of its durable writes and started again: what holds whatever happens holds.

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod exchange;
mod hold;
mod older;
mod once;
mod reload;
mod told;
mod writes;

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::program::{Done, Place};

/// How many stories are told side by side. Mostly they wait.
const SIDE_BY_SIDE: usize = 12;

/// Tells a story again and again, killed ever later, until it is told before the kill. `tell` gives nothing then. Gives
/// how often it was killed.
fn killed_ever_later<T: Send>(when: &str, tell: impl Fn(&str) -> Option<T> + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(1), AtomicUsize::new(usize::MAX));
    std::thread::scope(|scope| {
        let tellers: Vec<_> = (0..SIDE_BY_SIDE)
            .map(|_| {
                scope.spawn(|| {
                    let mut ends = vec![];
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= done.load(Ordering::SeqCst) {
                            return ends;
                        }
                        match tell(&format!("{when}:{number}")) {
                            Some(end) => ends.push(end),
                            None => drop(done.fetch_min(number, Ordering::SeqCst)),
                        }
                    }
                })
            })
            .collect();
        tellers.into_iter().flat_map(|teller| teller.join().expect("no teller fails")).collect()
    })
}

/// Runs a command that is killed so, or ends before.
fn killed_so(place: &Place, kill: &str, args: &[&str]) -> Done {
    let mut command = place.command(args);
    Done::from(command.env("CALLOFF_KILL", kill).stdout(Stdio::piped()).output().expect("it is there"))
}

/// Whether it was killed: it has no exit code.
fn was_killed(done: &Done) -> bool {
    done.code == -1
}
