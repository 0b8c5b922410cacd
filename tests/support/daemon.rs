//! A daemon that runs, and what it logs.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::program::{Place, signal};

/// A running `calloff run`. It is killed when this is dropped.
pub struct Daemon {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    plain: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    /// Starts a daemon and waits until it works.
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, &["run"], &[])
    }

    /// The same with these arguments, in this environment.
    pub fn start_with(place: &Place, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = place.command(args);
        command.envs(environment.iter().copied());
        Self::of(place, &mut command)
    }

    /// The same by this command.
    pub fn of(place: &Place, command: &mut Command) -> Self {
        let mut child = command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the program is there");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (log, plain) = (Arc::<Mutex<Vec<Value>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (lines, others) = (Arc::clone(&log), Arc::clone(&plain));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(value) => lines.lock().unwrap().push(value),
                    Err(_) => others.lock().unwrap().push(line),
                }
            }
        });
        let daemon = Self { child, log, plain };
        daemon.wait_for(place, "daemon.started", 1);
        daemon
    }

    pub fn child(&self) -> &Child {
        &self.child
    }

    /// The log lines of this event.
    pub fn events(&self, event: &str) -> Vec<Value> {
        self.log.lock().unwrap().iter().filter(|line| line["event"] == event).cloned().collect()
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    }

    /// What it printed that is no log line.
    pub fn plain(&self) -> String {
        self.plain.lock().unwrap().join("\n")
    }

    /// Waits until there are so many log lines of this event, and gives the last of them.
    pub fn wait_for(&self, place: &Place, event: &str, count: usize) -> Value {
        place.wait_until(&format!("{count} {event}: {:?}", self.log), |_| self.events(event).len() >= count);
        self.events(event).pop().expect("it is there")
    }

    /// Has it stop, and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        signal(&self.child, "TERM");
        self.child.wait().expect("it can be waited for").code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
