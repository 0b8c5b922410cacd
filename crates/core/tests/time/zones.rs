//! Every transition of every zone from 2020 to 2040, against the oracle.

use std::collections::BTreeMap;

use calloff_core::schedule::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::oracle::Oracle;

const AROUND: SignedDuration = SignedDuration::from_hours(4);

fn ts(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// One zone for each distinct history: its first offset and its transitions, each with the new offset.
fn zones() -> Vec<(TimeZone, Vec<Timestamp>)> {
    let (from, to) = (ts("2020-01-01T00:00:00Z"), ts("2040-01-01T00:00:00Z"));
    let mut distinct = BTreeMap::new();
    for name in jiff::tz::db().available() {
        let zone = TimeZone::get(name.as_str()).expect("a zone that is available");
        let first = zone.to_offset(from).seconds();
        let mut history: Vec<(Timestamp, i32)> = zone
            .following(from)
            .map(|transition| (transition.timestamp(), transition.offset().seconds()))
            .take_while(|transition| transition.0 < to)
            .collect();
        // Some changes are in name only.
        let mut last = first;
        history.retain(|(_, offset)| std::mem::replace(&mut last, *offset) != *offset);
        distinct.entry((first, history)).or_insert(zone);
    }
    let zones: Vec<_> = distinct
        .into_iter()
        .map(|((_, history), zone)| (zone, history.into_iter().map(|transition| transition.0).collect()))
        .collect();
    assert!(zones.len() > 60, "the machine's zone data is too thin to prove anything: {}", zones.len());
    zones
}

/// Patterns that have something to do with the local times `hour:minute` and after.
fn patterns(hour: i8, minute: i8) -> [String; 8] {
    let next = (hour + 1) % 24;
    [
        format!("{minute} {hour} * * *"),
        format!("15,45 {hour} * * *"),
        format!("0,10,59 {hour},{next} * * *"),
        "30 0,1,2,3,4,23 * * *".to_owned(),
        "0 0 * * *".to_owned(),
        "*/20 * * * *".to_owned(),
        format!("{minute} {hour}-23 * * *"),
        format!("*/7 {next} * * *"),
    ]
}

fn check(zone: &TimeZone, transition: Timestamp, schedule: &Schedule, oracle: &Oracle) {
    let (from, to) = (transition - AROUND, transition + AROUND);
    let want = oracle.occurrences(zone, from, to);
    let why = || format!("{} around {transition}", schedule.fingerprint());
    let before = from - SignedDuration::from_nanos(1);
    let got: Vec<Timestamp> = schedule.occurrences(before, to, usize::MAX).collect();
    assert_eq!(got, want, "{}", why());
    assert!(got.is_sorted_by(|a, b| a < b), "{}", why());
    assert_eq!(schedule.count_between(before, to), want.len() as u64, "{}", why());
    assert_eq!(schedule.newest(before, to), want.last().copied(), "{}", why());
    // Not only from one occurrence to the next: from anywhere, also from the midst of a second.
    let mut probes = vec![transition];
    probes.extend(want.iter().take(4));
    for probe in probes {
        for nanoseconds in [-1_000_000_000, -500_000_000, -1, 0, 1, 999_999_999, 1_800_000_000_000] {
            let after = probe + SignedDuration::from_nanos(nanoseconds);
            let next = want.iter().copied().find(|instant| *instant > after);
            assert_eq!(schedule.next(after).filter(|next| *next <= to), next, "{} after {after}", why());
            let seen = want.iter().filter(|instant| **instant > before && **instant <= after).count();
            assert_eq!(schedule.count_between(before, after), seen as u64, "{} up to {after}", why());
        }
    }
}

fn sweep(part: usize) {
    let mut transitions = 0;
    for (zone, history) in zones().into_iter().skip(part).step_by(2) {
        let mut known = BTreeMap::new();
        for (index, transition) in history.into_iter().enumerate() {
            transitions += 1;
            // A gap begins where the clocks stood, a fold where they stand after.
            let before =
                zone.to_datetime(transition - SignedDuration::from_secs(1)) + SignedDuration::from_secs(1);
            let local = before.min(zone.to_datetime(transition));
            // Each transition is tried with two of the patterns, all of them within four years.
            for pattern in patterns(local.hour(), 30).into_iter().skip(index % 4).step_by(4) {
                let (schedule, oracle) = known.entry(pattern.clone()).or_insert_with(|| {
                    let schedule = Schedule::cron(&pattern, zone.clone()).expect("a pattern");
                    (schedule, Oracle::new(&pattern))
                });
                check(&zone, transition, schedule, oracle);
            }
        }
    }
    assert!(transitions > 300, "{transitions}");
}

#[test]
fn every_transition_of_every_other_zone_is_as_the_oracle_says() {
    sweep(0);
}

#[test]
fn every_transition_of_the_remaining_zones_is_as_the_oracle_says() {
    sweep(1);
}

#[test]
fn ordinary_days_are_as_the_oracle_says() {
    let expressions = [
        "0 0 L * *",
        "0 0 LW * *",
        "0 0 15W * *",
        "0 0 1W,31W * *",
        "0 0 * * 5#2",
        "0 0 * * 7#L",
        "0 0 * * 1#5",
        "0 0 13 * 5",
        "0 0 */2 * 1",
        "0 0 29 2 *",
        "0 0 31 * *",
        "0 0 * 1-3,12 0",
        "0 0 * * 7",
        "0 0 * * 5-7",
        "0 0 L * 1#1",
        "0 0 1-7/3,20 6 *",
        "0 0 28W 2 *",
        "0 0 * */5 *",
    ];
    let (from, to) = (ts("2023-12-31T23:59:59Z"), ts("2032-12-31T23:59:59Z"));
    for expression in expressions {
        let (schedule, oracle) =
            (Schedule::cron(expression, TimeZone::UTC).expect("a pattern"), Oracle::new(expression));
        let days = jiff::civil::date(2024, 1, 1)
            .series(jiff::Span::new().days(1))
            .take_while(|day| day.year() < 2033);
        let want: Vec<Timestamp> = days
            .filter(|day| oracle.matches_date(*day))
            .map(|day| day.to_zoned(TimeZone::UTC).expect("near").timestamp())
            .collect();
        assert_eq!(schedule.occurrences(from, to, usize::MAX).collect::<Vec<_>>(), want, "{expression}");
        assert_eq!(schedule.count_between(from, to), want.len() as u64, "{expression}");
    }
}
