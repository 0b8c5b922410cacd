//! A POST to a URL that is a secret.

use std::net::IpAddr;
use std::time::Duration;

use calloff_core::notify::Tried;
use reqwest::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::Unfit;
use crate::error::http_fault;

/// The time that a call may take, from connecting to the status of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What tells one notice from another, for whoever wants to notice a repetition.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What refuses this notice, whatever becomes of others; all else may pass, even a URL that is wrong until it is mended.
const REFUSALS: [StatusCode; 4] = [
    StatusCode::BAD_REQUEST,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UNPROCESSABLE_ENTITY,
];

/// Where something is posted.
#[derive(Debug)]
pub(super) struct Post {
    client: Client,
    url: SecretString,
}

impl Post {
    /// Somewhere that this URL says, which must be https or on this computer.
    pub(super) fn new(url: SecretString) -> Result<Self, Unfit> {
        let parsed = parse(&url)?;
        // Whoever was first has installed the same provider.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = Client::builder()
            .user_agent(concat!("calloff/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // Retries are kept in one place, where they are counted.
            .retry(reqwest::retry::never())
            .referer(false)
            // There is too little to say for a connection to be kept.
            .pool_max_idle_per_host(0);
        let builder = if parsed.scheme() == "https" {
            builder.https_only(true)
        } else {
            builder.no_proxy().tls_certs_only([])
        };
        let client = builder.build().map_err(|error| Unfit::Setup(http_fault(&error)))?;
        Ok(Self { client, url })
    }

    /// Posts a body; `path` is added to the URL's. Of the answer only the status is read.
    pub(super) async fn send(
        &self,
        path: Option<&str>,
        kind: &'static str,
        key: &str,
        body: String,
    ) -> Tried {
        let Ok(mut url) = parse(&self.url) else {
            return Tried::Refused { why: "its URL is none".to_owned() };
        };
        if let (Some(path), Ok(mut segments)) = (path, url.path_segments_mut()) {
            segments.pop_if_empty().push(path);
        }
        let request = self.client.post(url).header(CONTENT_TYPE, kind).header(KEY, key).body(body);
        match request.send().await {
            Err(error) => Tried::Failed { why: http_fault(&error.without_url()), pause: None },
            Ok(answer) => judge(answer.status(), || {
                let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
                Some(Duration::from_secs(seconds))
            }),
        }
    }
}

fn judge(status: StatusCode, retry_after: impl FnOnce() -> Option<Duration>) -> Tried {
    let why = format!("it answered with status {}", status.as_u16());
    if status.is_success() {
        Tried::Done
    } else if REFUSALS.contains(&status) {
        Tried::Refused { why }
    } else {
        Tried::Failed { why, pause: retry_after() }
    }
}

/// The URL, or what is wrong with it, without repeating it.
fn parse(url: &SecretString) -> Result<Url, Unfit> {
    let url = Url::parse(url.expose_secret().trim()).map_err(|_| Unfit::Url("is no URL"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(Unfit::Url("is not encrypted: http:// is for loopback addresses only")),
        _ => Err(Unfit::Url("is no https URL")),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_computer_is_told_without_encryption() {
        let fault = |url: &str| parse(&url.to_owned().into()).err().map(|unfit| unfit.to_string());
        for good in
            ["https://hooks.example/T/B?x=1", "http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost/"]
        {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "canary",
            "http://hooks.example/canary",
            "ftp://canary.example/",
            "http://localhost.evil/canary",
            "file:///canary",
        ] {
            let said = fault(bad).unwrap_or_default();
            assert!(!said.is_empty() && !said.contains("canary"), "{bad}: {said}");
        }
    }

    #[test]
    fn an_answer_is_a_yes_a_no_or_neither() {
        let judged = |status| judge(StatusCode::from_u16(status).unwrap(), || Some(Duration::from_secs(7)));
        for status in [200, 202, 204] {
            assert_eq!(judged(status), Tried::Done);
        }
        for status in [400, 413, 415, 422] {
            assert!(matches!(judged(status), Tried::Refused { .. }), "{status}");
        }
        for status in [302, 401, 403, 404, 408, 410, 429, 500, 503] {
            assert!(matches!(judged(status), Tried::Failed { pause: Some(_), .. }), "{status}");
        }
    }
}
