//! Commands that are run one after the other, until one fails.

use std::env;
use std::process::Command;

use crate::say;

/// A step: what it is called, and the command.
pub(crate) type Step = (&'static str, &'static [&'static str]);

/// Runs all steps, or those up to the first that fails.
pub(crate) fn run(steps: &[Step]) -> bool {
    run_with(steps, &[])
}

/// Runs all steps with these environment variables besides, or those up to the first that fails.
pub(crate) fn run_with(steps: &[Step], environment: &[(&str, &str)]) -> bool {
    steps.iter().all(|(name, command)| {
        let mut process = Command::new(command[0]);
        process.args(&command[1..]).envs(environment.iter().copied()).env("RUSTDOCFLAGS", "--deny warnings");
        step(name, &mut process)
    })
}

/// Runs one command.
pub(crate) fn step(name: &str, command: &mut Command) -> bool {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    say(&format!("── {name}: {}", words.join(" ")));
    match of_nobody(command).status() {
        Ok(status) if status.success() => true,
        Ok(status) => {
            say(&format!("── {name} failed: {status}"));
            false
        }
        Err(error) => {
            say(&format!("── {name} could not be started: {error}"));
            false
        }
    }
}

/// Cargo has told xtask about xtask. Build scripts that look at that would run anew, each time from here and there.
pub(crate) fn of_nobody(command: &mut Command) -> &mut Command {
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name == "CARGO_MANIFEST_DIR" || name == "CARGO_MANIFEST_PATH" || name.starts_with("CARGO_PKG_") {
            command.env_remove(variable);
        }
    }
    command
}

/// Whether a command can be run and succeeds. What it prints is not shown.
pub(crate) fn succeeds(command: &[&str]) -> bool {
    Command::new(command[0]).args(&command[1..]).output().is_ok_and(|output| output.status.success())
}
