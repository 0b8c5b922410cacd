//! Secrets, read where the configuration says they are. An error names the place, never the secret.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use calloff_core::config::SecretRef;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

/// More than any secret has.
const MOST_BYTES: u64 = 64 * 1024;

/// The ID in `LoadCredential=calloff:FOLDER`, by which the packaged units load a whole folder.
const FOLDER_ID: &str = "calloff";

/// Why a secret can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("the environment variable `{0}`, which should hold a secret, is not set")]
    NotSet(String),
    /// No credentials were handed over.
    #[error(
        "there is no credential `{0}`: $CREDENTIALS_DIRECTORY is not set, as systemd sets it for a service; by hand run \
         `calloffctl` of the package in place of `calloff`, or set it to the folder that has the file `{0}`"
    )]
    NoCredentials(String),
    /// The file can't be read.
    #[error("couldn't read the secret in `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file is open to everybody.
    #[error("`{}` holds a secret and is open to everybody: run `chmod o= {}`", path.display(), path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing in it, or more than a secret.
    #[error("{place} {fault}")]
    Unfit {
        /// The place.
        place: String,
        /// What is wrong with what it holds.
        fault: &'static str,
    },
}

/// Reads a secret; relative paths start from `base`, the folder of `calloff.toml`.
///
/// One line break at the end is not part of it.
///
/// # Errors
///
/// If it can't be read, is empty or no text, or if a file of secrets is open to everybody.
pub fn read_secret(secret: &SecretRef, base: &Path) -> Result<SecretString, SecretError> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
    match secret {
        SecretRef::Env(name) => {
            let value = std::env::var_os(name).ok_or_else(|| SecretError::NotSet(name.clone()))?;
            let bytes = Zeroizing::new(value.into_encoded_bytes());
            fit(&bytes, format!("the environment variable `{name}`"))
        }
        SecretRef::File(path) => in_file(&base.join(path), true),
        SecretRef::Credential(name) => {
            let folder = credentials.ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
            // systemd guards the folder.
            in_file(&credential(Path::new(&folder), name), false)
        }
    }
}

/// Where systemd has put a credential: under its name, or after the ID of the folder that it was loaded from.
fn credential(folder: &Path, name: &str) -> PathBuf {
    let [path, of_folder] = [name, &format!("{FOLDER_ID}_{name}")].map(|name| folder.join(name));
    if !path.exists() && of_folder.exists() { of_folder } else { path }
}

fn in_file(path: &Path, guarded: bool) -> Result<SecretString, SecretError> {
    let (bytes, mode) = bytes(path).map_err(|source| SecretError::Read { path: path.to_owned(), source })?;
    if guarded && mode & 0o007 != 0 {
        return Err(SecretError::Open { path: path.to_owned() });
    }
    fit(&bytes, format!("`{}`", path.display()))
}

fn bytes(path: &Path) -> std::io::Result<(Zeroizing<Vec<u8>>, u32)> {
    // To open a pipe would wait for somebody to write into it.
    if !path.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes, mode))
}

fn fit(bytes: &[u8], place: String) -> Result<SecretString, SecretError> {
    let fault = match std::str::from_utf8(bytes) {
        Err(_) => "holds bytes that are no text",
        Ok(_) if bytes.len() as u64 > MOST_BYTES => "holds more than 64 KiB: that is no secret",
        Ok(text) => {
            let text = text.strip_suffix('\n').unwrap_or(text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.trim().is_empty() {
                "is empty"
            } else if text.chars().any(char::is_control) {
                "holds several lines or control characters: only the secret may stand in it"
            } else {
                return Ok(SecretString::from(text));
            }
        }
    };
    Err(SecretError::Unfit { place, fault })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn in_folder(contents: &[u8], mode: u32) -> Result<SecretString, SecretError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, contents).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        read_secret(&SecretRef::File("secret".into()), folder.path())
    }

    #[test]
    fn one_line_break_at_the_end_is_not_part_of_a_secret() {
        for contents in ["canary", "canary\n", "canary\r\n"] {
            assert_eq!(in_folder(contents.as_bytes(), 0o640).unwrap().expose_secret(), "canary");
        }
    }

    #[test]
    fn an_unfit_secret_is_refused_without_being_shown() {
        let cases: [(&[u8], u32, &str); 7] = [
            (b"", 0o600, "is empty"),
            (b"\n", 0o600, "is empty"),
            (b" \n", 0o600, "is empty"),
            (b"canary\nmore\n", 0o600, "several lines"),
            (b"canary\xff", 0o600, "no text"),
            (b"canary", 0o604, "chmod o="),
            (&vec![b'a'; 70_000], 0o600, "64 KiB"),
        ];
        for (contents, mode, fault) in cases {
            let error = in_folder(contents, mode).unwrap_err().to_string();
            assert!(error.contains(fault) && !error.contains("canary"), "{error}");
            assert!(error.contains("/secret"), "{error}");
        }
    }

    #[test]
    fn a_credential_of_a_loaded_folder_is_found_by_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let found = |name| credential(folder.path(), name).file_name().unwrap().to_owned();
        assert_eq!(found("acme"), "acme", "an error names what was asked for");
        std::fs::write(folder.path().join("calloff_acme"), "").unwrap();
        assert_eq!(found("acme"), "calloff_acme");
        std::fs::write(folder.path().join("acme"), "").unwrap();
        assert_eq!(found("acme"), "acme", "one that was loaded by itself has been asked for more plainly");
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        let base = Path::new("/nowhere");
        let error = read_secret(&SecretRef::File("secret".into()), base).unwrap_err();
        assert!(error.to_string().contains("/nowhere/secret"), "{error}");
        let error = read_secret(&SecretRef::Env("CALLOFF_TEST_NOT_SET".into()), base).unwrap_err();
        assert!(error.to_string().contains("CALLOFF_TEST_NOT_SET"), "{error}");
        let error = read_secret(&SecretRef::File("/dev/null".into()), base).unwrap_err();
        assert!(matches!(error, SecretError::Read { .. }), "{error}");
    }
}
