//! What holds whatever happens, in words and in code, once. Whoever kills, starves or simulates the program holds what
//! is left behind against this, from outside: the record as commands print it, and what Zoho saw. What came due is
//! worked out by the test, apart from the program.

use std::collections::{BTreeMap, BTreeSet};

use calloff_sim::{Endpoint, Seen};
use jiff::Timestamp;
use serde_json::Value;

/// An occurrence that came due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    pub job: String,
    pub occurrence: Timestamp,
    /// Its backups; `current` among them stands for any.
    pub backups: Vec<String>,
    /// Whether what it cancels is to be put back.
    pub restores: bool,
}

/// What is left behind once everything has come to rest: nothing is under way.
#[derive(Debug)]
pub struct Left<'a> {
    pub due: &'a [Due],
    /// Further jobs that put back what they cancel: what people set off was never due.
    pub restoring: &'a BTreeSet<String>,
    /// The rows of `history --json`.
    pub history: &'a [Value],
    /// The rows of `restore list --json`.
    pub debts: &'a [Value],
    /// What Zoho saw, in order.
    pub seen: &'a [Seen],
    /// The backups that Zoho has scheduled now.
    pub scheduled: &'a BTreeSet<String>,
    /// Targets with `run_id`, `backup` and `outcome`, as logs, outputs and sinks told them.
    pub reported: &'a [Value],
    /// When this was seen: what falls due later need not be paid.
    pub at: Timestamp,
}

