//! How a fixed state is shown.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use calloff_core::ids::JobName;
use calloff_core::overview::{Overdue, Overview};
use calloff_core::timeline::timeline;
use tower::ServiceExt as _;

use super::access::Access;
use super::fixture::{Fixed, NOW, ts};
use super::page::Search;
use super::picture::picture;
use super::router;

/// HTML with an element a line, so that a change shows where it is.
fn lines(html: &str) -> String {
    html.replace('<', "\n<").trim_start().to_owned()
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

fn within<'t>(html: &'t str, from: &str, to: &str) -> &'t str {
    let start = html.find(from).unwrap_or_else(|| panic!("{from} is not there"));
    let length = html[start..].find(to).unwrap_or_else(|| panic!("{to} is not there"));
    &html[start..start + length + to.len()]
}

async fn front(source: Fixed) -> String {
    text(super::page::front(State(source), Query(Search::default())).await).await
}

async fn get(source: Fixed, path: &str) -> (StatusCode, String) {
    let request = Request::builder().uri(path).header("host", "127.0.0.1").body(Body::empty()).unwrap();
    let response = router(source, Access::new(None, vec![])).oneshot(request).await.unwrap();
    (response.status(), text(response).await)
}

#[test]
fn the_picture() {
    let overview = Fixed::full().overview;
    let html = picture(&timeline(&overview, &overview.accounts)).into_string();
    insta::assert_snapshot!(lines(&html));
}

#[tokio::test]
async fn what_needs_attention() {
    insta::assert_snapshot!(lines(within(
        &front(Fixed::full()).await,
        "<section id=\"attention\"",
        "</section>"
    )));
}

#[tokio::test]
async fn the_table_of_jobs() {
    insta::assert_snapshot!(lines(within(&front(Fixed::full()).await, "<section id=\"jobs\"", "</section>")));
}

#[tokio::test]
async fn the_table_of_accounts() {
    insta::assert_snapshot!(lines(within(
        &front(Fixed::full()).await,
        "<section id=\"accounts\"",
        "</section>"
    )));
}

#[tokio::test]
async fn the_page_of_a_job() {
    let response = super::page::job(
        State(Fixed::full()),
        Path("release-freeze".to_owned()),
        Query(super::page::Part::default()),
    );
    insta::assert_snapshot!(lines(within(&text(response.await).await, "<main", "</main>")));
}

#[tokio::test]
async fn where_the_record_cannot_be_read_the_rest_is_shown() {
    let unread = Fixed { is_readable: false, ..Fixed::full() };
    let (status, page) = get(unread.clone(), "/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("the record can't be read: disk I/O error") && page.contains("data-job=\"once\""));
    let (status, page) = get(unread.clone(), "/jobs/once").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains("the record can't be read: disk I/O error") && page.contains("2026-12-01T09:30:00")
    );
    let (status, problem) = get(unread, "/api/v1/history").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(problem.contains("disk I/O error"), "{problem}");
}

#[tokio::test]
async fn a_daemon_that_cannot_be_relied_upon_says_why() {
    let with = |change: fn(&mut Overview)| {
        let mut overview = (*Fixed::full().overview).clone();
        change(&mut overview);
        Fixed { overview: Arc::new(overview), ..Fixed::full() }
    };
    let overdue = with(|overview| {
        overview.daemon.overdue = vec![Overdue { job: JobName::parse("once").unwrap(), since: ts(NOW) }];
    });
    let empty = with(|overview| overview.loaded.clear());
    let hanging = with(|overview| overview.daemon.is_beating = false);
    for (source, reason) in [
        (overdue, "the job `once` is overdue since 2026-11-24T15:00:00Z"),
        (empty, "no job is loaded"),
        (hanging, "the scheduling loop has not looked since 2026-11-24T14:59:59Z"),
    ] {
        assert_eq!(
            get(source.clone(), "/readyz").await,
            (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n"))
        );
        let (_, page) = get(source, "/").await;
        assert!(page.contains(&format!("<strong>Not ready: </strong>{reason}")), "{reason}");
    }
    assert_eq!(get(Fixed::full(), "/readyz").await, (StatusCode::OK, "ready\n".to_owned()));
    assert_eq!(get(Fixed::full(), "/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    let hangs = Fixed { is_beating: false, ..Fixed::full() };
    assert_eq!(get(hangs, "/healthz").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn many_jobs_are_found_and_paged() {
    let mut overview = (*Fixed::full().overview).clone();
    let template = overview.jobs[1].clone();
    overview.jobs = (0..123)
        .map(|place| calloff_core::overview::JobStatus { job: format!("job-{place:03}"), ..template.clone() })
        .collect();
    let source = Fixed { overview: Arc::new(overview), ..Fixed::full() };
    for (path, rows, said) in [
        ("/", 50, "page 1 of 3"),
        ("/?page=3", 23, "page 3 of 3"),
        ("/?page=99", 23, "page 3 of 3"),
        ("/?q=JOB-01", 10, "10 armed"),
        ("/?q=%3Cscript%3E", 0, "No job is found."),
        ("/?account=acme&q=job-1&state=armed", 23, "Of the account"),
        ("/?state=paused", 0, "No job is found."),
    ] {
        let (status, page) = get(source.clone(), path).await;
        assert_eq!((status, page.matches("<tr data-job").count()), (StatusCode::OK, rows), "{path}");
        assert!(page.contains(said) || path.contains("q=JOB"), "{path}");
    }
    assert!(get(source, "/?q=%3Cscript%3E").await.1.contains("value=\"&lt;script&gt;\""));
}
