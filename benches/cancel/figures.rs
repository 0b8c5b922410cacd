//! Medians, and how figures are shown.

use std::time::Duration;

/// The value that this share of all values stays below; `share` in percent.
pub(crate) fn percentile(values: &[Duration], share: usize) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * share / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or_default()
}

pub(crate) fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

pub(crate) fn seconds(times: &[Duration]) -> String {
    let [low, middle, high] = [0, 50, 100].map(|share| percentile(times, share).as_secs_f64());
    format!("{middle:.3} ({low:.3} to {high:.3})")
}

/// The load averages, for whoever judges the figures.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
