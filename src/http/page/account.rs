//! The page of an account: how its calls go, what Zoho shows, its jobs, what is owed.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use calloff_core::overview::{AccountStatus, Overview};
use calloff_core::timeline::timeline;
use maud::{Markup, html};

use super::super::format::{count, dated};
use super::super::picture;
use super::super::source::Source;
use super::attention;
use super::front::{SPARKS, calls, next_backup};
use super::jobs::{self, PER_PAGE, Search};
use super::layout::{missing, page};

pub(in super::super) async fn account<S: Source>(
    State(source): State<S>,
    Path(name): Path<String>,
) -> Response {
    let overview = source.overview().await;
    let Some(account) = overview.account(&name) else {
        return missing(&format!("There is no account `{name}` in calloff.toml."));
    };
    let search = Search { account: name.clone(), ..Search::default() };
    let found = search.find(&overview);
    let shown = found.iter().take(PER_PAGE).map(|job| job.job.clone()).collect();
    let states = source.newest_states(shown, SPARKS).await.unwrap_or_default();
    let content = html! {
        h1 { "Account " (name) }
        (facts(account, &overview))
        @for debt in overview.debts.iter().filter(|standing| standing.debt.account == account.account) {
            (attention::owed(debt, &overview))
        }
        (picture::section(&timeline(&overview, [account]), &html! {}))
        section #jobs aria-labelledby="jobs-title" {
            h2 #jobs-title { "Jobs" }
            (list(&overview, &search, &found, &states))
        }
    };
    page(&name, &overview, &content).into_response()
}

fn list(
    overview: &Overview,
    search: &Search,
    found: &[&calloff_core::overview::JobStatus],
    states: &BTreeMap<String, Vec<calloff_core::run::RunState>>,
) -> Markup {
    html! {
        @if found.is_empty() {
            p.dim { "No job is its." }
        } @else {
            (jobs::table(overview, found.iter().take(PER_PAGE).copied(), states))
            @if found.len() > PER_PAGE {
                p { a href=(search.address(1, 1, "#jobs")) { "All " (count(found.len(), "job", "jobs")) } }
            }
        }
    }
}

fn facts(account: &AccountStatus, overview: &Overview) -> Markup {
    let now = overview.at;
    let vitals = account.vitals.as_ref();
    html! {
        dl.facts {
            dt { "Calls" } dd { (calls(account)) @if vitals.is_some() { " under way" } }
            dt { "Breaker" }
            dd {
                @match vitals {
                    Some(vitals) if vitals.is_failing => {
                        "open: five calls in a row failed transiently; one at a time is tried until one gets through"
                    },
                    Some(_) => "closed: calls go out",
                    None => "–",
                }
            }
            dt { "Access token" }
            dd {
                @match vitals.and_then(|vitals| vitals.token_expires_at) {
                    Some(end) if end > now => { "ends " (dated(end, now)) },
                    Some(end) => { "ended " (dated(end, now)) "; another is got when it is needed" },
                    None => "none yet: it is got when it is needed",
                }
            }
            dt { "API credits" }
            dd {
                @match vitals.and_then(|vitals| vitals.credits) {
                    Some((left, at)) => { (left) " left, as Zoho said " (dated(at, now)) },
                    None => "Zoho has not said: it does once half of a day's are used",
                }
            }
            dt { "Zoho's next backup" } dd { (next_backup(account, overview)) }
            @if let Some(seen) = &account.seen {
                @if let Some(id) = &seen.backup.id { dt { "Backup" } dd { code { (id) } } }
                @if let Some(rule) = &seen.backup.rrule { dt { "Recurrence" } dd { code { (rule) } } }
                @if let Some(requester) = &seen.backup.requester { dt { "Asked for by" } dd { (requester) } }
            }
            dt { "Where" } dd { (account.api_domain) }
        }
    }
}
