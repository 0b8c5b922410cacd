//! The forecast, case by case.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::agenda::{Pause, Upcoming};
use crate::condition::{Facts, Reading};
use crate::config::{Job, JobDefaults, parse_job, parse_settings};
use crate::ids::BackupId;
use crate::live::LiveBackup;

mod kept;

/// A Friday.
const NOW: &str = "2026-11-27T16:00:00Z";

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn defaults() -> JobDefaults {
    let text = "timezone = \"UTC\"\n[accounts.acme]\ndata_center = \"eu\"\nclient_id = \"x\"\n\
                client_secret = { env = \"A\" }\nrefresh_token = { env = \"B\" }\n\
                [[windows.night]]\nopens = \"0 20 * * *\"\nlasts = \"10h\"\n\
                [[windows.friday]]\nopens = \"0 12 * * FRI\"\nlasts = \"12h\"\n\
                [[windows.weekend]]\nopens = \"0 18 * * FRI\"\nlasts = \"60h\"\n\
                [[windows.import]]\nopens = \"0 0 * * MON\"\nlasts = \"12h\"\n";
    parse_settings("calloff.toml", text, None).defaults
}

fn job(name: &str, text: &str) -> Job {
    let text = format!("account = \"acme\"\n{text}");
    let read = parse_job(&name.parse().unwrap(), name, &text, &defaults());
    read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics))
}

fn player(job: &Job) -> Player<'_> {
    Player::new(job, ts(NOW))
}

/// With nothing on record.
fn foretell<'a>(
    players: &[Player<'a>],
    facts: &Facts,
    now: Timestamp,
    until: Timestamp,
    most: usize,
) -> Forecast<'a> {
    super::foretell(players, facts, Standing::default(), now, until, most)
}

fn at_instant<'a>(
    players: &[Player<'a>],
    place: usize,
    facts: &Facts,
    now: Timestamp,
    at: Upcoming,
) -> Option<Told<'a>> {
    super::at_instant(players, place, facts, Standing::default(), now, at)
}

fn live(status: &str, start: Option<&str>, rrule: Option<&str>) -> Facts {
    let backup = LiveBackup {
        id: BackupId::parse("42").ok(),
        status: Some(status.to_owned()),
        rrule: rrule.map(str::to_owned),
        scheduled_date: start.map(|start| ts(start).to_zoned(TimeZone::UTC)),
        ..LiveBackup::default()
    };
    Facts { live: Reading::Read(Some(backup)), last_good: Reading::Read(None) }
}

/// The actions of all occurrences in the two days after now, as `HH:MM action`.
fn actions(jobs: &[Job], facts: &Facts) -> Vec<String> {
    let players: Vec<Player<'_>> = jobs.iter().map(player).collect();
    let forecast = foretell(&players, facts, ts(NOW), ts("2026-11-29T16:00:00Z"), 1000);
    forecast
        .rows
        .iter()
        .map(|row| format!("{} {}", row.occurrence.strftime("%d %H:%M"), row.action))
        .collect()
}

#[test]
fn what_zoho_has_decides_what_a_cancel_would_find() {
    let once = job("once", "backups = [\"42\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
    let none = |live| Facts { live, last_good: Reading::NotRead };
    #[rustfmt::skip]
    let table = [
        (live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None), Action::Cancel,           "it would start at"),
        (live("SCHEDULED", None, None),                         Action::Cancel,           "without a date"),
        (live("SCHEDULED", Some("2026-11-27T17:30:00Z"), None), Action::TooLate,          "it will be running, perhaps until 2026-11-27T18:30:00Z"),
        (live("SCHEDULED", Some("2026-11-27T16:30:00Z"), None), Action::Cancel,           "it is COMPLETED"),
        (live("INPROGRESS", None, None),                        Action::Cancel,           "it is COMPLETED"),
        (live("STOPPED", Some("2026-11-28T01:00:00Z"), None),   Action::AlreadyCancelled, "it is STOPPED"),
        (live("DOZING", None, None),                            Action::Cancel,           "a word that Zoho does not document"),
        (none(Reading::Read(None)),                             Action::NotFound,         "no backup"),
        (none(Reading::Failed("INTERNAL_ERROR".into())),        Action::Unknown,          "could not be read: INTERNAL_ERROR"),
    ];
    for (facts, action, said) in table {
        let players = [player(&once)];
        let row = foretell(&players, &facts, ts(NOW), ts("2026-11-28T16:00:00Z"), 10).rows.remove(0);
        assert_eq!(row.action, action, "{facts:?}: {}", row.reason);
        assert!(row.reason.contains(said), "{}", row.reason);
    }
}

