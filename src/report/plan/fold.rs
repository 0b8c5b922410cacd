//! Occurrences of one job that come to the same are one row: a job that looks every ten minutes has a thousand a week.

use std::collections::BTreeMap;

use calloff_core::condition::{Permit, permit};
use calloff_core::forecast::{Action, Forecast, Foretold};
use jiff::Timestamp;

/// Occurrences of one job that follow each other, do the same, and for a like reason.
#[derive(Debug, Clone)]
pub(super) struct Fold<'a> {
    pub(super) first: &'a Foretold<'a>,
    /// How many they are.
    pub(super) count: usize,
    /// When the last of them is due.
    pub(super) last: Timestamp,
    /// What all of them have for a reason, as the first has it.
    pub(super) reasons: Vec<String>,
}

/// The occurrences of one account, folded, by their first. A cancel always stands alone.
pub(super) fn folded<'a>(forecast: &'a Forecast<'a>) -> Vec<Fold<'a>> {
    let mut folds: Vec<Fold<'a>> = Vec::new();
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &forecast.rows {
        let job = row.job.name.as_str();
        if newest.get(job).is_some_and(|place| folds[*place].takes(row)) {
            continue;
        }
        newest.insert(job, folds.len());
        folds.push(Fold { first: row, count: 1, last: row.fire_at, reasons: reasons(row) });
    }
    folds
}

impl Fold<'_> {
    /// Takes the next occurrence in, if it comes to the same.
    fn takes(&mut self, row: &Foretold<'_>) -> bool {
        let others = reasons(row);
        let is_shared = |reason: &&String| others.iter().any(|other| is_like(reason, other));
        let shared: Vec<String> = self.reasons.iter().filter(is_shared).cloned().collect();
        if row.action == Action::Cancel || shared.is_empty() || !is_done_alike(self.first, row) {
            return false;
        }
        self.count += 1;
        self.last = row.fire_at;
        self.reasons = shared;
        true
    }
}

/// Each condition that does not hold is a reason by itself to skip.
fn reasons(row: &Foretold<'_>) -> Vec<String> {
    match permit(&row.conditions) {
        Permit::Refused(reason) if reason == row.reason => {
            let failing = row.conditions.iter().filter(|finding| finding.holds == Some(false));
            failing.map(ToString::to_string).collect()
        }
        _ => vec![row.reason.clone()],
    }
}

fn is_done_alike(one: &Foretold<'_>, other: &Foretold<'_>) -> bool {
    let is_uniform = |row: &Foretold<'_>| row.targets.iter().all(|target| target.reason == row.reason);
    let mut targets = one.targets.iter().zip(&other.targets);
    one.action == other.action
        && one.targets.len() == other.targets.len()
        && is_uniform(one) == is_uniform(other)
        && targets.all(|(a, b)| {
            a.backup == b.backup && a.action == b.action && (is_uniform(one) || is_like(&a.reason, &b.reason))
        })
}

/// Whether two reasons differ in instants and distances alone: in words that have figures in them.
fn is_like(one: &str, other: &str) -> bool {
    let words =
        |text| str::split_whitespace(text).filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    one == other || words(one).eq(words(other))
}

#[cfg(test)]
mod tests {
    use calloff_core::condition::Reading;

    use super::*;
    use crate::report::fixture::{backup, forecast, job};

    #[test]
    fn reasons_are_alike_if_only_times_differ() {
        #[rustfmt::skip]
        let table = [
            (true,  "found it closed at 2026-11-27T16:00:00Z", "found it closed at 2026-11-27T16:10:00Z"),
            (true,  "found in 4days 3h, 2026-12-01T19:00:00Z", "found in 50m, 2026-12-01T19:00:00Z"),
            (false, "found it closed at 2026-11-27T16:00:00Z", "found it open until 2026-11-27T16:10:00Z"),
            (false, "found in 3h, 2026-12-01T19:00:00Z",       "found 3h ago, 2026-12-01T19:00:00Z"),
            (false, "it is STOPPED",                           "it is COMPLETED"),
        ];
        for (want, one, other) in table {
            assert_eq!(is_like(one, other), want, "{one} / {other}");
        }
    }

    #[test]
    fn a_week_of_looks_is_three_rows_and_the_cancel_is_one_of_them() {
        let often = job(
            "often",
            "backups = \"current\"\nschedule.every = \"10m\"\nwhen.window = \"nights\"\nwhen.due_within = \"6h\"",
        );
        let live = backup("SCHEDULED", Some("2026-11-28T02:00:00Z"));
        let jobs = [often];
        let forecast = forecast(&jobs, &Reading::Read(Some(live)), "2026-12-04T16:00:00Z", 10_000);
        let folds = folded(&forecast);
        let told: Vec<_> = folds.iter().map(|fold| (fold.first.action, fold.count)).collect();
        assert_eq!(told, [(Action::Skip, 23), (Action::Cancel, 1), (Action::Skip, 984)]);
        assert_eq!(folds.iter().map(|fold| fold.count).sum::<usize>(), forecast.rows.len());
        // At first the window is shut as well, and that is not so for all.
        assert!(folds[0].reasons.len() == 1 && folds[0].reasons[0].starts_with("`due_within`"));
    }

    #[test]
    fn no_cancel_is_folded_into_another() {
        let often = job("often", "backups = [\"4876876000001593003\"]\nschedule.every = \"1h\"");
        let jobs = [often];
        let dozing = backup("DOZING", None);
        let mut forecast = forecast(&jobs, &Reading::Read(Some(dozing)), "2026-11-27T20:00:00Z", 10_000);
        let first = forecast.rows[0].clone();
        assert_eq!(first.action, Action::Cancel);
        forecast.rows = vec![first.clone(), first];
        assert_eq!(folded(&forecast).len(), 2);
    }
}
