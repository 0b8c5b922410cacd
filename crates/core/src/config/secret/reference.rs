//! `{ env = "VAR" }`, `{ file = "path" }` and `{ credential = "name" }`.

use std::ops::Range;
use std::path::PathBuf;

use toml::de::DeValue;

use super::shape::looks_secret;
use crate::config::SecretRef;
use crate::config::reader::{Problems, Value};
use crate::diagnostic::Code;

/// Reads where a secret is. Nothing that is recorded repeats what the file says: it may be the secret.
pub(in crate::config) fn secret(value: &Value<'_>, problems: &mut Problems) -> Option<SecretRef> {
    let help = format!(
        "say where it is: `{key} = {{ env = \"VAR\" }}`, `{key} = {{ file = \"path\" }}` or \
         `{key} = {{ credential = \"name\" }}`",
        key = value.key()
    );
    let DeValue::Table(entries) = value.raw() else {
        inline(value, value.span(), &help, problems);
        return None;
    };
    let mut places = entries.iter();
    let (Some((place, text)), None) = (places.next(), places.next()) else {
        let message = format!("`{}` must name exactly one of `env`, `file` and `credential`", value.key());
        problems.add(Code::SecretReference, value.span(), message).help(help);
        return None;
    };
    let Some(reference) = text.get_ref().as_str().and_then(|text| reference(place.get_ref(), text)) else {
        let (span, fault) = fault(place.get_ref(), place.span(), text.span());
        problems.add(Code::SecretReference, span, format!("`{}` {fault}", value.key())).help(help);
        return None;
    };
    if text.get_ref().as_str().is_some_and(looks_secret) {
        inline(value, text.span(), &help, problems);
        return None;
    }
    Some(reference)
}

fn inline(value: &Value<'_>, span: Range<usize>, help: &str, problems: &mut Problems) {
    let message = format!("the secret `{}` stands in the file", value.key());
    problems
        .add(Code::InlineSecret, span, message)
        .help(format!("{help}; if this file was ever shared, replace the secret, too"));
}

fn fault(place: &str, key: Range<usize>, text: Range<usize>) -> (Range<usize>, &'static str) {
    match place {
        "env" => (text, "has no name of an environment variable: use letters, digits and `_`"),
        "file" => (text, "has no path of a file"),
        "credential" => (text, "has no name of a credential: use letters, digits, `-`, `_` and `.`"),
        _ => (key, "has a key other than `env`, `file` and `credential`"),
    }
}

/// The reference, if `place` is one of the three and `text` could be the name of something there.
pub(super) fn reference(place: &str, text: &str) -> Option<SecretRef> {
    let word = |extra: &[u8]| {
        (1..=255).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
    };
    match place {
        "env" if word(b"_") && !text.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(SecretRef::Env(text.to_owned()))
        }
        "file" if !text.trim().is_empty() && text.len() <= 4096 && !text.chars().any(char::is_control) => {
            Some(SecretRef::File(PathBuf::from(text)))
        }
        "credential" if word(b"-_.") && !text.starts_with('.') => {
            Some(SecretRef::Credential(text.to_owned()))
        }
        _ => None,
    }
}
