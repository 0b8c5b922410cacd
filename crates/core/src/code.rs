//! Calls and their answers as closed sets of words, for what is counted by them: a code that nobody knows yet must not
//! make a new series each time.

use crate::outcome::Reply;
use crate::words::words;

words! {
    /// What of Zoho is called.
    Endpoint {
        /// Cancels a backup.
        Cancel = "cancel",
        /// Reads the newest backup.
        Get = "get",
        /// Reads the backup history.
        History = "history",
        /// Schedules a backup.
        Schedule = "schedule",
        /// Reads about the organisation.
        Org = "org",
        /// Issues tokens.
        Token = "token",
    }
}

words! {
    /// What became of asking for an access token.
    Refreshed {
        /// There is one.
        Issued = "issued",
        /// The credentials are refused.
        Refused = "refused",
        /// Too many were asked for.
        Throttled = "throttled",
        /// No answer that can be understood.
        Failed = "failed",
    }
}

/// No whole answer came.
pub const FAULT: &str = "fault";

/// A code that is none of those known.
pub const OTHER: &str = "other";

/// The token endpoint's refusal for ten minutes, whose own text is translated in places.
pub const THROTTLED: &str = "throttled";

/// The codes that Zoho documents for the calls that are made, and those of the token endpoint.
const KNOWN: &[&str] = &[
    "SUCCESS",
    "ALREADY_CANCELLED",
    "INPROGRESS",
    "BACKUP_ALREADY_SCHEDULED",
    "LIMIT_EXCEEDED",
    "RESOURCE_NOT_FOUND",
    "INVALID_DATA",
    "INVALID_REQUEST_METHOD",
    "INVALID_URL_PATTERN",
    "REQUEST_BODY_NOT_READABLE",
    "MANDATORY_NOT_FOUND",
    "API_NOT_SUPPORTED",
    "NO_PERMISSION",
    "OAUTH_SCOPE_MISMATCH",
    "INVALID_TOKEN",
    "INVALID_OAUTHTOKEN",
    "AUTHENTICATION_FAILURE",
    "UNAUTHORIZED",
    "TOO_MANY_REQUESTS",
    "INTERNAL_ERROR",
    "INTERNAL_SERVER_ERROR",
    "invalid_code",
    "invalid_client",
    "invalid_client_secret",
    "invalid_grant",
    "invalid_redirect_uri",
    "unauthorized_client",
    THROTTLED,
];

/// What is said of an answer without a code: its status, if it is a common one, else the class of that.
const STATUSES: &[(u16, &str)] = &[
    (200, "HTTP_200"),
    (204, "HTTP_204"),
    (400, "HTTP_400"),
    (401, "HTTP_401"),
    (403, "HTTP_403"),
    (404, "HTTP_404"),
    (408, "HTTP_408"),
    (429, "HTTP_429"),
    (500, "HTTP_500"),
    (502, "HTTP_502"),
    (503, "HTTP_503"),
    (504, "HTTP_504"),
];

/// The classes, by the first digit.
const CLASSES: &[&str] = &["HTTP_1xx", "HTTP_2xx", "HTTP_3xx", "HTTP_4xx", "HTTP_5xx"];

/// The word for an answer with this status and this code; without a status no whole answer came.
#[must_use]
pub fn word(status: Option<u16>, code: Option<&str>) -> &'static str {
    match (status, code) {
        (None, _) => FAULT,
        (Some(_), Some(code)) => KNOWN.iter().find(|known| **known == code).unwrap_or(&OTHER),
        (Some(status), None) => {
            let common = STATUSES.iter().find(|(number, _)| *number == status).map(|(_, word)| *word);
            let class = usize::from(status / 100).checked_sub(1).and_then(|class| CLASSES.get(class));
            common.or(class.copied()).unwrap_or(OTHER)
        }
    }
}

/// The word for a reply.
#[must_use]
pub fn word_of(reply: &Reply) -> &'static str {
    match reply {
        Reply::Answer(answer) => word(Some(answer.status), answer.code.as_deref()),
        Reply::Fault(_) => word(None, None),
    }
}

/// Every word that there is.
pub fn all() -> impl Iterator<Item = &'static str> {
    let statuses = STATUSES.iter().map(|(_, word)| *word);
    KNOWN.iter().copied().chain(statuses).chain(CLASSES.iter().copied()).chain([OTHER, FAULT])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_by_its_code_then_by_its_status() {
        #[rustfmt::skip]
        let table = [
            (Some(200), Some("SUCCESS"),       "SUCCESS",      "a documented code"),
            (Some(400), Some("SOMETHING_NEW"), "other",        "a code that nobody knows"),
            (Some(429), Some("429"),           "other",        "a gateway's number"),
            (Some(200), None,                  "HTTP_200",     "what reading calls bring has no code"),
            (Some(502), None,                  "HTTP_502",     "a page of HTML"),
            (Some(507), None,                  "HTTP_5xx",     "a rare status"),
            (Some(999), None,                  "other",        "no status at all"),
            (Some(42),  None,                  "other",        "nor this"),
            (None,      None,                  "fault",        "nothing came"),
        ];
        for (status, code, want, why) in table {
            assert_eq!(word(status, code), want, "{why}");
        }
    }

    #[test]
    fn there_are_few_words_and_no_answer_has_another() {
        let words: Vec<&str> = all().collect();
        assert!(words.len() <= 50, "{}", words.len());
        for status in 0..=999 {
            for code in [None, Some("NO_PERMISSION"), Some("no permission")] {
                assert!(words.contains(&word(Some(status), code)), "{status} {code:?}");
            }
        }
    }
}
