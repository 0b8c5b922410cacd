//! What needs a person: it comes first.

use calloff_core::overview::{AccountStatus, JobState, JobStatus, Overview, StandingDebt};
use calloff_core::restore::Payment;
use maud::{Markup, html};

use super::super::format::{count, dated, time};
use super::{account_path, job_path};

/// Things of one kind that are shown one by one.
const MOST: usize = 10;

/// Everything that needs a person, and what people have overridden.
pub(super) fn attention(overview: &Overview) -> Markup {
    let debts = &overview.debts;
    let failing: Vec<&AccountStatus> =
        overview.accounts.iter().filter(|account| account.is_failing()).collect();
    let of_state = |state| overview.jobs.iter().filter(move |job| job.state == state);
    let paused: Vec<&JobStatus> = of_state(JobState::Paused).collect();
    let quarantined: Vec<&JobStatus> = of_state(JobState::Quarantined).collect();
    let ended_badly = |job: &&JobStatus| job.has_failed() && job.state != JobState::Quarantined;
    let failed: Vec<&JobStatus> = overview.jobs.iter().filter(ended_badly).collect();
    let unready = overview.daemon.unready(overview.loaded.len());
    let reasons = overview.daemon.health.reasons();
    let is_quiet = debts.is_empty()
        && failing.is_empty()
        && failed.is_empty()
        && paused.is_empty()
        && quarantined.is_empty()
        && unready.is_empty()
        && reasons.is_empty();
    html! {
        section #attention aria-labelledby="attention-title" {
            h2 #attention-title { "Needs attention" }
            @if is_quiet { p.quiet { "Nothing." } }
            @for reason in &unready { div.card.bad { strong { "Not ready: " } (reason) } }
            @for debt in debts { (owed(debt, overview)) }
            @for account in failing.iter().take(MOST) {
                div.card.bad {
                    strong { "Account " a href=(account_path(account.account.as_str())) { (account.account) } " is failing: " }
                    "its calls go out one at a time until one gets through."
                }
            }
            (more(failing.len(), "account"))
            @for job in failed.iter().take(MOST) {
                @if let Some(last) = &job.last {
                    div.card.bad {
                        strong { "Job " a href=(job_path(&job.job)) { (job.job) } " " (last.state.as_str()) }
                        @if let Some(occurrence) = last.occurrence { " " (dated(occurrence, overview.at)) }
                    }
                }
            }
            (more(failed.len(), "job"))
            @for reason in reasons { div.card.warn { strong { "Degraded: " } (reason) } }
            @for job in quarantined.iter().take(MOST) {
                div.card.warn {
                    strong { "Quarantined: " a href=(job_path(&job.job)) { (job.job) } }
                    @if let Some(reason) = &job.reason { " · " (reason) }
                }
            }
            (more(quarantined.len(), "quarantined job"))
            @for job in paused.iter().take(MOST) {
                div.card.info {
                    strong { "Paused: " a href=(job_path(&job.job)) { (job.job) } }
                    @if let Some(until) = job.paused_until { " until " (dated(until, overview.at)) }
                    @if let Some(reason) = &job.reason { " · " (reason) }
                }
            }
            (more(paused.len(), "paused job"))
        }
    }
}

fn more(all: usize, what: &str) -> Markup {
    html! {
        @if all > MOST { p.dim { "and " (count(all - MOST, what, &format!("{what}s"))) " more, in the table below" } }
    }
}

/// A debt, with what can be done about it.
pub(super) fn owed(standing: &StandingDebt, overview: &Overview) -> Markup {
    let (debt, now) = (&standing.debt, overview.at);
    let is_refused = debt.next_try.is_some();
    let by_hand = matches!(standing.payment, Payment::ByHand(_));
    html! {
        div.card.bad[is_refused || by_hand].warn[!is_refused && !by_hand] {
            strong { "Restore owed: account " a href=(account_path(debt.account.as_str())) { (debt.account) } }
            " · the schedule of backup " code { (debt.pre_image.backup) } " " code { (debt.pre_image.rrule) }
            ", ended for " a href=(job_path(&debt.job)) { (debt.job) } " " (time(debt.owed_since, now))
            ", is put back " (dated(standing.due(now), now))
            @if let Some(reason) = standing.reason() { p { (reason) } }
            @if let Some(next_try) = debt.next_try {
                p { "Refused " (count(debt.tries as usize, "time", "times")) "; tried again " (time(next_try, now)) }
            }
            p.dim { code { "calloff restore pay " (debt.restore_id) } " does it now." }
        }
    }
}
