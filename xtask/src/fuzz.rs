//! Coverage-guided tests: libFuzzer looks for inputs for which something does not hold that `fuzz/src` says.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo_tool::CargoTool;
use crate::say;
use crate::steps::step;
use crate::tools::{is_there, strict};

/// What builds the targets. Without a sanitizer, which there is no need of where nothing is unsafe, stable Rust will do.
const CARGO_FUZZ: CargoTool = CargoTool { name: "cargo-fuzz", major: 0, minor: 13, profile: "dev" };

/// The folder of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Where targets are built. Beside the other builds, whose flags are others.
const BUILT: &str = "target/fuzz";

/// What a run without figures takes for each target, in seconds.
const SECONDS: u32 = 20;

/// What each target takes as one test among others, in seconds: enough to see that nothing near at hand breaks it.
const BRIEFLY: u32 = 10;

/// An input that takes longer is a failure, in seconds. The slowest that are known take milliseconds.
const PATIENCE: u32 = 10;

/// What is asked for on the command line: targets, and how long each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    targets: Vec<String>,
    seconds: u32,
}

impl Asked {
    /// All targets, for this long each.
    fn all(seconds: u32) -> Self {
        Self { targets: Vec::new(), seconds }
    }

    /// What the arguments ask for: `[TARGET…] [--seconds N]`; `None` if they make no sense.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut asked = Self::all(SECONDS);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--seconds" => asked.seconds = arguments.next()?.parse().ok().filter(|n| *n > 0)?,
                option if option.starts_with('-') => return None,
                target => asked.targets.push(target.to_owned()),
            }
        }
        Some(asked)
    }
}

/// Builds the targets and runs those that are asked for, one after the other, until one finds something.
///
/// What is found on the way is kept in target/fuzz/corpus, for the next time; an input that breaks something is kept in
/// target/fuzz/artifacts, and its path is printed.
pub(crate) fn fuzz(asked: &Asked) -> bool {
    let all = match targets() {
        Ok(all) => all,
        Err(error) => {
            say(&format!("── fuzz/fuzz_targets: {error}"));
            return false;
        }
    };
    if let Some(unknown) = asked.targets.iter().find(|name| !all.contains(name)) {
        say(&format!("── there is no target `{unknown}`: there are {}", all.join(", ")));
        return false;
    }
    let chosen = if asked.targets.is_empty() { &all } else { &asked.targets };
    CARGO_FUZZ.install() && build() && chosen.iter().all(|target| run(target, asked.seconds))
}

/// Runs all targets for a short time, where they can be built. Where not, that is a failure if nothing is to be skipped.
pub(crate) fn briefly() -> bool {
    if is_there("c++") && CARGO_FUZZ.install() {
        return fuzz(&Asked::all(BRIEFLY));
    }
    say("── SKIPPED: fuzzing, which takes cargo-fuzz and a C++ compiler");
    !strict()
}

fn targets() -> io::Result<Vec<String>> {
    let files = fs::read_dir(Path::new(ROOT).join("fuzz/fuzz_targets"))?;
    let mut names = files
        .map(|file| Ok(file?.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn cargo_fuzz(command: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["fuzz", command, "--sanitizer", "none", "--target-dir", BUILT]).current_dir(ROOT);
    cargo
}

fn build() -> bool {
    step("fuzz targets", &mut cargo_fuzz("build"))
}

fn run(target: &str, seconds: u32) -> bool {
    let folders = [folder("corpus", target), folder("artifacts", target)];
    if let Err(error) = folders.iter().try_for_each(fs::create_dir_all) {
        say(&format!("── {BUILT}: {error}"));
        return false;
    }
    let [found, broken] = folders;
    let mut fuzz = cargo_fuzz("run");
    // What is new goes to the first folder of inputs; what is kept in git stays as it is.
    fuzz.arg(target).arg(found).arg(Path::new("fuzz/corpus").join(target)).arg("--");
    fuzz.args([
        format!("-dict=fuzz/dictionaries/{target}.dict"),
        format!("-max_total_time={seconds}"),
        format!("-timeout={PATIENCE}"),
        format!("-artifact_prefix={}/", broken.display()),
        "-verbosity=1".to_owned(),
        "-print_final_stats=1".to_owned(),
    ]);
    step(&format!("fuzzing {target}"), &mut fuzz)
}

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(ROOT).join(BUILT).join(kind).join(target)
}

#[cfg(test)]
mod tests {
    use super::{Asked, SECONDS, targets};

    #[test]
    fn targets_and_seconds_are_asked_for_in_any_order() {
        let asked = |targets: &[&str], seconds| {
            Some(Asked { targets: targets.iter().map(ToString::to_string).collect(), seconds })
        };
        assert_eq!(Asked::parse(&[]), asked(&[], SECONDS));
        assert_eq!(Asked::parse(&["cron"]), asked(&["cron"], SECONDS));
        assert_eq!(Asked::parse(&["--seconds", "5", "cron", "job"]), asked(&["cron", "job"], 5));
        assert_eq!(Asked::parse(&["cron", "--seconds", "5"]), asked(&["cron"], 5));
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--seconds", "soon"], &["--minutes", "1"]] {
            assert_eq!(Asked::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn there_are_targets_and_each_has_a_dictionary() {
        let targets = targets().unwrap();
        assert!(targets.len() > 3, "{targets:?}");
        for target in targets {
            let dictionary =
                std::path::Path::new(super::ROOT).join(format!("fuzz/dictionaries/{target}.dict"));
            assert!(dictionary.is_file(), "{}", dictionary.display());
        }
    }
}
