//! What is packaged: the units, the program inside their sandbox, the Debian package, the container.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

#[path = "../support/program.rs"]
#[expect(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod program;

mod bom;
mod by_hand;
mod container;
mod deb;
mod machine;
mod pull;
mod sandbox;
mod setup;
mod tools;
mod units;
