//! Servers that are as bad as servers can be, over real sockets, and what the program makes of them: it ends in bounded
//! time and memory, puts the right outcome on record, and tells no secret.

#![allow(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod descriptors;
mod memory;
mod proxy;
mod resolve;
mod rude;
mod secure;
mod tls;
mod tokens;
mod triggered;
