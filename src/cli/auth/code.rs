//! Where a grant code comes from: standard input or a file, never the arguments.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read};
use std::path::Path;

use calloff_core::grant;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::cli::output::notice;
use crate::error::Error;

/// More than any code has.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads the code: the first line, of which blanks at both ends are no part.
///
/// # Errors
///
/// If nothing can be read, or what was read is no code.
pub(super) async fn read(file: Option<&Path>) -> Result<SecretString, Error> {
    if file.is_none() && std::io::stdin().is_terminal() {
        notice("the code is read from standard input: paste it, then Enter");
    }
    let file = file.map(Path::to_owned);
    // A person may take their time, and a signal must end the process meanwhile.
    let reading = tokio::task::spawn_blocking(move || match file {
        Some(path) => {
            let failed =
                |error| Error::Usage(format!("couldn't read the code in `{}`: {error}", path.display()));
            first_line(File::open(&path).map_err(failed)?).map_err(failed)
        }
        None => first_line(std::io::stdin())
            .map_err(|error| Error::Usage(format!("couldn't read the code from standard input: {error}"))),
    });
    let line = reading.await.map_err(|error| Error::Internal(error.to_string()))??;
    let code = grant::code(&line).map_err(|error| Error::Usage(error.to_string()))?;
    Ok(SecretString::from(code))
}

fn first_line(from: impl Read) -> std::io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    BufReader::new(from.take(MOST_BYTES)).read_line(&mut line)?;
    Ok(line)
}
