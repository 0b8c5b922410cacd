//! What the main job costs: ten thousand cancels, one cold cancel, an idle daemon.
//!
//! `cargo bench --bench cancel`, or `cargo bench --bench cancel -- quick` for a short form.
//!
//! It runs the real program in a temporary folder, against a server on loopback that is a process of its own, and
//! prints figures. It judges no time; but it ends with an error if a cancel is not on record.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]
#![expect(clippy::disallowed_types, reason = "it measures time that nothing moves")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded when they are shown")]

mod cold;
mod figures;
mod idle;
mod place;
mod server;
mod throughput;

use std::time::Duration;

use place::Place;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How much is measured.
struct Extent {
    cancels: usize,
    /// Rounds with an immediate answer, where chance weighs most.
    rounds: usize,
    cold: usize,
    idle: Duration,
}

const FULL: Extent = Extent { cancels: 10_000, rounds: 5, cold: 50, idle: Duration::from_secs(20) };
const QUICK: Extent = Extent { cancels: 1_000, rounds: 3, cold: 10, idle: Duration::from_secs(5) };

fn main() -> Result<()> {
    // cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", latency] => server::serve(Duration::from_millis(latency.parse()?)),
        [] => measure(&FULL),
        ["quick"] => measure(&QUICK),
        _ => Err("say nothing, or `quick`".into()),
    }
}

fn measure(extent: &Extent) -> Result<()> {
    println!("program: {}", place::program());
    println!("curl: {}", place::curl().unwrap_or("absent: what needs it is left out"));
    println!("a write of 4 KiB and fdatasync, median of 200: {}", figures::ms(place::sync_time()?));
    throughput::measure(extent)?;
    cold::measure(extent)?;
    idle::measure(extent)
}
