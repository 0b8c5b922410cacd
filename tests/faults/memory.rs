//! What floods of bytes take of the daemon's memory.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Child;

use crate::rude::{self, Manners, Rude};
use crate::support::daemon::Daemon;
use crate::support::program::Place;
use crate::support::web;
use crate::triggered::{JOB, SCENARIO};

/// How many targets of an account are called at once.
const AT_ONCE: usize = 10;

/// What all of them together may take: a few MiB each, where a body that is read whole takes a hundred.
const AT_MOST_MIB: u64 = 400;

#[test]
fn floods_take_no_memory_to_speak_of() {
    let table: [(&str, Manners); 5] = [
        ("body", rude::pours_a_body),
        ("chunks", rude::pours_chunks),
        ("objects", rude::pours_small_objects),
        ("header", rude::pours_a_header_for_ever),
        ("trailers", rude::pours_trailers),
    ];
    let place = Place::new(SCENARIO, "[retry]\nmax_attempts = 1\n", &[]);
    let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    let account = settings.split("[accounts.acme]").nth(1).unwrap();
    let servers = table.map(|(name, manners)| {
        let server = Rude::start(manners);
        let own = account.replacen(&place.zoho.url(), &server.url(), 1);
        place.append(&format!("[accounts.{name}]{own}\nconcurrency = {AT_ONCE}"));
        let backups: Vec<String> = (1..=AT_ONCE).map(|id| format!("\"{id}\"")).collect();
        let backups = backups.join(",");
        let job = format!("account = \"{name}\"\nbackups = [{backups}]\n[schedule]\nevery = \"1s\"\n");
        place.write(&format!("jobs/{name}.toml"), &job);
        server
    });
    let daemon = Daemon::start(&place);
    let before = peak_mib(daemon.child());
    let done = |name: &str| daemon.events("target.outcome").iter().filter(|line| line["job"] == name).count();
    place.wait_until("all were poured over", |_| table.iter().all(|(name, _)| done(name) >= AT_ONCE));
    assert!(servers.iter().all(|server| server.asked().len() >= AT_ONCE));
    let after = peak_mib(daemon.child());
    assert!(after < before + AT_MOST_MIB, "{after} MiB, from {before}");
}

#[test]
fn clients_that_pour_headers_over_the_page_are_cut_off() {
    let place = Place::new(SCENARIO, "[http]\nlisten = \"127.0.0.1:0\"\n", &[("job", JOB)]);
    let daemon = Daemon::start(&place);
    let address = daemon.wait_for(&place, "http.listening", 1)["address"].as_str().unwrap().to_owned();
    let before = peak_mib(daemon.child());
    let mut pouring: Vec<TcpStream> = (0..64).map(|_| web::connect(&address)).collect();
    let header = [b"GET / HTTP/1.1\r\nX-Header: ".as_slice(), &vec![b'x'; 32 << 20]].concat();
    for stream in &mut pouring {
        // It hangs up long before the end, which is beyond what the system holds on the way.
        assert!(stream.write_all(&header).is_err());
    }
    assert_eq!(web::get(&address, "/healthz").status, 200);
    let after = peak_mib(daemon.child());
    assert!(after < before + 100, "{after} MiB, from {before}");
}

/// The most that a process had resident at once, so far.
///
/// Source: proc(5), `/proc/pid/status`.
fn peak_mib(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() / 1024
}
