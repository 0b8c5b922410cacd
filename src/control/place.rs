//! Where the control socket is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

const NAME: &str = "calloff.sock";

/// Where a daemon listens: at the first of these that it can.
///
/// `configured` is what `calloff.toml` says, and leaves no choice. Else it is the folder that systemd made for it, else
/// that of the record, else that of the user's session.
#[must_use]
pub fn to_listen(configured: Option<&Path>, state: &Path) -> Vec<PathBuf> {
    places(configured, state, |name| std::env::var_os(name))
}

/// Where a command asks: at the first of these that answers. `known` is where the daemon has said that it listens.
#[must_use]
pub fn to_ask(configured: Option<&Path>, state: &Path, known: Option<&Path>) -> Vec<PathBuf> {
    let mut places = to_listen(configured, state);
    let is_known = |place: &PathBuf| std::path::absolute(place).ok().as_deref() == known;
    if let Some(known) = known.filter(|_| !places.iter().any(is_known)) {
        // A shell has not the environment of the service.
        places.insert(0, known.to_owned());
    }
    places
}

fn places(
    configured: Option<&Path>,
    state: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Vec<PathBuf> {
    if let Some(configured) = configured {
        return vec![configured.to_owned()];
    }
    // systemd names several folders with colons between them.
    let first = |folders: OsString| std::env::split_paths(&folders).next();
    let folder = |name| variable(name).and_then(first).filter(|folder| folder.is_absolute());
    let folders = [folder("RUNTIME_DIRECTORY"), Some(state.to_owned()), folder("XDG_RUNTIME_DIR")];
    folders.into_iter().flatten().map(|folder| folder.join(NAME)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_where_it_is_said_to_be_else_in_the_first_folder_for_it() {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let state = Path::new("/var/lib/calloff");
        let service = |name: &str| match name {
            "RUNTIME_DIRECTORY" => Some("/run/calloff:/run/other".into()),
            "XDG_RUNTIME_DIR" => Some("/run/user/1000".into()),
            _ => None,
        };
        let configured = Path::new("/run/mine.sock");
        assert_eq!(places(Some(configured), state, service), paths(&["/run/mine.sock"]));
        let all =
            ["/run/calloff/calloff.sock", "/var/lib/calloff/calloff.sock", "/run/user/1000/calloff.sock"];
        assert_eq!(places(None, state, service), paths(&all));
        assert_eq!(places(None, state, |_| None), paths(&["/var/lib/calloff/calloff.sock"]));
        assert_eq!(places(None, state, |_| Some(OsString::new())), paths(&["/var/lib/calloff/calloff.sock"]));
    }
}
