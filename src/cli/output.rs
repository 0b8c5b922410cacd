//! Where results go.

use std::io::{IsTerminal as _, Write};

use calloff_core::diagnostic::Diagnostic;
use serde::Serialize;
use terminal_size::{Height, Width};

use crate::error::{Error, chain};
use crate::render;

/// Columns and lines of a terminal that does not say.
const USUAL: (u16, u16) = (80, 24);

/// Standard output, with colours only on a terminal that wants them.
pub(super) struct Output {
    stdout: anstream::AutoStream<std::io::Stdout>,
    terminal: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { stdout: anstream::stdout(), terminal: std::io::stdout().is_terminal() }
    }

    /// Whether a person reads along.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// How wide a table may be; as wide as it likes where nobody reads along.
    pub(super) fn width(&self) -> Option<u16> {
        self.size().map(|(width, _)| width)
    }

    /// How many columns and lines the terminal has, if there is one.
    pub(super) fn size(&self) -> Option<(u16, u16)> {
        // Some do not say, as one whose size was never set.
        self.terminal.then(|| {
            terminal_size::terminal_size().map_or(USUAL, |(Width(width), Height(height))| (width, height))
        })
    }

    /// Whether colours are wanted.
    pub(super) fn has_colours(&self) -> bool {
        !matches!(self.stdout.current_choice(), anstream::ColorChoice::Never)
    }

    /// Writes text; styles in it are dropped where they are not wanted.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Error> {
        self.bytes(text.as_bytes())
    }

    /// Writes text that is at hand as bytes.
    pub(super) fn bytes(&mut self, text: &[u8]) -> Result<(), Error> {
        self.stdout.write_all(text).and_then(|()| self.stdout.flush()).map_err(Error::Output)
    }

    /// Writes one object on one line.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let line = serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))?;
        self.text(&format!("{line}\n"))
    }
}

/// Prints an error with its causes.
pub(super) fn print_error(error: &Error) {
    let text = chain(error);
    note("error", anstyle::AnsiColor::Red, &text);
}

/// Prints a line for the person at the terminal that is no result.
pub(super) fn notice(text: &str) {
    note("note", anstyle::AnsiColor::Cyan, text);
}

fn note(label: &str, colour: anstyle::AnsiColor, text: &str) {
    let style = anstyle::Style::new().fg_color(Some(colour.into())).bold();
    // If stderr is gone there is nowhere to say so.
    drop(writeln!(anstream::stderr(), "{style}{label}{style:#}: {text}"));
}

/// Prints what is wrong with the configuration.
pub(super) fn diagnostics(diagnostics: &[Diagnostic]) {
    // If stderr is gone there is nowhere to say so.
    // The stream drops the colours where they are not wanted.
    let text = render::diagnostics(diagnostics, render::Format::Human, true);
    drop(anstream::stderr().write_all(text.as_bytes()));
}
