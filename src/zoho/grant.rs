//! The token endpoint: one request, and what its answer says.

use std::time::Duration;

use bytes::Bytes;
use calloff_core::config;
use http::{Method, Request, Response, header};
use secrecy::SecretString;
use serde_json::Value;

use super::redact::Redactor;
use super::transport::Transport;

/// What a refusal is called that has no code.
pub(super) const NO_TOKEN: &str = "no_token";

/// Where an account's tokens come from.
#[derive(Debug, Clone)]
pub(super) struct TokenEndpoint {
    url: String,
    timeout: Duration,
}

impl TokenEndpoint {
    pub(super) fn new(account: &config::Account) -> Self {
        Self { url: format!("{}/oauth/v2/token", account.accounts_url), timeout: account.timeout }
    }

    /// How long an answer is waited for.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a form, once. The error says, redacted, why no whole answer came.
    pub(super) async fn ask(
        &self,
        fields: &[(&str, &str)],
        transport: &dyn Transport,
        redactor: &Redactor,
    ) -> Result<Grant, String> {
        // In the body, not in the query: what stands in a URL ends up in logs.
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .map_err(|error| format!("the token request can't be written: {error}"))?;
        match tokio::time::timeout(self.timeout, transport.send(request)).await {
            Ok(Ok(response)) => Ok(read_grant(&response, redactor)),
            Ok(Err(fault)) => Err(format!("token endpoint: {}", redactor.clean(&fault.0))),
            Err(_) => {
                let timeout = humantime::format_duration(self.timeout);
                Err(format!("token endpoint: no whole answer within {timeout}"))
            }
        }
    }
}

/// What the token endpoint said. Its texts are redacted.
#[derive(Debug)]
pub(super) enum Grant {
    /// Here is a token.
    Issued(Tokened),
    /// No, for good.
    Refused { code: String, http_status: u16, message: String },
    /// Not for ten minutes.
    Throttled { http_status: u16, message: String },
    /// Nothing that can be made sense of.
    Failed { http_status: u16, message: String },
}

/// What came with a token.
#[derive(Debug)]
pub(super) struct Tokened {
    /// The access token.
    pub(super) token: SecretString,
    /// How long it is valid.
    pub(super) lives: Duration,
    /// A refresh token, if a code was exchanged.
    pub(super) refresh_token: Option<SecretString>,
    /// The scopes that were named, with spaces between them.
    pub(super) scopes: Option<String>,
    /// The address of the API that was named.
    pub(super) api_domain: Option<String>,
}

/// Reads the endpoint's answer. It is judged by whether there is a token, not by its status: errors come with
/// 200 too.
///
/// Sources: Zoho Accounts, "Refresh access tokens"; for the throttle's text and its 200, Zoho CRM Kaizen #43. That
/// text is translated in places, so `status` is what tells it.
fn read_grant(response: &Response<Bytes>, redactor: &Redactor) -> Grant {
    let http_status = response.status().as_u16();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    if let Some(token) = text("access_token").filter(|token| !token.is_empty()) {
        let refresh_token = text("refresh_token").filter(|token| !token.is_empty()).map(SecretString::from);
        return Grant::Issued(Tokened {
            token: SecretString::from(token),
            lives: lifetime(&body),
            refresh_token,
            scopes: text("scope").and_then(scopes),
            api_domain: text("api_domain").and_then(origin),
        });
    }
    let error = redactor.clean(text("error").unwrap_or_default());
    let message = match text("error_description").map(|text| redactor.clean(text)) {
        Some(description) => format!("token endpoint: {error}: {description}"),
        None if error.is_empty() => format!("token endpoint: status {http_status} without a token"),
        None => format!("token endpoint: {error}"),
    };
    match (http_status, error.as_str(), text("status")) {
        (
            _,
            "invalid_code"
            | "invalid_client"
            | "invalid_client_secret"
            | "invalid_grant"
            | "invalid_redirect_uri"
            | "unauthorized_client",
            _,
        ) => Grant::Refused { code: error, http_status, message },
        (429, ..) | (_, _, Some("failure")) => Grant::Throttled { http_status, message },
        (300..=499, "", _) => Grant::Refused { code: NO_TOKEN.to_owned(), http_status, message },
        _ => Grant::Failed { http_status, message },
    }
}

/// The scopes in a text, which has spaces or commas between them. What is no name of a scope is not kept.
fn scopes(text: &str) -> Option<String> {
    let is_name = |word: &&str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._".contains(&byte);
        word.starts_with("Zoho") && word.bytes().all(is_part)
    };
    let names: Vec<&str> = text.split([' ', ',']).filter(is_name).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// An address of nothing but a host, in lower case. Anything else is not kept.
fn origin(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/').to_ascii_lowercase();
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    (!host.is_empty() && host.len() <= 255 && host.bytes().all(is_part)).then_some(text)
}

