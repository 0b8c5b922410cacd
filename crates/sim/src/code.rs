//! Zoho's error codes, each with the HTTP status, message and envelope it is documented with.

use crate::world::Endpoint;

/// Where an error stands in the body of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Envelope {
    /// `{"code":…,"details":…,"message":…,"status":"error"}`: what the gateway says.
    Top,
    /// The same object as the value of `backup`: what the backup service says.
    Wrapped,
}

/// Makes the enum and its tables together, so that none can be forgotten.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:literal, $envelope:ident, $message:literal;)*) => {
        /// A code that Zoho answers with when it refuses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it stands in an answer, and in a scenario.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The HTTP status it comes with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Where it stands in the body.
            #[must_use]
            pub const fn envelope(self) -> Envelope {
                match self { $(Self::$name => Envelope::$envelope,)* }
            }

            const fn plain_message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}

codes! {
    /// The backup had been cancelled before.
    AlreadyCancelled = "ALREADY_CANCELLED", 400, Wrapped, "Backup is already canceled";
    /// The backup is running and can't be cancelled.
    Inprogress = "INPROGRESS", 400, Wrapped, "Backup is in progress";
    /// There is a schedule already; an account has one at a time.
    BackupAlreadyScheduled = "BACKUP_ALREADY_SCHEDULED", 400, Wrapped, "Backup is already scheduled";
    /// The recurrence rule isn't one.
    InvalidData = "INVALID_DATA", 400, Wrapped, "Invalid data";
    /// The edition's backups are used up. Zoho doesn't say which envelope it comes in.
    LimitExceeded = "LIMIT_EXCEEDED", 400, Wrapped, "Backup limit exceeded.";
    /// There is no such backup. The status is 400, not 404.
    ResourceNotFound = "RESOURCE_NOT_FOUND", 400, Top, "The requested resource doesn't exist";
    /// The body isn't JSON.
    RequestBodyNotReadable = "REQUEST_BODY_NOT_READABLE", 400, Top, "The request body is not readable";
    /// The path exists, the method doesn't.
    InvalidRequestMethod = "INVALID_REQUEST_METHOD", 400, Top,
        "The http request method type is not a valid one";
    /// The path doesn't exist.
    InvalidUrlPattern = "INVALID_URL_PATTERN", 404, Top,
        "Please check if the URL trying to access is a correct one";
    /// The token lacks a scope. A fresh one would lack it too.
    OauthScopeMismatch = "OAUTH_SCOPE_MISMATCH", 401, Top, "Unauthorized";
    /// The token is expired, revoked, or of another data centre.
    InvalidToken = "INVALID_TOKEN", 401, Top, "invalid oauth token";
    /// What other Zoho services call `INVALID_TOKEN`.
    InvalidOauthtoken = "INVALID_OAUTHTOKEN", 401, Top, "Invalid OAuth token";
    /// The header is missing or malformed.
    AuthenticationFailure = "AUTHENTICATION_FAILURE", 401, Top, "Authentication failed";
    /// Seen in an official sample.
    Unauthorized = "UNAUTHORIZED", 401, Top, "Unauthorized";
    /// The user's profile lacks the right.
    NoPermission = "NO_PERMISSION", 403, Top, "Permission denied to create";
    /// The version in the path isn't served.
    ApiNotSupported = "API_NOT_SUPPORTED", 400, Top, "The requested API version is not supported";
    /// Too many calls at once, or in 24 hours: Zoho has one code for both.
    TooManyRequests = "TOO_MANY_REQUESTS", 429, Top,
        "Many requests fired in concurrent than the allowed limit.";
    /// A defect at Zoho.
    InternalError = "INTERNAL_ERROR", 500, Top, "Internal Server Error";
    /// The other spelling of the same.
    InternalServerError = "INTERNAL_SERVER_ERROR", 500, Top, "Internal Server Error";
    /// From the official SDKs' list.
    BadRequest = "BAD_REQUEST", 400, Top, "Bad request";
    /// From the official SDKs' list.
    LimitReached = "LIMIT_REACHED", 400, Top, "Limit reached";
    /// From the official SDKs' list.
    NotAllowed = "NOT_ALLOWED", 400, Top, "Not allowed";
    /// From the official SDKs' list.
    AlreadyUsed = "ALREADY_USED", 400, Top, "Already used";
    /// From the official SDKs' list.
    MandatoryNotFound = "MANDATORY_NOT_FOUND", 400, Top, "Required field not found";
    /// What some paths answer instead of `INVALID_URL_PATTERN`.
    NotFound = "NOT_FOUND", 404, Top, "Not found";
}

impl Code {
    /// The message it comes with; the one of `NO_PERMISSION` depends on the endpoint.
    #[must_use]
    pub fn message(self, endpoint: Endpoint) -> &'static str {
        match (self, endpoint) {
            (Self::NoPermission, Endpoint::Get | Endpoint::History | Endpoint::Urls) => {
                "Permission denied to read"
            }
            _ => self.plain_message(),
        }
    }

    /// The code that is spelled so.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word)
    }
}
