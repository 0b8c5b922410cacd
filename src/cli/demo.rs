//! `calloff demo`: the daemon against the simulator, on the repository's own jobs, in a folder that is gone
//! afterwards.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use calloff_core::config::LogFormat;
use calloff_core::reload::LeftOut;
use calloff_core::restore::DebtState;
use calloff_core::run::RunState;
use calloff_sim::{Scenario, Simulator};
use jiff::SignedDuration;

use super::args::{DemoArgs, LogArgs, Story};
use super::output::Output;
use super::run::Serving;
use super::setup::{self, Insisting};
use super::{restore, run};
use crate::clock::{Clock as _, SystemClock};
use crate::error::Error;
use crate::store::{Filter, Role, Store};
use crate::{logs, report};

/// What a demo is made of: files of the repository, compiled in.
struct Tale {
    settings: &'static str,
    scenario: &'static str,
    /// The job files, by their paths in the jobs folder.
    jobs: &'static [(&'static str, &'static str)],
    /// How long it is played, at most.
    length: Duration,
    /// The name of the folder of the job files, for people.
    folder: &'static str,
}

/// The job files of the repository's `jobs` folder; a test sees that none is left out.
const JOBS: Tale = Tale {
    settings: include_str!("../../examples/demo/calloff.toml"),
    scenario: include_str!("../../examples/demo/scenario.toml"),
    jobs: &[
        ("crm-import.toml", include_str!("../../jobs/crm-import.toml")),
        ("eu/retired-org.toml", include_str!("../../jobs/eu/retired-org.toml")),
        ("night-watch.toml", include_str!("../../jobs/night-watch.toml")),
        ("quarter-end.toml", include_str!("../../jobs/quarter-end.toml")),
        ("release-freeze.toml", include_str!("../../jobs/release-freeze.toml")),
    ],
    length: Duration::from_secs(20),
    folder: "jobs",
};

/// A window from its opening to the restore.
const HOLD: Tale = Tale {
    settings: include_str!("../../examples/hold/calloff.toml"),
    scenario: include_str!("../../examples/hold/scenario.toml"),
    jobs: &[("release.toml", include_str!("../../examples/hold/jobs/release.toml"))],
    length: Duration::from_secs(50),
    folder: "examples/hold/jobs",
};

/// The instants in the files of [`HOLD`], by seconds after its beginning.
const MOVED: [(&str, i64); 3] =
    [("2026-12-24T18:00:00", 0), ("2026-12-24T18:00:01", 1), ("2026-12-24T18:00:15", 15)];

/// How soon the window of [`HOLD`] opens.
const PRELUDE: SignedDuration = SignedDuration::from_secs(3);

/// How often it is looked whether the story has been told, and how long the last lines may take after that.
const PAUSE: Duration = Duration::from_millis(500);

/// The simulator accepts any credentials.
const SECRET: &str = "no-secret-at-all";

