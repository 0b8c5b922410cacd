//! What has been found so far in one file.

use std::ops::Range;

use crate::diagnostic::Code;

/// A finding before it is located and masked.
#[derive(Debug)]
pub(in crate::config) struct Problem {
    pub(in crate::config) code: Code,
    pub(in crate::config) span: Range<usize>,
    pub(in crate::config) message: String,
    pub(in crate::config) help: Option<String>,
    /// Whether it blames something for not being there: not to be believed of a file with syntax errors.
    pub(in crate::config) absence: bool,
    /// What the quoted line is not to show.
    pub(in crate::config) concealed: Option<Range<usize>>,
}

/// The findings in one file, in the order in which they were made.
#[derive(Debug, Default)]
pub(in crate::config) struct Problems(Vec<Problem>);

impl Problems {
    /// Records a finding and hands it back for [`Problem::help`] and [`Problem::absence`].
    pub(in crate::config) fn add(
        &mut self,
        code: Code,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Problem {
        self.0.push(Problem {
            code,
            span,
            message: message.into(),
            help: None,
            absence: false,
            concealed: None,
        });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Records that `what` has no behaviour yet.
    pub(in crate::config) fn not_supported(&mut self, span: Range<usize>, what: &str) {
        self.add(Code::NotSupported, span, format!("{what} is not supported yet"))
            .help("leave it out: this version would not act on it");
    }

    pub(in crate::config) fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

impl Problem {
    /// Says what to write instead.
    pub(in crate::config) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Marks a finding that blames something for not being there.
    pub(in crate::config) fn absence(&mut self) -> &mut Self {
        self.absence = true;
        self
    }

    /// Keeps a part of the file from being quoted.
    pub(in crate::config) fn conceal(&mut self, part: Range<usize>) -> &mut Self {
        self.concealed = Some(part);
        self
    }
}
