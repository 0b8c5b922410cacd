//! What is counted, and what a scrape shows of it: Prometheus's text, by its client library.
//!
//! Whatever something happens in counts it here: [`Metrics`] is handed around as the clock is. What merely stands so is
//! not kept here but comes with each scrape, as a [`Scrape`]. All labels have few values, save for the names of jobs and
//! accounts; `docs/observability.md` has the table.

mod counted;
mod exposition;
mod labels;
mod process;
mod scrape;
mod series;

pub use counted::Metrics;
pub use exposition::Format;
pub use scrape::{AccountRow, JobRow, Scrape};
