//! What is handed out: the program with its manual, completions and bill of materials, and the Debian package.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bom;
use crate::cargo_tool::CargoTool;
use crate::say;
use crate::steps::step;

/// Makes the package. A later minor version's packages will be right, too.
const CARGO_DEB: CargoTool = CargoTool { name: "cargo-deb", major: 3, minor: 8, profile: "release" };

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
        && bom::write(&root, &dist.join("calloff.cdx.json"))
        && CARGO_DEB.install();
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

fn told(name: &str, result: &io::Result<()>) -> bool {
    if let Err(error) = result {
        say(&format!("── {name} failed: {error}"));
    }
    result.is_ok()
}
