//! What a client sees over real sockets.

mod errors;
mod faults;
mod states;
mod support;
mod token;
