//! `calloff auth exchange`: a self client's grant code into a refresh token.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use calloff_core::config::{Account, SecretRef};
use calloff_core::grant;
use calloff_core::place::{self, Place};
use calloff_core::scope;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::code;
use super::finding::Use;
use crate::cli::args::{AuthExchangeArgs, LogArgs};
use crate::cli::output::{Output, notice};
use crate::cli::setup;
use crate::error::{Error, chain};
use crate::files::{self, FreshError, FreshSecret, UnplacedError};
use crate::zoho::{self, ExchangeError, Exchanged, HttpTransport};

/// What came of it, as JSON. The token itself is only ever in its file.
#[derive(Debug, Serialize)]
struct Row<'a> {
    account: &'a str,
    file: String,
    scopes: Option<Vec<&'a str>>,
    missing: Option<Vec<String>>,
    api_domain: Option<&'a str>,
}

pub(super) async fn exchange(
    config: Option<&Path>,
    log: &LogArgs,
    args: &AuthExchangeArgs,
    mut output: Output,
) -> Result<ExitCode, Error> {
    let found = setup::find(config)?;
    let configuration = setup::settings_alone(Some(&found))?;
    configuration.log(log, true)?;
    let account = configuration.find_account(&args.account)?;
    let client_secret = files::read_secret(&account.client_secret, &configuration.folder)
        .map_err(|error| Error::Secret { account: account.name.to_string(), reason: chain(&error) })?;
    let place = if args.stdout { None } else { Some(destination(args, account, &configuration.folder)?) };
    // The code is good once: whatever would waste it shows before it is sent, and before somebody has typed it.
    if let Some(path) = &place {
        FreshSecret::try_out(path, args.force).map_err(|error| unready(&error))?;
    }
    let code = code::read(args.code_file.as_deref()).await?;
    hold_signals(account)?;
    let fresh = place.as_deref().map(|path| FreshSecret::prepare(path, args.force)).transpose();
    let fresh = fresh.map_err(|error| unready(&error))?;

    let transport = HttpTransport::default();
    let exchanged = match zoho::exchange(account, &client_secret, &code, &transport).await {
        Ok(exchanged) => exchanged,
        Err(error) => return Ok(refused(account, &error)),
    };
    let Some(token) = &exchanged.refresh_token else { return Ok(without_refresh_token(account)) };
    match (fresh, &place) {
        (Some(fresh), Some(path)) => {
            fresh.write(token).map_err(|error| unplaced(path, error))?;
        }
        _ => output.text(&format!("{}\n", token.expose_secret())).map_err(|error| match error {
            Error::Output(source) => lost("standard output".to_owned(), source),
            other => other,
        })?,
    }
    let uses = needed(&found, account);
    let missing = missing(&uses, &exchanged);
    if let Some(path) = &place {
        let printed = if args.form.json {
            output.json(&row(account, path, &exchanged, missing.as_deref()))
        } else {
            output.text(&format!(
                "`{}` has the refresh token of account `{}`\n",
                path.display(),
                account.name
            ))
        };
        // Whoever takes this for a failure would throw a good token away.
        if let Err(error) = printed {
            notice(&format!("{}; the refresh token is in `{}` all the same", chain(&error), path.display()));
        }
    }
    tell(account, &exchanged, &uses, missing.as_deref());
    if let Some(path) = &place {
        tell_of_reference(account, path, &configuration.folder);
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the refresh token goes.
fn destination(args: &AuthExchangeArgs, account: &Account, base: &Path) -> Result<PathBuf, Error> {
    let elsewhere = |place: String| {
        Error::Usage(format!(
            "account `{}` takes its refresh token from {place}: say where to write it with --out FILE, or --stdout",
            account.name
        ))
    };
    match (&args.out, &account.refresh_token) {
        (Some(path), _) => Ok(path.clone()),
        (None, SecretRef::File(path)) => Ok(base.join(path)),
        (None, SecretRef::Env(name)) => Err(elsewhere(format!("the environment variable `{name}`"))),
        (None, SecretRef::Credential(name)) => Err(elsewhere(format!(
            "the credential `{name}`, with the packaged unit the file /etc/calloff/credentials/{name}"
        ))),
    }
}

fn unready(error: &FreshError) -> Error {
    let help = match error {
        FreshError::Exists(_) => "; nothing was sent: --force replaces it",
        FreshError::Write { .. } => "; nothing was sent: make the folder, and writable",
        _ => "; nothing was sent",
    };
    Error::Usage(format!("{}{help}", chain(error)))
}

/// From here on no signal ends the process: Zoho may have issued a token that nobody could ask for again. The request
/// ends by itself, and then all of it.
fn hold_signals(account: &Account) -> Result<(), Error> {
    let listen =
        |kind| signal(kind).map_err(|error| Error::Internal(format!("couldn't listen for signals: {error}")));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let timeout = humantime::format_duration(account.timeout);
    let told = format!("the code is on its way: this ends with Zoho's answer, after {timeout} at the latest");
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
        notice(&told);
    });
    Ok(())
}

