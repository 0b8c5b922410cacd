//! Our own files: the configuration, who may write it, and the secrets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use calloff_core::checkup::{Check, Finding};
use calloff_core::config::{Account, SecretRef, Settings};
use calloff_core::diagnostic::Severity;
use calloff_core::ids::JobName;

use crate::cli::setup::Configuration;
use crate::daemon::Sinks;
use crate::error::chain;
use crate::files::{self, Loaded, SecretError};

/// Whether the files are right.
pub(super) fn configuration(path: &Path, loaded: &Loaded) -> Finding {
    let count = |severity| loaded.diagnostics.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let accounts = loaded.settings.as_ref().map_or(0, |settings| settings.accounts.len());
    let read = format!(
        "`{}`: {}, {}",
        path.display(),
        many(accounts, "account"),
        many(loaded.jobs.len(), "valid job")
    );
    if errors > 0 {
        let hint = "`calloff check` shows where, and what to write instead";
        return Finding::failed(Check::Configuration, format!("{read}; {}", many(errors, "error")), hint);
    }
    if warnings > 0 {
        let detail = format!("{read}; {}", many(warnings, "warning"));
        return Finding::warn(Check::Configuration, detail, "`calloff check` shows them");
    }
    let off = loaded.jobs.iter().filter(|job| !job.enabled).count();
    if off == loaded.jobs.len() {
        let detail = format!("{read}; none is switched on");
        return Finding::warn(Check::Configuration, detail, "nothing will ever be called off: see `enabled`");
    }
    Finding::ok(Check::Configuration, read)
}

/// Whether others than those who are meant to can say what is called off, or put a secret of theirs in place of one.
pub(super) fn permissions(path: &Path, loaded: &Loaded) -> Vec<Finding> {
    let open = decisive(path, loaded).into_iter().filter(|path| is_open_to_all(path));
    let found: Vec<Finding> = open
        .map(|path| {
            let hint = format!("run `chmod o-w {}`", path.display());
            let detail = "everybody on this machine may write it";
            Finding::failed(Check::Permissions, detail, hint).of(path.display().to_string())
        })
        .collect();
    if found.is_empty() {
        vec![
            Finding::ok(Check::Permissions, "not everybody may write the configuration")
                .of(path.display().to_string()),
        ]
    } else {
        found
    }
}

/// The files of the configuration, and the folders in which somebody could put others in their place.
fn decisive(path: &Path, loaded: &Loaded) -> BTreeSet<PathBuf> {
    let base = loaded.base.as_path();
    let jobs = loaded.jobs_folder.as_deref().filter(|folder| folder.exists());
    let names = loaded.jobs.iter().map(|job| &job.name).chain(loaded.wrong.iter().map(|wrong| &wrong.job));
    let job_files = jobs.into_iter().flat_map(|folder| {
        let file = |name: &JobName| folder.join(format!("{name}.toml"));
        names.clone().map(file)
    });
    let files: Vec<PathBuf> = std::iter::once(path.to_owned()).chain(job_files).collect();

    let accounts = loaded.settings.iter().flat_map(|settings| settings.accounts.values());
    let references = accounts.flat_map(|account| [&account.client_secret, &account.refresh_token]);
    let token = loaded.settings.iter().filter_map(|settings| settings.http.as_ref()?.token.as_ref());
    let secrets: Vec<PathBuf> = references
        .chain(token)
        .chain(loaded.settings.iter().flat_map(Settings::notify_secrets))
        .filter_map(|place| match place {
            SecretRef::File(file) => Some(base.join(file)),
            SecretRef::Env(_) | SecretRef::Credential(_) => None,
        })
        .collect();

    let is_ours =
        |folder: &&Path| folder.starts_with(base) || jobs.is_some_and(|jobs| folder.starts_with(jobs));
    let mut folders: BTreeSet<&Path> = jobs.into_iter().chain([base]).collect();
    for file in files.iter().chain(&secrets) {
        folders.extend(file.parent());
        folders.extend(file.ancestors().skip(1).take_while(is_ours));
    }
    // An empty path is the folder that a bare `calloff.toml` is in.
    let shown = |folder: &Path| if folder.as_os_str().is_empty() { ".".into() } else { folder.to_owned() };
    folders.into_iter().map(shown).chain(files.iter().cloned()).collect()
}

