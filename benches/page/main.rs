//! The status page and the metrics of a daemon with many jobs: how long an answer takes, and whether jobs fire on time
//! while they are asked for without a pause.
//!
//! `cargo bench --bench page`, or `-- 1000` for so many jobs. Benchmarks measure, tests decide: nothing is asserted here.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "it measures time that nothing moves"
)]

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use calloff_sim::{Scenario, Simulator};
use serde_json::Value;

const JOBS: usize = 10_000;
/// Accounts that the jobs are spread over.
const ACCOUNTS: usize = 100;
/// Answers that are measured of each address.
const ANSWERS: usize = 30;
/// How long jobs fire with and without somebody asking.
const FIRING: Duration = Duration::from_secs(20);
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(2);

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(JOBS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let accounts = (0..ACCOUNTS).map(|account| {
        format!(
            "[accounts.a{account}]\nunlisted = \"SCHEDULED\"\n[[accounts.a{account}.backups]]\nid = \"1\"\n"
        )
    });
    let scenario = accounts.collect::<String>();
    let zoho = runtime.block_on(Simulator::start(([127, 0, 0, 1], 0).into(), Scenario::parse(&scenario)?))?;
    let folder = tempfile::tempdir()?;
    lay_out(folder.path(), &zoho.url(), jobs)?;
    measure(folder.path(), jobs)?;
    runtime.block_on(zoho.stop());
    Ok(())
}

fn measure(folder: &Path, jobs: usize) -> Result<(), Box<dyn Error>> {
    let (mut daemon, log, address) = start(folder)?;
    for path in
        ["/", "/?page=100", "/?q=job-99", "/jobs/0/job-99", "/accounts/a1", "/metrics", "/api/v1/jobs"]
    {
        let mut took = vec![];
        let mut bytes = 0;
        for _ in 0..ANSWERS {
            let begun = Instant::now();
            bytes = ask(&address, path)?;
            took.push(begun.elapsed());
            // What was seen so shortly before would be shown again.
            std::thread::sleep(Duration::from_millis(300));
        }
        let first = took[0];
        took.sort();
        let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
        println!(
            "{jobs} jobs: {path}: first {first:.1?}, median {median:.1?}, at most {most:.1?}; {} kB",
            bytes / 1000
        );
    }
    println!("{jobs} jobs: {} MB resident at most, one asking after the other", memory(&daemon)?);
    drain(&log);
    std::thread::sleep(FIRING);
    say(jobs, "nobody asks", &mut drain(&log));
    let (is_over, asked) = (AtomicBool::new(false), AtomicBool::new(false));
    let answers = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|place| {
                let (address, is_over, asked) = (&address, &is_over, &asked);
                scope.spawn(move || {
                    let mut answers = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        if ask(address, if place % 2 == 0 { "/" } else { "/metrics" }).is_ok() {
                            answers += 1;
                            asked.store(true, Ordering::Relaxed);
                        }
                    }
                    answers
                })
            })
            .collect();
        std::thread::sleep(FIRING);
        is_over.store(true, Ordering::Relaxed);
        asking.into_iter().map(|asking| asking.join().unwrap_or(0)).sum::<usize>()
    });
    say(jobs, &format!("8 ask without a pause ({answers} answers)"), &mut drain(&log));
    println!("{jobs} jobs: {} MB resident at most after that", memory(&daemon)?);
    Command::new("kill").args(["-TERM", &daemon.id().to_string()]).status()?;
    daemon.wait()?;
    Ok(())
}

fn say(jobs: usize, what: &str, late: &mut [i64]) {
    late.sort_unstable();
    let at = |share: usize| late.get(late.len() * share / 100).or(late.last()).copied().unwrap_or_default();
    println!(
        "{jobs} jobs: {what}: {} runs, late by {} ms (median), {} ms (99 %), {} ms (most)",
        late.len(),
        at(50),
        at(99),
        at(100)
    );
}

/// Asks for a page on a connection of its own; gives its length.
fn ask(address: &str, path: &str) -> Result<usize, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = vec![];
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(String::from_utf8_lossy(&answer[..answer.len().min(200)]).into());
    }
    Ok(answer.len())
}

/// Starts the daemon; gives what it logs, and where its page is.
fn start(folder: &Path) -> Result<(Child, Receiver<Value>, String), Box<dyn Error>> {
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_calloff"))
        .arg("run")
        .current_dir(folder)
        .env("BENCH_SECRET", "no-secret-at-all")
        .env("CALLOFF_LOG", "debug")
        .env_remove("CALLOFF_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
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
        if line["event"] == "http.listening" {
            let address = line["address"].as_str().ok_or("no address")?.to_owned();
            return Ok((daemon, log, address));
        }
    }
}

/// How late the runs that have begun since were, in milliseconds.
fn drain(log: &Receiver<Value>) -> Vec<i64> {
    let begun = log.try_iter().filter(|line| line["event"] == "run.start");
    begun.filter_map(|line| line["lateness_ms"].as_i64()).collect()
}

/// The most memory that a process has had resident, in MB.
fn memory(process: &Child) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1000)
}

/// Some jobs fire each second; most are due once a week, at all hours.
fn lay_out(folder: &Path, url: &str, jobs: usize) -> std::io::Result<()> {
    for place in 0..jobs {
        let inside = folder.join(format!("jobs/{}", place / 1000));
        fs::create_dir_all(&inside)?;
        let schedule = if place < 20 {
            "every = \"1s\"".to_owned()
        } else {
            format!("cron = \"{} {} * * {}\"", place % 60, place % 24, place % 7)
        };
        let text = format!(
            "description = \"No backup while the release runs\"\naccount = \"a{}\"\nbackups = [\"1\"]\nverify = false\n\
             [schedule]\n{schedule}\n[when]\nwindow = \"w{}\"\n",
            place % ACCOUNTS,
            if place < 20 { "open".to_owned() } else { (place % 5).to_string() }
        );
        fs::write(inside.join(format!("job-{place}.toml")), text)?;
    }
    let accounts = (0..ACCOUNTS).map(|account| {
        format!(
            "[accounts.a{account}]\napi_domain = \"{url}\"\naccounts_url = \"{url}\"\nclient_id = \"1000.A{account}\"\n\
             client_secret = {{ env = \"BENCH_SECRET\" }}\nrefresh_token = {{ env = \"BENCH_SECRET\" }}\n"
        )
    });
    let windows =
        (0..5).map(|window| format!("[[windows.w{window}]]\nopens = \"0 {window} * * *\"\nlasts = \"6h\"\n"));
    let open = "[[windows.wopen]]\nfrom = \"2020-01-01T00:00:00\"\nto = \"2090-01-01T00:00:00\"\n";
    let settings = "timezone = \"Europe/Berlin\"\n[http]\nlisten = \"127.0.0.1:0\"\n";
    let text = [settings.to_owned()].into_iter().chain(accounts).chain(windows).chain([open.to_owned()]);
    fs::write(folder.join("calloff.toml"), text.collect::<String>())
}
