//! Whole pages.

use anstream::adapter::strip_str;
use calloff_core::condition::Reading;
use calloff_core::config::Job;
use calloff_core::forecast::Forecast;
use calloff_core::live::LiveBackup;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::report::fixture::{NOW, backup, forecast, job, ts};
use crate::report::text::width;

const WEEK: &str = "2026-12-04T16:00:00Z";

/// An account with its jobs.
struct Case {
    account: &'static str,
    live: Reading<Option<LiveBackup>>,
    jobs: Vec<Job>,
    most: usize,
}

fn case(
    account: &'static str,
    live: Reading<Option<LiveBackup>>,
    jobs: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Case {
    let jobs = jobs.into_iter().map(|(name, text)| job(name, text)).collect();
    Case { account, live, jobs, most: 10_000 }
}

fn page(cases: &[Case], until: &str, width: Option<u16>) -> String {
    let forecasts: Vec<_> =
        cases.iter().map(|case| forecast(&case.jobs, &case.live, until, case.most)).collect();
    let accounts: Vec<AccountPlan<'_>> = cases
        .iter()
        .zip(&forecasts)
        .map(|(case, forecast)| AccountPlan { account: case.account, live: &case.live, forecast })
        .collect();
    strip_str(&plan(&accounts, ts(NOW), ts(until), width)).to_string()
}

/// A week of three accounts: one with windows and several jobs, one that can't be read, one that is left alone.
fn a_week() -> [Case; 4] {
    [
        case(
            "acme",
            Reading::Read(Some(backup("SCHEDULED", Some("2026-11-28T02:00:00Z")))),
            [
                (
                    "friday-release-freeze",
                    "backups = \"current\"\nschedule.cron = \"0 19 * * FRI\"\nwhen.window = \"weekend\"\nwhen.due_in_window = true",
                ),
                (
                    "watch-nights",
                    "backups = \"current\"\nschedule.every = \"10m\"\nwhen.window = \"nights\"\nwhen.due_within = \"6h\"",
                ),
                (
                    "old-backups",
                    "backups = [\"4876876000001000001\", \"4876876000001593003\"]\nschedule.cron = \"0 6 * * MON-FRI\"",
                ),
            ],
        ),
        case(
            "globex",
            Reading::Failed("INTERNAL_ERROR (HTTP 500), after 3 attempts".to_owned()),
            [("globex-freeze", "backups = \"current\"\nschedule.cron = \"0 18 * * MON,WED\"")],
        ),
        case(
            "initech",
            Reading::Read(Some(backup("SCHEDULED", Some("2026-11-29T02:00:00Z")))),
            [(
                "closing-of-the-books-2026",
                "backups = \"current\"\nschedule.cron = \"0 12 * * *\"\nwhen.window = \"year-end-closing-of-the-books\"\nwhen.due_within = \"1d\"",
            )],
        ),
        case("umbrella", Reading::Read(None), []),
    ]
}

fn assert_fits(page: &str, columns: usize) {
    for line in page.lines() {
        assert!(width(line) <= columns, "{} columns: {line:?}\n{page}", width(line));
    }
}

#[test]
fn a_week_at_60_columns() {
    insta::assert_snapshot!(page(&a_week(), WEEK, Some(60)));
}

#[test]
fn a_week_at_100_columns() {
    insta::assert_snapshot!(page(&a_week(), WEEK, Some(100)));
}

#[test]
fn a_week_at_160_columns() {
    insta::assert_snapshot!(page(&a_week(), WEEK, Some(160)));
}

#[test]
fn a_week_where_nobody_reads_along() {
    insta::assert_snapshot!(page(&a_week(), WEEK, None));
}

#[test]
fn nothing_to_show() {
    let new_year = ("new-year", "backups = \"current\"\nschedule.at = \"2027-01-01T00:00:00\"");
    let quiet = [
        case("acme", Reading::Read(Some(backup("STOPPED", Some("2026-11-28T02:00:00Z")))), []),
        case("globex", Reading::Read(None), [new_year]),
    ];
    insta::assert_snapshot!(page(&quiet, WEEK, Some(100)), @"
    acme    4876876000001593003 STOPPED, no next start, RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA
    globex  no backup

    0 occurrences until 2026-12-04 16:00Z
    ");
    assert_eq!(page(&[], WEEK, Some(100)), "0 occurrences until 2026-12-04 16:00Z\n");
}

#[test]
fn a_forecast_that_was_cut_says_how_far_it_reaches() {
    let mut cut = case(
        "acme",
        Reading::Read(Some(backup("SCHEDULED", Some("2026-12-03T02:00:00Z")))),
        [("watch", "backups = \"current\"\nschedule.every = \"1h\"\nwhen.due_within = \"6h\"")],
    );
    cut.most = 48;
    insta::assert_snapshot!(page(&[cut], WEEK, Some(80)));
}

#[test]
fn of_many_accounts_those_come_first_that_something_happens_to() {
    let weekly = ("weekly", "backups = \"current\"\nschedule.cron = \"0 12 * * SUN\"");
    let scheduled = |place| if place % 5 == 4 { "SCHEDULED" } else { "STOPPED" };
    let cases: Vec<Case> = (0..26)
        .map(|place| {
            case(
                "acme",
                Reading::Read(Some(backup(scheduled(place), Some("2026-11-30T02:00:00Z")))),
                [weekly],
            )
        })
        .collect();
    let page = page(&cases, WEEK, Some(100));
    let (picture, _) = page.split_once("\n\n").unwrap();
    assert!(picture.ends_with("and 6 more accounts"), "{picture}");
    let jobs: Vec<&str> = picture.lines().filter(|line| line.starts_with("  weekly")).collect();
    assert_eq!(jobs.len(), 20);
    assert!(jobs[..5].iter().all(|job| job.contains('●')) && jobs[5..].iter().all(|job| job.contains('○')));
}

#[test]
fn odd_horizons_are_no_trouble() {
    #[rustfmt::skip]
    let ends = [
        NOW, "2026-11-26T16:00:00Z", "2026-11-27T16:00:00.000000001Z", "2026-11-27T16:00:01Z",
        "2027-11-27T16:00:00Z",
    ];
    let cases = a_week().map(|case| Case { most: 500, ..case });
    for until in ends {
        for columns in [0, 1, 40, 100, 1000] {
            assert_fits(&page(&cases, until, Some(columns)), usize::from(columns.max(40)));
        }
    }
    let (first, last) = (Timestamp::MIN, Timestamp::MAX);
    let forever = Forecast {
        rows: vec![],
        starts: vec![first, last],
        prevented: vec![first, last],
        restores: vec![],
        cut_at: Some(first),
    };
    let account = AccountPlan { account: "acme", live: &Reading::Read(None), forecast: &forever };
    for (now, until) in [(first, last), (last, first), (last, last), (first, first)] {
        assert!(plan(&[account], now, until, Some(80)).contains(" occurrences until "));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_line_is_wider_than_the_terminal(
        columns in 40_u16..240,
        minutes in 0_i64..20_000,
        status in "[A-Zé復]{1,30}",
        why in "\\PC{0,90}",
    ) {
        let until = (ts(NOW) + SignedDuration::from_mins(minutes)).to_string();
        let mut cases = a_week().map(|case| Case { most: 300, ..case });
        cases[1].live = Reading::Failed(why);
        cases[2].live = Reading::Read(Some(backup(&status, Some("2026-11-29T02:00:00Z"))));
        assert_fits(&page(&cases, &until, Some(columns)), usize::from(columns));
    }
}
