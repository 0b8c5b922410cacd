//! What is due: worked cases, and simulated days against a naive reading of the rules.

use std::collections::BTreeSet;
use std::time::Duration;

use calloff_core::agenda::{
    self, Decision, DueRun, Entry, Missed, State, Upcoming, baseline, decide, fingerprint, fire_at, state,
};
use calloff_core::ids::JobName;
use calloff_core::run::Trigger;
use calloff_core::schedule::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn ts(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn name() -> JobName {
    JobName::parse("eu/release-freeze").expect("a job name")
}

fn every(period: Duration) -> Schedule {
    Schedule::every(period, TimeZone::UTC)
}

fn entry<'a>(name: &'a JobName, schedule: &'a Schedule) -> Entry<'a> {
    Entry {
        name,
        schedule,
        jitter: Duration::ZERO,
        catch_up: Duration::from_mins(15),
        enabled: true,
        deadline: None,
        replaced_at: None,
    }
}

#[test]
fn an_occurrence_is_run_at_its_instant_and_not_before() {
    let (name, schedule) = (name(), every(Duration::from_hours(1)));
    let entry = entry(&name, &schedule);
    let start = ts("2026-11-23T09:30:00Z");
    let due = ts("2026-11-23T10:00:00Z");
    let early = decide(&entry, start, start, ts("2026-11-23T09:59:59.999999999Z"));
    assert_eq!(
        early,
        Decision { next: Some(Upcoming { occurrence: due, fire_at: due }), ..Decision::default() }
    );
    let on_time = decide(&entry, start, start, due);
    assert_eq!(on_time.run, Some(DueRun { occurrence: due, fire_at: due, trigger: Trigger::Schedule }));
    assert_eq!(on_time.missed, None);
    assert_eq!(on_time.next.map(|next| next.occurrence), Some(ts("2026-11-23T11:00:00Z")));
    assert_eq!(on_time.cursor(), Some(due));
}

#[test]
fn after_downtime_only_the_newest_is_run_and_the_others_are_counted() {
    let (name, schedule) = (name(), every(Duration::from_mins(10)));
    let entry = entry(&name, &schedule);
    let back = ts("2026-11-23T12:05:00Z");
    let decision = decide(&entry, ts("2026-11-23T09:00:00Z"), back, back);
    let noon = ts("2026-11-23T12:00:00Z");
    assert_eq!(decision.run, Some(DueRun { occurrence: noon, fire_at: noon, trigger: Trigger::CatchUp }));
    let missed = Missed { newest: ts("2026-11-23T11:50:00Z"), oldest: ts("2026-11-23T09:10:00Z"), count: 17 };
    assert_eq!(decision.missed, Some(missed));
}

#[test]
fn what_is_older_than_catch_up_is_missed_and_what_came_since_is_run() {
    let (name, schedule) = (name(), every(Duration::from_hours(1)));
    let entry = entry(&name, &schedule);
    let (cursor, back) = (ts("2026-11-23T09:00:00Z"), ts("2026-11-23T10:20:00Z"));
    let ten = ts("2026-11-23T10:00:00Z");
    let decision = decide(&entry, cursor, back, back);
    assert_eq!(decision.run, None);
    assert_eq!(decision.missed, Some(Missed { newest: ten, oldest: ten, count: 1 }));
    assert_eq!(decision.cursor(), Some(ten));
    let later = decide(&entry, cursor, back, ts("2026-11-23T11:00:30Z"));
    assert_eq!(later.missed, decision.missed);
    assert_eq!(
        later.run.map(|run| (run.occurrence, run.trigger)),
        Some((ts("2026-11-23T11:00:00Z"), Trigger::Schedule))
    );
}

#[test]
fn a_clock_that_steps_back_makes_nothing_due_twice() {
    let (name, schedule) = (name(), every(Duration::from_mins(10)));
    let entry = entry(&name, &schedule);
    let cursor = ts("2026-11-23T12:00:00Z");
    let decision = decide(&entry, cursor, ts("2026-11-23T08:00:00Z"), ts("2026-11-23T11:00:00Z"));
    assert_eq!((decision.run, decision.missed), (None, None));
    assert_eq!(decision.next.map(|next| next.occurrence), Some(ts("2026-11-23T12:10:00Z")));
}

#[test]
fn ten_years_of_seconds_are_counted_without_being_walked() {
    let (name, seconds) = (name(), every(Duration::from_secs(1)));
    let cron =
        Schedule::cron("* * * * * *", TimeZone::get("Europe/Berlin").expect("a zone")).expect("a pattern");
    for schedule in [seconds, cron] {
        let (cursor, back) = (ts("2016-01-01T00:00:00Z"), ts("2026-01-01T00:00:00Z"));
        let decision = decide(&entry(&name, &schedule), cursor, back, back);
        let missed = decision.missed.expect("ten years were missed");
        assert_eq!(
            missed.count + 2,
            3653 * 86_400,
            "all but the one that is run and the one due this instant"
        );
        assert_eq!(decision.run.map(|run| run.occurrence), Some(ts("2025-12-31T23:59:59Z")));
        assert_eq!(decision.next.map(|next| next.occurrence), Some(back));
    }
}

#[test]
fn a_one_off_in_the_past_is_a_state() {
    let (name, schedule) = (name(), Schedule::at(ts("2026-12-24T17:30:00Z"), TimeZone::UTC));
    let entry = entry(&name, &schedule);
    let now = ts("2027-01-01T00:00:00Z");
    assert_eq!(state(&entry, baseline(None, &fingerprint(&entry), now)), State::Expired);
    assert_eq!(decide(&entry, now, now, now), Decision::default());
    assert_eq!(state(&entry, ts("2026-12-01T00:00:00Z")), State::Armed);
    assert_eq!(state(&Entry { enabled: false, ..entry }, now), State::Disabled);
}

#[test]
fn an_edit_or_switching_on_moves_the_baseline_and_nothing_else_does() {
    let (name, schedule) = (name(), every(Duration::from_mins(10)));
    let entry = entry(&name, &schedule);
    let (cursor, now) = (ts("2026-11-01T00:00:00Z"), ts("2026-11-23T00:00:00Z"));
    let same = fingerprint(&entry);
    let off = fingerprint(&Entry { enabled: false, ..entry });
    let edited = every(Duration::from_mins(20)).fingerprint();
    for (before, want, why) in [
        (Some((same.as_str(), cursor)), cursor, "a restart goes on where it was"),
        (Some((off.as_str(), cursor)), now, "what passed while it was off is not due"),
        (Some((edited.as_str(), cursor)), now, "an edit makes nothing due"),
        (None, now, "a new job starts now"),
    ] {
        assert_eq!(baseline(before, &same, now), want, "{why}");
    }
    assert_eq!(decide(&Entry { enabled: false, ..entry }, cursor, now, now), Decision::default());
}

#[test]
fn the_spread_is_stable_and_even() {
    let (name, schedule) = (name(), every(Duration::from_hours(1)));
    let jitter = Duration::from_mins(10);
    let entry = Entry { jitter, ..entry(&name, &schedule) };
    let mut eighths = [0; 8];
    for occurrence in schedule.occurrences(ts("2026-01-01T00:00:00Z"), Timestamp::MAX, 4000) {
        let share = fire_at(&entry, occurrence).duration_since(occurrence).as_millis();
        assert!((0..600_000).contains(&share), "{share}");
        eighths[usize::try_from(share / 75_000).expect("small")] += 1;
    }
    assert!(eighths.iter().all(|n| (400..600).contains(n)), "{eighths:?}");
    // A change here moves every job of every user.
    assert_eq!(fire_at(&entry, ts("2026-11-27T16:00:00Z")).to_string(), "2026-11-27T16:06:00.424Z");
}

/// The rules read aloud: every occurrence is looked at, one by one.
fn naively(entry: &Entry<'_>, cursor: Timestamp, ready_since: Timestamp, now: Timestamp) -> Decision {
    let all = entry.schedule.occurrences(cursor, now, usize::MAX);
    let due: Vec<(Timestamp, Timestamp)> =
        all.map(|occurrence| (occurrence, fire_at(entry, occurrence))).filter(|due| due.1 <= now).collect();
    let split = due.iter().position(|due| due.1 >= ready_since.min(now)).unwrap_or(due.len());
    let (slept, awake) = due.split_at(split);
    let in_time = |due: &&(Timestamp, Timestamp)| {
        now.duration_since(due.1) <= SignedDuration::try_from(entry.catch_up).expect("small")
    };
    let (missed, run) = match slept.last().filter(in_time) {
        Some(newest) => (&slept[..slept.len() - 1], Some(newest)),
        None => (slept, awake.first()),
    };
    let run = run.map(|&(occurrence, fire_at)| {
        let late = now.duration_since(fire_at) > SignedDuration::from_mins(1);
        DueRun { occurrence, fire_at, trigger: if late { Trigger::CatchUp } else { Trigger::Schedule } }
    });
    let missed = missed.last().map(|newest| Missed {
        newest: newest.0,
        oldest: missed[0].0,
        count: u64::try_from(missed.len()).expect("small"),
    });
    let after = run.map(|run| run.occurrence).or(missed.map(|missed| missed.newest)).unwrap_or(cursor);
    Decision { missed, run, next: agenda::upcoming(entry, after) }
}

/// What happens to the engine, in seconds.
#[derive(Debug, Clone)]
enum Event {
    /// The engine looks again after so long.
    Tick(i64),
    /// The process is down or suspended for so long.
    Down(i64),
    /// The process is down until the very instant at which the next occurrence is due.
    DownUntilDue,
    /// The clock is set back by so much.
    Back(i64),
    /// The process is down for so long, and the clock is set back by so much before it looks.
    DownThenBack(i64, i64),
    /// The process dies after deciding and before carrying out anything, and is back at once.
    Crash,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..90_i64).prop_map(Event::Tick),
        2 => (0..7200_i64).prop_map(Event::Tick),
        2 => (0..20_000_i64).prop_map(Event::Down),
        1 => (0..4000_i64).prop_map(Event::Back),
        1 => Just(Event::DownUntilDue),
        1 => (0..20_000_i64, 0..10_000_i64).prop_map(|(down, back)| Event::DownThenBack(down, back)),
        1 => Just(Event::Crash),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"];
    let patterns = [
        "*/7 * * * *",
        "30 2 * * *",
        "15,45 1-3 * * *",
        "10 */5 * * * *",
        "0,20,40 0,1,2,3 * * *",
        "0 12 * * MON",
    ];
    prop_oneof![
        (10..5000_u64).prop_map(|seconds| every(Duration::from_secs(seconds))),
        (prop::sample::select(zones.to_vec()), prop::sample::select(patterns.to_vec())).prop_map(
            |(zone, pattern)| {
                Schedule::cron(pattern, TimeZone::get(zone).expect("a zone")).expect("a pattern")
            }
        ),
    ]
}

