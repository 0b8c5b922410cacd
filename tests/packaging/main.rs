//! What packages are made of: the units, and the program inside their sandbox.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

#[path = "../support/program.rs"]
#[expect(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod program;

mod machine;
mod sandbox;
mod tools;
mod units;
