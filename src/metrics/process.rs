//! What the operating system tells of the process, by the names that all of Prometheus's clients use.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use jiff::Timestamp;

use super::scrape::seconds;

/// Linux shows times to programs in hundredths of a second, on all its platforms.
const TICKS_A_SECOND: f64 = 100.0;

/// Asks at each scrape.
#[derive(Debug)]
pub(super) struct Process {
    /// Since when it runs.
    pub(super) since: Timestamp,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "When the process began.";
        let start = encoder.encode_descriptor("process_start_time_seconds", help, None, MetricType::Gauge)?;
        ConstGauge::new(seconds(self.since)).encode(start)?;
        if let Some(seconds) =
            std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(processor_time)
        {
            let help = "Processor time that the process has taken.";
            let encoder =
                encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(encoder)?;
        }
        if let Some(bytes) = std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident) {
            let help = "Memory of the process that is resident.";
            let encoder =
                encoder.encode_descriptor("process_resident_memory_bytes", help, None, MetricType::Gauge)?;
            ConstGauge::new(bytes).encode(encoder)?;
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            let help = "Files that the process has open.";
            let encoder = encoder.encode_descriptor("process_open_fds", help, None, MetricType::Gauge)?;
            ConstGauge::new(files.count()).encode(encoder)?;
        }
        Ok(())
    }
}

/// Source: proc(5), `/proc/pid/stat`: `utime` and `stime` are its fields 14 and 15; the second may have anything in it.
fn processor_time(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some((f64::from(ticks()?) + f64::from(ticks()?)) / TICKS_A_SECOND)
}

/// Source: proc(5), `/proc/pid/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_shows_is_understood() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 900 0 0 0 1234 66 0 0 20 0 4 0 100 200 300";
        assert_eq!(processor_time(stat), Some(13.0));
        assert_eq!(resident("Name:\tx\nVmRSS:\t   12600 kB\n"), Some(12_902_400));
        assert_eq!((processor_time("7 (a) S"), resident("")), (None, None));
    }
}
