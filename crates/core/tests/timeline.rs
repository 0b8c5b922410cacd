//! The picture of the coming days: what lies where.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

use std::sync::Arc;

use calloff_core::agenda::{Entry, Pause, upcoming};
use calloff_core::config::{Job, parse_job, parse_settings};
use calloff_core::ids::{AccountName, JobName, RunId};
use calloff_core::overview::{
    AccountStatus, DaemonStatus, Health, JobStatus, Overview, Recent, ReloadStatus, Stand,
};
use calloff_core::reload::Verdict;
use calloff_core::run::RunState;
use calloff_core::timeline::{AHEAD, Lane, PAST, timeline};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

const NOW: &str = "2026-11-24T15:00:00Z";

const SETTINGS: &str = r#"
timezone = "UTC"
[accounts.acme]
data_center = "eu"
client_id = "x"
client_secret = { env = "A" }
refresh_token = { env = "B" }
[[windows.weekend]]
opens = "0 18 * * FRI"
lasts = "60h"
[[windows.always]]
from = "2020-01-01T00:00:00"
to = "2090-01-01T00:00:00"
[[windows.each-minute]]
opens = "* * * * *"
lasts = "10s"
"#;

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn job(name: &str, text: &str) -> Arc<Job> {
    let defaults = parse_settings("calloff.toml", SETTINGS, None).defaults;
    let text = format!("account = \"acme\"\nbackups = [\"1\"]\n{text}");
    Arc::new(parse_job(&JobName::parse(name).unwrap(), name, &text, &defaults).value.unwrap())
}

fn overview(mut jobs: Vec<Arc<Job>>, pause: Option<&Pause>, recent: Vec<Recent>) -> Overview {
    let at = ts(NOW);
    jobs.sort_by(|a, b| a.name.cmp(&b.name));
    let status = |job: &Arc<Job>| {
        let next = upcoming(&Entry::from(job.as_ref()), at);
        JobStatus::of(job, next, Stand { pause, ..Stand::default() })
    };
    let reload = ReloadStatus { verdict: Verdict::Accepted, at, since: at, reason: None };
    let account = AccountStatus {
        account: AccountName::parse("acme").unwrap(),
        api_domain: String::new(),
        jobs: jobs.len(),
        vitals: None,
        seen: None,
    };
    Overview {
        at,
        daemon: DaemonStatus {
            pid: 1,
            version: String::new(),
            since: at,
            reload,
            health: Health::new(vec![]),
            looked_at: at,
            is_beating: true,
            under_way: 0,
            overdue: vec![],
        },
        jobs: jobs.iter().map(status).collect(),
        loaded: jobs,
        accounts: vec![account],
        debts: vec![],
        recent,
    }
}

fn lane(overview: &Overview) -> Lane {
    timeline(overview, &overview.accounts).lanes.remove(0)
}

fn recent(number: u128, at: Timestamp, state: RunState) -> Recent {
    Recent {
        run_id: RunId::new(Uuid::from_u128(number)),
        job: "job".into(),
        account: "acme".into(),
        at,
        state,
    }
}

#[test]
fn strokes_lie_where_the_schedule_says_and_a_pause_shows() {
    let daily = job("daily", "[schedule]\ncron = \"0 6 * * *\"\n");
    let pause = Pause { since: ts(NOW), until: ts("2026-11-27T00:00:00Z"), reason: "why".to_owned() };
    let lane = lane(&overview(vec![Arc::clone(&daily)], Some(&pause), vec![]));
    let at: Vec<Timestamp> = lane.ticks.iter().map(|tick| tick.at).collect();
    let until = ts(NOW) + AHEAD;
    assert_eq!(at, daily.schedule.occurrences(ts(NOW), until, 100).collect::<Vec<_>>());
    let paused: Vec<bool> = lane.ticks.iter().map(calloff_core::timeline::Mark::is_paused).collect();
    assert_eq!((paused[..2].to_vec(), paused[2..].contains(&true)), (vec![true, true], false));
}

#[test]
fn what_is_due_very_often_is_a_band() {
    let lane = lane(&overview(vec![job("often", "[schedule]\nevery = \"1s\"\n")], None, vec![]));
    assert!(lane.ticks.is_empty());
    assert_eq!(lane.frequent[0].job, "often");
}

