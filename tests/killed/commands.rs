//! Commands that write, each killed at each of its writes and called again: nothing is lost, and nothing is half done.

use calloff::clock::{Clock as _, SystemClock};
use calloff_sim::{Endpoint, Status};
use jiff::SignedDuration;
use serde_json::Value;

use crate::support::aftermath::{Aftermath, told};
use crate::support::program::{Done, Place};
use crate::{killed_ever_later, killed_so, was_killed};

const RULE: &str = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO";

/// A weekly backup, and a job that calls it off while a window is open.
fn place() -> Place {
    let zoho = format!(
        "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"{RULE}\"\nscheduled_date = \"+2d\"\n"
    );
    let (now, hour) = (SystemClock.now(), SignedDuration::from_hours(1));
    let window = format!("[[windows.freeze]]\nfrom = \"{}\"\nto = \"{}\"\n", now - hour, now + hour);
    let job = "backups = [\"current\"]\n[schedule]\nat = \"2090-01-01T00:00:00Z\"\n[when]\nwindow = \"freeze\"\n[restore]\n";
    Place::new(&zoho, &window, &[("freeze", job)])
}

/// Calls a command that is killed so, and then again; holds what is left behind against what has to hold.
fn twice(place: &Place, kill: &str, args: &[&str]) -> (Done, Done, Aftermath) {
    then(place, kill, args, args)
}

/// The same with another command after the one that is killed.
fn then(place: &Place, kill: &str, args: &[&str], next: &[&str]) -> (Done, Done, Aftermath) {
    let first = killed_so(place, kill, args);
    let second = place.run(next);
    let context = format!("{kill} {args:?}: {}{}", first.stderr, second.stderr);
    let said = [&first, &second].map(|life| format!("{}\n{}", life.stdout, life.stderr)).join("\n");
    let left = Aftermath::of(place, told(&said), &context);
    left.hold_with(&[], &["freeze"], &context);
    (first, second, left)
}

fn everywhere(least: usize, tell: impl Fn(&str) -> Option<()> + Sync) {
    for when in ["before", "after"] {
        let writes = killed_ever_later(when, &tell).len();
        assert!(writes >= least, "killed {when} {writes} writes only");
    }
}

#[test]
fn a_pause_is_there_or_not_and_so_is_its_end() {
    let is_paused = |place: &Place| place.run(&["status", "--json"]).json()[0]["paused_until"].is_string();
    let pause = ["pause", "freeze", "--for", "1h", "--reason", "why"];
    everywhere(3, |kill| {
        let place = place();
        let (first, second, _) = twice(&place, kill, &pause);
        assert_eq!((second.code, is_paused(&place)), (0, true), "{kill}: {}", second.stderr);
        was_killed(&first).then_some(())
    });
    everywhere(1, |kill| {
        let place = place();
        assert_eq!(place.run(&pause).code, 0);
        let (first, second, _) = twice(&place, kill, &["resume", "freeze"]);
        assert_eq!((second.code, is_paused(&place)), (0, false), "{kill}: {}", second.stderr);
        was_killed(&first).then_some(())
    });
}

#[test]
fn what_a_person_sets_off_is_taken_up_by_the_next_command() {
    let ended = |left: &Aftermath, kill: &str| {
        let runs = left.history.iter().filter(|run| run["state"] == "succeeded").count();
        assert!((1..=2).contains(&runs), "{kill}: {:#?}", left.history);
    };
    everywhere(10, |kill| {
        let place = place();
        let (first, second, left) = twice(&place, kill, &["trigger", "freeze", "--json"]);
        assert_eq!(second.code, 0, "{kill}: {}", second.stderr);
        ended(&left, kill);
        let owed = left.debts.iter().filter(|debt| debt["state"] == "owed").count();
        assert_eq!(owed, 1, "what was cancelled is owed: {kill}: {:#?}\n{}", left.debts, first.stderr);
        was_killed(&first).then_some(())
    });
    everywhere(8, |kill| {
        let place = place();
        let cancel = ["cancel", "42", "--account", "acme", "--json"];
        let (first, second, left) = then(&place, kill, &cancel, &["once", "--json"]);
        assert_eq!(second.code, 0, "{kill}: {}", second.stderr);
        // One that was killed before it began has done nothing.
        if !left.history.is_empty() || place.cancels() > 0 {
            ended(&left, kill);
        }
        was_killed(&first).then_some(())
    });
}

#[test]
fn a_debt_that_is_paid_by_hand_is_paid_once() {
    everywhere(5, |kill| {
        let place = place();
        assert_eq!(place.run(&["trigger", "freeze"]).code, 0);
        // Nothing is paid while the window is open that it is owed for.
        let text = std::fs::read_to_string(place.path("calloff.toml")).expect("it is there");
        let to = text.lines().find(|line| line.starts_with("to = ")).expect("the window closes");
        let closed = SystemClock.now() - SignedDuration::from_secs(1);
        place.write("calloff.toml", &text.replace(to, &format!("to = \"{closed}\"")));
        let id = place.run(&["restore", "list", "--json"]).json().remove(0)["restore_id"].clone();
        let id = id.as_str().expect("it has an ID");
        let (first, second, left) = twice(&place, kill, &["restore", "pay", id]);
        assert_eq!(left.debts[0]["state"], "paid", "{kill}: {}{}", first.stderr, second.stderr);
        let is_made = |seen: &&calloff_sim::Seen| {
            seen.endpoint == Endpoint::Schedule && seen.acted && seen.code == Some("SUCCESS")
        };
        assert_eq!(left.seen.iter().filter(is_made).count(), 1, "{kill}: {}", second.stderr);
        let world = place.zoho.world().lock();
        let latest = world.account("acme").and_then(calloff_sim::Account::latest).expect("there is one");
        assert_eq!((latest.status(), latest.rrule()), (Status::Scheduled, Some(RULE)), "{kill}");
        drop(world);
        was_killed(&first).then_some(())
    });
    everywhere(1, |kill| {
        let place = place();
        assert_eq!(place.run(&["trigger", "freeze"]).code, 0);
        let id: Value = place.run(&["restore", "list", "--json"]).json().remove(0)["restore_id"].clone();
        let waive = ["restore", "waive", id.as_str().expect("it has an ID"), "--reason", "why"];
        let (first, second, left) = twice(&place, kill, &waive);
        assert_eq!(left.debts[0]["state"], "waived", "{kill}: {}", second.stderr);
        was_killed(&first).then_some(())
    });
}
