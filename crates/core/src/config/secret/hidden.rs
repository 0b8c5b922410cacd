//! Where in a file secrets stand, as far as its parsed form tells.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reference::reference;
use super::scan::scan;
use super::shape::{is_secret_key, looks_secret, merged};

/// The parts of a file that must not be shown, in order, none overlapping.
///
/// What stands where is not to be relied on in a file that is not `valid`: there a value may have lost its key.
pub(in crate::config) fn hidden(text: &str, root: &DeTable<'_>, valid: bool) -> Vec<Range<usize>> {
    let mut places = Places::default();
    places.walk(root, true);
    if !valid {
        places.references.clear();
    }
    let mut hidden = places.hidden;
    hidden.extend(scan(text, &places.references));
    merged(hidden)
}

#[derive(Default)]
struct Places {
    hidden: Vec<Range<usize>>,
    /// Values that say where a secret is and nothing else: fit to be shown.
    references: Vec<Range<usize>>,
}

impl Places {
    /// `keys` is false where names stand that the file's author chose: an account may be called `tokens`.
    fn walk(&mut self, table: &DeTable<'_>, keys: bool) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            if keys && is_secret_key(name) {
                self.secret(value);
            } else {
                self.descend(value, !(keys && matches!(name, "accounts" | "windows")));
            }
        }
    }

    fn descend(&mut self, value: &Spanned<DeValue<'_>>, keys: bool) {
        match value.get_ref() {
            DeValue::Table(table) => self.walk(table, keys),
            DeValue::Array(elements) => elements.iter().for_each(|element| self.descend(element, keys)),
            _ => {}
        }
    }

    fn secret(&mut self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table)
                if !table.is_empty() && table.iter().all(|(key, value)| is_place(key.get_ref(), value)) =>
            {
                self.references.push(value.span());
            }
            DeValue::Table(table) => {
                for (key, value) in table {
                    if !is_place(key.get_ref(), value) {
                        self.hidden.push(key.span());
                        self.secret(value);
                    }
                }
            }
            DeValue::Array(elements) => {
                self.hidden.push(value.span());
                elements.iter().for_each(|element| self.secret(element));
            }
            _ => self.hidden.push(value.span()),
        }
    }
}

fn is_place(key: &str, value: &Spanned<DeValue<'_>>) -> bool {
    value.get_ref().as_str().is_some_and(|text| reference(key, text).is_some() && !looks_secret(text))
}
