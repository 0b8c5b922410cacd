//! What a test of an account's credentials comes to: one finding a check.

use calloff_core::outcome::{self, Outcome};
use calloff_core::scope::{self, Need, Scope};

use crate::daemon::{Audited, Unread};

/// A scope that is needed, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) scope: Scope,
    /// In a few words.
    pub(super) by: String,
}

/// What one check has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// `token`, the word of a scope, `data_center` or `organisation`.
    pub(super) check: &'static str,
    pub(super) shown: Shown,
    /// What was checked, and why it is not well if it isn't.
    pub(super) detail: String,
    /// What a person does about it.
    pub(super) hint: Option<String>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// All is well.
    Ok,
    /// The token lacks the scope.
    Missing,
    /// The organisation is in another data centre.
    Elsewhere,
    /// Zoho refuses for another reason than the credentials.
    Refused,
    /// Zoho refuses the credentials.
    BadCredentials,
    /// Zoho could not be brought to answer.
    Unreachable,
    /// There is no way to tell.
    Untold,
}

impl Use {
    /// What jobs need.
    pub(super) fn of_jobs(needs: &[Need]) -> Vec<Self> {
        let of = |Need { scope, by, job }: &Need| Self { scope: *scope, by: format!("{by} in job `{job}`") };
        needs.iter().map(of).collect()
    }

    /// What commands need that work without a job.
    pub(super) fn of_commands() -> Vec<Self> {
        let of = |(scope, by): (_, &str)| Self { scope, by: by.to_owned() };
        [(Scope::Read, "`calloff backup show`"), (Scope::Update, "`calloff cancel`")].map(of).into()
    }
}

impl Shown {
    /// For people.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Elsewhere => "elsewhere",
            Self::Refused | Self::BadCredentials => "refused",
            Self::Unreachable => "unreachable",
            Self::Untold => "can't be told",
        }
    }

    /// For programs; `None` if it is not known.
    pub(super) fn is_ok(self) -> Option<bool> {
        match self {
            Self::Ok => Some(true),
            Self::Missing | Self::Elsewhere | Self::Refused | Self::BadCredentials => Some(false),
            Self::Unreachable | Self::Untold => None,
        }
    }
}

/// What a test has shown of the token and of each scope that is needed.
pub(super) fn findings(uses: &[Use], audited: &Audited) -> Vec<Finding> {
    let token = token(audited);
    let is_accepted = token.shown == Shown::Ok;
    let mut findings = vec![token];
    for Use { scope, by } in uses {
        let (shown, why) = if is_accepted { scope_shown(*scope, audited) } else { (Shown::Untold, None) };
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let detail = format!("{} for {by}{why}", scope.name());
        let hint = (shown == Shown::Missing).then(|| {
            let all = scope::listed(uses.iter().map(|needed| needed.scope));
            format!("generate a refresh token with {all}")
        });
        findings.push(Finding { check: scope.as_str(), shown, detail, hint });
    }
    findings
}

/// The exit code that follows from all checks. That something can't be told is no failure.
pub(super) fn exit_code(shown: &[Shown]) -> u8 {
    if [Shown::Missing, Shown::Elsewhere, Shown::Refused].iter().any(|bad| shown.contains(bad)) {
        1
    } else if shown.contains(&Shown::Unreachable) {
        69
    } else if shown.contains(&Shown::BadCredentials) {
        77
    } else {
        0
    }
}

/// Whether Zoho accepts the token. One that may not read what it was tried on is a good one.
fn token(audited: &Audited) -> Finding {
    let unread = audited.unread.as_ref().filter(|unread| !lacks_scope(unread));
    let (shown, detail, hint) = match unread {
        None => (Shown::Ok, "the token is accepted, and the organisation answers".to_owned(), None),
        Some(unread) => {
            let hint = outcome::hint(unread.outcome, unread.code.as_deref()).map(str::to_owned);
            (refusal(unread), unread.why(), hint.filter(|_| unread.outcome != Outcome::Exhausted))
        }
    };
    Finding { check: "token", shown, detail, hint }
}

/// Whether a token that is accepted has a scope. What was tried tells more than what Zoho names.
fn scope_shown(scope: Scope, audited: &Audited) -> (Shown, Option<String>) {
    match (scope, &audited.scopes, &audited.cancel) {
        (Scope::Read, ..) => match &audited.unread {
            None => (Shown::Ok, None),
            Some(unread) => (Shown::Missing, Some(unread.why())),
        },
        (_, Some(named), _) if scope.is_covered_by(named) => (Shown::Ok, None),
        (_, Some(_), _) => (Shown::Missing, Some("it is not among those that Zoho names".to_owned())),
        (Scope::Update, None, Some(answer)) => of_cancel(answer),
        (Scope::Update, None, None) => (Shown::Untold, None),
        (Scope::Create, None, _) => {
            let why = "Zoho does not name the token's scopes, and only scheduling a backup would show it";
            (Shown::Untold, Some(why.to_owned()))
        }
    }
}

