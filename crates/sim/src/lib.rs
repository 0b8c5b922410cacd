//! A simulator of Zoho CRM's backup endpoints.
//!
//! - [`scenario`] says which accounts and backups there are and what goes wrong: the TOML format is there.
//! - [`world`] is the simulated Zoho: a pure state machine.
//! - [`shared`] lets many callers use one world, over sockets or in process.
//! - [`server`] serves it over HTTP/1.1, on loopback only.
//!
//! Over a socket:
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use calloff_sim::{Scenario, Simulator};
//!
//! let simulator = Simulator::start("127.0.0.1:0".parse().unwrap(), Scenario::default()).await?;
//! println!("Zoho is at {}", simulator.url());
//! let cancels = simulator.world().lock().account("demo").map(|demo| demo.calls());
//! assert_eq!(cancels, Some(0));
//! simulator.stop().await;
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! In process, where the caller says what time it is:
//!
//! ```
//! # async fn example() -> Result<(), calloff_sim::Broken> {
//! use calloff_sim::{Scenario, SharedWorld, World};
//!
//! let now = "2026-11-23T12:00:00Z".parse().unwrap();
//! let world = SharedWorld::from(World::new(Scenario::default(), now));
//! let token = world.lock().issue_token("demo", now).unwrap();
//! let request = http::Request::put("/crm/bulk/v8/backup/4876876000001593003/actions/cancel")
//!     .header("Authorization", format!("Zoho-oauthtoken {token}"))
//!     .body(bytes::Bytes::new())
//!     .unwrap();
//! let answer = world.receive(&request, now).deliver().await?;
//! assert_eq!(answer.status(), 200);
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
//! ```
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
