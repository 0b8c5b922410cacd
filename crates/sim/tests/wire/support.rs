//! A client that hides nothing: it writes bytes to a socket and reads until the other end closes.

use std::io;
use std::time::Duration;

use calloff_sim::{Running, Scenario, Simulator};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer that is awaited takes near this long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
pub(crate) const REFRESH: &str = "grant_type=refresh_token&client_id=any&client_secret=any&refresh_token=any";

/// A simulator, and how to talk to it.
pub(crate) struct Zoho {
    pub(crate) running: Running,
    pub(crate) token: String,
}

/// What came back before the connection was closed.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header, whose name is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// How much of the body was promised and didn't come.
    pub(crate) fn missing(&self) -> usize {
        let promised = self.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        promised - self.body.len()
    }
}

impl Zoho {
    /// One account, `acme`, with those lines in its table and below.
    pub(crate) async fn with(lines: &str) -> Self {
        let scenario = Scenario::parse(&format!("[accounts.acme]\n{lines}")).expect("a scenario");
        let addr = "127.0.0.1:0".parse().expect("an address");
        let running = Simulator::start(addr, scenario).await.expect("a free port");
        // A token that is made in the far future is valid in whatever present the test runs.
        let made = "2999-01-01T00:00:00Z".parse().expect("an instant");
        let token = running.world().lock().issue_token("acme", made).expect("the account");
        Self { running, token }
    }

    /// A call with the token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> io::Result<Reply> {
        let authorization = format!("Authorization: Zoho-oauthtoken {}\r\n", self.token);
        self.send(method, path, &authorization, body).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> io::Result<Reply> {
        self.call("PUT", &format!("/crm/bulk/v8/backup/{id}/actions/cancel"), "").await
    }

    /// A call with those headers and no others.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> io::Result<Reply> {
        let addr = self.running.addr();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        let exchange = async {
            let mut stream = TcpStream::connect(addr).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await?;
            split(&bytes)
        };
        timeout(PATIENCE, exchange).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    pub(crate) async fn stop(self) {
        timeout(PATIENCE, self.running.stop()).await.expect("it stops");
    }
}

fn split(bytes: &[u8]) -> io::Result<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Reply { status: status.ok_or(io::ErrorKind::InvalidData)?, head, body: bytes[end + 4..].to_vec() })
}