/// Says what to do about a token that is not where it should be.
fn unplaced(place: &Path, error: UnplacedError) -> Error {
    match error {
        UnplacedError::Beside { file, source } => {
            notice("it is good, and Zoho does not show it again: move it to where it should be");
            Error::TokenBeside { file, place: place.to_owned(), source }
        }
        UnplacedError::Lost(source) => lost(format!("`{}`", place.display()), source),
    }
}

/// Says what to do about a token that nobody has.
fn lost(place: String, source: std::io::Error) -> Error {
    notice(
        "mend that, then generate another code; the lost token does no harm, and can be revoked with the client's access \
         in Zoho's account settings",
    );
    Error::TokenLost { place, source }
}

/// Says why there is no token, and what to do. Gives the exit code.
fn refused(account: &Account, error: &ExchangeError) -> ExitCode {
    notice(&format!("account `{}`: {error}", account.name));
    let (hint, code) = match error {
        ExchangeError::Refused { code, .. } => (grant::hint(code), 77),
        ExchangeError::Throttled(_) => {
            ("Zoho gives no more tokens for now: wait ten minutes, then generate another code", 69)
        }
        ExchangeError::Unreachable(_) => {
            ("the code may have been used all the same: if it is refused the next time, generate another", 69)
        }
    };
    notice(&format!("account `{}`: {hint}", account.name));
    ExitCode::from(code)
}

fn without_refresh_token(account: &Account) -> ExitCode {
    notice(&format!(
        "account `{}`: Zoho gave an access token and no refresh token, as it does for a client that is no self client: \
         choose Self Client in the API console, and generate a code there",
        account.name
    ));
    ExitCode::FAILURE
}

/// What the token is needed for. Of jobs that are wrong nothing can be told, and that they are doesn't matter here.
fn needed(config: &Path, account: &Account) -> Vec<Use> {
    let loaded = files::load(config, None);
    if !loaded.is_valid() {
        notice("some job files are wrong, so what scopes they need is not known: see `calloff check`");
    }
    let needs = scope::needs_by_account(loaded.jobs.iter().map(AsRef::as_ref));
    needs.get(&account.name).map_or_else(Use::of_commands, |needs| Use::of_jobs(needs))
}

/// The scopes that are needed and that Zoho did not name; `None` if it named none at all.
fn missing<'a>(uses: &'a [Use], exchanged: &Exchanged) -> Option<Vec<&'a Use>> {
    let named = exchanged.scopes.as_ref()?;
    Some(uses.iter().filter(|needed| !needed.scope.is_covered_by(named)).collect())
}

fn row<'a>(account: &'a Account, path: &Path, exchanged: &'a Exchanged, missing: Option<&[&Use]>) -> Row<'a> {
    Row {
        account: account.name.as_str(),
        file: path.display().to_string(),
        scopes: exchanged.scopes.as_ref().map(|scopes| scopes.split(' ').collect()),
        missing: missing.map(|missing| missing.iter().map(|needed| needed.scope.name()).collect()),
        api_domain: exchanged.api_domain.as_deref(),
    }
}

/// Says what the token allows, and what it lacks.
fn tell(account: &Account, exchanged: &Exchanged, uses: &[Use], missing: Option<&[&Use]>) {
    let name = &account.name;
    match &exchanged.scopes {
        Some(scopes) => notice(&format!("Zoho granted {}", scopes.replace(' ', ", "))),
        None => notice(&format!(
            "Zoho does not name the scopes that it granted: `calloff auth check -a {name}` tests them"
        )),
    }
    for Use { scope, by } in missing.unwrap_or_default() {
        notice(&format!("account `{name}`: {} is missing, for {by}", scope.name()));
    }
    if missing.is_some_and(|missing| !missing.is_empty()) {
        let all = scope::listed(uses.iter().map(|needed| needed.scope));
        notice(&format!("account `{name}`: generate another code, with {all}"));
    }
    if let Some(named) = &exchanged.api_domain
        && place::compare(account.api_domain.as_str(), named) == Place::Other
    {
        notice(&format!(
            "account `{name}`: Zoho names {named} as the address of the API, and calloff.toml says {}: check `data_center`",
            account.api_domain
        ));
    }
}

/// Says so if the account does not read its refresh token from where it was written.
fn tell_of_reference(account: &Account, path: &Path, base: &Path) {
    let is_same = |named: &Path| {
        let same = |a: &Path, b: &Path| {
            a == b || a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a))
        };
        same(&base.join(named), path)
    };
    match &account.refresh_token {
        SecretRef::File(named) if is_same(named) => {}
        // Where credentials are loaded from is in the unit, not in calloff.toml.
        SecretRef::Credential(name) if path.file_name().is_some_and(|file| file == name.as_str()) => {
            notice(&format!(
                "account `{}` takes the credential `{name}`, which systemd hands over when a service starts: restart \
                 the service, if this is the file that its unit loads",
                account.name
            ));
        }
        _ => notice(&format!(
            "account `{}` does not read its refresh token from there: see `refresh_token` in calloff.toml",
            account.name
        )),
    }
}
