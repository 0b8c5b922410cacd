//! Cron expressions. The input's first line is one; the second names a zone and the third an instant, if they do.

use calloff_core::schedule::Schedule;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Any text is refused for what stands in it, or names instants: each later than the one before, and the same for whoever
/// asks in another way.
pub(crate) fn any_expression(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let expression = lines.next().unwrap_or_default();
    let zone = lines.next().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let after = lines.next().and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    match Schedule::cron(expression, zone.clone()) {
        Ok(schedule) => {
            check_spelling(&schedule, &zone);
            check_occurrences(&schedule, after);
        }
        Err(error) => {
            let blamed = error.span().unwrap_or(0..0);
            assert!(expression.get(blamed).is_some(), "outside of the expression: {error:?}");
            assert!(!error.to_string().contains(char::is_control), "drives a terminal: {error}");
        }
    }
}

/// The expression as it is kept reads as the same schedule.
fn check_spelling(schedule: &Schedule, zone: &TimeZone) {
    let kept = schedule.fingerprint();
    let words: Vec<&str> = kept.split(' ').collect();
    let (_, expression) = words[..words.len() - 1].split_first().expect("kind, expression, zone");
    assert_eq!(Schedule::cron(&expression.join(" "), zone.clone()).as_ref(), Ok(schedule));
}

/// Occurrences come one after the other, counted and found as they are walked.
pub(crate) fn check_occurrences(schedule: &Schedule, after: Timestamp) {
    let walked: Vec<Timestamp> = schedule.occurrences(after, Timestamp::MAX, 12).collect();
    assert!(walked.iter().all(|instant| *instant > after), "not after {after}: {walked:?}");
    assert!(walked.is_sorted_by(|one, next| one < next), "not one after the other: {walked:?}");
    for (index, instant) in walked.iter().enumerate() {
        assert_eq!(schedule.count_between(after, *instant), index as u64 + 1, "up to {instant}");
        assert_eq!(schedule.newest(after, *instant), Some(*instant), "the newest up to {instant}");
    }
}
