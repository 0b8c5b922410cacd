//! What is a cron expression, and what is said about the rest.

use calloff_core::schedule::{DstEffect, Schedule};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn ts(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn utc(expression: &str) -> Schedule {
    Schedule::cron(expression, TimeZone::UTC).unwrap_or_else(|error| panic!("{expression}: {error}"))
}

/// One line per refusal: the expression, what is wrong, what to write.
fn refusals(expressions: &[&str]) -> String {
    let mut lines = String::new();
    for expression in expressions {
        let error = Schedule::cron(expression, TimeZone::UTC).expect_err(expression);
        let blamed = error.span().map_or("-", |span| &expression[span]);
        lines.extend([*expression, " | ", blamed, " | ", &error.to_string(), " | ", error.help(), "\n"]);
    }
    lines
}

#[test]
fn a_refusal_names_the_part_to_blame_and_what_to_write() {
    insta::assert_snapshot!(refusals(&[
        "",
        "* * * *",
        "* * * * * * *",
        "@reboot",
        "@noon",
        "0 , * * * *",
        "1,,2 * * * *",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "0 0 * JAN,FOO *",
        "MON * * * *",
        "0 0 * * JAN",
        "0 0 * * MONMON",
        "*/0 * * * *",
        "5/10 * * * *",
        "20-10 * * * *",
        "L * * * *",
        "0 0 * * L",
        "0 0 L,LW * *",
        "0 0 * * FRI#6",
        "0 0 * * +1",
        "0 0 30 2 *",
        "0 0 31 4,6 *",
        "0 +1 * * *",
        "é * * * *",
        "0 0 32W * *",
    ]));
    let long = format!("{} * * * *", "1,".repeat(200));
    assert_eq!(refusals(&[&long]).matches("longer than 256 bytes").count(), 1);
}

#[test]
fn a_refusal_does_not_repeat_control_characters() {
    let error = Schedule::cron("\u{1b}[31m0 * * * *", TimeZone::UTC).unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn different_spellings_mean_the_same() {
    let from = ts("2026-01-01T00:00:00Z");
    for (one, other) in [
        ("@hourly", "0 * * * *"),
        ("@daily", "@midnight"),
        ("@Weekly", "0 0 * * sun"),
        ("@monthly", "0 0 1 * ?"),
        ("@yearly", "@annually"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * FRI-SUN", "0 0 * * 0,5,6"),
        ("0 0 * * SUN-TUE", "0 0 * * 0-2"),
        ("0 0 * * SUN-SUN", "0 0 * * 7"),
        ("0 0 * * 5L", "0 0 * * FRI#L"),
        ("30 17 * JAN-MAR mon-fri", "0 30 17 ? 1-3 1-5"),
        ("0 0 ? * ?", "\t0  0 * * *  "),
    ] {
        let (one, other) = (utc(one), utc(other));
        assert!(
            one.occurrences(from, Timestamp::MAX, 60).eq(other.occurrences(from, Timestamp::MAX, 60)),
            "{one:?} {other:?}"
        );
    }
}

#[test]
fn a_hundred_thousand_schedules_fit_in_twenty_megabytes() {
    assert!(size_of::<Schedule>() <= 192, "{}", size_of::<Schedule>());
}

#[test]
fn a_leap_day_is_found_across_a_century_that_has_none() {
    assert_eq!(utc("0 0 29 2 *").next(ts("2096-03-01T00:00:00Z")), Some(ts("2104-02-29T00:00:00Z")));
    assert_eq!(utc("0 0 * 2 MON#5").next(ts("2072-03-01T00:00:00Z")), Some(ts("2112-02-29T00:00:00Z")));
}

#[test]
fn a_warning_says_what_a_clock_change_does() {
    let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
    let (from, until) = (ts("2026-01-01T00:00:00Z"), ts("2027-02-01T00:00:00Z"));
    let warnings = |expression| {
        let schedule = Schedule::cron(expression, berlin.clone()).expect("a pattern");
        schedule.dst_warnings(from, until)
    };
    let mut lines = Vec::new();
    for expression in
        ["30 2 * * *", "15,45 2 * * *", "*/15 2 * * *", "0 2-4 * * *", "*/10 * * * *", "0 3 * * *"]
    {
        for warning in warnings(expression) {
            lines.push(format!("{expression}: {warning}"));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
    let shifted = &warnings("30 2 * * *")[0];
    assert_eq!(shifted.effect, DstEffect::Shifted);
    assert_eq!(shifted.occurrence, Some(shifted.transition));
}

/// Fragments that make expressions likely, beside arbitrary text.
fn expression() -> impl Strategy<Value = String> {
    let item = prop_oneof![
        "[0-9]{1,3}",
        "[0-9]{1,2}-[0-9]{1,2}",
        "\\*/[0-9]{1,2}",
        "(MON|sun|JAN|dec|FRI)",
        "[0-9]{1,2}W",
        "[0-7](#[0-9L]|L)",
        Just("*".to_owned()),
        Just("L".to_owned()),
        Just("LW".to_owned()),
        Just("?".to_owned()),
        Just(String::new()),
    ];
    let field = prop::collection::vec(item, 1..4).prop_map(|items| items.join(","));
    let fields = prop::collection::vec(field, 4..8).prop_map(|fields| fields.join(" "));
    prop_oneof![fields, any::<String>(), "[@a-zA-Z*/,#?+ 0-9-]{0,300}"]
}

/// Expressions that are right, of five fields.
fn right() -> impl Strategy<Value = String> {
    let field = |values: std::ops::RangeInclusive<u8>, first: u8| {
        let (least, most) = (*values.start(), *values.end());
        let numbers = prop::collection::vec(values.clone(), 1..4)
            .prop_map(|list| list.iter().map(u8::to_string).collect::<Vec<_>>().join(","));
        let range = (values, 0..10_u8)
            .prop_map(move |(from, more)| format!("{from}-{}", from.saturating_add(more).min(most)));
        let step = (first..=most / 2).prop_map(|step| format!("*/{}", step.max(1)));
        prop_oneof![3 => numbers, 1 => range, 1 => step, 2 => Just("*".to_owned())]
            .prop_filter("least", move |_| least <= first)
    };
    let day = prop_oneof![4 => field(1..=28, 1), 1 => Just("L".to_owned()), 1 => "(LW|1W|15W|31W)"];
    let weekday = prop_oneof![4 => field(0..=7, 1), 1 => "[0-7]#[1-4L]"];
    (field(0..=59, 1), field(0..=23, 1), day, field(1..=12, 1), weekday)
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
        3 => (Timestamp::MIN.as_second()..Timestamp::MAX.as_second(), 0..1_000_000_000)
            .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap_or(Timestamp::MIN)),
        6 => (1_500_000_000..2_300_000_000_i64, 0..1_000_000_000)
            .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).expect("near")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_and_no_instant_make_it_panic(
        expression in expression(),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu"]),
        after in instant(),
        upto in instant(),
    ) {
        match Schedule::cron(&expression, TimeZone::get(zone).expect("a zone")) {
            Err(error) => if let Some(span) = error.span() {
                prop_assert!(expression.get(span).is_some(), "{}", error);
            },
            Ok(schedule) => {
                if let Some(next) = schedule.next(after) {
                    prop_assert!(next > after);
                    prop_assert_eq!(next.subsec_nanosecond(), 0);
                }
                let newest = schedule.newest(after, upto);
                prop_assert!(newest.is_none_or(|newest| newest > after && newest <= upto));
                prop_assert_eq!(newest.is_some(), schedule.count_between(after, upto) > 0);
            }
        }
    }

    #[test]
    fn next_is_later_and_the_arithmetic_agrees_with_the_walk(
        expression in right(),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/New_York"]),
        after in instant(),
    ) {
        let schedule = Schedule::cron(&expression, TimeZone::get(zone).expect("a zone"));
        prop_assume!(schedule.is_ok());
        let schedule = schedule.expect("assumed");
        let walked: Vec<Timestamp> = schedule.occurrences(after, Timestamp::MAX, 40).collect();
        prop_assert!(walked.iter().all(|instant| *instant > after) && walked.is_sorted_by(|a, b| a < b));
        for (index, instant) in walked.iter().enumerate() {
            prop_assert_eq!(schedule.count_between(after, *instant), index as u64 + 1);
            prop_assert_eq!(schedule.newest(after, *instant), Some(*instant));
        }
    }

    /// croner reads the expression; what is kept of it must still match when croner says so, where no clock changes.
    #[test]
    fn croner_agrees_in_utc(expression in right(), second in 946_684_800..4_000_000_000_i64) {
        let Ok(schedule) = Schedule::cron(&expression, TimeZone::UTC) else { return Ok(()) };
        let cron = croner::parser::CronParser::new().parse(&expression).expect("croner took it before");
        let after = Timestamp::from_second(second).expect("near");
        let theirs = cron.find_next_occurrence(&after.to_zoned(TimeZone::UTC), false).expect("it comes");
        prop_assert_eq!(schedule.next(after), Some(theirs.timestamp()));
    }

    #[test]
    fn a_period_never_drifts(period in 1..10_000_000_000_u64, after in instant(), later in instant()) {
        let schedule = Schedule::every(std::time::Duration::from_millis(period), TimeZone::UTC);
        if let Some(next) = schedule.next(after) {
            prop_assert!(next > after);
            prop_assert_eq!(next.as_millisecond().rem_euclid(i64::try_from(period).expect("small")), 0);
            prop_assert!(next.duration_since(after) <= SignedDuration::from_millis(i64::try_from(period).expect("small")));
        }
        let newest = schedule.newest(after, later);
        prop_assert_eq!(newest.is_some(), schedule.count_between(after, later) > 0);
        prop_assert!(newest.is_none_or(|newest| newest > after && newest <= later));
    }
}
