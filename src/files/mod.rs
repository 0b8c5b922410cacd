//! The files of a set-up: where `calloff.toml` is, the folder of jobs, and the secrets they refer to.

mod check;
mod find;
mod folder;
mod load;
mod read;
mod secret;

pub use check::{Report, check};
pub use find::{NoConfig, find_config};
pub use load::{Loaded, load, load_settings};
pub use secret::{SecretError, read_secret};
