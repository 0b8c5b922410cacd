//! The simulated Zoho as a state machine: a request and an instant go in, an answer and what is to be done
//! with it come out. No I/O, no clock, no waiting.

mod account;
mod answer;
mod backup;
mod history;
mod machine;
mod oauth;
mod queue;
mod route;
mod rrule;
mod seen;

pub use account::Account;
pub use answer::{Answer, Cut};
pub use backup::Backup;
pub use machine::{InFlight, Reaction, Request, World};
pub use route::Endpoint;
pub use seen::Seen;
