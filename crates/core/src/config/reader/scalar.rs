//! Texts that stand for something: words, durations, paths.

use std::path::PathBuf;
use std::time::Duration;

use super::{Problems, Value, did_you_mean, listed};
use crate::diagnostic::Code;
use crate::text::duration as duration_text;

/// The longest duration that means anything here. Sums of a few stay far from any limit of `Timestamp`.
const TEN_YEARS: Duration = Duration::from_hours(24 * 3653);

/// The bounds of a duration.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Span {
    pub(in crate::config) least: Duration,
    pub(in crate::config) most: Duration,
}

impl Span {
    pub(in crate::config) const fn from(least: Duration) -> Self {
        Self { least, most: TEN_YEARS }
    }

    pub(in crate::config) const fn to(self, most: Duration) -> Self {
        Self { most, ..self }
    }
}

impl<'t> Value<'t> {
    /// One of the words, and what it stands for.
    pub(in crate::config) fn word<T: Clone>(
        &self,
        problems: &mut Problems,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let choices = listed(words.iter().map(|(word, _)| *word));
        let text = self.text(problems, &format!("write {choices}, in quotes"))?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(meaning.clone());
        }
        let help = did_you_mean(text, words.iter().map(|(word, _)| *word))
            .unwrap_or_else(|| format!("write {choices}"));
        let message = format!("`{}` is no value of `{}`", bare(text), self.key());
        problems.add(Code::UnknownWord, self.span(), message).help(help);
        None
    }

    /// A duration in whole milliseconds.
    pub(in crate::config) fn duration(&self, problems: &mut Problems, span: Span) -> Option<Duration> {
        const HELP: &str =
            "write numbers with units in quotes, such as \"90s\", \"15m\", \"1h 30m\" or \"8d\"";
        let text = self.text(problems, HELP)?;
        let Ok(duration) = humantime::parse_duration(text) else {
            let message = format!("`{}` is not a duration", bare(text));
            problems.add(Code::Duration, self.span(), message).help(HELP);
            return None;
        };
        let (least, most) = (duration_text(span.least), duration_text(span.most));
        let fault = if duration < span.least {
            format!("`{}` is shorter than {least}", self.key())
        } else if duration > span.most {
            format!("`{}` is longer than {most}", self.key())
        } else if !duration.subsec_nanos().is_multiple_of(1_000_000) {
            format!("`{}` has a fraction of a millisecond", self.key())
        } else {
            return Some(duration);
        };
        problems
            .add(Code::OutOfRange, self.span(), fault)
            .help(format!("write whole milliseconds, at least {least} and at most {most}"));
        None
    }

    /// A text of at most `most` bytes that is neither blank nor carries control characters.
    pub(in crate::config) fn line(&self, problems: &mut Problems, most: usize) -> Option<&'t str> {
        let text = self.text(problems, "write it in quotes")?;
        let fault = if text.trim().is_empty() {
            "is empty"
        } else if text.len() > most {
            "is too long"
        } else if text.chars().any(char::is_control) {
            "has control characters"
        } else {
            return Some(text);
        };
        problems
            .add(Code::BadText, self.span(), format!("`{}` {fault}", self.key()))
            .help(format!("write 1 to {most} bytes of text without control characters"));
        None
    }

    /// A path.
    pub(in crate::config) fn path(&self, problems: &mut Problems) -> Option<PathBuf> {
        self.line(problems, 4096).map(PathBuf::from)
    }
}

/// The start of a text from the file, fit for a message: control characters escaped.
pub(in crate::config) fn bare(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown = String::new();
    for c in text.chars().take(MOST) {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
