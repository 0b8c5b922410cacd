//! Why a text is no cron expression.

use std::ops::Range;

use super::field::Field;

/// Why a text is no cron expression: one clause, a remedy, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct CronError {
    fault: Fault,
    span: Option<Range<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the cron expression is empty")]
    Empty,
    #[error("the cron expression is longer than 256 bytes")]
    TooLong,
    #[error("a cron expression has 5 fields, or 6 with seconds first, and this one has {0}")]
    Fields(usize),
    #[error("`@reboot` names no instant")]
    Reboot,
    #[error("`{0}` is not a known shorthand")]
    Shorthand(String),
    #[error("the list in the {0} field has an empty item")]
    EmptyItem(Field),
    #[error("`{0}` doesn't fit the {1} field")]
    Item(String, Field),
    #[error("`L` and `LW` can't stand in one list")]
    LastTwice,
    #[error("no date matches this cron expression, ever")]
    Never,
}

impl CronError {
    pub(super) fn whole(fault: Fault) -> Self {
        Self { fault, span: None }
    }

    pub(super) fn at(fault: Fault, span: Range<usize>) -> Self {
        Self { fault, span: Some(span) }
    }

    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match &self.fault {
            Fault::Empty | Fault::Fields(_) => {
                "write minute, hour, day of month, month and day of week, such as `30 17 * * FRI`"
            }
            Fault::TooLong => "use ranges and steps, such as `*/5`, or several jobs",
            Fault::Reboot => {
                "a job is due at instants, not at starts: see `catch_up` for what a downtime missed"
            }
            Fault::Shorthand(_) => {
                "use `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` or `@annually`"
            }
            Fault::EmptyItem(_) => "remove the stray comma; no blanks within a list",
            Fault::Item(_, field) => field.help(),
            Fault::LastTwice => "write `L` for the last day, or `LW` for the last day from Monday to Friday",
            Fault::Never => "look at day and month: there is no 30 February",
        }
    }

    /// The bytes of the expression that are to blame, where it isn't the whole.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }
}
