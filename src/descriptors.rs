//! File descriptors: each connection and each file takes one, and the operating system gives a process so many.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is never empty, never waited for, and in every sandbox.
const ALWAYS_THERE: &str = "/dev/null";

/// Lets the process have as many as the system allows it. The limit that it starts with is lower for the sake of
/// programs that can count to 1023 only, as `select` does, and this is none.
pub fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it can't be raised it stays as it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// How many the process may have.
#[must_use]
pub fn limit() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Why there is no further one, if there is none, be it that the process has all it may have or the whole system has.
#[must_use]
pub fn shortage() -> Option<io::Error> {
    let error = File::open(ALWAYS_THERE).err()?;
    matches!(Errno::from_io_error(&error), Some(Errno::MFILE | Errno::NFILE)).then_some(error)
}
