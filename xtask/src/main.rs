//! The project's own commands: `cargo xtask test` checks everything, as CI does.

use std::env;
use std::process::ExitCode;

use steps::{Step, run, run_with, succeeds};

mod bom;
mod cargo_tool;
mod crash;
mod deny;
mod dist;
mod fuzz;
mod mutants;
mod promtool;
mod sabotage;
mod simulate;
mod steps;
mod tools;

const HELP: &str = "\
The project's own commands.

  cargo xtask test     everything a change must pass: formatting, lints, documentation, tests
  cargo xtask lint     formatting, lints and documentation only
  cargo xtask tools    what the tests need, as far as it is missing
  cargo xtask dist     target/dist: the manual, completions, the bill of materials, the Debian package calloff.deb
  cargo xtask deny     which dependencies there may be, under which licences: deny.toml
  cargo xtask fuzz [TARGET…] [--seconds N]
                       looks for inputs that break what fuzz/src says, 20 seconds for each target; `test` takes 10
  cargo xtask mutants [FILE…]
                       changes decisions of the core one by one and says which change no test notices; takes hours
  cargo xtask simulate [--seed N] [--minutes M]
                       the engine in virtual time, with trouble that is drawn: for M minutes, or seed N alone
  cargo xtask soak     a month of 10,000 jobs, accelerated
  cargo xtask sabotage [TEST]
                       breaks each guarantee on purpose, in a copy of the last commit: its test has to fail
  cargo xtask crash [--seed N] [--rounds N]
                       kills the program at random instants; CI does some rounds

Beyond Rust and a C compiler, the tests of what is packaged need systemd, D-Bus, dpkg, lintian and cargo-deb, those of
metrics promtool, and fuzzing a C++ compiler and cargo-fuzz. `test` installs what is missing: tools of cargo by cargo,
promtool into target/tools, out of Debian's package, and the others as root where there is apt-get. Tests that boot a
systemd of their own, in namespaces, take root. As root and in CI nothing is skipped; for anybody else tests that lack
something are skipped, and `test` says so before it starts them. CALLOFF_TEST_ALL=1 or 0 says otherwise.
";

const LINT: &[Step] = &[
    ("formatting", &["cargo", "fmt", "--all", "--check"]),
    ("formatting of fuzz", &["cargo", "fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]),
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
        ["test"] => run(LINT) && deny::deny_if_possible() && tools::install() && test(),
        ["lint"] => run(LINT),
        ["tools"] => tools::install(),
        ["dist"] => dist::dist().is_some(),
        ["deny"] => deny::deny(),
        ["mutants", files @ ..] if files.iter().all(|file| !file.starts_with('-')) => mutants::mutants(files),
        ["fuzz", arguments @ ..] if let Some(asked) = fuzz::Asked::parse(arguments) => fuzz::fuzz(&asked),
        ["simulate", asked @ ..] => match simulate::environment(asked) {
            Some(environment) => simulate::simulate(&environment),
            None => return usage(),
        },
        ["soak"] => simulate::soak(),
        ["sabotage"] => sabotage::sabotage(""),
        ["sabotage", test] => sabotage::sabotage(test),
        ["crash", arguments @ ..] => crash::crash(arguments),
        _ => return usage(),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    say(HELP);
    ExitCode::from(64)
}

/// The package is made first, as there are tests of it.
fn test() -> bool {
    let Some(package) = dist::dist() else { return false };
    let steps = if succeeds(&["cargo", "nextest", "--version"]) { NEXTEST } else { CARGO_TEST };
    let package = package.to_string_lossy();
    tools::announce();
    run_with(steps, &[tools::environment(), vec![("CALLOFF_DEB", &package)]].concat()) && fuzz::briefly()
}

#[expect(clippy::print_stderr, reason = "this is a tool for people at a terminal")]
fn say(text: &str) {
    eprintln!("{text}");
}