#[test]
fn what_an_earlier_run_does_counts_for_the_later_ones() {
    let often = job("often", "backups = [\"42\"]\nschedule.every = \"12h\"");
    let picky = job(
        "picky",
        "backups = \"current\"\nschedule.cron = \"30 */12 * * *\"\nwhen.status = [\"SCHEDULED\"]",
    );
    let facts = live("SCHEDULED", Some("2026-11-28T06:00:00Z"), Some("FREQ=WEEKLY"));
    assert_eq!(
        actions(&[often, picky], &facts),
        [
            "28 00:00 cancel",
            "28 00:30 skip",
            "28 12:00 already_cancelled",
            "28 12:30 skip",
            "29 00:00 already_cancelled",
            "29 00:30 skip",
            "29 12:00 already_cancelled",
            "29 12:30 skip",
        ]
    );
}

#[test]
fn a_backup_that_nothing_prevents_runs_for_an_hour_and_is_scheduled_again() {
    let late = job("late", "backups = [\"42\"]\nschedule.cron = \"30 6-8 * * SAT\"");
    let facts = live("SCHEDULED", Some("2026-11-28T06:00:00Z"), Some("FREQ=WEEKLY"));
    assert_eq!(
        actions(&[late], &facts),
        ["28 06:30 too_late", "28 07:30 cancel", "28 08:30 already_cancelled"]
    );
    let never = job("never", "backups = [\"42\"]\nschedule.cron = \"0 12 1 1 *\"");
    let forecast = foretell(&[player(&never)], &facts, ts(NOW), ts("2026-12-12T16:00:00Z"), 10);
    assert_eq!(
        forecast.starts,
        [ts("2026-11-28T06:00:00Z"), ts("2026-12-05T06:00:00Z"), ts("2026-12-12T06:00:00Z")]
    );
}

#[test]
fn a_backup_that_ran_by_itself_is_a_good_one() {
    let text = "backups = [\"42\"]\nschedule.cron = \"0 5,9 * * *\"\nwhen.last_good_backup_within = \"1d\"";
    let facts = live("SCHEDULED", Some("2026-11-28T06:00:00Z"), Some("FREQ=WEEKLY"));
    let want = ["28 05:00 skip", "28 09:00 cancel", "29 05:00 already_cancelled", "29 09:00 skip"];
    assert_eq!(actions(&[job("guarded", text)], &facts), want);
}

#[test]
fn a_run_with_several_targets_is_known_by_what_weighs_most() {
    let both = job("both", "backups = [\"7\", \"42\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
    let facts = live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None);
    let row = foretell(&[player(&both)], &facts, ts(NOW), ts("2026-11-28T16:00:00Z"), 10).rows.remove(0);
    assert_eq!(row.action, Action::Cancel);
    assert_eq!(row.reason, "1 cancel: it would start at 2026-11-28T01:00:00Z; 1 not_found");
    assert_eq!(row.targets[0].action, Action::NotFound);
}

#[test]
fn a_pause_and_a_shut_window_skip() {
    let nightly =
        job("nightly", "backups = [\"42\"]\nschedule.cron = \"0 12,21 * * *\"\nwhen.window = \"night\"");
    let facts = live("SCHEDULED", Some("2026-12-01T06:00:00Z"), None);
    assert_eq!(
        actions(std::slice::from_ref(&nightly), &facts),
        ["27 21:00 cancel", "28 12:00 skip", "28 21:00 already_cancelled", "29 12:00 skip"]
    );
    let pause = Pause { since: ts(NOW), until: ts("2026-11-28T00:00:00Z"), reason: "why".into() };
    let paused = Player { pause: Some(&pause), ..player(&nightly) };
    let rows = foretell(&[paused], &facts, ts(NOW), ts("2026-11-29T00:00:00Z"), 10).rows;
    let got: Vec<Action> = rows.iter().map(|row| row.action).collect();
    assert_eq!(got, [Action::Skip, Action::Skip, Action::Cancel]);
    assert!(rows[0].reason.starts_with("paused"));
}

