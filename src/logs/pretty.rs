//! A log line for people: the time, the event, what it is about, then what else there is to know.

use std::fmt;

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

pub(super) struct Pretty;

/// Fields that are not repeated among the others.
const LEADING: [&str; 5] = ["event", "message", "job", "backup", "outcome"];

/// Fields that only programs need.
const LEFT_OUT: [&str; 2] = ["run_id", "verified"];

impl<S, N> FormatEvent<S, N> for Pretty
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        line(writer, *event.metadata().level(), &fields)
    }
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str())
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

fn line(mut writer: Writer<'_>, level: Level, fields: &Fields) -> fmt::Result {
    let colours = writer.has_ansi_escapes();
    let paint = |style: Style| if colours { style } else { Style::new() };
    let dim = paint(Style::new().dimmed());
    write!(writer, "{dim}")?;
    SystemTime.format_time(&mut writer)?;
    let style = paint(Style::new().fg_color(Some(colour(level).into())).bold());
    write!(writer, "{dim:#} {style}{level:>5}{style:#} ")?;
    let subject: Vec<&str> = ["job", "backup"].iter().filter_map(|name| fields.get(name)).collect();
    if !subject.is_empty() {
        write!(writer, "{} ", subject.join(" "))?;
    }
    if let Some(outcome) = fields.get("outcome") {
        let style = paint(outcome_style(outcome));
        write!(writer, "{style}{outcome}{style:#} ")?;
    }
    if let Some(message) = fields.get("message") {
        write!(writer, "{message} ")?;
    }
    for (name, value) in
        fields.0.iter().filter(|(name, _)| !LEADING.contains(name) && !LEFT_OUT.contains(name))
    {
        let quote = if value.contains(' ') { "\"" } else { "" };
        write!(writer, "{dim}{name}={dim:#}{quote}{value}{quote} ")?;
    }
    if let Some(event) = fields.get("event") {
        write!(writer, "{dim}{event}{dim:#}")?;
    }
    writeln!(writer)
}

fn colour(level: Level) -> AnsiColor {
    match level {
        Level::ERROR => AnsiColor::Red,
        Level::WARN => AnsiColor::Yellow,
        Level::INFO => AnsiColor::Green,
        Level::DEBUG | Level::TRACE => AnsiColor::Blue,
    }
}

fn outcome_style(word: &str) -> Style {
    crate::report::style_of(calloff_core::outcome::Outcome::parse(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_it_is_about_first() {
        let fields = Fields(vec![
            ("message", "the backup is called off".into()),
            ("event", "target.outcome".into()),
            ("run_id", "0197".into()),
            ("job", "freeze".into()),
            ("backup", "42".into()),
            ("outcome", "cancelled".into()),
            ("attempts", "3".into()),
            ("reason", "two words".into()),
        ]);
        let mut text = String::new();
        line(Writer::new(&mut text), Level::INFO, &fields).unwrap();
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.ends_with('Z'), "{time}");
        assert_eq!(
            rest,
            " INFO freeze 42 cancelled the backup is called off attempts=3 reason=\"two words\" target.outcome\n"
        );
    }
}
