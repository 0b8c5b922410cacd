//! A record of an older version, brought up to date by a program that is killed at it: the next one completes it.

use calloff::clock::{Clock as _, SystemClock};
use jiff::SignedDuration;
use rusqlite::Connection;

use crate::once::due;
use crate::support::aftermath::{Aftermath, soundness, told};
use crate::support::program::Place;
use crate::{killed_ever_later, killed_so, was_killed};

/// What each older version added to the record of the one before: its files are out there, and never change.
const OLDER: [&str; 4] = [
    include_str!("older/1.sql"),
    include_str!("older/2.sql"),
    include_str!("older/3.sql"),
    include_str!("older/4.sql"),
];

fn tell(version: usize, kill: &str) -> Option<()> {
    let due_at = SystemClock.now() - SignedDuration::from_secs(5);
    let job = format!("backups = [\"42\"]\n[schedule]\nat = \"{due_at}\"\n");
    let zoho = "[[accounts.acme.backups]]\nid = \"41\"\n[[accounts.acme.backups]]\nid = \"42\"\n";
    let place = Place::new(zoho, "", &[("job", &job)]);
    std::fs::create_dir(place.path("state")).expect("it is not there yet");
    let old = Connection::open(place.path("state/calloff.db")).expect("it can be made");
    old.pragma_update(None, "journal_mode", "WAL").expect("it is a file");
    old.execute_batch(&OLDER[..version].concat()).expect("it was a record once");
    old.pragma_update(None, "user_version", version).expect("it is a record");
    // What a process has left that was killed.
    let began = SystemClock.now().as_millisecond();
    old.execute_batch(&format!(
        "INSERT INTO runs (run_id, job, account, trigger, state, recorded_at, started_at, pending)
         VALUES ('01990000-0000-7000-8000-000000000000', '(manual)', 'acme', 'manual', 'running', {began}, {began}, 1);
         INSERT INTO targets (run_id, position, backup) VALUES ('01990000-0000-7000-8000-000000000000', 0, '41');",
    ))
    .expect("it takes them");
    drop(old);
    let call = ["once", "--since", "1m", "--json"];
    let first = killed_so(&place, kill, &call);
    assert_eq!(soundness(&place), "ok", "{version}, {kill}");
    let second = place.run(&call);
    let context = format!("version {version}, {kill}: {}{}", first.stderr, second.stderr);
    assert_eq!(second.code, 0, "{context}");
    let said = [&first, &second].map(|life| format!("{}\n{}", life.stdout, life.stderr)).join("\n");
    let left = Aftermath::of(&place, told(&said), &context);
    left.hold(&[due("job", due_at, &["42"])], &context);
    assert!(left.run_of("(manual)").is_some_and(|run| run["state"] == "succeeded"), "{context}");
    was_killed(&first).then_some(())
}

#[test]
fn a_record_of_any_older_version_is_brought_up_to_date_whenever_that_is_killed() {
    for version in 1..=OLDER.len() {
        for kill in ["before:record.migrated:1", "after:record.migrated:1"] {
            assert_eq!(tell(version, kill), Some(()), "version {version} is brought up to date");
        }
    }
    // And at any write that follows.
    assert!(killed_ever_later("before", |kill| tell(1, kill)).len() >= 10);
}
