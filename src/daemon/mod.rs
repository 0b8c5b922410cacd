//! The shell that acts: accounts, workers, the engine and its beat, wired together.

mod accounts;
mod agenda;
mod beat;
mod engine;
mod runner;
mod watch;
mod worker;

pub use accounts::{Access, Accounts, Surroundings};
pub use agenda::{Agenda, Due};
pub use beat::{Alarm, Beat};
pub use engine::Engine;
pub use runner::{Fired, Runner};
pub use worker::{Ended, Worker};
