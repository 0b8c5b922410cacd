//! One file's text, or what is wrong with the file.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use calloff_core::config::decode;
use calloff_core::diagnostic::{Code, Diagnostic};

/// More than any configuration has: what is larger was put there by mistake.
const MOST_BYTES: u64 = 1024 * 1024;

/// The text of a file; `file` is what diagnostics call it.
pub(super) fn text(path: &Path, file: &str) -> Result<String, Box<Diagnostic>> {
    let bytes = bytes(path).map_err(|error| Box::new(unreadable(file, &error)))?;
    if bytes.len() as u64 > MOST_BYTES {
        let help = Some("a job file has a few lines: is this one in the right place?".to_owned());
        return Err(Box::new(Diagnostic::of_file(
            Code::TooLarge,
            file,
            "the file is larger than 1 MiB".into(),
            help,
        )));
    }
    decode(file, &bytes).map(str::to_owned)
}

/// Says that a file or folder can't be read.
pub(super) fn unreadable(file: &str, error: &std::io::Error) -> Diagnostic {
    let help = match error.kind() {
        std::io::ErrorKind::NotFound => "make it, or mend the path that leads here",
        std::io::ErrorKind::PermissionDenied => "let the user that runs calloff read it",
        _ => "see what it is with `ls -l`",
    };
    Diagnostic::of_file(Code::Unreadable, file, format!("can't be read: {error}"), Some(help.to_owned()))
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    // To open a pipe would wait for somebody to write into it.
    if !path.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A path as diagnostics show it: without `./`, on one line.
pub(super) fn shown(path: &Path) -> String {
    let plain: PathBuf = path.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    let plain = if plain.as_os_str().is_empty() { Path::new(".") } else { &plain };
    plain.to_string_lossy().chars().flat_map(printable).collect()
}

fn printable(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}
