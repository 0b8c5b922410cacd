//! Which path shows what.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::access::{self, Access};
use super::source::Source;
use super::{api, assets, health, page};

/// Everything that is served.
pub fn router<S: Source>(source: S, access: Access) -> Router {
    Router::new()
        .route("/", get(page::front::<S>))
        .route("/jobs/{*job}", get(page::job::<S>))
        .route("/accounts/{account}", get(page::account::<S>))
        .nest(api::PATH, api::router())
        .route("/metrics", get(metrics::<S>))
        .route("/healthz", get(health::healthz::<S>))
        .route("/readyz", get(health::readyz::<S>))
        .nest("/assets", assets::router())
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(access, access::guard))
        .with_state(source)
}

/// Programs are told in their form that there is no such thing, people in theirs.
async fn not_found(uri: Uri) -> Response {
    if api::has(uri.path()) { api::not_found() } else { page::not_found().await }
}

async fn metrics<S: Source>(State(source): State<S>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).map(str::to_owned);
    let (kind, text) = source.metrics(accepted).await;
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text).into_response()
}
