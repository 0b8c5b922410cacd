//! What the program says of targets while it is simulated, and all else that it says if somebody wants to read it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// What was said, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// Targets with their outcomes.
    pub targets: Arc<Mutex<Vec<Value>>>,
    /// Jobs that went ahead without a record.
    pub unclaimed: Arc<Mutex<BTreeSet<String>>>,
    /// Lines, if they are wanted.
    lines: Option<Arc<Mutex<Vec<String>>>>,
}

impl Told {
    /// `wants_lines` for a person who looks into one seed.
    pub(crate) fn new(wants_lines: bool) -> Self {
        Self { targets: Arc::default(), unclaimed: Arc::default(), lines: wants_lines.then(Arc::default) }
    }

    pub(crate) fn lines(&self) -> String {
        let lines = self.lines.as_ref().map(|lines| lines.lock().unwrap().join("\n"));
        lines.unwrap_or_default()
    }

    /// Adds a line of the simulation's own.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            lines.lock().unwrap().push(line());
        }
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl<S: Subscriber> Layer<S> for Told {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        let most = if self.lines.is_some() { Level::DEBUG } else { Level::INFO };
        *metadata.level() <= most && metadata.target().starts_with("calloff")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        self.note(|| {
            let mut line = format!("{:>5}", event.metadata().level());
            for (key, value) in &fields.0 {
                let _ = write!(line, " {key}={}", value.as_str().unwrap_or("-"));
            }
            line
        });
        match (fields.0.get("event").and_then(Value::as_str), fields.0.get("job").and_then(Value::as_str)) {
            (Some("target.outcome"), _) => self.targets.lock().unwrap().push(Value::Object(fields.0)),
            (Some("run.unclaimed"), Some(job)) => drop(self.unclaimed.lock().unwrap().insert(job.to_owned())),
            _ => {}
        }
    }
}
