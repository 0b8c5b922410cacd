//! Answers, and what faults make of them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::route::{Endpoint, NEWEST_VERSION};
use crate::code::{Code, Envelope};
use crate::fault::{Fault, Step, TokenFault};

/// An answer: status, headers and the whole body.
pub type Answer = Response<Bytes>;

/// How an answer is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As a whole.
    Complete,
    /// Not at all: the connection is closed.
    Close,
    /// The head, and so many bytes of the body; then the connection is closed.
    Short {
        /// Bytes of the body.
        after: usize,
    },
    /// The head, then a byte of the body after each pause.
    Drip {
        /// The pause.
        every: Duration,
    },
    /// Never: the connection stays open and silent.
    Hang,
}

/// An answer in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    /// Which code it carries, for the record.
    pub(super) code: Option<&'static str>,
}

impl Draft {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body), code: None }
    }

    pub(super) const fn no_content() -> Self {
        Self { status: 204, body: None, code: None }
    }

    pub(super) const fn empty(status: u16) -> Self {
        Self { status, body: None, code: None }
    }

    pub(super) fn success(message: &str, id: &str) -> Self {
        let inner =
            json!({"status": "success", "code": "SUCCESS", "message": message, "details": {"id": id}});
        Self { status: 200, body: Some(json!({"backup": inner})), code: Some("SUCCESS") }
    }

    /// A refusal as Zoho documents it. `id` is the backup it is about, for the codes that name one.
    pub(super) fn refusal(code: Code, endpoint: Endpoint, id: Option<&str>) -> Self {
        Self::refusal_in(code, endpoint, id, code.envelope(), None)
    }

    fn refusal_in(
        code: Code,
        endpoint: Endpoint,
        id: Option<&str>,
        envelope: Envelope,
        retry_after: Option<Duration>,
    ) -> Self {
        let mut details = Map::new();
        match code {
            Code::AlreadyCancelled | Code::Inprogress | Code::BackupAlreadyScheduled => {
                if let Some(id) = id {
                    details.insert("id".into(), id.into());
                }
            }
            Code::InvalidData => {
                details.insert("api_name".into(), "rrule".into());
                details.insert("json_path".into(), "$.backup.rrule".into());
            }
            Code::NoPermission => {
                details.insert("permissions_needed".into(), json!([""]));
            }
            Code::ApiNotSupported => {
                details.insert("supported_version".into(), NEWEST_VERSION.into());
            }
            _ => {}
        }
        if let Some(wait) = retry_after {
            details.insert("retry_after".into(), wait.as_secs().into());
        }
        Self::error(code.status(), code.as_str(), code.message(endpoint), &details.into(), envelope)
    }

    fn error(status: u16, code: &'static str, message: &str, details: &Value, envelope: Envelope) -> Self {
        let inner = json!({"code": code, "details": details, "message": message, "status": "error"});
        let body = match envelope {
            Envelope::Top => inner,
            Envelope::Wrapped => json!({"backup": inner}),
        };
        Self { status, body: Some(body), code: Some(code) }
    }

    /// The same, and one key less.
    fn without(mut self, key: &str) -> Self {
        if let Some(Value::Object(body)) = &mut self.body {
            body.remove(key);
        }
        self
    }

    /// The token endpoint's refusals, whose HTTP status is 200.
    pub(super) fn token_error(error: &'static str) -> Self {
        Self { status: 200, body: Some(json!({"error": error})), code: Some(error) }
    }

    /// Too many tokens. The text and even `error` may be in another language.
    pub(super) fn throttled(status: u16, localised: bool) -> Self {
        let (error, text) = if localised {
            ("拒绝访问", "您连续发出的请求过多。请稍后再试。")
        } else {
            (
                "Access Denied",
                "You have made too many requests continuously. Please try again after some time.",
            )
        };
        let body = json!({"error_description": text, "error": error, "status": "failure"});
        Self { status, body: Some(body), code: Some("throttled") }
    }

    pub(super) fn finish(self) -> Answer {
        match self.body {
            Some(body) => raw(self.status, Some(JSON), body.to_string().into()),
            None => raw(self.status, None, Bytes::new()),
        }
    }
}

const JSON: &str = "application/json;charset=UTF-8";
const HTML: &str = "text/html;charset=UTF-8";

/// More than a client should be willing to read.
const HUGE: usize = 32 << 20;

fn raw(status: u16, kind: Option<&'static str>, body: Bytes) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    if let Some(kind) = kind {
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    answer
}

