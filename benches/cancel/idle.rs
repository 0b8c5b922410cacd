//! The daemon with a thousand jobs, none of them due.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::{Extent, Place, Result, figures};

const JOBS: usize = 1_000;

/// From the start to where nothing is done any more but waiting.
const SETTLING: Duration = Duration::from_secs(3);

pub(crate) fn measure(extent: &Extent) -> Result<()> {
    // Nothing listens there, and nothing is sent.
    let place = Place::new("http://127.0.0.1:9", 10)?;
    for index in 0..JOBS {
        let (minute, hour) = (index % 60, index / 60);
        let job = format!(
            "account = \"bench\"\nbackups = [\"{}\"]\n[schedule]\ncron = \"{minute} {hour} 29 2 *\"\n",
            4_876_876_000_001_000_000 + index
        );
        std::fs::write(place.path(&format!("jobs/job-{index}.toml")), job)?;
    }
    println!("\n`calloff run` with {JOBS} jobs, none of them due; load {}\n", figures::load());
    let begun = Instant::now();
    let mut daemon = place.calloff(&["run"]).stderr(Stdio::piped()).spawn()?;
    let measured = observe(&mut daemon, begun, extent.idle);
    daemon.kill()?;
    daemon.wait()?;
    measured
}

#[expect(clippy::disallowed_methods, reason = "it waits for another process")]
fn observe(daemon: &mut Child, begun: Instant, length: Duration) -> Result<()> {
    let stderr = BufReader::new(daemon.stderr.take().ok_or("no log")?);
    // The reader is kept, or the daemon would write into a closed pipe.
    let mut lines = stderr.lines();
    let started = lines.by_ref().map_while(std::io::Result::ok).any(|line| line.contains("daemon.started"));
    if !started {
        return Err("the daemon did not start".into());
    }
    let ready = begun.elapsed();
    std::thread::sleep(SETTLING);
    let (from, before) = (Instant::now(), on_processor(daemon.id())?);
    std::thread::sleep(length);
    let (passed, used) = (from.elapsed(), on_processor(daemon.id())?.saturating_sub(before));
    println!("| figure | |");
    println!("|---|---|");
    println!("| ready after | {} |", figures::ms(ready));
    println!("| resident | {:.1} MB |", memory(daemon.id(), "VmRSS")?);
    println!("| resident at most | {:.1} MB |", memory(daemon.id(), "VmHWM")?);
    let share = used.as_secs_f64() / passed.as_secs_f64() * 100.0;
    println!("| processor, over {:.0} s | {share:.3} % |", passed.as_secs_f64());
    Ok(())
}

/// In megabytes of a million bytes; Linux says `kB` and means 1,024.
fn memory(process: u32, figure: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
    let kilobytes: f64 = line.and_then(|line| line.split_whitespace().next()).ok_or("no figure")?.parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}

/// The time that all threads of a process were on a processor, to the nanosecond.
fn on_processor(process: u32) -> Result<Duration> {
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += times.split_whitespace().next().ok_or("no time")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}
