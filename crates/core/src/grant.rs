//! Grant codes: what a person types once, and what to do if Zoho refuses it.

/// Why a text is no grant code. It is not repeated: it may be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCode {
    /// There is nothing.
    #[error("no code was given")]
    Empty,
    /// It is not one word.
    #[error("that is no code: it has blanks or control characters within, or is too long")]
    Unfit,
}

/// The longest text that is taken for a code; Zoho's have some 70 characters.
const LONGEST: usize = 1000;

/// The code in a line that somebody gave.
///
/// # Errors
///
/// If there is none, or something else.
pub fn code(line: &str) -> Result<&str, NoCode> {
    let code = line.trim();
    if code.is_empty() {
        return Err(NoCode::Empty);
    }
    let is_fit = code.len() <= LONGEST && code.bytes().all(|byte| byte.is_ascii_graphic());
    if is_fit { Ok(code) } else { Err(NoCode::Unfit) }
}

/// What to do about a refused exchange, by the `error` of the token endpoint.
///
/// Source: Zoho Accounts, "Self client", and what is reported of each.
#[must_use]
pub fn hint(error: &str) -> &'static str {
    match error {
        "invalid_code" | "invalid_grant" => {
            "the code is wrong, used up or too old: it is good once, for the minutes that were chosen. Generate another, \
             with the same client and data centre"
        }
        "invalid_client" => {
            "check `client_id`, and that `data_center` is the one in whose API console the client was made"
        }
        "invalid_client_secret" => "check the account's `client_secret`; the code may still be good",
        "invalid_redirect_uri" => {
            "the code is of a client that is not a self client: choose Self Client in the API console"
        }
        _ => {
            "check the account's `accounts_url` or `data_center`, and what the client may do in Zoho's API console"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_word_and_blanks_around_it_do_not_matter() {
        for (line, want) in [
            ("1000.ab.cd", Ok("1000.ab.cd")),
            ("  1000.ab.cd\r\n", Ok("1000.ab.cd")),
            ("", Err(NoCode::Empty)),
            (" \n", Err(NoCode::Empty)),
            ("code: 1000.ab", Err(NoCode::Unfit)),
            ("1000.ab\u{1b}[31m", Err(NoCode::Unfit)),
            (&"1".repeat(1001), Err(NoCode::Unfit)),
        ] {
            assert_eq!(code(line), want, "{line:?}");
        }
    }

    #[test]
    fn each_refusal_has_its_hint() {
        let errors =
            ["invalid_code", "invalid_client", "invalid_client_secret", "invalid_redirect_uri", "no_token"];
        let hints: std::collections::BTreeSet<&str> = errors.into_iter().map(hint).collect();
        assert_eq!(hints.len(), errors.len());
        assert_eq!(hint("invalid_grant"), hint("invalid_code"));
    }
}
