//! Places at which a test of crashes has the process killed. Without the feature `failpoints` there are none.
//!
//! `CALLOFF_KILL=before:3` kills it when it is about to commit its third write, `after:3` when that is durable and
//! nobody has been told. Each write is a commit of its own then.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// When to be killed.
static KILL: OnceLock<Option<(String, u64)>> = OnceLock::new();

/// Commits so far.
static COMMITS: AtomicU64 = AtomicU64::new(0);

fn kill() -> Option<&'static (String, u64)> {
    let read = || {
        let text = std::env::var("CALLOFF_KILL").ok()?;
        let (when, number) = text.split_once(':')?;
        Some((when.to_owned(), number.parse().ok()?))
    };
    KILL.get_or_init(read).as_ref()
}

/// Writes in one commit.
pub(super) fn group(most: usize) -> usize {
    if kill().is_some() { 1 } else { most }
}

/// A commit is about to be made.
pub(super) fn before_commit() {
    let number = COMMITS.fetch_add(1, Ordering::SeqCst) + 1;
    end_if("before", number);
}

/// A commit is durable.
pub(super) fn after_commit() {
    end_if("after", COMMITS.load(Ordering::SeqCst));
}

fn end_if(when: &str, number: u64) {
    if kill().is_some_and(|(wanted, at)| wanted == when && *at == number) {
        // Nothing that follows is reached.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}
