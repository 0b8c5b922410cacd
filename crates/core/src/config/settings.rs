//! `calloff.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::account::account;
use super::document::Document;
use super::model::{Account, LogFormat, LogLevel, LogSettings, Settings, State};
use super::reader::{Problems, Span, Table, Value};
use super::retry::retry;
use super::state::state;
use super::windows::{Windows, windows};
use super::zone::Fallback;
use super::{Checked, http, notify};
use crate::diagnostic::Code;
use crate::ids::AccountName;
use crate::retry::RetryPolicy;

const JOBS: &str = "jobs";
const STATE: &str = "state/calloff.db";
const KEEP: Duration = Duration::from_hours(24 * 400);
const GRACE: Duration = Duration::from_secs(20);

/// What job files are read against. It is there even if `calloff.toml` is wrong, so that all errors of all files
/// are found in one go; what could not be read is not held against a job.
#[derive(Debug, Clone, Default)]
pub struct JobDefaults {
    /// The accounts and their time zones, the wrong ones included; `None` if they can't be told.
    pub(super) accounts: Option<Zones>,
    /// The windows, likewise.
    pub(super) windows: Option<Windows>,
    pub(super) zone: Fallback,
    pub(super) retry: RetryPolicy,
    /// The instant from which jobs are warned of what will come; `None` if they are not warned.
    pub(super) warn_from: Option<Timestamp>,
}

/// The accounts' names, each with the account's time zone if it is known.
type Zones = BTreeMap<AccountName, Option<TimeZone>>;

impl JobDefaults {
    /// For job files without a `calloff.toml`: nothing that it might say is missed. `warn_from` is as for
    /// [`parse_settings`].
    #[must_use]
    pub fn unknown(warn_from: Option<Timestamp>) -> Self {
        Self { zone: Fallback::Unreadable, warn_from, ..Self::default() }
    }
}

/// Whether the text, valid or not, is more likely a `calloff.toml` than a job file.
#[must_use]
pub fn looks_like_settings(text: &str) -> bool {
    let (root, _) = toml::de::DeTable::parse_recoverable(text);
    ["accounts", "jobs", "state"].iter().any(|key| root.get_ref().contains_key(*key))
}

/// `calloff.toml`, read.
#[derive(Debug, Clone)]
pub struct ReadSettings {
    /// What it says.
    pub settings: Checked<Settings>,
    /// The folder of job files, if it can be told, even if something else is wrong.
    pub jobs: Option<PathBuf>,
    /// What job files are read against.
    pub defaults: JobDefaults,
}

/// Reads `calloff.toml`; `file` is what diagnostics call it.
///
/// With `warn_from` it and its jobs are read with warnings of what will come in the 13 months after that instant.
#[must_use]
pub fn parse_settings(file: &str, text: &str, warn_from: Option<Timestamp>) -> ReadSettings {
    let document = Document::parse(file, text);
    let mut problems = Problems::default();
    let mut root = document.root("calloff.toml");

    let jobs = root.take("jobs").map_or(Some(PathBuf::from(JOBS)), |value| value.path(&mut problems));
    let state =
        root.take("state").map_or(Some(State::Sqlite(STATE.into())), |value| state(&value, &mut problems));
    let zone = Fallback::read(root.take("timezone").as_ref(), &mut problems);
    let (zones, accounts) = accounts(&mut root, &zone, &mut problems);
    let retry = retry(root.take("retry").as_ref(), RetryPolicy::default(), &mut problems);
    let log = log(root.take("log").as_ref(), &mut problems);
    let keep = keep(root.take("retention").as_ref(), &mut problems);
    let hour = Span::from(Duration::ZERO).to(Duration::from_hours(1));
    let grace = root.take("grace").map_or(Some(GRACE), |value| value.duration(&mut problems, hour));
    let windows = windows(root.take("windows").as_ref(), &zone, warn_from, &mut problems);
    let control = root.take("control").map_or(Some(None), |value| value.path(&mut problems).map(Some));
    let http = root.take("http").map_or(Some(None), |value| http::http(&value, &mut problems).map(Some));
    let notify = root.take("notify").map_or(Some(vec![]), |value| notify::notify(&value, &mut problems));
    let ping = root.take("ping").map_or(Some(None), |value| notify::ping(&value, &mut problems).map(Some));
    root.finish(&mut problems);

    let complete = document.is_valid();
    let settings = (|| {
        Some(Settings {
            jobs: jobs.clone()?,
            state: state?,
            accounts: accounts?,
            retry: retry?,
            log: log?,
            keep: keep?,
            grace: grace?,
            control: control?,
            http: http?,
            notify: notify?,
            ping: ping?,
        })
    })();
    ReadSettings {
        settings: Checked::new(settings, document.conclude(problems)),
        jobs,
        defaults: JobDefaults {
            accounts: zones.filter(|_| complete),
            windows: windows.filter(|_| complete),
            zone: if complete { zone } else { known(zone) },
            retry: retry.unwrap_or_default(),
            warn_from,
        },
    }
}

