//! The log, on stderr: for people on a terminal, as JSON otherwise. Every line has a stable name in `event`.

mod pretty;

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use calloff_core::config::{LogFormat, LogLevel};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::reload::Handle;

use pretty::Pretty;

/// Sets the log up for the rest of the process; a second call changes nothing.
///
/// # Errors
///
/// If `level` is neither a level nor a filter such as `calloff=debug,hyper=trace`.
pub fn init(format: LogFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(directives(level))
        .map_err(|_| format!("`{level}` is no log level: use error, warn, info, debug or trace"))?;
    let json = is_json(format);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // A reader of the log that went away must not take the program along.
        .log_internal_errors(false);
    // Whoever was first has set it up.
    let _ = if json {
        let builder = builder.json().flatten_event(true).with_current_span(false).with_span_list(false);
        let builder = builder.with_filter_reloading();
        remember(builder.reload_handle());
        tracing::subscriber::set_global_default(builder.finish())
    } else {
        let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        let builder = builder.with_ansi(colours).event_format(Pretty).with_filter_reloading();
        remember(builder.reload_handle());
        tracing::subscriber::set_global_default(builder.finish())
    };
    Ok(())
}

/// Whether a log of this format is for programs: `auto` is, unless it goes to a terminal.
#[must_use]
pub fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Pretty => false,
        LogFormat::Json => true,
    }
}

/// Says whether a level, or a filter, is one.
///
/// # Errors
///
/// If it is not, with those that there are.
pub fn check_level(level: &str) -> Result<(), String> {
    match EnvFilter::try_new(directives(level)) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("`{level}` is no log level: use error, warn, info, debug or trace")),
    }
}

/// What sets another level.
static SET_LEVEL: OnceLock<Box<dyn Fn(EnvFilter) + Send + Sync>> = OnceLock::new();

fn remember<S: 'static>(handle: Handle<EnvFilter, S>) {
    // The subscriber lives as long as the process.
    let set = move |filter| drop(handle.reload(filter));
    drop(SET_LEVEL.set(Box::new(set)));
}

/// Logs so much from now on; `None` is what is logged where no file says how much.
pub fn set_level(level: Option<LogLevel>) {
    let filter = EnvFilter::try_new(directives(word(level.unwrap_or(LogLevel::Info))));
    if let (Ok(filter), Some(set)) = (filter, SET_LEVEL.get()) {
        set(filter);
    }
}

/// The filter of a level, or of a filter that is given in full.
fn directives(level: &str) -> String {
    // Of the libraries only what is wrong is of interest, unless somebody asks for more by name.
    if level.contains('=') {
        level.to_owned()
    } else {
        format!("warn,calloff={level},calloff_core={level},calloff_sim={level}")
    }
}

/// The word of a level.
#[must_use]
pub fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}
