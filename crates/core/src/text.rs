//! How things are written for people, where several parts of the core write them.

use std::time::Duration;

/// A duration as a job file would have it.
pub(crate) fn duration(duration: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    let seconds = duration.as_secs();
    if duration.subsec_nanos() == 0 && seconds > 0 && seconds.is_multiple_of(DAY) {
        // humantime would say "9years 11months 29days" of what was written as 3650d.
        return format!("{}d", seconds / DAY);
    }
    humantime::format_duration(duration).to_string()
}
