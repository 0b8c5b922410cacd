//! What all pages have around them.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use calloff_core::overview::Overview;
use maud::{DOCTYPE, Markup, html};

use super::super::format::{dated, time};
use super::super::source::Unread;

/// Seconds after which a page without a script is asked for anew.
const REFRESH_WITHOUT_SCRIPT: u32 = 30;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A page of a daemon that stands so.
pub(super) fn page(title: &str, overview: &Overview, content: &Markup) -> Markup {
    let daemon = &overview.daemon;
    let is_ready = daemon.unready(overview.loaded.len()).is_empty();
    let (word, class) = match (is_ready, daemon.health.state()) {
        (false, _) => ("not ready", "failed"),
        (true, "ok") => ("ok", "succeeded"),
        (true, word) => (word, "missed"),
    };
    let header = html! {
        span class={ "badge " (class) } { (word) }
        span.dim {
            "looked " (time(daemon.looked_at, overview.at)) " · files " (daemon.reload.verdict.as_str()) " "
            (time(daemon.reload.at, overview.at))
        }
    };
    let footer = html! {
        "Calloff " (daemon.version) " · pid " (daemon.pid) " · since " (dated(daemon.since, overview.at)) " · "
        a href="/api/v1/openapi.json" { "API" } " · " a href="/metrics" { "metrics" } " · "
        a href="/healthz" { "health" } " · " a href="/readyz" { "ready" } " · times are UTC"
    };
    bare(title, &header, content, &footer)
}

fn bare(title: &str, header: &Markup, content: &Markup, footer: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Calloff" }
                link rel="icon" href={ "/assets/calloff.svg?" (VERSION) } type="image/svg+xml";
                link rel="stylesheet" href={ "/assets/calloff.css?" (VERSION) };
                noscript { meta http-equiv="refresh" content=(REFRESH_WITHOUT_SCRIPT); }
                script src={ "/assets/calloff.js?" (VERSION) } defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                div #stale role="status" hidden { "The daemon does not answer; this is how it stood before." }
                header data-live="header" { a.home href="/" { "Calloff" } (header) }
                main #main data-live="main" { (content) }
                footer data-live="footer" { (footer) }
            }
        }
    }
}

/// What a page has in place of what can't be read.
pub(super) fn unread(error: &Unread) -> Markup {
    html! { p.problem { (error) } }
}

/// There is no such page.
pub(in super::super) async fn not_found() -> Response {
    missing("There is no such page.")
}

/// There is nothing of that name.
pub(super) fn missing(what: &str) -> Response {
    let content = html! { h1 { "Not found" } p { (what) " " a href="/" { "To the status page" } } };
    (StatusCode::NOT_FOUND, bare("Not found", &html! {}, &content, &html! {})).into_response()
}
