//! Calls off scheduled Zoho CRM data backups, declaratively.
//!
//! This crate acts; what it decides is in `calloff-core`. The edges (`clock`, `store`, `zoho`…) don't import
//! one another; `cli` and `daemon` wire them. Whatever is written to last goes through `failpoint`.

pub mod cli;
pub mod clock;
pub mod control;
pub mod daemon;
pub mod descriptors;
pub mod error;
mod failpoint;
pub mod files;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod notify;
pub mod render;
pub mod report;
pub mod store;
pub mod systemd;
pub mod zoho;
