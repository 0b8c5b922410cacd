//! `init`: a folder to start with, and nothing that was there touched.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::program::{Done, files};
use tempfile::TempDir;

fn calloff(folder: &Path, args: &[&str]) -> Done {
    Done::from(support::program::calloff().current_dir(folder).args(args).output().unwrap())
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = files(folder)
        .into_iter()
        .map(|(path, _)| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn sorted(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = files(folder);
    found.sort();
    found
}

#[test]
fn a_new_folder_passes_check_and_its_job_is_switched_off() {
    let parent = folder();
    let done = calloff(parent.path(), &["init", "a/b"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
    let made = parent.path().join("a/b");
    assert_eq!(names(&made), [".gitignore", "calloff.toml", "jobs/first.toml"]);
    for name in names(&made) {
        assert!(done.stdout.contains(&format!("made  {name}\n")), "{}", done.stdout);
    }
    assert!(done.stdout.contains("cd a/b;"), "{}", done.stdout);
    for private in ["secrets", "state"] {
        let granted = std::fs::metadata(made.join(private)).unwrap().permissions().mode();
        assert_eq!(granted & 0o777, 0o700, "{private}");
    }

    let check = calloff(&made, &["check"]);
    assert_eq!((check.code, check.stdout.as_str()), (0, ""), "{}", check.stderr);
    assert!(check.stderr.contains("2 files and 1 valid job read: nothing is wrong"), "{}", check.stderr);
    let next = calloff(&made, &["next"]);
    assert_eq!((next.code, next.stdout.as_str()), (0, ""));
    assert!(next.stderr.contains("switched off: first"), "{}", next.stderr);

    let job = std::fs::read_to_string(made.join("jobs/first.toml")).unwrap();
    std::fs::write(made.join("jobs/first.toml"), job.replace("enabled = false", "enabled = true")).unwrap();
    let next = calloff(&made, &["next", "--at", "2027-01-01T00:00:00Z", "--json"]);
    let due: Vec<String> = next.json().iter().map(|row| row["occurrence"].to_string()).collect();
    assert_eq!(due, ["\"2027-01-01T17:00:00Z\"", "\"2027-01-08T17:00:00Z\"", "\"2027-01-15T17:00:00Z\""]);
}

#[test]
fn a_folder_with_an_odd_name_is_named_as_a_shell_takes_it() {
    let parent = folder();
    let done = calloff(parent.path(), &["init", "it's mine"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let enter = done.stdout.lines().find_map(|line| line.trim().strip_prefix("1. ")?.split("; set").next());
    let mut shell = Command::new("sh");
    let script = format!("{} && ls calloff.toml", enter.unwrap());
    let listed = shell.current_dir(parent.path()).args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), "calloff.toml\n", "{enter:?}");
}

#[test]
fn a_second_time_nothing_changes() {
    let folder = folder();
    assert_eq!(calloff(folder.path(), &["init"]).code, 0);
    let before = sorted(folder.path());
    let done = calloff(folder.path(), &["init", "."]);
    assert_eq!(done.code, 0);
    assert!(!done.stdout.contains("made") && !done.stdout.contains("Next:"), "{}", done.stdout);
    assert!(done.stderr.contains("nothing was written"), "{}", done.stderr);
    assert_eq!(sorted(folder.path()), before);
}

#[test]
fn what_is_there_is_kept_and_named() {
    for (name, made) in [
        ("jobs/first.toml", &["calloff.toml", ".gitignore"][..]),
        (".gitignore", &["calloff.toml", "jobs/first.toml"]),
        // Its accounts are others: a job for ours would make it wrong.
        ("calloff.toml", &[".gitignore"]),
    ] {
        let folder = folder();
        std::fs::create_dir(folder.path().join("jobs")).unwrap();
        std::fs::write(folder.path().join(name), "mine").unwrap();
        let done = calloff(folder.path(), &["init"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(std::fs::read_to_string(folder.path().join(name)).unwrap(), "mine");
        assert!(done.stdout.contains(&format!("kept  {name}\n")), "{}", done.stdout);
        assert!(done.stdout.contains("kept  jobs/\n"), "{}", done.stdout);
        let mut all: Vec<&str> = [made, &[name]].concat();
        all.sort_unstable();
        assert_eq!(names(folder.path()), all);
        assert_eq!(done.stderr.contains("jobs/first.toml was not made"), name == "calloff.toml");
        // A .gitignore of one's own may let git take up the secrets.
        assert_eq!(
            done.stderr.contains("`secrets/`") && done.stderr.contains("`state/`"),
            name == ".gitignore"
        );
    }
}

#[test]
fn a_folder_of_secrets_that_is_there_and_open_is_named() {
    let folder = folder();
    let secrets = folder.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    for (mode, is_told) in [(0o755, true), (0o750, false), (0o700, false)] {
        std::fs::set_permissions(&secrets, PermissionsExt::from_mode(mode)).unwrap();
        let done = calloff(folder.path(), &["init"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let told = "`secrets/` is open to everybody: run `chmod o= ./secrets/`";
        assert_eq!(done.stderr.contains(told), is_told, "{mode:o}: {}", done.stderr);
        assert_eq!(std::fs::metadata(&secrets).unwrap().permissions().mode() & 0o777, mode, "it is kept");
    }
}

#[test]
fn a_link_to_nowhere_is_not_written_through() {
    let (folder, elsewhere) = (folder(), folder());
    symlink(elsewhere.path().join("new"), folder.path().join("calloff.toml")).unwrap();
    let done = calloff(folder.path(), &["init"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("kept  calloff.toml"), "{}", done.stdout);
    assert!(files(elsewhere.path()).is_empty());
}

#[test]
fn where_no_folder_can_be_it_exits_64_and_names_the_place() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "mine").unwrap();
    for place in ["file", "file/below"] {
        let done = calloff(folder.path(), &["init", place]);
        assert_eq!((done.code, done.stdout.as_str()), (64, ""), "{}", done.stderr);
        assert!(done.stderr.contains(&format!("`{place}`")), "{}", done.stderr);
    }
    std::fs::write(folder.path().join("jobs"), "mine").unwrap();
    let done = calloff(folder.path(), &["init"]);
    assert_eq!(done.code, 64, "{}", done.stderr);
    assert!(done.stderr.contains("/jobs/`"), "{}", done.stderr);
    assert_eq!(names(folder.path()), ["file", "jobs"]);
}
