//! What ends a command other than its own result, each with an exit code from sysexits.h.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::store::StoreError;

/// Why a command could not do its work. `Display` is one clause; the causes follow from `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line is well-formed but names something that doesn't exist, or says what can't be.
    #[error("{0}")]
    Usage(String),
    /// Files were read and found wanting; the diagnostics have been printed.
    #[error("{problems} {} in {files} {}", plural(*problems, "problem"), plural(*files, "file"))]
    Config {
        /// How many errors.
        problems: usize,
        /// In how many files.
        files: usize,
    },
    /// The job that is wanted is wrong; why has been said.
    #[error("the job `{job}` can't be run: {why}")]
    WrongJob {
        /// The job.
        job: String,
        /// What is wrong.
        why: String,
    },
    /// What is right was done, and the rest of the jobs was left out; why has been said.
    #[error("something is wrong with the files, and {} left out; what is right was done", match jobs {
        0 => "it was".to_owned(),
        1 => "1 job was".to_owned(),
        jobs => format!("{jobs} jobs were"),
    })]
    Quarantined {
        /// How many jobs.
        jobs: usize,
    },
    /// There is no configuration, or it can't be read.
    #[error("{0}")]
    NoConfig(String),
    /// A secret can't be read.
    #[error("account `{account}`: {reason}")]
    Secret {
        /// The account.
        account: String,
        /// What is wrong with which place; never the value.
        reason: String,
    },
    /// Somebody who is to be told can't be.
    #[error("{0}")]
    Sink(String),
    /// A refresh token was issued and can't be written to where it should go.
    #[error("the refresh token was issued and couldn't be written to {place}, so it is lost")]
    TokenLost {
        /// Where to.
        place: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A refresh token was issued, and is in another file than it should be.
    #[error("the refresh token is in `{}`, as it couldn't be put at `{}`", file.display(), place.display())]
    TokenBeside {
        /// The file that has it.
        file: PathBuf,
        /// Where it should be.
        place: PathBuf,
        /// Why it is not.
        source: std::io::Error,
    },
    /// The record can't be used.
    #[error("the record can't be used")]
    Store(#[from] StoreError),
    /// There is no daemon to ask.
    #[error(
        "no daemon answers: is `calloff run` running, with the same calloff.toml, and as you or are you root? \
         If `state` or `control` has changed since it started, it takes a restart"
    )]
    NoDaemon,
    /// There is a daemon, and it does not answer.
    #[error("the daemon does not answer: see its log, and whether it still fires (`calloff history`)")]
    Silent,
    /// What is asked of the daemon waits for the record.
    #[error("the record takes no writes now; this is in line, and counts once it does")]
    InLine,
    /// The daemon is about to end.
    #[error("the daemon is stopping")]
    Stopping,
    /// Outcomes could not be put on record.
    #[error(
        "the record takes no writes, and not all could be recorded; what was done is in the log lines `target.unrecorded`"
    )]
    Unrecorded,
    /// The simulator can't be started.
    #[error("couldn't start the simulator on {address}")]
    Simulator {
        /// Where.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The simulator's scenario is wrong.
    #[error("couldn't use the scenario `{}`", path.display())]
    Scenario {
        /// The file.
        path: PathBuf,
        /// Why.
        source: calloff_sim::scenario::ScenarioError,
    },
    /// Results can't be written to where they should go.
    #[error("couldn't write the results")]
    Output(#[source] std::io::Error),
    /// A defect of ours: a state the code thought impossible.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// The exit code: 64 usage, 69 unreachable, 70 a defect, 78 configuration.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// The same as a number.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 64,
            Self::Store(_)
            | Self::NoDaemon
            | Self::Silent
            | Self::InLine
            | Self::Stopping
            | Self::Unrecorded
            | Self::TokenLost { .. }
            | Self::TokenBeside { .. }
            | Self::Simulator { .. } => 69,
            Self::Output(_) | Self::Internal(_) => 70,
            Self::Config { .. }
            | Self::Quarantined { .. }
            | Self::WrongJob { .. }
            | Self::NoConfig(_)
            | Self::Secret { .. }
            | Self::Sink(_)
            | Self::Scenario { .. } => 78,
        }
    }
}

/// An error with its causes, on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What was wrong with an exchange over HTTP, without any part of the request: its URL may be a secret.
#[must_use]
pub fn http_fault(error: &reqwest::Error) -> String {
    let what = if error.is_connect() {
        "couldn't connect"
    } else if error.is_timeout() {
        "timed out"
    } else if error.is_body() || error.is_decode() {
        "the answer was cut short"
    } else if error.is_builder() {
        "it can't be asked"
    } else {
        "the connection broke"
    };
    match innermost(error) {
        Some(cause) => format!("{what}: {cause}"),
        None => what.to_owned(),
    }
}

/// The last cause says what happened ("Connection refused"); those before it only where.
fn innermost(error: &dyn std::error::Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Some(cause.to_string())
}

fn plural(count: usize, one: &str) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}
