//! The machine: data of time zones, the state folder, the record, and whether a daemon is at work.

use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use calloff_core::checkup::{self, Check, Finding};
use calloff_core::schedule::Schedule;
use jiff::Timestamp;

use crate::cli::setup::Configuration;
use crate::error::chain;
use crate::files::Loaded;
use crate::report;
use crate::store::{self, ExamineError, Examined, Store};

/// How long the record is looked at.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether there is data of time zones, and of which version.
pub(super) fn time_zones(loaded: &Loaded, now: Timestamp) -> Finding {
    let of_jobs = loaded.jobs.iter().map(|job| &job.schedule).map(Schedule::zone);
    let accounts = loaded.settings.iter().flat_map(|settings| settings.accounts.values());
    let of_accounts = accounts.filter_map(|account| account.timezone.as_ref());
    let mut zones: Vec<String> =
        of_jobs.chain(of_accounts).filter_map(|zone| zone.iana_name()).map(str::to_owned).collect();
    zones.sort_unstable();
    zones.dedup();
    checkup::time_zones(jiff::tz::db().is_definitively_empty(), version().as_deref(), &zones, now)
}

/// The version of the system's data, where it says so itself.
fn version() -> Option<String> {
    let folder = std::env::var_os("TZDIR").map_or(PathBuf::from("/usr/share/zoneinfo"), PathBuf::from);
    let first = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        text.lines().next().map(str::to_owned)
    };
    let said =
        first("+VERSION").or_else(|| first("tzdata.zi")?.strip_prefix("# version ").map(str::to_owned))?;
    let is_version =
        said.len() <= 20 && said.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_version.then_some(said)
}

/// Whether the folder of the record can be written, and by whom.
pub(super) fn state_folder(configuration: &Configuration) -> Finding {
    let folder = configuration.state_folder();
    let subject = folder.display().to_string();
    let existing = match nearest(&folder) {
        Ok(existing) => existing,
        Err(error) => return untold(Check::Permissions, &error).of(subject),
    };
    let found = match writable(existing) {
        Err(error) => Finding::failed(
            Check::Permissions,
            format!("nothing can be written there: {error}"),
            "run this, and Calloff, as the user that it belongs to; or see whether the disk is full or read-only",
        ),
        Ok(Access { others_may: true, .. }) => Finding::failed(
            Check::Permissions,
            "everybody on this machine may write there",
            format!("run `chmod o-w {}`", existing.display()),
        ),
        Ok(Access { is_ours: false, .. }) => Finding::warn(
            Check::Permissions,
            "it belongs to another user than the one who runs this",
            "run this as the user that runs Calloff: what that one may do can't be told here",
        ),
        Ok(_) if existing == folder => Finding::ok(Check::Permissions, "the state folder can be written"),
        Ok(_) => Finding::ok(Check::Permissions, "the state folder is not there yet, and can be made"),
    };
    found.of(subject)
}

/// What can't be told, as the way there is closed to this user.
fn untold(check: Check, error: &io::Error) -> Finding {
    let hint = "run this as the user that runs Calloff: as root, `calloffctl doctor` does, where it came as a package";
    let who = if error.kind() == ErrorKind::PermissionDenied { " as this user" } else { "" };
    Finding::warn(check, format!("can't be told{who}: {error}"), hint)
}

/// The folder, or the nearest above it that there is.
fn nearest(folder: &Path) -> io::Result<&Path> {
    for above in folder.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        if above.try_exists()? {
            return Ok(above);
        }
    }
    Ok(Path::new("."))
}

struct Access {
    is_ours: bool,
    others_may: bool,
}

/// Tries it with a file that has no name, so that nothing is left behind.
fn writable(folder: &Path) -> io::Result<Access> {
    let metadata = folder.metadata()?;
    let probe = tempfile::tempfile_in(folder)?;
    let others_may = super::others_may_write(&metadata);
    Ok(Access { is_ours: metadata.uid() == probe.metadata()?.uid(), others_may })
}

/// Whether the record is sound, and of a version that this program knows.
pub(super) async fn record(configuration: &Configuration) -> Finding {
    let path = configuration.record();
    let found = match path.try_exists() {
        Ok(false) => Finding::ok(Check::Store, "there is no record yet: the first start makes it"),
        Err(error) => untold(Check::Store, &error),
        Ok(true) => match store::examine(&path, PATIENCE).await {
            Ok(examined) => judge(&examined),
            Err(ExamineError::Closed(error)) => untold(Check::Store, &error),
            Err(error @ ExamineError::NotWithoutWriting(_)) => {
                let hint = "what belongs beside it is not there: the next start of Calloff makes it";
                Finding::warn(Check::Store, format!("can't be told: {}", chain(&error)), hint)
            }
            Err(error @ ExamineError::Foreign(_)) => {
                let hint = "let `state` in calloff.toml name a file that Calloff has to itself";
                Finding::failed(Check::Store, chain(&error), hint)
            }
            Err(error) => {
                let hint = "see whether it is a SQLite file, and run this as the user that it belongs to";
                Finding::failed(Check::Store, chain(&error), hint)
            }
        },
    };
    found.of(path.display().to_string())
}

fn judge(examined: &Examined) -> Finding {
    let Examined { version, newest, faults, is_complete } = examined;
    if version > newest {
        let detail = format!("it has schema version {version}, and this program knows up to {newest}");
        return Finding::failed(Check::Store, detail, "use the newer Calloff that wrote it");
    }
    if !faults.is_empty() {
        let hint = "stop Calloff and put a copy back, or move the file away: the next start makes a new one, without \
                    history, pauses and debts";
        return Finding::failed(Check::Store, format!("it is damaged: {}", faults.join("; ")), hint);
    }
    let schema = if version < newest {
        format!("schema version {version}, which the next start brings up to {newest}")
    } else {
        format!("schema version {version}")
    };
    let checked = if *is_complete { "sound" } else { "sound, as far as it could be looked at in 10s" };
    Finding::ok(Check::Store, format!("{checked}, {schema}"))
}

/// Whether a daemon works on this record.
pub(super) fn daemon(configuration: &Configuration) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    match Store::find_daemon(&configuration.record()) {
        Err(error) => untold(Check::Daemon, &error),
        Ok(None) => {
            Finding::ok(Check::Daemon, "not running; `calloff run` starts it, `calloff once` does without")
        }
        Ok(Some(daemon)) => {
            let since = report::seconds(daemon.since);
            let detail = format!("running, pid {}, version {}, since {since}", daemon.pid, daemon.version);
            if daemon.version == own {
                Finding::ok(Check::Daemon, detail)
            } else {
                Finding::warn(Check::Daemon, detail, format!("this is {own}: restart the daemon to run it"))
            }
        }
    }
}
