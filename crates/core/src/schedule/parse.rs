//! From the text of a cron expression to a [`Pattern`], or to the part of the text that is to blame.

use std::ops::Range;

use croner::{Cron, parser::CronParser};

use super::error::{CronError, Fault};
use super::field::Field;
use super::pattern::Pattern;

/// Longer expressions are refused, so that no text can keep the parser busy.
const MAX_LEN: usize = 256;

/// Reads a cron expression of 5 or 6 fields, or a shorthand.
///
/// # Errors
///
/// If a field is malformed or out of bounds, or if no date ever matches.
pub(super) fn parse(text: &str) -> Result<Pattern, CronError> {
    let parts = split(text)?;
    let mut spelt = Vec::with_capacity(6);
    let mut fixed = true;
    for (field, part) in Field::ALL.into_iter().zip(&parts) {
        spelt.push(spell(field, part)?);
        if matches!(field, Field::Minute | Field::Hour) {
            fixed &= part.text.bytes().all(|b| b.is_ascii_digit() || b == b',');
        }
    }
    let Ok(cron) = read(&spelt) else {
        return Err(blame(&parts));
    };
    let words: Vec<String> = text.split_ascii_whitespace().map(str::to_ascii_uppercase).collect();
    Pattern::new(words.join(" ").into(), &cron, fixed).map_err(CronError::whole)
}

/// Has croner read six fields. A seventh, the year, is given and never looked at: to set up `*` for it takes
/// croner most of its time.
fn read(fields: &[String]) -> Result<Cron, croner::errors::CronError> {
    CronParser::new().parse(&format!("{} 2000", fields.join(" ")))
}

/// A field's text, in upper case, and where it stands in the expression.
struct Part {
    text: String,
    span: Range<usize>,
}

impl Part {
    fn items(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let mut start = self.span.start;
        self.text.split(',').map(move |item| {
            let span = start..start + item.len();
            start = span.end + 1;
            (item, span)
        })
    }
}

/// Cuts an expression into its six fields, seconds first; a shorthand is replaced by what it stands for.
fn split(text: &str) -> Result<Vec<Part>, CronError> {
    if text.len() > MAX_LEN {
        return Err(CronError::whole(Fault::TooLong));
    }
    let mut parts = words(text);
    match parts.as_slice() {
        [] => return Err(CronError::whole(Fault::Empty)),
        [word] if word.text.starts_with('@') => {
            let stands_for = match word.text.as_str() {
                "@HOURLY" => "0 * * * *",
                "@DAILY" | "@MIDNIGHT" => "0 0 * * *",
                "@WEEKLY" => "0 0 * * 0",
                "@MONTHLY" => "0 0 1 * *",
                "@YEARLY" | "@ANNUALLY" => "0 0 1 1 *",
                "@REBOOT" => return Err(CronError::at(Fault::Reboot, word.span.clone())),
                _ => {
                    let fault = Fault::Shorthand(printable(&text[word.span.clone()]));
                    return Err(CronError::at(fault, word.span.clone()));
                }
            };
            parts = words(stands_for);
        }
        _ => {}
    }
    match parts.len() {
        5 => parts.insert(0, Part { text: "0".to_owned(), span: 0..0 }),
        6 => {}
        n => return Err(CronError::whole(Fault::Fields(n))),
    }
    Ok(parts)
}

fn words(text: &str) -> Vec<Part> {
    let mut words = Vec::new();
    let mut end = 0;
    for word in text.split_ascii_whitespace() {
        // The word is a part of `text` at or after `end`.
        let start = end + text[end..].find(word).unwrap_or(0);
        end = start + word.len();
        words.push(Part { text: word.to_ascii_uppercase(), span: start..end });
    }
    words
}

/// A field as croner takes it.
fn spell(field: Field, part: &Part) -> Result<String, CronError> {
    if part.text == "?" && matches!(field, Field::Day | Field::Weekday) {
        return Ok("*".to_owned());
    }
    let mut items = Vec::new();
    for (item, span) in part.items() {
        if item.is_empty() {
            return Err(CronError::at(Fault::EmptyItem(field), part.span.clone()));
        }
        match field.spell(item) {
            Some(spelt) => items.push(spelt),
            None => return Err(CronError::at(Fault::Item(printable(item), field), span)),
        }
    }
    // croner takes the two for `LW` alone.
    if ["L", "LW"].iter().all(|last| items.iter().any(|item| item == last)) {
        return Err(CronError::at(Fault::LastTwice, part.span.clone()));
    }
    Ok(items.join(","))
}

/// Finds the list item that croner refuses, by trying each alone.
fn blame(parts: &[Part]) -> CronError {
    for (index, (field, part)) in Field::ALL.into_iter().zip(parts).enumerate() {
        for (item, span) in part.items() {
            let mut alone = ["*"; 6].map(str::to_owned);
            alone[index] = field.spell(item).unwrap_or_default();
            if read(&alone).is_err() {
                return CronError::at(Fault::Item(printable(item), field), span);
            }
        }
    }
    CronError::whole(Fault::Fields(parts.len()))
}

/// The start of `text` with control characters escaped, so that an error message can't drive a terminal.
fn printable(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}
