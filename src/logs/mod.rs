//! The log, on stderr: for people on a terminal, as JSON otherwise. Every line has a stable name in `event`.

mod pretty;

use std::io::IsTerminal as _;

use calloff_core::config::{LogFormat, LogLevel};
use tracing_subscriber::EnvFilter;

use pretty::Pretty;

/// Sets the log up for the rest of the process; a second call changes nothing.
///
/// # Errors
///
/// If `level` is neither a level nor a filter such as `calloff=debug,hyper=trace`.
pub fn init(format: LogFormat, level: &str) -> Result<(), String> {
    // Of the libraries only what is wrong is of interest, unless somebody asks for more by name.
    let directives = if level.contains('=') {
        level.to_owned()
    } else {
        format!("warn,calloff={level},calloff_core={level},calloff_sim={level}")
    };
    let filter = EnvFilter::try_new(directives)
        .map_err(|_| format!("`{level}` is no log level: use error, warn, info, debug or trace"))?;
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Pretty => false,
        LogFormat::Json => true,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // A reader of the log that went away must not take the program along.
        .log_internal_errors(false);
    // Whoever was first has set it up.
    let _ = if json {
        let builder = builder.json().flatten_event(true).with_current_span(false).with_span_list(false);
        tracing::subscriber::set_global_default(builder.finish())
    } else {
        let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        tracing::subscriber::set_global_default(builder.with_ansi(colours).event_format(Pretty).finish())
    };
    Ok(())
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
