//! Faults: what goes wrong with a call, and the words a scenario has for it.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use crate::code::{Code, Envelope};

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `ok`: nothing goes wrong.
    Ok,
    /// A code such as `INTERNAL_ERROR`, or `429`: Zoho refuses.
    Code(Code),
    /// `500` to `599`: that status and an empty body.
    Status(u16),
    /// `html-500` to `html-599`: that status and a page of HTML, as a gateway writes it.
    Html(u16),
    /// `drop`: the connection is closed before Zoho acted.
    Drop,
    /// `drop-after`: Zoho acts, then the connection is closed without an answer.
    DropAfter,
    /// `hang`: Zoho never answers.
    Hang,
    /// `cut-short`: Zoho acts, the connection is closed halfway through the body.
    CutShort,
    /// `slow-body`: Zoho acts, the body drips.
    SlowBody,
    /// `empty`: Zoho acts, the answer is a 200 without a body.
    Empty,
    /// `garbage`: Zoho acts, the answer is a 200 that claims to be JSON and isn't.
    Garbage,
    /// `huge`: Zoho acts, the answer is padded to 32 MiB.
    Huge,
    /// `array-details`: Zoho acts, `details` is an array.
    ArrayDetails,
    /// `unheeded`: Zoho answers as if it had acted, and doesn't act.
    Unheeded,
    /// `redirect`: a 302 to another path of the simulator.
    Redirect,
    /// `numeric-code`: a 429 in the older shape, whose `code` is a number and whose `details` is an array.
    NumericCode,
    /// `unknown-code`: a 400 with a code that Zoho doesn't document.
    UnknownCode,
    /// `invalid_code` and its kin, which only the token endpoint says.
    Token(TokenFault),
}

/// What only the token endpoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// `invalid_code`: the refresh token or grant code is wrong, used or revoked.
    InvalidCode,
    /// `invalid_client`: the client is unknown in this data centre.
    InvalidClient,
    /// `invalid_client_secret`: the secret is wrong.
    InvalidClientSecret,
    /// `invalid_redirect_uri`: only in an exchange.
    InvalidRedirectUri,
    /// `throttled`: too many tokens were made.
    Throttled,
    /// `throttled-localised`: the same, in another language.
    ThrottledLocalised,
    /// `no-expires-in`: a token whose lifetime isn't told.
    NoExpiresIn,
    /// `expires-in-millis`: a token in the older shape, with `expires_in_sec`, where `expires_in` is milliseconds.
    ExpiresInMillis,
    /// `no-refresh-token`: an exchange that gives an access token alone.
    NoRefreshToken,
}

/// The words that stand for one thing each; codes, `5xx` and `html-5xx` come on top.
const WORDS: &[(&str, Fault)] = &[
    ("ok", Fault::Ok),
    ("429", Fault::Code(Code::TooManyRequests)),
    ("drop", Fault::Drop),
    ("drop-after", Fault::DropAfter),
    ("hang", Fault::Hang),
    ("cut-short", Fault::CutShort),
    ("slow-body", Fault::SlowBody),
    ("empty", Fault::Empty),
    ("garbage", Fault::Garbage),
    ("huge", Fault::Huge),
    ("array-details", Fault::ArrayDetails),
    ("unheeded", Fault::Unheeded),
    ("redirect", Fault::Redirect),
    ("numeric-code", Fault::NumericCode),
    ("unknown-code", Fault::UnknownCode),
    ("invalid_code", Fault::Token(TokenFault::InvalidCode)),
    ("invalid_client", Fault::Token(TokenFault::InvalidClient)),
    ("invalid_client_secret", Fault::Token(TokenFault::InvalidClientSecret)),
    ("invalid_redirect_uri", Fault::Token(TokenFault::InvalidRedirectUri)),
    ("throttled", Fault::Token(TokenFault::Throttled)),
    ("throttled-localised", Fault::Token(TokenFault::ThrottledLocalised)),
    ("no-expires-in", Fault::Token(TokenFault::NoExpiresIn)),
    ("expires-in-millis", Fault::Token(TokenFault::ExpiresInMillis)),
    ("no-refresh-token", Fault::Token(TokenFault::NoRefreshToken)),
];

