//! A job that is triggered, and what is on record of it then.

use serde_json::Value;

use crate::support::program::{Done, Place, SECRET, TOKEN};

/// A backup that the simulator may cancel, too.
pub(crate) const SCENARIO: &str = "[[accounts.acme.backups]]\nid = \"42\"\n";

/// Two attempts, one soon after the other.
const TWICE: &str = "[retry]\nmax_attempts = 2\ninitial_delay = \"1ms\"\ngive_up_after = \"1m\"\n";

/// A job that is due when nobody looks any more, and is content with Zoho's word.
pub(crate) const JOB: &str =
    "backups = [\"42\"]\nverify = false\n[schedule]\nat = \"2080-01-01T00:00:00Z\"\n";

/// How the access tokens of the simulator begin.
const ACCESS: &str = "1000.sim";

/// A place with one job, whose tokens come from the simulator. A call may take so long.
pub(crate) fn place(timeout: &str) -> Place {
    let place = Place::new(SCENARIO, TWICE, &[("job", JOB)]);
    place.set_account_key("timeout", &format!("\"{timeout}\""));
    place
}

/// Has the account's API be there.
pub(crate) fn point_at(place: &Place, url: &str) {
    place.set_account_key("api_domain", &format!("\"{url}\""));
}

/// What became of the target, and what was said.
#[derive(Debug)]
pub(crate) struct Triggered {
    pub(crate) target: Value,
    said: String,
}

/// Triggers the job in this environment. What is printed is what is on record, and no secret is in it.
pub(crate) fn trigger(place: &Place, environment: &[(&str, &str)]) -> Triggered {
    let mut command = place.command(&["trigger", "job", "--json", "--log-level", "trace"]);
    let done = Done::from(command.envs(environment.iter().copied()).output().unwrap());
    let said = format!("{}{}", done.stdout, done.stderr);
    for secret in [SECRET, TOKEN, ACCESS] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
    let run = done.json().pop().unwrap_or_else(|| panic!("no run: {said}"));
    let recorded = place.history().into_iter().find(|recorded| recorded["run_id"] == run["run_id"]);
    assert_eq!(recorded.as_ref(), Some(&run), "{said}");
    assert_eq!(done.code == 0, run["state"] == "succeeded", "{said}");
    Triggered { target: run["targets"][0].clone(), said }
}

impl Triggered {
    /// It was tried as often as it may be, in vain, with a fault that says this.
    pub(crate) fn is_exhausted(&self, why: &str, message: &str) {
        let Self { target, said } = self;
        assert_eq!(
            (&target["outcome"], &target["attempts"]),
            (&"exhausted".into(), &2.into()),
            "{why}: {said}"
        );
        assert_eq!(target["http_status"], Value::Null, "{why}: {said}");
        assert!(target["message"].as_str().is_some_and(|said| said.contains(message)), "{why}: {target}");
        assert!(
            target["hint"].as_str().is_some_and(|hint| hint.contains("calloff trigger")),
            "{why}: {target}"
        );
    }

    /// Likewise, with an answer of this status that says nothing.
    pub(crate) fn is_exhausted_by(&self, why: &str, status: u16) {
        let Self { target, said } = self;
        assert_eq!(
            (&target["outcome"], &target["attempts"]),
            (&"exhausted".into(), &2.into()),
            "{why}: {said}"
        );
        assert_eq!(
            (&target["http_status"], &target["code"]),
            (&status.into(), &Value::Null),
            "{why}: {said}"
        );
    }

    /// Whether this is in anything that was said.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.said.contains(text)
    }

    /// It is done.
    pub(crate) fn is_cancelled(&self) {
        assert_eq!(self.target["outcome"], "cancelled", "{}", self.said);
    }
}
