//! A fixed state, for tests of how it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use calloff_core::agenda::{Entry, Pause, upcoming};
use calloff_core::config::{Job, parse_job, parse_settings};
use calloff_core::ids::{AccountName, BackupRef, JobName, RestoreId, RunId};
use calloff_core::live::LiveBackup;
use calloff_core::outcome::Outcome;
use calloff_core::overview::{
    AccountStatus, Call, DaemonStatus, Health, JobStatus, LastRun, LastSeen, Overview, Recent, ReloadStatus,
    Stand, StandingDebt, Vitals,
};
use calloff_core::reload::{Quarantined, Verdict};
use calloff_core::restore::{Debt, DebtState, Payment, PreImage};
use calloff_core::run::{Run, RunState, Target, Trigger};
use jiff::Timestamp;
use uuid::Uuid;

use super::source::{Source, Unread, Wanted};

/// A Tuesday.
pub(super) const NOW: &str = "2026-11-24T15:00:00Z";

const SETTINGS: &str = r#"
timezone = "Europe/Berlin"
[accounts.acme]
data_center = "eu"
client_id = "x"
client_secret = { env = "A" }
refresh_token = { env = "B" }
[accounts.globex]
data_center = "us"
client_id = "x"
client_secret = { env = "A" }
refresh_token = { env = "B" }
[[windows.release-freeze]]
opens = "0 18 * * FRI"
lasts = "60h"
[[windows.nights]]
opens = "0 20 * * *"
lasts = "10h"
"#;

const JOBS: [(&str, &str); 5] = [
    (
        "eu/nightly",
        "account = \"acme\"\nbackups = \"current\"\n[schedule]\ncron = \"0 22 * * *\"\n[when]\nwindow = \"nights\"\n",
    ),
    ("every-minute", "account = \"globex\"\nbackups = [\"7\"]\n[schedule]\nevery = \"1m\"\n"),
    ("once", "account = \"globex\"\nbackups = [\"7\"]\n[schedule]\nat = \"2026-12-01T09:30:00\"\n"),
    ("paused", "account = \"acme\"\nbackups = [\"42\"]\n[schedule]\ncron = \"0 6 * * MON\"\n"),
    (
        "release-freeze",
        "description = \"No backup <while> the release & the import run\"\naccount = \"acme\"\n\
         backups = [\"42\", \"43\"]\n[schedule]\ncron = \"30 17 * * FRI\"\n[when]\nwindow = \"release-freeze\"\n",
    ),
];

pub(super) fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn account(name: &str) -> AccountName {
    AccountName::parse(name).unwrap()
}

fn run_id(number: u128) -> RunId {
    RunId::new(Uuid::from_u128(number))
}

/// A state that is always the same.
#[derive(Debug, Clone)]
pub(super) struct Fixed {
    pub(super) overview: Arc<Overview>,
    pub(super) is_readable: bool,
    pub(super) is_beating: bool,
}

impl Fixed {
    /// With something of everything.
    pub(super) fn full() -> Self {
        Self { overview: Arc::new(overview()), is_readable: true, is_beating: true }
    }

    fn read<T>(&self, what: T) -> Result<T, Unread> {
        if self.is_readable { Ok(what) } else { Err(Unread("disk I/O error".to_owned())) }
    }
}

impl Source for Fixed {
    async fn overview(&self) -> Arc<Overview> {
        Arc::clone(&self.overview)
    }

    fn is_beating(&self) -> bool {
        self.is_beating
    }

    async fn history(&self, wanted: Wanted) -> Result<Vec<Run>, Unread> {
        let runs = [failed_run(), succeeded_run()];
        self.read(
            runs.into_iter().filter(|run| wanted.job.as_ref().is_none_or(|job| *job == run.job)).collect(),
        )
    }

