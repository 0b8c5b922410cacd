//! The first page: what needs a person, the coming days, jobs, accounts.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use calloff_core::overview::{AccountStatus, Overview};
use calloff_core::timeline::timeline;
use maud::{Markup, html};

use super::super::format::{dated, seconds, time};
use super::super::picture;
use super::super::source::Source;
use super::account_path;
use super::attention::attention;
use super::jobs::{self, PER_PAGE, Search, Slice};
use super::layout::{page, unread};

/// Accounts whose lanes are on one page.
const LANES: usize = 12;

/// Runs of each job that its sparkline has.
pub(super) const SPARKS: u32 = 12;

pub(in super::super) async fn front<S: Source>(
    State(source): State<S>,
    Query(search): Query<Search>,
) -> Response {
    let overview = source.overview().await;
    let found = search.find(&overview);
    let slice = Slice::of(found.len(), search.page, PER_PAGE);
    let shown = found.iter().skip(slice.from).take(PER_PAGE).map(|job| job.job.clone()).collect();
    let states = source.newest_states(shown, SPARKS).await;
    let (states, problem) = match states {
        Ok(states) => (states, None),
        Err(error) => (std::collections::BTreeMap::new(), Some(error)),
    };
    let accounts = of_interest(&overview);
    let lanes = Slice::of(accounts.len(), search.lanes, LANES);
    let shown: Vec<&AccountStatus> = accounts.into_iter().skip(lanes.from).take(LANES).collect();
    let content = html! {
        h1.hidden { "Status" }
        (attention(&overview))
        @if let Some(problem) = &problem { (unread(problem)) }
        (coming(&overview, &search, &shown, lanes))
        (jobs::section(&overview, &search, &found, slice, &states))
        (table(&overview, &shown))
    };
    page("Status", &overview, &content).into_response()
}

/// The accounts: those that fail first, then those that jobs use.
fn of_interest(overview: &Overview) -> Vec<&AccountStatus> {
    let mut accounts: Vec<&AccountStatus> = overview.accounts.iter().collect();
    accounts.sort_by_key(|account| (!account.is_failing(), account.jobs == 0));
    accounts
}

fn coming(overview: &Overview, search: &Search, shown: &[&AccountStatus], lanes: Slice) -> Markup {
    let pages = lanes.links("accounts", |page| search.address(search.page, page, "#coming"));
    picture::section(&timeline(overview, shown.iter().copied()), &pages)
}

fn table(overview: &Overview, accounts: &[&AccountStatus]) -> Markup {
    let now = overview.at;
    html! {
        section #accounts aria-labelledby="accounts-title" {
            h2 #accounts-title { "Accounts" }
            div.scroll #accounts-table tabindex="0" role="region" aria-label="Accounts" {
                table {
                    thead {
                        tr {
                            th { "Account" } th { "Jobs" } th { "Calls" } th { "Token" } th { "Credits" }
                            th { "Zoho's next backup" }
                        }
                    }
                    tbody {
                        @for account in accounts {
                            tr data-account=(account.account) {
                                th scope="row" { a href=(account_path(account.account.as_str())) { (account.account) } }
                                td data-label="Jobs" { (account.jobs) }
                                td data-label="Calls" { (calls(account)) }
                                td data-label="Token" {
                                    @match account.vitals.as_ref().and_then(|vitals| vitals.token_expires_at) {
                                        Some(end) if end > now => { "ends " (time(end, now)) },
                                        _ => span.dim { "none yet" },
                                    }
                                }
                                td data-label="Credits" {
                                    @match account.vitals.as_ref().and_then(|vitals| vitals.credits) {
                                        Some((left, at)) => { (left) " left, " (time(at, now)) },
                                        None => span.dim title="Zoho says it once half of a day's are used" { "not said" },
                                    }
                                }
                                td data-label="Zoho's next" { (next_backup(account, overview)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How an account's calls go.
pub(super) fn calls(account: &AccountStatus) -> Markup {
    html! {
        @match &account.vitals {
            Some(vitals) => {
                @if vitals.is_failing { span.badge.failed { "failing" } " " } @else { span.badge.succeeded { "ok" } " " }
                (vitals.calls_in_flight) " of " (vitals.concurrency)
            }
            None => span.dim { "not called: no job in force uses it, or its secrets can't be read" },
        }
    }
}

/// What Zoho last showed of an account's backup.
pub(super) fn next_backup(account: &AccountStatus, overview: &Overview) -> Markup {
    html! {
        @match &account.seen {
            Some(seen) => {
                @match seen.backup.next_start(seen.at) {
                    Some(start) => (dated(start, overview.at)),
                    None => { @match &seen.backup.status { Some(status) => (status), None => "none" } },
                }
                " " span.dim title=(seconds(seen.at)) { "seen " (time(seen.at, overview.at)) }
            }
            None => span.dim { "not looked at yet" },
        }
    }
}
