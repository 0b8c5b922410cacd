//! No durable write is forgotten: each that the source makes passes a failpoint, and a test comes by each of these.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::once::Story;
use crate::support::program::{Place, signal};

/// By what something is written to last: of the standard library, SQLite and tempfile.
const WRITES: [&str; 16] = [
    "fs::rename(",
    "fs::write(",
    "fs::copy(",
    "fs::hard_link(",
    "fs::remove_",
    "fs::create_dir",
    "File::create",
    "File::options(",
    "OpenOptions::new(",
    "DirBuilder::new(",
    "UnixListener::bind(",
    ".sync_all(",
    ".sync_data(",
    ".persist",
    ".commit()",
    "\"journal_mode\"",
];

/// Files whose writes pass none, and why.
const PASS_NONE: [(&str, &str); 4] = [
    ("failpoint.rs", "it is what they would pass"),
    ("cli/demo.rs", "the demo's folder goes when it ends"),
    ("cli/man/mod.rs", "a packager's folder, made anew each time"),
    ("cli/init/mod.rs", "a person sees what is there, and nothing that is there is written to"),
];

/// How far from a write its failpoint may be, in lines: options are put together before a file is opened with them.
const NEAR: usize = 3;

fn source() -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = vec![];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is there") {
            let path: PathBuf = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("it is text");
                let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").map(str::to_owned);
                let name = path.strip_prefix(&root).expect("it is below").to_string_lossy().into_owned();
                files.push((name, lines.collect()));
            }
        }
    }
    files
}

#[test]
fn every_durable_write_passes_a_failpoint() {
    let mut unpassed = vec![];
    for (file, lines) in source() {
        let passes_none = PASS_NONE.iter().any(|(name, _)| *name == file);
        for (number, line) in lines.iter().enumerate() {
            let writes = WRITES.iter().any(|word| line.contains(word));
            let near = &lines[number.saturating_sub(NEAR)..lines.len().min(number + NEAR + 1)];
            if writes && !passes_none && !near.iter().any(|line| line.contains("durably(\"")) {
                unpassed.push(format!("src/{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(unpassed.is_empty(), "make these within `failpoint::durably`:\n{}", unpassed.join("\n"));
}

/// The names of all failpoints.
fn failpoints() -> BTreeSet<String> {
    let names = |line: &String| Some(line.split_once("durably(\"")?.1.split_once('"')?.0.to_owned());
    source().iter().flat_map(|(_, lines)| lines.iter().filter_map(names)).collect()
}

#[test]
fn every_failpoint_is_passed_by_a_story() {
    let noted = tempfile::NamedTempFile::new().expect("there is room");
    let call = |place: &Place, kill: &str, args: &[&str]| {
        let mut command = place.command(args);
        let output = command.env("CALLOFF_WRITES", noted.path()).env("CALLOFF_KILL", kill).output();
        drop(output.expect("it is there"));
    };
    let story = Story::new();
    // One that is killed leaves something to be swept.
    for kill in ["after:owner.named:1", "never:0"] {
        call(&story.place, kill, &Story::CALL);
    }
    // So does a daemon.
    for name in ["KILL", "TERM"] {
        let mut daemon = story.place.command(&["run"]);
        let daemon = daemon.env("CALLOFF_WRITES", noted.path()).stderr(std::process::Stdio::piped()).spawn();
        let daemon = daemon.expect("it can be started");
        let socket = story.place.path("state/calloff.sock");
        story
            .place
            .wait_until("it can be heard", |_| std::os::unix::net::UnixStream::connect(&socket).is_ok());
        let owns = |_: &Place| {
            std::fs::read_dir(story.place.path("state/owners")).is_ok_and(|mut it| it.next().is_some())
        };
        story.place.wait_until("it works", owns);
        signal(&daemon, name);
        drop(daemon.wait_with_output());
    }
    let place = crate::exchange::place();
    call(&place, "never:0", &crate::exchange::CALL);
    let passed: BTreeSet<String> =
        std::fs::read_to_string(noted.path()).expect("it is text").lines().map(str::to_owned).collect();
    let never: Vec<_> = failpoints().difference(&passed).cloned().collect();
    assert!(never.is_empty(), "no story comes by these: {never:?}");
}
