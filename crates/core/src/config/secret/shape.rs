//! What a secret, and a key that holds one, look like.

use std::borrow::Cow;
use std::ops::Range;

use crate::config::reader::distance;

/// What is shown instead of a secret. Its length says nothing about the secret's.
pub(in crate::config) const MASK: &str = "***";

/// Whether a key of this name, or of a misspelt one, holds a secret.
pub(super) fn is_secret_key(name: &str) -> bool {
    const PARTS: [&str; 8] =
        ["secret", "token", "passw", "passphrase", "pwd", "webhook", "apikey", "privatekey"];
    const KEYS: [(&str, usize); 5] =
        [("client_secret", 3), ("refresh_token", 3), ("webhook", 2), ("token", 1), ("url", 0)];
    if name.len() > 80 {
        return false;
    }
    let folded: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    PARTS.iter().any(|part| folded.contains(part))
        || KEYS.iter().any(|(key, edits)| {
            key.len().abs_diff(folded.len()) <= *edits + 1 && distance(&folded, key) <= *edits
        })
}

/// The places of what looks like a secret, whatever stands around it.
pub(in crate::config) fn secret_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges = token_ranges(text);
    ranges.extend(url_ranges(text));
    ranges
}

/// The places of what looks like one of Zoho's secrets or tokens: 32 or more hexadecimal digits, not all decimal.
/// A client secret has 42, each half of a token 32; a backup ID has no letters.
fn token_ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        if byte.is_ascii_hexdigit() {
            continue;
        }
        let run = &text.as_bytes()[start..at];
        if run.len() >= 32 && run.iter().any(u8::is_ascii_alphabetic) {
            found.push(start..at);
        }
        start = at + 1;
    }
    found
}

/// The places in URLs, and in what was meant to be one, where secrets stand: what is before an `@`, and paths, which
/// make a webhook's address a secret.
fn url_ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split_inclusive(['"', '\'', ' ', '\t', '\n', '`']) {
        let end = start + word.trim_end_matches(['"', '\'', ' ', '\t', '\n', '`']).len();
        let host = text[start..end].rfind('@').map_or(start, |at| {
            let user = text[start..start + at].rfind("//").map_or(start, |slashes| start + slashes + 2);
            found.push(user..start + at);
            start + at
        });
        let rest = text[start..end].find("://").map_or(end, |sign| host.max(start + sign + 3));
        let path = text[rest..end].find(['/', '?', '#']).map_or(end, |path| rest + path + 1);
        found.push(path..end);
        // What is no port is a password whose `@` is missing; the colons of `[::1]` are neither.
        let port = text[rest..end].find(':').map_or(end, |colon| rest + colon + 1);
        if rest < end
            && !text[rest..].starts_with('[')
            && !text[port..end].starts_with(|c: char| c.is_ascii_digit())
        {
            found.push(port..end);
        }
        start += word.len();
    }
    found.retain(|range| !range.is_empty());
    found
}

/// Whether the text has what looks like one of Zoho's secrets.
pub(super) fn looks_secret(text: &str) -> bool {
    !token_ranges(text).is_empty()
}

/// The text without what looks like a secret.
pub(in crate::config) fn redacted(text: &str) -> Cow<'_, str> {
    let ranges = merged(secret_ranges(text));
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = text.to_owned();
    for range in ranges.into_iter().rev() {
        shown.replace_range(range, MASK);
    }
    Cow::Owned(shown)
}

/// The ranges in order, none empty, those that touch made one.
pub(super) fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
