//! A daemon that is killed while files come into force.

use calloff::clock::{Clock as _, SystemClock};
use jiff::SignedDuration;

use crate::once::due;
use crate::support::aftermath::{Aftermath, on_record, told};
use crate::support::program::{Done, Place, signal};
use crate::{killed_ever_later, was_killed};

fn tell(kill: &str) -> Option<()> {
    let now = SystemClock.now();
    let (first_at, second_at) = (now + SignedDuration::from_secs(1), now + SignedDuration::from_secs(7));
    let job = |at, id: &str| format!("account = \"acme\"\nbackups = [\"{id}\"]\n[schedule]\nat = \"{at}\"\n");
    let zoho = "[[accounts.acme.backups]]\nid = \"1\"\n[[accounts.acme.backups]]\nid = \"2\"\n";
    let place = Place::new(zoho, "", &[]);
    place.write("jobs/first.toml", &job(first_at, "1"));
    let mut daemon = place.command(&["run"]);
    let mut daemon = daemon
        .env("CALLOFF_KILL", kill)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it can be started");
    let is_over = |daemon: &mut std::process::Child| matches!(daemon.try_wait(), Ok(Some(_)));
    place.wait_until("it is killed, or the first job is on its way", |place| {
        is_over(&mut daemon) || place.cancels() > 0
    });
    // It is seen in the folder, and comes into force by itself.
    place.write("jobs/second.toml", &job(second_at, "2"));
    let both = "SELECT count(*) = 2 FROM runs WHERE state = 'succeeded'";
    place
        .wait_until("it is killed, or both have run", |place| is_over(&mut daemon) || on_record(place, both));
    if !is_over(&mut daemon) {
        signal(&daemon, "TERM");
    }
    let killed = Done::from(daemon.wait_with_output().expect("it was started"));
    let daemon = place.start(&["run"]);
    let only_second = "SELECT count(*) = 1 FROM runs WHERE job = 'second' AND state = 'succeeded'
        AND NOT EXISTS (SELECT 1 FROM runs WHERE state = 'running')";
    place.wait_until("what is due is done", |place| on_record(place, only_second));
    signal(&daemon, "TERM");
    let last = Done::from(daemon.wait_with_output().expect("it was started"));
    let context = format!("{kill}: {}{}", killed.stderr, last.stderr);
    let left = Aftermath::of(&place, told(&format!("{}\n{}", killed.stderr, last.stderr)), &context);
    // Killed before it was on record that there is such a job, the first one counts from the next start.
    let first = left.run_of("first").map(|_| due("first", first_at, &["1"]));
    assert!(first.is_some() || place.cancels() == 1, "{context}");
    left.hold(&first.into_iter().chain([due("second", second_at, &["2"])]).collect::<Vec<_>>(), &context);
    was_killed(&killed).then_some(())
}

#[test]
fn a_daemon_that_is_killed_before_any_of_its_writes_while_files_change_loses_nothing() {
    assert!(killed_ever_later("before", tell).len() >= 15);
}

#[test]
fn a_daemon_that_is_killed_after_any_of_its_writes_while_files_change_loses_nothing() {
    assert!(killed_ever_later("after", tell).len() >= 15);
}
