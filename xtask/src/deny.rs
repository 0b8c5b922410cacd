//! What the dependencies may be: `deny.toml`, held by cargo-deny.

use std::process::Command;

use crate::cargo_tool::CargoTool;
use crate::say;
use crate::steps::{step, succeeds};
use crate::tools::strict;

const CARGO_DENY: CargoTool = CargoTool { name: "cargo-deny", major: 0, minor: 20, profile: "dev" };

/// Checks what can be told of the tree alone, and known weaknesses where their list can be had.
pub(crate) fn deny() -> bool {
    CARGO_DENY.install() && check("dependencies", &["bans", "licenses", "sources"]) && advisories()
}

/// The same as one test among others: where cargo-deny can't be had, that is a failure if nothing is to be skipped.
pub(crate) fn deny_if_possible() -> bool {
    if CARGO_DENY.install() {
        return deny();
    }
    say("── SKIPPED: what dependencies may be, which takes cargo-deny");
    !strict()
}

/// The list is somebody else's and changes by the day. That it can't be had says nothing against a change.
fn advisories() -> bool {
    if !succeeds(&["cargo", "deny", "fetch", "db"]) {
        say("── NOT CHECKED: known weaknesses of dependencies, whose list (RustSec) could not be fetched");
        return true;
    }
    check("known weaknesses", &["advisories"])
}

fn check(name: &str, checks: &[&str]) -> bool {
    let mut deny = Command::new("cargo");
    step(name, deny.args(["deny", "--locked", "check", "--hide-inclusion-graph"]).args(checks))
}