/// What a guarantee finds that is not as it should be.
type Check = fn(&Left<'_>) -> Vec<String>;

/// The guarantees, each with its name.
pub const GUARANTEES: [(&str, Check); 8] = [
    ("every due occurrence ends in exactly one terminal state", each_ends_once),
    ("nothing stays under way", nothing_stays_under_way),
    ("every target is really cancelled at Zoho, or reported as not", cancelled_or_reported),
    ("no backup is cancelled before its time, or for nobody", nothing_is_early),
    ("what was scheduled is stored before the cancel is sent, and no debt is lost", no_debt_is_lost),
    ("a debt is paid once, and only by what Zoho has scheduled", paid_is_scheduled),
    ("an outcome is durable before it is reported anywhere", reported_is_on_record),
    ("an outcome on record never changes", told_once),
];

impl Left<'_> {
    /// Every guarantee that does not hold, with what shows it.
    pub fn broken(&self) -> Vec<String> {
        let found = |(name, check): &(&str, Check)| {
            check(self).into_iter().map(|what| format!("{name}: {what}")).collect::<Vec<_>>()
        };
        GUARANTEES.iter().flat_map(found).collect()
    }

    /// Fails with all that does not hold.
    #[track_caller]
    pub fn hold(&self, context: impl std::fmt::Display) {
        let broken = self.broken();
        assert!(broken.is_empty(), "{}\n{context}", broken.join("\n"));
    }

    /// Runs that were set off by a schedule.
    fn scheduled_runs(&self) -> impl Iterator<Item = &Value> {
        self.history.iter().filter(|run| matches!(run["trigger"].as_str(), Some("schedule" | "catch_up")))
    }

    /// Every target on record, with its run.
    fn targets(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.history.iter().flat_map(|run| list(&run["targets"]).iter().map(move |target| (run, target)))
    }

    /// Cancels that Zoho carried out, or would have.
    fn cancels(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(|seen| seen.endpoint == Endpoint::Cancel && seen.acted)
    }

    /// Those of them that have stopped a backup, be it that nobody got the answer.
    fn stops(&self) -> impl Iterator<Item = &Seen> {
        self.cancels().filter(|seen| seen.code == Some("SUCCESS"))
    }

    /// Schedules that were made.
    fn schedules(&self) -> impl Iterator<Item = &Seen> {
        self.seen
            .iter()
            .filter(|seen| seen.endpoint == Endpoint::Schedule && seen.acted && seen.code == Some("SUCCESS"))
    }

    /// Cancels that Zoho carried out, and those that it only said it had carried out.
    fn taken(&self) -> impl Iterator<Item = &Seen> {
        let is_taken =
            |seen: &&Seen| seen.acted || matches!(seen.code, Some("SUCCESS" | "ALREADY_CANCELLED"));
        self.seen.iter().filter(|seen| seen.endpoint == Endpoint::Cancel).filter(is_taken)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("-")
}

fn instant(value: &Value, key: &str) -> Option<Timestamp> {
    value[key].as_str()?.parse().ok()
}

/// A row stands for its own occurrence, and for as many before it as it says were missed; laid end to end, a job's
/// rows are the occurrences that came due, each once.
fn each_ends_once(left: &Left<'_>) -> Vec<String> {
    let mut due: BTreeMap<&str, BTreeMap<Timestamp, &Due>> = BTreeMap::new();
    for one in left.due {
        due.entry(&one.job).or_default().insert(one.occurrence, one);
    }
    let mut rows: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for run in left.scheduled_runs() {
        rows.entry(text(run, "job")).or_default().push(run);
    }
    let mut broken = vec![];
    for job in due.keys().chain(rows.keys()).copied().collect::<BTreeSet<_>>() {
        let mut wanted: Vec<&Due> =
            due.get(job).into_iter().flat_map(BTreeMap::values).rev().copied().collect();
        let mut rows = rows.remove(job).unwrap_or_default();
        rows.sort_by_key(|row| instant(row, "occurrence"));
        for row in rows {
            for count in (1..=row["missed"].as_u64().unwrap_or(1)).rev() {
                let next = wanted.pop();
                let is_told = next.is_some_and(|next| count > 1 || stands_for(left, row, next));
                if !is_told {
                    broken.push(format!("{next:?} of `{job}` was due, and on record is {row}"));
                }
            }
        }
        broken.extend(wanted.iter().rev().map(|due| format!("{due:?} is not on record")));
    }
    broken
}

/// Whether a row is of this occurrence, with a target for each of its backups, or for what that has become: one that was
/// put back has a new ID.
fn stands_for<'a>(left: &Left<'a>, row: &'a Value, due: &Due) -> bool {
    let of_row = list(&row["targets"]).iter().map(|target| text(target, "backup"));
    let mut targets: Vec<&str> = of_row.map(|backup| listed(left, row, due, backup)).collect();
    let mut backups: Vec<&str> = due.backups.iter().map(String::as_str).collect();
    targets.sort_unstable();
    backups.sort_unstable();
    let has_all = if backups.contains(&"current") { !targets.is_empty() } else { targets == backups };
    has_all && instant(row, "occurrence") == Some(due.occurrence)
}

/// What a backup was when it was listed, as far as debts that were paid tell.
fn listed<'a>(left: &Left<'a>, row: &Value, due: &Due, mut backup: &'a str) -> &'a str {
    for _ in left.debts {
        if due.backups.iter().any(|listed| listed == backup) {
            break;
        }
        let was = |debt: &&Value| debt["account"] == row["account"] && debt["restored"] == backup;
        backup = left.debts.iter().find(was).map_or(backup, |debt| text(debt, "backup"));
    }
    backup
}

fn nothing_stays_under_way(left: &Left<'_>) -> Vec<String> {
    let has_ended = |run: &&Value| {
        matches!(text(run, "state"), "succeeded" | "skipped" | "failed" | "missed")
            && run["finished_at"].is_string()
            && list(&run["targets"]).iter().all(|target| target["outcome"].is_string())
    };
    left.history.iter().filter(|run| !has_ended(run)).map(|run| format!("{run} has no end")).collect()
}

/// Whether Zoho got this while the run was under way. One that was interrupted, and missed before it could be taken up,
/// does not tell when it started.
fn is_within(seen: &Seen, run: &Value) -> bool {
    let missed = || instant(run, "occurrence").filter(|_| text(run, "state") == "missed");
    instant(run, "started_at").or_else(missed).is_some_and(|began| began <= seen.at)
        // The record counts milliseconds, and Zoho's side does not.
        && instant(run, "finished_at").is_some_and(|ended| seen.at.as_millisecond() <= ended.as_millisecond())
}

