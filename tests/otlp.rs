//! Traces: what a collector gets of a run, and that nothing waits for one that does not answer.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;
use support::daemon::Daemon;
use support::program::{Done, Place, SECRET, TOKEN, signal};
use tokio::runtime::Runtime;

/// What was sent.
type Sent = Arc<Mutex<Vec<Bytes>>>;

/// Takes traces.
struct Collector {
    at: SocketAddr,
    sent: Sent,
    _runtime: Runtime,
}

impl Collector {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sent = Sent::default();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let at = listener.local_addr().unwrap();
        let take = |State(sent): State<Sent>, body: Bytes| async move { sent.lock().unwrap().push(body) };
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&sent));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { at, sent, _runtime: runtime }
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let sent = self.sent.lock().unwrap();
        sent.iter().map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let resources = self.requests().into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans).collect()
    }

    fn has_text(&self, text: &str) -> bool {
        let sent = self.sent.lock().unwrap();
        sent.iter().any(|body| body.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

/// Attributes as text.
fn attributes(of: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => panic!("{other:?}"),
    };
    of.iter().map(|pair| (pair.key.as_str(), text(&pair.value))).collect()
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

/// The spans of this name below another.
fn below<'s>(spans: &'s [Span], parent: &Span, name: &str) -> Vec<&'s Span> {
    let mut below: Vec<_> =
        spans.iter().filter(|span| span.name == name && span.parent_span_id == parent.span_id).collect();
    below.sort_by_key(|span| span.start_time_unix_nano);
    assert!(below.iter().all(|span| span.trace_id == parent.trace_id), "one trace a run");
    below
}

const SCENARIO: &str =
    "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"42\"\nfaults = [\"INTERNAL_ERROR\", \"drop\"]\n";
const JOB: &str = "backups = [\"42\", \"43\"]\nverify = false\n[schedule]\ncron = \"0 0 1 1 *\"\n[retry]\ninitial_delay = \"1ms\"\n";

fn place() -> Place {
    Place::new(SCENARIO, "log = { format = \"json\" }\n", &[("freeze", JOB)])
}

/// Triggers the job, with these variables.
fn trigger(place: &Place, environment: &[(&str, &str)]) -> Done {
    let mut command = place.command(&["--log-level", "debug", "trigger", "freeze", "--json"]);
    Done::from(command.envs(environment.iter().copied()).output().unwrap())
}

/// The names of the fields of each kind of log line.
fn shapes(done: &Done) -> BTreeMap<String, BTreeSet<String>> {
    let lines = done.stderr.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut shapes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines {
        let event = line["event"].as_str().unwrap_or_else(|| panic!("{line}")).to_owned();
        shapes.entry(event).or_default().extend(line.as_object().unwrap().keys().cloned());
    }
    shapes
}

#[test]
fn a_run_its_targets_and_their_attempts_are_one_trace() {
    let (place, collector) = (place(), Collector::start());
    let endpoint = format!("http://{}", collector.at);
    let done = trigger(&place, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let spans = collector.spans();
    let [run] = spans.iter().filter(|span| span.name == "run").collect::<Vec<_>>()[..] else {
        panic!("{spans:#?}\n{}", done.stderr)
    };
    assert!(run.parent_span_id.is_empty() && is_error(run));
    let of_run = attributes(&run.attributes);
    let printed = &done.json()[0];
    for field in ["run_id", "job", "account", "trigger", "state"] {
        assert_eq!(of_run[field], printed[field].as_str().unwrap(), "{field}");
    }
    assert_eq!((of_run["job"].as_str(), of_run["state"].as_str()), ("freeze", "failed"));

    let targets = below(&spans, run, "target");
    assert_eq!(targets.len(), 2);
    for target in targets {
        let of_target = attributes(&target.attributes);
        let printed = printed["targets"].as_array().unwrap();
        let printed =
            printed.iter().find(|printed| printed["backup"] == of_target["backup"].as_str()).unwrap();
        for field in ["outcome", "attempts", "http_status", "code"] {
            assert_eq!(of_target[field], printed[field].to_string().trim_matches('"'), "{field}");
        }
        let attempts = below(&spans, target, "attempt");
        let seen: Vec<_> = attempts
            .iter()
            .map(|attempt| (attributes(&attempt.attributes).get("code").cloned(), is_error(attempt)))
            .collect();
        let code = |code: &str| Some(code.to_owned());
        if of_target["backup"] == "42" {
            assert_eq!(of_target["outcome"], "cancelled");
            assert_eq!(seen, [(code("INTERNAL_ERROR"), true), (None, true), (code("SUCCESS"), false)]);
        } else {
            assert_eq!((of_target["outcome"].as_str(), is_error(target)), ("not_found", true));
            assert_eq!(seen, [(code("RESOURCE_NOT_FOUND"), false)]);
        }
    }
    assert_eq!(spans.len(), 7, "and nothing else: {spans:#?}");
    let requests = collector.requests();
    let resource = attributes(&requests[0].resource_spans[0].resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], "calloff");
    for secret in [SECRET, TOKEN, "Zoho-oauthtoken", "stopped successfully"] {
        assert!(!collector.has_text(secret), "{secret}");
    }
}

