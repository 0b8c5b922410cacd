//! The project's own commands: `cargo xtask test` checks everything, as CI does.

use std::env;
use std::process::{Command, ExitCode};

const HELP: &str = "\
The project's own commands.

  cargo xtask test     everything a change must pass: formatting, lints, documentation, tests
  cargo xtask lint     formatting, lints and documentation only

It installs what the tests need. That is nothing at present beyond Rust and a C compiler.
";

/// A step: what it is called, and the command.
type Step = (&'static str, &'static [&'static str]);

const LINT: &[Step] = &[
    ("formatting", &["cargo", "fmt", "--all", "--check"]),
    (
        "lints",
        &[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--locked",
            "--",
            "--deny",
            "warnings",
        ],
    ),
    ("documentation", &["cargo", "doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]),
];

/// cargo-nextest runs the tests of all binaries side by side; without it, cargo's own runner does.
const NEXTEST: &[Step] = &[
    ("documentation tests", &["cargo", "test", "--workspace", "--all-features", "--doc", "--locked"]),
    ("tests", &["cargo", "nextest", "run", "--workspace", "--all-features", "--locked", "--no-fail-fast"]),
];
const CARGO_TEST: &[Step] =
    &[("tests", &["cargo", "test", "--workspace", "--all-features", "--locked", "--no-fail-fast"])];

fn main() -> ExitCode {
    let asked: Vec<String> = env::args().skip(1).collect();
    let done = match asked.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test"] => run(LINT) && run(if has_nextest() { NEXTEST } else { CARGO_TEST }),
        ["lint"] => run(LINT),
        _ => {
            say(HELP);
            return ExitCode::from(64);
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(steps: &[Step]) -> bool {
    steps.iter().all(|(name, command)| {
        say(&format!("── {name}: {}", command.join(" ")));
        let mut process = Command::new(command[0]);
        process.args(&command[1..]).env("RUSTDOCFLAGS", "--deny warnings");
        match process.status() {
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
    })
}

fn has_nextest() -> bool {
    Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|output| output.status.success())
}

#[expect(clippy::print_stderr, reason = "this is a tool for people at a terminal")]
fn say(text: &str) {
    eprintln!("{text}");
}
