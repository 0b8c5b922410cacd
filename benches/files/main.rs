//! The daemon over many job files: how long a start takes, what a reload of one changed file costs, and whether jobs
//! fire meanwhile.
//!
//! `cargo bench --bench files`, or `-- 10000` for so many files. Benchmarks measure, tests decide: nothing is asserted
//! here.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "it measures time that nothing moves"
)]

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use calloff_sim::{Scenario, Simulator};
use serde_json::Value;

const SIZES: [usize; 2] = [10_000, 100_000];
const RELOADS: usize = 5;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(2);

fn main() -> Result<(), Box<dyn Error>> {
    let asked: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if asked.is_empty() { SIZES.to_vec() } else { asked };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let scenario = "[accounts.acme]\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n";
    let zoho = runtime.block_on(Simulator::start(([127, 0, 0, 1], 0).into(), Scenario::parse(scenario)?))?;
    for files in sizes {
        let folder = tempfile::tempdir()?;
        lay_out(folder.path(), &zoho.url(), files)?;
        measure(folder.path(), files)?;
    }
    runtime.block_on(zoho.stop());
    Ok(())
}

fn measure(folder: &Path, files: usize) -> Result<(), Box<dyn Error>> {
    // The first start writes where each schedule stands.
    for what in ["first start", "start"] {
        let (daemon, _log, took) = start(folder)?;
        println!(
            "{files} files: {what} in {took:.2?}, {:.1?} of CPU, {} MB",
            cpu(&daemon)?,
            memory(&daemon)?
        );
        stop(daemon)?;
    }
    let (daemon, log, _) = start(folder)?;
    for reload in 1..=RELOADS {
        // What was just written is read once more; then it rests.
        std::thread::sleep(Duration::from_secs(3));
        drop(ask(folder, &["reload"])?);
        let fired = drain(&log);
        let (before, begun) = (cpu(&daemon)?, Instant::now());
        fs::write(folder.join("jobs/0/0.toml"), job(&format!("0 18 {reload} * *")))?;
        drop(ask(folder, &["reload"])?);
        let (took, cost) = (begun.elapsed(), cpu(&daemon)?.saturating_sub(before));
        std::thread::sleep(Duration::from_secs(1));
        let lateness = fired.into_iter().chain(drain(&log)).max().unwrap_or_default();
        println!(
            "{files} files: reload of one in {took:.2?}, {cost:.1?} of CPU; a job due each second at most {lateness} ms late"
        );
    }
    println!("{files} files: {} MB after that", memory(&daemon)?);
    let (before, begun) = (cpu(&daemon)?, Instant::now());
    std::thread::sleep(Duration::from_mins(1));
    let share = (cpu(&daemon)?.saturating_sub(before)).as_secs_f64() / begun.elapsed().as_secs_f64();
    println!("{files} files: {:.2} % of a core while nothing changes", share * 100.0);
    stop(daemon)
}

/// Starts the daemon; gives what it logs, and how long it took until it worked.
fn start(folder: &Path) -> Result<(Child, Receiver<Value>, Duration), Box<dyn Error>> {
    let begun = Instant::now();
    let mut daemon = command(folder, &["run"]).stderr(Stdio::piped()).spawn()?;
    let lines = BufReader::new(daemon.stderr.take().ok_or("no log")?).lines();
    let (sender, log) = channel();
    std::thread::spawn(move || {
        for value in lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()) {
            if sender.send(value).is_err() {
                return;
            }
        }
    });
    loop {
        let line: Value = log.recv_timeout(PATIENCE)?;
        if line["event"] == "daemon.started" {
            return Ok((daemon, log, begun.elapsed()));
        }
    }
}

/// How late the runs that have begun since were, in milliseconds.
fn drain(log: &Receiver<Value>) -> Vec<i64> {
    let begun = log.try_iter().filter(|line| line["event"] == "run.start");
    begun.filter_map(|line| line["lateness_ms"].as_i64()).collect()
}

fn ask(folder: &Path, args: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = command(folder, args).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn stop(mut daemon: Child) -> Result<(), Box<dyn Error>> {
    Command::new("kill").args(["-TERM", &daemon.id().to_string()]).status()?;
    daemon.wait()?;
    Ok(())
}

/// The processor time that a process has taken.
fn cpu(process: &Child) -> Result<Duration, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
    // After the name, which may have anything in it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    // A tick is 10 ms on every Linux.
    Ok(Duration::from_millis(10 * (ticks(11) + ticks(12))))
}

/// The most memory that a process has had resident, in MB.
fn memory(process: &Child) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1000)
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_calloff"));
    command
        .args(args)
        .current_dir(folder)
        .env("BENCH_SECRET", "no-secret-at-all")
        .env("CALLOFF_LOG", "debug")
        .env_remove("CALLOFF_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

fn lay_out(folder: &Path, url: &str, files: usize) -> std::io::Result<()> {
    fs::create_dir(folder.join("jobs"))?;
    fs::write(
        folder.join("jobs/often.toml"),
        "account = \"acme\"\nbackups = [\"7\"]\nverify = false\nschedule = { every = \"1s\" }\n",
    )?;
    for file in 1..files {
        let inside = folder.join(format!("jobs/{}", file / 1000));
        if file % 1000 == 0 || file == 1 {
            fs::create_dir_all(&inside)?;
        }
        let cron = format!("{} {} {} * *", file % 60, file % 24, 1 + file % 28);
        fs::write(inside.join(format!("{file}.toml")), job(&cron))?;
    }
    fs::write(
        folder.join("calloff.toml"),
        format!(
            "timezone = \"Europe/Berlin\"\n[accounts.acme]\napi_domain = \"{url}\"\naccounts_url = \"{url}\"\n\
             client_id = \"1000.A\"\nclient_secret = {{ env = \"BENCH_SECRET\" }}\n\
             refresh_token = {{ env = \"BENCH_SECRET\" }}\n"
        ),
    )
}

/// A job file as people write it.
fn job(cron: &str) -> String {
    format!(
        "description = \"No backup while the release runs\"\naccount = \"acme\"\nbackups = [\"4876876000001593003\"]\n\n\
         [schedule]\ncron = \"{cron}\"\ncatch_up = \"15m\"\n\n[when]\nstatus = [\"SCHEDULED\"]\ndue_within = \"12h\"\n\n\
         [retry]\nmax_attempts = 8\n"
    )
}
