//! Many cancels in one command, beside curl with the same requests.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::place::{self, Place};
use crate::server::Server;
use crate::{Extent, Result, figures};

const CONCURRENCY: [usize; 2] = [10, 25];
const LATENCY: [Duration; 2] = [Duration::from_millis(50), Duration::ZERO];

/// Several rounds of one program.
struct Rounds {
    name: &'static str,
    args: &'static [&'static str],
    times: Vec<Duration>,
    /// Time on a processor, over all rounds, in clock ticks.
    ticks: u64,
    /// What the server took for an answer, on average, in each round.
    latencies: Vec<Duration>,
}

const NAMES: [(&str, &[&str]); 3] =
    [("calloff", &[]), ("calloff, errors only", &["--log-level", "error"]), ("curl", &[])];

pub(crate) fn measure(extent: &Extent) -> Result<()> {
    println!(
        "\n{} cancels, each on record: `calloff cancel ID… --account bench --json 2>/dev/null`",
        extent.cancels
    );
    println!("beside `curl --parallel --parallel-immediate --parallel-max N`, which records nothing\n");
    println!(
        "| answer after | at once | program | seconds: median (range) | a second | of the limit | of curl's rate | CPU s | load |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for latency in LATENCY {
        for concurrency in CONCURRENCY {
            setting(extent, latency, concurrency)?;
        }
    }
    println!(
        "\nThe limit is what `at once` and the latency that the server measured allow; in brackets, what the nominal one does."
    );
    Ok(())
}

fn setting(extent: &Extent, latency: Duration, concurrency: usize) -> Result<()> {
    let mut server = Server::start(latency)?;
    let place = Place::new(&server.url, concurrency)?;
    // From here on there is a record, and a token is cached.
    run(&mut place.cancel(place::ids(1)), &mut server, 1)?;
    let load = figures::load();
    let mut all: Vec<Rounds> = NAMES
        .iter()
        .filter(|(name, _)| *name != "curl" || place::curl().is_some())
        // Where waiting is all there is, the log makes no difference.
        .filter(|(_, args)| args.is_empty() || latency.is_zero())
        .map(|&(name, args)| Rounds { name, args, times: vec![], ticks: 0, latencies: vec![] })
        .collect();
    for _ in 0..if latency.is_zero() { extent.rounds } else { 1 } {
        for rounds in &mut all {
            rounds.add(extent.cancels, concurrency, &place, &mut server)?;
        }
    }
    let curl = all.iter().find(|rounds| rounds.name == "curl").map(Rounds::median);
    for rounds in &all {
        let middle = rounds.median();
        let rate = extent.cancels as f64 / middle.as_secs_f64();
        let share = |latency: Duration| rate * latency.as_secs_f64() / concurrency as f64 * 100.0;
        let limit = match latency {
            Duration::ZERO => "–".to_owned(),
            nominal => format!("{:.1} % ({:.1} %)", share(rounds.latency()), share(nominal)),
        };
        let beside =
            curl.map_or("–".to_owned(), |curl| format!("{:.2}", curl.as_secs_f64() / middle.as_secs_f64()));
        println!(
            "| {} | {concurrency} | {} | {} | {rate:.0} | {limit} | {beside} | {:.2} | {load} |",
            if latency.is_zero() { "0 ms".to_owned() } else { figures::ms(rounds.latency()) },
            rounds.name,
            figures::seconds(&rounds.times),
            rounds.ticks as f64 / TICKS / rounds.times.len() as f64,
        );
    }
    Ok(())
}

impl Rounds {
    fn median(&self) -> Duration {
        figures::percentile(&self.times, 50)
    }

    fn latency(&self) -> Duration {
        figures::percentile(&self.latencies, 50)
    }

    fn add(&mut self, cancels: usize, concurrency: usize, place: &Place, server: &mut Server) -> Result<()> {
        let mut command = if self.name == "curl" {
            let mut command = place.curl(place::ids(cancels))?;
            command.args(["--parallel", "--parallel-immediate", "--parallel-max", &concurrency.to_string()]);
            command
        } else {
            place.cancel(place::ids(cancels))
        };
        command.args(self.args);
        let before = (place.recorded()?, children()?);
        let (time, stdout, latency) = run(&mut command, server, cancels)?;
        self.times.push(time);
        self.ticks += children()? - before.1;
        self.latencies.push(latency);
        if self.name != "curl" {
            expect("on standard output", printed(&stdout)?, cancels)?;
            expect("on record", place.recorded()? - before.0, cancels)?;
        }
        Ok(())
    }
}

/// Runs a command to its end; gives its time, its output, and what the server took for an answer.
fn run(command: &mut Command, server: &mut Server, cancels: usize) -> Result<(Duration, Vec<u8>, Duration)> {
    server.did()?;
    let begun = Instant::now();
    let output = command.output()?;
    let time = begun.elapsed();
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).chars().take(200).collect::<String>().into());
    }
    let did = server.did()?;
    expect("at the server", usize::try_from(did.cancels)?, cancels)?;
    Ok((time, output.stdout, did.latency))
}

fn printed(stdout: &[u8]) -> Result<usize> {
    let run: serde_json::Value = serde_json::from_slice(stdout)?;
    let targets = run["targets"].as_array().ok_or("no targets")?;
    Ok(targets.iter().filter(|target| target["outcome"] == "cancelled").count())
}

fn expect(place: &str, found: usize, wanted: usize) -> Result<()> {
    if found == wanted { Ok(()) } else { Err(format!("{found} of {wanted} cancels are {place}").into()) }
}

/// Clock ticks a second, as Linux tells them to programs.
const TICKS: f64 = 100.0;

/// Time that children which have ended spent on a processor, in clock ticks.
fn children() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(')').ok_or("no process")?;
    let field = |index| fields.split_whitespace().nth(index).and_then(|text| text.parse::<u64>().ok());
    // cutime and cstime are the 16th and 17th; the name was the second.
    Ok(field(13).ok_or("no time")? + field(14).ok_or("no time")?)
}
