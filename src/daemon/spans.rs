//! Spans for traces: a run, its targets, their attempts. They have the field names of the JSON, and nothing that Zoho wrote
//! but its codes; where nobody takes traces there are none.

use calloff_core::outcome::{Reply, Standing};
use calloff_core::run::{Run, RunState, Target};
use tracing::Span;
use tracing::field::{Empty, display};

use super::worker::Ended;

/// Around a run.
pub(super) fn run(run: &Run) -> Span {
    let span = tracing::info_span!("run", run_id = %run.run_id, job = run.job, account = %run.account,
        trigger = run.trigger.as_str(), occurrence = Empty, lateness_ms = run.lateness_ms, state = Empty,
        otel.status_code = Empty);
    if let Some(occurrence) = run.occurrence {
        span.record("occurrence", display(occurrence));
    }
    span
}

/// Says how it ended here.
pub(super) fn end_run(span: &Span, ended: &Ended) {
    let (Ended::Complete(run) | Ended::Stopped(run) | Ended::Unrecorded(run)) = ended;
    span.record("state", run.state.as_str());
    if matches!(run.state, RunState::Failed | RunState::Missed) {
        span.record("otel.status_code", "ERROR");
    }
}

/// Around a target, within that of its run.
pub(super) fn target(target: &Target) -> Span {
    tracing::info_span!("target", backup = %target.backup, outcome = Empty, attempts = Empty, http_status = Empty,
        code = Empty, otel.status_code = Empty)
}

/// Says how it ended.
pub(super) fn end_target(span: &Span, target: &Target) {
    span.record("attempts", target.attempts);
    note_answer(span, target.http_status, target.code.as_deref());
    if let Some(outcome) = target.outcome {
        span.record("outcome", outcome.as_str());
        if outcome.standing() == Standing::Failure {
            span.record("otel.status_code", "ERROR");
        }
    }
}

/// Around a call, within that of its target.
pub(super) fn attempt(number: u32) -> Span {
    tracing::info_span!(
        "attempt",
        attempt = number,
        http_status = Empty,
        code = Empty,
        otel.kind = "client",
        otel.status_code = Empty
    )
}

/// Says what came of it. That is an error only if nothing came, or a server's trouble: what an answer means is the
/// target's to say.
pub(super) fn end_attempt(span: &Span, reply: &Reply) {
    match reply {
        Reply::Answer(answer) => {
            note_answer(span, Some(answer.status), answer.code.as_deref());
            if answer.status >= 500 {
                span.record("otel.status_code", "ERROR");
            }
        }
        Reply::Fault(_) => {
            span.record("otel.status_code", "ERROR");
        }
    }
}

fn note_answer(span: &Span, http_status: Option<u16>, code: Option<&str>) {
    if let Some(http_status) = http_status {
        span.record("http_status", http_status);
    }
    if let Some(code) = code {
        span.record("code", code);
    }
}