#[test]
fn the_log_is_the_same_with_traces_and_without() {
    let collector = Collector::start();
    let endpoint = format!("http://{}/v1/traces", collector.at);
    let without = trigger(&place(), &[]);
    let with = trigger(
        &place(),
        &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint), ("OTEL_SERVICE_NAME", "backups")],
    );
    assert!(shapes(&without).contains_key("target.attempt"), "{}", without.stderr);
    assert_eq!(shapes(&with), shapes(&without));
    let requests = collector.requests();
    let resource = attributes(&requests[0].resource_spans[0].resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], "backups");
}

#[test]
fn nothing_is_sent_unless_somebody_asks() {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.at);
    for environment in [
        [("OTEL_SERVICE_NAME", "calloff"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        [("OTEL_SDK_DISABLED", "true"), ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)],
        [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)],
    ] {
        assert_eq!(trigger(&place(), &environment).code, 1);
    }
    assert!(collector.requests().is_empty());
}

/// Patience without end: what ends all the same ends by itself.
const PATIENT: [(&str, &str); 3] = [
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "86400000"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "86400000"),
    ("OTEL_BSP_SCHEDULE_DELAY", "10"),
];

#[test]
fn a_collector_that_never_answers_keeps_neither_runs_nor_the_end_waiting() {
    // The system takes connections for it, and nobody reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let environment: Vec<_> =
        PATIENT.into_iter().chain([("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())]).collect();
    let done = trigger(&place(), &environment);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert_eq!(done.json()[0]["targets"][0]["outcome"], "cancelled");

    let place = place();
    let often = JOB.replace("cron = \"0 0 1 1 *\"", "every = \"1s\"");
    place.write("jobs/freeze.toml", &format!("account = \"acme\"\n{often}"));
    let daemon = Daemon::start_with(&place, &["run"], &environment);
    daemon.wait_for(&place, "target.outcome", 6);
    signal(daemon.child(), "TERM");
    daemon.wait_for(&place, "daemon.stopped", 1);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_collector_that_is_away_is_spoken_of_once() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://user:{SECRET}@{away}");
    let place = Place::new(
        SCENARIO,
        "log = { format = \"json\" }\n",
        &[("freeze", &JOB.replace("cron = \"0 0 1 1 *\"", "every = \"1s\""))],
    );
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "10")];
    let daemon = Daemon::start_with(&place, &["run"], &environment);
    daemon.wait_for(&place, "otlp.failing", 1);
    daemon.wait_for(&place, "target.outcome", 8);
    signal(daemon.child(), "TERM");
    daemon.wait_for(&place, "daemon.stopped", 1);
    let said = daemon.events("otlp.failing");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(!said[0].to_string().contains(SECRET) && !daemon.plain().contains(SECRET), "{said:?}");
    assert_eq!(daemon.stop(), Some(0));
}
