//! Runs: what has happened, with targets and calls.

use std::collections::BTreeMap;

use calloff_core::ids::RunId;
use calloff_core::outcome::Standing;
use calloff_core::overview::{Call, Overview};
use calloff_core::run::{Run, Target};
use jiff::Timestamp;
use maud::{Markup, html};

use super::super::format::{badge, count, dated, seconds};
use super::job_path;

/// Runs, the newest first; `calls` are those of them that were read.
pub(super) fn runs(
    runs: &[Run],
    calls: &BTreeMap<RunId, Vec<Call>>,
    overview: &Overview,
    with_job: bool,
) -> Markup {
    html! {
        @if runs.is_empty() { p.dim { "Nothing is on record." } }
        @for run in runs { (one(run, calls.get(&run.run_id).map(Vec::as_slice), overview, with_job)) }
    }
}

fn one(run: &Run, calls: Option<&[Call]>, overview: &Overview, with_job: bool) -> Markup {
    let at = run.started_at.or(run.occurrence);
    html! {
        details.run id={ "run-" (run.run_id) } {
            summary {
                (badge(run.state)) " "
                @if let Some(at) = at { (dated(at, overview.at)) " " }
                @if with_job { a href=(job_path(&run.job)) { (run.job) } " " }
                span.dim {
                    (run.trigger.as_str()) " · " (count(run.targets.len(), "backup", "backups"))
                    @if let Some(missed) = run.missed { " · " (missed) " missed" }
                }
                @if let Some(reason) = &run.reason { " · " (reason) }
            }
            dl {
                dt { "Run" } dd { code { (run.run_id) } }
                @if let Some(occurrence) = run.occurrence { dt { "Occurrence" } dd { (seconds(occurrence)) } }
                @if let Some(end) = run.finished_at { dt { "Ended" } dd { (seconds(end)) } }
                @if let Some(lateness) = run.lateness_ms { dt { "Lateness" } dd { (lateness) " ms" } }
            }
            @for (place, target) in run.targets.iter().enumerate() {
                (one_target(target, calls.map(|calls| of_target(calls, place))))
            }
        }
    }
}

fn of_target(calls: &[Call], place: usize) -> Vec<&Call> {
    calls.iter().filter(|call| usize::try_from(call.target) == Ok(place)).collect()
}

fn one_target(target: &Target, calls: Option<Vec<&Call>>) -> Markup {
    let class = match target.outcome.map(calloff_core::outcome::Outcome::standing) {
        Some(Standing::Success) => "succeeded",
        Some(Standing::Neutral) => "skipped",
        Some(Standing::Failure) => "failed",
        None => "running",
    };
    html! {
        div.target {
            p {
                code { (target.backup) } " "
                span class={ "badge " (class) } { (target.outcome.map_or("under way", |outcome| outcome.as_str())) }
                @if target.verified == Some(true) { " verified" }
                @if target.verified == Some(false) { " not verified" }
                " · " (count(target.attempts as usize, "call", "calls"))
                @if let Some(code) = &target.code { " · " code { (code) } }
                @if let Some(message) = &target.message { " " (message) }
            }
            @if let Some(reason) = &target.reason { p { "Why: " (reason) } }
            @if let Some(hint) = &target.hint { p { "Next: " (hint) } }
            @if let Some(calls) = calls.filter(|calls| !calls.is_empty()) {
                table.calls {
                    thead { tr { th { "Call" } th { "Sent" } th { "Took" } th { "Status" } th { "Code" } th { "Message" } } }
                    tbody { @for call in calls { (one_call(call)) } }
                }
            }
        }
    }
}

fn one_call(call: &Call) -> Markup {
    html! {
        tr {
            td { (call.attempt) }
            td { (milliseconds(call.sent_at)) }
            td { (call.took_ms) " ms" }
            td { @if let Some(status) = call.http_status { (status) } @else { "none" } }
            td { (call.code.as_deref().unwrap_or_default()) }
            td { (call.message.as_deref().unwrap_or_default()) }
        }
    }
}

fn milliseconds(at: Timestamp) -> String {
    at.strftime("%H:%M:%S%.3fZ").to_string()
}
