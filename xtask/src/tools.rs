//! What the tests need beyond Rust and a C compiler, and how it comes to a machine that lacks it.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::say;
use crate::steps::{step, succeeds};

/// Programs, and Debian's packages that have them.
const SYSTEM: &[(&str, &str)] = &[
    ("systemd-analyze", "systemd"),
    ("dbus-daemon", "dbus"),
    ("git", "git"),
    ("nsenter", "util-linux"),
    ("dpkg-deb", "dpkg"),
    ("lintian", "lintian"),
];

/// With this variable a test fails where it would be skipped for want of a tool.
const ALL: &str = "CALLOFF_TEST_ALL";

/// Installs what is missing, if that is allowed here, and says so if it is not.
pub(crate) fn install() -> bool {
    let missing: Vec<&str> =
        SYSTEM.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join(" ");
    if !is_root() || !is_there("apt-get") {
        say(&format!("── not installed: {missing}. Tests that need it are skipped, or fail with {ALL}=1"));
        return true;
    }
    let apt = |name: &str, arguments: &str| {
        let mut command = Command::new("apt-get");
        step(name, command.args(arguments.split_whitespace()).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt("package lists", "update --quiet --quiet")
        && apt(
            "tools for the tests",
            &format!("install --quiet --quiet --yes --no-install-recommends {missing}"),
        )
}

/// How the tests are to take a missing tool: as a failure wherever it could have been installed.
pub(crate) fn environment() -> Vec<(&'static str, &'static str)> {
    let told = env::var_os(ALL).is_some();
    let strict = is_root() || env::var_os("CI").is_some();
    if strict && !told { vec![(ALL, "1")] } else { vec![] }
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
        || Path::new("/usr/sbin").join(program).is_file()
}

fn is_root() -> bool {
    succeeds(&["sh", "-c", "test \"$(id -u)\" = 0"])
}
