//! New IDs, which sort by the time at which they were made.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use uuid::{ContextV7, Uuid};

/// An ID that sorts by the time it was made; the record is sorted by them.
pub(super) fn new_id(now: Timestamp) -> Uuid {
    /// Counts within a millisecond, so that what is made later sorts later.
    static COUNTER: Mutex<ContextV7> = Mutex::new(ContextV7::new());
    let counter = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(&*counter, millis / 1000, nanos))
}
