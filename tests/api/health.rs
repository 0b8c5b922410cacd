//! Whether it works, and whether it can be relied upon.

use calloff::http::Bounds;
use calloff_core::overview::Overdue;

use crate::description::Description;
use crate::fixed::{BEATING, Fixed, Standing};
use crate::place::{HTTP_TOKEN, NEEDS_TOKEN, Served, later};
use crate::support::program::Place;
use crate::support::web;

#[test]
fn a_daemon_without_jobs_is_not_ready_and_says_why_to_those_who_may_know() {
    let place = Place::new("[accounts.acme]\n", "", &[]);
    let served = Served::on(place, NEEDS_TOKEN, &["run", "--allow-empty"]);
    let description = Description::read();
    let bearer = format!("Bearer {HTTP_TOKEN}");
    let known = || web::ask(&served.address, "GET", "/readyz", &[("Authorization", &bearer)]);
    let reply = known();
    assert_eq!((reply.status, reply.body.as_str()), (503, "no job is loaded\n"));
    description.check("/readyz", &reply);
    let reply = served.get("/readyz");
    assert_eq!((reply.status, reply.body.as_str()), (503, "not ready\n"));
    description.check("/readyz", &reply);
    assert_eq!(served.get("/healthz").body, "ok\n", "that is no reason to restart it");

    served.place.write("jobs/first.toml", &format!("account = \"acme\"\n{}", later()));
    assert_eq!(served.place.run(&["reload"]).code, 0);
    served.place.wait_until("it is ready", |_| known().status == 200);
    assert_eq!(served.get("/readyz").body, "ready\n");
}

#[test]
fn a_loop_that_hangs_is_seen_from_outside() {
    let description = Description::read();
    let hanging = Fixed { is_beating: false, ..BEATING };
    let standing = Standing::serve(hanging, None, Bounds::default());
    let reply = web::get(&standing.address, "/healthz");
    assert_eq!((reply.status, reply.body.as_str()), (503, "the scheduling loop hangs\n"));
    description.check("/healthz", &reply);
    let reply = web::get(&standing.address, "/readyz");
    assert_eq!(reply.status, 503);
    assert!(
        reply.body.starts_with("the scheduling loop has not looked since 2026-11-27T16:00:00Z\n"),
        "{reply:?}"
    );
    let status = web::get(&standing.address, "/api/v1/status");
    description.check("/api/v1/status", &status);
    assert_eq!(status.json()["is_ready"], false);
}

#[test]
fn a_job_that_is_overdue_is_named() {
    let since = "2026-11-27T15:58:00Z".parse().unwrap();
    let overdue = vec![Overdue { job: "eu/stuck".parse().unwrap(), since }];
    let standing = Standing::serve(Fixed { overdue, ..BEATING }, None, Bounds::default());
    let reply = web::get(&standing.address, "/readyz");
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains("the job `eu/stuck` is overdue since 2026-11-27T15:58:00Z\n"), "{reply:?}");
    assert_eq!(web::get(&standing.address, "/healthz").status, 200);
}

#[test]
fn what_can_not_be_read_is_a_problem_and_not_nothing() {
    let description = Description::read();
    let standing = Standing::serve(BEATING, None, Bounds::default());
    for (path, url) in [
        ("/api/v1/history", "/api/v1/history"),
        ("/api/v1/runs/{run}/calls", "/api/v1/runs/0197c9d4-0000-7000-8000-000000000001/calls"),
    ] {
        let reply = web::get(&standing.address, url);
        assert_eq!(reply.status, 503, "{reply:?}");
        description.check(path, &reply);
        assert_eq!(reply.json()["detail"], "the record can't be read: disk I/O error");
    }
}
