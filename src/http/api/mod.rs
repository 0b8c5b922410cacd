//! The same facts as JSON, below `/api/v1/`. What there is is described by `schemas/openapi.json`.

mod answers;
mod problem;
mod questions;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use calloff_core::ids::RunId;
use calloff_core::overview::DebtRow;
use calloff_core::timeline::timeline;

use super::page::{Search, Slice};
use super::source::{Source, Wanted};
use answers::{Account, Items, Job, Lane, Page, Status};
use problem::Problem;
use questions::{HistoryQuestion, JobsQuestion, TimelineQuestion};

/// What describes the interface.
const OPENAPI: &str = include_str!("../../../schemas/openapi.json");

type Asked<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

pub(super) fn router<S: Source>() -> Router<S> {
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/status", get(status::<S>))
        .route("/jobs", get(jobs::<S>))
        .route("/jobs/{*job}", get(job::<S>))
        .route("/accounts", get(accounts::<S>))
        .route("/accounts/{account}", get(account::<S>))
        .route("/restores", get(restores::<S>))
        .route("/history", get(history::<S>))
        .route("/runs/{run}/calls", get(calls::<S>))
        .route("/timeline", get(lanes::<S>))
        .fallback(|| async { Problem::missing("there is no such resource; see /api/v1/openapi.json") })
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

async fn status<S: Source>(State(source): State<S>) -> Response {
    Json(Status::of(&*source.overview().await)).into_response()
}

async fn jobs<S: Source>(State(source): State<S>, asked: Asked<JobsQuestion>) -> Result<Response, Problem> {
    let Query(JobsQuestion { q, state, account, page, per_page }) = asked?;
    let overview = source.overview().await;
    let search = Search {
        q: q.unwrap_or_default(),
        state: state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        account: account.unwrap_or_default(),
        ..Search::default()
    };
    let found = search.find(&overview);
    let slice = Slice::of(found.len(), page.number(), per_page.number());
    let items = found.into_iter().skip(slice.from).take(per_page.number()).map(|job| Job::of(job, &overview));
    Ok(Json(Page::of(items.collect(), slice, per_page.number())).into_response())
}

async fn job<S: Source>(State(source): State<S>, Path(name): Path<String>) -> Result<Response, Problem> {
    let overview = source.overview().await;
    let job = overview.job(&name).ok_or_else(|| Problem::missing(&format!("there is no job `{name}`")))?;
    Ok(Json(Job::in_full(job, &overview)).into_response())
}

async fn accounts<S: Source>(State(source): State<S>) -> Response {
    let overview = source.overview().await;
    Json(Items::of(overview.accounts.iter().map(|account| Account::of(account, overview.at)))).into_response()
}

async fn account<S: Source>(State(source): State<S>, Path(name): Path<String>) -> Result<Response, Problem> {
    let overview = source.overview().await;
    let account = overview.account(&name);
    let account = account.ok_or_else(|| Problem::missing(&format!("there is no account `{name}`")))?;
    Ok(Json(Account::of(account, overview.at)).into_response())
}

async fn restores<S: Source>(State(source): State<S>) -> Response {
    let overview = source.overview().await;
    Json(Items::of(overview.debts.iter().map(|debt| DebtRow::new(debt, overview.at)))).into_response()
}

async fn history<S: Source>(
    State(source): State<S>,
    asked: Asked<HistoryQuestion>,
) -> Result<Response, Problem> {
    let Query(HistoryQuestion { job, since, outcome, limit }) = asked?;
    let wanted = Wanted { job, since, outcome: outcome.map(|outcome| outcome.0), limit: limit.number() };
    Ok(Json(Items::of(source.history(wanted).await?)).into_response())
}

async fn calls<S: Source>(State(source): State<S>, Path(run): Path<String>) -> Result<Response, Problem> {
    let unknown = || Problem::missing(&format!("there is no run `{run}`"));
    let id = RunId::parse(&run).map_err(|_| unknown())?;
    let calls = source.calls(vec![id]).await?.remove(&id).unwrap_or_default();
    Ok(Json(Items::of(calls)).into_response())
}

async fn lanes<S: Source>(
    State(source): State<S>,
    asked: Asked<TimelineQuestion>,
) -> Result<Response, Problem> {
    let Query(TimelineQuestion { account }) = asked?;
    let overview = source.overview().await;
    let account = overview
        .account(&account)
        .ok_or_else(|| Problem::missing(&format!("there is no account `{account}`")))?;
    let timeline = timeline(&overview, [account]);
    Ok(Json(Lane::of(&timeline)).into_response())
}
