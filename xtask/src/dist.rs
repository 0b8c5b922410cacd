//! What is handed out: the program with its manual and completions, and the Debian package.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::say;
use crate::steps::step;

/// The version of cargo-deb whose packages are known to be right; a later minor one will do.
const CARGO_DEB: (u32, u32) = (3, 8);

/// A shell, and what the file with its completions is called.
const COMPLETIONS: &[(&str, &str)] = &[("bash", "calloff"), ("zsh", "_calloff"), ("fish", "calloff.fish")];

/// The folder of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Makes everything in target/dist; the path of the package.
pub(crate) fn dist() -> Option<PathBuf> {
    let root = Path::new(ROOT).canonicalize().ok()?;
    let dist = root.join("target/dist");
    let built = step(
        "the program",
        Command::new("cargo").args(["build", "--release", "--locked"]).current_dir(&root),
    );
    if !built || !told("target/dist", &fresh(&dist)) {
        return None;
    }
    let program = root.join("target/release/calloff");
    let made = step("manual", Command::new(&program).args(["man", "--dir"]).arg(dist.join("man")))
        && told("completions", &completions(&program, &dist.join("completions")))
        && cargo_deb();
    let package = dist.join("calloff.deb");
    let mut deb = Command::new("cargo");
    deb.args(["deb", "--no-build", "--locked", "--output"]).arg(&package).current_dir(&root);
    (made && step("Debian package", &mut deb)).then_some(package)
}

fn fresh(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder.join("completions"))
}

fn completions(program: &Path, folder: &Path) -> io::Result<()> {
    for (shell, name) in COMPLETIONS {
        let file = File::create(folder.join(name))?;
        let status = Command::new(program).args(["completions", shell]).stdout(file).status()?;
        if !status.success() {
            return Err(io::Error::other(format!("{shell}: {status}")));
        }
    }
    Ok(())
}

/// Installs cargo-deb if it is missing or too old. It is a tool of packagers, not a dependency.
fn cargo_deb() -> bool {
    let version = Command::new("cargo").args(["deb", "--version"]).output();
    let (major, minor) = CARGO_DEB;
    version.is_ok_and(|version| will_do(&String::from_utf8_lossy(&version.stdout)))
        || step(
            "cargo-deb",
            Command::new("cargo")
                .args(["install", "cargo-deb", "--locked", "--version"])
                .arg(format!("^{major}.{minor}")),
        )
}

/// Whether it is a version that this project takes: `cargo-deb 3.8.0`.
fn will_do(version: &str) -> bool {
    let number = version.trim().strip_prefix("cargo-deb ").unwrap_or_default();
    let mut parts = number.split('.').map(str::parse::<u32>);
    let (major, minor) = (parts.next(), parts.next());
    major == Some(Ok(CARGO_DEB.0)) && minor.is_some_and(|minor| minor.is_ok_and(|minor| minor >= CARGO_DEB.1))
}

fn told(name: &str, result: &io::Result<()>) -> bool {
    if let Err(error) = result {
        say(&format!("── {name} failed: {error}"));
    }
    result.is_ok()
}

#[cfg(test)]
mod tests {
    use super::will_do;

    #[test]
    fn an_older_cargo_deb_is_replaced() {
        assert!(will_do("cargo-deb 3.8.0\n") && will_do("cargo-deb 3.10.1\n"));
        for other in ["cargo-deb 3.7.9", "cargo-deb 2.12.0", "cargo-deb 4.0.0", "cargo-deb", "", "3.8.0"] {
            assert!(!will_do(other), "{other:?}");
        }
    }
}
