//! A value and its place, asked to be of a type.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::{Problems, Table};
use crate::diagnostic::Code;

/// A value in the document. The questions answer `None` when the answer was a problem, which is then recorded.
#[derive(Debug, Clone)]
pub(in crate::config) struct Value<'t> {
    key: &'t str,
    key_span: Range<usize>,
    inner: &'t Spanned<DeValue<'t>>,
}

impl<'t> Value<'t> {
    pub(super) fn new(key: &'t str, key_span: Range<usize>, inner: &'t Spanned<DeValue<'t>>) -> Self {
        Self { key, key_span, inner }
    }

    /// The key it stands under.
    pub(in crate::config) fn key(&self) -> &'t str {
        self.key
    }

    /// The place of its key.
    pub(in crate::config) fn key_span(&self) -> Range<usize> {
        self.key_span.clone()
    }

    /// Its own place.
    pub(in crate::config) fn span(&self) -> Range<usize> {
        self.inner.span()
    }

    /// The value as TOML has it.
    pub(in crate::config) fn raw(&self) -> &'t DeValue<'t> {
        self.inner.get_ref()
    }

    /// The text, if it is one; nothing is recorded if it isn't.
    pub(in crate::config) fn as_text(&self) -> Option<&'t str> {
        self.raw().as_str()
    }

    /// A text.
    pub(in crate::config) fn text(&self, problems: &mut Problems, help: &str) -> Option<&'t str> {
        let text = self.as_text();
        if text.is_none() {
            self.wrong_type(problems, "a string", help);
        }
        text
    }

    /// `true` or `false`.
    pub(in crate::config) fn flag(&self, problems: &mut Problems) -> Option<bool> {
        let flag = self.raw().as_bool();
        if flag.is_none() {
            self.wrong_type(problems, "`true` or `false`", "write it without quotes");
        }
        flag
    }

    /// A whole number within bounds.
    pub(in crate::config) fn number(&self, problems: &mut Problems, least: u32, most: u32) -> Option<u32> {
        let range = format!("write a whole number from {least} to {most}, without quotes");
        let DeValue::Integer(integer) = self.raw() else {
            self.wrong_type(problems, "a whole number", &range);
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let message = format!("`{}` is out of range", self.key);
            problems.add(Code::OutOfRange, self.span(), message).help(range);
        }
        number
    }

    /// A table; `place` is what messages call it, such as "`[retry]`".
    pub(in crate::config) fn table(&self, problems: &mut Problems, place: String) -> Option<Table<'t>> {
        let DeValue::Table(entries) = self.raw() else {
            self.wrong_type(problems, "a table", &format!("write it as {place}"));
            return None;
        };
        // A table that dotted keys opened has the span of its first key, so all have one to point at.
        Some(Table::new(entries, place, self.span()))
    }

    /// The elements of an array, each under the same key.
    pub(in crate::config) fn array(&self, problems: &mut Problems, help: &str) -> Option<Vec<Value<'t>>> {
        let DeValue::Array(elements) = self.raw() else {
            self.wrong_type(problems, "an array", help);
            return None;
        };
        Some(elements.iter().map(|inner| Value::new(self.key, self.key_span(), inner)).collect())
    }

    /// Records that it is not `wanted`.
    pub(in crate::config) fn wrong_type(&self, problems: &mut Problems, wanted: &str, help: &str) {
        let message = format!("`{}` must be {wanted}, not {}", self.key, kind(self.raw()));
        problems.add(Code::WrongType, self.span(), message).help(help);
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date or time without quotes",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
