//! How a request reaches Zoho: over the network, or, in tests, in process.

use std::fmt;
use std::pin::Pin;
use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use crate::error::http_fault;

/// No whole answer came. The text says what happened, without any part of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

/// A request under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Fault>> + Send + 'a>>;

/// Sends one request and waits for the whole answer. It neither retries nor follows redirects.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends the request, whose URI is absolute.
    fn send(&self, request: Request<Bytes>) -> Sending<'_>;
}

/// The longest body that is read; Zoho's answers to these calls take a few hundred bytes, a page of history
/// some 100 KiB. What is longer is cut here, and then is not the JSON that was hoped for.
const LONGEST_BODY: usize = 1 << 20;

/// The network.
#[derive(Debug, Default)]
pub struct HttpTransport {
    /// Loads the system's trust roots when it is built, so it is built when first needed.
    secure: OnceLock<reqwest::Client>,
    /// For loopback addresses, where nothing is encrypted and no proxy is asked.
    plain: OnceLock<reqwest::Client>,
}

impl HttpTransport {
    fn client(&self, encrypted: bool) -> Result<&reqwest::Client, Fault> {
        let cell = if encrypted { &self.secure } else { &self.plain };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let built = build(encrypted)
            .map_err(|error| Fault(format!("couldn't set up HTTP: {}", http_fault(&error))))?;
        Ok(cell.get_or_init(|| built))
    }
}

fn build(encrypted: bool) -> reqwest::Result<reqwest::Client> {
    // Whoever was first has installed the same provider.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder()
        .user_agent(concat!("calloff/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // reqwest repeats some requests by itself; every attempt of ours is counted and recorded.
        .retry(reqwest::retry::never())
        .referer(false);
    if encrypted { builder.https_only(true).build() } else { builder.no_proxy().tls_certs_only([]).build() }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        Box::pin(async move {
            let encrypted = request.uri().scheme_str() == Some("https");
            let client = self.client(encrypted)?;
            let request = reqwest::Request::try_from(request).map_err(|error| describe(&error))?;
            let mut response = client.execute(request).await.map_err(|error| describe(&error))?;
            let mut whole = Response::new(Bytes::new());
            *whole.status_mut() = response.status();
            std::mem::swap(whole.headers_mut(), response.headers_mut());
            *whole.body_mut() = read(response).await?;
            Ok(whole)
        })
    }
}

async fn read(mut response: reqwest::Response) -> Result<Bytes, Fault> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| describe(&error))? {
        let room = LONGEST_BODY.saturating_sub(body.len());
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            break;
        }
    }
    Ok(body.freeze())
}

fn describe(error: &reqwest::Error) -> Fault {
    Fault(http_fault(error))
}
