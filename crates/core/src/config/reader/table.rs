//! A table whose keys are taken one by one; what nobody took is unknown.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::DeTable;

use super::{Problems, Value, bare, did_you_mean, listed};
use crate::diagnostic::Code;

/// A table being read. Every key that may stand in it is asked for with [`Table::take`], whatever else went
/// wrong; then [`Table::finish`] reports the others.
#[derive(Debug)]
pub(in crate::config) struct Table<'t> {
    entries: &'t DeTable<'t>,
    /// Its place in words: "`[schedule]`".
    place: Cow<'static, str>,
    /// Where to point when something is missing from it.
    span: Range<usize>,
    known: Vec<&'static str>,
}

impl<'t> Table<'t> {
    pub(in crate::config) fn new(
        entries: &'t DeTable<'t>,
        place: impl Into<Cow<'static, str>>,
        span: Range<usize>,
    ) -> Self {
        Self { entries, place: place.into(), span, known: Vec::new() }
    }

    /// Where to point when something is missing from it.
    pub(in crate::config) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Its place in words, such as "`[schedule]`".
    pub(in crate::config) fn place(&self) -> &str {
        &self.place
    }

    /// The value under `key`, if it is there.
    pub(in crate::config) fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.known.push(key);
        let (found, value) = self.entries.get_key_value(key)?;
        Some(Value::new(key, found.span(), value))
    }

    /// The value under `key`; its absence is reported.
    pub(in crate::config) fn require(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        help: &str,
    ) -> Option<Value<'t>> {
        let value = self.take(key);
        // A misspelt key is reported once, as such.
        if value.is_none() && !self.misspells(key) {
            problems
                .add(Code::MissingKey, self.span(), format!("`{key}` is missing from {}", self.place))
                .help(help)
                .absence();
        }
        value
    }

    /// Every key that the file's author may choose, with its place and value.
    pub(in crate::config) fn entries(self) -> impl Iterator<Item = (&'t str, Range<usize>, Value<'t>)> {
        self.entries.iter().map(|(key, value)| {
            let name: &'t str = key.get_ref();
            (name, key.span(), Value::new(name, key.span(), value))
        })
    }

    /// Reports the keys that were never asked for.
    pub(in crate::config) fn finish(self, problems: &mut Problems) {
        for (key, value) in self.entries {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let message = format!("unknown key `{}` in {}", bare(name), self.place);
            let problem = problems.add(Code::UnknownKey, key.span(), message);
            match did_you_mean(name, self.known.iter().copied()) {
                Some(help) => problem.help(help),
                // Nobody knows what this is, so it may be a secret.
                None => problem.help(self.choices()).conceal(value.span()),
            };
        }
    }

    /// Whether it has a key that is likely meant for this one.
    pub(in crate::config) fn misspells(&self, key: &str) -> bool {
        self.entries.keys().any(|found| did_you_mean(found.get_ref(), [key]).is_some())
    }

    fn choices(&self) -> String {
        let mut keys = self.known.clone();
        keys.sort_unstable();
        format!("{} may have {}", self.place, listed(keys))
    }
}
