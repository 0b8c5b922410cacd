//! Keeps secrets out of what is stored and shown: Zoho, or a proxy, may echo a request.

use secrecy::{ExposeSecret, SecretString};

/// The longest text that is kept of a message: enough to read, too little to flood a log.
const LONGEST: usize = 300;

/// What stands where a secret stood.
const MASK: &str = "[redacted]";

/// The lengths of runs of hexadecimal digits in Zoho's tokens ("1000." + 32 + "." + 32) from which on a word is
/// taken for one.
const TOKEN_DIGITS: usize = 24;

/// Knows an account's secrets and takes them out of texts.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    secrets: Vec<SecretString>,
}

impl Redactor {
    /// A redactor that knows these secrets, beside everything that looks like one of Zoho's tokens.
    #[must_use]
    pub fn new(secrets: Vec<SecretString>) -> Self {
        Self { secrets: secrets.into_iter().map(|secret| as_searched(&secret)).collect() }
    }

    /// One that knows this secret too.
    #[must_use]
    pub fn and(&self, secret: &SecretString) -> Self {
        let mut secrets = self.secrets.clone();
        secrets.push(as_searched(secret));
        Self { secrets }
    }

    /// The text without secrets and control characters, cut to a readable length.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        // First: what hides a secret from a search is gone then.
        let mut text = plain(text);
        for secret in &self.secrets {
            // An empty secret is refused when it is read; a very short one would mask half the text.
            if secret.expose_secret().len() >= 4 {
                text = text.replace(secret.expose_secret(), MASK);
            }
        }
        let words: Vec<&str> =
            text.split_whitespace().map(|word| if is_token(word) { MASK } else { word }).collect();
        words.join(" ").chars().take(LONGEST).collect()
    }
}

/// A secret in the form in which texts are searched for it.
fn as_searched(secret: &SecretString) -> SecretString {
    SecretString::from(plain(secret.expose_secret()))
}

/// The words of a text with single blanks between them, without characters that drive or deceive a terminal.
fn plain(text: &str) -> String {
    let shown = |c: &char| c.is_whitespace() || !(c.is_control() || turns_text(*c));
    let text: String = text.chars().filter(shown).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a character changes the direction in which others are shown, so that a text could pose as another.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a word holds something like `1000.0a1b….2c3d…`, as Zoho's tokens look.
fn is_token(word: &str) -> bool {
    word.match_indices("1000.").any(|(at, prefix)| {
        let rest = &word[at + prefix.len()..];
        let length = rest.bytes().take_while(|byte| byte.is_ascii_hexdigit() || *byte == b'.').count();
        length >= TOKEN_DIGITS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_tokens_and_control_characters_go_and_the_rest_stays() {
        let redactor = Redactor::new(vec![SecretString::from("s3cret-canary")]);
        let token = "1000.0123456789abcdef0123456789abcdef.fedcba9876543210fedcba9876543210";
        for (text, want) in [
            ("Backup is in progress", "Backup is in progress"),
            ("bad client_secret=s3cret-canary given", "bad client_secret=[redacted] given"),
            (&format!("Zoho-oauthtoken {token} refused"), "Zoho-oauthtoken [redacted] refused"),
            (&format!("{{\"token\":\"{token}\"}}"), "[redacted]"),
            ("version 1000.1 is fine", "version 1000.1 is fine"),
            ("red \u{1b}[31malert\u{7}", "red [31malert"),
            ("FREQ=\u{202e}YLKEEW", "FREQ=YLKEEW"),
            ("s3cret\u{0}-can\u{200e}ary", "[redacted]"),
            (&token.replace("456", "4\u{1b}56"), "[redacted]"),
            ("one\r\n two\u{85}three", "one two three"),
        ] {
            assert_eq!(redactor.clean(text), want, "{text:?}");
        }
        assert_eq!(redactor.clean(&"x".repeat(10_000)).len(), LONGEST);
        for secret in ["two  blanks", "a blank at the end ", "pasted\u{200e}mark"] {
            let redactor = Redactor::new(vec![SecretString::from(secret)]);
            assert_eq!(redactor.clean(&format!("it is {secret}")), "it is [redacted]", "{secret:?}");
        }
    }
}
