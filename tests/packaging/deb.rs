//! The Debian package: installed, set up, upgraded, removed and purged, with the maintainer scripts at work under a real
//! systemd and the real package database.

use std::path::PathBuf;
use std::process::Command;

use crate::machine::{Booted, Machine};
use crate::{setup, tools};

const PACKAGE: &str = "/srv/calloff.deb";
const SETTINGS: &str = "/srv/settings";

/// The package that `cargo xtask test` has made.
pub(crate) fn package() -> Option<PathBuf> {
    let package = std::env::var_os("CALLOFF_DEB").map(PathBuf::from);
    if package.is_none() {
        tools::skip("CALLOFF_DEB names no package: `cargo xtask test` makes one");
    }
    package
}

fn state(booted: &Booted, unit: &str) -> [String; 2] {
    ["UnitFileState", "ActiveState"].map(|property| booted.property(unit, property))
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = include_str!("../../packaging/debian/changelog");
    assert!(changelog.starts_with(concat!("calloff (", env!("CARGO_PKG_VERSION"), "-1) ")), "{changelog}");
}

#[test]
fn the_settings_that_come_with_it_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("calloff.toml");
    std::fs::write(&config, include_str!("../../packaging/debian/calloff.toml")).unwrap();
    std::fs::create_dir(folder.path().join("jobs")).unwrap();
    // The job that the README of the folder shows.
    let readme = include_str!("../../packaging/debian/jobs.README");
    let job = readme.lines().filter_map(|line| line.strip_prefix("    ")).collect::<Vec<_>>().join("\n");
    std::fs::write(folder.path().join("jobs/README"), readme).unwrap();
    std::fs::write(folder.path().join("jobs/shown.toml"), job).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_calloff"));
    let output = tools::run(check.arg("--config").arg(config).arg("check"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.stdout.is_empty() && said.contains("1 valid job read"), "{said}");
}

#[test]
fn lintian_has_nothing_to_say_about_the_package() {
    let (Some(package), Some(())) = (package(), tools::all(&["lintian"])) else { return };
    let output = Command::new("lintian").args(["--allow-root", "--info"]).arg(package).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn everything_is_where_debian_expects_it() {
    let (Some(package), Some(())) = (package(), tools::all(&["dpkg-deb"])) else { return };
    let output = tools::run(Command::new("dpkg-deb").arg("--contents").arg(package));
    let contents = String::from_utf8(output.stdout).unwrap();
    for (mode, path) in [
        ("-rwxr-xr-x", "usr/bin/calloff"),
        ("-rwxr-xr-x", "usr/sbin/calloffctl"),
        ("-rw-r--r--", "usr/lib/systemd/system/calloff.service"),
        ("-rw-r--r--", "usr/lib/systemd/system/calloff-once.service"),
        ("-rw-r--r--", "usr/lib/systemd/system/calloff-once.timer"),
        ("-rw-r--r--", "etc/calloff/calloff.toml"),
        ("drwxr-xr-x", "etc/calloff/jobs/"),
        ("-rw-r--r--", "usr/share/man/man1/calloff.1.gz"),
        ("-rw-r--r--", "usr/share/man/man8/calloffctl.8.gz"),
        ("-rw-r--r--", "usr/share/man/man1/calloff-restore-pay.1.gz"),
        ("-rw-r--r--", "usr/share/bash-completion/completions/calloff"),
        ("-rw-r--r--", "usr/share/zsh/vendor-completions/_calloff"),
        ("-rw-r--r--", "usr/share/fish/vendor_completions.d/calloff.fish"),
        ("-rw-r--r--", "usr/share/doc/calloff/README.md"),
        ("-rw-r--r--", "usr/share/doc/calloff/copyright"),
        ("-rw-r--r--", "usr/share/doc/calloff/calloff.cdx.json"),
        ("-rw-r--r--", "usr/share/doc/calloff/docs/deploy.md"),
        ("-rw-r--r--", "usr/share/doc/calloff/docs/runbook.md"),
        ("-rw-r--r--", "usr/share/doc/calloff/schemas/job.json"),
        ("-rw-r--r--", "usr/share/doc/calloff/examples/single-host/calloff.toml"),
    ] {
        let is_it = |line: &&str| line.starts_with(mode) && line.ends_with(&format!(" ./{path}"));
        assert!(contents.lines().any(|line| is_it(&line)), "{mode} {path} is missing:\n{contents}");
    }
}

#[test]
fn what_the_documents_refer_to_comes_with_them() {
    let (Some(package), Some(())) = (package(), tools::all(&["dpkg-deb"])) else { return };
    let folder = tempfile::tempdir().unwrap();
    tools::run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(folder.path()));
    let documents = folder.path().join("usr/share/doc/calloff/docs");
    let mut links = 0;
    for entry in std::fs::read_dir(&documents).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = std::fs::read_to_string(&entry) else { continue };
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !link.contains("://") && !link.is_empty() {
                assert!(documents.join(link).exists(), "{}: {link}", entry.display());
                links += 1;
            }
        }
    }
    assert!(links > 10, "{links} links");
}

