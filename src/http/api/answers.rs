//! What is answered. Field names are those of the commands' JSON; absent values are null.

#![expect(clippy::struct_field_names, reason = "the names are those of the JSON")]

use calloff_core::overview::{AccountStatus, Health, JobState, JobStatus, Overview, ReloadStatus};
use calloff_core::run::RunState;
use calloff_core::timeline::Timeline;
use jiff::Timestamp;
use serde::Serialize;

/// Several things.
#[derive(Debug, Serialize)]
pub(super) struct Items<T> {
    items: Vec<T>,
}

impl<T> Items<T> {
    pub(super) fn of(items: impl IntoIterator<Item = T>) -> Self {
        Self { items: items.into_iter().collect() }
    }
}

/// A page of many things.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Which page, from 1.
    pub(super) page: usize,
    pub(super) pages: usize,
    pub(super) per_page: usize,
    /// How many things there are in all.
    pub(super) total: usize,
}

/// How the daemon stands.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    at: Timestamp,
    daemon: Daemon,
    is_ready: bool,
    unready: Vec<String>,
    looked_at: Timestamp,
    under_way: usize,
    jobs: Vec<Counted>,
    accounts: usize,
    restores_owed: usize,
}

#[derive(Debug, Serialize)]
struct Daemon {
    pid: u32,
    version: String,
    since: Timestamp,
    reload: ReloadStatus,
    health: Health,
}

#[derive(Debug, Serialize)]
struct Counted {
    state: JobState,
    count: usize,
}

impl Status {
    pub(super) fn of(overview: &Overview) -> Self {
        let daemon = &overview.daemon;
        let unready = daemon.unready(overview.loaded.len());
        let of_state = |state| overview.jobs.iter().filter(|job| job.state == state).count();
        Self {
            at: overview.at,
            daemon: Daemon {
                pid: daemon.pid,
                version: daemon.version.clone(),
                since: daemon.since,
                reload: daemon.reload.clone(),
                health: daemon.health.clone(),
            },
            is_ready: unready.is_empty(),
            unready,
            looked_at: daemon.looked_at,
            under_way: daemon.under_way,
            jobs: JobState::ALL.iter().map(|&state| Counted { state, count: of_state(state) }).collect(),
            accounts: overview.accounts.len(),
            restores_owed: overview.debts.len(),
        }
    }
}

/// A job: what `status` says of it, and more.
#[derive(Debug, Serialize)]
pub(super) struct Job<'a> {
    #[serde(flatten)]
    status: &'a JobStatus,
    held_until: Option<Timestamp>,
    last_success: Option<Timestamp>,
    expected_interval_ms: Option<u64>,
    description: Option<&'a str>,
    backups: Vec<String>,
    window: Option<&'a str>,
}

impl<'a> Job<'a> {
    pub(super) fn of(status: &'a JobStatus, overview: &'a Overview) -> Self {
        let file = overview.file(&status.job);
        Self {
            status,
            held_until: status.held_until,
            last_success: status.last_success,
            expected_interval_ms: status
                .interval
                .and_then(|interval| u64::try_from(interval.as_millis()).ok()),
            description: file.and_then(|file| file.description.as_deref()),
            backups: file
                .map(|file| file.backups.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            window: file.and_then(|file| file.when.window.as_ref()).map(|named| named.name.as_str()),
        }
    }
}

/// A job with its file, if one of it is in force.
#[derive(Debug, Serialize)]
pub(super) struct JobInFull<'a> {
    #[serde(flatten)]
    job: Job<'a>,
    file: Option<&'a str>,
}

impl<'a> JobInFull<'a> {
    pub(super) fn of(status: &'a JobStatus, overview: &'a Overview) -> Self {
        let file = overview.file(&status.job).map(|file| &*file.text);
        Self { job: Job::of(status, overview), file }
    }
}

