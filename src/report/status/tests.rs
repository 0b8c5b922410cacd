use std::collections::BTreeSet;

use calloff_core::overview::{Health, JobState, LastRun, ReloadStatus};
use calloff_core::reload::Verdict;
use calloff_core::restore::{Debt, DebtState, Payment, PreImage};
use calloff_core::run::{RunState, Trigger};
use insta::assert_snapshot;
use jiff::SignedDuration;

use super::*;
use crate::report::fixture::{BACKUP, NOW, at_widths, shown, ts};
use crate::report::text::width as width_of;

fn job(name: &str, state: JobState, next: Option<&str>, last: Option<(RunState, Option<&str>)>) -> JobStatus {
    let last = last.map(|(state, occurrence)| LastRun {
        occurrence: occurrence.map(ts),
        state,
        trigger: if occurrence.is_some() { Trigger::Schedule } else { Trigger::Manual },
    });
    JobStatus {
        job: name.to_owned(),
        account: Some("acme".to_owned()),
        state,
        next: next.map(ts),
        last,
        paused_until: None,
        reason: None,
        held_until: None,
        last_success: None,
        interval: None,
    }
}

/// One job in each state, in the order of plain output.
fn jobs() -> Vec<JobStatus> {
    use JobState::{Armed, Disabled, Expired, Paused, Quarantined};
    use RunState::{Failed, Missed, Running, Skipped, Succeeded};
    let friday = Some("2026-11-20T16:30:00Z");
    let mut broken = job("eu/import", Quarantined, None, Some((Succeeded, friday)));
    broken.account = None;
    broken.reason =
        Some("jobs/eu/import.toml:2:11: E013: expected a list of backup IDs, found a number".to_owned());
    let mut paused = job("release-freeze", Paused, Some("2026-12-04T16:30:00Z"), Some((Skipped, friday)));
    paused.paused_until = Some(ts("2026-11-27T18:00:00Z"));
    paused.reason = Some("the release is put off until the other team has found its keys".to_owned());
    let mut held = job("hold/weekend", Armed, Some("2026-12-04T17:00:00Z"), Some((Running, Some(NOW))));
    held.held_until = Some(ts("2026-11-30T05:00:00Z"));
    vec![
        broken,
        paused,
        job("accounts/emea/quarterly-closing-of-the-books", Armed, Some("2027-01-04T08:00:00Z"), None),
        job("crm-import", Armed, Some("2026-11-27T16:05:00Z"), Some((Failed, Some("2026-11-27T15:55:00Z")))),
        held,
        job("night-watch", Armed, Some("2026-11-27T20:00:00Z"), Some((Missed, Some("2026-11-26T20:00:00Z")))),
        job("old-org", Expired, None, Some((Succeeded, None))),
        job("trial", Disabled, None, None),
    ]
}

fn debt() -> StandingDebt {
    let before = PreImage {
        backup: BACKUP.parse().unwrap(),
        rrule: "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA".to_owned(),
        status: None,
        scheduled_date: None,
        start_date: None,
        requester: None,
    };
    let debt = Debt {
        restore_id: "01a21b5e-e8c1-7a04-9d2f-3d7c1f0e5b11".parse().unwrap(),
        account: "acme".parse().unwrap(),
        job: "hold/weekend".to_owned(),
        pre_image: before,
        also: vec![],
        owed_since: ts("2026-11-27T15:59:00Z"),
        due: ts("2026-11-30T05:00:00Z"),
        state: DebtState::Owed,
        tries: 0,
        next_try: None,
        reason: None,
        restored: None,
        ended_at: None,
        reminded_at: None,
    };
    let payment = Payment::At(debt.due);
    StandingDebt { debt, payment }
}

fn daemon() -> DaemonRow {
    DaemonRow {
        pid: 4711,
        version: "0.1.0".to_owned(),
        since: ts("2026-11-01T00:00:00Z"),
        reload: Some(ReloadStatus {
            verdict: Verdict::Rejected,
            at: ts("2026-11-27T15:00:00Z"),
            since: ts("2026-11-01T00:00:00Z"),
            reason: None,
        }),
        health: Some(Health::new(vec![
            "changed files are not in force: jobs/eu/import.toml:2:11: E013".to_owned(),
        ])),
    }
}

