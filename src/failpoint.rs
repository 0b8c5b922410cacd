//! Every durable write passes here, so that a test of crashes can have the process killed around each of them. Without
//! the feature `failpoints` a write is made, and nothing else.
//!
//! `CALLOFF_KILL=before:3` kills the process when it is about to make its third durable write, `after:3` when that is
//! made and nobody has been told; `before:token.named:1` when it is about to make the first one of that name. Each
//! write of the record is a commit of its own then. With `CALLOFF_WRITES=FILE` it adds the name of each to a file.
//!
//! While there is a file beside the record whose name ends in `.full`, the disk is full for the record's writes.

#[cfg(feature = "failpoints")]
use armed::{end_if, pass};

/// Makes a durable write of this name.
pub(crate) fn durably<T>(name: &'static str, write: impl FnOnce() -> T) -> T {
    #[cfg(feature = "failpoints")]
    let passed = pass(name);
    let made = write();
    #[cfg(feature = "failpoints")]
    end_if("after", name, passed);
    // The name is for those who kill.
    let _ = name;
    made
}

/// How many writes of the record are made in one commit, of so many at most.
pub(crate) fn group(most: usize) -> usize {
    #[cfg(feature = "failpoints")]
    if armed::is_armed() {
        return 1;
    }
    most
}

/// A transaction is about to begin; it can't if the disk is to be full.
#[cfg(feature = "failpoints")]
pub(crate) fn before_write(record: &rusqlite::Connection) -> rusqlite::Result<()> {
    let is_full = record.path().is_some_and(|path| std::path::Path::new(&format!("{path}.full")).exists());
    if is_full {
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        return Err(rusqlite::Error::SqliteFailure(full, None));
    }
    Ok(())
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::collections::BTreeMap;
    use std::io::Write as _;
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// When to be killed.
    struct Kill {
        when: String,
        /// Only writes of this name count.
        name: Option<String>,
        number: u64,
    }

    static KILL: LazyLock<Option<Kill>> = LazyLock::new(|| read(&std::env::var("CALLOFF_KILL").ok()?));

    static PASSED: Mutex<Passed> = Mutex::new(Passed { all: 0, of: BTreeMap::new() });

    /// Writes so far.
    struct Passed {
        all: u64,
        of: BTreeMap<&'static str, u64>,
    }

    /// Which write it is: of all, and of those of its name.
    #[derive(Clone, Copy)]
    pub(super) struct Number {
        of_all: u64,
        of_name: u64,
    }

    fn read(text: &str) -> Option<Kill> {
        let (when, rest) = text.split_once(':')?;
        let (name, number) =
            rest.rsplit_once(':').map_or((None, rest), |(name, number)| (Some(name), number));
        Some(Kill { when: when.to_owned(), name: name.map(str::to_owned), number: number.parse().ok()? })
    }

    pub(super) fn is_armed() -> bool {
        KILL.is_some()
    }

    /// A write of this name is about to be made.
    pub(super) fn pass(name: &'static str) -> Number {
        let number = {
            let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
            passed.all += 1;
            let of_all = passed.all;
            let of_name = passed.of.entry(name).or_default();
            *of_name += 1;
            Number { of_all, of_name: *of_name }
        };
        note(name);
        end_if("before", name, number);
        number
    }

    fn note(name: &str) {
        let Some(path) = std::env::var_os("CALLOFF_WRITES") else { return };
        let file = std::fs::File::options().create(true).append(true).open(path);
        // Whoever counts misses what could not be noted.
        drop(file.and_then(|mut file| file.write_all(format!("{name}\n").as_bytes())));
    }

    pub(super) fn end_if(when: &str, name: &str, number: Number) {
        let is_now = |kill: &Kill| match &kill.name {
            Some(wanted) => wanted == name && kill.number == number.of_name,
            None => kill.number == number.of_all,
        };
        if KILL.as_ref().is_some_and(|kill| kill.when == when && is_now(kill)) {
            // Nothing that follows is reached.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }
}
