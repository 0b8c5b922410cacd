//! A simulator of Zoho CRM's backup endpoints.
//!
//! - [`scenario`] says which accounts and backups there are and what goes wrong: the TOML format is there.
//! - [`world`] is the simulated Zoho: a pure state machine.
//! - [`shared`] lets many callers use one world, over sockets or in process.
//! - [`server`] serves it over HTTP/1.1, on loopback only.
//!
//! It answers as Zoho documents, and shares no logic with the client that is tested against it.

pub mod code;
pub mod fault;
pub mod scenario;
pub mod server;
pub mod shared;
pub mod world;

pub use code::{Code, Envelope};
pub use fault::{Fault, Step, TokenFault};
pub use scenario::{Scenario, ScenarioError, Status};
pub use server::{Running, Simulator};
pub use shared::{Broken, SharedWorld, Visit};
pub use world::{Account, Answer, Cut, Endpoint, Reaction, Request, Seen, World};
