//! The style and the script of the page: parts of the program, so that it needs nothing from elsewhere.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

const STYLE: &str = include_str!("assets/calloff.css");
const SCRIPT: &str = include_str!("assets/calloff.js");
const ICON: &str = include_str!("assets/calloff.svg");

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/calloff.css", get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route("/calloff.js", get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/calloff.svg", get(|| async { asset("image/svg+xml", ICON) }))
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    // The pages name them with the version, so that another version is another name.
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=86400")], text)
}
