//! Whether the daemon works, for those who restart it, and whether it can be relied upon, for those who are to know.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::access::IsKnown;
use super::source::Source;

/// 200 while the scheduling loop looks what is due, 503 once it hangs.
pub(super) async fn healthz<S: Source>(State(source): State<S>) -> Response {
    if source.is_beating() {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the scheduling loop hangs\n").into_response()
    }
}

/// 200 if jobs are loaded and none is overdue, else 503, with the reasons for those who may read them.
pub(super) async fn readyz<S: Source>(
    State(source): State<S>,
    Extension(IsKnown(is_known)): Extension<IsKnown>,
) -> Response {
    let overview = source.overview().await;
    let reasons = overview.daemon.unready(overview.loaded.len());
    if reasons.is_empty() {
        return (StatusCode::OK, "ready\n").into_response();
    }
    let said = if is_known { reasons.join("\n") } else { "not ready".to_owned() };
    (StatusCode::SERVICE_UNAVAILABLE, said + "\n").into_response()
}
