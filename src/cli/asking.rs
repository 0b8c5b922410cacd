//! Commands that a running daemon answers.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use super::output::{Output, notice};
use super::setup::{self, Configuration};
use crate::control::{self, Answer, Asked, Request};
use crate::error::{Error, chain};
use crate::store::Store;

/// Asks the daemon of the configuration; nothing if none runs, or it can't be reached.
///
/// # Errors
///
/// If anything in `calloff.toml` is wrong; the diagnostics have then been printed. Or if a daemon does not answer.
pub(super) async fn ask(config: Option<&Path>, request: &Request) -> Result<Option<Answer>, Error> {
    ask_of(&setup::settings_alone(config)?, config, request, &mut |text| notice(text)).await
}

/// The same of a configuration that is at hand; `note` hears where it could not be asked.
///
/// # Errors
///
/// If a daemon does not answer.
pub(super) async fn ask_of(
    configuration: &Configuration,
    config: Option<&Path>,
    request: &Request,
    note: &mut impl FnMut(&str),
) -> Result<Option<Answer>, Error> {
    let asked = Asked { config: control::name_of(&setup::find(config)?), ask: request.clone() };
    let daemon = Store::daemon_at(&configuration.record());
    let known = daemon.as_ref().and_then(|daemon| daemon.control.as_deref());
    let places = control::to_ask(configuration.control().as_deref(), &configuration.state_folder(), known);
    for place in &places {
        match control::ask(place, &asked).await {
            Ok(answer) => return Ok(Some(answer)),
            // Nobody listens there.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => return Err(Error::Silent),
            Err(error) => {
                note(&format!("the daemon could not be asked at `{}`: {}", place.display(), chain(&error)));
            }
        }
    }
    Ok(None)
}

/// The same, where there has to be a daemon.
///
/// # Errors
///
/// If there is none, too.
pub(super) async fn demand(config: Option<&Path>, request: &Request) -> Result<Answer, Error> {
    ask(config, request).await?.ok_or(Error::NoDaemon)
}

/// Prints what the daemon has said.
pub(super) fn print(answer: &Answer, output: &mut Output) -> Result<ExitCode, Error> {
    // If stderr is gone there is nowhere to say so.
    drop(anstream::stderr().write_all(answer.stderr.as_bytes()));
    output.text(&answer.stdout)?;
    Ok(ExitCode::from(answer.code))
}
