//! What tells without reading it whether a file is still the same.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use jiff::{SignedDuration, Timestamp};

/// File systems count time in steps of up to two seconds: a change within one step after another leaves the same times.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// Which file it is, how large, and when it last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds of the last change of its contents, which anybody can set back.
    modified: (i64, i64),
    /// Seconds and nanoseconds of the last change of anything about it, which nobody can.
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether both are of the same file or folder, changed or not.
    pub(super) fn is_of_the_same_file(self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether a file that bears this stamp at `now` bears another one after its next change.
    pub(super) fn is_settled(self, now: Timestamp) -> bool {
        let changed = self.modified.max(self.changed).0;
        Timestamp::from_second(changed).is_ok_and(|changed| now.duration_since(changed) > STEP)
    }
}
