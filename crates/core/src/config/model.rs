//! The checked configuration: no value here can be wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::notify::{Notify, Ping};
use crate::condition::Conditions;
use crate::diagnostic::Mark;
use crate::ids::{AccountName, BackupRef, JobName};
use crate::retry::RetryPolicy;
use crate::schedule::Schedule;

/// What `calloff.toml` says. Relative paths are as written: relative to that file.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The folder of job files.
    pub jobs: PathBuf,
    /// Where the record is kept.
    pub state: State,
    /// The accounts, by name.
    pub accounts: BTreeMap<AccountName, Account>,
    /// How transient failures are retried where no job says otherwise.
    pub retry: RetryPolicy,
    /// How logs are written.
    pub log: LogSettings,
    /// How long finished runs are kept on record.
    pub keep: Duration,
    /// How long a stop waits for requests under way.
    pub grace: Duration,
    /// Where the daemon's control socket is, if the file says so.
    pub control: Option<PathBuf>,
    /// Where the status page is served, if it is.
    pub http: Option<Http>,
    /// Who is told what happens.
    pub notify: Vec<Notify>,
    /// What is told that all is well.
    pub ping: Option<Ping>,
}

/// Where the status page, the API, the metrics and the health are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// The address and the port.
    pub listen: SocketAddr,
    /// What callers have to know; there is one unless `listen` is a loopback address.
    pub token: Option<SecretRef>,
    /// The names that callers may use for this host besides `localhost` and addresses, in lower case, without a port.
    pub hosts: Vec<String>,
}

/// Where the record is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// A SQLite file, as written after `sqlite:`.
    Sqlite(PathBuf),
}

/// One Zoho CRM organisation: where it is and how to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name in `calloff.toml`.
    pub name: AccountName,
    /// Where API calls go, such as `https://www.zohoapis.eu`.
    pub api_domain: BaseUrl,
    /// Where tokens come from, such as `https://accounts.zoho.eu`.
    pub accounts_url: BaseUrl,
    /// The version in the API's paths, such as `v7`.
    pub api_version: ApiVersion,
    /// The OAuth client.
    pub client_id: String,
    /// Where the client's secret is.
    pub client_secret: SecretRef,
    /// Where the refresh token is.
    pub refresh_token: SecretRef,
    /// Simultaneous calls at most; at least 1.
    pub concurrency: u32,
    /// The time one call may take, from connecting to the last byte.
    pub timeout: Duration,
    /// The organisation's time zone in Zoho, as far as it is known: for comparison only.
    pub timezone: Option<TimeZone>,
}

/// A scheme and host, perhaps with a port, without a path: `https://` anywhere, `http://` to loopback only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(pub(super) String);

impl BaseUrl {
    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether calls are encrypted; if not, the host is a loopback address.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `v` and a number, as it stands in the API's paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersion(pub(super) String);

impl ApiVersion {
    /// The version as it stands in a path, such as `v7`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a secret is. The secret itself is read at the edge and never stands in a file of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, as written: relative to `calloff.toml`.
    File(PathBuf),
    /// In `$CREDENTIALS_DIRECTORY` under this name, as systemd's `LoadCredential=` puts it.
    Credential(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Credential(name) => write!(f, "credential {name}"),
        }
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// The least severe level that is written; `None` when the file names none, which means `info`.
    pub level: Option<LogLevel>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// One object a line.
    Json,
}

/// The least severe level that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures that need a person.
    Error,
    /// And what is likely to become one.
    Warn,
    /// And each outcome.
    Info,
    /// And each attempt.
    Debug,
    /// And everything else.
    Trace,
}

/// One job file.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its path below the jobs folder, without `.toml`.
    pub name: JobName,
    /// What it is for, in the words of its author.
    pub description: Option<String>,
    /// The account whose backups are called off.
    pub account: AccountName,
    /// The backups, in the file's order, each once; at least one. `current` stands alone.
    pub backups: Vec<BackupRef>,
    /// Whether its schedule counts.
    pub enabled: bool,
    /// When it is due.
    pub schedule: Schedule,
    /// The longest spread that is added to an occurrence.
    pub jitter: Duration,
    /// How old a missed occurrence may be to be run after downtime.
    pub catch_up: Duration,
    /// What must hold for a run to act.
    pub when: Conditions,
    /// Whether a cancel is read back.
    pub verify: bool,
    /// Whether and how the window is held once a run has acted in it.
    pub hold: Option<Hold>,
    /// Whether the recurrence that a run has ended is owed, and scheduled again when the window closes.
    pub restore: bool,
    /// How transient failures are retried.
    pub retry: RetryPolicy,
    /// Its file as it was read, without what looks like a secret.
    pub text: Box<str>,
    /// Where `backups` stands in its file; kept only of a file that was read with warnings.
    pub place: Option<Box<Mark>>,
}

/// How a window is held: the account is looked at again until the window closes. A job that holds has a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The pause between two looks.
    pub poll: Duration,
    /// What is done about a backup that is scheduled nevertheless.
    pub on_drift: OnDrift,
}

/// What is done about a backup that is scheduled while its window is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDrift {
    /// It is cancelled, if the job's conditions hold of it.
    Cancel,
    /// It is put on record, and left alone.
    Report,
}
