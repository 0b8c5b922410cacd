//! The examples and documents say what the program does.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use calloff::clock::{Clock as _, SystemClock};
use calloff::files;
use calloff_core::config::{Job, parse_job, parse_settings};
use calloff_core::diagnostic::Code;
use calloff_core::outcome::Outcome;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

#[test]
fn every_example_passes_check() {
    let mut checked = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let config = entry.unwrap().path().join("calloff.toml");
        if !config.exists() {
            // tests/examples.rs looks at what goes with other programs.
            continue;
        }
        let report = files::check(std::slice::from_ref(&config), None, SystemClock.now());
        // That clocks change is no fault of an example.
        let found: Vec<_> =
            report.diagnostics.iter().filter(|found| found.code != Code::ClockChange).collect();
        assert!(found.is_empty(), "{found:#?}");
        assert!(report.jobs > 0, "{} has no job", config.display());
        checked += 1;
    }
    assert!(checked >= 3, "{checked} examples");
}

#[test]
fn the_documented_scenario_is_the_one_that_the_simulator_is_tested_with() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let document = read("docs/simulator.md");
    let shown = document.split("```toml\n").nth(1).and_then(|block| block.split("```").next());
    assert_eq!(shown, Some(read("crates/sim/scenarios/example.toml").as_str()));
}

#[test]
fn the_files_in_the_readme_are_right() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<&str> =
        readme.split("```toml\n").skip(1).filter_map(|block| block.split("```").next()).collect();
    let [settings, job] = blocks.as_slice() else { panic!("{} TOML files in the README", blocks.len()) };
    let read = parse_settings("calloff.toml", settings, None);
    assert_eq!(read.settings.diagnostics, []);
    let name = "release-freeze".parse().unwrap();
    assert_eq!(parse_job(&name, "release-freeze.toml", job, &read.defaults).diagnostics, []);
}

#[test]
fn the_files_in_the_readme_are_those_that_init_writes() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let readme = read("README.md");
    let blocks: Vec<&str> =
        readme.split("```toml\n").skip(1).filter_map(|block| block.split("```").next()).collect();
    let template = read("src/cli/init/template/calloff.toml")
        .replace("timezone = \"UTC\"", "timezone = \"Europe/Berlin\"")
        .replace("1000.REPLACE_ME", "1000.ABCDEF");
    let [shown, written] = [blocks[0], &template].map(|text| parse_settings("calloff.toml", text, None));
    assert_eq!(shown.settings.value, written.settings.value);
    let template = read("src/cli/init/template/jobs/first.toml").replace("enabled = false", "enabled = true");
    let name = "release-freeze".parse().unwrap();
    let [shown, written] = [blocks[1], &template]
        .map(|text| parse_job(&name, "release-freeze.toml", text, &written.defaults).value)
        // In other words, but the same.
        .map(|job| job.map(|job| Job { text: "".into(), ..job }));
    assert!(shown.is_some());
    assert_eq!(shown, written);
}

#[test]
fn the_readme_explains_every_outcome_and_no_other() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split("| outcome |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows = table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next());
    let words: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    assert_eq!(rows.collect::<Vec<_>>(), words);
}

/// The names of all tests below a folder.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim_start) {
                let attribute = line.strip_prefix("#[").and_then(|rest| rest.split([']', '(']).next());
                is_test |=
                    attribute.is_some_and(|name| matches!(name.rsplit(':').next(), Some("test" | "rstest")));
                if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
                    found.insert(name.split(['(', '<']).next().unwrap_or_default().to_owned());
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn each_threat_and_each_guarantee_is_tied_to_a_test_that_there_is() {
    let mut tests = BTreeSet::new();
    for folder in ["src", "crates", "tests", "xtask"] {
        tests_in(&root().join(folder), &mut tests);
    }
    for (document, heading, least) in [
        ("docs/threat-model.md", "| threat | what is done | test |", 30),
        ("docs/guarantees.md", "| guarantee | what it means | test |", 9),
    ] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let tables = text.split(heading).skip(1);
        let rows = tables.flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')));
        let mut count = 0;
        for row in rows {
            let cell = row.rsplit('|').nth(1).unwrap_or_default();
            let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty(), "no test: {row}");
            for name in named {
                assert!(tests.contains(name) || name.starts_with("cargo "), "`{name}` is no test: {row}");
            }
            count += 1;
        }
        assert!(count >= least, "{count} rows in {document}");
    }
}
