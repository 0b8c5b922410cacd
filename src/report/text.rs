//! Text that is fitted to a width. What is measured are the columns of a terminal, and only of plain text: styles are
//! put on afterwards.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// The width where nobody says one.
const USUAL: u16 = 100;
/// Less than this is too narrow for anything; such a terminal breaks the lines itself.
const LEAST: u16 = 40;

/// The columns that a picture has on a terminal as wide as this, or where nobody reads along.
pub(super) fn columns(width: Option<u16>) -> usize {
    usize::from(width.unwrap_or(USUAL).max(LEAST))
}

/// The columns that a line of text may take: any number where nobody reads along, so that it can be searched.
pub(super) fn most_columns(width: Option<u16>) -> usize {
    width.map_or(usize::MAX, |_| columns(width))
}

/// Appends a line.
pub(super) fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    writeln!(text, "{arguments}").unwrap_or_default();
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().filter_map(char::width).sum()
}

/// A text that takes exactly so many columns: cut with an ellipsis or filled up with spaces.
pub(super) fn fitted(text: &str, columns: usize) -> String {
    let mut fitted = cut(text, columns);
    fitted.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&fitted))));
    fitted
}

/// A text, or the beginning of it with an ellipsis if it takes more columns.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let (head, _) = split(text, columns.saturating_sub(1));
    if columns == 0 { String::new() } else { format!("{head}…") }
}

/// The longest beginning that takes at most so many columns, and the rest.
fn split(text: &str, columns: usize) -> (&str, &str) {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken > columns
    });
    text.split_at(end.map_or(text.len(), |(at, _)| at))
}

/// A text in lines of at most so many columns, broken between words, and within them only if it must be. It may come
/// from outside: what would steer the terminal is left out.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    // There are characters that take three.
    let columns = columns.max(4);
    let (mut lines, mut last) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        let word: String = word.chars().filter(|c| !c.is_control()).collect();
        if !last.is_empty() && width(&last) + 1 + width(&word) > columns {
            lines.push(std::mem::take(&mut last));
        }
        if !last.is_empty() {
            last.push(' ');
        }
        let mut rest = word.as_str();
        while width(rest) > columns {
            let (head, tail) = split(rest, columns);
            lines.push(head.to_owned());
            rest = tail;
        }
        last.push_str(rest);
    }
    if !last.is_empty() {
        lines.push(last);
    }
    lines
}

/// Appends a text that begins behind `head`, which takes `indent` columns, and goes on below itself.
pub(super) fn hanging(text: &mut String, head: &str, indent: usize, tail: &str, columns: usize) {
    let lines = wrapped(tail, columns.saturating_sub(indent));
    line(text, format_args!("{head}{}", lines.first().map_or("", String::as_str)));
    for tail in lines.iter().skip(1) {
        line(text, format_args!("{:indent$}{tail}", ""));
    }
}

/// Parts one after the other, and on as many lines as they need. A part is styled text and the columns it takes.
pub(super) fn flowing(
    parts: impl IntoIterator<Item = (String, usize)>,
    gap: usize,
    columns: usize,
) -> String {
    let (mut text, mut taken) = (String::new(), 0);
    for (part, width) in parts {
        if taken > 0 && taken + gap + width > columns {
            text.push('\n');
            taken = 0;
        }
        if taken > 0 {
            text.extend(std::iter::repeat_n(' ', gap));
            taken += gap;
        }
        text.push_str(&part);
        taken += width;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_with_an_ellipsis() {
        #[rustfmt::skip]
        let table = [
            ("freeze", 8, "freeze  "), ("freeze", 6, "freeze"), ("freeze", 5, "free…"), ("freeze", 1, "…"),
            ("freeze", 0, ""), ("復元の日", 8, "復元の日"), ("復元の日", 6, "復元… "), ("復元の日", 2, "… "),
        ];
        for (text, columns, want) in table {
            assert_eq!(fitted(text, columns), want, "{text} in {columns}");
        }
    }

    #[test]
    fn lines_are_broken_between_words_and_long_words_within() {
        let lines = wrapped("it would start at\n2026-11-28T01:00:00Z, \u{1b}[31mred", 12);
        assert_eq!(lines, ["it would", "start at", "2026-11-28T0", "1:00:00Z,", "[31mred"]);
        assert!(wrapped(" \n ", 12).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may_be_and_no_word_is_lost(text in "\\PC{0,80}", columns in 4_usize..40) {
            let lines = wrapped(&text, columns);
            for line in &lines {
                prop_assert!(width(line) <= columns, "{line:?}");
            }
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
            prop_assert_eq!(width(&fitted(&text, columns)), columns);
        }
    }
}
