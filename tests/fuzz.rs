//! The kept inputs of the fuzzers, as ordinary tests: what held of them still holds. `cargo xtask fuzz` looks for more.

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a crate of its own for libFuzzer")]
mod properties;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use properties::TARGETS;
use rstest::rstest;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let name = |file: io::Result<fs::DirEntry>| file.expect("a readable folder").file_name();
    files.map(|file| name(file).into_string().expect("a name in ASCII")).collect()
}

#[test]
fn each_target_has_kept_inputs_and_is_what_cargo_fuzz_builds() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len());
    assert_eq!(names(&corpus()), targets);
    let programs = names(&corpus().with_file_name("fuzz_targets"));
    assert_eq!(programs, targets.iter().map(|name| format!("{name}.rs")).collect());
    for name in targets {
        let program = corpus().with_file_name("fuzz_targets").join(&name).with_extension("rs");
        assert!(fs::read_to_string(program).unwrap().contains(&format!("check(\"{name}\"")), "{name}");
        assert!(!names(&corpus().join(&name)).is_empty(), "{name} has no inputs");
    }
}

#[rstest]
fn what_held_of_kept_inputs_still_holds(
    #[values("answer", "config", "cron", "job", "recurrence", "scenario")] target: &str,
) {
    for name in names(&corpus().join(target)) {
        let input = fs::read(corpus().join(target).join(&name)).unwrap();
        // Shown if a property fails, so that one knows by what.
        eprintln!("{target}/{name}");
        properties::check(target, &input);
    }
}
