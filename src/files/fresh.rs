//! A file for a secret that does not exist yet, made so that it is there as a whole or not at all.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use tempfile::{NamedTempFile, PersistError};

use crate::failpoint::durably;

/// As much as any refresh token takes: a disk that is full is noticed before there is one.
const RESERVED: usize = 4096;

/// Why a file for a secret can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreshError {
    /// There is a file already.
    #[error("`{}` exists", .0.display())]
    Exists(PathBuf),
    /// The path is no path of a file.
    #[error("`{}` is no file", .0.display())]
    NoFile(PathBuf),
    /// The folder can't be written to.
    #[error("couldn't write into the folder of `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
}

/// Why a secret is not where it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnplacedError {
    /// It couldn't be written, and nobody has it.
    #[error("couldn't write it")]
    Lost(#[source] io::Error),
    /// It is written, beside its place.
    #[error("couldn't give it its name; it is in `{}`", file.display())]
    Beside {
        /// The file that has it.
        file: PathBuf,
        /// Why it has no other name.
        source: io::Error,
    },
}

/// A place that is ready for a secret. Dropped without one, it leaves nothing behind.
#[derive(Debug)]
pub struct FreshSecret {
    path: PathBuf,
    /// Beside the place, with mode 0600.
    file: NamedTempFile,
    replaces: bool,
}

impl FreshSecret {
    /// Finds out whether it could be made ready, with a file that has no name, so that nothing is left behind.
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare).
    pub fn try_out(path: &Path, replaces: bool) -> Result<(), FreshError> {
        Self::reserve(path, replaces, tempfile::tempfile_in, |file| file).map(drop)
    }

    /// Makes ready to write: whatever would keep it from being written shows here.
    ///
    /// # Errors
    ///
    /// If it is there, unless it is to be replaced, or can't be written.
    pub fn prepare(path: &Path, replaces: bool) -> Result<Self, FreshError> {
        let file = Self::reserve(path, replaces, NamedTempFile::new_in, NamedTempFile::as_file)?;
        Ok(Self { path: path.to_owned(), file, replaces })
    }

    /// Makes a file that is as large as a secret.
    fn reserve<F>(
        path: &Path,
        replaces: bool,
        make: impl FnOnce(PathBuf) -> io::Result<F>,
        as_file: impl FnOnce(&F) -> &File,
    ) -> Result<F, FreshError> {
        if path.file_name().is_none() || path.is_dir() {
            return Err(FreshError::NoFile(path.to_owned()));
        }
        // A link to nowhere is something, too.
        if !replaces && path.symlink_metadata().is_ok() {
            return Err(FreshError::Exists(path.to_owned()));
        }
        let reserved = make(folder(path).to_owned()).and_then(|reserved| {
            let mut file = as_file(&reserved);
            file.write_all(&[b'\n'; RESERVED])?;
            durably("secret.reserved", || file.sync_all())?;
            Ok(reserved)
        });
        reserved.map_err(|source| FreshError::Write { path: path.to_owned(), source })
    }

    /// Writes the secret, and makes it durable.
    ///
    /// # Errors
    ///
    /// If that fails after all. What is written by then is kept.
    pub fn write(mut self, secret: &SecretString) -> Result<(), UnplacedError> {
        self.fill(secret).map_err(UnplacedError::Lost)?;
        let (file, path, replaces) = (self.file, &self.path, self.replaces);
        let persist = if replaces { NamedTempFile::persist } else { NamedTempFile::persist_noclobber };
        let placed = durably("secret.named", || persist(file, path));
        let unplaced = placed.err().map(|PersistError { error, file }| match file.keep() {
            Ok((_, file)) => UnplacedError::Beside { file, source: error },
            Err(unkept) => UnplacedError::Lost(unkept.error),
        });
        // It is there; that its name is durable too is more than some file systems can be asked for.
        drop(durably("secret.kept", || File::open(folder(path)).and_then(|folder| folder.sync_all())));
        unplaced.map_or(Ok(()), Err)
    }

    fn fill(&mut self, secret: &SecretString) -> io::Result<()> {
        self.file.rewind()?;
        self.file.as_file().set_len(0)?;
        writeln!(self.file, "{}", secret.expose_secret())?;
        durably("secret.written", || self.file.as_file().sync_all())
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_secret_is_for_its_owner_only_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let secret = SecretString::from("1000.a");
        FreshSecret::prepare(&path, false).unwrap().write(&secret).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1000.a\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["token"]);

        // One that was open to others is not so any more.
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        FreshSecret::prepare(&path, true).unwrap().write(&SecretString::from("b")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "b\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_there_is_kept_also_if_it_came_meanwhile_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        FreshSecret::try_out(&path, false).unwrap();
        assert!(names(folder.path()).is_empty());
        let ready = FreshSecret::prepare(&path, false).unwrap();
        std::fs::write(&path, "mine").unwrap();
        let unplaced = ready.write(&SecretString::from("a"));
        let Err(UnplacedError::Beside { file, .. }) = unplaced else { panic!("{unplaced:?}") };
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a\n", "nor is what came too late thrown away");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(file).unwrap();
        assert!(matches!(FreshSecret::prepare(&path, false), Err(FreshError::Exists(_))));
        assert!(matches!(FreshSecret::try_out(&path, false), Err(FreshError::Exists(_))));
        drop(FreshSecret::prepare(&path, true).unwrap());
        assert_eq!(
            (std::fs::read_to_string(&path).unwrap().as_str(), names(folder.path())),
            ("mine", vec!["token".into()])
        );
    }

    #[test]
    fn a_place_where_nothing_can_be_written_shows_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(FreshSecret::prepare(folder.path(), true), Err(FreshError::NoFile(_))));
        let nowhere = folder.path().join("nowhere/token");
        assert!(matches!(FreshSecret::prepare(&nowhere, false), Err(FreshError::Write { .. })));
    }
}
