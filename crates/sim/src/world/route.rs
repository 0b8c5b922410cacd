//! What a request asks for, from its method and path alone.

use http::Method;

use crate::code::Code;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `PUT /crm/bulk/{version}/backup/{id}/actions/cancel`
    Cancel,
    /// `GET /crm/bulk/{version}/backup`
    Get,
    /// `GET /crm/bulk/{version}/backup/history`
    History,
    /// `GET /crm/bulk/{version}/backup/urls`
    Urls,
    /// `POST /crm/bulk/{version}/backup`
    Schedule,
    /// `POST /oauth/v2/token`
    Token,
    /// `POST /oauth/v2/token/revoke`
    Revoke,
    /// `GET /crm/{version}/users`, which Zoho's SDKs ask first
    Users,
    /// `GET /crm/{version}/org`, which Zoho's SDKs ask first
    Org,
    /// Anything else
    Unknown,
}

impl Endpoint {
    /// A word for it, as in a scenario's `faults`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Get => "get",
            Self::History => "history",
            Self::Urls => "urls",
            Self::Schedule => "schedule",
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::Users => "users",
            Self::Org => "org",
            Self::Unknown => "unknown",
        }
    }

    /// The last part of the scope it needs, besides `ALL`.
    pub(super) const fn scope(self) -> Option<&'static str> {
        match self {
            Self::Cancel => Some("UPDATE"),
            Self::Get | Self::History | Self::Urls => Some("READ"),
            Self::Schedule => Some("CREATE"),
            _ => None,
        }
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) endpoint: Endpoint,
    /// The backup in the path.
    pub(super) backup: Option<&'a str>,
    /// Why the gateway refuses, whoever asks.
    pub(super) refusal: Option<Code>,
}

/// The newest version that is served.
pub(super) const NEWEST_VERSION: u32 = 8;

pub(super) fn asked<'a>(method: &Method, path: &'a str) -> Asked<'a> {
    let nothing = |refusal| Asked { endpoint: Endpoint::Unknown, backup: None, refusal: Some(refusal) };
    let Some(path) = path.strip_prefix('/') else { return nothing(Code::InvalidUrlPattern) };
    let mut parts = [""; 7];
    let mut count = 0;
    for part in path.split('/') {
        let Some(slot) = parts.get_mut(count) else { return nothing(Code::InvalidUrlPattern) };
        *slot = part;
        count += 1;
    }
    let at = |endpoint, wanted: Method, version: Option<&str>, backup| {
        let refusal = match version.map(Version::of) {
            Some(Version::None) => Some(Code::InvalidUrlPattern),
            Some(Version::Unserved) => Some(Code::ApiNotSupported),
            _ if wanted != *method => Some(Code::InvalidRequestMethod),
            _ => None,
        };
        Asked { endpoint, backup, refusal }
    };
    match parts[..count] {
        ["oauth", "v2", "token"] => at(Endpoint::Token, Method::POST, None, None),
        ["oauth", "v2", "token", "revoke"] | ["oauth", "v2", "revoke", "token"] => {
            at(Endpoint::Revoke, Method::POST, None, None)
        }
        ["crm", "bulk", version, "backup"] if *method == Method::POST => {
            at(Endpoint::Schedule, Method::POST, Some(version), None)
        }
        ["crm", "bulk", version, "backup"] => at(Endpoint::Get, Method::GET, Some(version), None),
        ["crm", "bulk", version, "backup", "history"] => {
            at(Endpoint::History, Method::GET, Some(version), None)
        }
        ["crm", "bulk", version, "backup", "urls"] => at(Endpoint::Urls, Method::GET, Some(version), None),
        ["crm", "bulk", version, "backup", id, "actions", "cancel"] if is_id(id) => {
            at(Endpoint::Cancel, Method::PUT, Some(version), Some(id))
        }
        ["crm", version, "users"] => at(Endpoint::Users, Method::GET, Some(version), None),
        ["crm", version, "org"] => at(Endpoint::Org, Method::GET, Some(version), None),
        _ => nothing(Code::InvalidUrlPattern),
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

enum Version {
    Served,
    Unserved,
    None,
}

impl Version {
    fn of(text: &str) -> Self {
        let Some(number) = text.strip_prefix('v') else { return Self::None };
        match number.split_once('.').unwrap_or((number, "0")) {
            (major, "0") if major.parse().is_ok_and(|major| (3..=NEWEST_VERSION).contains(&major)) => {
                Self::Served
            }
            (major, minor) if is_id(major) && is_id(minor) => Self::Unserved,
            _ => Self::None,
        }
    }
}
