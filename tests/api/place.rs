//! A daemon that has something of everything to tell.

use std::os::unix::fs::PermissionsExt as _;

use calloff::clock::{Clock as _, SystemClock};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::program::Place;
use crate::support::web::{self, Reply};

const SCENARIO: &str = r#"
[accounts.acme]
credits = 42000
[[accounts.acme.backups]]
id = "43"
faults = ["INTERNAL_ERROR", "drop"]
[[accounts.acme.backups]]
id = "44"
[[accounts.acme.backups]]
id = "42"
rrule = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=FR"
scheduled_date = "+3d"
"#;

const SETTINGS: &str = r#"
[retry]
initial_delay = "1ms"
[[windows.always]]
from = "2020-01-01T00:00:00"
to = "2090-01-01T00:00:00"
[[windows.later]]
from = "2080-01-01T00:00:00"
to = "2090-01-01T00:00:00"
"#;

/// What `[http]` has to say for the token to be needed.
pub(crate) const NEEDS_TOKEN: &str = "token = { file = \"secrets/http\" }";

/// The token.
pub(crate) const HTTP_TOKEN: &str = "canary-http-token-0123456789";

const LATER: &str = "[schedule]\nat = \"2080-01-01T00:00:00Z\"\n";

/// A daemon, and where it listens.
pub(crate) struct Served {
    pub(crate) daemon: Daemon,
    pub(crate) place: Place,
    /// Such as `127.0.0.1:40001`.
    pub(crate) address: String,
}

impl Served {
    /// Starts a daemon with these jobs and these lines in `[http]`.
    pub(crate) fn start(jobs: &[(&str, &str)], http: &str) -> Self {
        Self::on(Place::new(SCENARIO, SETTINGS, jobs), http, &["run"])
    }

    /// Starts a daemon there.
    pub(crate) fn on(place: Place, http: &str, args: &[&str]) -> Self {
        set_token(&place, HTTP_TOKEN);
        set_http(&place, Some(&format!("listen = \"127.0.0.1:0\"\n{http}")));
        let daemon = Daemon::start_with(&place, args, &[]);
        let address = listening(&daemon, &place, 1);
        Self { daemon, place, address }
    }

    /// What succeeds, fails, is skipped, missed, caught up with, paused, quarantined, held and owed.
    pub(crate) fn with_everything(http: &str) -> Self {
        let now = SystemClock.now();
        let was = now - SignedDuration::from_mins(30);
        let was = format!("backups = [\"44\"]\nverify = false\n[schedule]\nat = \"{was}\"\n");
        // Far from now, whenever that is.
        let hour = (now.to_zoned(TimeZone::UTC).hour() + 12) % 24;
        let cron =
            |minute: &str| format!("backups = [\"42\"]\n[schedule]\ncron = \"{minute} {hour} * * *\"\n");
        let job = |rest: &str| format!("{rest}\n{LATER}");
        let jobs = [
            ("missed", format!("{was}catch_up = \"1s\"\n")),
            ("eu/caught-up", format!("description = \"Caught UP with\"\n{was}catch_up = \"2h\"\n")),
            ("often", cron("*")),
            ("retried", job("backups = [\"43\"]")),
            ("failing", job("backups = [\"7\", \"42\"]")),
            (
                "held",
                job("backups = \"current\"")
                    + "[when]\nwindow = \"always\"\n[hold]\npoll = \"1h\"\n[restore]\n",
            ),
            ("skipped", job("backups = [\"42\"]") + "[when]\nwindow = \"later\"\n"),
            ("paused", cron("0")),
            ("disabled", format!("enabled = false\n{}", cron("0"))),
            ("expired", "backups = [\"42\"]\n[schedule]\nat = \"2020-01-01T00:00:00Z\"\n".to_owned()),
        ];
        let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let place = Place::new(SCENARIO, SETTINGS, &jobs);
        // It began to look an hour ago, and then was away.
        assert_eq!(place.run(&["once"]).code, 0);
        let record = rusqlite::Connection::open(place.path("state/calloff.db")).unwrap();
        assert!(record.execute("UPDATE jobs SET cursor = cursor - 3600000", []).unwrap() >= 2);
        drop(record);

        place.write("jobs/broken.toml", "account = \"acme\"\nbackups = [\"x\"]\n");
        let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
        let closed = settings.split("[accounts.acme]").nth(1).unwrap().replace("ACME_TOKEN", "NOT_SET");
        place.write("calloff.toml", &format!("{settings}\n[accounts.closed]{closed}"));
        let served = Self::on(place, http, &["run", "--log-level", "trace"]);
        let place = &served.place;
        place.wait_until("what was due is done", |place| {
            let runs = place.history();
            runs.len() >= 2 && runs.iter().all(|run| run["state"] != "running")
        });
        for (args, code) in [
            (["trigger", "held", "--reason", "a first try"], 0),
            (["trigger", "retried", "--reason", "a first try"], 0),
            (["trigger", "failing", "--reason", "a first try"], 1),
            (["trigger", "skipped", "--reason", "a first try"], 0),
            (["cancel", "42", "--account", "acme"], 0),
        ] {
            let done = place.run(&args);
            assert_eq!(done.code, code, "{args:?}: {}{}", done.stdout, done.stderr);
        }
        let paused = place.run(&["pause", "paused", "--for", "3d", "--reason", "not this week"]);
        assert_eq!(paused.code, 0, "{}", paused.stderr);
        served
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        web::get(&self.address, path)
    }

    /// What stands at a path, which is there.
    pub(crate) fn json(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.json()
    }

    pub(crate) fn items(&self, path: &str) -> Vec<Value> {
        self.json(path)["items"].as_array().unwrap().clone()
    }
}

/// A job that is due when nobody looks any more.
pub(crate) fn later() -> String {
    format!("backups = [\"42\"]\n{LATER}")
}

/// Has `[http]` say this, or be away.
pub(crate) fn set_http(place: &Place, http: Option<&str>) {
    let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    let settings = settings.split("\n[http]").next().unwrap_or_default();
    let http = http.map(|http| format!("\n[http]\n{http}\n")).unwrap_or_default();
    place.write("calloff.toml", &(settings.to_owned() + &http));
}

/// Has the token be another.
pub(crate) fn set_token(place: &Place, token: &str) {
    place.write("secrets/http", token);
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(place.path("secrets/http"), mode).unwrap();
}

/// Where a daemon listens, since it has said so for the `count`th time.
pub(crate) fn listening(daemon: &Daemon, place: &Place, count: usize) -> String {
    daemon.wait_for(place, "http.listening", count)["address"].as_str().unwrap().to_owned()
}
