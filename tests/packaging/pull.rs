//! A configuration that follows a git repository, by the units and the words of examples/single-host.

use rstest::rstest;

use crate::machine::Booted;
use crate::program::{Place, SECRET};
use crate::{by_hand, setup, tools};

const ORIGIN: &str = "/srv/calloff-config.git";
const DESK: &str = "/srv/desk";

fn example(name: &str) -> String {
    let path = format!("{}/examples/single-host/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Commits what a command does to a clone of the repository, and pushes it.
fn push(booted: &Booted, command: &str) {
    let commit = "git add -A && git -c user.name=Ada -c user.email=ada@example.com commit -qm change";
    booted.done(&["sh", "-ec", &format!("cd {DESK}; {command}; {commit}; git push -q origin HEAD:main")]);
}

/// A machine that follows a repository as the README says, and its desk.
fn following(place: &Place) -> Option<Booted> {
    tools::all(&["git"])?;
    let machine = by_hand::machine(place)?;
    for unit in ["calloff-pull.service", "calloff-pull.timer"] {
        machine.write(&format!("/etc/systemd/system/{unit}"), example(&format!("systemd/{unit}")));
    }
    // As in the example's own.
    machine.write("/etc/calloff/calloff.toml", format!("jobs = \"jobs\"\n{}", setup::settings(place)));
    machine.write(
        "/etc/systemd/system/calloff-pull.service.d/log.conf",
        "[Service]\nStandardOutput=append:/run/log\n",
    );
    let booted = by_hand::boot(machine);
    booted.done(&["git", "init", "-q", "--bare", "-b", "main", ORIGIN]);
    booted.done(&["sh", "-ec", &format!("git clone -q {ORIGIN} {DESK} 2> /dev/null")]);
    push(&booted, "cp -r /etc/calloff/calloff.toml /etc/calloff/jobs .");

    let readme = example("README.md");
    let (_, setting_up) = readme.split_once("cd /etc/calloff\n").expect("it says how to set it up");
    let (setting_up, _) = setting_up.split_once("cp /usr/share").expect("and then how to install the units");
    let setting_up = setting_up.replace("https://git.example.com/ops/calloff-config.git", ORIGIN);
    // A root who is careful; the service has to read what is pulled all the same.
    booted.done(&["sh", "-ec", &format!("umask 077; cd /etc/calloff; {setting_up}")]);
    Some(booted)
}

#[test]
fn what_is_pushed_comes_into_force_or_fails_the_pull() {
    let place = setup::place();
    let Some(booted) = following(&place) else { return };
    booted.done(&["systemctl", "start", "calloff.service"]);
    push(&booted, "cp jobs/often.toml jobs/another.toml");
    booted.done(&["systemctl", "start", "calloff-pull.service"]);
    let status = || booted.property("calloff.service", "StatusText");
    assert!(status().starts_with("2 jobs;"), "{}", status());

    push(&booted, "echo wrong > jobs/wrong.toml");
    assert!(!booted.run(&["systemctl", "start", "calloff-pull.service"]).status.success());
    assert!(status().starts_with("2 jobs;") && status().contains("wrong.toml"), "{}", status());
}

#[test]
fn a_push_does_not_say_where_secrets_are_sent() {
    let place = setup::place();
    let Some(booted) = following(&place) else { return };
    booted.done(&["systemctl", "start", "calloff.service"]);
    let elsewhere =
        "sed -i 's|^accounts_url = .*|accounts_url = \"https://elsewhere.example\"|' calloff.toml";
    push(&booted, elsewhere);
    booted.done(&["systemctl", "start", "calloff-pull.service"]);
    let pulled = booted.done(&["cat", "/etc/calloff/git/calloff.toml"]);
    assert!(pulled.contains("elsewhere.example"), "{pulled}");
    let in_force = booted.done(&["cat", "/etc/calloff/calloff.toml"]);
    assert!(in_force.contains("jobs = \"git/jobs\"") && !in_force.contains("elsewhere"), "{in_force}");
    place.wait_until("a backup is cancelled", |place| place.cancels() > 0);
}

#[test]
fn with_the_timer_what_is_pulled_is_checked() {
    let place = setup::place();
    let Some(booted) = following(&place) else { return };
    let pull = ["systemctl", "start", "calloff-pull.service"];
    push(&booted, "cp jobs/often.toml jobs/another.toml");
    booted.done(&pull);
    push(&booted, "echo wrong > jobs/wrong.toml");
    assert!(!booted.run(&pull).status.success());
    assert_eq!(booted.property("calloff.service", "ActiveState"), "inactive", "it is not the timer's");
}

#[rstest]
#[case::as_root("inactive", "/etc/calloff/credentials/acme-client-secret")]
#[case::as_the_daemon("active", "/run/credentials/calloff.service/calloff_acme-client-secret")]
fn a_push_does_not_bring_secrets_into_the_log(#[case] daemon: &str, #[case] secret: &str) {
    let place = setup::place();
    let Some(booted) = following(&place) else { return };
    if daemon == "active" {
        booted.done(&["systemctl", "start", "calloff.service"]);
    }
    push(&booted, &format!("ln -s {secret} jobs/secret.toml"));
    assert!(!booted.run(&["systemctl", "start", "calloff-pull.service"]).status.success());
    let log = booted.done(&["cat", "/run/log"]);
    assert!(log.contains("secret.toml") && !log.contains(SECRET), "{log}");
}
