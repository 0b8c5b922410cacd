//! Schedules and the agenda against oracles that share no code with them.

mod agenda;
mod docs;
mod expressions;
mod oracle;
mod zones;