#[test]
fn too_many_occurrences_shorten_the_forecast_and_it_says_so() {
    let often = job("often", "backups = [\"42\"]\nschedule.every = \"1h\"");
    let facts = live("STOPPED", None, None);
    let forecast = foretell(&[player(&often)], &facts, ts(NOW), ts("2026-12-27T16:00:00Z"), 3);
    assert_eq!((forecast.rows.len(), forecast.cut_at), (3, Some(ts("2026-11-27T20:00:00Z"))));
}

#[test]
fn an_instant_is_explained_with_what_others_do_before_it() {
    let first = job("first", "backups = [\"42\"]\nschedule.at = \"2026-11-27T17:00:00Z\"");
    let second = job("second", "backups = [\"42\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
    let facts = live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None);
    let players = [player(&first), player(&second)];
    let at = |text: &str| Upcoming { occurrence: ts(text), fire_at: ts(text) };
    let action = |place, text| at_instant(&players, place, &facts, ts(NOW), at(text)).unwrap().row.action;
    assert_eq!(action(0, "2026-11-27T17:00:00Z"), Action::Cancel);
    assert_eq!(action(1, "2026-11-27T18:00:00Z"), Action::AlreadyCancelled);
    assert_eq!(action(1, "2026-11-27T16:30:00Z"), Action::Cancel, "no occurrence, before the first");
    assert_eq!(action(1, "2026-11-27T15:00:00Z"), Action::Cancel, "in the past, by what Zoho has now");
}

#[test]
fn a_run_that_is_observed_now_is_not_over_now() {
    let job = job("job", "backups = [\"42\"]\nschedule.cron = \"30,50 16,17 * * *\"");
    let in_all = |began: Option<&str>| {
        let running = live("INPROGRESS", began, None);
        actions(std::slice::from_ref(&job), &running)[..4].to_vec()
    };
    let long_ago = ["27 16:30 too_late", "27 16:50 too_late", "27 17:30 cancel", "27 17:50 cancel"];
    assert_eq!(in_all(Some("2026-11-27T12:00:00Z")), long_ago, "an hour from now is assumed");
    assert_eq!(in_all(Some("2026-11-27T15:00:00Z")), long_ago, "it should be ending at this moment");
    let lately = ["27 16:30 too_late", "27 16:50 cancel", "27 17:30 cancel", "27 17:50 cancel"];
    assert_eq!(in_all(Some("2026-11-27T15:40:00Z")), lately, "an hour from when it began");
}

#[test]
fn only_rows_that_are_shown_count_and_all_steps_are_bounded() {
    let often = job("often", "backups = [\"42\"]\nschedule.every = \"1h\"");
    let daily = job("daily", "backups = [\"42\"]\nschedule.cron = \"30 12 * * *\"");
    let facts = live("STOPPED", None, None);
    let hidden = |job| Player { is_shown: false, ..player(job) };
    let forecast =
        foretell(&[hidden(&often), player(&daily)], &facts, ts(NOW), ts("2026-11-30T16:00:00Z"), 3);
    let jobs: Vec<&str> = forecast.rows.iter().map(|row| row.job.name.as_str()).collect();
    assert_eq!((jobs, forecast.cut_at), (vec!["daily"; 3], None), "no more than three, of the one shown");
    let ever = job("ever", "backups = [\"42\"]\nschedule.every = \"1s\"");
    let until = ts("2026-12-04T16:00:00Z");
    let forecast = foretell(&[hidden(&ever), player(&daily)], &facts, ts(NOW), until, 100);
    assert_eq!(forecast.cut_at, Some(ts("2026-11-29T23:33:19Z")), "after 200,000 steps");
    assert_eq!(forecast.rows.len(), 2);
}

