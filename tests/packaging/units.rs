//! The units as they are written: what the contract demands of them, and what systemd says.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use rstest::rstest;

use crate::tools;

/// No service may be rated worse by `systemd-analyze security`, whose scale goes from 0 to 10.
const MOST_EXPOSED: f64 = 1.5;

/// The text of a unit.
pub(crate) fn text(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "packaging/systemd", name].iter().collect();
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines `key=value` of a section.
fn section(unit: &str, name: &str) -> Vec<String> {
    let text = text(unit);
    let lines = text.lines().skip_while(|line| *line != format!("[{name}]")).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter(|line| line.contains('=') && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let Some(()) = tools::all(&["systemd-analyze"]) else { return };
    // It looks for the program, which is not where packages put it; and for the manual, which is not installed.
    let folder = tempfile::tempdir().unwrap();
    let units = ["calloff.service", "calloff-once.service", "calloff-once.timer"].map(|name| {
        let unit = text(name).replace("/usr/bin/calloff ", concat!(env!("CARGO_BIN_EXE_calloff"), " "));
        let path = folder.path().join(name);
        std::fs::write(&path, unit).unwrap();
        path
    });
    let output = tools::run(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(units));
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(
        String::from_utf8_lossy(&said),
        "",
        "its exit status is 0 even for a key that it does not know"
    );
}

#[test]
fn nor_about_those_that_pull_from_git() {
    let Some(()) = tools::all(&["systemd-analyze", "git"]) else { return };
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "examples/single-host/systemd"].iter().collect();
    let units = ["calloff-pull.service", "calloff-pull.timer"].map(|name| folder.join(name));
    let output = tools::run(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(units));
    assert_eq!(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()), "");
}

#[rstest]
fn a_service_exposes_little(#[values("calloff.service", "calloff-once.service")] unit: &str) {
    let Some(()) = tools::all(&["systemd-analyze"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(unit);
    std::fs::write(&path, text(unit)).unwrap();
    let security = ["security", "--offline=true", "--no-pager"];
    let output = tools::run(Command::new("systemd-analyze").args(security).arg(path));
    let said = String::from_utf8(output.stdout).unwrap();
    let (_, overall) = said.split_once("Overall exposure level for ").expect("it gives a level");
    let level: f64 = overall.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(level <= MOST_EXPOSED, "{unit} is rated {level}:\n{said}");
}

#[test]
fn the_daemon_is_supervised_as_the_contract_says() {
    let unit = section("calloff.service", "Service");
    for line in [
        "Type=notify",
        "NotifyAccess=main",
        "ExecStart=/usr/bin/calloff --config /etc/calloff/calloff.toml run",
        "ExecReload=/usr/bin/calloff --config /etc/calloff/calloff.toml reload",
        "Restart=on-failure",
        "RestartPreventExitStatus=64 78 243",
        "DynamicUser=yes",
        "StateDirectory=calloff",
        "RuntimeDirectory=calloff",
        "LoadCredential=calloff:/etc/calloff/credentials",
        "EnvironmentFile=-/etc/calloff/environment",
    ] {
        assert!(unit.iter().any(|it| it == line), "`{line}` is missing");
    }
    let seconds = |key: &str| -> u32 {
        let line = unit.iter().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key}"));
        line.trim_end_matches('s').parse().unwrap()
    };
    assert!(seconds("WatchdogSec=") >= 10, "the loop beats once a second, and may be late");
    assert!(seconds("TimeoutStopSec=") > 20, "`grace` is 20s by default");
}

#[test]
fn the_timer_looks_each_minute_and_is_on_time() {
    let timer = section("calloff-once.timer", "Timer");
    assert_eq!(timer, ["OnCalendar=minutely", "AccuracySec=1s"]);
    let service = section("calloff-once.service", "Service");
    assert!(service.contains(&"Type=oneshot".to_owned()));
    assert!(
        service.contains(&"ExecStart=/usr/bin/calloff --config /etc/calloff/calloff.toml once".to_owned())
    );
}

/// A user, a record, secrets and a sandbox: whichever of the two is at work.
#[test]
fn both_services_differ_in_what_they_do_alone() {
    let [daemon, once] = ["calloff.service", "calloff-once.service"]
        .map(|unit| section(unit, "Service").into_iter().collect::<BTreeSet<_>>());
    let own = [
        "Type",
        "NotifyAccess",
        "ExecStart",
        "ExecReload",
        "WatchdogSec",
        "Restart",
        "RestartSec",
        "RestartPreventExitStatus",
        "TimeoutStartSec",
        "RuntimeDirectory",
        "RuntimeDirectoryMode",
    ];
    for line in daemon.symmetric_difference(&once) {
        let key = line.split('=').next().unwrap();
        assert!(own.contains(&key), "only one of the services says `{line}`");
    }
}
