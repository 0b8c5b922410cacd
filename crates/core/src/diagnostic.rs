//! What is wrong with a file, as data: where, which kind of error, and what to write instead.
//!
//! How a diagnostic looks is decided at the edge. A diagnostic never carries a secret: the line it quotes is
//! masked where a secret stands or seems to stand, and so are its sentences.

use std::fmt;
use std::ops::Range;

use crate::words::words;

words! {
    /// The kind of a diagnostic. The codes are stable; `docs/errors.md` has a heading for each.
    Code {
        /// A file or folder can't be read.
        Unreadable = "E001",
        /// A file is not UTF-8.
        NotUtf8 = "E002",
        /// A file is larger than any configuration is.
        TooLarge = "E003",
        /// A file's path gives no job name.
        FileName = "E004",
        /// The text is not TOML.
        Syntax = "E010",
        /// A required key is missing.
        MissingKey = "E011",
        /// A key that does not exist here.
        UnknownKey = "E012",
        /// A value of the wrong type.
        WrongType = "E013",
        /// A word that is none of those allowed.
        UnknownWord = "E014",
        /// A text that is no duration.
        Duration = "E015",
        /// A number or duration out of its range.
        OutOfRange = "E016",
        /// A value that is empty, too long or has characters that it may not have.
        BadText = "E017",
        /// A key or value whose behaviour has not been built yet.
        NotSupported = "E018",
        /// Keys that contradict each other.
        Contradiction = "E019",
        /// A secret written in the file.
        InlineSecret = "E020",
        /// A reference to a secret that names no place, or several.
        SecretReference = "E021",
        /// A URL that is not allowed.
        Url = "E022",
        /// An account that says not, or twice, where it is.
        DataCenter = "E023",
        /// A name that is not allowed.
        Name = "E024",
        /// A text that is no version of Zoho's API.
        ApiVersion = "E025",
        /// A text that is no place for the record.
        State = "E026",
        /// A text that is no address to listen on.
        Listen = "E027",
        /// A text that is no mail server.
        MailServer = "E029",
        /// A text that is no backup ID.
        BackupId = "E030",
        /// A backup that is listed twice.
        DuplicateBackup = "E031",
        /// A job's account that `calloff.toml` does not have.
        UnknownAccount = "E032",
        /// A window that `calloff.toml` does not have.
        UnknownWindow = "E033",
        /// None or several of `cron`, `at` and `every`.
        OneSchedule = "E040",
        /// A cron expression that is wrong or never comes.
        Cron = "E041",
        /// A text that is no date and time.
        DateTime = "E042",
        /// A local time that comes twice or not at all.
        LocalTime = "E043",
        /// A time zone that does not exist.
        UnknownTimeZone = "E044",
        /// A local time without a time zone.
        NoTimeZone = "E045",
        /// A change of the clocks that touches a job's occurrences.
        ClockChange = "W050",
        /// A window that never opens again.
        ClosedForGood = "W051",
        /// An entry of a window that opens again before it has closed.
        OverlapsItself = "W052",
        /// A job that is never due inside its window.
        NeverInWindow = "W053",
        /// Two jobs that may call off one backup at the same time.
        Race = "W054",
        /// A job whose local times are not those of its account.
        OtherTimeZone = "W055",
    }
}

impl Code {
    /// How bad a finding of this kind is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::ClockChange
            | Self::ClosedForGood
            | Self::OverlapsItself
            | Self::NeverInWindow
            | Self::Race
            | Self::OtherTimeZone => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

words! {
    /// How bad it is.
    Severity {
        /// The file can't be used.
        Error = "error",
        /// The file can be used, and may not do what its author thinks.
        Warning = "warning",
    }
}

/// One finding in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it is to be shown.
    pub file: String,
    /// The bytes of the file that are to blame; empty where something is missing.
    pub span: Range<usize>,
    /// The line that the span begins in, from 1.
    pub line: usize,
    /// The character of that line that the span begins at, from 1.
    pub column: usize,
    /// What is wrong: one clause.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line, to be quoted; `None` where there is none, as for a file that can't be read.
    pub quote: Option<Quote>,
}

/// A place in a file, kept for what can be said of it only when other files have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// As [`Diagnostic::file`].
    pub file: String,
    /// As [`Diagnostic::span`].
    pub span: Range<usize>,
    /// As [`Diagnostic::line`].
    pub line: usize,
    /// As [`Diagnostic::column`].
    pub column: usize,
    /// As [`Diagnostic::quote`].
    pub quote: Quote,
}

/// A line of a file, fit to be shown: secrets masked, control characters replaced, cut to a bearable length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The line.
    pub text: String,
    /// The bytes of `text` to underline.
    pub mark: Range<usize>,
}

/// It in one line, without its help: `jobs/eu.toml:7:1: E012: …`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, code, message, quote, .. } = self;
        if quote.is_some() {
            write!(f, "{file}:{line}:{column}: {code}: {message}")
        } else {
            write!(f, "{file}: {code}: {message}")
        }
    }
}

impl Diagnostic {
    /// A finding about a whole file or folder.
    #[must_use]
    pub fn of_file(code: Code, file: &str, message: String, help: Option<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            file: file.to_owned(),
            span: 0..0,
            line: 1,
            column: 1,
            message,
            help,
            quote: None,
        }
    }

    /// A finding at a place that was kept.
    #[must_use]
    pub fn at(code: Code, mark: &Mark, message: String, help: String) -> Self {
        let Mark { file, span, line, column, quote } = mark.clone();
        let (help, quote) = (Some(help), Some(quote));
        Self { code, severity: code.severity(), file, span, line, column, message, help, quote }
    }

    /// Whether it makes the file unusable.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