/// A success has a cancel that Zoho took while the run was under way; all else says what to do next.
fn cancelled_or_reported(left: &Left<'_>) -> Vec<String> {
    let mut broken = vec![];
    for (run, target) in left.targets() {
        let (backup, outcome) = (text(target, "backup"), text(target, "outcome"));
        let took = |seen: &&Seen| seen.backup.as_deref() == Some(backup) && is_within(seen, run);
        match outcome {
            // Nothing was scheduled, and no call was made.
            "already_cancelled" if backup == "current" || target["attempts"] == 0 => {}
            "cancelled" | "already_cancelled" => {
                if left.taken().find(took).is_none() {
                    broken.push(format!("{backup} is `{outcome}`, and Zoho saw no cancel: {run}"));
                }
            }
            "skipped" => {
                if !target["reason"].is_string() {
                    broken.push(format!("{backup} is skipped without a reason: {run}"));
                }
            }
            _ => {
                if !target["hint"].is_string() {
                    broken.push(format!("{backup} is `{outcome}` without a hint: {run}"));
                }
            }
        }
    }
    broken
}

/// The target that a run sent this cancel for, or may have.
fn target_of<'v>(seen: &Seen, run: &'v Value) -> Option<&'v Value> {
    let is_it = |target: &&Value| {
        target["backup"].as_str() == seen.backup.as_deref() && text(target, "outcome") != "skipped"
    };
    list(&run["targets"]).iter().find(is_it).filter(|_| is_within(seen, run))
}

/// Each cancel is for a backup that some run on record had, which was due by then, had not ended, and did not skip it.
fn nothing_is_early(left: &Left<'_>) -> Vec<String> {
    let is_for = |seen: &Seen, run: &Value| {
        target_of(seen, run).is_some()
            && instant(run, "occurrence").is_none_or(|occurrence| occurrence <= seen.at)
    };
    let of_nobody = |seen: &&Seen| !left.history.iter().any(|run| is_for(seen, run));
    left.cancels().filter(of_nobody).map(|seen| format!("{seen}")).collect()
}

/// What a job that restores has stopped is part of a debt of its account which had not ended by then, or is scheduled
/// after all. That its answer was lost makes no difference.
fn no_debt_is_lost(left: &Left<'_>) -> Vec<String> {
    let restores =
        |job: &str| left.restoring.contains(job) || left.due.iter().any(|due| due.restores && due.job == job);
    let mut broken = vec![];
    for seen in left.stops() {
        let runs = left.history.iter().filter_map(|run| Some((run, target_of(seen, run)?)));
        let (of_restoring, of_others): (Vec<_>, Vec<_>) =
            runs.partition(|(run, _)| restores(text(run, "job")));
        // Where a job that does not restore may have stopped it, the outcome decides.
        let is_its =
            |(_, target): &&(&Value, &Value)| of_others.is_empty() || text(target, "outcome") == "cancelled";
        let is_owed = left.debts.iter().any(|debt| is_owed_at(left, debt, seen));
        let is_back = seen.backup.as_ref().is_some_and(|backup| left.scheduled.contains(backup));
        if let Some((run, _)) = of_restoring.iter().find(is_its).filter(|_| !is_owed && !is_back) {
            broken.push(format!("nothing is owed for {seen}, of {run}"));
        }
    }
    broken
}

/// Whether what this is for was made by a call: Zoho's simulation gives such a backup an ID above all that people list.
fn was_made(seen: &Seen) -> bool {
    const FIRST: u64 = 4_876_876_000_900_000_001;
    seen.backup.as_ref().and_then(|id| id.parse::<u64>().ok()).is_some_and(|id| id >= FIRST)
}

/// Whether a debt of the account was there when this was stopped: it had begun, and nobody paid it before. When one was
/// waived is not told.
fn is_owed_at(left: &Left<'_>, debt: &Value, stopped: &Seen) -> bool {
    debt["account"].as_str() == stopped.account.as_deref()
        && instant(debt, "owed_since").is_some_and(|since| since <= stopped.at)
        && (text(debt, "state") != "paid" || payments(left, debt).any(|seen| seen.at >= stopped.at))
}

