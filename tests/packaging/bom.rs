//! The bill of materials that comes with the package: what is in the program, as `Cargo.lock` has it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use toml::Table;

use crate::deb::package;
use crate::tools;

const BILL: &str = "usr/share/doc/calloff/calloff.cdx.json";

/// Name, version and, of what comes from a registry, checksum.
type Crate = (String, String, Option<String>);

#[test]
fn the_bill_of_materials_lists_what_the_program_is_made_of() {
    let Some(bill) = bill() else { return };
    let listed = listed(&bill);
    let locked = locked();
    let foreign: Vec<&Crate> = listed.difference(&locked).collect();
    assert!(foreign.is_empty(), "not in Cargo.lock: {foreign:?}");
    let names: BTreeSet<&str> = listed.iter().map(|(name, ..)| name.as_str()).collect();
    for name in wanted() {
        assert!(names.contains(name.as_str()), "{name} is not listed: {names:?}");
    }
    for inner in ["calloff-core", "calloff-sim", "rustls", "ring", "libsqlite3-sys", "hyper"] {
        assert!(names.contains(inner), "{inner} is not listed: {names:?}");
    }
    for outer in ["opentelemetry", "fantoccini", "proptest", "cc"] {
        assert!(!names.contains(outer), "{outer} is not in the program");
    }
}

#[test]
fn the_bill_of_materials_is_the_same_wherever_it_is_made() {
    let Some(bill) = bill() else { return };
    assert_eq!(bill.get("serialNumber"), None, "a random number");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).to_str().unwrap();
    assert!(!bill.to_string().contains(root), "it names the folder of whoever made it");
    let (about, name) = (&bill["metadata"]["component"], env!("CARGO_PKG_NAME"));
    assert_eq!((&about["name"], &about["version"]), (&name.into(), &env!("CARGO_PKG_VERSION").into()));
}

fn bill() -> Option<Value> {
    let (Some(package), Some(())) = (package(), tools::all(&["dpkg-deb"])) else { return None };
    let folder = tempfile::tempdir().unwrap();
    tools::run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(folder.path()));
    Some(serde_json::from_str(&std::fs::read_to_string(folder.path().join(BILL)).unwrap()).unwrap())
}

fn listed(bill: &Value) -> BTreeSet<Crate> {
    let components = bill["components"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let read = |component: &Value| {
        let checksum = text(&component["hashes"][0]["content"]);
        (text(&component["name"]).unwrap(), text(&component["version"]).unwrap(), checksum)
    };
    components.map(read).collect()
}

fn locked() -> BTreeSet<Crate> {
    let lock: Table = include_str!("../../Cargo.lock").parse().unwrap();
    let text = |package: &toml::Value, key: &str| package.get(key)?.as_str().map(str::to_owned);
    let read = |package| {
        (text(package, "name").unwrap(), text(package, "version").unwrap(), text(package, "checksum"))
    };
    lock["package"].as_array().unwrap().iter().map(read).collect()
}

/// The dependencies that are there by default.
fn wanted() -> Vec<String> {
    let manifest: Table = include_str!("../../Cargo.toml").parse().unwrap();
    let is_optional = |value: &toml::Value| value.get("optional").is_some();
    let names = manifest["dependencies"].as_table().unwrap().iter();
    let wanted = names.filter(|(_, value)| !is_optional(value)).map(|(name, _)| name.clone());
    wanted.chain(["lettre".to_owned()]).collect()
}
