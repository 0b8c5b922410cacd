//! `calloff plan` over many accounts, beside the physical limit: so many calls of so much latency, so many at once.
//!
//! `cargo bench --bench plan`. Benchmarks measure, tests decide: nothing is asserted here.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]
#![expect(clippy::disallowed_types, reason = "it measures time that nothing moves")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use calloff_sim::{Scenario, Simulator};

const ACCOUNTS: u32 = 200;
const AT_ONCE: u32 = 10;
const LATENCY: Duration = Duration::from_millis(50);
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let zoho =
        runtime.block_on(Simulator::start(([127, 0, 0, 1], 0).into(), Scenario::parse(&scenario())?))?;
    println!("{ACCOUNTS} accounts, {AT_ONCE} at once, {} ms a call", LATENCY.as_millis());
    for round in 0..ROUNDS {
        let folder = tempfile::tempdir()?;
        lay_out(folder.path(), &zoho.url())?;
        // A token and a look for each account; then a look alone, with the token cached.
        for (what, calls) in [("cold", 2), ("tokens cached", 1)] {
            let took = plan(folder.path())?;
            let limit = LATENCY * calls * ACCOUNTS / AT_ONCE;
            let times = took.as_secs_f64() / limit.as_secs_f64();
            println!("round {}: {what}: {took:.3?}, {times:.3} times the limit of {limit:?}", round + 1);
        }
    }
    runtime.block_on(zoho.stop());
    Ok(())
}

fn plan(folder: &Path) -> Result<Duration, Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_calloff"));
    command
        .args(["plan", "--json"])
        .current_dir(folder)
        .env("BENCH_SECRET", "no-secret-at-all")
        .env_remove("CALLOFF_CONFIG");
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let took = begun.elapsed();
    let rows = String::from_utf8_lossy(&output.stdout).lines().count();
    if !output.status.success() || rows < ACCOUNTS as usize {
        return Err(
            format!("{}, {rows} rows: {}", output.status, String::from_utf8_lossy(&output.stderr)).into()
        );
    }
    Ok(took)
}

fn scenario() -> String {
    let mut text = String::new();
    for account in 0..ACCOUNTS {
        write!(
            text,
            "[accounts.a{account}]\nclient_id = \"1000.A{account}\"\nlatency = \"{}ms\"\n\
             [[accounts.a{account}.backups]]\nid = \"42\"\nscheduled_date = \"+2d\"\n",
            LATENCY.as_millis()
        )
        .unwrap_or_default();
    }
    text
}

fn lay_out(folder: &Path, url: &str) -> std::io::Result<()> {
    let mut text = "timezone = \"UTC\"\n".to_owned();
    std::fs::create_dir(folder.join("jobs"))?;
    for account in 0..ACCOUNTS {
        write!(
            text,
            "[accounts.a{account}]\napi_domain = \"{url}\"\naccounts_url = \"{url}\"\nclient_id = \"1000.A{account}\"\n\
             client_secret = {{ env = \"BENCH_SECRET\" }}\nrefresh_token = {{ env = \"BENCH_SECRET\" }}\n"
        )
        .unwrap_or_default();
        let job =
            format!("account = \"a{account}\"\nbackups = [\"42\"]\n[schedule]\ncron = \"0 18 * * *\"\n");
        std::fs::write(folder.join(format!("jobs/a{account}.toml")), job)?;
    }
    std::fs::write(folder.join("calloff.toml"), text)
}
