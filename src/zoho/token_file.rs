//! The cached token on disk, shared by all processes that use the same state.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use calloff_core::ids::AccountName;
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::failpoint::durably;

/// Where an account's token is kept: a file of mode 0600 in a folder of mode 0700.
#[derive(Debug, Clone)]
pub(super) struct TokenFile {
    path: PathBuf,
}

/// What is kept.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// Digest of the credentials it was got with: a token for others is of no use.
    pub(super) credentials: String,
    /// The token, while one is valid.
    #[serde(serialize_with = "exposed")]
    pub(super) access_token: Option<SecretString>,
    /// When it stops being accepted.
    pub(super) expires_at: Timestamp,
    /// The scopes that Zoho named with it.
    pub(super) scopes: Option<String>,
    /// The address of the API that Zoho named with it.
    pub(super) api_domain: Option<String>,
    /// When tokens were issued of late: Zoho issues ten in ten minutes.
    pub(super) issued: Vec<Timestamp>,
    /// Until when the token endpoint is left alone.
    pub(super) silent_until: Option<Timestamp>,
}

impl TokenFile {
    pub(super) fn new(state: &Path, account: &AccountName) -> Self {
        Self { path: state.join("tokens").join(format!("{account}.json")) }
    }

    /// Keeps other processes from getting a token for this account; `None` if one is about to. The lock is given up
    /// when the file is dropped, and when the process ends.
    pub(super) fn try_lock(&self) -> io::Result<Option<File>> {
        if let Some(folder) = self.path.parent() {
            let mut maker = DirBuilder::new();
            maker.recursive(true).mode(0o700);
            durably("tokens.folder", || maker.create(folder))?;
        }
        let path = self.path.with_extension("lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = durably("token.lock", || options.open(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What is kept; nothing where the file is absent or damaged.
    pub(super) fn read(&self) -> io::Result<Kept> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(serde_json::from_slice(&Zeroizing::new(bytes)).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(error),
        }
    }

    /// Replaces what is kept, whole or not at all.
    pub(super) fn write(&self, kept: &Kept) -> io::Result<()> {
        let path = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        let mut file = durably("token.made", || options.open(&path))?;
        // The mode above counts only for a file that is made.
        file.set_permissions(Permissions::from_mode(0o600))?;
        let text = Zeroizing::new(serde_json::to_vec(kept)?);
        durably("token.written", || file.write_all(&text))?;
        durably("token.named", || std::fs::rename(path, &self.path))
    }
}

/// This file is the one place that a token is written to.
#[expect(clippy::ref_option, reason = "serde hands fields over like this")]
fn exposed<S: Serializer>(token: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    token.as_ref().map(ExposeSecret::expose_secret).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(kept: &Kept) -> Option<&str> {
        kept.access_token.as_ref().map(ExposeSecret::expose_secret)
    }

    fn file() -> (tempfile::TempDir, TokenFile) {
        let state = tempfile::tempdir().unwrap();
        let file = TokenFile::new(state.path(), &"acme".parse().unwrap());
        drop(file.try_lock().unwrap());
        (state, file)
    }

    #[test]
    fn a_token_is_for_its_owner_only() {
        let (_state, file) = file();
        let kept = Kept { access_token: Some("1000.a".into()), ..Kept::default() };
        std::fs::write(file.path.with_extension("new"), "left by a crash").unwrap();
        file.write(&kept).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file.path), 0o600);
        assert_eq!(mode(file.path.parent().unwrap()), 0o700);
        assert_eq!(token(&file.read().unwrap()), Some("1000.a"));
    }

    #[test]
    fn a_file_of_an_older_version_is_read() {
        let (_state, file) = file();
        let older = r#"{"credentials":"c","access_token":"1000.a","expires_at":"2026-11-27T16:00:00Z","issued":[],"silent_until":null}"#;
        std::fs::write(&file.path, older).unwrap();
        let kept = file.read().unwrap();
        assert_eq!((token(&kept), kept.scopes.as_deref()), (Some("1000.a"), None));
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let (_state, file) = file();
        std::fs::write(&file.path, "{\"access_token\":").unwrap();
        assert!(file.read().unwrap().access_token.is_none());
    }
}
