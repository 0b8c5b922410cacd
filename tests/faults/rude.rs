//! A server that reads a request and then does as it likes, and the ways in which it may.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it does once it has been asked. The error is that of whoever has hung up.
pub(crate) type Manners = fn(&mut TcpStream) -> io::Result<()>;

/// A server that runs until the process ends.
pub(crate) struct Rude {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Rude {
    /// One that reads a request first.
    pub(crate) fn start(manners: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::serving(move |stream, hear| {
            hear(read_request(stream)?);
            manners(stream)
        })
    }

    /// One that does so with each connection, and says what it hears.
    pub(crate) fn serving(
        serve: impl Fn(&mut TcpStream, &dyn Fn(String)) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (heard, serve) = (Arc::clone(&asked), Arc::new(serve));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (heard, serve) = (Arc::clone(&heard), Arc::clone(&serve));
                let hear = move |head| heard.lock().unwrap().push(head);
                // Whoever called may have hung up.
                std::thread::spawn(move || drop(serve(&mut stream, &hear)));
            }
        });
        Self { address, asked }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of the requests that it got.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Reads a request, and gives its head. Whoever hung up before its body was read would take back what he has said.
pub(crate) fn read_request(stream: &mut impl Read) -> io::Result<String> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(Ok(0), str::parse).map_err(io::Error::other)?];
    stream.read_exact(&mut body)?;
    Ok(head)
}

/// Reads whatever comes first.
pub(crate) fn read_some(stream: &mut TcpStream) -> io::Result<String> {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// An answer that is right.
pub(crate) const STOPPED: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 69\r\n\r\n\
    {\"backup\":{\"code\":\"SUCCESS\",\"message\":\"Stopped.\",\"status\":\"success\"}}";

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Never says anything, until the other side goes.
pub(crate) fn never_answers(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

/// Says that, and hangs up.
pub(crate) fn says(
    bytes: &'static [u8],
) -> impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static {
    move |stream| stream.write_all(bytes)
}

/// Says that all is well, as what stands between may.
pub(crate) fn says_a_page(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>")
}

/// Says that, then these bytes again and again with a pause before each time, until the other side goes.
fn drips(stream: &mut TcpStream, first: &[u8], then: &[u8]) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    stream.write_all(first)?;
    loop {
        match stream.read(&mut [0]) {
            // It has not gone by the end of the pause.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.write_all(then)?,
            _ => return Ok(()),
        }
    }
}

pub(crate) fn drips_a_header(stream: &mut TcpStream) -> io::Result<()> {
    drips(stream, b"HTTP/1.1 200 OK\r\nx-drip: ", b"x")
}

pub(crate) fn drips_a_body(stream: &mut TcpStream) -> io::Result<()> {
    drips(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b" ")
}

pub(crate) fn drips_chunks(stream: &mut TcpStream) -> io::Result<()> {
    drips(stream, CHUNKED, b"1\r\n \r\n")
}

/// Says again and again that it will answer.
pub(crate) fn drips_promises(stream: &mut TcpStream) -> io::Result<()> {
    drips(stream, b"", b"HTTP/1.1 100 Continue\r\n\r\n")
}

/// Says that, then this so many times as fast as it can.
fn pours(stream: &mut TcpStream, first: &[u8], then: &[u8], times: usize) -> io::Result<()> {
    stream.write_all(first)?;
    (0..times).try_for_each(|_| stream.write_all(then))
}

const MEBIBYTE: usize = 1 << 20;

pub(crate) fn pours_a_body(stream: &mut TcpStream) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 100 * MEBIBYTE);
    pours(stream, head.as_bytes(), &vec![b'x'; MEBIBYTE], 100)
}

pub(crate) fn pours_chunks(stream: &mut TcpStream) -> io::Result<()> {
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; MEBIBYTE], b"\r\n"].concat();
    pours(stream, CHUNKED, &chunk, 100)
}

/// JSON that takes many times its size once it is read.
pub(crate) fn pours_small_objects(stream: &mut TcpStream) -> io::Result<()> {
    let objects = "{\"\":0},".repeat(MEBIBYTE / 7 - 1);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n[", objects.len() + 3);
    pours(stream, head.as_bytes(), format!("{objects}0]").as_bytes(), 1)
}

pub(crate) fn pours_headers(stream: &mut TcpStream) -> io::Result<()> {
    pours(stream, b"HTTP/1.1 200 OK\r\n", b"x-header: x\r\n", 10_000)?;
    stream.write_all(b"content-length: 0\r\n\r\n")
}

pub(crate) fn pours_one_header(stream: &mut TcpStream) -> io::Result<()> {
    pours(stream, b"HTTP/1.1 200 OK\r\nx-header: ", &vec![b'x'; MEBIBYTE], 10)?;
    stream.write_all(b"\r\ncontent-length: 0\r\n\r\n")
}

pub(crate) fn pours_a_header_for_ever(stream: &mut TcpStream) -> io::Result<()> {
    pours(stream, b"HTTP/1.1 200 OK\r\nx-header: ", &vec![b'x'; MEBIBYTE], usize::MAX)
}

pub(crate) fn pours_a_chunk_extension(stream: &mut TcpStream) -> io::Result<()> {
    let first = [CHUNKED, b"1;x="].concat();
    pours(stream, &first, &vec![b'x'; MEBIBYTE], usize::MAX)
}

pub(crate) fn pours_trailers(stream: &mut TcpStream) -> io::Result<()> {
    let first = [CHUNKED, b"1\r\n \r\n0\r\n"].concat();
    pours(stream, &first, &b"x-trailer: x\r\n".repeat(10_000), usize::MAX)
}
