//! `calloff demo`: the daemon against the simulator, on the repository's own jobs, in a folder that is gone
//! afterwards.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use calloff_core::config::LogFormat;
use calloff_core::run::RunState;
use calloff_sim::{Scenario, Simulator};

use super::args::{DemoArgs, LogArgs};
use super::output::Output;
use super::{run, setup};
use crate::clock::{Clock as _, SystemClock};
use crate::error::Error;
use crate::store::{Filter, Role, Store};
use crate::{logs, report};

const SETTINGS: &str = include_str!("../../examples/demo/calloff.toml");
const SCENARIO: &str = include_str!("../../examples/demo/scenario.toml");

/// The job files of the repository's `jobs` folder; a test sees that none is left out.
const JOBS: [(&str, &str); 5] = [
    ("crm-import.toml", include_str!("../../jobs/crm-import.toml")),
    ("eu/retired-org.toml", include_str!("../../jobs/eu/retired-org.toml")),
    ("night-watch.toml", include_str!("../../jobs/night-watch.toml")),
    ("quarter-end.toml", include_str!("../../jobs/quarter-end.toml")),
    ("release-freeze.toml", include_str!("../../jobs/release-freeze.toml")),
];

/// The simulator accepts any credentials.
const SECRET: &str = "no-secret-at-all";

pub(super) async fn demo(log: &LogArgs, args: &DemoArgs, mut output: Output) -> Result<ExitCode, Error> {
    logs::init(LogFormat::Pretty, log.log_level.as_deref().unwrap_or("debug")).map_err(Error::Usage)?;
    let unusable = |error: io::Error| Error::Internal(format!("couldn't set the demo up: {error}"));
    let scenario = Scenario::parse(SCENARIO).map_err(|error| Error::Internal(error.to_string()))?;
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let simulator = Simulator::start(address, scenario)
        .await
        .map_err(|source| Error::Simulator { address: address.to_string(), source })?;
    let folder = tempfile::tempdir().map_err(unusable)?;
    lay_out(folder.path(), &simulator.url()).map_err(unusable)?;
    let configuration = setup::configuration(Some(&folder.path().join("calloff.toml")))?;

    output.text(&introduction(&simulator.url(), args.length))?;
    let stop = setup::stop_on_signals()?;
    let end = stop.clone();
    let length = args.length;
    tokio::spawn(async move {
        tokio::time::sleep(length).await;
        end.cancel();
    });
    run::serve(&configuration, stop).await?;
    simulator.stop().await;

    let store = Store::open(&configuration.record(), Role::Reader, SystemClock.now())?;
    let runs = store.history(Filter::default()).await?;
    store.close().await;
    output.text(&format!("\n{}\n", report::styled(report::BOLD, "What `calloff history` shows of it:")))?;
    output.text(&report::history(&runs, output.width()))?;
    let failed = runs.iter().any(|run| run.state == RunState::Failed);
    output.text(if failed { "\nThe failures are on purpose." } else { "\n" })?;
    output.text(WHERE_NEXT)?;
    Ok(ExitCode::SUCCESS)
}

/// Lays the demo's files out as a repository would have them.
fn lay_out(folder: &Path, url: &str) -> io::Result<()> {
    for (name, text) in JOBS {
        let path = folder.join("jobs").join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, text)?;
    }
    let secret = folder.join("secret");
    std::fs::write(&secret, SECRET)?;
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let settings = SETTINGS
        .replace("../../jobs", "jobs")
        .replace("http://127.0.0.1:8900", url)
        .replace("env = \"CALLOFF_DEMO_SECRET\"", "file = \"secret\"")
        .replace("env = \"CALLOFF_DEMO_TOKEN\"", "file = \"secret\"");
    std::fs::write(folder.join("calloff.toml"), settings)
}

fn introduction(url: &str, length: std::time::Duration) -> String {
    let mut text = format!(
        "A simulated Zoho answers at {url}. For {} the daemon runs these jobs against it:\n",
        humantime::format_duration(length)
    );
    for (name, job) in JOBS {
        let comment = job.lines().take_while(|line| line.starts_with('#'));
        let comment: Vec<&str> = comment.map(|line| line.trim_start_matches(['#', ' '])).collect();
        text.push_str("\n  ");
        text.push_str(&report::styled(report::BOLD, format_args!("jobs/{name}")));
        text.push_str("\n      ");
        text.push_str(&comment.join("\n      "));
    }
    text.push_str("\n\n");
    text
}

const WHERE_NEXT: &str = " Where to go from here:
  jobs/                 the files that were just run
  calloff check         validates your own calloff.toml and job files, offline
  README.md             from here to a first real job in five minutes
  calloff --help        everything else
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The TOML files below a folder, by their paths in it.
    fn files(folder: &Path, below: &str, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                files(&path, &format!("{name}/"), found);
            } else {
                found.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn the_demo_runs_every_job_of_the_repository() {
        let mut found = BTreeMap::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs"), "", &mut found);
        let embedded = JOBS.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(found, BTreeMap::from(embedded));
    }
}
