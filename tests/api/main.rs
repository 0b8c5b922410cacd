//! What is served over HTTP to programs: the facts as JSON, held to `schemas/openapi.json`; who may see them; health.

#![allow(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod answers;
mod bounds;
mod description;
mod fixed;
mod health;
mod place;
mod questions;
mod reload;
