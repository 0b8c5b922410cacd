//! The table of jobs: found, sorted, and a page of it at a time.

use std::collections::BTreeMap;

use calloff_core::overview::{JobState, JobStatus, Overview};
use calloff_core::run::{RunState, Trigger};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::format::{badge, count, glyph, seconds, time};
use super::{account_path, job_path};

/// Jobs on one page.
pub(in super::super) const PER_PAGE: usize = 50;

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Search {
    /// A part of a job's name, account or description.
    pub(in super::super) q: String,
    /// Its state.
    pub(in super::super) state: String,
    /// Its account.
    pub(in super::super) account: String,
    /// Which page of what is found, from 1.
    pub(in super::super) page: usize,
    /// Which page of the accounts, from 1.
    pub(in super::super) lanes: usize,
}

impl Search {
    /// The jobs that are found: what needs a person first, then what is due next.
    pub(in super::super) fn find<'a>(&self, overview: &'a Overview) -> Vec<&'a JobStatus> {
        let wanted = self.q.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let is_found = |job: &&JobStatus| {
            (self.state.is_empty() || job.state.as_str() == self.state)
                && (self.account.is_empty() || job.account.as_deref() == Some(&self.account))
                && (wanted.is_empty()
                    || has(&job.job)
                    || job.account.as_deref().is_some_and(has)
                    || overview.file(&job.job).and_then(|file| file.description.as_deref()).is_some_and(has))
        };
        let mut found: Vec<&JobStatus> = overview.jobs.iter().filter(is_found).collect();
        found.sort_by_key(|job| job.precedence());
        found
    }

    /// The address that shows the same at other pages.
    pub(super) fn address(&self, page: usize, lanes: usize, anchor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in [("q", &self.q), ("state", &self.state), ("account", &self.account)] {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        for (key, page) in [("page", page), ("lanes", lanes)] {
            if page > 1 {
                query.append_pair(key, &page.to_string());
            }
        }
        let query = query.finish();
        if query.is_empty() { format!("/{anchor}") } else { format!("/?{query}{anchor}") }
    }

    fn is_narrowed(&self) -> bool {
        !(self.q.trim().is_empty() && self.state.is_empty() && self.account.is_empty())
    }
}

/// One page of many things.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Slice {
    /// Which page, from 1.
    pub(in super::super) page: usize,
    /// How many there are.
    pub(in super::super) pages: usize,
    /// Where it begins.
    pub(in super::super) from: usize,
    /// How many things there are in all.
    pub(in super::super) total: usize,
}

impl Slice {
    /// The page that is asked for, or the last one.
    pub(in super::super) fn of(total: usize, page: usize, per_page: usize) -> Self {
        let pages = total.div_ceil(per_page).max(1);
        let page = page.clamp(1, pages);
        Self { page, pages, from: (page - 1) * per_page, total }
    }

    /// Links to the pages before and after.
    pub(super) fn links(self, what: &str, address: impl Fn(usize) -> String) -> Markup {
        html! {
            @if self.pages > 1 {
                nav.pager aria-label={ "Pages of " (what) } {
                    @if self.page > 1 { a rel="prev" href=(address(self.page - 1)) { "← before" } }
                    span { "page " (self.page) " of " (self.pages) }
                    @if self.page < self.pages { a rel="next" href=(address(self.page + 1)) { "next →" } }
                }
            }
        }
    }
}

/// The section with the search, the counts and the table.
pub(super) fn section(
    overview: &Overview,
    search: &Search,
    found: &[&JobStatus],
    slice: Slice,
    states: &BTreeMap<String, Vec<RunState>>,
) -> Markup {
    html! {
        section #jobs aria-labelledby="jobs-title" {
            h2 #jobs-title { "Jobs" }
            (counts(overview))
            form.search method="get" action="/" role="search" {
                label { "Search " input #q type="search" name="q" value=(search.q) autocomplete="off"; }
                label {
                    "State "
                    select #state name="state" {
                        option value="" { "any" }
                        @for state in JobState::ALL {
                            option value=(state.as_str()) selected[state.as_str() == search.state] { (state.as_str()) }
                        }
                    }
                }
                @if !search.account.is_empty() { input type="hidden" name="account" value=(search.account); }
                button { "Show" }
                @if search.is_narrowed() { a href="/#jobs" { "Show all" } }
            }
            @if !search.account.is_empty() { p { "Of the account " strong { (search.account) } "." } }
            @if found.is_empty() {
                p { @if overview.jobs.is_empty() { "No job is loaded." } @else { "No job is found." } }
            } @else {
                (table(overview, found.iter().skip(slice.from).take(PER_PAGE).copied(), states))
                (slice.links("jobs", |page| search.address(page, search.lanes, "#jobs")))
            }
        }
    }
}

