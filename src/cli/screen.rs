//! A screen that is drawn over and over. What was on the terminal before is there again afterwards, however it ends.

use std::io::{self, Write as _};

/// The other screen, without a cursor, where long lines are cut.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// The terminal as it is by default, and the screen from before.
const LEAVE: &str = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Terminals that know it show what is drawn at once, and not line by line.
const BEGIN: &str = "\x1b[?2026h\x1b[H";
/// Nothing is left below.
const END: &str = "\x1b[J\x1b[?2026l";

/// The terminal's other screen. It is left when this is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    colours: bool,
}

impl Screen {
    /// Turns to it; styles are dropped unless colours are wanted.
    pub(super) fn enter(colours: bool) -> io::Result<Self> {
        // From here on it is left in any case.
        let screen = Self { colours };
        write(ENTER)?;
        Ok(screen)
    }

    /// Shows these lines and nothing else.
    pub(super) fn draw(&self, lines: &[String]) -> io::Result<()> {
        let mut drawn = String::from(BEGIN);
        for (number, line) in lines.iter().enumerate() {
            let to_next = if number == 0 { "" } else { "\r\n" };
            let line =
                if self.colours { line.clone() } else { anstream::adapter::strip_str(line).to_string() };
            // Behind it nothing is left of what was there.
            drawn.extend([to_next, &line, "\x1b[K"]);
        }
        drawn.push_str(END);
        write(&drawn)
    }

    /// Has the shell go on, as Ctrl-Z asks; returns once this is in the foreground again.
    pub(super) fn suspend(self) -> io::Result<Self> {
        let colours = self.colours;
        drop(self);
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        Self::enter(colours)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing to restore.
        drop(write(LEAVE));
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut terminal = io::stdout().lock();
    terminal.write_all(text.as_bytes())?;
    terminal.flush()
}