/// An account.
#[derive(Debug, Serialize)]
pub(super) struct Account<'a> {
    account: &'a str,
    api_domain: &'a str,
    jobs: usize,
    calls_in_flight: Option<usize>,
    concurrency: Option<usize>,
    is_failing: Option<bool>,
    token_expires_at: Option<Timestamp>,
    credits_remaining: Option<u64>,
    credits_at: Option<Timestamp>,
    backup: Option<Backup<'a>>,
}

/// What Zoho last showed of an account.
#[derive(Debug, Serialize)]
struct Backup<'a> {
    backup: Option<&'a str>,
    status: Option<&'a str>,
    rrule: Option<&'a str>,
    next_start: Option<Timestamp>,
    seen_at: Timestamp,
}

impl<'a> Account<'a> {
    pub(super) fn of(account: &'a AccountStatus, now: Timestamp) -> Self {
        let vitals = account.vitals;
        let credits = vitals.and_then(|vitals| vitals.credits);
        Self {
            account: account.account.as_str(),
            api_domain: &account.api_domain,
            jobs: account.jobs,
            calls_in_flight: vitals.map(|vitals| vitals.calls_in_flight),
            concurrency: vitals.map(|vitals| vitals.concurrency),
            is_failing: vitals.map(|vitals| vitals.is_failing),
            token_expires_at: vitals.and_then(|vitals| vitals.token_expires_at).filter(|end| *end > now),
            credits_remaining: credits.map(|(left, _)| left),
            credits_at: credits.map(|(_, at)| at),
            backup: account.seen.as_ref().map(|seen| Backup {
                backup: seen.backup.id.as_ref().map(calloff_core::ids::BackupId::as_str),
                status: seen.backup.status.as_deref(),
                rrule: seen.backup.rrule.as_deref(),
                next_start: seen.backup.next_start(seen.at),
                seen_at: seen.at,
            }),
        }
    }
}

/// The picture of an account.
#[derive(Debug, Serialize)]
pub(super) struct Lane<'a> {
    account: &'a str,
    from: Timestamp,
    until: Timestamp,
    windows: Vec<Window<'a>>,
    due: Vec<Due<'a>>,
    frequent: Vec<&'a str>,
    next_backup: Option<Timestamp>,
    past: Vec<Past<'a>>,
    /// What lies too near to others to be listed, or is too much.
    not_listed: usize,
}

#[derive(Debug, Serialize)]
struct Window<'a> {
    window: &'a str,
    opens: Timestamp,
    closes: Timestamp,
}

#[derive(Debug, Serialize)]
struct Due<'a> {
    job: &'a str,
    fire_at: Timestamp,
    is_paused: bool,
}

#[derive(Debug, Serialize)]
struct Past<'a> {
    run_id: String,
    job: &'a str,
    at: Timestamp,
    state: RunState,
}

impl<'a> Lane<'a> {
    pub(super) fn of(timeline: &'a Timeline) -> Option<Self> {
        let lane = timeline.lanes.first()?;
        let due = lane.ticks.iter().flat_map(|mark| &mark.told);
        let past = lane.past.iter().flat_map(|mark| &mark.told);
        let more = lane.ticks.iter().map(|mark| mark.more).chain(lane.past.iter().map(|mark| mark.more));
        Some(Self {
            account: &lane.account,
            from: timeline.from,
            until: timeline.until,
            windows: lane
                .bands
                .iter()
                .map(|band| Window { window: &band.window, opens: band.span.opens, closes: band.span.closes })
                .collect(),
            due: due
                .map(|tick| Due { job: &tick.job, fire_at: tick.at, is_paused: tick.is_paused })
                .collect(),
            frequent: lane.frequent.iter().map(|job| job.job.as_str()).collect(),
            next_backup: lane.backup,
            past: past
                .map(|run| Past {
                    run_id: run.run_id.to_string(),
                    job: &run.job,
                    at: run.at,
                    state: run.state,
                })
                .collect(),
            not_listed: more.sum::<usize>() + lane.left_out,
        })
    }
}
