//! A job file.

use std::sync::OnceLock;

use calloff_core::config::{Job, JobDefaults, decode, parse_job, parse_settings};
use calloff_core::ids::JobName;
use jiff::Timestamp;

use super::{cron, diagnostics};

/// What the job files of the examples and the tests are read against, with warnings.
const SETTINGS: &str = r#"
timezone = "Europe/Berlin"
[accounts.acme]
data_center = "eu"
client_id = "1000.ABC"
client_secret = { env = "SECRET" }
refresh_token = { env = "TOKEN" }
timezone = "Asia/Tokyo"
[[windows.release-freeze]]
opens = "0 18 * * FRI"
lasts = "60h"
[[windows.freeze]]
from = "2026-12-24T00:00:00"
to = "2027-01-02T00:00:00"
"#;

/// Any bytes are a job, or something is said against them.
pub(crate) fn any_job(input: &[u8]) {
    let Ok(text) = decode("jobs/any.toml", input) else { return };
    let name = JobName::parse("any").expect("a name");
    let read = |defaults: &JobDefaults| {
        let checked = parse_job(&name, "jobs/any.toml", text, defaults);
        diagnostics::check(text, &checked);
        checked
    };
    let (checked, again) = (read(defaults()), read(defaults()));
    assert_eq!(checked.diagnostics, again.diagnostics, "the same text is read the same");
    assert_eq!(checked.value, again.value, "the same text is the same job");
    if let Some(job) = checked.value {
        check_job(&job);
        // Without a `calloff.toml` less is known, so that less can be wrong.
        assert!(read(&JobDefaults::unknown(None)).value.is_some());
    }
}

fn defaults() -> &'static JobDefaults {
    static DEFAULTS: OnceLock<JobDefaults> = OnceLock::new();
    DEFAULTS.get_or_init(|| {
        let from = "2026-11-27T12:00:00Z".parse().expect("an instant");
        parse_settings("calloff.toml", SETTINGS, Some(from)).defaults
    })
}

fn check_job(job: &Job) {
    assert_eq!(job.account.as_str(), "acme", "the only account that there is");
    assert!(!job.backups.is_empty());
    assert!(job.hold.is_none() || job.when.window.is_some(), "nothing ends the hold");
    assert!(!job.restore || job.when.window.is_some(), "nothing ends the wait for the restore");
    diagnostics::check_shown(&job.text);
    cron::check_occurrences(&job.schedule, Timestamp::UNIX_EPOCH);
    cron::check_occurrences(&job.schedule, "2026-11-27T12:00:00Z".parse().expect("an instant"));
}