#[test]
fn windows_are_cut_to_the_picture_and_told_as_they_are() {
    let jobs = ["weekend", "always", "each-minute"].map(|window| {
        job(window, &format!("[schedule]\nat = \"2090-01-01T00:00:00Z\"\n[when]\nwindow = \"{window}\"\n"))
    });
    let lane = lane(&overview(jobs.to_vec(), None, vec![]));
    let of = |name: &str| lane.bands.iter().filter(|band| band.window == name).collect::<Vec<_>>();
    let (from, until) = (ts(NOW) - PAST, ts(NOW) + AHEAD);
    assert_eq!((of("always").len(), of("weekend").len()), (1, 2));
    assert_eq!(of("always")[0].shown, calloff_core::window::Span { opens: from, closes: until });
    assert_eq!(of("always")[0].span.opens, ts("2020-01-01T00:00:00Z"));
    assert_eq!(of("weekend")[0].shown, of("weekend")[0].span);
    // More than can be drawn: the last stands for the rest, and nothing is left blank.
    let many = of("each-minute");
    let last = many.last().unwrap();
    assert!(many.len() <= 400 && last.is_many && last.shown.closes == until);
    assert!(many[..many.len() - 1].iter().all(|band| !band.is_many));
}

#[test]
fn a_failure_is_told_however_much_lies_beside_it() {
    let at = ts("2026-11-24T12:00:00Z");
    let mut runs: Vec<Recent> = (0..50).map(|run| recent(run, at, RunState::Succeeded)).collect();
    runs.push(recent(50, at, RunState::Failed));
    let lane = lane(&overview(vec![], None, runs));
    assert_eq!((lane.past.len(), lane.past[0].worst()), (1, RunState::Failed));
    assert_eq!(lane.past[0].told.len() + lane.past[0].more, 51);
}

#[test]
fn a_picture_of_very_many_jobs_is_bounded_and_says_what_it_leaves_out() {
    let jobs =
        (0..2000).map(|place| job(&format!("j{place:04}"), "[schedule]\ncron = \"0 * * * *\"\n")).collect();
    let lane = lane(&overview(jobs, None, vec![]));
    assert!(lane.frequent.len() < 2000);
    assert_eq!(lane.frequent.len() + lane.left_out, 2000);
}

proptest! {
    #[test]
    fn nothing_is_lost_where_things_lie_near_each_other(offsets in prop::collection::vec(-90_000_i64..90_000, 0..200)) {
        let runs: Vec<Recent> = offsets
            .iter()
            .enumerate()
            .map(|(place, offset)| {
                let at = ts(NOW) + SignedDuration::from_secs(*offset);
                recent(place as u128, at, RunState::ALL[place % RunState::ALL.len()])
            })
            .collect();
        let overview = overview(vec![], None, runs);
        let picture = timeline(&overview, &overview.accounts);
        let lane = &picture.lanes[0];
        let shown = overview.recent.iter().filter(|run| picture.from <= run.at && run.at < picture.until).count();
        prop_assert_eq!(lane.past.iter().map(|mark| mark.told.len() + mark.more).sum::<usize>(), shown);
        prop_assert!(lane.past.windows(2).all(|pair| pair[0].at < pair[1].at));
    }

    #[test]
    fn every_stroke_is_an_occurrence_and_none_is_missing(minute in 0_u8..60, hour in 0_u8..24, day in 0_u8..7) {
        let job = job("job", &format!("[schedule]\ncron = \"{minute} {hour} * * {day}\"\njitter = \"30m\"\n"));
        let overview = overview(vec![Arc::clone(&job)], None, vec![]);
        let lane = lane(&overview);
        let told: Vec<Timestamp> = lane.ticks.iter().flat_map(|mark| &mark.told).map(|tick| tick.at).collect();
        let mut want = vec![];
        let mut cursor = ts(NOW);
        while let Some(next) = upcoming(&Entry::from(job.as_ref()), cursor).filter(|next| next.fire_at < ts(NOW) + AHEAD) {
            want.push(next.fire_at);
            cursor = next.occurrence;
        }
        prop_assert_eq!(told, want);
    }
}
