//! `once` with all that can be due: many targets with answers that fail for a while, one that fails for good, several
//! jobs, occurrences that were missed, one that is caught up with, and somebody who is told.

use std::os::unix::fs::PermissionsExt as _;

use calloff::clock::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};

use crate::support::aftermath::{Aftermath, told};
use crate::support::endpoint::{Endpoint, Manners};
use crate::support::guarantees::Due;
use crate::support::program::{Done, Place};
use crate::{killed_ever_later, killed_so, was_killed};

const ZOHO: &str = r#"
[[accounts.acme.backups]]
id = "1"
faults = ["INTERNAL_ERROR", "drop-after", "html-502"]
[[accounts.acme.backups]]
id = "2"
faults = [{ then = "503", times = 20 }]
[[accounts.acme.backups]]
id = "3"
faults = ["drop-after"]
[[accounts.acme.backups]]
id = "4"
[[accounts.acme.backups]]
id = "5"
"#;

pub(crate) const RETRY: &str = "[retry]\nmax_attempts = 4\ninitial_delay = \"10ms\"\nmax_delay = \"20ms\"\n[[notify]]\nwebhook = { file = \"hook\" }\n";

/// What is due, and who is told.
pub(crate) struct Story {
    pub(crate) place: Place,
    pub(crate) due: Vec<Due>,
    pub(crate) told: Endpoint,
}

pub(crate) fn due(job: &str, occurrence: Timestamp, backups: &[&str]) -> Due {
    let backups = backups.iter().map(|&id| id.to_owned()).collect();
    Due { job: job.to_owned(), occurrence, backups, restores: false }
}

/// Somebody who is told what fails.
pub(crate) fn listener(place: &Place) -> Endpoint {
    let endpoint = Endpoint::start(Manners::Good);
    place.write("hook", endpoint.url());
    let only_ours = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(place.path("hook"), only_ours).expect("it was just written");
    endpoint
}

impl Story {
    pub(crate) fn new() -> Self {
        let now = SystemClock.now();
        let ago = |secs| now - SignedDuration::from_secs(secs);
        let at = |when: Timestamp, rest: &str| format!("{rest}\n[schedule]\nat = \"{when}\"\n");
        // Three of these have passed within the time that `once` looks back, and no other comes soon.
        let minute = now.as_second().div_euclid(60) * 60;
        let of_cron: Vec<Timestamp> = [-240, -180, -120]
            .map(|secs| Timestamp::from_second(minute + secs).expect("it is near"))
            .to_vec();
        let minutes = of_cron.iter().map(|at| (at.as_second() / 60 % 60).to_string()).collect::<Vec<_>>();
        let jobs = [
            ("many", at(ago(3), "backups = [\"1\", \"2\", \"3\"]")),
            ("unknown", at(ago(2), "backups = [\"99\"]")),
            ("old", at(ago(200), "backups = [\"4\"]") + "catch_up = \"1m\"\n"),
            ("thrice", format!("backups = [\"5\"]\n[schedule]\ncron = \"{} * * * *\"\n", minutes.join(","))),
        ];
        let jobs = jobs.each_ref().map(|(name, job)| (*name, job.as_str()));
        let place = Place::new(ZOHO, RETRY, &jobs);
        let told = listener(&place);
        let mut all = vec![
            due("many", ago(3), &["1", "2", "3"]),
            due("unknown", ago(2), &["99"]),
            due("old", ago(200), &["4"]),
        ];
        all.extend(of_cron.iter().map(|at| due("thrice", *at, &["5"])));
        Self { place, due: all, told }
    }

    /// What is called, by any of its lives.
    pub(crate) const CALL: [&'static str; 4] = ["once", "--since", "6m", "--json"];

    /// Holds what is left behind against what has to hold.
    pub(crate) fn judge(&self, context: &str, lives: &[&Done]) {
        let said: Vec<String> =
            lives.iter().flat_map(|life| [life.stdout.clone(), life.stderr.clone()]).collect();
        let bodies = self.told.bodies();
        let sinks: Vec<String> = bodies.iter().map(ToString::to_string).collect();
        let context = format!("{context}: {}", said.join("\n"));
        let left = Aftermath::of(&self.place, told(&[said, sinks].concat().join("\n")), &context);
        left.hold(&self.due, &context);
        for job in ["many", "unknown", "old", "thrice"] {
            let is_told = |body: &serde_json::Value| body["job"] == job;
            assert!(bodies.iter().any(is_told), "nobody was told of `{job}`: {bodies:#?}\n{context}");
        }
        // Who was told twice can tell that it is the same.
        let calls = self.told.taken();
        for call in &calls {
            let same = calls.iter().filter(|other| other.body == call.body);
            let keys: std::collections::BTreeSet<_> =
                same.map(|other| other.headers.get("idempotency-key")).collect();
            assert_eq!(keys.len(), 1, "{keys:?}\n{context}");
        }
    }

    fn tell(&self, kill: &str) -> Option<()> {
        let first = killed_so(&self.place, kill, &Self::CALL);
        let second = self.place.run(&Self::CALL);
        assert!([0, 1].contains(&second.code), "{kill}: {}{}", first.stderr, second.stderr);
        self.judge(kill, &[&first, &second]);
        was_killed(&first).then_some(())
    }
}

#[test]
fn once_that_is_killed_before_any_of_its_writes_ends_all_that_is_due_once() {
    assert!(killed_ever_later("before", |kill| Story::new().tell(kill)).len() >= 30);
}

#[test]
fn once_that_is_killed_after_any_of_its_writes_ends_all_that_is_due_once() {
    assert!(killed_ever_later("after", |kill| Story::new().tell(kill)).len() >= 30);
}
