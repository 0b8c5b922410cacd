//! What an administrator writes: an account at a simulated Zoho, its secrets, and a job.

use std::process::Command;

use crate::machine::Machine;
use crate::program::{Place, SECRET, TOKEN};
use crate::tools;

/// A job that is due every second.
pub(crate) const JOB: &str = "account = \"acme\"\nbackups = [\"42\"]\n[schedule]\nevery = \"1s\"\n";

/// A Zoho with one backup.
pub(crate) fn place() -> Place {
    Place::new("[[accounts.acme.backups]]\nid = \"42\"\n", "", &[])
}

/// Its calloff.toml.
pub(crate) fn settings(place: &Place) -> String {
    let url = place.zoho.url();
    format!(
        r#"state = "sqlite:/var/lib/calloff/calloff.db"
timezone = "Europe/Berlin"
[accounts.acme]
api_domain = "{url}"
accounts_url = "{url}"
client_id = "1000.CLIENT"
client_secret = {{ credential = "acme-client-secret" }}
refresh_token = {{ credential = "acme-refresh-token" }}
"#
    )
}

/// Writes all of it into a folder of a machine, which systemd reads when it is in /etc/calloff.
pub(crate) fn write(machine: &Machine, folder: &str, place: &Place) {
    let settings = settings(place);
    let files = [
        ("calloff.toml", settings.as_str()),
        ("jobs/often.toml", JOB),
        ("credentials/acme-client-secret", SECRET),
        ("credentials/acme-refresh-token", TOKEN),
    ];
    for (name, contents) in files {
        machine.write(&format!("{folder}/{name}"), contents);
    }
    tools::run(Command::new("chmod").arg("700").arg(machine.path(&format!("{folder}/credentials"))));
}
