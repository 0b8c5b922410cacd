//! Instants and distances in time.

use jiff::Timestamp;

/// An instant to the second, in UTC.
#[must_use]
pub fn seconds(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// An instant to the minute, in UTC.
pub(super) fn minutes(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// How far an instant lies ahead or back, in its two largest units, such as `in 2h 5m` or `3s ago`.
#[must_use]
pub fn relative(instant: Timestamp, now: Timestamp) -> String {
    let away = instant.duration_since(now);
    let secs = away.as_secs().unsigned_abs();
    let text = match (secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60) {
        (0, 0, 0, secs) => format!("{secs}s"),
        (0, 0, minutes, secs) => format!("{minutes}m {secs}s"),
        (0, hours, minutes, _) => format!("{hours}h {minutes}m"),
        (days, hours, _, _) => format!("{days}d {hours}h"),
    };
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
            (0, "in 0s"), (-3, "3s ago"), (75, "in 1m 15s"), (7_500, "in 2h 5m"), (3_110_400 + 7_200, "in 36d 2h"),
        ];
        for (secs, want) in table {
            assert_eq!(relative(now + jiff::SignedDuration::from_secs(secs), now), want);
        }
    }
}
