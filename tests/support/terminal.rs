//! A terminal with the program in it.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::program::{Place, signal};

/// What turns to the other screen, and back.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// What is before and behind everything that is drawn at once.
const BEGIN: &str = "\x1b[?2026h\x1b[H";
const END: &str = "\x1b[?2026l";

/// A terminal and the command that runs in it, which is killed when this is dropped.
pub struct Terminal {
    child: Child,
    keyboard: std::fs::File,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Terminal {
    /// Starts a command in a terminal of so many columns and lines.
    pub fn start(place: &Place, args: &[&str], size: (u16, u16), environment: &[(&str, &str)]) -> Self {
        let main = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&main).unwrap();
        unlockpt(&main).unwrap();
        let name = ptsname(&main, vec![]).unwrap().into_string().unwrap();
        resize(&main, size);
        let open = || std::fs::File::options().read(true).write(true).open(&name).map(Stdio::from).unwrap();
        let program = place.command(args);
        // With it, the terminal is the one whose Ctrl-C is for the command.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program.get_program()).args(program.get_args());
        command.current_dir(place.folder.path()).env("TERM", "xterm");
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.envs(environment.iter().copied());
        let child = command.stdin(open()).stdout(open()).stderr(open()).spawn().unwrap();
        // Only the command has the other end now, so that what it shows has an end.
        drop(command);
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let (kept, mut screen) = (Arc::clone(&shown), std::fs::File::from(main.try_clone().unwrap()));
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Once the command has ended, reading fails.
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                kept.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        Self { child, keyboard: main.into(), shown, reader: Some(reader) }
    }

    /// Everything that was shown, with what steers the terminal.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// What is to be seen, if it was drawn over and over: without styles.
    pub fn screen(&self) -> String {
        let shown = self.shown();
        let drawn = shown.rsplit_once(END).and_then(|(before, _)| before.rsplit_once(BEGIN));
        anstream::adapter::strip_str(drawn.map_or("", |(_, drawn)| drawn)).to_string()
    }

    /// Waits until that is to be seen.
    pub fn wait_for(&self, place: &Place, what: &str) -> String {
        self.wait_until(place, what, |screen| screen.contains(what))
    }

    /// Waits until this holds of what is to be seen.
    pub fn wait_until(&self, place: &Place, what: &str, holds: impl Fn(&str) -> bool) -> String {
        place.wait_until(what, |_| holds(&self.screen()));
        self.screen()
    }

    /// How often the other screen was turned to, and whether the last of these is over.
    pub fn turns(&self) -> (usize, bool) {
        let shown = self.shown();
        (shown.matches(ENTER).count(), shown.ends_with(LEAVE))
    }

    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    pub fn resize(&self, size: (u16, u16)) {
        resize(&self.keyboard, size);
    }

    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits until the command has ended; gives its exit code, or the signal that killed it, and everything it showed.
    pub fn end(mut self) -> (i32, String) {
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status.code().unwrap_or_else(|| -status.signal().unwrap()), self.shown())
    }

    /// Whether everything is as it was before.
    pub fn is_restored(shown: &str) -> bool {
        shown.ends_with(LEAVE) && shown.matches(ENTER).count() == shown.matches(LEAVE).count()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn resize(terminal: impl AsFd, (columns, lines): (u16, u16)) {
    let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}
