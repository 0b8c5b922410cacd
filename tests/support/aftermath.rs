//! What all lives of the program have left behind, gathered from outside once everything has come to rest.

use std::collections::BTreeSet;
use std::fmt::Display;

use calloff::clock::{Clock as _, SystemClock};
use calloff_sim::{Seen, Status};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::guarantees::{Due, Left};
use super::program::{Done, Place};

/// What is left behind.
#[derive(Debug)]
pub struct Aftermath {
    pub history: Vec<Value>,
    pub debts: Vec<Value>,
    pub seen: Vec<Seen>,
    pub scheduled: BTreeSet<String>,
    pub reported: Vec<Value>,
    pub at: Timestamp,
}

impl Aftermath {
    /// Gathers it. `told` is what was told of targets, by logs, outputs and sinks of all lives.
    #[track_caller]
    pub fn of(place: &Place, told: Vec<Value>, context: impl Display) -> Self {
        assert_eq!(soundness(place), "ok", "the record is damaged: {context}");
        Self::by(place, |args| place.run(args), told)
    }

    /// The same where the program is run so.
    pub fn by(place: &Place, run: impl Fn(&[&str]) -> Done, told: Vec<Value>) -> Self {
        let at = SystemClock.now();
        let history = run(&["history", "--json"]).json();
        let debts = run(&["restore", "list", "--json"]).json();
        let world = place.zoho.world().lock();
        let seen: Vec<Seen> = world.seen().cloned().collect();
        let account = world.account("acme").expect("every place has it");
        let ids = seen.iter().filter_map(|seen| seen.backup.clone());
        let latest = account.latest().map(|backup| backup.id().to_owned());
        let is_scheduled =
            |id: &String| account.backup(id).is_some_and(|backup| backup.status() == Status::Scheduled);
        let scheduled = ids.chain(latest).filter(is_scheduled).collect();
        drop(world);
        Self { history, debts, seen, scheduled, reported: told, at }
    }

    /// Fails with all that does not hold.
    #[track_caller]
    pub fn hold(&self, due: &[Due], context: impl Display) {
        self.hold_with(due, &[], context);
    }

    /// The same where people have set off jobs that restore.
    #[track_caller]
    pub fn hold_with(&self, due: &[Due], restoring: &[&str], context: impl Display) {
        let Self { history, debts, seen, scheduled, reported, at } = self;
        let restoring = &restoring.iter().map(|&job| job.to_owned()).collect();
        Left { due, restoring, history, debts, seen, scheduled, reported, at: *at }.hold(context);
    }

    /// The run of this job on record, if there is one.
    pub fn run_of(&self, job: &str) -> Option<&Value> {
        self.history.iter().find(|run| run["job"] == job)
    }
}

/// What SQLite finds when it looks at all of the record.
pub fn soundness(place: &Place) -> String {
    let record = Connection::open(place.path("state/calloff.db")).expect("the record is there");
    record.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be asked")
}

/// Whether the record says so now, as a query that gives a number other than 0; not if it can't be asked.
pub fn on_record(place: &Place, query: &str) -> bool {
    let path = place.path("state/calloff.db");
    let record = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let answer = record.and_then(|record| record.query_row(query, [], |row| row.get::<_, i64>(0)));
    answer.is_ok_and(|number| number != 0)
}

/// The targets that JSON lines tell the outcomes of, be they log lines, runs, or notices with a run.
pub fn told(lines: &str) -> Vec<Value> {
    lines.lines().filter_map(|line| serde_json::from_str(line).ok()).flat_map(targets).collect()
}

fn targets(line: Value) -> Vec<Value> {
    if line["event"] == "target.outcome" {
        return vec![line];
    }
    let run = if line["run"].is_object() { &line["run"] } else { &line };
    let targets = run["targets"].as_array().map_or(&[][..], Vec::as_slice);
    let with_run = |target: &Value| {
        let mut target = target.clone();
        target["run_id"] = run["run_id"].clone();
        target
    };
    targets.iter().map(with_run).filter(|target| target["outcome"].is_string()).collect()
}
