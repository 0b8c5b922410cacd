//! The files of a set-up: where `calloff.toml` is, the folder of jobs, and the secrets they refer to.

mod check;
mod find;
mod folder;
mod fresh;
mod load;
mod loader;
mod read;
mod secret;
mod stamp;
mod watcher;

pub use check::{Report, check};
pub use find::{NoConfig, find_config};
pub use fresh::{FreshError, FreshSecret, UnplacedError};
pub use load::{Loaded, Wrong, load, load_settings};
pub use loader::{Loader, Scan};
pub use secret::{SecretError, read_secret};
pub use watcher::Watcher;
