//! What stands so at the moment of a scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use calloff_core::ids::AccountName;
use calloff_core::overview::{JobState, JobStatus, Overview, Vitals};
use calloff_core::restore::DebtState;
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

/// What stands so at the moment of a scrape.
#[derive(Debug, Clone)]
pub struct Scrape {
    /// The moment.
    pub now: Timestamp,
    /// Since when the process runs.
    pub since: Timestamp,
    /// When the scheduling loop last looked.
    pub heartbeat: Option<Timestamp>,
    /// Every job of the files, those that are not in force as well.
    pub jobs: Vec<JobRow>,
    /// The accounts of `calloff.toml`, and those that something is owed to besides.
    pub accounts: Vec<AccountRow>,
}

/// A job.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: JobState,
    /// When it is due next.
    pub next: Option<Timestamp>,
    /// When a run of it last succeeded.
    pub last_success: Option<Timestamp>,
    /// The longest time between two occurrences that is to be expected; `None` if it is due only once.
    pub expected_interval: Option<Duration>,
    /// When its pause ends.
    pub paused_until: Option<Timestamp>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// Its name.
    pub name: String,
    /// How its calls go; `None` if it is not called.
    pub vitals: Option<Vitals>,
    /// Restores that are owed.
    pub restores_owed: usize,
    /// When the first of them is due, or has been.
    pub restore_due: Option<Timestamp>,
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

impl From<&Overview> for Scrape {
    fn from(overview: &Overview) -> Self {
        let job = |job: &JobStatus| JobRow {
            name: job.job.clone(),
            state: job.state,
            next: job.next,
            last_success: job.last_success,
            expected_interval: job.interval,
            paused_until: job.paused_until,
        };
        let owed = |of: &AccountName| {
            let owed = overview.debts.iter().filter(move |standing| {
                standing.debt.state == DebtState::Owed && standing.debt.account == *of
            });
            (owed.clone().count(), owed.map(|standing| standing.due(overview.at)).min())
        };
        let account = |name: &AccountName, vitals| {
            let (restores_owed, restore_due) = owed(name);
            AccountRow { name: name.as_str().to_owned(), vitals, restores_owed, restore_due }
        };
        // What is owed to an account stays owed when its table is gone.
        let known: BTreeSet<&AccountName> = overview.accounts.iter().map(|of| &of.account).collect();
        let debtors = overview.debts.iter().map(|standing| &standing.debt.account);
        let gone: BTreeSet<&AccountName> = debtors.filter(|name| !known.contains(name)).collect();
        let standing = overview.accounts.iter().map(|of| account(&of.account, of.vitals));
        Self {
            now: overview.at,
            since: overview.daemon.since,
            heartbeat: Some(overview.daemon.looked_at),
            jobs: overview.jobs.iter().map(job).collect(),
            accounts: standing.chain(gone.into_iter().map(|name| account(name, None))).collect(),
        }
    }
}

impl Scrape {
    fn encode_jobs(&self, out: &mut Gauges<'_>) -> fmt::Result {
        // Each has a series even if no job stands so.
        let mut states: BTreeMap<&str, i64> = JobState::ALL.iter().map(|state| (state.as_str(), 0)).collect();
        for job in &self.jobs {
            *states.entry(job.state.as_str()).or_default() += 1;
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
        let mut calls = |name, help, value: &dyn Fn(&Vitals) -> Option<u64>| {
            out.all(name, help, "account", &self.accounts, |account| {
                Some((account.name.as_str(), value(account.vitals.as_ref()?)?))
            })
        };
        let number = |number: usize| u64::try_from(number).ok();
        calls("calls_in_flight", "Calls to Zoho that are under way.", &|vitals| {
            number(vitals.calls_in_flight)
        })?;
        calls("account_concurrency", "How many calls to Zoho may be under way at once.", &|vitals| {
            number(vitals.concurrency)
        })?;
        calls(
            "account_probing",
            "Whether calls of the account keep failing, so that they go out one at a time.",
            &|vitals| Some(u64::from(vitals.is_failing)),
        )?;
        calls("credits_remaining", "API credits that remain, if Zoho said so within the hour.", &|vitals| {
            let (credits, said_at) = vitals.credits?;
            (self.now.duration_since(said_at) <= CREDITS_COUNT_FOR).then_some(credits)
        })?;
        let help = "Backup schedules that are owed to the account.";
        out.all("restores_owed", help, "account", &self.accounts, |account| {
            Some((account.name.as_str(), account.restores_owed))
        })?;
        let help = "When the first of the backup schedules is due that are owed, or has been.";
        out.all("restore_due_timestamp_seconds", help, "account", &self.accounts, |account| {
            Some((account.name.as_str(), seconds(account.restore_due?)))
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

#[cfg(test)]
mod tests {
    use calloff_core::ids::{BackupId, RestoreId};
    use calloff_core::overview::{DaemonStatus, Health, ReloadStatus, StandingDebt};
    use calloff_core::reload::Verdict;
    use calloff_core::restore::{Debt, Payment, PreImage};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_owed_to_an_account_that_is_gone_is_counted() {
        let at = Timestamp::UNIX_EPOCH;
        let debt = Debt {
            restore_id: RestoreId::new(Uuid::from_u128(9)),
            account: "gone".parse().unwrap(),
            job: "freeze".to_owned(),
            pre_image: PreImage {
                backup: BackupId::parse("42").unwrap(),
                rrule: "RRULE:FREQ=WEEKLY".to_owned(),
                status: None,
                scheduled_date: None,
                start_date: None,
                requester: None,
            },
            also: vec![],
            owed_since: at,
            due: at,
            state: DebtState::Owed,
            tries: 0,
            next_try: None,
            reason: None,
            restored: None,
            ended_at: None,
            reminded_at: None,
        };
        let by_hand = Payment::ByHand("its account is not in calloff.toml".to_owned());
        let reload = ReloadStatus { verdict: Verdict::Accepted, at, since: at, reason: None };
        let overview = Overview {
            at,
            daemon: DaemonStatus {
                pid: 7,
                version: String::new(),
                since: at,
                reload,
                health: Health::new(vec![]),
                looked_at: at,
                is_beating: true,
                under_way: 0,
                overdue: vec![],
            },
            jobs: vec![],
            loaded: vec![],
            accounts: vec![],
            debts: vec![StandingDebt { debt, payment: by_hand }],
            recent: vec![],
        };
        let scrape = Scrape::from(&overview);
        let [row] = scrape.accounts.as_slice() else { panic!("{scrape:?}") };
        assert_eq!((row.name.as_str(), row.restores_owed, row.restore_due), ("gone", 1, Some(at)));
    }
}
