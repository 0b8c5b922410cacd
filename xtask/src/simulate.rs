//! The tests that take as long as one wants: optimised, one after the other, and telling what they find.

use crate::steps::{Step, run_with};

const SIMULATE: &[Step] = &[("simulation", &long("simulation"))];
const SOAK: &[Step] = &[("soak", &long("soak"))];

const fn long(test: &str) -> [&str; 14] {
    [
        "cargo",
        "test",
        "--release",
        "--package",
        "calloff",
        "--all-features",
        "--locked",
        "--test",
        test,
        "--",
        "--ignored",
        "--nocapture",
        "--exact",
        "as_long_as_one_wants",
    ]
}

/// What `--seed` and `--minutes` are handed over as; nothing if something else was asked for.
pub(crate) fn environment<'a>(asked: &[&'a str]) -> Option<Vec<(&'static str, &'a str)>> {
    let (pairs, []) = asked.as_chunks::<2>() else { return None };
    let variable = |[flag, value]: &[&'a str; 2]| {
        value.parse::<u64>().ok()?;
        match *flag {
            "--seed" => Some(("CALLOFF_SEED", *value)),
            "--minutes" => Some(("CALLOFF_MINUTES", *value)),
            _ => None,
        }
    };
    pairs.iter().map(variable).collect()
}

/// Plays cases, or one.
pub(crate) fn simulate(environment: &[(&str, &str)]) -> bool {
    run_with(SIMULATE, environment)
}

/// Plays the month.
pub(crate) fn soak() -> bool {
    run_with(SOAK, &[])
}
