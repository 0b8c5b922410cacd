//! What reading a file comes to.

use crate::diagnostic::Diagnostic;

/// A value if nothing is wrong, and everything that was found.
#[derive(Debug, Clone)]
pub struct Checked<T> {
    /// The value; `None` if and only if there is an error among the diagnostics.
    pub value: Option<T>,
    /// What was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl<T> Checked<T> {
    pub(super) fn new(value: Option<T>, diagnostics: Vec<Diagnostic>) -> Self {
        let wrong = diagnostics.iter().any(Diagnostic::is_error);
        debug_assert!(wrong || value.is_some(), "no value, and nothing said about it");
        Self { value: value.filter(|_| !wrong), diagnostics }
    }
}