    async fn calls(&self, runs: Vec<RunId>) -> Result<BTreeMap<RunId, Vec<Call>>, Unread> {
        let call = |attempt, http_status, code: Option<&str>, message: &str| Call {
            target: 0,
            attempt,
            sent_at: ts("2026-11-20T16:30:00.25Z"),
            took_ms: 120,
            http_status,
            code: code.map(str::to_owned),
            message: Some(message.to_owned()),
        };
        let calls = vec![
            call(1, None, None, "connection reset <by peer>"),
            call(2, Some(400), Some("INPROGRESS"), "Backup is in progress"),
        ];
        self.read(runs.into_iter().filter(|run| *run == run_id(2)).map(|run| (run, calls.clone())).collect())
    }

    async fn newest_states(
        &self,
        jobs: Vec<String>,
        _: u32,
    ) -> Result<BTreeMap<String, Vec<RunState>>, Unread> {
        let states = |job: String| {
            let states = if job == "release-freeze" {
                vec![RunState::Succeeded, RunState::Skipped, RunState::Missed, RunState::Failed]
            } else {
                vec![]
            };
            (job, states)
        };
        self.read(jobs.into_iter().map(states).collect())
    }

    async fn metrics(&self, _: Option<String>) -> (&'static str, String) {
        ("text/plain", "calloff_up 1\n".to_owned())
    }
}

fn failed_run() -> Run {
    let mut late = Target::pending(BackupRef::parse("42").unwrap());
    (late.attempts, late.http_status, late.code) = (2, Some(400), Some("INPROGRESS".to_owned()));
    late.end(Outcome::TooLate, None);
    let mut stopped = Target::pending(BackupRef::parse("43").unwrap());
    (stopped.attempts, stopped.verified) = (1, Some(true));
    stopped.end(Outcome::Cancelled, None);
    Run {
        run_id: run_id(2),
        job: "release-freeze".to_owned(),
        account: account("acme"),
        trigger: Trigger::Schedule,
        occurrence: Some(ts("2026-11-20T16:30:00Z")),
        state: RunState::Failed,
        started_at: Some(ts("2026-11-20T16:30:00.2Z")),
        finished_at: Some(ts("2026-11-20T16:30:01Z")),
        lateness_ms: Some(200),
        missed: None,
        reason: None,
        targets: vec![late, stopped],
    }
}

fn succeeded_run() -> Run {
    let mut target = Target::pending(BackupRef::parse("7").unwrap());
    target.end(Outcome::AlreadyCancelled, None);
    Run {
        run_id: run_id(1),
        job: "every-minute".to_owned(),
        account: account("globex"),
        state: RunState::Succeeded,
        targets: vec![target],
        ..failed_run()
    }
}

fn loaded() -> Vec<Arc<Job>> {
    let read = parse_settings("calloff.toml", SETTINGS, None);
    let job = |(name, text): &(&str, &str)| {
        let read = parse_job(&JobName::parse(name).unwrap(), name, text, &read.defaults);
        Arc::new(read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics)))
    };
    JOBS.iter().map(job).collect()
}

fn status(job: &Job, now: Timestamp) -> JobStatus {
    let pause = Pause {
        since: now,
        until: ts("2026-12-01T00:00:00Z"),
        reason: "the import was called off".to_owned(),
    };
    let failed = LastRun {
        occurrence: Some(ts("2026-11-20T16:30:00Z")),
        state: RunState::Failed,
        trigger: Trigger::Schedule,
    };
    let stand = match job.name.as_str() {
        "paused" => Stand { pause: Some(&pause), ..Stand::default() },
        "release-freeze" => Stand { last: Some(failed), ..Stand::default() },
        "eu/nightly" => Stand { held_until: Some(ts("2026-11-25T05:00:00Z")), ..Stand::default() },
        _ => Stand::default(),
    };
    JobStatus {
        interval: job.schedule.expected_interval(now),
        last_success: (job.name.as_str() == "release-freeze").then(|| ts("2026-11-13T16:30:01Z")),
        ..JobStatus::of(job, upcoming(&Entry::from(job), now), stand)
    }
}

