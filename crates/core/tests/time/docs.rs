//! The worked cases of `docs/time.md`, so that the page can't say what the code doesn't do.

use std::time::Duration;

use calloff_core::agenda::{Entry, decide};
use calloff_core::ids::JobName;
use calloff_core::schedule::Schedule;
use jiff::Timestamp;
use jiff::tz::TimeZone;

const PAGE: &str = include_str!("../../../../docs/time.md");

/// The rows below the header that begins with `header`, each as its cells.
fn rows(header: &str) -> Vec<Vec<&'static str>> {
    let table = PAGE.lines().skip_while(|line| !line.starts_with(header)).skip(2);
    let rows: Vec<Vec<_>> = table
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    assert!(!rows.is_empty(), "no table `{header}`");
    rows
}

#[test]
fn the_worked_cases_are_what_happens() {
    let rows = rows("| zone |");
    for row in &rows {
        let [zone, schedule, after, local, utc, why] = row[..] else { panic!("{row:?}") };
        let zone = TimeZone::get(zone).expect("a zone");
        let schedule = match schedule.strip_prefix("every = ") {
            Some(hours) => {
                let hours =
                    hours.trim_matches('"').strip_suffix('h').expect("hours").parse().expect("a number");
                Schedule::every(Duration::from_hours(hours), zone.clone())
            }
            None => Schedule::cron(schedule, zone.clone()).expect("a pattern"),
        };
        let after: Timestamp = after.parse().expect("an instant");
        let want: Vec<&str> = utc.split(", ").collect();
        let got: Vec<Timestamp> = schedule.occurrences(after, Timestamp::MAX, want.len()).collect();
        let shown = |instant: &Timestamp| instant.strftime("%m-%dT%H:%MZ").to_string();
        assert_eq!(got.iter().map(shown).collect::<Vec<_>>().join(", "), utc, "UTC: {why}: {row:?}");
        let shown = |instant: &Timestamp| zone.to_datetime(*instant).strftime("%m-%d %H:%M").to_string();
        assert_eq!(got.iter().map(shown).collect::<Vec<_>>().join(", "), local, "local: {why}: {row:?}");
    }
    for zone in [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "Africa/Casablanca",
        "Atlantic/Azores",
    ] {
        assert!(rows.iter().any(|row| row[0] == zone), "no case for {zone}");
    }
}

#[test]
fn the_downtime_cases_are_what_is_decided() {
    let name = JobName::parse("freeze").expect("a job name");
    let today = |time: &str| format!("2026-11-23T{time}:00Z").parse::<Timestamp>().expect("an instant");
    let shown = |instant: Timestamp| instant.strftime("%H:%M").to_string();
    for row in rows("| job |") {
        let [job, done, back, now, missed, run, trigger, why] = row[..] else { panic!("{row:?}") };
        let minutes =
            job.strip_prefix("every = \"").and_then(|rest| rest.strip_suffix("m\"")).expect("minutes");
        let period = Duration::from_mins(minutes.parse().expect("a number"));
        let schedule = Schedule::every(period, TimeZone::UTC);
        let (jitter, catch_up) = (Duration::ZERO, Duration::from_mins(15));
        let entry = Entry {
            name: &name,
            schedule: &schedule,
            jitter,
            catch_up,
            enabled: true,
            deadline: None,
            replaced_at: None,
        };
        let decision = decide(&entry, today(done), today(back), today(now));
        let nothing = || "-".to_owned();
        let got = decision.missed.map_or_else(nothing, |missed| {
            format!("{}: {} to {}", missed.count, shown(missed.oldest), shown(missed.newest))
        });
        assert_eq!(got, missed, "{why}");
        assert_eq!(decision.run.map_or_else(nothing, |run| shown(run.occurrence)), run, "{why}");
        assert_eq!(decision.run.map_or("-", |run| run.trigger.as_str()), trigger, "{why}");
    }
}

#[test]
fn the_forms_that_the_page_names_are_taken_and_those_it_refuses_are_not() {
    let utc = |expression: &str| Schedule::cron(expression, TimeZone::UTC);
    for good in [
        "0 0 * * ?",
        "1,15 8-17 * JAN-DEC *",
        "10-50/20 * * * *",
        "0 0 L * *",
        "0 0 LW * *",
        "0 0 15W * *",
        "0 0 * * FRI#2",
        "0 0 * * FRI#L",
        "0 0 * * 5L",
        "0 0 13 * FRI",
    ] {
        assert!(utc(good).is_ok(), "{good}");
    }
    for bad in ["0 0 30 2 *", "@reboot", "0 0 0 1 1 * 2027", "1,,2 * * * *", "5/10 * * * *"] {
        assert!(utc(bad).is_err(), "{bad}");
    }
    for row in rows("| form |").into_iter().filter(|row| row[1] == "alone") {
        let expressions = row[2].replace('`', "");
        let mut last = "";
        for (shorthand, meaning) in row[0].split(' ').zip(expressions.split(", ")) {
            last = if meaning == "the same" { last } else { meaning };
            let (shorthand, meaning) = (utc(shorthand).expect("a shorthand"), utc(last).expect("a pattern"));
            let from = Timestamp::UNIX_EPOCH;
            assert!(shorthand.occurrences(from, Timestamp::MAX, 50).eq(meaning.occurrences(
                from,
                Timestamp::MAX,
                50
            )));
        }
    }
}
