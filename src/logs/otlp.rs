//! Sends spans by OTLP over HTTP, as the environment says in `OpenTelemetry`'s own variables.
//!
//! A thread of the library's collects them and sends them in batches. If they can't be sent they are dropped: nothing waits
//! for them but the end of the process, and that not for long.

use std::env;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

/// How long a request may take, if the environment does not say it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is to be stopped at the end.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// What sends spans, if the environment names an endpoint; and why it can't, if it can't.
pub(super) fn layer<S>() -> (Option<impl Layer<S>>, Option<String>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if !is_wanted() {
        return (None, None);
    }
    let provider = match provider() {
        Ok(provider) => provider,
        Err(error) => return (None, Some(error.to_string())),
    };
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("calloff"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    // Whoever was first is the one that is asked.
    drop(PROVIDER.set(provider));
    // No events: what they say was not written with other readers than those of the log in mind.
    let ours = |metadata: &Metadata<'_>| metadata.is_span() && metadata.target().starts_with("calloff");
    (Some(layer.with_filter(filter_fn(ours))), None)
}

/// Sends what there is, for so long at most, and ends.
pub(super) async fn flush(within: Duration) {
    if let Some(provider) = PROVIDER.get().cloned() {
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(within));
        // What could not be sent in time is lost; that an endpoint fails has been said.
        drop(tokio::time::timeout(within, ended).await);
    }
}

/// Source: `OpenTelemetry` specification, "Environment variables" and "Protocol exporter".
fn is_wanted() -> bool {
    let said = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let has_endpoint = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]
        .iter()
        .any(|name| said(name).is_some());
    let is_disabled = said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let is_none = said("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    has_endpoint && !is_disabled && !is_none
}

fn provider() -> Result<SdkTracerProvider, HttpError> {
    let exporter = SpanExporter::builder().with_http().with_http_client(Sender::new()?).build()?;
    let is_named = env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty())
        || env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|attributes| attributes.contains("service.name="));
    let mut resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if !is_named {
        resource = resource.with_service_name("calloff");
    }
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build())
}

/// Makes the library's requests on the program's runtime: its thread has none.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
    /// Whether it was said that requests fail.
    is_failing: AtomicBool,
}

impl Sender {
    fn new() -> Result<Self, HttpError> {
        // Whoever was first has installed the same provider.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .user_agent(concat!("calloff/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout())
            .build()?;
        Ok(Self { client, runtime: Handle::try_current()?, is_failing: AtomicBool::new(false) })
    }

    /// Says when it begins to fail, and when that is over.
    fn note(&self, why: Option<&str>) {
        let was_failing = self.is_failing.swap(why.is_some(), Ordering::Relaxed);
        match why {
            Some(why) if !was_failing => {
                tracing::warn!(event = "otlp.failing", why, "traces can't be sent, and are dropped");
            }
            None if was_failing => tracing::info!(event = "otlp.recovered", "traces are sent again"),
            _ => {}
        }
    }
}

/// Of a request, in milliseconds.
fn timeout() -> Duration {
    let said = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]
        .iter()
        .find_map(|name| env::var(name).ok()?.parse().ok());
    said.map_or(TIMEOUT, Duration::from_millis)
}

impl HttpClient for Sender {
    fn send_bytes<'a, 'async_trait>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let sending = self.runtime.spawn(send(self.client.clone(), request));
            let sent = sending.await.unwrap_or_else(|error| Err(error.into()));
            match &sent {
                Ok(response) if response.status().is_success() => self.note(None),
                Ok(response) => self.note(Some(&format!("status {}", response.status().as_u16()))),
                Err(error) => self.note(Some(&innermost(error.as_ref()))),
            }
            sent
        })
    }
}

async fn send(client: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let response = client.execute(reqwest::Request::try_from(request)?).await?;
    let mut whole = Response::new(Bytes::new());
    *whole.status_mut() = response.status();
    *whole.headers_mut() = response.headers().clone();
    *whole.body_mut() = response.bytes().await?;
    Ok(whole)
}

/// The last cause says what happened; those before it name the endpoint, which may have a password in it.
fn innermost(mut error: &dyn std::error::Error) -> String {
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}
