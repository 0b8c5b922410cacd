//! The control socket: how commands reach the daemon that runs.
//!
//! A request is a JSON object on a line, and so is its answer: what to print where, and the exit code. So the daemon says
//! it all in its own words, and a command of another version only has to print it. Who may connect is settled twice: by
//! the socket's mode, and by the user that the kernel names.

mod place;
mod server;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

pub use place::{to_ask, to_listen};
pub use server::Server;

/// No request or answer has more bytes than this.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// How long a command waits for an answer: a reload waits for files that keep changing.
const PATIENCE: Duration = Duration::from_mins(1);

/// A request, and whose daemon is meant: another one may listen where it is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The `calloff.toml`, with links followed.
    pub config: PathBuf,
    /// What is asked.
    pub ask: Request,
}

/// What a command asks of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// To read the files again.
    Reload {
        /// Whether a set without jobs is meant.
        allow_empty: bool,
        /// How to answer.
        form: Form,
    },
    /// What is in force, due and owed.
    Status {
        /// How to answer.
        form: Form,
    },
    /// To put a job out of action.
    Pause {
        /// The job.
        job: String,
        /// For how long, in milliseconds.
        for_ms: u64,
        /// Why.
        reason: String,
    },
    /// To end a job's pause.
    Resume {
        /// The job.
        job: String,
    },
}

/// How an answer is written. A command of an older version does not say all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// For programs.
    pub json: bool,
    /// How many columns there are for people; as many as it likes if there are none to keep to.
    pub width: Option<u16>,
    /// How many lines there are, if there are no more.
    #[serde(default)]
    pub lines: Option<u16>,
    /// Whether people want all of it, however much it is.
    #[serde(default)]
    pub all: bool,
}

/// What a command prints, and how it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// Whether another daemon is meant: then there is nothing to print.
    pub is_elsewhere: bool,
    /// For standard output.
    pub stdout: String,
    /// For standard error.
    pub stderr: String,
    /// The exit code.
    pub code: u8,
}

/// Asks the daemon that listens there.
///
/// # Errors
///
/// If nobody listens there who is meant, it is not allowed, or no answer comes.
pub async fn ask(path: &Path, asked: &Asked) -> io::Result<Answer> {
    let asking = async {
        let mut stream = UnixStream::connect(path).await?;
        let mut line = serde_json::to_vec(asked)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let answer: Answer = serde_json::from_slice(&read_line(&mut stream).await?)?;
        if answer.is_elsewhere { Err(io::Error::from(io::ErrorKind::NotFound)) } else { Ok(answer) }
    };
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the daemon does not answer");
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(late()))
}

/// The name by which a `calloff.toml` is known to commands and daemon alike.
#[must_use]
pub fn name_of(config: &Path) -> PathBuf {
    config.canonicalize().unwrap_or_else(|_| config.to_owned())
}

async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = vec![];
    BufReader::new(stream).take(MOST_BYTES).read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the line was cut short")),
    }
}
