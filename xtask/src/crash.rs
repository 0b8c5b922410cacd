//! `cargo xtask crash`: kills the program at random instants, for as long as one likes.

use std::process::Command;

use crate::say;
use crate::steps::step;

/// The test that does it, with what it was given besides.
pub(crate) fn crash(arguments: &[&str]) -> bool {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--package", "calloff", "--all-features", "--test", "instants", "--", "--nocapture"]);
    for pair in arguments.chunks(2) {
        match pair {
            ["--seed", seed] => cargo.env("CALLOFF_SEED", seed),
            ["--rounds", rounds] => cargo.env("CALLOFF_ROUNDS", rounds),
            _ => {
                say("cargo xtask crash [--seed N] [--rounds N]");
                return false;
            }
        };
    }
    step("kills at random instants", &mut cargo)
}
