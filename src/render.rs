//! How diagnostics look: to people, to programs, to GitHub.

use std::fmt::Write;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use calloff_core::diagnostic::{Code, Diagnostic, Severity};
use serde::Serialize;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As rustc shows its errors.
    Human,
    /// One object a line.
    Json,
    /// Workflow commands, which GitHub shows beside the lines of a pull request.
    Github,
}

/// The diagnostics as text that ends with a line break, or nothing if there are none.
#[must_use]
pub fn diagnostics(diagnostics: &[Diagnostic], format: Format, colour: bool) -> String {
    let mut text = String::new();
    for (nth, diagnostic) in diagnostics.iter().enumerate() {
        match format {
            Format::Human => {
                text.push_str(if nth == 0 { "" } else { "\n" });
                text.push_str(&human(diagnostic, colour));
            }
            Format::Json => text.push_str(&json(diagnostic)),
            Format::Github => text.push_str(&github(diagnostic)),
        }
        text.push('\n');
    }
    text
}

fn human(diagnostic: &Diagnostic, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str());
    let mut group: Group<'_> = match &diagnostic.quote {
        None => title.element(Origin::path(diagnostic.file.as_str())),
        Some(quote) => title.element(
            Snippet::source(quote.text.as_str())
                .path(diagnostic.file.as_str())
                .line_start(diagnostic.line)
                .annotation(AnnotationKind::Primary.span(quote.mark.clone())),
        ),
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    placed(renderer.render(&[group]), diagnostic)
}

/// The rendered text with the column of the file, where that of the quoted line is another: what is quoted may be
/// masked or cut before it.
fn placed(text: String, diagnostic: &Diagnostic) -> String {
    let Diagnostic { file, line, column, .. } = diagnostic;
    let Some(quote) = &diagnostic.quote else { return text };
    let quoted = quote.text[..quote.mark.start].chars().count() + 1;
    if quoted == *column {
        return text;
    }
    text.replacen(&format!("{file}:{line}:{quoted}"), &format!("{file}:{line}:{column}"), 1)
}

#[derive(Serialize)]
struct Row<'d> {
    file: &'d str,
    line: usize,
    column: usize,
    severity: Severity,
    code: Code,
    message: &'d str,
    help: Option<&'d str>,
}

fn json(diagnostic: &Diagnostic) -> String {
    let row = Row {
        file: &diagnostic.file,
        line: diagnostic.line,
        column: diagnostic.column,
        severity: diagnostic.severity,
        code: diagnostic.code,
        message: &diagnostic.message,
        help: diagnostic.help.as_deref(),
    };
    serde_json::to_string(&row).expect("texts and numbers are JSON")
}

fn github(diagnostic: &Diagnostic) -> String {
    let Diagnostic { severity, file, line, column, code, message, help, .. } = diagnostic;
    let mut command = format!("::{severity} file={},line={line},col={column}", property(file));
    let mut body = message.clone();
    if let Some(help) = help {
        body.push_str("\nhelp: ");
        body.push_str(help);
    }
    // Writing to a String can't fail.
    let _infallible = write!(command, ",title={code}::{}", data(&body));
    command
}

/// The escapes of a workflow command's message, as GitHub's own toolkit makes them.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The escapes of a workflow command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
