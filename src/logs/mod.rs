//! The log, on stderr: for people on a terminal, as JSON otherwise. Every line has a stable name in `event`.

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "no_otlp.rs"]
mod otlp;
mod pretty;

use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::time::Duration;

use calloff_core::config::{LogFormat, LogLevel};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use pretty::Pretty;

/// Sets the log up for the rest of the process; a second call changes nothing.
///
/// # Errors
///
/// If `level` is neither a level nor a filter such as `calloff=debug,hyper=trace`.
pub fn init(format: LogFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(directives(level))
        .map_err(|_| format!("`{level}` is no log level: use error, warn, info, debug or trace"))?;
    let (traces, trouble) = otlp::layer();
    let subscriber = Registry::default().with(log(is_json(format), filter)).with(traces);
    // Whoever was first has set it up.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(trouble) = trouble {
        tracing::warn!(event = "otlp.unavailable", trouble, "traces are not sent");
    }
    Ok(())
}

/// What writes the log. Spans are for traces: they neither show in it nor cost anything for it.
fn log<S>(json: bool, filter: EnvFilter) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        // A reader of the log that went away must not take the program along.
        .log_internal_errors(false);
    let layer = if json {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        layer.with_ansi(colours).event_format(Pretty).boxed()
    };
    let (filter, handle) = reload::Layer::new(filter);
    remember(handle);
    layer.with_filter(filter.and(filter_fn(|metadata: &Metadata<'_>| metadata.is_event())))
}

/// Sends what there is of traces, for so long at most. After that none are sent any more.
pub async fn flush(within: Duration) {
    otlp::flush(within).await;
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

fn remember<S: 'static>(handle: reload::Handle<EnvFilter, S>) {
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
