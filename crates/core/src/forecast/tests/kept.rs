//! What windows leave to be done, case by case.

use super::*;
use crate::hold::{Held, Memory};
use crate::restore::{Debt, DebtState, NewDebt, PreImage};

/// What is foretold up to an instant, each as instants in one line.
#[derive(Debug, PartialEq, Eq)]
struct Lines {
    rows: String,
    starts: String,
    prevented: String,
    restores: String,
}

fn line(instants: &[Timestamp]) -> String {
    let each: Vec<String> = instants.iter().map(|at| at.strftime("%d %H:%M").to_string()).collect();
    each.join(", ")
}

fn lines(players: &[Player<'_>], facts: &Facts, standing: Standing<'_>, until: &str) -> Lines {
    let forecast = super::super::foretell(players, facts, standing, ts(NOW), ts(until), 1000);
    let rows = forecast.rows.iter();
    let rows: Vec<String> =
        rows.map(|row| format!("{} {}", row.occurrence.strftime("%d %H:%M"), row.action)).collect();
    Lines {
        rows: rows.join(", "),
        starts: line(&forecast.starts),
        prevented: line(&forecast.prevented),
        restores: line(&forecast.restores),
    }
}

fn played(jobs: &[Job], facts: &Facts, until: &str) -> Lines {
    let players: Vec<Player<'_>> = jobs.iter().map(player).collect();
    lines(&players, facts, Standing::default(), until)
}

/// A job that is due on Fridays at 19:00, in the weekend's window.
fn weekend(rest: &str) -> Job {
    let text =
        format!("backups = [\"42\"]\nschedule.cron = \"0 19 * * FRI\"\nwhen.window = \"weekend\"\n{rest}");
    job("weekend", &text)
}

fn weekly() -> Facts {
    live("SCHEDULED", Some("2026-11-28T02:00:00Z"), Some("RRULE:FREQ=WEEKLY"))
}

#[test]
fn what_is_put_back_each_week_is_cancelled_each_week() {
    let until = "2026-12-22T16:00:00Z";
    assert_eq!(
        played(&[weekend("restore = {}")], &weekly(), until),
        Lines {
            rows: "27 19:00 cancel, 04 19:00 cancel, 11 19:00 cancel, 18 19:00 cancel".into(),
            starts: String::new(),
            prevented: "28 02:00, 05 02:00, 12 02:00, 19 02:00".into(),
            restores: "30 06:00, 07 06:00, 14 06:00, 21 06:00".into(),
        }
    );
    let never_put_back = played(&[weekend("")], &weekly(), until);
    assert_eq!((never_put_back.prevented.as_str(), never_put_back.restores.as_str()), ("28 02:00", ""));
    assert!(never_put_back.rows.ends_with(&", 18 19:00 already_cancelled"), "{never_put_back:?}");
    let wednesdays = live("SCHEDULED", Some("2026-12-02T02:00:00Z"), Some("RRULE:FREQ=WEEKLY"));
    let between = played(&[weekend("restore = {}")], &wednesdays, until);
    assert_eq!(between.starts, "02 02:00, 09 02:00, 16 02:00", "they start between the windows");
    assert_eq!(between.prevented, "02 02:00, 09 02:00, 16 02:00, 23 02:00", "and are called off each Friday");
}

#[test]
fn a_restored_backup_that_is_cancelled_again_is_told_of_as_such() {
    let jobs = [weekend("restore = {}")];
    let forecast = foretell(&[player(&jobs[0])], &weekly(), ts(NOW), ts("2026-12-05T00:00:00Z"), 10);
    assert_eq!(forecast.rows[0].reason, "it would start at 2026-11-28T02:00:00Z");
    assert_eq!(forecast.rows[1].reason, "restored after the window; it would start at 2026-12-05T02:00:00Z");
    let undated = live("SCHEDULED", None, Some("RRULE:FREQ=WEEKLY"));
    let forecast = foretell(&[player(&jobs[0])], &undated, ts(NOW), ts("2026-12-05T00:00:00Z"), 10);
    assert_eq!(forecast.rows[1].reason, "restored after the window; it is SCHEDULED, without a date");
}

#[test]
fn two_windows_in_a_row_owe_one_restore() {
    let import = |rest: &str| {
        let text = format!(
            "backups = \"current\"\nschedule.cron = \"0 1 * * MON\"\nwhen.window = \"import\"\n{rest}"
        );
        job("import", &text)
    };
    #[rustfmt::skip]
    let table = [
        ("",                             "30 06:00", "it neither holds nor restores"),
        ("enabled = false\nhold = {}",   "30 06:00", "it is switched off"),
        ("restore = {}",                 "30 12:00", "it would restore too"),
        ("hold = {}",                    "30 12:00", "it would cancel it again"),
    ];
    for (rest, want, why) in table {
        let told = played(&[weekend("restore = {}"), import(rest)], &weekly(), "2026-12-01T16:00:00Z");
        assert_eq!((told.restores.as_str(), told.prevented.as_str()), (want, "28 02:00"), "{why}: {told:?}");
    }
}

#[test]
fn what_runs_at_the_closing_comes_before_the_restore() {
    let text = "backups = [\"42\"]\nschedule.cron = \"0 6,7 * * MON\"";
    let told = played(&[weekend("restore = {}"), job("plain", text)], &weekly(), "2026-12-01T16:00:00Z");
    assert_eq!(told.rows, "27 19:00 cancel, 30 06:00 already_cancelled, 30 07:00 cancel");
    let exactly = played(&[weekend("restore = {}")], &weekly(), "2026-11-30T06:00:00Z");
    assert_eq!(exactly.restores, "30 06:00", "the end of the time is part of it");
}

#[test]
fn what_a_cancel_ends_is_owed_if_it_comes_again_and_is_known() {
    let listed = |ids: &str| {
        let text = format!(
            "backups = [{ids}]\nschedule.at = \"2026-11-27T19:00:00Z\"\nwhen.window = \"weekend\"\nrestore = {{}}"
        );
        job("listed", &text)
    };
    let daily = Some("RRULE:FREQ=DAILY");
    let (running, ahead) = (Some("2026-11-27T18:30:00Z"), Some("2026-11-28T02:00:00Z"));
    let later = Some("2026-12-02T02:00:00Z");
    #[rustfmt::skip]
    let table = [
        ("\"42\"",           live("SCHEDULED", ahead, daily),        "27 19:00 cancel",            "30 06:00", "a recurrence"),
        ("\"42\"",           live("SCHEDULED", ahead, None),         "27 19:00 cancel",            "",         "an immediate one"),
        ("\"42\"",           live("DOZING", ahead, daily),           "27 19:00 cancel",            "30 06:00", "whatever it does"),
        ("\"42\"",           live("COMPLETED", ahead, daily),        "27 19:00 cancel",            "30 06:00", "it would start again"),
        ("\"42\"",           live("COMPLETED", later, daily),        "27 19:00 cancel",            "30 06:00", "after the window even"),
        ("\"42\"",           live("STOPPED", ahead, daily),          "27 19:00 already_cancelled", "",         "somebody else has stopped it"),
        ("\"42\"",           live("SCHEDULED", running, daily),      "27 19:00 too_late",          "",         "it runs"),
        ("\"7\"",            live("SCHEDULED", ahead, daily),        "27 19:00 not_found",         "",         "another one is there"),
        ("\"7\", \"42\"",    live("SCHEDULED", ahead, daily),        "27 19:00 cancel",            "30 06:00", "one of two"),
        ("\"42\"",           Facts { live: Reading::NotRead, last_good: Reading::NotRead }, "27 19:00 unknown", "", "Zoho was not asked"),
    ];
    for (ids, facts, rows, restores, why) in table {
        let told = played(&[listed(ids)], &facts, "2026-11-30T16:00:00Z");
        assert_eq!((told.rows.as_str(), told.restores.as_str()), (rows, restores), "{why}: {told:?}");
    }
    let job = listed("\"7\"");
    let row = foretell(&[player(&job)], &weekly(), ts(NOW), ts("2026-11-28T00:00:00Z"), 10).rows.remove(0);
    assert!(row.reason.starts_with("nothing was sent"), "{}", row.reason);
}

#[test]
fn a_backup_that_comes_back_while_its_window_is_held_is_cancelled() {
    // It runs from 18:30 to 19:30, and is scheduled again for the next day.
    let facts = live("SCHEDULED", Some("2026-11-27T18:30:00Z"), Some("RRULE:FREQ=DAILY"));
    let daily = "27 18:30, 28 18:30, 29 18:30, 30 18:30";
    #[rustfmt::skip]
    let table = [
        ("",                                           daily,                  "",         "",         "without a hold"),
        ("hold.poll = \"10m\"",                        "27 18:30",             "28 18:30", "",         "with one"),
        ("hold.poll = \"1s\"",                         "27 18:30",             "28 18:30", "",         "however often it looks"),
        ("hold.poll = \"23h\"",                        "27 18:30",             "28 18:30", "",         "just in time"),
        ("hold.poll = \"23h 40m\"",                    "27 18:30, 28 18:30",   "29 18:30", "",         "it runs at the first look"),
        ("hold.poll = \"1d\"",                         daily,                  "",         "",         "it runs at each look"),
        ("hold.on_drift = \"report\"",                 daily,                  "",         "",         "it only reports"),
        ("enabled = false\nhold = {}",                 daily,                  "",         "",         "it is switched off"),
        ("hold = {}\nrestore = {}",                    "27 18:30, 30 18:30",   "28 18:30", "30 06:00", "what it cancels is owed"),
        ("hold = {}\nwhen.status = [\"SCHEDULED\"]",   "27 18:30",             "28 18:30", "",         "the run was refused, and the look is not"),
        ("hold = {}\nwhen.status = [\"INPROGRESS\"]",  daily,                  "",         "",         "the look is refused"),
        ("hold = {}\nwhen.last_good_backup_within = \"1h\"", "27 18:30",       "28 18:30", "",         "there was no good one at the run, and is at the look"),
    ];
    for (rest, starts, prevented, restores, why) in table {
        let told = played(&[weekend(rest)], &facts, "2026-12-01T00:00:00Z");
        let got = (told.starts.as_str(), told.prevented.as_str(), told.restores.as_str());
        assert_eq!(got, (starts, prevented, restores), "{why}: {told:?}");
    }
}

#[test]
fn a_paused_job_holds_nothing_meanwhile_and_a_hold_ends_with_its_window() {
    let facts = live("SCHEDULED", Some("2026-11-27T18:30:00Z"), Some("RRULE:FREQ=DAILY"));
    let held = weekend("hold.poll = \"10m\"");
    let until = "2026-12-05T20:00:00Z";
    let paused = |since: &str, ends: &str| {
        let pause = Pause { since: ts(since), until: ts(ends), reason: "why".into() };
        let players = [Player { pause: Some(&pause), ..player(&held) }];
        let told = lines(&players, &facts, Standing::default(), until);
        (told.starts, told.prevented)
    };
    let (starts, prevented) = paused("2026-11-27T19:05:00Z", "2026-11-28T19:00:00Z");
    assert_eq!((starts.as_str(), prevented.as_str()), ("27 18:30, 28 18:30", "29 18:30"));
    let (_, prevented) = paused("2026-11-27T19:05:00Z", "2026-11-28T12:00:00Z");
    assert_eq!(prevented, "28 18:30", "it goes on when the pause is over, not when something changes");
    let (_, prevented) = paused("2026-11-27T18:00:00Z", "2026-11-27T19:01:00Z");
    assert_eq!(prevented, "28 18:30", "the run was skipped, and the hold begun all the same");

    let once = job(
        "once",
        "backups = [\"42\"]\nschedule.at = \"2026-11-27T19:00:00Z\"\nwhen.window = \"weekend\"\nhold = {}",
    );
    let weekly = live("SCHEDULED", Some("2026-11-27T18:30:00Z"), Some("RRULE:FREQ=WEEKLY"));
    let pause =
        Pause { since: ts("2026-11-27T19:05:00Z"), until: ts("2026-12-01T00:00:00Z"), reason: "why".into() };
    let players = [Player { pause: Some(&pause), ..player(&once) }];
    let told = lines(&players, &weekly, Standing::default(), until);
    assert_eq!((told.starts.as_str(), told.prevented.as_str()), ("27 18:30, 04 18:30", ""), "{told:?}");
}

fn held(job: &str) -> Held {
    Held {
        job: job.parse().unwrap(),
        account: "acme".parse().unwrap(),
        since: ts("2026-11-27T12:30:00Z"),
        closes: ts("2026-11-28T00:00:00Z"),
        next_poll: ts("2026-11-27T16:10:00Z"),
        memory: Memory::default(),
    }
}

/// A job whose window is open now.
fn friday(rest: &str) -> Job {
    let text = format!(
        "backups = [\"42\"]\nschedule.at = \"2026-11-27T12:30:00Z\"\nwhen.window = \"friday\"\n{rest}"
    );
    job("friday", &text)
}

#[test]
fn a_hold_that_is_on_already_goes_on() {
    let facts = |start| live("SCHEDULED", Some(start), Some("RRULE:FREQ=DAILY"));
    let poll = "hold.poll = \"1h\"";
    let other = Held { account: "globex".parse().unwrap(), ..held("friday") };
    let overdue = || Held { next_poll: ts("2026-11-27T15:30:00Z"), ..held("friday") };
    let old = Held { since: ts("2026-11-20T12:30:00Z"), ..held("friday") };
    let near = format!("{poll}\nwhen.due_within = \"3h\"");
    let running = format!("{poll}\nwhen.due_within = \"1d\"\nwhen.status = [\"INPROGRESS\"]");
    #[rustfmt::skip]
    let table = [
        (None,                   friday(poll),                        "2026-11-27T16:11:00Z", "27 16:11",           "none is on"),
        (Some(held("friday")),   friday(poll),                        "2026-11-27T16:11:00Z", "",                   "the look comes before"),
        (Some(held("friday")),   friday(poll),                        "2026-11-27T16:09:00Z", "27 16:09",           "the start comes before"),
        (Some(overdue()),        friday(poll),                        "2026-11-27T16:01:00Z", "",                   "it is looked at now"),
        (Some(overdue()),        friday(&near.replace("3h", "30m")),  "2026-11-27T16:50:00Z", "27 16:50",           "and then after an hour"),
        (Some(old),              friday(poll),                        "2026-11-27T20:00:00Z", "",                   "the window is open again"),
        (Some(held("friday")),   friday(&near),                       "2026-11-27T20:00:00Z", "",                   "it is near enough at 17:10"),
        (Some(held("friday")),   friday(&near.replace("3h", "40m")),  "2026-11-27T20:00:00Z", "27 20:00",           "at 19:10 it is not"),
        (Some(held("friday")),   friday(&running),                    "2026-11-27T20:00:00Z", "27 20:00",           "it is near, and not as wanted"),
        (Some(held("friday")),   friday("hold.on_drift = \"report\""), "2026-11-27T20:00:00Z", "27 20:00",          "it only reports"),
        (Some(held("friday")),   friday(""),                          "2026-11-27T20:00:00Z", "27 20:00",           "it holds no more"),
        (Some(held("friday")),   friday("enabled = false\nhold = {}"), "2026-11-27T20:00:00Z", "27 20:00",          "it is switched off"),
        (Some(other),            friday(poll),                        "2026-11-27T20:00:00Z", "27 20:00",           "another account's"),
        (Some(held("gone")),     friday(poll),                        "2026-11-27T20:00:00Z", "27 20:00",           "its job is gone"),
        (Some(held("weekend")),  weekend("hold = {}"),                "2026-11-27T18:30:00Z", "27 18:30",           "its window has closed, and opens anew at 18:00"),
    ];
    for (hold, job, start, want, why) in table {
        let standing = Standing { holds: hold.as_slice(), ..Standing::default() };
        let told = lines(&[player(&job)], &facts(start), standing, "2026-11-28T00:00:00Z");
        assert_eq!(told.starts, want, "{why}: {told:?}");
    }
}

#[test]
fn a_look_is_made_as_soon_as_the_conditions_come_to_hold() {
    let near = friday("hold.poll = \"1h\"\nwhen.due_within = \"3h\"");
    let witness = job(
        "witness",
        "backups = [\"42\"]\nschedule.cron = \"9,11 16-18 * * *\"\nwhen.status = [\"STOPPED\"]",
    );
    let facts = live("SCHEDULED", Some("2026-11-27T20:00:00Z"), None);
    let holds = [held("friday")];
    let standing = Standing { holds: &holds, ..Standing::default() };
    let told = lines(&[player(&near), player(&witness)], &facts, standing, "2026-11-27T18:00:00Z");
    assert_eq!(told.rows, "27 16:09 skip, 27 16:11 skip, 27 17:09 skip, 27 17:11 already_cancelled");
}

fn debt() -> Debt {
    let Reading::Read(Some(live)) = weekly().live else { panic!() };
    Debt::from(NewDebt {
        restore_id: "0197c9d4-0000-7000-8000-000000000001".parse().unwrap(),
        account: "acme".parse().unwrap(),
        job: "friday".to_owned(),
        pre_image: PreImage::of(&live).unwrap(),
        owed_since: ts("2026-11-20T12:30:00Z"),
        due: ts("2026-11-21T00:00:00Z"),
    })
}

#[test]
fn a_debt_that_stands_is_paid_when_it_falls_due() {
    let stopped = || live("STOPPED", None, Some("RRULE:FREQ=WEEKLY"));
    let (own, over) = (friday("restore = {}"), weekend("restore = {}"));
    let of_weekend = || Debt { job: "weekend".to_owned(), ..debt() };
    let next_try = ts("2026-11-27T17:00:00Z");
    let unread = Facts { live: Reading::Failed("x".into()), last_good: Reading::NotRead };
    let off = Job { enabled: false, ..own.clone() };
    #[rustfmt::skip]
    let table = [
        (Some(debt()),                                     &own,        stopped(), "28 00:00", "at the closing"),
        (Some(debt()),                                     &off,        stopped(), "28 00:00", "its job is switched off"),
        (Some(of_weekend()),                               &over,       stopped(), "27 16:00", "at once"),
        (Some(Debt { next_try: Some(next_try), tries: 7, ..of_weekend() }), &over, stopped(), "27 17:00", "it was refused"),
        (None,                                             &over,       stopped(), "",         "nothing is owed"),
        (Some(Debt { state: DebtState::Paid, ..of_weekend() }), &over,  stopped(), "",         "it is paid"),
        (Some(debt()),                                     &over,       stopped(), "",         "orphaned: its job is gone"),
        (Some(of_weekend()),                               &weekend(""), stopped(), "",        "orphaned: it restores no more"),
        (Some(of_weekend()),                               &over,       weekly(),  "",         "it has come back"),
        (Some(of_weekend()),                               &over,       unread,    "",         "Zoho could not be read"),
        (Some(of_weekend()),                               &over,       live("SCHEDULED", None, Some("RRULE:FREQ=DAILY")), "", "another schedule is there"),
        (Some(of_weekend()),                               &over,       live("INPROGRESS", None, None), "27 17:03", "the try that comes after the end of what runs"),
    ];
    for (debt, job, facts, want, why) in table {
        let standing = Standing { debt: debt.as_ref(), ..Standing::default() };
        let players = [Player { is_shown: false, ..player(job) }];
        let told = lines(&players, &facts, standing, "2026-11-28T01:00:00Z");
        assert_eq!(told.restores, want, "{why}: {told:?}");
    }
}

#[test]
fn what_is_put_back_after_a_debt_that_stood_is_cancelled_by_the_next_run() {
    let (own, debt) = (weekend("restore = {}"), Debt { job: "weekend".to_owned(), ..debt() });
    let players = [player(&own)];
    let gone = live("COMPLETED", None, None);
    let standing = Standing { debt: Some(&debt), ..Standing::default() };
    let told = lines(&players, &gone, standing, "2026-11-30T07:00:00Z");
    assert_eq!((told.rows.as_str(), told.restores.as_str()), ("27 19:00 cancel", "27 16:00, 30 06:00"));
    assert_eq!((told.starts.as_str(), told.prevented.as_str()), ("", "28 02:00"));
    let at = Upcoming { occurrence: ts("2026-11-27T19:00:00Z"), fire_at: ts("2026-11-27T19:00:00Z") };
    let told = |standing| super::super::at_instant(&players, 0, &gone, standing, ts(NOW), at).unwrap();
    assert_eq!(
        told(standing).row.reason,
        "restored after the window; it would start at 2026-11-28T02:00:00Z"
    );
    assert_eq!(told(Standing::default()).row.action, Action::AlreadyCancelled);
}

#[test]
fn a_debt_stays_what_was_there_before_the_first_cancel() {
    let (own, debt) = (weekend("restore = {}"), Debt { job: "weekend".to_owned(), ..debt() });
    let other = live("SCHEDULED", Some("2026-11-27T23:00:00Z"), Some("RRULE:FREQ=DAILY"));
    let standing = Standing { debt: Some(&debt), ..Standing::default() };
    let forecast =
        super::super::foretell(&[player(&own)], &other, standing, ts(NOW), ts("2026-12-05T03:00:00Z"), 10);
    assert_eq!(forecast.prevented, [ts("2026-11-27T23:00:00Z"), ts("2026-12-05T02:00:00Z")]);
    assert_eq!(forecast.restores.len(), 1, "{forecast:?}");
    assert!(forecast.restores[0] >= ts("2026-11-30T06:00:00Z"), "{forecast:?}");
}

#[test]
fn too_much_to_look_at_shortens_the_forecast_and_it_says_so() {
    // A thousand jobs have a say in when the debt is due, and it is tried four times a day.
    let (own, debt) =
        (weekend("restore = {}\nenabled = false"), Debt { job: "weekend".to_owned(), ..debt() });
    let players = vec![player(&own); 1000];
    let other = live("SCHEDULED", None, Some("RRULE:FREQ=DAILY"));
    let standing = Standing { debt: Some(&debt), ..Standing::default() };
    let until = ts("2027-03-27T16:00:00Z");
    let forecast = super::super::foretell(&players, &other, standing, ts(NOW), until, 10);
    let cut_at = forecast.cut_at.unwrap();
    assert!(cut_at > ts("2027-01-10T00:00:00Z") && cut_at < ts("2027-02-10T00:00:00Z"), "{cut_at}");
    let at = Upcoming { occurrence: until, fire_at: until };
    let told = super::super::at_instant(&players, 0, &other, standing, ts(NOW), at).unwrap();
    assert_eq!((told.is_reached, told.row.action), (false, Action::Unknown));
}