#[test]
fn an_upgrade_restarts_the_daemon_alone() {
    let (Some(package), Some(())) = (package(), tools::all(&["dpkg-deb"])) else { return };
    let script = |name: &str| {
        let output = tools::run(Command::new("dpkg-deb").arg("--info").arg(&package).arg(name));
        String::from_utf8(output.stdout).unwrap()
    };
    let postinst = script("postinst");
    let starts: Vec<&str> =
        postinst.lines().filter(|line| line.contains("restart ")).map(str::trim).collect();
    assert_eq!(starts, ["deb-systemd-invoke try-restart calloff.service >/dev/null || true"], "{postinst}");
}

#[test]
fn an_installed_package_waits_to_be_set_up_then_works_and_leaves_nothing_behind() {
    let (Some(package), Some(())) = (package(), tools::all(&["dpkg", "dbus-daemon"])) else { return };
    let place = setup::place();
    let Some(machine) = Machine::new() else { return };
    machine.copy(&package, PACKAGE);
    setup::write(&machine, SETTINGS, &place);
    machine.write(&format!("{SETTINGS}/environment"), "WHATEVER=1\n");
    // Images for containers have one that lets no package start or stop anything.
    machine.install("#!/bin/sh\nexit 0\n", "/usr/sbin/policy-rc.d");
    // A look that takes long.
    machine.write(
        "/etc/systemd/system/calloff-once.service.d/long.conf",
        "[Service]\nExecStart=\nExecStart=/bin/sleep 1000\n",
    );
    let booted = machine.boot();
    let before = booted.files();

    // As installed: valid, off, and of no effect.
    let said = booted.done(&["dpkg", "--install", PACKAGE]);
    assert!(said.contains("/usr/share/doc/calloff/docs/deploy.md"), "{said}");
    booted.done(&["calloff", "--config", "/etc/calloff/calloff.toml", "check"]);
    for unit in ["calloff.service", "calloff-once.timer"] {
        assert_eq!(state(&booted, unit), ["disabled", "inactive"], "{unit}");
    }
    booted.run(&["systemctl", "start", "calloff.service"]);
    tools::wait_until("it gives up", || (state(&booted, "calloff.service")[1] == "failed").then_some(()));
    assert_eq!(booted.property("calloff.service", "ExecMainStatus"), "78");
    assert_eq!(booted.property("calloff.service", "NRestarts"), "0", "that does not mend itself");

    // Set up: it works, and goes on after an upgrade with the administrator's settings.
    booted.done(&["cp", "--recursive", &format!("{SETTINGS}/."), "/etc/calloff"]);
    booted.done(&["systemctl", "enable", "--now", "calloff.service"]);
    place.wait_until("a backup is cancelled", |place| place.cancels() > 0);
    let process = booted.property("calloff.service", "MainPID");
    booted.done(&["systemctl", "start", "--no-block", "calloff-once.service"]);
    let once = tools::wait_until("a look is under way", || {
        Some(booted.property("calloff-once.service", "MainPID")).filter(|process| process != "0")
    });
    booted.done(&["dpkg", "--install", PACKAGE]);
    assert_eq!(booted.property("calloff-once.service", "MainPID"), once, "a run under way is left alone");
    assert_eq!(state(&booted, "calloff.service"), ["enabled", "active"]);
    assert_ne!(booted.property("calloff.service", "MainPID"), process, "the new program is at work");
    let settings = booted.done(&["cat", "/etc/calloff/calloff.toml"]);
    assert!(settings.contains("[accounts.acme]"), "{settings}");

    // By hand, as the service: with its secrets, and nothing that it can't use is left in its folder.
    booted.done(&["systemctl", "start", "dbus.service"]);
    let by_hand = booted.done(&["calloffctl", "trigger", "often", "--json"]);
    assert!(by_hand.contains("\"trigger\":\"manual\""), "{by_hand}");
    assert_eq!(booted.run(&["calloffctl", "trigger", "oftn"]).status.code(), Some(64), "its exit code");
    let owners = booted.done(&["find", "/var/lib/private/calloff", "-printf", "%U\n"]);
    assert!(owners.lines().all(|owner| owner != "0"), "{owners}");
    assert_eq!(place.token_calls(), 1, "the token is the service's");

    // Removed: it is stopped, what is the administrator's stays. Purged: only the job file does.
    booted.done(&["dpkg", "--remove", "calloff"]);
    assert_eq!(booted.run(&["pidof", "calloff"]).stdout, b"", "it has ended");
    for kept in ["/etc/calloff/calloff.toml", "/etc/calloff/credentials", "/var/lib/calloff/calloff.db"] {
        booted.done(&["test", "-e", kept]);
    }
    booted.done(&["dpkg", "--purge", "calloff"]);
    let of_others = ["/etc/.pwd.lock", "/etc/machine-id", "/var/cache/", "/var/lib/dpkg/", "/var/log/"];
    let left: Vec<String> = booted
        .files()
        .into_iter()
        .filter(|file| !before.contains(file) && !of_others.iter().any(|other| file.starts_with(other)))
        .collect();
    assert_eq!(left, ["/etc/calloff/jobs/often.toml"]);
}
