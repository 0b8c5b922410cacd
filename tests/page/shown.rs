//! A set-up that has something of everything to show.

use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::program::Place;

const SCENARIO: &str = r#"
[[accounts.acme.backups]]
id = "42"
rrule = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=FR"
scheduled_date = "+3d"
requester = { id = "1", name = "Grace <b>Hopper</b>", zuid = "2" }
"#;

const SETTINGS: &str = r#"
[[windows.release-freeze]]
opens = "0 18 * * FRI"
lasts = "60h"
[[windows.always]]
from = "2020-01-01T00:00:00"
to = "2090-01-01T00:00:00"
"#;

/// A daemon with its page.
pub(crate) struct Shown {
    pub(crate) daemon: Daemon,
    pub(crate) place: Place,
    /// Such as `http://127.0.0.1:40001`.
    pub(crate) origin: String,
}

impl Shown {
    /// Starts a daemon with these jobs.
    pub(crate) fn start(jobs: &[(&str, &str)]) -> Self {
        let place = Place::new(SCENARIO, SETTINGS, jobs);
        let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
        place.write("calloff.toml", &format!("{settings}\n[http]\nlisten = \"127.0.0.1:0\"\n"));
        let daemon = Daemon::start(&place);
        let origin = origin(&daemon, &place);
        Self { daemon, place, origin }
    }

    /// Something of everything: what succeeds, fails, is skipped, paused, quarantined, owed.
    pub(crate) fn with_everything() -> Self {
        let jobs = [
            (
                "weekly",
                "description = \"Before the release\"\nbackups = [\"42\"]\n[schedule]\ncron = \"30 17 * * FRI\"\n[when]\nwindow = \"release-freeze\"\n",
            ),
            ("eu/nightly", "backups = \"current\"\n[schedule]\ncron = \"0 2 * * *\"\n"),
            (
                "held",
                "backups = [\"42\"]\n[schedule]\nat = \"2080-01-01T00:00:00Z\"\n[when]\nwindow = \"always\"\n[restore]\nafter = \"window\"\n",
            ),
            ("unknown-backup", "backups = [\"7\", \"42\"]\n[schedule]\nat = \"2080-01-01T00:00:00Z\"\n"),
            ("often", "backups = [\"42\"]\n[schedule]\nevery = \"10m\"\n"),
            ("paused", "backups = [\"42\"]\n[schedule]\ncron = \"0 5 * * *\"\n"),
        ];
        let place = Place::new(SCENARIO, SETTINGS, &jobs);
        place.write("jobs/broken.toml", "account = \"acme\"\nbackups = [\"<script>alert(1)</script>\"]\n");
        let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
        place.write("calloff.toml", &format!("{settings}\n[http]\nlisten = \"127.0.0.1:0\"\n"));
        let daemon = Daemon::start(&place);
        let origin = origin(&daemon, &place);
        let shown = Self { daemon, place, origin };
        assert_eq!(shown.place.run(&["trigger", "held"]).code, 0);
        assert_eq!(shown.place.run(&["trigger", "unknown-backup"]).code, 1);
        let why = "not <em>this</em> week";
        assert_eq!(shown.place.run(&["pause", "paused", "--for", "3d", "--reason", why]).code, 0);
        shown
    }

    /// When the jobs become due, by the program's own word.
    pub(crate) fn next(&self, job: &str) -> Vec<String> {
        // What is wrong keeps the command from answering.
        drop(std::fs::remove_file(self.place.path("jobs/broken.toml")));
        let rows = self.place.run(&["next", "--json", "-n", "3", job]).json();
        let at = |row: &Value| row["fire_at"].as_str().unwrap().to_owned();
        rows.iter().map(at).collect()
    }
}

/// Where the page is, as the log says.
pub(crate) fn origin(daemon: &Daemon, place: &Place) -> String {
    let listening = daemon.wait_for(place, "http.listening", 1);
    format!("http://{}", listening["address"].as_str().unwrap())
}
