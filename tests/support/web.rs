//! Asks over HTTP as plainly as can be: what is sent is what the test says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    headers: Vec<(String, String)>,
}

impl Reply {
    /// A header's value, if it is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        value.filter(|_| values.next().is_none())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// All of it, as text.
    pub fn text(&self) -> String {
        format!("{:?}\n{}", self.headers, self.body)
    }
}

/// A connection, which waits for a minute at most.
pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream
}

/// Asks with this method and these headers; `Host` and `Connection` are added unless they are among them.
pub fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let has_host = headers.iter().any(|(name, _)| *name == "Host");
    let own = [("Host", address)].into_iter().filter(|_| !has_host).chain([("Connection", "close")]);
    let lines: Vec<String> =
        own.chain(headers.iter().copied()).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\n{}\r\n", lines.concat());
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    read(&mut stream)
}

pub fn get(address: &str, path: &str) -> Reply {
    ask(address, "GET", path, &[])
}

/// Reads an answer after which the connection is closed.
pub fn read(stream: &mut TcpStream) -> Reply {
    let mut bytes = vec![];
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Reply { status, headers, body: body.to_owned() }
}