fn is_open_to_all(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| super::others_may_write(&metadata))
}

/// Whether each account's secrets can be read. They are forgotten at once.
pub(super) fn credentials(configuration: &Configuration) -> Vec<Finding> {
    configuration.settings.accounts.values().map(|account| secrets(account, &configuration.folder)).collect()
}

fn secrets(account: &Account, base: &Path) -> Finding {
    let places = [("client_secret", &account.client_secret), ("refresh_token", &account.refresh_token)];
    let wrong = places.into_iter().find_map(|(key, place)| {
        let error = files::read_secret(place, base).err()?;
        Some(match (&error, place) {
            (SecretError::Read { .. }, SecretRef::File(_)) if key == "refresh_token" => Finding::failed(
                Check::Credentials,
                chain(&error),
                format!("`calloff auth exchange -a {}` makes one", account.name),
            ),
            _ => unreadable(Check::Credentials, &error, place, &format!("`{key}` of the account")),
        })
    });
    let found = wrong.unwrap_or_else(|| Finding::ok(Check::Credentials, "both secrets can be read"));
    found.of(account.name.to_string())
}

/// Where the status page is served, and whether its token can be read. It is forgotten at once.
pub(super) fn http(configuration: &Configuration) -> Finding {
    let Some(http) = &configuration.settings.http else {
        return Finding::ok(Check::Http, "the status page is off; `[http]` switches it on");
    };
    let found = match &http.token {
        None => Finding::ok(Check::Http, "the status page needs no token, and is for this computer alone"),
        Some(place) => match files::read_secret(place, &configuration.folder) {
            Ok(_) => Finding::ok(Check::Http, "the status page needs a token, which can be read"),
            Err(error) => unreadable(Check::Http, &error, place, "`token` in `[http]`"),
        },
    };
    found.of(http.listen.to_string())
}

/// A secret that can't be read: that of `key`.
fn unreadable(check: Check, error: &SecretError, place: &SecretRef, key: &str) -> Finding {
    match (error, place) {
        (SecretError::NoCredentials(name), _) => Finding::warn(
            check,
            format!("whether the credential `{name}` is there can't be told here"),
            "systemd hands credentials to the service alone: as root, run `calloffctl doctor`, which is in the package",
        ),
        (SecretError::Read { .. }, SecretRef::Credential(name)) => Finding::failed(
            check,
            chain(error),
            format!(
                "put it into /etc/calloff/credentials/{name}, if the packaged unit runs Calloff; else see \
                 `LoadCredential=` of yours; then restart the service"
            ),
        ),
        (SecretError::Open { path }, _) => {
            let path = path.display();
            let detail = format!("`{path}` holds a secret and is open to everybody");
            Finding::failed(check, detail, format!("run `chmod o= {path}`"))
        }
        _ => {
            let hint = format!(
                "see {key} in calloff.toml, and run this as Calloff's user: `calloffctl doctor` does, where it came as \
                 a package"
            );
            Finding::failed(check, chain(error), hint)
        }
    }
}

/// Whether those who are told what happens can be: nothing is sent.
pub(super) fn sinks(configuration: &Configuration) -> Vec<Finding> {
    let Sinks { sinks, ping, missing, .. } = Sinks::ready(&configuration.settings, &configuration.folder);
    let mut found: Vec<Finding> = sinks
        .iter()
        .map(|sink| Finding::ok(Check::Notify, "it can be told, as far as its secret shows").of(sink.name()))
        .collect();
    if ping.is_some() {
        found.push(Finding::ok(Check::Notify, "it can be told, as far as its secret shows").of("ping"));
    }
    let hint = "see `[[notify]]` and `[ping]` in calloff.toml; `calloff notify test` sends a test";
    found.extend(missing.into_iter().map(|(name, why)| Finding::failed(Check::Notify, why, hint).of(name)));
    found
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
