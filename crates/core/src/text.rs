//! How things are written for people, where several parts of the core write them.

use std::time::Duration;

use jiff::Timestamp;

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

/// How far an instant lies ahead or back, in its two largest units, such as `in 2h 5m` or `3s ago`.
#[must_use]
pub fn relative(instant: Timestamp, now: Timestamp) -> String {
    let away = instant.duration_since(now);
    let secs = away.as_secs().unsigned_abs();
    let units = [(secs / 86_400, 'd'), (secs / 3600 % 24, 'h'), (secs / 60 % 60, 'm'), (secs % 60, 's')];
    let largest = units.iter().position(|(count, _)| *count > 0).unwrap_or(units.len() - 1);
    let shown =
        units.iter().skip(largest).take(2).filter(|(count, unit)| *count > 0 || (secs == 0 && *unit == 's'));
    let text = shown.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ");
    if away.is_negative() { format!("{text} ago") } else { format!("in {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_in_time_are_said_in_two_units() {
        let now: Timestamp = "2026-11-27T16:30:00Z".parse().unwrap();
        #[rustfmt::skip]
        let table = [
            (0, "in 0s"), (-3, "3s ago"), (75, "in 1m 15s"), (1_800, "in 30m"), (7_500, "in 2h 5m"),
            (7_215, "in 2h"), (3_110_400 + 7_200, "in 36d 2h"), (86_400, "in 1d"), (86_400 + 60, "in 1d"),
        ];
        for (secs, want) in table {
            assert_eq!(relative(now + jiff::SignedDuration::from_secs(secs), now), want);
        }
    }
}