#[test]
fn targets_count_towards_the_bound() {
    let ids: Vec<String> = (0..500).map(|id| format!("\"{}\"", 1000 + id)).collect();
    let text = format!("backups = [{}]\nschedule.every = \"1m\"", ids.join(", "));
    let many = job("many", &text);
    let facts = live("STOPPED", None, None);
    let forecast = foretell(&[player(&many)], &facts, ts(NOW), ts("2026-12-04T16:00:00Z"), 10_000);
    assert_eq!((forecast.rows.len(), forecast.cut_at), (200, Some(ts("2026-11-27T19:21:00Z"))));
}

#[test]
fn an_instant_behind_too_many_others_can_not_be_told() {
    let ever = job("ever", "backups = [\"42\"]\nschedule.every = \"1s\"");
    let once = job("once", "backups = [\"42\"]\nschedule.at = \"2026-12-04T16:00:00Z\"");
    let facts = live("SCHEDULED", Some("2026-12-05T01:00:00Z"), None);
    let at = Upcoming { occurrence: ts("2026-12-04T16:00:00Z"), fire_at: ts("2026-12-04T16:00:00Z") };
    let told = at_instant(&[player(&ever), player(&once)], 1, &facts, ts(NOW), at).unwrap();
    assert_eq!((told.is_reached, told.row.action), (false, Action::Unknown));
    assert_eq!(told.row.targets[0].action, Action::Unknown);
    let told = at_instant(&[player(&once)], 0, &facts, ts(NOW), at).unwrap();
    assert_eq!((told.is_reached, told.row.action), (true, Action::Cancel));
}

#[test]
fn what_is_left_over_from_before_now_is_played() {
    let facts = live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None);
    let rows = |job: &Job, cursor: &str| -> Vec<String> {
        let players = [Player { cursor: ts(cursor), ..player(job) }];
        let forecast = foretell(&players, &facts, ts(NOW), ts("2026-11-27T17:00:00Z"), 100);
        let rows = forecast.rows.iter();
        let told = rows.map(|row| format!("{} {} {}", row.occurrence, row.fire_at > ts(NOW), row.action));
        told.collect()
    };
    let due = job("due", "backups = [\"42\"]\nschedule.cron = \"50,55 15 * * *\"");
    assert_eq!(
        rows(&due, "2026-11-27T15:00:00Z"),
        ["2026-11-27T15:55:00Z false cancel"],
        "the newest within `catch_up`; the other one is missed"
    );
    assert!(rows(&due, "2026-11-27T15:55:00Z").is_empty(), "it has been dealt with");
    let old = job("old", "backups = [\"42\"]\nschedule.cron = \"0 12 * * *\"");
    assert!(rows(&old, "2026-11-27T10:00:00Z").is_empty(), "it is missed");
    let spread =
        job("spread", "backups = [\"42\"]\nschedule.cron = \"30 15 * * *\"\nschedule.jitter = \"20h\"");
    assert_eq!(rows(&spread, "2026-11-27T15:00:00Z"), ["2026-11-27T15:30:00Z true cancel"]);
    let at = Upcoming { occurrence: ts("2026-11-27T15:55:00Z"), fire_at: ts("2026-11-27T15:55:00Z") };
    let players = [Player { cursor: ts("2026-11-27T15:00:00Z"), ..player(&due) }, player(&due)];
    let told = |place| at_instant(&players, place, &facts, ts(NOW), at).unwrap().row.action;
    assert_eq!((told(0), told(1)), (Action::Cancel, Action::Cancel));
}

#[test]
fn a_late_backup_that_zoho_still_shows_scheduled_is_cancelled_by_what_is_run_now() {
    let due = job("due", "backups = [\"42\"]\nschedule.cron = \"55 15 * * *\"");
    let facts = live("SCHEDULED", Some("2026-11-27T15:50:00Z"), None);
    let players = [Player { cursor: ts("2026-11-27T15:00:00Z"), ..player(&due) }];
    let forecast = foretell(&players, &facts, ts(NOW), ts("2026-11-27T17:00:00Z"), 100);
    assert_eq!(forecast.rows[0].action, Action::Cancel);
    assert_eq!(forecast.prevented, [ts(NOW)], "it would start at any moment");
}

