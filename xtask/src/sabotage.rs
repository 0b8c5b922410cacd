//! `cargo xtask sabotage`: each guarantee is broken on purpose, by one line, and its test has to fail.
//!
//! A table of such lines is the proof that the tests hold what they are named after. It works on a copy of the last
//! commit, with a target folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::say;
use crate::steps::{of_nobody, step, succeeds};

/// A line that breaks a guarantee, and the test that has to notice.
struct Sabotage {
    /// The test, by its whole name in its binary.
    test: &'static str,
    /// The binary, as cargo is asked for it.
    binary: &'static [&'static str],
    file: &'static str,
    /// The line as it is, without its indentation. It is there once.
    line: &'static str,
    /// What stands there instead.
    broken: &'static str,
}

const GUARANTEES: &[&str] = &["--test", "guarantees"];
const LIB: &[&str] = &["--lib"];

const TABLE: &[Sabotage] = &[
    Sabotage {
        test: "an_outcome_is_durable_before_it_is_reported_anywhere",
        binary: GUARANTEES,
        file: "src/daemon/worker.rs",
        line: "let writing = self.store.ended(run.run_id, endings, keep_open, self.clock.now());",
        broken: "announce_all(&run, &targets); let writing = self.store.ended(run.run_id, endings, keep_open, self.clock.now());",
    },
    Sabotage {
        test: "killed_at_any_instant_every_due_occurrence_ends_in_exactly_one_terminal_state",
        binary: GUARANTEES,
        file: "src/store/runs.rs",
        line: "if let Some(missed) = &claim.missed {",
        broken: "if let Some(missed) = claim.missed.as_ref().filter(|_| false) {",
    },
    Sabotage {
        test: "every_target_is_really_cancelled_or_reported_as_not",
        binary: GUARANTEES,
        file: "crates/core/src/outcome.rs",
        line: "(200..=399 | 429 | 500..=599, _) => None,",
        broken: "(500..=599, _) => Some(Outcome::Cancelled), (200..=399 | 429, _) => None,",
    },
    Sabotage {
        test: "a_run_under_way_is_taken_up_again",
        binary: GUARANTEES,
        file: "src/store/owner.rs",
        line: "id != self.id && !is_locked(&path(&self.folder, id))",
        broken: "id != self.id && !is_locked(&path(&self.folder, id)) && id.is_empty()",
    },
    Sabotage {
        test: "what_was_scheduled_is_stored_before_the_cancel_is_sent",
        binary: GUARANTEES,
        file: "src/daemon/decide.rs",
        line: "if let Some(live) = live.filter(|_| orders.restore) {",
        broken: "if let Some(live) = live.filter(|_| false) {",
    },
    Sabotage {
        test: "store::schema::tests::the_record_is_in_wal_mode_with_full_synchronous",
        binary: LIB,
        file: "src/store/schema.rs",
        line: "connection.pragma_update(None, \"synchronous\", \"FULL\")?;",
        broken: "connection.pragma_update(None, \"synchronous\", \"NORMAL\")?;",
    },
    Sabotage {
        test: "a_locked_database_never_stops_a_due_cancel",
        binary: GUARANTEES,
        file: "src/daemon/runner.rs",
        line: "match tokio::time::timeout(PATIENCE, &mut claiming).await {",
        broken: "match tokio::time::timeout(PATIENCE * 100, &mut claiming).await {",
    },
    Sabotage {
        test: "a_full_disk_never_stops_a_due_cancel",
        binary: GUARANTEES,
        file: "src/daemon/runner.rs",
        line: "match tokio::time::timeout(PATIENCE, &mut claiming).await {",
        broken: "match tokio::time::timeout(PATIENCE * 100, &mut claiming).await {",
    },
    Sabotage {
        test: "it_degrades_health_and_is_caught_up_later",
        binary: GUARANTEES,
        file: "src/daemon/health.rs",
        line: "if let Some(store::Health::Failing(why)) = store.map(|store| store.health().borrow().clone()) {",
        broken: "if let Some(store::Health::Failing(why)) = store.filter(|_| false).map(|store| store.health().borrow().clone()) {",
    },
    Sabotage {
        test: "it_degrades_health_and_is_caught_up_later",
        binary: GUARANTEES,
        file: "src/store/writer.rs",
        line: "| ErrorCode::DiskFull",
        broken: "",
    },
];

