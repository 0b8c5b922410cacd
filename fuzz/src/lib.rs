//! What must hold of any bytes that come from outside: one function for each reader of them, which panics if it does not.
//!
//! libFuzzer calls these (`cargo xtask fuzz`), and so does an ordinary test, `tests/fuzz.rs`, which plays the kept inputs
//! in `corpus/` and is what reads this file in the workspace: it is compiled there as a module.

#![forbid(unsafe_code)]

mod answer;
mod config;
mod cron;
mod diagnostics;
mod job;
mod recurrence;
mod scenario;

/// What is tried with an input.
pub type Property = fn(&[u8]);

/// All targets: the names of their folders in `corpus/`, and what they try.
pub const TARGETS: [(&str, Property); 6] = [
    ("answer", answer::any_answer),
    ("config", config::any_config),
    ("cron", cron::any_expression),
    ("job", job::any_job),
    ("recurrence", recurrence::any_rule),
    ("scenario", scenario::any_scenario),
];

/// Tries one target by its name.
///
/// # Panics
///
/// If there is no such target, and if what must hold does not.
pub fn check(target: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    found.unwrap_or_else(|| panic!("there is no target `{target}`")).1(input);
}
