//! Prometheus's own tool, which tests read metrics, rules and their tests with. Debian's package of it would start a
//! server, so only the tool is taken out of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::say;
use crate::steps::step;
use crate::tools::{ALL, is_root, is_there};

/// Where the tests look for it, besides the path.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools");

/// Whether the tests will find it.
pub(crate) fn is_had() -> bool {
    is_there("promtool") || Path::new(FOLDER).join("promtool").is_file()
}

/// Gets it, if that is possible here, and says so if it is not.
pub(crate) fn install() -> bool {
    if is_had() {
        return true;
    }
    if !is_there("apt-get") || !is_there("dpkg-deb") {
        say(&format!("── not installed: promtool. Tests that need it are skipped, or fail with {ALL}=1"));
        return true;
    }
    let folder = Path::new(FOLDER).join("prometheus");
    if let Err(error) = fs::create_dir_all(&folder) {
        say(&format!("── {}: {error}", folder.display()));
        return false;
    }
    let download =
        || step("promtool", apt_get(&folder).args(["download", "--quiet", "--quiet", "prometheus"]));
    // Lists that are missing or old name a package that is not there.
    let is_loaded = download()
        || (is_root()
            && step("package lists", apt_get(&folder).args(["update", "--quiet", "--quiet"]))
            && download());
    is_loaded && unpack(&folder)
}

fn apt_get(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command.current_dir(folder).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn unpack(folder: &Path) -> bool {
    let package = match package(folder) {
        Ok(package) => package,
        Err(error) => {
            say(&format!("── {}: {error}", folder.display()));
            return false;
        }
    };
    step("promtool", Command::new("dpkg-deb").arg("-x").arg(package).arg(folder)) && keep(folder)
}

fn package(folder: &Path) -> io::Result<PathBuf> {
    let files = fs::read_dir(folder)?.flatten().map(|file| file.path());
    let mut packages = files.filter(|path| path.extension().is_some_and(|extension| extension == "deb"));
    packages.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no package"))
}

/// Keeps the tool, and nothing else of the package.
fn keep(folder: &Path) -> bool {
    let kept = fs::rename(folder.join("usr/bin/promtool"), Path::new(FOLDER).join("promtool"))
        .and_then(|()| fs::remove_dir_all(folder));
    if let Err(error) = &kept {
        say(&format!("── {}: {error}", folder.display()));
    }
    kept.is_ok()
}
