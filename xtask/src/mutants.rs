//! Mutants: the core with one decision changed. One that no test notices shows what is not tested.

use std::path::Path;
use std::process::Command;

use crate::cargo_tool::CargoTool;
use crate::steps::step;

const CARGO_MUTANTS: CargoTool = CargoTool { name: "cargo-mutants", major: 27, minor: 1, profile: "release" };

/// The folder of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Tries the mutants of these files, or of those that .cargo/mutants.toml names; all of these take hours. What was found
/// is in target/mutants.out.
pub(crate) fn mutants(files: &[&str]) -> bool {
    CARGO_MUTANTS.install() && step("mutants", &mut command(files))
}

fn command(files: &[&str]) -> Command {
    let mut mutants = Command::new("cargo");
    mutants.args(["mutants", "--package", "calloff-core", "--output"]).arg(Path::new(ROOT).join("target"));
    mutants.args(files.iter().flat_map(|file| ["--file", file])).current_dir(ROOT);
    mutants
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn files_are_asked_for_one_by_one_or_not_at_all() {
        let arguments = |files: &[&str]| format!("{:?}", command(files));
        assert!(!arguments(&[]).contains("--file"));
        let two = arguments(&["crates/core/src/hold.rs", "crates/core/src/retry.rs"]);
        assert!(
            two.ends_with(r#""--file" "crates/core/src/hold.rs" "--file" "crates/core/src/retry.rs""#),
            "{two}"
        );
    }
}