/// `expires_in` is in seconds; in an older form it was in milliseconds, with the seconds in `expires_in_sec`.
fn lifetime(body: &Value) -> Duration {
    let seconds =
        ["expires_in_sec", "expires_in"].iter().find_map(|key| body.get(key)?.as_u64()).unwrap_or(3600);
    Duration::from_secs(seconds.clamp(1, 86_400))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grant(status: u16, body: &str) -> Grant {
        let response =
            Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        read_grant(&response, &Redactor::default())
    }

    #[test]
    fn the_endpoint_is_judged_by_its_body_not_its_status() {
        #[rustfmt::skip]
        let table = [
            (200, r#"{"access_token":"1000.a","expires_in":3600,"token_type":"Bearer"}"#, "Issued",    "a token"),
            (200, r#"{"error":"invalid_code"}"#,                                         "Refused",   "a revoked refresh token"),
            (200, r#"{"error":"invalid_client"}"#,                                       "Refused",   "or the wrong data centre"),
            (400, r#"{"error":"invalid_client_secret"}"#,                                "Refused",   "whatever the status"),
            (200, r#"{"error":"Access Denied","status":"failure"}"#,                     "Throttled", "with 200"),
            (400, r#"{"error":"拒绝访问","status":"failure"}"#,                            "Throttled", "with 400, and translated"),
            (429, "",                                                                    "Throttled", "by a gateway"),
            (500, "",                                                                    "Failed",    "its own trouble"),
            (502, "<html>",                                                              "Failed",    "a gateway's trouble"),
            (200, "{}",                                                                  "Failed",    "a 200 that says nothing"),
            (200, r#"{"error":"something_new"}"#,                                        "Failed",    "an unknown error may pass"),
            (400, "",                                                                    "Refused",   "a wrong method or path"),
            (302, "",                                                                    "Refused",   "not the token endpoint"),
            (200, r#"{"access_token":""}"#,                                              "Failed",    "an empty token"),
        ];
        for (status, body, want, why) in table {
            let got = format!("{:?}", grant(status, body));
            assert!(got.starts_with(want), "{why}: {status} {body} gave {got}");
        }
    }

    #[test]
    fn lifetimes_are_seconds_in_both_forms_and_kept_within_reason() {
        for (body, want) in [
            (r#"{"access_token":"a","expires_in":3600}"#, 3600),
            (r#"{"access_token":"a","expires_in":3600000,"expires_in_sec":3600}"#, 3600),
            (r#"{"access_token":"a"}"#, 3600),
            (r#"{"access_token":"a","expires_in":99999999999}"#, 86_400),
        ] {
            let Grant::Issued(Tokened { lives, .. }) = grant(200, body) else { panic!("no token in {body}") };
            assert_eq!(lives.as_secs(), want, "{body}");
        }
    }

    #[test]
    fn scopes_are_kept_where_the_endpoint_names_some() {
        let all = "ZohoCRM.bulk.backup.ALL";
        for (scope, want) in [
            (
                json!("ZohoCRM.bulk.backup.READ ZohoCRM.bulk.backup.UPDATE"),
                Some("ZohoCRM.bulk.backup.READ ZohoCRM.bulk.backup.UPDATE"),
            ),
            (
                json!("ZohoCRM.bulk.backup.ALL, ZohoFiles.files.ALL"),
                Some("ZohoCRM.bulk.backup.ALL ZohoFiles.files.ALL"),
            ),
            (json!("1000.0a1b ZohoCRM.bulk.backup.ALL Zoho\u{1b}[31m"), Some(all)),
            (json!(""), None),
            (json!([all]), None),
            (Value::Null, None),
        ] {
            let body = json!({ "access_token": "a", "scope": scope }).to_string();
            let Grant::Issued(Tokened { scopes, .. }) = grant(200, &body) else {
                panic!("no token in {body}")
            };
            assert_eq!(scopes.as_deref(), want, "{body}");
        }
    }

    #[test]
    fn an_address_is_kept_if_it_is_one_of_a_host() {
        for (text, want) in [
            ("https://www.zohoapis.eu", Some("https://www.zohoapis.eu")),
            ("https://WWW.zohoapis.eu/", Some("https://www.zohoapis.eu")),
            ("http://127.0.0.1:8900", Some("http://127.0.0.1:8900")),
            ("https://www.zohoapis.eu/crm", None),
            ("https://me@www.zohoapis.eu", None),
            ("https://www.zohoapis.eu\u{1b}[31m", None),
            ("www.zohoapis.eu", None),
            ("https://", None),
        ] {
            assert_eq!(origin(text).as_deref(), want, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(status in 100_u16..=999, body: Vec<u8>) {
            read_grant(&Response::builder().status(status).body(Bytes::from(body)).unwrap(), &Redactor::default());
        }
    }
}
