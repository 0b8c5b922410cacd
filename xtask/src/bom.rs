//! The bill of materials: which crates, in which versions and under which licences, are in the program. It is in
//! `CycloneDX`'s format, for scanners that look for known weaknesses in what is installed.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::cargo_tool::CargoTool;
use crate::say;
use crate::steps::step;

const CARGO_CYCLONEDX: CargoTool = CargoTool { name: "cargo-cyclonedx", major: 0, minor: 5, profile: "dev" };

/// What the tool leaves beside the manifests of the workspace's programs; the first is wanted.
const LEFT: [&str; 2] = ["calloff_bin.cdx.json", "xtask/xtask_bin.cdx.json"];

/// Writes the program's bill to `file`. It is the same for the same commit, wherever it is made.
pub(crate) fn write(root: &Path, file: &Path) -> bool {
    if !CARGO_CYCLONEDX.install() {
        return false;
    }
    let mut command = Command::new("cargo");
    command
        .args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5", "--describe", "binaries"])
        .args(["--no-build-deps", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        // With it there is no random number in the bill, either.
        .env("SOURCE_DATE_EPOCH", date(root));
    let made = step("bill of materials", &mut command);
    let kept =
        made && kept(root, file).inspect_err(|error| say(&format!("── bill of materials: {error}"))).is_ok();
    for left in LEFT {
        // One that is not there needs no removal.
        drop(fs::remove_file(root.join(left)));
    }
    kept
}

/// Keeps the bill, without the folder that it was made in.
fn kept(root: &Path, file: &Path) -> io::Result<()> {
    let bill = fs::read_to_string(root.join(LEFT[0]))?;
    fs::write(file, placeless(&bill, root))
}

fn placeless(bill: &str, root: &Path) -> String {
    bill.replace(&format!("path+file://{}", root.display()), "path+file:///calloff")
}

/// The date that the bill bears, in seconds: that of the commit, unless whoever builds the package says another.
fn date(root: &Path) -> String {
    let commit = || {
        let git = Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root).output().ok()?;
        Some(String::from_utf8(git.stdout).ok()?.trim().to_owned()).filter(|date| !date.is_empty())
    };
    env::var("SOURCE_DATE_EPOCH").ok().or_else(commit).unwrap_or_else(|| "0".to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::placeless;

    #[test]
    fn a_bill_does_not_say_where_it_was_made() {
        let bill =
            r#"{"a":"path+file:///home/me/it#calloff@1","b":"path+file:///home/me/it/crates/core#core@1"}"#;
        let want = r#"{"a":"path+file:///calloff#calloff@1","b":"path+file:///calloff/crates/core#core@1"}"#;
        assert_eq!(placeless(bill, Path::new("/home/me/it")), want);
    }
}