/// The calls that may have paid a debt, up to the next one of its account, of which there is one at a time: those that
/// made a schedule, or that Zoho only said had made one, and for one that was scheduled already, those that showed it.
fn payments<'a>(left: &'a Left<'_>, debt: &'a Value) -> impl Iterator<Item = &'a Seen> {
    let since = instant(debt, "owed_since");
    let others = left.debts.iter().filter(|other| other["account"] == debt["account"]);
    let next = others.filter_map(|other| instant(other, "owed_since")).filter(|at| Some(*at) > since).min();
    let was_there = text(debt, "reason").starts_with("it was scheduled already");
    left.seen.iter().filter(move |seen| {
        let pays = match seen.endpoint {
            Endpoint::Schedule => seen.code == Some("SUCCESS"),
            Endpoint::Get => was_there,
            _ => false,
        };
        pays && (seen.acted || seen.status.is_some())
            && seen.account.as_deref() == debt["account"].as_str()
            && since.is_some_and(|since| since <= seen.at)
            && next.is_none_or(|next| seen.at < next)
    })
}

/// No account got more schedules than it had debts, each debt that is paid was paid by a call, and one that is due and
/// still owed says why.
fn paid_is_scheduled(left: &Left<'_>) -> Vec<String> {
    let mut broken = vec![];
    for account in left.seen.iter().filter_map(|seen| seen.account.as_deref()).collect::<BTreeSet<_>>() {
        let is_of_it = |seen: &&Seen| seen.account.as_deref() == Some(account);
        let made = left.schedules().filter(is_of_it).count();
        let debts = left.debts.iter().filter(|debt| debt["account"] == account).count();
        // One whose answer was lost may have been cancelled before it was looked for: then another one is made.
        let is_of_a_debt =
            |seen: &&Seen| left.debts.iter().any(|debt| debt["backup"].as_str() == seen.backup.as_deref());
        let again = left
            .stops()
            .filter(is_of_it)
            .filter(|seen| was_made(seen))
            .filter(|seen| !is_of_a_debt(seen))
            .count();
        if made > debts + again {
            broken.push(format!(
                "{made} schedules were made for {debts} debts of `{account}`, {again} of them again"
            ));
        }
    }
    let is_unpaid = |debt: &&Value| text(debt, "state") == "paid" && payments(left, debt).next().is_none();
    broken.extend(left.debts.iter().filter(is_unpaid).map(|debt| format!("nobody has paid {debt}")));
    let is_mute = |debt: &&Value| {
        text(debt, "state") == "owed"
            && !debt["reason"].is_string()
            && instant(debt, "due").is_none_or(|due| due <= left.at)
    };
    broken
        .extend(left.debts.iter().filter(is_mute).map(|debt| format!("nobody knows why {debt} is not paid")));
    broken
}

fn reported_is_on_record(left: &Left<'_>) -> Vec<String> {
    let key = |run: &str, target: &Value| {
        (run.to_owned(), text(target, "backup").to_owned(), text(target, "outcome").to_owned())
    };
    let on_record: BTreeSet<_> =
        left.targets().map(|(run, target)| key(text(run, "run_id"), target)).collect();
    let unknown = |told: &&Value| !on_record.contains(&key(text(told, "run_id"), told));
    left.reported.iter().filter(unknown).map(|told| format!("{told} was told")).collect()
}

/// Whoever was told an outcome of a target is never told another one.
fn told_once(left: &Left<'_>) -> Vec<String> {
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut broken = vec![];
    for told in left.reported {
        let (target, outcome) = ((text(told, "run_id"), text(told, "backup")), text(told, "outcome"));
        if *first.entry(target).or_insert(outcome) != outcome {
            broken.push(format!("{told} was told as `{}` before", first[&target]));
        }
    }
    broken
}