fn debt() -> StandingDebt {
    let debt = Debt {
        restore_id: RestoreId::new(Uuid::from_u128(9)),
        account: account("acme"),
        job: "release-freeze".to_owned(),
        pre_image: PreImage {
            backup: calloff_core::ids::BackupId::parse("42").unwrap(),
            rrule: "RRULE:FREQ=WEEKLY;BYDAY=FR".to_owned(),
            status: Some("SCHEDULED".to_owned()),
            scheduled_date: None,
            start_date: None,
            requester: Some("Grace <b>Hopper</b>".to_owned()),
        },
        also: vec![],
        owed_since: ts("2026-11-20T16:30:00Z"),
        due: ts("2026-11-23T05:00:00Z"),
        state: DebtState::Owed,
        tries: 3,
        next_try: Some(ts("2026-11-24T16:00:00Z")),
        reason: Some("LIMIT_EXCEEDED: no backup is left this month".to_owned()),
        restored: None,
        ended_at: None,
        reminded_at: None,
    };
    StandingDebt { debt, payment: Payment::At(ts("2026-11-24T16:00:00Z")) }
}

fn overview() -> Overview {
    let now = ts(NOW);
    let loaded = loaded();
    let broken = Quarantined {
        job: JobName::parse("broken").unwrap(),
        account: None,
        why: "jobs/broken.toml:1:1: E011: `schedule` is missing from a job file".to_owned(),
    };
    let mut jobs: Vec<JobStatus> = loaded.iter().map(|job| status(job, now)).collect();
    jobs.push(JobStatus::quarantined(&broken, None));
    jobs.sort_by(|a, b| a.job.cmp(&b.job));
    let vitals = Vitals {
        calls_in_flight: 2,
        concurrency: 10,
        is_failing: false,
        token_expires_at: Some(ts("2026-11-24T15:40:00Z")),
        credits: Some((1234, ts("2026-11-24T14:59:00Z"))),
    };
    let backup = LiveBackup {
        status: Some("SCHEDULED".to_owned()),
        rrule: Some("RRULE:FREQ=WEEKLY;BYDAY=SU".to_owned()),
        scheduled_date: Some("2026-11-29T03:00:00+01:00[+01:00]".parse().unwrap()),
        ..LiveBackup::default()
    };
    let account_status = |name: &str, is_failing| AccountStatus {
        account: account(name),
        api_domain: "https://www.zohoapis.eu".to_owned(),
        jobs: loaded.iter().filter(|job| job.account.as_str() == name).count(),
        vitals: Some(Vitals { is_failing, ..vitals }),
        seen: (name == "acme").then(|| LastSeen { backup: backup.clone(), at: ts("2026-11-24T14:30:00Z") }),
    };
    let recent = |number, job: &str, account: &str, at: &str, state| Recent {
        run_id: run_id(number),
        job: job.into(),
        account: account.into(),
        at: ts(at),
        state,
    };
    Overview {
        at: now,
        daemon: DaemonStatus {
            pid: 4711,
            version: "0.1.0".to_owned(),
            since: ts("2026-11-01T08:00:00Z"),
            reload: ReloadStatus {
                verdict: Verdict::Accepted,
                at: ts("2026-11-24T12:00:00Z"),
                since: ts("2026-11-24T12:00:00Z"),
                reason: None,
            },
            health: Health::new(vec!["1 job is not in force since the start".to_owned()]),
            looked_at: ts("2026-11-24T14:59:59Z"),
            is_beating: true,
            under_way: 1,
            overdue: vec![],
        },
        accounts: vec![account_status("acme", false), account_status("globex", true)],
        debts: vec![debt()],
        recent: vec![
            recent(1, "eu/nightly", "acme", "2026-11-23T21:00:00Z", RunState::Succeeded),
            recent(2, "release-freeze", "acme", "2026-11-24T09:00:00Z", RunState::Failed),
            recent(3, "paused", "acme", "2026-11-24T09:01:00Z", RunState::Skipped),
            recent(4, "every-minute", "globex", "2026-11-24T12:00:00Z", RunState::Missed),
            recent(5, "every-minute", "globex", "2026-11-24T14:59:00Z", RunState::Running),
        ],
        jobs,
        loaded,
    }
}