fn told(jobs: &[JobStatus], extent: Extent, width: Option<u16>) -> String {
    let (debts, daemon) = ([debt()], daemon());
    status(&Standing { jobs, debts: &debts, daemon: Some(&daemon), now: ts(NOW) }, extent, width)
}

/// So many jobs, of which the first one is broken and each fiftieth has failed.
fn many(count: usize) -> Vec<JobStatus> {
    let of = |number: usize| {
        let next = ts(NOW) + SignedDuration::from_mins(i64::try_from(count - number).unwrap());
        let state = if number == 0 { JobState::Quarantined } else { JobState::Armed };
        let last = if number.is_multiple_of(50) { RunState::Failed } else { RunState::Succeeded };
        let mut job = job(&format!("job-{number:05}"), state, None, Some((last, Some(NOW))));
        job.next = (number > 0).then_some(next);
        job
    };
    (0..count).map(of).collect()
}

#[test]
fn a_terminal_is_shown_what_fits_it() {
    assert_snapshot!(at_widths([60, 80, 120], |width| shown(&told(&jobs(), Extent::Brief, width))));
}

#[test]
fn states_have_colours() {
    assert_snapshot!(told(&jobs(), Extent::Brief, Some(80)).replace('\u{1b}', "␛"));
}

#[test]
fn where_nobody_reads_along_there_is_a_line_for_each_job_without_shapes() {
    let text = told(&jobs(), Extent::Brief, None);
    assert_snapshot!(shown(&text));
    let marks: BTreeSet<char> = "●‖!◌○✓✗?–…".chars().collect();
    assert!(!text.chars().any(|c| marks.contains(&c)), "{text}");
}

#[test]
fn of_many_jobs_the_most_pressing_are_shown_and_the_next() {
    let jobs = many(10_000);
    let text = shown(&told(&jobs, Extent::Brief, Some(80)));
    let names: Vec<&str> = text.lines().filter(|line| line.starts_with("job-")).collect();
    assert_eq!(names.len(), 100, "{text}");
    assert!(names[0].contains("! quarantined"), "{text}");
    assert!(names[1..50].iter().all(|line| line.contains("✗ failed")), "{text}");
    assert!(names[50].starts_with("job-09999") && names[99].starts_with("job-09949"), "{text}");
    assert!(text.contains("… and 9900 more: calloff status --all"), "{text}");
    assert!(text.contains("10000 jobs  ! 1 quarantined  ● 9999 armed  ✗ 200 failed"), "{text}");
    for (extent, width) in [(Extent::All, Some(80)), (Extent::Brief, None)] {
        let text = shown(&told(&jobs, extent, width));
        assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("job-")).count(), 10_000);
    }
}

#[test]
fn a_screen_is_filled_and_no_more() {
    assert_snapshot!(at_widths([60, 100], |width| shown(&told(&jobs(), Extent::Lines(14), width))));
    for (jobs, room) in [(jobs(), 40), (many(200), 40), (many(200), 10), (many(200), 3), (many(0), 10)] {
        for width in [40, 60, 80, 200] {
            let text = shown(&told(&jobs, Extent::Lines(room), Some(width)));
            assert!(text.lines().count() <= room, "{room}: {text}");
            assert!(text.lines().all(|line| width_of(line) <= usize::from(width)), "{width}: {text}");
            let rows = text.lines().filter(|line| line.contains("armed   ")).count();
            assert!(jobs.len() < 200 || room < 40 || rows > 20, "{text}");
        }
    }
}

#[test]
fn names_and_states_are_whole_on_any_terminal() {
    for width in 40..140 {
        let text = shown(&told(&jobs(), Extent::All, Some(width)));
        assert!(text.lines().all(|line| width_of(line) <= usize::from(width)), "{width}: {text}");
        // A name may be broken, and is not cut.
        let names = text.lines().skip_while(|line| !line.starts_with("JOB"));
        let column: String = names.map(|line| line.split("  ").next().unwrap_or_default().trim()).collect();
        for job in jobs() {
            assert!(column.contains(&job.job), "{width}: {} in {text}", job.job);
            assert!(text.contains(job.state.as_str()), "{width}: {text}");
        }
    }
}
