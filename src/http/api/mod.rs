//! The same facts as JSON, below `/api/v1/`. What there is is described by `schemas/openapi.json`.

mod answers;
mod problem;
mod questions;

use axum::extract::rejection::{PathRejection, QueryRejection};
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
use answers::{Account, Items, Job, JobInFull, Lane, Page, Status};
pub(super) use problem::Problem;
use questions::{HistoryQuestion, JobsQuestion, Name, NoQuestion, TimelineQuestion};

/// Where the interface is.
pub(super) const PATH: &str = "/api/v1";

/// What describes the interface.
const OPENAPI: &str = include_str!("../../../schemas/openapi.json");

type Asked<T> = Result<Query<T>, QueryRejection>;

/// Something that has a name, as the path says it.
type Named = Result<Path<String>, PathRejection>;

/// Whether a path belongs to the interface.
pub(super) fn has(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

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
}

/// There is nothing at that path.
pub(super) fn not_found() -> Response {
    Problem::missing("there is no such resource; see /api/v1/openapi.json").into_response()
}

async fn openapi(asked: Asked<NoQuestion>) -> Result<Response, Problem> {
    asked?;
    Ok(([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response())
}

async fn status<S: Source>(State(source): State<S>, asked: Asked<NoQuestion>) -> Result<Response, Problem> {
    asked?;
    Ok(Json(Status::of(&*source.overview().await)).into_response())
}

async fn jobs<S: Source>(State(source): State<S>, asked: Asked<JobsQuestion>) -> Result<Response, Problem> {
    let Query(JobsQuestion { q, state, account, page, per_page }) = asked?;
    let overview = source.overview().await;
    let search = Search {
        q: q.unwrap_or_default(),
        state: state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        account: account.map(|Name(name)| name).unwrap_or_default(),
        ..Search::default()
    };
    let found = search.find(&overview);
    let (page, per_page) = (page.number(), per_page.number());
    let Slice { pages, total, .. } = Slice::of(found.len(), page, per_page);
    // A page beyond the last is empty, so that whoever turns pages comes to an end.
    let shown = found.iter().skip((page - 1) * per_page).take(per_page);
    let items = shown.map(|job| Job::of(job, &overview)).collect();
    Ok(Json(Page { items, page, pages, per_page, total }).into_response())
}

async fn job<S: Source>(
    State(source): State<S>,
    named: Named,
    asked: Asked<NoQuestion>,
) -> Result<Response, Problem> {
    asked?;
    let Path(name) = named?;
    let overview = source.overview().await;
    let job = overview.job(&name).ok_or_else(|| Problem::missing(&format!("there is no job `{name}`")))?;
    Ok(Json(JobInFull::of(job, &overview)).into_response())
}

async fn accounts<S: Source>(State(source): State<S>, asked: Asked<NoQuestion>) -> Result<Response, Problem> {
    asked?;
    let overview = source.overview().await;
    let accounts = overview.accounts.iter().map(|account| Account::of(account, overview.at));
    Ok(Json(Items::of(accounts)).into_response())
}

async fn account<S: Source>(
    State(source): State<S>,
    named: Named,
    asked: Asked<NoQuestion>,
) -> Result<Response, Problem> {
    asked?;
    let Path(name) = named?;
    let overview = source.overview().await;
    let account = overview.account(&name);
    let account = account.ok_or_else(|| Problem::missing(&format!("there is no account `{name}`")))?;
    Ok(Json(Account::of(account, overview.at)).into_response())
}

async fn restores<S: Source>(State(source): State<S>, asked: Asked<NoQuestion>) -> Result<Response, Problem> {
    asked?;
    let overview = source.overview().await;
    let debts = overview.debts.iter().map(|debt| DebtRow::new(debt, overview.at));
    Ok(Json(Items::of(debts)).into_response())
}

async fn history<S: Source>(
    State(source): State<S>,
    asked: Asked<HistoryQuestion>,
) -> Result<Response, Problem> {
    let Query(HistoryQuestion { job, since, outcome, limit }) = asked?;
    let wanted = Wanted {
        job: job.map(|Name(name)| name),
        since,
        outcome: outcome.map(|outcome| outcome.0),
        limit: limit.number(),
    };
    Ok(Json(Items::of(source.history(wanted).await?)).into_response())
}

async fn calls<S: Source>(
    State(source): State<S>,
    named: Named,
    asked: Asked<NoQuestion>,
) -> Result<Response, Problem> {
    asked?;
    let Path(run) = named?;
    let unknown = || Problem::missing(&format!("there is no run `{run}`"));
    let id = RunId::parse(&run).map_err(|_| unknown())?;
    let calls = source.calls(vec![id]).await?.remove(&id).ok_or_else(unknown)?;
    Ok(Json(Items::of(calls)).into_response())
}

async fn lanes<S: Source>(
    State(source): State<S>,
    asked: Asked<TimelineQuestion>,
) -> Result<Response, Problem> {
    let Query(TimelineQuestion { account: Name(name) }) = asked?;
    let overview = source.overview().await;
    let unknown = || Problem::missing(&format!("there is no account `{name}`"));
    let account = overview.account(&name).ok_or_else(unknown)?;
    let timeline = timeline(&overview, [account]);
    Ok(Json(Lane::of(&timeline).ok_or_else(unknown)?).into_response())
}