/// An instant a day before some transition of the zones above, or just any.
fn start() -> impl Strategy<Value = Timestamp> {
    let starts =
        ["2026-03-28T12:00:00Z", "2026-10-24T20:00:00Z", "2026-11-01T00:00:00Z", "2026-04-04T06:00:00Z"];
    (prop::sample::select(starts.to_vec()), 0..50_000_i64).prop_map(|(start, seconds)| {
        ts(start).saturating_add(SignedDuration::from_secs(seconds)).expect("near")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_occurrence_ends_in_exactly_one_way(
        schedule in schedule(),
        start in start(),
        jitter in prop_oneof![Just(0), 1..1_200_000_u64],
        catch_up in 0..5000_u64,
        busy in 0..400_i64,
        events in prop::collection::vec(event(), 1..60),
    ) {
        let name = name();
        let entry = Entry {
            name: &name,
            schedule: &schedule,
            jitter: Duration::from_millis(jitter),
            catch_up: Duration::from_secs(catch_up),
            enabled: true,
            deadline: None,
            replaced_at: None,
        };
        let (mut cursor, mut ready_since, mut now, mut latest) = (start, start, start, start);
        let mut run = BTreeSet::new();
        let mut missed = BTreeSet::new();
        let later = |instant: Timestamp, seconds| instant.checked_add(SignedDuration::from_secs(seconds)).expect("near");
        for event in events {
            match event {
                Event::Tick(seconds) => now = later(now, seconds),
                Event::Back(seconds) => now = later(now, -seconds),
                Event::Down(seconds) => {
                    now = later(now, seconds);
                    ready_since = now;
                }
                Event::DownUntilDue => {
                    now = agenda::upcoming(&entry, cursor).map_or(now, |next| next.fire_at.max(now));
                    ready_since = now;
                }
                Event::DownThenBack(down, back) => {
                    ready_since = later(now, down);
                    now = later(ready_since, -back);
                }
                Event::Crash => {
                    let _ = decide(&entry, cursor, ready_since, now);
                    ready_since = now;
                }
            }
            // A run that takes longer than the period would go on for ever: only the first few take time.
            for round in 0.. {
                latest = latest.max(now);
                let decision = decide(&entry, cursor, ready_since, now);
                prop_assert_eq!(decision, naively(&entry, cursor, ready_since, now));
                if let Some(gone) = decision.missed {
                    let range = schedule.occurrences(cursor, gone.newest, usize::MAX).collect::<Vec<_>>();
                    prop_assert_eq!(range.first(), Some(&gone.oldest));
                    prop_assert_eq!(range.last(), Some(&gone.newest));
                    prop_assert_eq!(u64::try_from(range.len()).expect("small"), gone.count);
                    for occurrence in range {
                        prop_assert!(missed.insert(occurrence), "missed twice");
                    }
                }
                if let Some(due) = decision.run {
                    prop_assert!(due.occurrence <= due.fire_at && due.fire_at <= now, "early");
                    prop_assert!(run.insert(due.occurrence), "run twice");
                    now = later(now, if round < 5 { busy } else { 0 });
                    ready_since = now;
                }
                match decision.cursor() {
                    Some(moved) => {
                        prop_assert!(moved > cursor);
                        cursor = moved;
                    }
                    None => break,
                }
            }
        }
        prop_assert!(run.is_disjoint(&missed));
        let ended: Vec<Timestamp> = run.union(&missed).copied().collect();
        let due: Vec<Timestamp> = schedule
            .occurrences(start, latest, usize::MAX)
            .take_while(|occurrence| *occurrence <= cursor || fire_at(&entry, *occurrence) <= now)
            .collect();
        prop_assert_eq!(ended, due);
    }

    #[test]
    fn the_spread_keeps_the_order(schedule in schedule(), start in start(), jitter in 0..u64::MAX) {
        let name = name();
        let entry = Entry { jitter: Duration::from_millis(jitter), ..entry(&name, &schedule) };
        let mut last = Timestamp::MIN;
        for occurrence in schedule.occurrences(start, Timestamp::MAX, 20) {
            let fired = fire_at(&entry, occurrence);
            prop_assert!(last < occurrence && occurrence <= fired);
            last = fired;
        }
    }
}
