//! From a reply to a verdict, from a verdict to an outcome.
//!
//! Zoho's `code` decides, never its message: the wording differs between versions and pages of its
//! documentation. The table of documented codes is in `docs/outcomes.md`.

use std::time::Duration;

use crate::words::words;

words! {
    /// The recorded end of a target.
    Outcome {
        /// Zoho stopped the backup.
        Cancelled = "cancelled",
        /// Somebody, perhaps an attempt of ours whose answer was lost, had stopped it before.
        AlreadyCancelled = "already_cancelled",
        /// A condition did not hold, or the job was paused.
        Skipped = "skipped",
        /// The backup is running; Zoho can't stop it any more.
        TooLate = "too_late",
        /// Zoho knows no such backup.
        NotFound = "not_found",
        /// The credentials, their scopes or the user's profile do not allow it.
        Denied = "denied",
        /// Zoho refused for another reason that will not go away.
        Rejected = "rejected",
        /// Nothing but transient failures, until attempts or time ran out.
        Exhausted = "exhausted",
        /// Zoho accepted the cancel, yet still shows the backup as scheduled.
        Contradicted = "contradicted",
        /// Nothing could run at the time.
        Missed = "missed",
    }
}

/// What an outcome counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The backup will not run.
    Success,
    /// Nothing was to be done.
    Neutral,
    /// A person should look.
    Failure,
}

impl Outcome {
    /// What it counts as.
    #[must_use]
    pub fn standing(self) -> Standing {
        match self {
            Self::Cancelled | Self::AlreadyCancelled => Standing::Success,
            Self::Skipped => Standing::Neutral,
            Self::TooLate
            | Self::NotFound
            | Self::Denied
            | Self::Rejected
            | Self::Exhausted
            | Self::Contradicted
            | Self::Missed => Standing::Failure,
        }
    }
}

/// What came back from one HTTP call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer, whatever it says.
    Answer(Answer),
    /// No whole answer: refused, reset, timed out or cut short. The call may have had its effect.
    Fault(String),
}

/// The parts of an answer that decide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Zoho's `code`, from either envelope, if the body has one.
    pub code: Option<String>,
    /// Zoho's `message`, for people only.
    pub message: Option<String>,
    /// The least time to wait, as the answer asks for it.
    pub retry_after: Option<Duration>,
}

/// What a reply means for what was asked; `T` is how that may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It has ended.
    End(T),
    /// The access token was refused: a new one may be accepted.
    TokenRefused,
    /// Worth trying again, after this long at least.
    Transient(Option<Duration>),
}

/// Judges the reply to a cancel.
///
/// Sources: Zoho CRM API v7 "Cancel data backup" (codes, statuses), "Status codes" (429, 401), and the
/// `OpenAPI` file of v8 (envelopes). A 2xx that doesn't say SUCCESS, and a SUCCESS outside of 2xx, contradict
/// themselves; repeating a cancel is safe, so they are tried again.
#[must_use]
pub fn judge_cancel(reply: &Reply) -> Verdict<Outcome> {
    judge(reply, |answer| match (answer.status, answer.code.as_deref()?) {
        (200..=299, "SUCCESS") => Some(Outcome::Cancelled),
        (200..=399 | 429 | 500..=599, _) => None,
        (_, "ALREADY_CANCELLED") => Some(Outcome::AlreadyCancelled),
        (_, "INPROGRESS") => Some(Outcome::TooLate),
        (_, "RESOURCE_NOT_FOUND") => Some(Outcome::NotFound),
        _ => None,
    })
}

/// Whether a cancel may have had its effect though its reply does not say so: it is in doubt whatever is worth trying
/// again, unless Zoho has only put it off, and what a gateway gave up on.
#[must_use]
pub fn is_in_doubt(reply: &Reply) -> bool {
    let (status, code) = match reply {
        Reply::Fault(_) => return true,
        Reply::Answer(answer) => (answer.status, answer.code.as_deref()),
    };
    let is_put_off = status == 429 || code == Some("TOO_MANY_REQUESTS");
    status == 408 || (matches!(judge_cancel(reply), Verdict::Transient(_)) && !is_put_off)
}

/// How an attempt to schedule a backup ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheduling {
    /// Zoho says that it is scheduled.
    Accepted,
    /// A backup is scheduled already, or running: there is one at a time.
    Taken,
    /// Zoho refused: the outcome that a cancel would have.
    Refused(Outcome),
}

