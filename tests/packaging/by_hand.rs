//! What an administrator does by hand where the package is installed.

use rstest::rstest;

use crate::machine::{Booted, Machine};
use crate::program::Place;
use crate::{sandbox, setup, tools};

/// A machine that has calloffctl, and what that needs, as the package brings it.
fn machine(place: &Place) -> Option<Machine> {
    tools::all(&["dbus-daemon"])?;
    let machine = sandbox::machine(place)?;
    machine.install(include_str!("../../packaging/debian/calloffctl"), "/usr/sbin/calloffctl");
    Some(machine)
}

fn boot(machine: Machine) -> Booted {
    let booted = machine.boot();
    booted.done(&["systemctl", "start", "dbus.service"]);
    booted
}

#[rstest]
fn what_ends_calloffctl_ends_the_command(#[values("INT", "TERM", "HUP")] signal: &str) {
    let place = setup::place();
    let Some(machine) = machine(&place) else { return };
    let booted = boot(machine);
    let mut command = booted.start(&["calloffctl", "run"]);
    place.wait_until("a backup is cancelled", |place| place.cancels() > 0);
    let shell = booted.done(&["pidof", "-x", "calloffctl"]);
    booted.done(&["kill", &format!("-{signal}"), shell.trim_end()]);
    assert_eq!(command.wait().unwrap().code(), Some(0), "as a daemon that was stopped");
    assert_eq!(booted.run(&["pidof", "calloff"]).stdout, b"", "it has ended");
    assert_eq!(booted.done(&["systemctl", "list-units", "--all", "--quiet", "calloffctl-*", "run-*"]), "");
}
