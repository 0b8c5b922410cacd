//! What an administrator does by hand where the package is installed.

use rstest::rstest;

use crate::machine::{Booted, Machine};
use crate::program::{Place, TOKEN};
use crate::{sandbox, setup, tools};

const CODE: &str = "1000.canary0code0123456789abcdef.0123456789abcdef";

/// A machine that has calloffctl, and what that needs, as the package brings it.
pub(crate) fn machine(place: &Place) -> Option<Machine> {
    tools::all(&["dbus-daemon"])?;
    let machine = sandbox::machine(place)?;
    machine.install(include_str!("../../packaging/debian/calloffctl"), "/usr/sbin/calloffctl");
    Some(machine)
}

/// Boots it, with a bus.
pub(crate) fn boot(machine: Machine) -> Booted {
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

/// A Zoho that accepts one refresh token, and gives it for the code.
fn renewing() -> Place {
    let account = format!("[accounts.acme]\ngrant_code = \"{CODE}\"\nrefresh_token = \"{TOKEN}\"\n");
    Place::new(&format!("{account}[[accounts.acme.backups]]\nid = \"42\"\n"), "", &[])
}

/// The command that a document shows, of all that get a refresh token.
fn exchange(document: &str) -> String {
    let begin = document
        .find("CREDENTIALS_DIRECTORY=/etc/calloff/credentials calloff ")
        .expect("it shows the command");
    let command = &document[begin..];
    let end = command.find("```").expect("the command is a block of its own");
    let lines = command[..end].lines().map(|line| line.split("      #").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[rstest]
#[case::deploying(include_str!("../../docs/deploy.md"))]
#[case::runbook(include_str!("../../docs/runbook.md"))]
#[case::example(include_str!("../../examples/single-host/README.md"))]
fn a_refresh_token_is_got_as_the_documents_say(#[case] document: &str) {
    let place = renewing();
    let Some(machine) = machine(&place) else { return };
    machine.write("/etc/calloff/credentials/acme-refresh-token", "1000.revoked0123456789");
    let booted = boot(machine);
    booted.done(&["systemctl", "start", "calloff.service"]);
    place.wait_until("a token is asked for", |place| place.requests() > 0);

    let command = exchange(document);
    let first =
        if command.contains("--force") { "true" } else { "rm /etc/calloff/credentials/acme-refresh-token" };
    booted.done(&["sh", "-ec", &format!("{first}; echo {CODE} > /run/code; exec < /run/code; {command}")]);
    if command.contains("--force") {
        assert!(command.contains("&& systemctl try-restart calloff"), "{command}");
    } else {
        booted.done(&["systemctl", "restart", "calloff.service"]);
    }
    place.wait_until("a backup is cancelled", |place| place.cancels() > 0);
    let token = booted.done(&["stat", "--format", "%U %a", "/etc/calloff/credentials/acme-refresh-token"]);
    assert_eq!(token, "root 600\n");
    let owners = booted.done(&["find", "/var/lib/private/calloff", "-printf", "%U\n"]);
    assert!(owners.lines().all(|owner| owner != "0"), "{owners}");
}

#[test]
fn what_is_typed_reaches_the_command() {
    let place = renewing();
    let Some(machine) = machine(&place) else { return };
    let booted = boot(machine);
    let command = format!("echo {CODE} | calloffctl auth exchange -a acme --stdout");
    assert_eq!(booted.done(&["sh", "-ec", &command]), format!("{TOKEN}\n"));
}

#[rstest]
#[case::the_daemon(&["systemctl", "start", "calloff.service"])]
#[case::the_timer(&["systemctl", "start", "calloff-once.service"])]
#[case::by_hand(&["calloffctl", "trigger", "often"])]
fn all_have_the_variables_that_are_set_in_one_place(#[case] command: &[&str]) {
    let place = setup::place();
    let Some(machine) = machine(&place) else { return };
    let settings =
        setup::settings(&place).replace("{ credential = \"acme-refresh-token\" }", "{ env = \"TOKEN\" }");
    machine.write("/etc/calloff/calloff.toml", settings);
    machine.write("/etc/calloff/environment", format!("TOKEN={TOKEN}\n"));
    let booted = boot(machine);
    booted.done(command);
    place.wait_until("a backup is cancelled", |place| {
        if command.contains(&"calloff-once.service") {
            booted.done(command);
        }
        place.cancels() > 0
    });
}

#[rstest]
#[case::no_folder("rm -r /etc/calloff/credentials")]
#[case::a_colon("echo x > /etc/calloff/credentials/acme:token")]
#[case::not_ascii("echo x > /etc/calloff/credentials/schlüssel")]
fn credentials_that_systemd_can_not_read_are_not_tried_again_and_again(#[case] fault: &str) {
    let place = setup::place();
    let Some(machine) = machine(&place) else { return };
    machine.write("/etc/systemd/system/calloff.service.d/soon.conf", "[Service]\nRestartSec=0\n");
    let booted = boot(machine);
    booted.done(&["sh", "-ec", fault]);
    assert!(!booted.run(&["systemctl", "start", "calloff.service"]).status.success());
    assert_eq!(booted.property("calloff.service", "ExecMainStatus"), "243");
    assert_eq!(booted.property("calloff.service", "NRestarts"), "0");
    assert_eq!(booted.property("calloff.service", "ActiveState"), "failed");
}

#[test]
fn calloffctl_says_that_there_is_no_folder_of_credentials() {
    let place = setup::place();
    let Some(machine) = machine(&place) else { return };
    let booted = boot(machine);
    booted.done(&["rm", "-r", "/etc/calloff/credentials"]);
    let output = booted.run(&["calloffctl", "status"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no folder /etc/calloff/credentials"));
}
