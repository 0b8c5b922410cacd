//! Zoho as far as a cancel needs it, with an exact latency: a thread for each connection, nothing parsed that
//! doesn't matter. It runs as a child process, so that its work is not counted as the client's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Result;

/// The server's process, as its parent sees it. It ends with this.
pub(crate) struct Server {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    pub(crate) url: String,
}

/// What the server did since it was last asked.
pub(crate) struct Did {
    pub(crate) cancels: u64,
    /// From the last byte of a request to the last byte of its answer, on average.
    pub(crate) latency: Duration,
}

impl Server {
    pub(crate) fn start(latency: Duration) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", &latency.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().ok_or("the server has no output")?;
        let mut server = Self { process, stdin, stdout: BufReader::new(stdout), url: String::new() };
        server.url = format!("http://127.0.0.1:{}", server.line()?.trim());
        Ok(server)
    }

    pub(crate) fn did(&mut self) -> Result<Did> {
        self.stdin.as_mut().ok_or("the server has ended")?.write_all(b"\n")?;
        let line = self.line()?;
        let (cancels, nanos) = line.trim().split_once(' ').ok_or("the server counts wrongly")?;
        let (cancels, nanos): (u64, u64) = (cancels.parse()?, nanos.parse()?);
        Ok(Did { cancels, latency: Duration::from_nanos(nanos / cancels.max(1)) })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.process.wait());
    }
}

#[derive(Default)]
struct Tally {
    cancels: AtomicU64,
    nanos: AtomicU64,
}

/// Serves until its standard input ends; tells its port first, and for each line read what it did since the last.
pub(crate) fn serve(latency: Duration) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    let tally = Arc::new(Tally::default());
    let shared = Arc::clone(&tally);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tally = Arc::clone(&shared);
            // A connection that breaks is its client's affair.
            std::thread::spawn(move || drop(answer(stream, latency, &tally)));
        }
    });
    for _ in std::io::stdin().lines() {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        println!("{} {}", take(&tally.cancels), take(&tally.nanos));
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the latency is real time; tokio's would be rounded to milliseconds"
)]
fn answer(mut stream: TcpStream, latency: Duration, tally: &Tally) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    let mut chunk = [0; 4096];
    loop {
        let Some(length) = whole(&buffer) else {
            match stream.read(&mut chunk)? {
                0 => return Ok(()),
                read => buffer.extend_from_slice(&chunk[..read]),
            }
            continue;
        };
        let begun = Instant::now();
        let request = String::from_utf8_lossy(&buffer[..length]);
        let id = request.strip_prefix("PUT /").and_then(|rest| rest.split('/').nth(4)).map(str::to_owned);
        let reads = request.starts_with("GET ");
        buffer.drain(..length);
        if !latency.is_zero() {
            std::thread::sleep(latency);
        }
        let body = match &id {
            Some(id) => format!(
                r#"{{"backup":{{"status":"success","code":"SUCCESS","message":"Backup stopped successfully.","details":{{"id":"{id}"}}}}}}"#
            ),
            // A cancel is read back; which backup is shown makes no difference to the number of calls.
            None if reads => r#"{"backup":{"id":"1","status":"STOPPED"}}"#.to_owned(),
            None => {
                r#"{"access_token":"1000.bench","api_domain":"","token_type":"Bearer","expires_in":3600}"#
                    .to_owned()
            }
        };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length";
        stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        if id.is_some() {
            let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            tally.nanos.fetch_add(nanos, Ordering::Relaxed);
            tally.cancels.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The length of the first request, if all of it is there.
fn whole(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head + length.unwrap_or(0);
    (buffer.len() >= whole).then_some(whole)
}
