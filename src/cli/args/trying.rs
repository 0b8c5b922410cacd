//! Commands to try things out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::duration;

/// `calloff sim`
#[derive(Debug, Args)]
#[command(after_help = "\
It prints each request that it receives. Without a scenario it serves a small embedded one;
docs/simulator.md has the format of a scenario, with every key.

Examples:
  calloff sim
  calloff sim --listen 127.0.0.1:8900 --scenario scenario.toml")]
pub struct SimArgs {
    /// Where to listen: a loopback address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8900")]
    pub listen: SocketAddr,
    /// Accounts, backups and faults to simulate
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
}

/// `calloff demo`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calloff demo                  the jobs of the repository, for 20 seconds
  calloff demo --story hold     a window opens, a backup comes back, the window closes")]
pub struct DemoArgs {
    /// What to show
    #[arg(long, value_enum, default_value_t = Story::Jobs)]
    pub story: Story,
    /// How long to run; at most, for a story that ends by itself [default: 20s, hold: 50s]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub length: Option<Duration>,
}

/// What the demo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Story {
    /// The jobs of the repository: cancels, retries, conditions, failures
    Jobs,
    /// A window that is held, and the schedule that is put back when it closes
    Hold,
}