impl Fault {
    /// The fault that a scenario calls so.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let status = |digits: &str| digits.parse().ok().filter(|status| (500..600).contains(status));
        WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, fault)| *fault)
            .or_else(|| Code::from_word(word).map(Self::Code))
            .or_else(|| word.strip_prefix("html-").and_then(status).map(Self::Html))
            .or_else(|| status(word).map(Self::Status))
    }

    /// Whether Zoho does what it was asked although the answer suffers.
    #[must_use]
    pub const fn acts(self) -> bool {
        matches!(
            self,
            Self::Ok
                | Self::DropAfter
                | Self::CutShort
                | Self::SlowBody
                | Self::Empty
                | Self::Garbage
                | Self::Huge
                | Self::ArrayDetails
                | Self::Token(
                    TokenFault::NoExpiresIn | TokenFault::ExpiresInMillis | TokenFault::NoRefreshToken
                )
        )
    }

    /// Whether the token endpoint can do this. Zoho's codes and the faults of the backup service it can't.
    pub(crate) const fn suits_token(self) -> bool {
        !matches!(
            self,
            Self::Code(_) | Self::ArrayDetails | Self::Unheeded | Self::NumericCode | Self::UnknownCode
        )
    }

    /// Whether an endpoint of the API can do this.
    pub(crate) const fn suits_api(self) -> bool {
        !matches!(self, Self::Token(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => f.write_str(code.as_str()),
            Self::Status(status) => write!(f, "{status}"),
            Self::Html(status) => write!(f, "html-{status}"),
            _ => {
                let word = WORDS.iter().find(|(_, fault)| fault == self);
                f.write_str(word.map_or("?", |(word, _)| word))
            }
        }
    }
}

/// One entry of a list of faults: a word, or a table that says more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// What becomes of the call: `then`, or the word alone. `ok` by default.
    pub fault: Fault,
    /// How long the answer, or the failure, is in coming, besides the account's latency.
    pub delay: Duration,
    /// The header `Retry-After`, in whole seconds.
    pub retry_after: Option<Duration>,
    /// The header `Retry-After` as an HTTP date, so far from now.
    pub retry_after_date: Option<Duration>,
    /// `details.retry_after` in the body of an error, in seconds.
    pub details_retry_after: Option<Duration>,
    /// Whether Zoho acts, where that isn't what the word usually means.
    pub acts: Option<bool>,
    /// Where a code stands, where that isn't as documented.
    pub envelope: Option<Envelope>,
    /// How long `slow-body` waits before each byte. 1 s by default.
    pub every: Duration,
    /// How many calls the entry stands for. 1 by default.
    pub times: u32,
}

impl Step {
    /// The entry that a word alone makes.
    #[must_use]
    pub fn of(fault: Fault) -> Self {
        Self {
            fault,
            delay: Duration::ZERO,
            retry_after: None,
            retry_after_date: None,
            details_retry_after: None,
            acts: None,
            envelope: None,
            every: Duration::from_secs(1),
            times: 1,
        }
    }

    /// Whether Zoho does what it was asked.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.acts.unwrap_or(self.fault.acts())
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::from_word(&word).ok_or_else(|| unknown_word(&word))
    }
}

fn unknown_word<E: de::Error>(word: &str) -> E {
    let known: Vec<&str> = WORDS.iter().map(|(known, _)| *known).collect();
    E::custom(format!(
        "`{word}` is no fault; it is one of Zoho's codes, a status such as `503` or `html-502`, or one of: {}",
        known.join(", ")
    ))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct StepTable {
    #[serde(default = "ok")]
    then: Fault,
    #[serde(default, with = "humantime_serde")]
    delay: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    retry_after: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    retry_after_date: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    details_retry_after: Option<Duration>,
    acts: Option<bool>,
    envelope: Option<Envelope>,
    #[serde(default, with = "humantime_serde")]
    every: Option<Duration>,
    times: Option<u32>,
}

const fn ok() -> Fault {
    Fault::Ok
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrTable;

        // By hand rather than `untagged`, whose messages name neither the word nor the key.
        impl<'de> Visitor<'de> for WordOrTable {
            type Value = Step;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a fault such as \"INTERNAL_ERROR\", or a table such as { then = \"503\", delay = \"2s\" }")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Step, E> {
                Fault::from_word(word).map(Step::of).ok_or_else(|| unknown_word(word))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Step, A::Error> {
                let table = StepTable::deserialize(MapAccessDeserializer::new(map))?;
                let plain = Step::of(table.then);
                Ok(Step {
                    fault: table.then,
                    delay: table.delay.unwrap_or(plain.delay),
                    retry_after: table.retry_after,
                    retry_after_date: table.retry_after_date,
                    details_retry_after: table.details_retry_after,
                    acts: table.acts,
                    envelope: table.envelope,
                    every: table.every.unwrap_or(plain.every),
                    times: table.times.unwrap_or(plain.times),
                })
            }
        }

        deserializer.deserialize_any(WordOrTable)
    }
}
