//! Clients that are slow, idle or many: they get what they are due, and hold nobody up.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use calloff::http::Bounds;

use crate::fixed::{BEATING, Fixed, SOON, Standing};
use crate::place::Served;
use crate::support::web;

const HALF: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ";

/// Waits until the other side closes the connection, and gives what it said.
fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it is closed within a minute");
    text
}

#[test]
fn a_request_that_does_not_end_is_cut_off() {
    let standing = Standing::serve(BEATING, None, SOON);
    for begun in [&b""[..], HALF, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"] {
        let mut stream = web::connect(&standing.address);
        stream.write_all(begun).unwrap();
        let said = rest(&mut stream);
        // One that is whole is answered before the connection rests for too long.
        assert_eq!(said.starts_with("HTTP/1.1 200 OK"), begun.ends_with(b"\r\n\r\n"), "{said}");
    }
}

#[test]
fn those_who_hang_give_their_places_back() {
    let standing = Standing::serve(BEATING, None, Bounds { connections: 2, ..SOON });
    let mut hanging: Vec<TcpStream> = (0..4).map(|_| web::connect(&standing.address)).collect();
    for stream in &mut hanging {
        stream.write_all(HALF).unwrap();
    }
    assert_eq!(web::get(&standing.address, "/healthz").status, 200);
    drop(hanging);
}

#[test]
fn a_connection_does_not_last_for_ever_and_no_answer_is_cut_off() {
    let bounds = Bounds { connection_within: Duration::from_millis(300), ..Bounds::default() };
    let standing = Standing::serve(BEATING, None, bounds);
    let mut stream = web::connect(&standing.address);
    let mut answers = 0;
    let mut text = String::new();
    // Until it is closed: what is asked for by then is not heard.
    while stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").is_ok() {
        let mut buffer = [0; 4096];
        let Ok(length @ 1..) = stream.read(&mut buffer) else { break };
        text += std::str::from_utf8(&buffer[..length]).unwrap();
        answers += 1;
    }
    assert!(answers > 0);
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), text.matches("\r\n\r\nok\n").count(), "{answers}");
    assert!(text.ends_with("ok\n"));
}

#[test]
fn an_answer_that_ends_in_a_defect_is_none_and_others_go_on() {
    let standing = Standing::serve(Fixed { has_defect: true, ..BEATING }, None, SOON);
    for _ in 0..20 {
        let mut stream = web::connect(&standing.address);
        stream.write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        assert_eq!(rest(&mut stream), "");
    }
    assert_eq!(web::get(&standing.address, "/healthz").status, 200);
}

#[test]
fn idle_connections_keep_nothing_from_being_due() {
    let often = "backups = [\"42\"]\nverify = false\n[schedule]\nevery = \"1s\"\n";
    let served = Served::start(&[("often", often)], "");
    let done = || served.daemon.events("target.outcome").len();
    let idle: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = web::connect(&served.address);
            if number % 2 == 0 {
                stream.write_all(HALF).unwrap();
            }
            stream
        })
        .collect();
    let before = done();
    served.place.wait_until("three more are done", |_| done() >= before + 3);
    drop(idle);
    assert_eq!(served.get("/healthz").status, 200);
    let runs = served.items("/api/v1/history?limit=1000");
    assert!(runs.iter().all(|run| run["state"] == "succeeded" || run["state"] == "running"), "{runs:?}");
}
