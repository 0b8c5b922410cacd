//! One file: its TOML, its syntax errors, and its problems turned into diagnostics.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::quote::Lines;
use super::reader::{Problem, Problems, Table};
use super::secret::{hidden, redacted};
use crate::diagnostic::{Code, Diagnostic, Mark};

/// The diagnostics shown of one file; the last one counts the others.
const MOST_SHOWN: usize = 100;

/// A parsed file. What of it is valid can be read even if not all of it is.
pub(super) struct Document<'t> {
    file: &'t str,
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    syntax: Vec<Problem>,
}

impl<'t> Document<'t> {
    pub(super) fn parse(file: &'t str, text: &'t str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut problems = Problems::default();
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            let (message, help) = syntax_message(error.message(), &span, text);
            problems.add(Code::Syntax, span, message).help(help);
        }
        Self { file, text, root, syntax: problems.into_vec() }
    }

    pub(super) fn root(&self, place: &'static str) -> Table<'_> {
        Table::new(self.root.get_ref(), place, 0..0)
    }

    /// Whether it is valid TOML.
    pub(super) fn is_valid(&self) -> bool {
        self.syntax.is_empty()
    }

    /// A place in it, to be kept.
    pub(super) fn mark(&self, span: Range<usize>) -> Mark {
        let lines = Lines::new(self.text);
        let (line, column) = lines.position(span.start);
        let hidden = hidden(self.text, self.root.get_ref(), self.is_valid());
        Mark { file: self.file.to_owned(), line, column, quote: lines.quote(&span, &hidden), span }
    }

    /// The diagnostics, in the order of the file.
    pub(super) fn conclude(self, problems: Problems) -> Vec<Diagnostic> {
        let lines = Lines::new(self.text);
        let mut all = self.believable(problems.into_vec(), &lines);
        let valid = self.is_valid();
        all.extend(self.syntax);
        if all.is_empty() {
            return Vec::new();
        }
        all.sort_by_key(|problem| (problem.span.start, problem.code.as_str()));
        all.dedup_by(|a, b| (a.code, &a.span, &a.message) == (b.code, &b.span, &b.message));
        let more = all.len().saturating_sub(MOST_SHOWN);
        all.truncate(MOST_SHOWN);
        if let Some(last) = all.last_mut().filter(|_| more > 0) {
            let help = last.help.take().unwrap_or_default();
            last.help = Some(format!("{help} (and {more} more problems in this file)"));
        }
        let mut hidden = hidden(self.text, self.root.get_ref(), valid);
        hidden.extend(all.iter().filter_map(|problem| problem.concealed.clone()));
        all.into_iter().map(|problem| diagnostic(problem, self.file, &lines, &hidden)).collect()
    }

    /// The problems that are not likely to be mere consequences of syntax errors.
    fn believable(&self, mut problems: Vec<Problem>, lines: &Lines<'_>) -> Vec<Problem> {
        let mut broken: Vec<usize> =
            self.syntax.iter().map(|error| lines.line_of(error.span.start)).collect();
        broken.sort_unstable();
        broken.dedup();
        if broken.iter().any(|line| lines.text(*line).trim_start().starts_with('[')) {
            // Without its header, what follows seems to belong to another table.
            return Vec::new();
        }
        if !broken.is_empty() {
            problems.retain(|problem| {
                !problem.absence && broken.binary_search(&lines.line_of(problem.span.start)).is_err()
            });
        }
        problems
    }
}

fn diagnostic(problem: Problem, file: &str, lines: &Lines<'_>, hidden: &[Range<usize>]) -> Diagnostic {
    let (line, column) = lines.position(problem.span.start);
    Diagnostic {
        code: problem.code,
        severity: problem.code.severity(),
        file: file.to_owned(),
        line,
        column,
        message: fit(&problem.message),
        help: problem.help.as_deref().map(fit),
        quote: Some(lines.quote(&problem.span, hidden)),
        span: problem.span,
    }
}

/// A sentence that can't drive a terminal and has no secret.
fn fit(sentence: &str) -> String {
    redacted(sentence).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The text of a file.
///
/// # Errors
///
/// A diagnostic with the place of the first byte that is not UTF-8.
pub fn decode<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Box<Diagnostic>> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let text = std::str::from_utf8(valid).unwrap_or_default();
        let (line, column) = Lines::new(text).position(text.len());
        let message = "the file is not UTF-8".to_owned();
        let help = Some("save it as UTF-8".to_owned());
        let whole = Diagnostic::of_file(Code::NotUtf8, file, message, help);
        Box::new(Diagnostic { line, column, span: valid.len()..valid.len() + 1, ..whole })
    })
}

/// Says in our words what the parser says in terms of its grammar.
fn syntax_message(message: &str, span: &Range<usize>, text: &str) -> (String, &'static str) {
    let rest = text.get(span.start..).unwrap_or_default();
    let next = rest.trim_start_matches([' ', '\t']).chars().next();
    let before = text.get(..span.start).unwrap_or_default().trim_end_matches([' ', '\t']);
    if before.ends_with('=') && matches!(next, None | Some('\n' | '\r' | '#' | ',' | '}')) {
        return ("a value is missing after `=`".to_owned(), "write the value on the same line");
    }
    if message.starts_with("string values must be quoted") {
        return ("this value needs quotes".to_owned(), "write texts, durations and dates in double quotes");
    }
    if message == "duplicate key" {
        return ("this key stands here twice".to_owned(), "keep one of the two");
    }
    (message.to_owned(), "the file must be TOML: see https://toml.io")
}
