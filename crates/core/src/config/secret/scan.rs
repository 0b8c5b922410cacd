//! Where in a file secrets seem to stand, line by line: for files that are no valid TOML.
//!
//! It errs on the side of hiding: what follows a key that sounds like a secret, to the end of the line and of a
//! multi-line string or bracket begun there.

use std::ops::Range;

use super::shape::is_secret_key;

/// The parts that seem to be secrets, save `references`: values known to say only where a secret is.
pub(super) fn scan(text: &str, references: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut scanner =
        Scanner { references, hidden: Vec::new(), open: Open::Nothing, in_table: false, after_secret: false };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        scanner.line(start, line);
        start += line.len();
    }
    scanner.hidden
}

struct Scanner<'r> {
    references: &'r [Range<usize>],
    hidden: Vec<Range<usize>>,
    open: Open,
    /// Whether the table that was opened last is itself a secret's: `[accounts.a.client_secret]`.
    in_table: bool,
    /// Whether nothing that is surely no secret has come since the last one.
    after_secret: bool,
}

/// What an earlier line has begun and not ended.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Nothing,
    /// A multi-line string with this delimiter.
    Text(&'static str),
    /// A value that has not come yet, or so many brackets.
    Value(usize),
}

impl Scanner<'_> {
    fn line(&mut self, start: usize, line: &str) {
        let end = start + line.len();
        let header = is_header(line);
        match self.open {
            Open::Text(delimiter) => {
                self.hidden.push(start..end);
                if line.contains(delimiter) {
                    self.open = Open::Nothing;
                }
                return;
            }
            Open::Value(depth) if !header && !line.trim().is_empty() => {
                self.hidden.push(start..end);
                self.open = opened(line, depth);
                return;
            }
            _ => self.open = Open::Nothing,
        }
        if header {
            self.in_table = is_secret_header(line);
        }
        if header || is_entry(line) {
            self.after_secret = false;
        } else if self.after_secret {
            // A multi-line secret whose quotes a slip has torn.
            self.hidden.push(start..end);
            return;
        }
        let mut from = 0;
        while let Some(value) = self.value_after(line, from) {
            let value = value + line[value..].len() - line[value..].trim_start().len();
            let reference = self.references.iter().find(|range| range.start == start + value);
            if let Some(reference) = reference {
                // A reference may go over several lines: nothing of it needs hiding.
                from = reference.end.min(end) - start;
            } else {
                self.hidden.push(start + value..end);
                self.after_secret = true;
                self.open = if header { Open::Nothing } else { opened(&line[value..], 0) };
                return;
            }
        }
        if from == 0
            && let Some(value) = torn(line)
        {
            self.hidden.push(start + value..end);
            self.after_secret = true;
            self.open = opened(&line[value..], 0);
        }
    }

    /// Where in the line, after `from`, a secret's value begins.
    fn value_after(&self, line: &str, from: usize) -> Option<usize> {
        let rest = &line[from..];
        if self.in_table && from == 0 && !is_header(rest) {
            return Some(rest.find('=').map_or(0, |at| at + 1)).filter(|_| !rest.trim().is_empty());
        }
        runs(rest).filter(|run| is_secret_key(&rest[run.clone()])).find_map(|run| {
            let after = rest[run.end..].trim_start_matches(['"', '\'', ' ', '\t']);
            let sign = line.len() - after.len();
            let path = |c: char| c.is_alphanumeric() || "-_.\"' \t[{".contains(c);
            if after.starts_with(['=', ':']) {
                Some(sign + 1)
            } else {
                rest[..run.start].chars().all(path).then_some(from + run.end)
            }
        })
    }
}

/// Whether the line opens a table.
fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[') && !line.contains('=')
}

/// Whether the line begins with a key and `=`.
fn is_entry(line: &str) -> bool {
    let key = |c: char| c.is_alphanumeric() || "-_.\"' \t".contains(c);
    line.split_once('=').is_some_and(|(before, _)| !before.trim().is_empty() && before.chars().all(key))
}

/// Where in the line a value begins whose key a slip has torn apart: `client_se=ret = "..."`.
fn torn(line: &str) -> Option<usize> {
    // A key is not longer than this, and what a slip made of it not much.
    let ends = line.char_indices().take(80).filter(|(_, c)| matches!(c, '=' | '"' | '\''));
    ends.map(|(end, _)| end).find(|end| is_secret_key(&line[..*end]))
}

/// The parts of a line that could be bare keys.
fn runs(line: &str) -> impl Iterator<Item = Range<usize>> {
    let bare = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    line.split(move |c| !bare(c)).filter(|run| !run.is_empty()).map(move |run| {
        // `run` is a part of `line`, so the difference of their addresses is its place in it.
        let start = run.as_ptr() as usize - line.as_ptr() as usize;
        start..start + run.len()
    })
}

fn is_secret_header(line: &str) -> bool {
    let path = line.trim().trim_matches(['[', ']']);
    let mut segments = path.split('.').map(|segment| segment.trim().trim_matches(['"', '\'']));
    let (first, count) = (segments.clone().next(), segments.clone().count());
    let names = matches!(first, Some("accounts" | "windows")) && count == 2;
    !names && segments.next_back().is_some_and(is_secret_key)
}

/// What the text of a value leaves open, with `depth` brackets open before it.
fn opened(value: &str, depth: usize) -> Open {
    for delimiter in ["\"\"\"", "'''"] {
        if value.matches(delimiter).count() % 2 == 1 {
            return Open::Text(delimiter);
        }
    }
    if value.trim().is_empty() {
        return Open::Value(depth);
    }
    let open = depth + value.matches(['[', '{']).count();
    match open.saturating_sub(value.matches([']', '}']).count()) {
        0 => Open::Nothing,
        depth => Open::Value(depth),
    }
}