#[test]
fn the_starts_that_a_cancel_prevents_are_told() {
    let once = job("once", "backups = [\"42\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
    let until = ts("2026-12-27T16:00:00Z");
    let play = |facts: &Facts, is_shown| {
        let forecast = foretell(&[Player { is_shown, ..player(&once) }], facts, ts(NOW), until, 10);
        (forecast.starts, forecast.prevented)
    };
    let ahead = ts("2026-11-28T06:00:00Z");
    let weekly = live("SCHEDULED", Some("2026-11-28T06:00:00Z"), Some("FREQ=WEEKLY"));
    assert_eq!(play(&weekly, true), (vec![], vec![ahead]));
    assert_eq!(play(&weekly, false), (vec![], vec![ahead]), "whoever is shown");
    assert_eq!(play(&live("STOPPED", Some("2026-11-28T06:00:00Z"), None), true), (vec![], vec![]));
    let undated = live("SCHEDULED", None, None);
    assert_eq!(play(&undated, true), (vec![], vec![]), "it had no next start");
}

#[test]
fn a_backup_that_is_over_starts_at_a_date_that_lies_ahead() {
    let never = job("never", "backups = [\"42\"]\nschedule.cron = \"0 12 1 1 *\"");
    let facts = live("COMPLETED", Some("2026-11-28T06:00:00Z"), None);
    let until = ts("2026-12-12T16:00:00Z");
    let forecast = foretell(&[player(&never)], &facts, ts(NOW), until, 10);
    assert_eq!(forecast.starts, [ts("2026-11-28T06:00:00Z")]);
    let late = job("late", "backups = [\"42\"]\nschedule.cron = \"30 6,8 * * SAT\"");
    assert_eq!(actions(std::slice::from_ref(&late), &facts), ["28 06:30 too_late", "28 08:30 cancel"]);
    let early = job("early", "backups = [\"42\"]\nschedule.cron = \"30 5,6 * * SAT\"");
    assert_eq!(actions(&[early], &facts), ["28 05:30 cancel", "28 06:30 cancel"], "nobody knows");
}

#[test]
fn of_a_backup_that_is_not_the_newest_nothing_is_known_and_it_says_so() {
    let old = job("old", "backups = [\"7\"]\nschedule.at = \"2026-11-27T18:00:00Z\"");
    let facts = live("SCHEDULED", Some("2026-11-28T01:00:00Z"), None);
    let row = foretell(&[player(&old)], &facts, ts(NOW), ts("2026-11-28T16:00:00Z"), 10).rows.remove(0);
    let want =
        "Zoho shows another backup, 42, and tells nothing of older ones; the cancel is sent all the same";
    assert_eq!((row.action, row.reason.as_str()), (Action::NotFound, want));
}

#[test]
fn an_occurrence_that_is_left_over_from_before_the_backup_ran_leaves_the_next_start_alone() {
    let text =
        "backups = [\"42\", \"7\"]\nschedule.at = \"2026-11-26T16:30:00Z\"\nschedule.catch_up = \"3d\"";
    let late = job("late", text);
    let mut facts = live("SCHEDULED", Some("2026-12-03T18:00:00Z"), Some("FREQ=WEEKLY"));
    if let Reading::Read(Some(backup)) = &mut facts.live {
        backup.start_date = Some(ts("2026-11-19T18:00:00Z").to_zoned(TimeZone::UTC));
    }
    let players = [Player { cursor: ts("2026-11-26T00:00:00Z"), ..player(&late) }];
    let forecast = foretell(&players, &facts, ts(NOW), ts("2026-11-28T16:00:00Z"), 10);
    let targets: Vec<Action> = forecast.rows[0].targets.iter().map(|target| target.action).collect();
    assert_eq!(targets, [Action::Skip, Action::NotFound]);
    assert!(forecast.rows[0].targets[0].reason.contains("started at 2026-11-26T18:00:00Z"));
    assert_eq!(forecast.prevented, []);
}
