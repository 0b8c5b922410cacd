//! What is told: an HTTP endpoint and a mail server on loopback, as bad as they can be.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What a URL carries, and must never be seen anywhere.
pub const URL_TOKEN: &str = "canary0url0token";

/// How an endpoint behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// It takes what it is told.
    Good,
    /// It answers with this status.
    Status(u16),
    /// It answers with a redirect to itself.
    Redirect,
    /// It never answers.
    Hang,
    /// It hangs up.
    Reset,
    /// It answers something that is no HTTP.
    Garbage,
    /// It says that it fails, and that without an end.
    Endless,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

#[derive(Debug)]
struct Shared {
    manners: Mutex<Manners>,
    calls: Mutex<Vec<Call>>,
    /// Those that it took.
    taken: Mutex<Vec<Call>>,
    /// Connections that hang.
    hanging: Mutex<Vec<TcpStream>>,
}

/// An endpoint that runs until the process ends.
#[derive(Debug, Clone)]
pub struct Endpoint {
    url: String,
    shared: Arc<Shared>,
}

impl Endpoint {
    pub fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/{URL_TOKEN}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            manners: Mutex::new(manners),
            calls: Mutex::default(),
            taken: Mutex::default(),
            hanging: Mutex::default(),
        });
        let endpoint = Self { url, shared };
        let serving = endpoint.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let endpoint = serving.clone();
                std::thread::spawn(move || endpoint.serve(stream));
            }
        });
        endpoint
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn behave(&self, manners: Manners) {
        *self.shared.manners.lock().unwrap() = manners;
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.shared.calls.lock().unwrap().len()
    }

    /// What it took.
    pub fn taken(&self) -> Vec<Call> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// The bodies that it took.
    pub fn bodies(&self) -> Vec<Value> {
        let parse = |call: Call| serde_json::from_str(&call.body).unwrap_or_else(|_| panic!("{}", call.body));
        self.taken().into_iter().map(parse).collect()
    }

    /// The events that it took.
    pub fn events(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["event"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The ends of the paths that it took.
    pub fn paths(&self) -> Vec<String> {
        let end =
            |call: Call| call.path.rsplit_once(URL_TOKEN).map(|(_, end)| end.to_owned()).unwrap_or_default();
        self.taken().into_iter().map(end).collect()
    }

    fn serve(&self, mut stream: TcpStream) {
        let Some(call) = read(&stream) else { return };
        let manners = *self.shared.manners.lock().unwrap();
        self.shared.calls.lock().unwrap().push(call.clone());
        let answer =
            |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        // Whoever called may have hung up.
        drop(match manners {
            Manners::Good => {
                // It has taken it once that can be seen.
                self.shared.taken.lock().unwrap().push(call);
                stream.write_all(answer("204 No Content").as_bytes())
            }
            Manners::Status(status) => stream.write_all(answer(&format!("{status} Whatever")).as_bytes()),
            Manners::Redirect => stream.write_all(
                format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", self.url)
                    .as_bytes(),
            ),
            Manners::Hang => {
                self.shared.hanging.lock().unwrap().push(stream);
                Ok(())
            }
            Manners::Reset => Ok(()),
            Manners::Garbage => stream.write_all(b"\x00\xff garbage \x1b[31m\r\n\r\n"),
            Manners::Endless => {
                let head = stream.write_all(b"HTTP/1.1 500 Whatever\r\ntransfer-encoding: chunked\r\n\r\n");
                let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
                head.and_then(|()| (0..1600).try_for_each(|_| stream.write_all(&chunk)))
            }
        });
    }
}

/// Reads a request, if it is one.
pub fn read(stream: &TcpStream) -> Option<Call> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Call { path, headers, body: String::from_utf8(body).ok()? })
}

/// A mail server that takes everything from whoever logs in.
#[derive(Debug, Clone)]
pub struct MailServer {
    pub port: u16,
    talks: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, talks: Arc::default() };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let server = serving.clone();
                std::thread::spawn(move || server.talk(stream));
            }
        });
        server
    }

    /// What was said in each talk in which mail was taken.
    pub fn talks(&self) -> Vec<String> {
        self.talks.lock().unwrap().clone()
    }

    fn talk(&self, mut stream: TcpStream) {
        let reader = BufReader::new(stream.try_clone().unwrap());
        let mut said = String::new();
        let mut is_data = false;
        drop(stream.write_all(b"220 mail.example ESMTP\r\n"));
        for line in reader.lines().map_while(Result::ok) {
            said.push_str(&line);
            said.push('\n');
            let word = line.to_ascii_uppercase();
            let answer = if is_data && line != "." {
                continue;
            } else if is_data {
                is_data = false;
                self.talks.lock().unwrap().push(said.clone());
                "250 taken"
            } else if word.starts_with("EHLO") {
                "250-mail.example\r\n250 AUTH PLAIN"
            } else if word.starts_with("AUTH") {
                "235 welcome"
            } else if word == "DATA" {
                is_data = true;
                "354 go on"
            } else if word == "QUIT" {
                "221 bye"
            } else {
                "250 ok"
            };
            if stream.write_all(format!("{answer}\r\n").as_bytes()).is_err() {
                return;
            }
        }
    }
}
