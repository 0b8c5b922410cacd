//! Where `calloff.toml` is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The environment variable that says where.
const VARIABLE: &str = "CALLOFF_CONFIG";
/// The places looked at if nobody says where.
const PLACES: [&str; 2] = ["calloff.toml", "/etc/calloff/calloff.toml"];

/// There is no `calloff.toml` in any of the places.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoConfig {
    /// The place that was named has none.
    #[error("there is no file `{}`, which {by} names", path.display())]
    Named {
        /// The place.
        path: PathBuf,
        /// Who named it.
        by: &'static str,
    },
    /// None of the usual places has one.
    #[error(
        "there is no calloff.toml: looked for `--config` and `$CALLOFF_CONFIG`, which are not set, then at \
         `./calloff.toml` and `/etc/calloff/calloff.toml`"
    )]
    Nowhere,
}

/// The file that `explicit` (`--config`) names, else `$CALLOFF_CONFIG`, else `./calloff.toml`, else
/// `/etc/calloff/calloff.toml`.
///
/// # Errors
///
/// If there is none. A place that somebody named is not passed over.
pub fn find_config(explicit: Option<&Path>) -> Result<PathBuf, NoConfig> {
    find(explicit, std::env::var_os(VARIABLE), &PLACES.map(Path::new))
}

fn find(explicit: Option<&Path>, variable: Option<OsString>, places: &[&Path]) -> Result<PathBuf, NoConfig> {
    let variable = variable.filter(|path| !path.is_empty()).map(PathBuf::from);
    let named = match (explicit, variable) {
        (Some(path), _) => Some((path.to_owned(), "`--config`")),
        (None, Some(path)) => Some((path, "`$CALLOFF_CONFIG`")),
        (None, None) => None,
    };
    match named {
        Some((path, _)) if path.exists() => Ok(path),
        Some((path, by)) => Err(NoConfig::Named { path, by }),
        None => {
            places.iter().find(|path| path.exists()).map(|path| path.to_path_buf()).ok_or(NoConfig::Nowhere)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_place_is_not_passed_over_and_the_first_of_the_others_wins() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, none] = ["a.toml", "b.toml", "none.toml"].map(|name| folder.path().join(name));
        std::fs::write(&a, "").unwrap();
        std::fs::write(&b, "").unwrap();
        let variable = |path: &Path| Some(path.as_os_str().to_owned());
        let places = [none.as_path(), &b];

        assert_eq!(find(Some(&a), variable(&b), &places).unwrap(), a);
        assert_eq!(find(None, variable(&a), &places).unwrap(), a);
        assert_eq!(find(None, None, &places).unwrap(), b);
        assert_eq!(find(None, Some(OsString::new()), &places).unwrap(), b);

        let error = find(Some(&none), variable(&a), &places).unwrap_err().to_string();
        assert!(error.contains("none.toml") && error.contains("--config"), "{error}");
        let error = find(None, variable(&none), &places).unwrap_err().to_string();
        assert!(error.contains("none.toml") && error.contains("$CALLOFF_CONFIG"), "{error}");
        let error = find(None, None, &[&none]).unwrap_err().to_string();
        for place in ["--config", "$CALLOFF_CONFIG", "./calloff.toml", "/etc/calloff/calloff.toml"] {
            assert!(error.contains(place), "{error}");
        }
    }
}
