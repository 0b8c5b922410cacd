//! File descriptors that run out: what is due has some left, and it is said if not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::Value;

use crate::rude::{self, Rude, STOPPED};
use crate::support::daemon::Daemon;
use crate::support::program::Place;
use crate::support::web;
use crate::triggered::{SCENARIO, point_at};

/// What a daemon says that has none.
const NONE_LEFT: &str = "no file or connection can be opened: Too many open files";

/// A daemon whose every cancel takes a connection of its own, as Zoho closes each.
struct Served {
    daemon: Daemon,
    place: Place,
    address: String,
    _zoho: Rude,
}

impl Served {
    /// Starts it after the shell has done this, and waits for a first cancel; a target is tried so often.
    fn start(first: &str, max_attempts: u32) -> Self {
        let settings = format!(
            "[retry]\nmax_attempts = {max_attempts}\ninitial_delay = \"50ms\"\nmax_delay = \"100ms\"\n"
        );
        let job = "backups = [\"42\"]\nverify = false\n[schedule]\nevery = \"1s\"\n";
        let place = Place::new(SCENARIO, &settings, &[("job", job)]);
        let zoho = Rude::start(rude::says(STOPPED));
        point_at(&place, &zoho.url());
        place.append("[http]\nlisten = \"127.0.0.1:0\"");
        let script = format!("{first}; exec \"$0\" \"$@\"");
        let program = env!("CARGO_BIN_EXE_calloff");
        let mut command =
            place.command_of(Path::new("sh"), &["-c", &script, program, "run", "--log-level", "debug"]);
        let daemon = Daemon::of(&place, &mut command);
        let address = daemon.wait_for(&place, "http.listening", 1)["address"].as_str().unwrap().to_owned();
        // It has a token then, and needs nothing more but connections.
        daemon.wait_for(&place, "target.outcome", 1);
        Self { daemon, place, address, _zoho: zoho }
    }

    /// How many the daemon has.
    fn open(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.daemon.child().id())).unwrap().count()
    }

    fn outcomes(&self) -> Vec<Value> {
        self.daemon.events("target.outcome")
    }

    /// Sets how many the daemon may have, below the most that it may set itself.
    fn limit(&self, current: Option<u64>) {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let pid = Pid::from_child(self.daemon.child());
        prlimit(Some(pid), Resource::Nofile, Rlimit { current, maximum }).unwrap();
    }
}

#[test]
fn clients_that_take_what_they_can_get_leave_enough_for_what_is_due() {
    let served = Served::start("ulimit -n 96", 1);
    let before = served.open();
    // Not more than the system lets wait in line.
    let pages: Vec<TcpStream> = (0..100).map(|_| web::connect(&served.address)).collect();
    let socket = served.place.path("state/calloff.sock");
    let commands: Vec<UnixStream> = (0..32).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    served.place.wait_until("they are taken", |_| served.open() >= before + 96 / 4 + 16);
    let done = served.outcomes().len();
    served.place.wait_until("three more are done", |_| served.outcomes().len() >= done + 3);
    let outcomes = served.outcomes();
    assert!(outcomes.iter().all(|line| line["outcome"] == "cancelled"), "{outcomes:?}");
    drop((pages, commands));
}

#[test]
fn as_many_are_had_as_the_system_allows() {
    let served = Served::start("ulimit -S -n 64", 1);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", served.daemon.child().id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let limits: Vec<&str> = line.split_whitespace().take(2).collect();
    assert_eq!(limits[0], limits[1], "the soft limit is the hard one");
}

#[test]
fn without_any_it_is_degraded_and_what_is_due_is_done_once_there_are_some() {
    let served = Served::start(":", 100);
    let mut page = KeptAlive::connect(&served.address);
    assert_eq!(page.health()["state"], "ok");
    served.limit(Some(3));
    let in_vain = || {
        let attempts = served.daemon.events("target.attempt");
        attempts.into_iter().rfind(|line| line["message"].to_string().contains("Too many open files"))
    };
    served.place.wait_until("one is due and can't be made", |_| in_vain().is_some());
    let run = in_vain().unwrap()["run_id"].clone();
    served.place.wait_until("it says so", |_| page.health().to_string().contains(NONE_LEFT));
    assert_eq!(page.health()["state"], "degraded");
    // Nobody new is heard now, and that is in the log.
    let _waiting = web::connect(&served.address);
    served.daemon.wait_for(&served.place, "http.unaccepted", 1);

    served.limit(getrlimit(Resource::Nofile).maximum);
    let done = || served.outcomes().into_iter().find(|line| line["run_id"] == run);
    served.place.wait_until("it is made", |_| done().is_some());
    assert_eq!(done().unwrap()["outcome"], "cancelled");
    served.place.wait_until("it no longer says so", |_| !page.health().to_string().contains(NONE_LEFT));
}

/// A connection that was taken before.
struct KeptAlive(BufReader<TcpStream>);

impl KeptAlive {
    fn connect(address: &str) -> Self {
        Self(BufReader::new(web::connect(address)))
    }

    /// How the daemon is by its own account.
    fn health(&mut self) -> Value {
        self.0.get_mut().write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["daemon"]["health"].clone()
    }
}
