//! `calloff init`: a folder to start with. It never touches what is there.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::ExitCode;

use super::args::InitArgs;
use super::output::{Output, notice};
use crate::error::Error;

const CONFIG: (&str, &str) = ("calloff.toml", include_str!("template/calloff.toml"));
/// Refers to what that one has.
const JOB: (&str, &str) = ("jobs/first.toml", include_str!("template/jobs/first.toml"));
const GIT: (&str, &str) = (".gitignore", include_str!("template/gitignore"));

/// Its folders, each with its mode: what is in the last two is nobody else's business.
const FOLDERS: [(&str, u32); 3] = [("jobs/", 0o755), ("secrets/", 0o700), ("state/", 0o700)];

/// What is nobody else's business, and git must not take up.
const IGNORED: [&str; 2] = ["secrets/", "state/"];

pub(super) fn init(args: &InitArgs, mut output: Output) -> Result<ExitCode, Error> {
    let folder = args.dir.as_path();
    if folder.exists() && !folder.is_dir() {
        return Err(Error::Usage(format!("`{}` is a file: name a folder", folder.display())));
    }
    make_folder(folder, 0o755)?;
    let mut found = Vec::new();
    for (name, mode) in FOLDERS {
        found.push((name, make_folder(&folder.join(name), mode)?));
    }
    let make =
        |(name, text): (&'static str, &str)| make_file(&folder.join(name), text).map(|is_new| (name, is_new));
    let config = make(CONFIG)?;
    found.push(config);
    // A job for accounts and windows that somebody else's file may not have would make a right set-up wrong.
    let has_job = config.1 || folder.join(JOB.0).exists();
    if has_job {
        found.push(make(JOB)?);
    }
    found.push(make(GIT)?);
    let lines =
        found.iter().map(|(name, is_new)| format!("{}  {name}\n", if *is_new { "made" } else { "kept" }));
    output.text(&lines.collect::<String>())?;
    if !has_job {
        notice(&format!("{} was not made: it would refer to what your {} may not have", JOB.0, CONFIG.0));
    }
    warn_of_git(&folder.join(GIT.0));
    warn_of_open_folders(folder);
    if found.iter().any(|(_, is_new)| *is_new) {
        output.text(&next_steps(folder))?;
    } else {
        notice("everything was there already: nothing was written");
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a folder, with those above it; says whether it was not there.
fn make_folder(path: &Path, mode: u32) -> Result<bool, Error> {
    let was_there = path.is_dir();
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|error| refused(path, &error))?;
    Ok(!was_there)
}

/// Makes a file; says whether it was not there. One that is there is left as it is, be it a link to nowhere.
fn make_file(path: &Path, text: &str) -> Result<bool, Error> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
    .map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &std::io::Error) -> Error {
    Error::Usage(format!("couldn't make `{}`: {error}", path.display()))
}

/// A `.gitignore` that was there may let git take up what it must not.
fn warn_of_git(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let is_named =
        |folder: &&str| text.lines().any(|line| line.trim().trim_matches('/') == folder.trim_matches('/'));
    for folder in IGNORED.iter().filter(|folder| !is_named(folder)) {
        notice(&format!(
            "`{}` does not name `{folder}`: add it, so that git doesn't take it up",
            path.display()
        ));
    }
}

/// A folder that was there keeps its mode, whatever that is.
fn warn_of_open_folders(folder: &Path) {
    for name in IGNORED {
        let path = folder.join(name);
        if path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0) {
            notice(&format!("`{name}` is open to everybody: run `chmod o= {}`", quoted(&path)));
        }
    }
}

fn next_steps(folder: &Path) -> String {
    let enter = if folder == Path::new(".") { String::new() } else { format!("cd {}; ", quoted(folder)) };
    format!(
        "
Next:
  1. {enter}set `timezone`, `data_center` and `client_id` in calloff.toml. The client is a Self Client
     of Zoho's API console, https://api-console.zoho.com (.eu, .in… by data centre).
  2. Put its client secret into secrets/acme-client-secret, readable by you alone:
       (umask 077; cat > secrets/acme-client-secret)      then paste it, Enter, Ctrl-D
  3. In the console, under Generate Code, ask for
     ZohoCRM.bulk.backup.READ,ZohoCRM.bulk.backup.UPDATE,ZohoCRM.bulk.backup.CREATE
     and turn the code into a refresh token within its few minutes:
       calloff auth exchange --account acme               then paste it, Enter
  4. calloff auth check                                  are the credentials good?
     calloff backup show --account acme                  what does Zoho have?
  5. Say in jobs/first.toml when and what, set `enabled = true`, then
       calloff check && calloff plan                      nothing is called off by these
       calloff run                                        this is the daemon

To try all of it without Zoho: calloff demo
"
    )
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if text.bytes().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