/// What the answer shows to the cancel of a backup that does not exist. That it does not is what is hoped for.
fn of_cancel(answer: &Unread) -> (Shown, Option<String>) {
    let shown = match answer.outcome {
        Outcome::NotFound | Outcome::AlreadyCancelled | Outcome::TooLate | Outcome::Cancelled => {
            return (Shown::Ok, None);
        }
        Outcome::Denied if lacks_scope(answer) => Shown::Missing,
        Outcome::Denied | Outcome::Exhausted => refusal(answer),
        // It may have been the ID that was refused, before the scope was looked at.
        _ => Shown::Untold,
    };
    (shown, Some(answer.why()))
}

fn refusal(unread: &Unread) -> Shown {
    match unread.outcome {
        Outcome::Exhausted => Shown::Unreachable,
        outcome if outcome::credentials_refused(outcome, unread.code.as_deref()) => Shown::BadCredentials,
        _ => Shown::Refused,
    }
}

fn lacks_scope(unread: &Unread) -> bool {
    unread.code.as_deref() == Some("OAUTH_SCOPE_MISMATCH")
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATE: &str = "ZohoCRM.bulk.backup.UPDATE";

    fn answer(outcome: Outcome, code: &str) -> Unread {
        Unread { outcome, code: Some(code.to_owned()), ..Unread::default() }
    }

    fn shown(audited: &Audited) -> Vec<Shown> {
        let uses: Vec<Use> =
            Scope::ALL.iter().map(|&scope| Use { scope, by: "`x` in job `y`".to_owned() }).collect();
        findings(&uses, audited).iter().map(|finding| finding.shown).collect()
    }

    #[test]
    fn each_check_is_told_by_what_was_tried_or_else_by_what_zoho_names() {
        use Outcome::{Denied, Exhausted, NotFound, Rejected};
        use Shown::{BadCredentials, Missing, Ok, Refused, Unreachable, Untold};
        let (none, all) = (None::<&str>, Some("ZohoCRM.bulk.backup.ALL"));
        let lacking = || answer(Denied, "OAUTH_SCOPE_MISMATCH");
        #[rustfmt::skip]
        let table = [
            // reading                                      named         the cancel of nobody's backup            token           read     update          create
            (None,                                          all,          None,                                   [Ok,             Ok,      Ok,             Ok],       "all is well"),
            (None,                                          Some(UPDATE), None,                                   [Ok,             Ok,      Ok,             Missing],  "that reading went well outweighs the names"),
            (Some(lacking()),                               Some(UPDATE), None,                                   [Ok,             Missing, Ok,             Missing],  "the token is a good one"),
            (Some(lacking()),                               all,          None,                                   [Ok,             Missing, Ok,             Ok],       "that reading was refused does too"),
            (None,                                          none,         Some(answer(NotFound, "")),             [Ok,             Ok,      Ok,             Untold],   "as it is hoped for"),
            (None,                                          none,         Some(lacking()),                        [Ok,             Ok,      Missing,        Untold],   "the scope is missing"),
            (None,                                          none,         Some(answer(Denied, "NO_PERMISSION")),  [Ok,             Ok,      Refused,        Untold],   "the profile lacks the right"),
            (None,                                          none,         Some(answer(Denied, "INVALID_TOKEN")),  [Ok,             Ok,      BadCredentials, Untold],   "revoked meanwhile"),
            (None,                                          none,         Some(answer(Rejected, "INVALID_DATA")), [Ok,             Ok,      Untold,         Untold],   "it may have been the ID"),
            (None,                                          none,         Some(answer(Exhausted, "")),            [Ok,             Ok,      Unreachable,    Untold],   "it has stopped answering"),
            (Some(answer(Denied, "invalid_client")),        none,         None,                                   [BadCredentials, Untold,  Untold,         Untold],   "no token, no test"),
            (Some(answer(Denied, "NO_PERMISSION")),         all,          None,                                   [Refused,        Untold,  Untold,         Untold],   "the profile lacks the right"),
            (Some(answer(Rejected, "INVALID_URL_PATTERN")), all,          None,                                   [Refused,        Untold,  Untold,         Untold],   "a wrong version or host"),
            (Some(answer(Exhausted, "")),                   all,          None,                                   [Unreachable,    Untold,  Untold,         Untold],   "nobody answers"),
        ];
        for (unread, named, cancel, want, why) in table {
            let scopes = named.map(str::to_owned);
            let audited = Audited { unread, scopes, api_domain: None, organisation: None, cancel };
            assert_eq!(shown(&audited), want, "{why}: {audited:?}");
        }
    }

    #[test]
    fn the_exit_code_is_that_of_what_a_person_mends_first() {
        use Shown::{BadCredentials, Elsewhere, Missing, Ok, Refused, Unreachable, Untold};
        let table = [
            (vec![Ok, Untold], 0),
            (vec![Ok, Elsewhere, Unreachable], 1),
            (vec![Ok, BadCredentials, Untold], 77),
            (vec![BadCredentials, BadCredentials], 77),
            (vec![BadCredentials, Unreachable], 69),
            (vec![Ok, Unreachable], 69),
            (vec![BadCredentials, Missing], 1),
            (vec![Unreachable, Refused], 1),
        ];
        for (shown, code) in table {
            assert_eq!(exit_code(&shown), code, "{shown:?}");
        }
    }
}
