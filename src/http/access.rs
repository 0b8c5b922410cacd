//! Who may see what: checks the host that a request names, and the token that it brings.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::api::{self, Problem};

/// What is sent with every answer. The page needs nothing but its own style, script and what it asks itself.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Paths that probes ask without a token: they say no more than a word.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Who may see what. Clones share it.
#[derive(Debug, Clone)]
pub struct Access {
    rules: Arc<Rules>,
}

#[derive(Debug)]
struct Rules {
    token: Option<SecretString>,
    hosts: Vec<String>,
}

/// Whether a request brought the token, or none is needed: whoever did may read reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IsKnown(pub(super) bool);

impl Access {
    /// For callers that bring this token, if there is one, and that call this host by an address, `localhost`, or one of
    /// these names, which are in lower case.
    #[must_use]
    pub fn new(token: Option<SecretString>, hosts: Vec<String>) -> Self {
        Self { rules: Arc::new(Rules { token, hosts }) }
    }

    /// Whether a request may be answered to whoever has sent it under this name.
    ///
    /// A page of a stranger can have a name of its own lead to this address ("DNS rebinding"), and so have a browser
    /// read what is here. An address can't be made to lead elsewhere.
    fn admits_host(&self, host: &str) -> bool {
        let name = match host.parse::<SocketAddr>() {
            Ok(_) => return true,
            Err(_) => without_port(host).to_ascii_lowercase(),
        };
        let name = name.strip_suffix('.').unwrap_or(&name);
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        address.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || self.rules.hosts.iter().any(|known| known == name)
    }

    /// Whether a request brings the token, if one is needed.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.rules.token else { return true };
        let brought =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(brought);
        brought.is_some_and(|brought| is_same(token.expose_secret(), &brought))
    }
}

/// The token in a header: `Bearer TOKEN`, or as a password with any name, as browsers ask for it.
fn brought(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    let encoded = scheme.eq_ignore_ascii_case("basic").then(|| rest.trim())?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

/// Compares without telling by the time that it takes how much of it is right, or how long it is.
fn is_same(token: &str, brought: &str) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    digest(token).as_slice().ct_eq(digest(brought).as_slice()).into()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Lets only those through that may see what they ask for.
pub(super) async fn guard(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    let mut response = if let Some(refusal) = refusal(&access, &request) {
        refusal
    } else {
        let is_known = IsKnown(access.knows(request.headers()));
        request.extensions_mut().insert(is_known);
        next.run(request).await
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn refusal(access: &Access, request: &Request) -> Option<Response> {
    let headers = request.headers();
    // HTTP/1.1 has it in the header, whatever the target says; HTTP/1.0 may have none.
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    if host.is_none_or(|host| !access.admits_host(host)) {
        let said =
            "this host is not known by that name: call it by its address, or name it in `hosts` of `[http]`";
        return Some(refused(request, StatusCode::MISDIRECTED_REQUEST, said));
    }
    if !access.knows(headers) && !OPEN.contains(&request.uri().path()) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"calloff\", charset=\"UTF-8\"")];
        let said = "a token is needed: `Authorization: Bearer TOKEN`, or as the password with any name";
        return Some((challenge, refused(request, StatusCode::UNAUTHORIZED, said)).into_response());
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let said = "nothing can be changed here: use the `calloff` commands";
        let refused = refused(request, StatusCode::METHOD_NOT_ALLOWED, said);
        return Some(([(header::ALLOW, "GET, HEAD")], refused).into_response());
    }
    None
}

/// What programs are told by the API they are told in its form.
fn refused(request: &Request, status: StatusCode, said: &str) -> Response {
    if api::has(request.uri().path()) {
        Problem::new(status, said.to_owned()).into_response()
    } else {
        (status, format!("{said}\n")).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_stranger_does_not_lead_here() {
        let access = Access::new(None, vec!["calloff.example.com".to_owned()]);
        #[rustfmt::skip]
        let table = [
            ("127.0.0.1:9817", true), ("127.0.0.1", true), ("[::1]:9817", true), ("[::1]", true), ("10.0.0.7:80", true),
            ("localhost", true), ("LOCALHOST:9817", true), ("localhost.:9817", true),
            ("calloff.example.com", true), ("Calloff.Example.com:443", true),
            ("evil.example", false), ("localhost.evil.example", false), ("127.0.0.1.evil.example:9817", false),
            ("xcalloff.example.com", false), ("", false), (":9817", false), ("[::1", false), ("a b", false),
        ];
        for (host, want) in table {
            assert_eq!(access.admits_host(host), want, "{host}");
        }
    }

    #[test]
    fn the_token_is_a_bearer_token_or_a_password() {
        let access = Access::new(Some("s3cret:x".into()), vec![]);
        #[rustfmt::skip]
        let table = [
            ("Bearer s3cret:x", true), ("bearer s3cret:x ", true), ("Basic OnMzY3JldDp4", true), ("Basic bWU6czNjcmV0Ong=", true),
            ("Bearer s3cret", false), ("Bearer s3cret:xx", false), ("Bearer", false), ("Basic bWU6", false), ("Basic !", false),
            ("s3cret:x", false), ("", false),
        ];
        for (value, want) in table {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(access.knows(&headers), want, "{value}");
        }
        assert!(!access.knows(&HeaderMap::new()));
        assert!(Access::new(None, vec![]).knows(&HeaderMap::new()));
    }
}
