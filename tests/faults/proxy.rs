//! Proxies: `HTTPS_PROXY` is asked for every server that is spoken to in TLS, and for no other.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use crate::rude::{self, Manners, Rude, STOPPED};
use crate::tls::{self, Authority};
use crate::triggered::{place, point_at, trigger};

/// What a proxy is let in with.
const PASSWORD: &str = "canary-proxy-password-0123456789";

/// A host that nobody knows but a proxy.
const HOST: &str = "crm.invalid";

/// A proxy that leads to this port whatever it is asked for, and what it sees of what goes there.
fn leading_to(port: u16) -> (Rude, Arc<Mutex<Vec<u8>>>) {
    let seen = Arc::<Mutex<Vec<u8>>>::default();
    let noted = Arc::clone(&seen);
    let proxy = Rude::start(move |stream| {
        let server = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        let (mut back, mut from) = (stream.try_clone()?, server.try_clone()?);
        std::thread::spawn(move || {
            io::copy(&mut from, &mut back).and_then(|_| back.shutdown(Shutdown::Both))
        });
        forward(stream, server, &noted)
    });
    (proxy, seen)
}

fn forward(from: &mut TcpStream, mut to: TcpStream, noted: &Mutex<Vec<u8>>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return to.shutdown(Shutdown::Both);
        }
        noted.lock().unwrap().extend(&buffer[..length]);
        to.write_all(&buffer[..length])?;
    }
}

#[test]
fn a_proxy_leads_to_zoho_and_sees_nothing_but_its_name() {
    let (place, authority) = (place("30s"), Authority::new("trusted"));
    let server = tls::server(authority.vouches_for(HOST), STOPPED);
    let (proxy, seen) = leading_to(server.port());
    point_at(&place, &format!("https://{HOST}"));
    place.write("trusted.pem", &authority.pem());
    let (url, trusted) = (proxy.url(), place.path("trusted.pem"));
    let environment = [("HTTPS_PROXY", url.as_str()), ("SSL_CERT_FILE", trusted.to_str().unwrap())];
    trigger(&place, &environment).is_cancelled();
    assert!(server.asked().concat().contains("1000.sim"), "{:?}", server.asked());
    let asked = proxy.asked();
    assert!(
        asked.len() == 1 && asked[0].starts_with(&format!("CONNECT {HOST}:443 HTTP/1.1\r\n")),
        "{asked:?}"
    );
    assert!(!asked[0].contains("oauthtoken"), "{asked:?}");
    let seen = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
    assert!(seen.contains(HOST), "the proxy saw what went by");
    assert!(!seen.contains("oauthtoken") && !seen.contains("1000.sim"), "{seen}");
}

#[test]
fn a_proxy_that_does_not_lead_anywhere_is_a_fault_that_says_so() {
    let table: [(&str, Manners, &str, &str); 5] = [
        ("wants a password", says_407, "30s", "proxy authorization required"),
        ("can't reach the server", says_502, "30s", "tunnel error: unsuccessful"),
        ("hangs up", |_| Ok(()), "30s", "tunnel error: unexpected end of file"),
        ("never answers", rude::never_answers, "300ms", "timed out: no whole answer within 300ms"),
        (
            "has a head without end",
            rude::pours_a_header_for_ever,
            "30s",
            "tunnel error: proxy response headers too long",
        ),
    ];
    for (why, manners, timeout, message) in table {
        let (place, proxy) = (place(timeout), Rude::start(manners));
        point_at(&place, &format!("https://{HOST}"));
        let url = proxy.url().replace("http://", &format!("http://me:{PASSWORD}@"));
        let triggered = trigger(&place, &[("HTTPS_PROXY", &url)]);
        triggered.is_exhausted(why, message);
        assert!(!triggered.says(PASSWORD), "{triggered:?}");
        let asked = proxy.asked().concat();
        assert!(asked.to_lowercase().contains("proxy-authorization: basic "), "{why}: {asked}");
        assert!(!asked.contains("oauthtoken"), "{why}: {asked}");
    }
}

fn says_407(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
}

fn says_502(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
}

#[test]
fn no_proxy_is_asked_for_what_goes_in_the_clear() {
    let (place, server) = (place("30s"), Rude::start(rude::says(STOPPED)));
    let proxy = Rude::start(|_| Ok(()));
    point_at(&place, &server.url());
    let url = proxy.url();
    trigger(&place, &[("HTTP_PROXY", &url), ("http_proxy", &url), ("ALL_PROXY", &url)]).is_cancelled();
    assert_eq!((server.asked().len(), proxy.asked().len()), (1, 0));
}