pub(super) async fn demo(log: &LogArgs, args: &DemoArgs, mut output: Output) -> Result<ExitCode, Error> {
    logs::init(LogFormat::Pretty, log.log_level.as_deref().unwrap_or("debug")).map_err(Error::Usage)?;
    let tale = match args.story {
        Story::Jobs => JOBS,
        Story::Hold => HOLD,
    };
    let unusable = |error: io::Error| Error::Internal(format!("couldn't set the demo up: {error}"));
    let scenario = Scenario::parse(tale.scenario).map_err(|error| Error::Internal(error.to_string()))?;
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let simulator = Simulator::start(address, scenario)
        .await
        .map_err(|source| Error::Simulator { address: address.to_string(), source })?;
    let folder = tempfile::tempdir().map_err(unusable)?;
    lay_out(&tale, folder.path(), &simulator.url()).map_err(unusable)?;
    let surroundings = setup::surroundings();
    let insisting = Insisting { is_strict: true, allow_empty: false };
    let start = setup::start(Some(&folder.path().join("calloff.toml")), &surroundings, insisting)?;
    let configuration = start.configuration.clone();

    let length = args.length.unwrap_or(tale.length);
    output.text(&introduction(&tale, args.story, &simulator.url(), length))?;
    let stop = setup::stop_on_signals()?;
    let (end, path, which) = (stop.clone(), configuration.record(), args.story);
    tokio::spawn(async move {
        let told = async {
            match which {
                Story::Jobs => std::future::pending().await,
                Story::Hold => put_back(&path).await,
            }
        };
        // Told or not, the time is over then.
        let _ = tokio::time::timeout(length, told).await;
        end.cancel();
    });
    run::serve(start, surroundings, Serving::default(), stop).await?;
    simulator.stop().await;

    let store = Store::open(&configuration.record(), Role::Reader, SystemClock.now())?;
    let (runs, debts) = (store.history(Filter::default()).await?, store.debts().await?);
    store.close().await;
    output.text(&format!("\n{}\n", report::styled(report::BOLD, "What `calloff history` shows of it:")))?;
    output.text(&report::history(&runs, output.width()))?;
    if !debts.is_empty() {
        let heading = "What `calloff restore list` shows of it:";
        output.text(&format!("\n{}\n", report::styled(report::BOLD, heading)))?;
        let debts = restore::standing(
            &configuration.settings,
            &configuration.jobs,
            &LeftOut::default(),
            debts,
            SystemClock.now(),
        );
        output.text(&restore::text(&debts, SystemClock.now(), output.width()))?;
    }
    let failed = runs.iter().any(|run| run.state == RunState::Failed);
    output.text(if failed { "\nThe failures are on purpose." } else { "\n" })?;
    output.text(WHERE_NEXT)?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until a schedule is back.
async fn put_back(path: &Path) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Ok(record) = Store::open(path, Role::Reader, SystemClock.now()) else { continue };
        let debts = record.debts().await.unwrap_or_default();
        if debts.iter().any(|debt| debt.state == DebtState::Paid) {
            return tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Lays the demo's files out as a repository would have them.
fn lay_out(tale: &Tale, folder: &Path, url: &str) -> io::Result<()> {
    let begin = SystemClock.now() + PRELUDE;
    let moved = |text: &str| {
        MOVED.iter().fold(text.to_owned(), |text, (instant, after)| {
            text.replace(instant, &(begin + SignedDuration::from_secs(*after)).to_string())
        })
    };
    for (name, text) in tale.jobs {
        let path = folder.join("jobs").join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, moved(text))?;
    }
    let secret = folder.join("secret");
    std::fs::write(&secret, SECRET)?;
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let settings = moved(tale.settings)
        .replace("../../jobs", "jobs")
        .replace("http://127.0.0.1:8900", url)
        .replace("env = \"CALLOFF_DEMO_SECRET\"", "file = \"secret\"")
        .replace("env = \"CALLOFF_DEMO_TOKEN\"", "file = \"secret\"");
    std::fs::write(folder.join("calloff.toml"), settings)
}

fn introduction(tale: &Tale, story: Story, url: &str, length: Duration) -> String {
    let length = humantime::format_duration(length);
    let what = match story {
        Story::Jobs => format!("For {length} the daemon runs these jobs against it:"),
        Story::Hold => {
            format!("The daemon runs this job against it until the story is told, for {length} at most:")
        }
    };
    let mut text = format!("A simulated Zoho answers at {url}. {what}\n");
    for (name, job) in tale.jobs {
        // What is for editors is not for readers.
        let lines = job.lines().skip_while(|line| line.starts_with("#:"));
        let comment = lines.take_while(|line| line.starts_with('#'));
        let comment: Vec<&str> = comment.map(|line| line.trim_start_matches(['#', ' '])).collect();
        text.push_str("\n  ");
        text.push_str(&report::styled(report::BOLD, format_args!("{}/{name}", tale.folder)));
        text.push_str("\n      ");
        text.push_str(&comment.join("\n      "));
    }
    text.push_str("\n\n");
    text
}

const WHERE_NEXT: &str = " Where to go from here:
  jobs/                 the files that `calloff demo` runs
  examples/             whole set-ups; `calloff demo --story hold` plays one of them
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
    fn the_story_of_the_hold_is_moved_to_the_present() {
        for (instant, _) in MOVED {
            let is_there = |text: &str| text.contains(&format!("\"{instant}\""));
            assert!(is_there(HOLD.settings) || is_there(HOLD.jobs[0].1), "{instant}");
        }
        let folder = tempfile::tempdir().unwrap();
        lay_out(&HOLD, folder.path(), "http://127.0.0.1:1").unwrap();
        for name in ["calloff.toml", "jobs/release.toml"] {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            assert!(!text.contains("2026-12-24"), "{text}");
        }
    }

    #[test]
    fn the_demo_runs_every_job_of_the_repository() {
        let mut found = BTreeMap::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs"), "", &mut found);
        let embedded = JOBS.jobs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        assert_eq!(found, embedded.collect());
    }
}