fn counts(overview: &Overview) -> Markup {
    let of_state = |state: JobState| overview.jobs.iter().filter(|job| job.state == state).count();
    html! {
        p.counts {
            (count(overview.jobs.len(), "job", "jobs"))
            @for state in JobState::ALL {
                @let number = of_state(*state);
                @if number > 0 { " · " a href={ "/?state=" (state.as_str()) "#jobs" } { (number) " " (state.as_str()) } }
            }
        }
    }
}

/// Jobs as a table; `states` has how the newest runs of each stand, the oldest first.
pub(super) fn table<'a>(
    overview: &Overview,
    jobs: impl Iterator<Item = &'a JobStatus>,
    states: &BTreeMap<String, Vec<RunState>>,
) -> Markup {
    html! {
        div.scroll #jobs-table tabindex="0" role="region" aria-label="Jobs" {
            table {
                thead { tr { th { "Job" } th { "Account" } th { "State" } th { "Next" } th { "Last" } th { "Runs" } } }
                tbody { @for job in jobs { (row(overview, job, states.get(&job.job))) } }
            }
        }
    }
}

fn row(overview: &Overview, job: &JobStatus, states: Option<&Vec<RunState>>) -> Markup {
    let now = overview.at;
    html! {
        tr data-job=(job.job) {
            th scope="row" { a href=(job_path(&job.job)) { (job.job) } }
            td data-label="Account" {
                @if let Some(account) = &job.account { a href=(account_path(account)) { (account) } }
            }
            td data-label="State" { (standing(job, overview)) }
            td data-label="Next" {
                @if let Some(next) = job.next { (time(next, now)) " " span.dim { (seconds(next)) } } @else { span.dim { "–" } }
            }
            td data-label="Last" {
                @match &job.last {
                    Some(last) => {
                        (badge(last.state)) " "
                        @match (last.occurrence, last.trigger) {
                            (Some(occurrence), _) => (time(occurrence, now)),
                            (None, Trigger::Hold) => span.dim { "while held" },
                            (None, _) => span.dim { "by hand" },
                        }
                    }
                    None => span.dim { "never ran" },
                }
            }
            td data-label="Runs" { (sparkline(states.map(Vec::as_slice).unwrap_or_default())) }
        }
    }
}

/// How a job stands, in words.
pub(super) fn standing(job: &JobStatus, overview: &Overview) -> Markup {
    html! {
        span class={ "badge " (job.state.as_str()) } { (job.state.as_str()) }
        @if let Some(until) = job.paused_until { " until " (time(until, overview.at)) }
        @if let Some(closes) = job.held_until { " holds its window until " (time(closes, overview.at)) }
    }
}

/// How the newest runs of a job ended: each has a height and a colour of its own.
pub(super) fn sparkline(states: &[RunState]) -> Markup {
    if states.is_empty() {
        return html! {};
    }
    let said = states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
    html! {
        svg.sparkline viewBox={ "0 0 " (states.len() * 8) " 20" } width=(states.len() * 8) height="20" role="img" {
            title { "the newest runs, oldest first: " (said) }
            @for (place, state) in states.iter().enumerate() {
                @let (top, height) = match state {
                    RunState::Succeeded => (8, 12),
                    RunState::Failed | RunState::Missed => (0, 20),
                    RunState::Skipped => (16, 4),
                    RunState::Running => (12, 8),
                };
                rect class=(state.as_str()) x=(place * 8 + 1) y=(top) width="6" height=(height) {}
                @if matches!(state, RunState::Failed | RunState::Missed) {
                    text x=(place * 8 + 4) y="14" text-anchor="middle" { (glyph(*state)) }
                }
            }
        }
    }
}
