//! What the tests need beyond Rust and a C compiler, and how it comes to a machine that lacks it.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::promtool;
use crate::say;
use crate::steps::{step, succeeds};

/// Programs, and Debian's packages that have them.
const SYSTEM: &[(&str, &str)] = &[
    ("systemd-analyze", "systemd"),
    ("dbus-daemon", "dbus"),
    ("c++", "g++"),
    ("git", "git"),
    ("nsenter", "util-linux"),
    ("dpkg-deb", "dpkg"),
    ("lintian", "lintian"),
    ("chromium", "chromium fonts-dejavu-core"),
    ("chromedriver", "chromium-driver"),
];

/// With this variable a test fails where it would be skipped for want of a tool.
pub(crate) const ALL: &str = "CALLOFF_TEST_ALL";

/// What a systemd of its own takes, as tests/packaging asks it.
const NAMESPACES: &[&str] = &["unshare", "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "true"];

/// Installs what is missing, if that is allowed here, and says so if it is not.
pub(crate) fn install() -> bool {
    install_system() && promtool::install()
}

fn install_system() -> bool {
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
    if strict() { vec![(ALL, "1")] } else { vec![] }
}

/// Says what the tests will skip. A runner shows nothing of what a test says that passes.
pub(crate) fn announce() {
    if !strict() {
        let system = SYSTEM.iter().map(|(program, _)| *program).filter(|program| !is_there(program));
        let missing: Vec<&str> = system.chain((!promtool::is_had()).then_some("promtool")).collect();
        for reason in skipped(is_root(), succeeds(NAMESPACES), &missing) {
            say(&format!("── SKIPPED: {reason}. {ALL}=1 makes that a failure"));
        }
    }
}

/// Whether nothing is to be skipped.
pub(crate) fn strict() -> bool {
    env::var_os(ALL).map_or_else(|| is_root() || env::var_os("CI").is_some(), |value| value == "1")
}

fn skipped(root: bool, namespaces: bool, missing: &[&str]) -> Vec<String> {
    let at_work = "the units, the package and the container at work, and disks that are full";
    let rights = match (root, namespaces) {
        (false, _) => Some(format!("{at_work}, which takes root")),
        (true, false) => Some(format!("{at_work}, which takes the right to make namespaces")),
        (true, true) => None,
    };
    let tools = missing.iter().map(|program| format!("all that takes {program}, which is not installed"));
    rights.into_iter().chain(tools).collect()
}

pub(crate) fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
        || Path::new("/usr/sbin").join(program).is_file()
}

pub(crate) fn is_root() -> bool {
    succeeds(&["sh", "-c", "test \"$(id -u)\" = 0"])
}

#[cfg(test)]
mod tests {
    use super::skipped;

    #[test]
    fn what_will_be_skipped_is_said_beforehand() {
        assert!(skipped(true, true, &[]).is_empty());
        assert!(skipped(false, false, &[]).concat().ends_with("which takes root"));
        assert!(skipped(true, false, &[]).concat().ends_with("namespaces"));
        assert_eq!(skipped(true, true, &["git"]), ["all that takes git, which is not installed"]);
    }
}
