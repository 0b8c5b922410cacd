//! Names and numbers, parsed once at the border.

use std::fmt;

use uuid::Uuid;

/// Why a text is no name of the wanted kind. Each says what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Not a backup ID.
    #[error(
        "`{0}` is not a backup ID: Zoho's are strings of 1 to 32 digits, such as \"4876876000001593003\""
    )]
    Backup(String),
    /// Not an account name.
    #[error("`{0}` is not an account name: use 1 to 64 letters, digits, `-` or `_`")]
    Account(String),
    /// Not a job name.
    #[error("`{0}` is not a job name: use letters, digits, `-`, `_` and `.`, with `/` between folders")]
    Job(String),
    /// Not a run ID.
    #[error("`{0}` is not a run ID: they are UUIDs, as `calloff history` prints them")]
    Run(String),
    /// Not a debt's ID.
    #[error("`{0}` is not the ID of a restore: they are UUIDs, as `calloff restore list` prints them")]
    Restore(String),
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $error:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            ///
            /// If the text is not of the form the type's documentation gives.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err(IdError::$error(printable(text))) }
            }

            /// The text as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// A backup's ID: 1 to 32 ASCII digits.
    ///
    /// Zoho sends 19 digits or so as a JSON string. Nothing but digits is let through, because the ID becomes
    /// a path segment of the request.
    BackupId, Backup, |text| (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

text_id! {
    /// An account's name: 1 to 64 ASCII letters, digits, `-` and `_`. It becomes a file name in the state folder.
    AccountName, Account, |text| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    }
}

text_id! {
    /// A job's name: its path below the jobs folder without `.toml`, such as `eu/release-freeze`.
    ///
    /// Each segment has ASCII letters, digits, `-`, `_` and `.`, and doesn't begin with a dot.
    JobName, Job, |text| {
        text.len() <= 255
            && text.split('/').all(|segment| {
                !segment.is_empty()
                    && !segment.starts_with('.')
                    && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            })
    }
}

/// A backup by its ID, or whatever the account has scheduled when the run starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BackupRef {
    /// This one.
    Id(BackupId),
    /// The word `current`.
    Current,
}

impl BackupRef {
    /// Parses an ID or the word `current`.
    ///
    /// # Errors
    ///
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text == CURRENT { Ok(Self::Current) } else { BackupId::parse(text).map(Self::Id) }
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Current => CURRENT,
        }
    }

    /// The ID, if it is one.
    #[must_use]
    pub fn id(&self) -> Option<&BackupId> {
        match self {
            Self::Id(id) => Some(id),
            Self::Current => None,
        }
    }
}

/// The word for whatever is scheduled.
const CURRENT: &str = "current";

impl fmt::Display for BackupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<BackupId> for BackupRef {
    fn from(id: BackupId) -> Self {
        Self::Id(id)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $error:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID made at the edge, where time and chance are.
            #[must_use]
            pub fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Parses a UUID.
            ///
            /// # Errors
            ///
            /// If the text is not a UUID.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError::$error(printable(text)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

uuid_id! {
    /// A run's ID: a UUID, version 7 when Calloff made it, so that IDs sort by time.
    RunId, Run
}

uuid_id! {
    /// A debt's ID: a UUID, version 7 when Calloff made it, so that IDs sort by time.
    RestoreId, Restore
}

/// The start of `text` with control characters escaped, so that an error message can't drive a terminal.
fn printable(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_id_is_digits_and_nothing_else() {
        for good in ["1", "4876876000001593003"] {
            assert_eq!(BackupId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "../../x", "12a", " 12", "１２", "12\n", &"1".repeat(33)] {
            assert!(BackupId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_job_name_stays_inside_the_jobs_folder() {
        for good in ["freeze", "eu/release-freeze", "a.b/c_d"] {
            assert!(JobName::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a b", "a\\b", "ü"] {
            assert!(JobName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_control_characters() {
        let error = BackupId::parse("\u{1b}[31m1").unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}
