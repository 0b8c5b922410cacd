//! Calls off scheduled Zoho CRM data backups, declaratively.
//!
//! This crate acts; what it decides is in `calloff-core`. The edges (`clock`, `store`, `zoho`…) don't import
//! one another; `cli` and `daemon` wire them.

pub mod clock;
pub mod daemon;
pub mod files;
pub mod render;
pub mod store;
pub mod zoho;