impl Sabotage {
    /// The file's text with the guarantee broken; nothing if the line is not there once.
    fn apply(&self, text: &str) -> Option<String> {
        let is_it = |line: &&str| line.trim() == self.line;
        if text.lines().filter(is_it).count() != 1 {
            return None;
        }
        let lines = text.lines().map(|line| if line.trim() == self.line { self.broken } else { line });
        Some(lines.collect::<Vec<_>>().join("\n") + "\n")
    }
}

/// Where it is done.
struct Copy {
    root: PathBuf,
    tree: PathBuf,
}

impl Copy {
    fn make() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.to_owned();
        let copy = Self { tree: root.join("target/sabotage/tree"), root };
        // One that was interrupted has left its own.
        copy.remove();
        let mut add = copy.git(&["worktree", "add", "--detach", "--force"]);
        step("a copy of the last commit", add.arg(&copy.tree).arg("HEAD")).then_some(copy)
    }

    fn git(&self, arguments: &[&str]) -> Command {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.root).args(arguments);
        git
    }

    fn remove(&self) {
        // It may not be there.
        drop(self.git(&["worktree", "remove", "--force"]).arg(&self.tree).output());
    }

    fn cargo(&self, sabotage: &Sabotage, more: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["test", "--package", "calloff", "--all-features", "--locked"])
            .args(sabotage.binary)
            .args(more)
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", self.root.join("target/sabotage/target"))
            .env("CARGO_INCREMENTAL", "0")
            .env("CALLOFF_TEST_ALL", "1");
        cargo
    }

    fn test(&self, sabotage: &Sabotage) -> Command {
        self.cargo(sabotage, &["--", "--exact", sabotage.test])
    }

    /// Breaks one guarantee, and has its test run; whether that fails, as it has to.
    fn is_noticed(&self, sabotage: &Sabotage) -> bool {
        let path = self.tree.join(sabotage.file);
        let Some((right, broken)) = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| sabotage.apply(&text).map(|broken| (text, broken)))
        else {
            say(&format!("── {}: the line is not there once: {}", sabotage.file, sabotage.line));
            return false;
        };
        let is_noticed = std::fs::write(&path, broken).is_ok()
            && step("sabotaged", &mut self.cargo(sabotage, &["--no-run"]))
            && !succeeds_quietly(&mut self.test(sabotage));
        let said = if is_noticed { "noticed" } else { "NOT NOTICED" };
        say(&format!("── {said} by {}: {} in {}", sabotage.test, sabotage.line, sabotage.file));
        std::fs::write(&path, right).is_ok() && is_noticed
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.remove();
    }
}

fn succeeds_quietly(command: &mut Command) -> bool {
    of_nobody(command).output().is_ok_and(|output| output.status.success())
}

/// Breaks each guarantee whose test's name contains `wanted`; whether each is held by its test.
pub(crate) fn sabotage(wanted: &str) -> bool {
    if !succeeds(&["git", "--version"]) {
        say("── git is not installed");
        return false;
    }
    let chosen = || TABLE.iter().filter(|sabotage| sabotage.test.contains(wanted));
    if chosen().next().is_none() {
        say(&format!("── no guarantee has a test whose name contains `{wanted}`"));
        return false;
    }
    let Some(copy) = Copy::make() else { return false };
    let hold = |sabotage: &Sabotage| step("as it is", &mut copy.test(sabotage));
    chosen().all(hold) && chosen().filter(|sabotage| !copy.is_noticed(sabotage)).count() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_there_once_and_each_test_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for sabotage in TABLE {
            let text = std::fs::read_to_string(root.join(sabotage.file)).unwrap();
            assert!(sabotage.apply(&text).is_some(), "{}: {}", sabotage.file, sabotage.line);
            let (module, name) = sabotage.test.rsplit_once("::tests::").unwrap_or(("", sabotage.test));
            let file = match sabotage.binary {
                ["--test", binary] => format!("tests/{binary}.rs"),
                _ => format!("src/{}.rs", module.replace("::", "/")),
            };
            let tests = std::fs::read_to_string(root.join(&file)).unwrap();
            assert!(tests.contains(&format!("fn {name}()")), "{file}: {name}");
        }
    }
}
