//! What went wrong, as RFC 9457 has it.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::source::Unread;

/// An answer that is none.
#[derive(Debug, Serialize)]
pub(in super::super) struct Problem {
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    title: &'static str,
    detail: String,
}

impl Problem {
    /// An answer of this status, with what is wrong in one clause.
    pub(in super::super) fn new(status: StatusCode, detail: String) -> Self {
        Self { status, title: status.canonical_reason().unwrap_or_default(), detail }
    }

    /// There is no such thing.
    pub(super) fn missing(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail.to_owned())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        // What can't be a name is the name of nothing.
        Self::missing(&rejection.body_text())
    }
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, unread.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, kind, axum::Json(&self).into_response().into_body()).into_response()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