/// Judges the reply to a call that schedules a backup. It is not safe to repeat without a look at what there is: what
/// is transient here may have had its effect.
///
/// Sources: Zoho CRM API v7 "Schedule data backup" (`BACKUP_ALREADY_SCHEDULED`, `LIMIT_EXCEEDED`, `INVALID_DATA`),
/// "Status codes".
#[must_use]
pub fn judge_schedule(reply: &Reply) -> Verdict<Scheduling> {
    if let Reply::Answer(answer) = reply {
        match (answer.status, answer.code.as_deref()) {
            (200..=299, Some("SUCCESS")) => return Verdict::End(Scheduling::Accepted),
            (400..=499, Some("BACKUP_ALREADY_SCHEDULED" | "INPROGRESS")) => {
                return Verdict::End(Scheduling::Taken);
            }
            _ => {}
        }
    }
    match judge_unread(reply) {
        Verdict::End(outcome) => Verdict::End(Scheduling::Refused(outcome)),
        Verdict::TokenRefused => Verdict::TokenRefused,
        Verdict::Transient(asked) => Verdict::Transient(asked),
    }
}

/// Judges the reply to a call that reads and did not bring what was asked for; it ends in the outcome that targets
/// have which can't do without. Reading is always safe to repeat.
///
/// Sources: Zoho CRM API v7 "Get data backup info", "Backup history", "Status codes".
#[must_use]
pub fn judge_unread(reply: &Reply) -> Verdict<Outcome> {
    judge(reply, |_| None)
}

/// Judges a reply, once by what the endpoint itself says, then by what all of them say.
fn judge(reply: &Reply, own: impl FnOnce(&Answer) -> Option<Outcome>) -> Verdict<Outcome> {
    let answer = match reply {
        Reply::Answer(answer) => answer,
        Reply::Fault(_) => return Verdict::Transient(None),
    };
    if let Some(outcome) = own(answer) {
        return Verdict::End(outcome);
    }
    let code = answer.code.as_deref().unwrap_or_default();
    match (answer.status, code) {
        (300..=399, _) => Verdict::End(Outcome::Rejected),
        (200..=299 | 429 | 500..=599, _)
        | (_, "SUCCESS" | "INTERNAL_ERROR" | "INTERNAL_SERVER_ERROR" | "TOO_MANY_REQUESTS") => {
            Verdict::Transient(answer.retry_after)
        }
        (_, "NO_PERMISSION" | "OAUTH_SCOPE_MISMATCH") => Verdict::End(Outcome::Denied),
        (401, _) | (_, "INVALID_TOKEN" | "INVALID_OAUTHTOKEN" | "AUTHENTICATION_FAILURE") => {
            Verdict::TokenRefused
        }
        _ => Verdict::End(Outcome::Rejected),
    }
}

/// Whether a `denied` with this code means that the credentials themselves were refused, which has an exit code
/// of its own, and not what they are allowed to do.
#[must_use]
pub fn credentials_refused(outcome: Outcome, code: Option<&str>) -> bool {
    outcome == Outcome::Denied && !matches!(code, Some("NO_PERMISSION" | "OAUTH_SCOPE_MISMATCH"))
}