/// In a file with syntax errors, what seems to be absent may just not have been understood.
fn known(zone: Fallback) -> Fallback {
    if let Fallback::None = zone { Fallback::Unreadable } else { zone }
}

/// The accounts' names and zones, the wrong accounts' included, and the accounts if all are right.
fn accounts(
    root: &mut Table<'_>,
    zone: &Fallback,
    problems: &mut Problems,
) -> (Option<Zones>, Option<BTreeMap<AccountName, Account>>) {
    const HELP: &str = "add a table `[accounts.NAME]` with where the account is and its credentials";
    let Some(value) = root.require("accounts", problems, HELP) else { return (None, None) };
    let Some(table) = value.table(problems, "`[accounts.NAME]`".into()) else { return (None, None) };
    let mut zones = Some(Zones::new());
    let mut accounts = Some(BTreeMap::new());
    let mut any = false;
    for (name, span, value) in table.entries() {
        any = true;
        let read = match AccountName::parse(name) {
            Ok(name) => {
                let account = account(name.clone(), &value, zone, problems);
                if let Some(zones) = &mut zones {
                    zones.insert(name, account.as_ref().and_then(|account| account.timezone.clone()));
                }
                account
            }
            Err(error) => {
                problems.add(Code::Name, span, error.to_string()).help("rename it");
                zones = None;
                None
            }
        };
        accounts = accounts.zip(read).map(|(mut accounts, account)| {
            accounts.insert(account.name.clone(), account);
            accounts
        });
    }
    if !any {
        problems.add(Code::MissingKey, value.key_span(), "`accounts` has no account").help(HELP).absence();
        return (None, None);
    }
    (zones, accounts)
}

fn log(value: Option<&Value<'_>>, problems: &mut Problems) -> Option<LogSettings> {
    const FORMATS: [(&str, Option<LogFormat>); 4] = [
        ("auto", Some(LogFormat::Auto)),
        ("pretty", Some(LogFormat::Pretty)),
        ("json", Some(LogFormat::Json)),
        ("journald", None),
    ];
    const LEVELS: [(&str, LogLevel); 5] = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let Some(value) = value else { return Some(LogSettings { format: LogFormat::Auto, level: None }) };
    let mut table = value.table(problems, "`[log]`".into())?;
    let format = table.take("format").map_or(Some(LogFormat::Auto), |value| {
        let format = value.word(problems, &FORMATS)?;
        if format.is_none() {
            problems.not_supported(value.span(), "the log format `journald`");
        }
        format
    });
    let level = table.take("level").map_or(Some(None), |value| value.word(problems, &LEVELS).map(Some));
    table.finish(problems);
    Some(LogSettings { format: format?, level: level? })
}

fn keep(value: Option<&Value<'_>>, problems: &mut Problems) -> Option<Duration> {
    let Some(value) = value else { return Some(KEEP) };
    let mut table = value.table(problems, "`[retention]`".into())?;
    let bounds = Span::from(Duration::from_hours(24));
    let keep = table.take("keep").map_or(Some(KEEP), |value| value.duration(problems, bounds));
    table.finish(problems);
    keep
}
