//! The program under the unit that packages install, with a real systemd: its restrictions are in force, and the program
//! bears them.

use std::path::Path;

use crate::machine::Machine;
use crate::program::Place;
use crate::{setup, tools, units};

/// What a process in the sandbox finds out, one line each.
const PROBE: &str = r#"
say() { echo "$1=$2"; }
try() { name=$1; shift; if "$@" > /dev/null 2>&1; then say "$name" allowed; else say "$name" refused; fi; }
say user "$(id -un)"
say no_new_privileges "$(sed -n 's/^NoNewPrivs:\t//p' /proc/self/status)"
say seccomp "$(sed -n 's/^Seccomp:\t//p' /proc/self/status)"
say capabilities "$(sed -n 's/^CapBnd:\t//p' /proc/self/status)"
try read_home ls /root
try write_state touch /var/lib/calloff/probe
try write_configuration touch /etc/calloff/probe
try write_program touch /usr/bin/probe
try unshare unshare --user true
try chown chown 0 /var/lib/calloff/probe
try nice_down renice -n 5 $$
try batch chrt --batch 0 true
try read_secret_at_its_source cat /etc/calloff/credentials/acme-client-secret
try read_secret_as_handed_over cat "$CREDENTIALS_DIRECTORY/calloff_acme-client-secret"
"#;

/// A machine on which the program has been installed and set up, for an account at a simulated Zoho.
pub(crate) fn machine(place: &Place) -> Option<Machine> {
    let machine = Machine::new()?;
    machine.copy(Path::new(env!("CARGO_BIN_EXE_calloff")), "/usr/bin/calloff");
    for unit in ["calloff.service", "calloff-once.service", "calloff-once.timer"] {
        machine.write(&format!("/etc/systemd/system/{unit}"), units::text(unit));
    }
    setup::write(&machine, "/etc/calloff", place);
    Some(machine)
}

/// What has come to the files that were put there.
fn written(machine: &Machine, before: &[String]) -> Vec<String> {
    machine.files().into_iter().filter(|file| !before.contains(file)).collect()
}

#[test]
fn the_daemon_cancels_inside_its_sandbox_and_writes_nowhere_but_into_its_state() {
    let place = setup::place();
    let Some(machine) = machine(&place) else { return };
    let before = machine.files();
    let booted = machine.boot();
    booted.done(&["systemctl", "start", "calloff.service"]);
    place.wait_until("a backup is cancelled", |place| place.cancels() > 0);
    booted.done(&["systemctl", "stop", "calloff.service"]);
    assert_eq!(booted.property("calloff.service", "Result"), "success");
    assert_eq!(booted.property("calloff.service", "ExecMainStatus"), "0");
    let history = booted.done(&["calloff", "--config", "/etc/calloff/calloff.toml", "history", "--json"]);
    assert!(history.contains("\"cancelled\""), "{history}");

    let written = written(&booted.off(), &before);
    assert!(written.contains(&"/var/lib/private/calloff/calloff.db".to_owned()), "{written:?}");
    let systemd = ["/etc/.pwd.lock", "/etc/machine-id", "/var/lib/calloff"];
    let ours =
        |path: &&String| !path.starts_with("/var/lib/private/calloff/") && !systemd.contains(&path.as_str());
    let elsewhere: Vec<&String> = written.iter().filter(ours).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

#[test]
fn a_reload_is_answered_with_its_verdict() {
    let place = setup::place();
    let Some(machine) = machine(&place) else { return };
    let booted = machine.boot();
    booted.done(&["systemctl", "start", "calloff.service"]);
    let status = || booted.property("calloff.service", "StatusText");
    assert!(status().starts_with("1 job;"), "{}", status());

    booted.done(&["cp", "/etc/calloff/jobs/often.toml", "/etc/calloff/jobs/another.toml"]);
    booted.done(&["systemctl", "reload", "calloff.service"]);
    assert!(status().starts_with("2 jobs;"), "{}", status());

    booted.done(&["sh", "-c", "echo wrong > /etc/calloff/jobs/wrong.toml"]);
    assert!(!booted.run(&["systemctl", "reload", "calloff.service"]).status.success());
    let by_hand = booted.run(&["calloff", "--config", "/etc/calloff/calloff.toml", "reload"]);
    assert_eq!(by_hand.status.code(), Some(78), "root finds the socket without the service's environment");
    assert_eq!(booted.property("calloff.service", "ActiveState"), "active");
    assert!(status().contains("wrong.toml"), "{}", status());
}

#[test]
fn a_daemon_that_hangs_is_started_again() {
    let place = setup::place();
    let Some(machine) = machine(&place) else { return };
    machine.write(
        "/etc/systemd/system/calloff.service.d/soon.conf",
        "[Service]\nWatchdogSec=3s\nRestartSec=0\n",
    );
    let booted = machine.boot();
    booted.done(&["systemctl", "start", "calloff.service"]);
    place.wait_until("a backup is cancelled", |place| place.cancels() > 0);
    let process = booted.property("calloff.service", "MainPID");
    booted.done(&["kill", "-STOP", &process]);
    tools::wait_until("it is started again", || {
        (booted.property("calloff.service", "NRestarts") == "1").then_some(())
    });
    let sent = place.cancels();
    place.wait_until("it cancels again", |place| place.cancels() > sent);
    assert_ne!(booted.property("calloff.service", "MainPID"), process);
}

#[test]
fn the_timer_has_done_what_is_due_and_the_daemon_goes_on_from_there() {
    let place = setup::place();
    let Some(machine) = machine(&place) else { return };
    let booted = machine.boot();
    let once = ["systemctl", "start", "calloff-once.service"];
    booted.done(&once);
    assert_eq!(place.cancels(), 0, "the first call only notes where schedules stand");
    let sent = tools::wait_until("something is due", || {
        booted.done(&once);
        Some(place.cancels()).filter(|cancels| *cancels > 0)
    });
    booted.done(&["systemctl", "start", "calloff.service"]);
    place.wait_until("another is cancelled", |place| place.cancels() > sent);
    assert_eq!(place.token_calls(), 1, "both have the user, the record and the token");
}

#[test]
fn what_the_daemon_does_not_need_is_refused() {
    let place = setup::place();
    let Some(machine) = machine(&place) else { return };
    let unit = units::text("calloff.service");
    let lines = unit.lines().filter(|line| {
        !["Type=", "ExecStart=", "ExecReload=", "WatchdogSec=", "Restart="]
            .iter()
            .any(|key| line.starts_with(key))
    });
    let probe = lines.collect::<Vec<_>>().join("\n").replace(
        "[Service]",
        "[Service]\nType=oneshot\nExecStart=/bin/sh /etc/calloff/probe.sh\nStandardOutput=truncate:/run/probe",
    );
    machine.write("/etc/systemd/system/probe.service", probe);
    machine.write("/etc/calloff/probe.sh", PROBE);
    let booted = machine.boot();
    booted.done(&["systemctl", "start", "probe.service"]);
    insta::assert_snapshot!(booted.done(&["cat", "/run/probe"]), @r"
    user=calloff
    no_new_privileges=1
    seccomp=2
    capabilities=0000000000000000
    read_home=refused
    write_state=allowed
    write_configuration=refused
    write_program=refused
    unshare=refused
    chown=refused
    nice_down=refused
    batch=refused
    read_secret_at_its_source=refused
    read_secret_as_handed_over=allowed
    ");
}