/// What the operator does next about a failure; `None` if it is none.
#[must_use]
pub fn hint(outcome: Outcome, code: Option<&str>) -> Option<&'static str> {
    Some(match (outcome, code.unwrap_or_default()) {
        (Outcome::Cancelled | Outcome::AlreadyCancelled | Outcome::Skipped, _) => return None,
        (Outcome::TooLate, _) => {
            "the backup was already running, and Zoho can't stop it then: schedule the job earlier"
        }
        (Outcome::NotFound, _) => {
            "check the ID and the account: `calloff backup show` has the account's; those in the backup history are others"
        }
        (Outcome::Denied, "OAUTH_SCOPE_MISMATCH") => {
            "the refresh token lacks a scope: generate one with ZohoCRM.bulk.backup.UPDATE and ZohoCRM.bulk.backup.READ"
        }
        (Outcome::Denied, "NO_PERMISSION") => {
            "the token's user needs the Administrator profile, with API access, in this organisation"
        }
        (Outcome::Denied, "invalid_client") => {
            "check `client_id` and that `data_center` is the one where the client was registered"
        }
        (Outcome::Denied, "invalid_client_secret") => "check the account's `client_secret`",
        (Outcome::Denied, "invalid_code" | "invalid_grant") => {
            "the refresh token is wrong or was revoked: generate a new one"
        }
        (Outcome::Denied, "no_token" | "unauthorized_client" | "invalid_redirect_uri") => {
            "check the account's `accounts_url` or `data_center`, and what the client may do in Zoho's API console"
        }
        (Outcome::Denied, _) => {
            "Zoho refused a token it had just issued: check that `data_center` and `environment` are the organisation's"
        }
        (Outcome::Rejected, "INVALID_URL_PATTERN" | "INVALID_REQUEST_METHOD" | "API_NOT_SUPPORTED") => {
            "check `api_version`, `data_center` and `api_domain` of the account"
        }
        (Outcome::Rejected, "") => {
            "it has no code of Zoho's: see `reason`, or check the account's `api_domain` and whether a proxy answers instead"
        }
        (Outcome::Rejected, _) => "look up the code in Zoho's documentation; trying again will not help",
        (Outcome::Exhausted, _) => {
            "Zoho could not be brought to answer in time: see whether the backup still stands, then `calloff trigger` the job"
        }
        (Outcome::Contradicted, _) => {
            "cancel it in Zoho: a further cancel from here is only answered as already cancelled"
        }
        (Outcome::Missed, _) => {
            "find out why Calloff was down, and whether the backup ran; `catch_up` says how late a run may start"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_call_is_judged_by_what_all_endpoints_say() {
        use Outcome::{Denied, Rejected};
        use Verdict::{End, TokenRefused, Transient};
        #[rustfmt::skip]
        let table = [
            (200, "",                     Transient(None), "a 200 that is no backup"),
            (500, "INTERNAL_ERROR",       Transient(None), "documented"),
            (429, "TOO_MANY_REQUESTS",    Transient(None), "throttled"),
            (401, "OAUTH_SCOPE_MISMATCH", End(Denied),     "the READ scope is missing"),
            (403, "NO_PERMISSION",        End(Denied),     "the profile lacks the right"),
            (401, "INVALID_TOKEN",        TokenRefused,    "expired"),
            (404, "INVALID_URL_PATTERN",  End(Rejected),   "a wrong base or version"),
            (400, "ALREADY_CANCELLED",    End(Rejected),   "what only a cancel is told"),
            (302, "",                     End(Rejected),   "redirects are not followed"),
        ];
        for (status, code, verdict, why) in table {
            let code = Some(code.to_owned()).filter(|code| !code.is_empty());
            let reply = Reply::Answer(Answer { status, code, ..Answer::default() });
            assert_eq!(judge_unread(&reply), verdict, "{why}: {reply:?}");
        }
        assert_eq!(judge_unread(&Reply::Fault("reset".into())), Transient(None));
    }

    #[test]
    fn each_reply_to_a_cancel_has_its_verdict() {
        use Outcome::{AlreadyCancelled, Cancelled, Denied, NotFound, Rejected, TooLate};
        use Verdict::{End, TokenRefused, Transient};
        #[rustfmt::skip]
        let table = [
            // status code                      verdict                why
            (200, "SUCCESS",                End(Cancelled),        "the documented success"),
            (400, "ALREADY_CANCELLED",      End(AlreadyCancelled), "the goal is reached"),
            (400, "INPROGRESS",             End(TooLate),          "a running backup can't be stopped"),
            (400, "RESOURCE_NOT_FOUND",     End(NotFound),         "documented with 400, not 404"),
            (404, "RESOURCE_NOT_FOUND",     End(NotFound),         "the code decides, not the status"),
            (403, "NO_PERMISSION",          End(Denied),           "the profile lacks the right"),
            (401, "OAUTH_SCOPE_MISMATCH",   End(Denied),           "a new token has the same scopes"),
            (404, "INVALID_URL_PATTERN",    End(Rejected),         "a wrong base or version"),
            (400, "INVALID_REQUEST_METHOD", End(Rejected),         "a defect or a proxy"),
            (400, "LIMIT_REACHED",          End(Rejected),         "any other code is permanent"),
            (403, "",                       End(Rejected),         "a refusal without a code"),
            (301, "SUCCESS",                End(Rejected),         "redirects are not followed"),
            (500, "INTERNAL_ERROR",         Transient(None),       "the documented transient error"),
            (400, "INTERNAL_SERVER_ERROR",  Transient(None),       "both spellings occur"),
            (502, "",                       Transient(None),       "a gateway's HTML"),
            (503, "ALREADY_CANCELLED",      Transient(None),       "a 5xx, whatever its body"),
            (429, "TOO_MANY_REQUESTS",      Transient(None),       "credits or concurrency used up"),
            (429, "429",                    Transient(None),       "an older shape of it"),
            (200, "",                       Transient(None),       "a 2xx that says nothing"),
            (204, "",                       Transient(None),       "likewise"),
            (200, "ALREADY_CANCELLED",      Transient(None),       "a 2xx that contradicts itself"),
            (400, "SUCCESS",                Transient(None),       "and the other way round"),
            (401, "INVALID_TOKEN",          TokenRefused,          "expired, or another data centre's"),
            (401, "INVALID_OAUTHTOKEN",     TokenRefused,          "the same by another name"),
            (401, "AUTHENTICATION_FAILURE", TokenRefused,          "the token was unusable"),
            (400, "INVALID_TOKEN",          TokenRefused,          "the code decides"),
            (401, "",                       TokenRefused,          "a 401 that does not say why"),
        ];
        for (status, code, want, why) in table {
            let code = (!code.is_empty()).then(|| code.to_owned());
            let reply = Reply::Answer(Answer { status, code, ..Answer::default() });
            assert_eq!(judge_cancel(&reply), want, "{why}: {reply:?}");
        }
        assert_eq!(judge_cancel(&Reply::Fault("reset".into())), Transient(None));
    }

    #[test]
    fn a_schedule_is_accepted_taken_refused_or_in_doubt() {
        use Outcome::{Denied, Rejected};
        #[rustfmt::skip]
        let table = [
            (200, "SUCCESS",                  Verdict::End(Scheduling::Accepted),          "as it should be"),
            (200, "",                         Verdict::Transient(None),                    "it may have been accepted"),
            (400, "BACKUP_ALREADY_SCHEDULED", Verdict::End(Scheduling::Taken),             "one at a time"),
            (400, "INPROGRESS",               Verdict::End(Scheduling::Taken),             "it runs"),
            (400, "LIMIT_EXCEEDED",           Verdict::End(Scheduling::Refused(Rejected)), "this month's are used up"),
            (400, "INVALID_DATA",             Verdict::End(Scheduling::Refused(Rejected)), "the rule"),
            (403, "NO_PERMISSION",            Verdict::End(Scheduling::Refused(Denied)),   "the profile"),
            (401, "OAUTH_SCOPE_MISMATCH",     Verdict::End(Scheduling::Refused(Denied)),   "the scope"),
            (401, "INVALID_TOKEN",            Verdict::TokenRefused,                       "the token"),
            (500, "INTERNAL_ERROR",           Verdict::Transient(None),                    "in doubt"),
            (502, "BACKUP_ALREADY_SCHEDULED", Verdict::Transient(None),                    "a gateway's"),
        ];
        for (status, code, want, why) in table {
            let code = (!code.is_empty()).then(|| code.to_owned());
            let reply = Reply::Answer(Answer { status, code, ..Answer::default() });
            assert_eq!(judge_schedule(&reply), want, "{why}: {reply:?}");
        }
        assert_eq!(judge_schedule(&Reply::Fault("reset".into())), Verdict::Transient(None));
    }

    #[test]
    fn what_zoho_refuses_it_has_not_done() {
        #[rustfmt::skip]
        let table = [
            (200, "SUCCESS",           false, "it says so"),
            (200, "",                  true,  "it says nothing"),
            (400, "ALREADY_CANCELLED", false, "refused"),
            (401, "INVALID_TOKEN",     false, "refused"),
            (429, "TOO_MANY_REQUESTS", false, "put off"),
            (429, "",                  false, "put off, by a gateway"),
            (503, "TOO_MANY_REQUESTS", false, "put off, whatever the status"),
            (400, "INTERNAL_ERROR",    true,  "the code outweighs the status"),
            (408, "",                  true,  "a gateway gave up on it"),
            (500, "INTERNAL_ERROR",    true,  "who knows"),
            (502, "",                  true,  "a gateway's word"),
        ];
        for (status, code, want, why) in table {
            let code = (!code.is_empty()).then(|| code.to_owned());
            assert_eq!(
                is_in_doubt(&Reply::Answer(Answer { status, code, ..Answer::default() })),
                want,
                "{why}"
            );
        }
        assert!(is_in_doubt(&Reply::Fault("reset".into())));
    }

    #[test]
    fn an_answer_that_asks_for_time_gets_it() {
        let wait = Some(Duration::from_secs(90));
        for status in [200, 429, 503] {
            let reply = Reply::Answer(Answer { status, retry_after: wait, ..Answer::default() });
            assert_eq!(judge_cancel(&reply), Verdict::Transient(wait));
        }
    }

    #[test]
    fn every_failure_has_a_hint_and_nothing_else_has() {
        for &outcome in Outcome::ALL {
            assert_eq!(hint(outcome, None).is_some(), outcome.standing() == Standing::Failure, "{outcome:?}");
        }
    }

    #[test]
    fn a_refusal_without_a_code_sends_nobody_to_look_one_up() {
        let of = |code| hint(Outcome::Rejected, code).unwrap_or_default();
        assert!(of(None).contains("`api_domain`"));
        assert!(of(Some("LIMIT_REACHED")).contains("look up the code"));
    }

    #[test]
    fn the_words_lead_back_to_the_outcomes() {
        for &outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
        }
        assert_eq!(Outcome::parse("stopped"), None);
    }

    #[test]
    fn only_refused_credentials_count_as_such() {
        assert!(credentials_refused(Outcome::Denied, Some("INVALID_TOKEN")));
        assert!(credentials_refused(Outcome::Denied, Some("invalid_client")));
        assert!(!credentials_refused(Outcome::Denied, Some("NO_PERMISSION")));
        assert!(!credentials_refused(Outcome::Denied, Some("OAUTH_SCOPE_MISMATCH")));
        assert!(!credentials_refused(Outcome::Rejected, None));
    }
}
