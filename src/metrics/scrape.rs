//! What stands so at the moment of a scrape.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// What all names begin with.
pub(super) const PREFIX: &str = "calloff";

/// Zoho names the credits that remain only once half of them are used, and never says that there are enough again; so
/// what it said counts for this long.
const CREDITS_COUNT_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The states that jobs are in, each of which has a series even if no job is.
const JOB_STATES: [&str; 5] = ["armed", "paused", "expired", "disabled", "quarantined"];

/// What stands so at the moment of a scrape.
#[derive(Debug, Clone)]
pub struct Scrape {
    /// The moment.
    pub now: Timestamp,
    /// When the scheduling loop last looked.
    pub heartbeat: Option<Timestamp>,
    /// Every job of the files, those that are not in force as well.
    pub jobs: Vec<JobRow>,
    /// The accounts that are ready.
    pub accounts: Vec<AccountRow>,
}

/// A job.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Its name.
    pub name: String,
    /// The word of its state.
    pub state: &'static str,
    /// When it is due next.
    pub next: Option<Timestamp>,
    /// When its last run ended that succeeded.
    pub last_success: Option<Timestamp>,
    /// The time between two occurrences, where its schedule has more than one.
    pub expected_interval: Option<Duration>,
    /// When its pause ends.
    pub paused_until: Option<Timestamp>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// Its name.
    pub name: String,
    /// Calls that are under way.
    pub calls_in_flight: usize,
    /// How many may be at once.
    pub concurrency: usize,
    /// Whether its calls keep failing, so that they go out one at a time.
    pub is_failing: bool,
    /// The credits that remain, and when Zoho said so.
    pub credits: Option<(u64, Timestamp)>,
    /// Restores that are owed.
    pub restores_owed: usize,
}

/// An instant as Prometheus has it.
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Gauges(encoder);
        self.encode_jobs(&mut out)?;
        self.encode_accounts(&mut out)?;
        let heartbeat = self.heartbeat.map(seconds);
        out.plain(
            "heartbeat_timestamp_seconds",
            "When the scheduling loop last looked for what is due.",
            heartbeat,
        )
    }
}

impl Scrape {
    fn encode_jobs(&self, out: &mut Gauges<'_>) -> fmt::Result {
        let mut states: BTreeMap<&str, i64> = JOB_STATES.map(|state| (state, 0)).into();
        for job in &self.jobs {
            *states.entry(job.state).or_default() += 1;
        }
        out.all("jobs", "Jobs of the files, by their state.", "state", states, |(state, jobs)| {
            Some((*state, *jobs))
        })?;
        let mut jobs = |name, help, value: fn(&JobRow) -> Option<f64>| {
            out.all(name, help, "job", &self.jobs, |job| Some((job.name.as_str(), value(job)?)))
        };
        jobs("job_next_occurrence_timestamp_seconds", "When the job is due next.", |job| {
            job.next.map(seconds)
        })?;
        jobs("job_last_success_timestamp_seconds", "When the job's last run ended that succeeded.", |job| {
            job.last_success.map(seconds)
        })?;
        jobs("job_expected_interval_seconds", "The time between two occurrences of the job.", |job| {
            job.expected_interval.map(|interval| interval.as_secs_f64())
        })?;
        jobs("job_paused_until_timestamp_seconds", "When the pause of the job ends.", |job| {
            job.paused_until.map(seconds)
        })
    }

    fn encode_accounts(&self, out: &mut Gauges<'_>) -> fmt::Result {
        let mut accounts = |name, help, value: &dyn Fn(&AccountRow) -> Option<usize>| {
            out.all(name, help, "account", &self.accounts, |account| {
                Some((account.name.as_str(), value(account)?))
            })
        };
        accounts("calls_in_flight", "Calls to Zoho that are under way.", &|account| {
            Some(account.calls_in_flight)
        })?;
        accounts("account_concurrency", "How many calls to Zoho may be under way at once.", &|account| {
            Some(account.concurrency)
        })?;
        accounts(
            "account_probing",
            "Whether calls of the account keep failing, so that they go out one at a time.",
            &|account| Some(usize::from(account.is_failing)),
        )?;
        accounts(
            "credits_remaining",
            "API credits that remain, if Zoho said so within the hour.",
            &|account| {
                let (credits, said_at) = account.credits?;
                let is_recent = self.now.duration_since(said_at) <= CREDITS_COUNT_FOR;
                is_recent.then(|| usize::try_from(credits).unwrap_or(usize::MAX))
            },
        )?;
        accounts("restores_owed", "Backup schedules that are owed to the account.", &|account| {
            Some(account.restores_owed)
        })
    }
}

/// Writes gauges.
struct Gauges<'a>(DescriptorEncoder<'a>);

impl Gauges<'_> {
    /// One with a label: a series for each row that has a value.
    fn all<R, N>(
        &mut self,
        name: &'static str,
        help: &str,
        label: &'static str,
        rows: impl IntoIterator<Item = R>,
        row: impl for<'r> Fn(&'r R) -> Option<(&'r str, N)>,
    ) -> fmt::Result
    where
        ConstGauge<N>: EncodeMetric,
    {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        rows.into_iter().try_for_each(|of| match row(&of) {
            Some((value_of_label, value)) => {
                ConstGauge::new(value).encode(encoder.encode_family(&[(label, value_of_label)])?)
            }
            None => Ok(()),
        })
    }

    /// One without labels, if it has a value.
    fn plain(&mut self, name: &'static str, help: &str, value: Option<f64>) -> fmt::Result {
        let encoder: MetricEncoder<'_> = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        value.map_or(Ok(()), |value| ConstGauge::new(value).encode(encoder))
    }
}
