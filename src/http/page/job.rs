//! The page of a job: its file, how it stands, what it has done.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use calloff_core::config::Job;
use calloff_core::overview::{JobState, JobStatus, Overview};
use calloff_core::run::Run;
use calloff_core::timeline::timeline;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::format::{dated, duration};
use super::super::picture;
use super::super::source::{Source, Wanted};
use super::jobs::standing;
use super::layout::{missing, page, unread};
use super::{account_path, attention, history};

/// Runs that are shown.
const MOST_RUNS: u32 = 50;

/// Which part of its history is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Part {
    since: Option<Timestamp>,
}

pub(in super::super) async fn job<S: Source>(
    State(source): State<S>,
    Path(name): Path<String>,
    Query(part): Query<Part>,
) -> Response {
    let overview = source.overview().await;
    let wanted = Wanted { job: Some(name.clone()), since: part.since, limit: MOST_RUNS, ..Wanted::default() };
    let runs = source.history(wanted).await;
    let is_known = overview.job(&name).is_some() || runs.as_ref().is_ok_and(|runs| !runs.is_empty());
    if !is_known {
        return missing(&format!("There is no job `{name}`, and none is on record."));
    }
    let calls = match &runs {
        Ok(runs) => source.calls(runs.iter().map(|run| run.run_id).collect()).await.unwrap_or_default(),
        Err(_) => std::collections::BTreeMap::new(),
    };
    let file = overview.file(&name);
    let content = html! {
        h1 { (name) }
        @match overview.job(&name) {
            Some(status) => (facts(status, file.map(AsRef::as_ref), &overview)),
            None => p.problem { "It has no file any more; this is what is on record." },
        }
        @for debt in overview.debts.iter().filter(|standing| standing.debt.job == name) {
            (attention::owed(debt, &overview))
        }
        @if let Some(job) = file { (coming(&overview, job)) }
        section #history aria-labelledby="history-title" {
            h2 #history-title { "History" }
            @match &runs {
                Ok(runs) => {
                    (reasons(runs))
                    (history::runs(runs, &calls, &overview, false))
                    @if runs.len() >= MOST_RUNS as usize {
                        p.dim { "These are the newest " (MOST_RUNS) "; " code { "calloff history --job " (name) } " shows more." }
                    }
                }
                Err(error) => (unread(error)),
            }
        }
        @if let Some(job) = file {
            section #file aria-labelledby="file-title" {
                h2 #file-title { "File, as it is in force" }
                pre.file tabindex="0" { code { (job.text) } }
            }
        }
    };
    page(&name, &overview, &content).into_response()
}

fn facts(status: &JobStatus, file: Option<&Job>, overview: &Overview) -> Markup {
    let now = overview.at;
    html! {
        @if let Some(description) = file.and_then(|file| file.description.as_ref()) { p { (description) } }
        dl.facts {
            dt { "State" }
            dd #job-state { (standing(status, overview)) @if let Some(reason) = &status.reason { " · " (reason) } }
            @if let Some(account) = &status.account {
                dt { "Account" } dd { a href=(account_path(account)) { (account) } }
            }
            dt { "Next" }
            dd #job-next { @match status.next { Some(next) => (dated(next, now)), None => span.dim { "–" } } }
            dt { "Last success" }
            dd { @match status.last_success { Some(at) => (dated(at, now)), None => span.dim { "none on record" } } }
            @if let Some(interval) = status.interval { dt { "Due at least every" } dd { (duration(interval)) } }
            @if let Some(file) = file {
                dt { "Backups" }
                dd { @for (place, backup) in file.backups.iter().enumerate() { @if place > 0 { ", " } code { (backup) } } }
                @if let Some(named) = &file.when.window { (window(named, now)) }
            }
        }
        @if status.state != JobState::Quarantined {
            p.dim {
                "To change it: its file; " code { "calloff pause " (status.job) " --for 2h --reason …" } "; "
                code { "calloff explain " (status.job) } " says whether it would act."
            }
        }
    }
}

fn window(named: &calloff_core::condition::NamedWindow, now: Timestamp) -> Markup {
    html! {
        dt { "Window" }
        dd {
            (named.name) ": "
            @match named.window.current_or_next(now) {
                Some(span) if span.contains(now) => { "open until " (dated(span.closes, now)) },
                Some(span) => { "opens " (dated(span.opens, now)) },
                None => "does not open any more",
            }
        }
    }
}

/// The coming days of one job alone.
fn coming(overview: &Overview, job: &std::sync::Arc<Job>) -> Markup {
    let own = Overview {
        loaded: vec![std::sync::Arc::clone(job)],
        recent: overview.recent.iter().filter(|run| *run.job == *job.name.as_str()).cloned().collect(),
        ..overview.clone()
    };
    let account = overview.account(job.account.as_str());
    picture::section(&timeline(&own, account), &html! {})
}

/// Why the newest run ended as it did, before all details.
fn reasons(runs: &[Run]) -> Markup {
    let newest = runs.first();
    let target = newest
        .and_then(|run| run.targets.iter().find(|target| target.reason.is_some() || target.hint.is_some()));
    html! {
        @if let Some(target) = target {
            p.card.info {
                "The newest run" @if let Some(reason) = &target.reason { ": " (reason) }
                @if let Some(hint) = &target.hint { " · " strong { "Next: " } (hint) }
            }
        }
    }
}
