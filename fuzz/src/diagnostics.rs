//! What holds of each diagnostic, whatever it is about.

use calloff_core::config::Checked;
use calloff_core::diagnostic::Diagnostic;

/// Diagnostics lie inside the file, can be shown, say what to do, and come without a value if one is an error.
pub(crate) fn check<T>(text: &str, checked: &Checked<T>) {
    let is_wrong = checked.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(checked.value.is_none(), is_wrong, "a value, or an error that says why not");
    assert!(checked.diagnostics.is_sorted_by_key(|found| found.span.start), "in the order of the file");
    for found in &checked.diagnostics {
        check_place(text, found);
        check_words(found);
    }
}

fn check_place(text: &str, found: &Diagnostic) {
    assert!(text.get(found.span.clone()).is_some(), "outside of the file: {found:?}");
    let before = &text[..found.span.start];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    assert_eq!((found.line, found.column), (line, column), "{found:?}");
}

fn check_words(found: &Diagnostic) {
    let quote = found.quote.as_ref().expect("a finding in a text has its line");
    assert!(quote.text.get(quote.mark.clone()).is_some(), "{found:?}");
    assert!(found.help.is_some(), "{found:?}");
    let sentences = [Some(&quote.text), Some(&found.message), found.help.as_ref()];
    for sentence in sentences.into_iter().flatten() {
        assert!(!sentence.contains(|c: char| c.is_control() && c != '\t'), "drives a terminal: {found:?}");
        check_shown(sentence);
    }
}

/// Nothing that is shown or kept of a file looks like one of Zoho's secrets: 32 hexadecimal digits or more, not all of
/// them decimal.
pub(crate) fn check_shown(text: &str) {
    let runs = text.split(|c: char| !c.is_ascii_hexdigit());
    let is_secret = |run: &str| run.len() >= 32 && run.contains(|c: char| c.is_ascii_alphabetic());
    assert!(!runs.into_iter().any(is_secret), "a secret is shown: {text}");
}
