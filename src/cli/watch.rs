//! `calloff status --watch`: the same, live.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output::Output;
use super::screen::Screen;
use super::setup::{self, Configuration};
use super::{asking, status};
use crate::clock::{Clock as _, SystemClock};
use crate::control::{Form, Request};
use crate::error::{Error, chain};
use crate::report::{BOLD, DIM, WARNING, seconds, styled, wrapped};

/// How long an answer may take before it is said that there is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lines that say what is in the way, at most.
const MOST_TROUBLE: usize = 4;

/// Lines of the title.
const TITLE: usize = 1;

/// What the title begins with.
const NAME: &str = "calloff status";

/// Ctrl-Z.
const SUSPEND: i32 = rustix::process::Signal::TSTP.as_raw();

/// What is shown.
#[derive(Debug)]
struct View {
    /// As it last was right.
    configuration: Configuration,
    /// How everything stood when that was last known.
    text: String,
    at: Option<Timestamp>,
    /// What is in the way of knowing more.
    trouble: Vec<String>,
    /// Whether a daemon has answered.
    answered: bool,
    /// Since when it doesn't.
    gone: Option<Timestamp>,
}

pub(super) async fn watch(
    config: Option<&Path>,
    interval: Duration,
    output: &Output,
) -> Result<ExitCode, Error> {
    if !output.is_terminal() || std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb") {
        let why = "`--watch` draws on a terminal, and standard output is none that can be drawn on; \
                   `calloff status --json`, called again and again, is for programs";
        return Err(Error::Usage(why.to_owned()));
    }
    // What is wrong with the configuration is said before anything is drawn.
    let configuration = setup::settings_alone(config)?;
    let stop = setup::stop_on_signals()?;
    let (mut resized, mut suspended) =
        (listen(SignalKind::window_change())?, listen(SignalKind::from_raw(SUSPEND))?);
    let mut screen = Screen::enter(output.has_colours()).map_err(Error::Output)?;
    let mut view = View::of(configuration);
    while !stop.is_cancelled() {
        let (width, height) = output.size().unwrap_or_default();
        let looked = stop.run_until_cancelled(view.look(config, (width, height))).await;
        if looked.is_none() {
            break;
        }
        screen.draw(&view.lines(interval, (width, height))).map_err(Error::Output)?;
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = suspended.recv() => screen = screen.suspend().map_err(Error::Output)?,
            _ = resized.recv() => {}
            () = tokio::time::sleep(interval) => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn listen(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|error| Error::Internal(format!("couldn't listen for signals: {error}")))
}

impl View {
    fn of(configuration: Configuration) -> Self {
        Self { configuration, text: String::new(), at: None, trouble: vec![], answered: false, gone: None }
    }

    /// Looks again.
    async fn look(&mut self, config: Option<&Path>, size: (u16, u16)) {
        let reserved = self.trouble_lines(size).len();
        let is_known = self.look_once(config, size, reserved).await;
        let needed = self.trouble_lines(size).len();
        if is_known && needed > reserved {
            // What is in the way takes lines that were taken for free.
            self.look_once(config, size, needed).await;
        }
    }

    /// Looks again; what can't be known stays as it was, and it is said why. So many lines are left for that.
    async fn look_once(
        &mut self,
        config: Option<&Path>,
        (width, height): (u16, u16),
        reserved: usize,
    ) -> bool {
        let now = SystemClock.now();
        let reserved = u16::try_from(TITLE + reserved).unwrap_or(u16::MAX);
        let lines = Some(height.saturating_sub(reserved));
        let form = Form { json: false, width: Some(width), lines, all: false };
        let mut trouble = vec![];
        let looked = tokio::time::timeout(PATIENCE, self.ask(config, form, now, &mut trouble)).await;
        let is_known = match looked.unwrap_or(Err(Error::Silent)) {
            Ok(Some(text)) => {
                (self.text, self.at) = (text, Some(now));
                true
            }
            // Why there is none is said.
            Ok(None) => false,
            Err(error) => {
                trouble.push(chain(&error));
                false
            }
        };
        if let Some(at) = self.at.filter(|_| !is_known) {
            trouble.push(format!("this is how it stood at {}", seconds(at)));
        }
        self.trouble = trouble;
        is_known
    }

    fn trouble_lines(&self, (width, _): (u16, u16)) -> Vec<String> {
        let lines = self.trouble.iter().flat_map(|said| wrapped(said, usize::from(width)));
        lines.take(MOST_TROUBLE).map(|said| styled(WARNING, said)).collect()
    }

    async fn ask(
        &mut self,
        config: Option<&Path>,
        form: Form,
        now: Timestamp,
        trouble: &mut Vec<String>,
    ) -> Result<Option<String>, Error> {
        match setup::settings_saying(config, |_| ()) {
            Ok(configuration) => self.configuration = configuration,
            // A daemon goes on with what is in force.
            Err(error) => trouble.push(format!("{}: `calloff check` says more", chain(&error))),
        }
        let note = &mut |note: &str| trouble.push(note.to_owned());
        let answer = asking::ask_of(&self.configuration, config, &Request::Status { form }, note).await?;
        if let Some(answer) = answer {
            (self.answered, self.gone) = (true, None);
            let said = anstream::adapter::strip_str(&answer.stderr).to_string();
            trouble.extend(said.lines().map(str::to_owned));
            return Ok(Some(answer.stdout).filter(|text| !text.is_empty()));
        }
        if self.answered {
            let since = *self.gone.get_or_insert(now);
            trouble.push(format!("the daemon is gone since {}", seconds(since)));
        }
        let (text, broken) = status::without_daemon(config, form, |_| ()).await?;
        trouble.extend(broken.map(|broken| format!("{}: `calloff check` says more", chain(&broken))));
        Ok(Some(text))
    }

    /// The whole screen.
    fn lines(&self, interval: Duration, size: (u16, u16)) -> Vec<String> {
        let (width, height) = (usize::from(size.0), usize::from(size.1));
        let at = seconds(SystemClock.now());
        let every = format!("every {}, Ctrl-C ends it", humantime::format_duration(interval));
        let fits = NAME.len() + at.len() + every.len() + 4 <= width;
        let every = if fits { styled(DIM, every) } else { String::new() };
        let title = format!("{}  {at}  {every}", styled(BOLD, NAME));
        let text = self.text.lines().map(str::to_owned);
        std::iter::once(title).chain(self.trouble_lines(size)).chain(text).take(height).collect()
    }
}
