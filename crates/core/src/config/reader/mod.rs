//! A walk over a TOML document that finds every problem in one go, each with its place.

mod problems;
mod scalar;
mod suggest;
mod table;
mod value;

pub(super) use problems::{Problem, Problems};
pub(super) use scalar::{Span, bare};
pub use suggest::did_you_mean;
pub(super) use suggest::{distance, listed};
pub(super) use table::Table;
pub(super) use value::Value;