/// What a fault makes of the normal answer: the answer, the code it now carries, and how it is handed over.
pub(super) fn spoil(
    normal: Draft,
    step: &Step,
    endpoint: Endpoint,
    backup: Option<&str>,
    base: &str,
    now: Timestamp,
) -> (Answer, Option<&'static str>, Cut) {
    let code = normal.code;
    let whole = |draft: Draft| (draft.code, draft.finish(), Cut::Complete);
    let (code, mut answer, cut) = match step.fault {
        Fault::Ok | Fault::Unheeded => whole(normal),
        Fault::Code(code) => {
            let envelope = step.envelope.unwrap_or(code.envelope());
            whole(Draft::refusal_in(code, endpoint, backup, envelope, step.details_retry_after))
        }
        Fault::UnknownCode => {
            let envelope = step.envelope.unwrap_or(Envelope::Top);
            let message = "This code isn't in the documentation";
            whole(Draft::error(400, "SOMETHING_NEW", message, &json!({}), envelope))
        }
        Fault::NumericCode => {
            let text = "Many requests fired than the allowed limit for the past 24 hours.";
            let body = json!({"code": 429, "error": "TOO_MANY_REQUESTS", "error_info": text, "details": []});
            whole(Draft { status: 429, body: Some(body), code: Some("429") })
        }
        Fault::ArrayDetails => whole(with_array_details(normal)),
        Fault::Token(fault) => whole(token(fault, normal)),
        Fault::Status(status) => (None, raw(status, None, Bytes::new()), Cut::Complete),
        Fault::Html(status) => (None, raw(status, Some(HTML), page(status)), Cut::Complete),
        Fault::Empty => (None, raw(200, Some(JSON), Bytes::new()), Cut::Complete),
        Fault::Garbage => {
            (None, raw(200, Some(JSON), Bytes::from_static(b"{\"backup\": <\xff\x00>")), Cut::Complete)
        }
        Fault::Redirect => {
            let mut answer = raw(302, None, Bytes::new());
            if let Ok(target) = HeaderValue::try_from(format!("{base}/redirected")) {
                answer.headers_mut().insert(header::LOCATION, target);
            }
            (None, answer, Cut::Complete)
        }
        Fault::Drop | Fault::DropAfter => (code, normal.finish(), Cut::Close),
        Fault::Hang => (code, normal.finish(), Cut::Hang),
        Fault::SlowBody => (code, normal.finish(), Cut::Drip { every: step.every }),
        Fault::CutShort => {
            let answer = normal.finish();
            let after = answer.body().len() / 2;
            (code, answer, Cut::Short { after })
        }
        Fault::Huge => {
            let answer = normal.finish();
            let padded = [vec![b' '; HUGE].as_slice(), answer.body()].concat();
            (code, answer.map(|_| Bytes::from(padded)), Cut::Complete)
        }
    };
    put_retry_after(&mut answer, step, now);
    (answer, code, cut)
}

fn put_retry_after(answer: &mut Answer, step: &Step, now: Timestamp) {
    let value = match (step.retry_after, step.retry_after_date) {
        (Some(wait), _) => wait.as_secs().to_string(),
        (None, Some(wait)) => {
            let date = now.saturating_add(wait).unwrap_or(now);
            date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
        }
        (None, None) => return,
    };
    if let Ok(value) = HeaderValue::try_from(value) {
        answer.headers_mut().insert(header::RETRY_AFTER, value);
    }
}

fn page(status: u16) -> Bytes {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let title = format!("{status} {}", reason.unwrap_or("Error"));
    format!("<html>\n<head><title>{title}</title></head>\n<body><center><h1>{title}</h1></center><hr></body>\n</html>\n")
        .into()
}

fn with_array_details(mut draft: Draft) -> Draft {
    if let Some(body) = &mut draft.body {
        let inner = if body.get("backup").is_some() { &mut body["backup"] } else { body };
        inner["details"] = json!([]);
    }
    draft
}

fn token(fault: TokenFault, mut normal: Draft) -> Draft {
    match fault {
        TokenFault::InvalidCode => Draft::token_error("invalid_code"),
        TokenFault::InvalidClient => Draft::token_error("invalid_client"),
        TokenFault::InvalidClientSecret => Draft::token_error("invalid_client_secret"),
        TokenFault::InvalidRedirectUri => Draft::token_error("invalid_redirect_uri"),
        TokenFault::Throttled => Draft::throttled(200, false),
        TokenFault::ThrottledLocalised => Draft::throttled(400, true),
        TokenFault::NoExpiresIn => normal.without("expires_in"),
        TokenFault::NoRefreshToken => normal.without("refresh_token"),
        TokenFault::ExpiresInMillis => {
            if let Some(Value::Object(body)) = &mut normal.body
                && let Some(seconds) = body.get("expires_in").and_then(Value::as_u64)
            {
                body.insert("expires_in_sec".into(), seconds.into());
                body.insert("expires_in".into(), (seconds * 1000).into());
            }
            normal
        }
    }
}
