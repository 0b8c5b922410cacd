//! What goes wrong goes wrong on the wire as it would with Zoho.

use std::io::ErrorKind;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use calloff_sim::{Scenario, Simulator, Status};
use rstest::rstest;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::support::Zoho;

const ID: &str = "4876876000001593003";

async fn zoho_with_fault(fault: &str) -> Zoho {
    Zoho::with(&format!("[[accounts.acme.backups]]\nid = '{ID}'\nfaults = [{fault}]")).await
}

fn status(zoho: &Zoho) -> Status {
    let world = zoho.running.world().lock();
    world.account("acme").and_then(|acme| acme.backup(ID)).expect("the backup").status()
}

#[rstest]
#[case::drop("'drop'", Status::Scheduled)]
#[case::drop_after("'drop-after'", Status::Stopped)]
#[case::drop_that_acts("{ then = 'drop', acts = true }", Status::Stopped)]
#[tokio::test]
async fn a_dropped_connection_brings_no_byte(#[case] fault: &str, #[case] left: Status) {
    let zoho = zoho_with_fault(fault).await;
    let error = zoho.cancel(ID).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error:?}");
    assert_eq!(status(&zoho), left);
    let seen = zoho.running.world().lock().seen().next_back().unwrap().clone();
    assert_eq!((seen.status, seen.acted), (None, left == Status::Stopped));
    let code = if left == Status::Stopped { "ALREADY_CANCELLED" } else { "SUCCESS" };
    assert_eq!(zoho.cancel(ID).await.unwrap().json()["backup"]["code"], code);
}

#[tokio::test]
async fn a_body_that_is_cut_short_misses_its_end() {
    let zoho = zoho_with_fault("'cut-short'").await;
    let reply = zoho.cancel(ID).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(!reply.body.is_empty() && reply.missing() > 0, "{reply:?}");
    assert_eq!(status(&zoho), Status::Stopped);
}

#[rstest]
#[case::html("'html-502'", 502, "text/html;charset=UTF-8", "<html>")]
#[case::garbage("'garbage'", 200, "application/json;charset=UTF-8", "{\"backup\": <")]
#[case::unknown_code("'unknown-code'", 400, "application/json;charset=UTF-8", "SOMETHING_NEW")]
#[case::numeric_code("'numeric-code'", 429, "application/json;charset=UTF-8", "\"code\":429")]
#[case::array_details("'array-details'", 200, "application/json;charset=UTF-8", "\"details\":[]")]
#[case::wrapped(
    "{ then = 'INTERNAL_ERROR', envelope = 'wrapped' }",
    500,
    "application/json;charset=UTF-8",
    "{\"backup\":{\"code\":\"INTERNAL_ERROR\""
)]
#[case::slow_body("{ then = 'slow-body', every = '1ms' }", 200, "application/json;charset=UTF-8", "SUCCESS")]
#[tokio::test]
async fn an_answer_is_spoilt(
    #[case] fault: &str,
    #[case] status: u16,
    #[case] kind: &str,
    #[case] part: &str,
) {
    let zoho = zoho_with_fault(fault).await;
    let reply = zoho.cancel(ID).await.unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (status, Some(kind)));
    assert!(reply.text().contains(part), "{}", reply.text());
    assert_eq!(reply.missing(), 0);
}

#[tokio::test]
async fn an_answer_can_be_empty_or_huge_or_elsewhere() {
    let zoho = zoho_with_fault("'empty', '503', 'redirect'").await;
    let reply = zoho.cancel(ID).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(status(&zoho), Status::Stopped);
    let reply = zoho.cancel(ID).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (503, 0));
    let reply = zoho.cancel(ID).await.unwrap();
    let target = format!("{}/redirected", zoho.running.url());
    assert_eq!((reply.status, reply.header("location")), (302, Some(target.as_str())));

    let zoho = zoho_with_fault("'huge'").await;
    let reply = zoho.cancel(ID).await.unwrap();
    assert!(reply.body.len() > 32 << 20);
    assert_eq!(reply.json()["backup"]["code"], "SUCCESS");
}

#[tokio::test]
async fn zoho_can_ask_for_patience_in_three_ways() {
    let zoho = zoho_with_fault(
        "{ then = '429', retry_after = '90s' }, { then = '503', retry_after_date = '1h' }, \
         { then = '429', details_retry_after = '60s' }",
    )
    .await;
    assert_eq!(zoho.cancel(ID).await.unwrap().header("retry-after"), Some("90"));
    let reply = zoho.cancel(ID).await.unwrap();
    let date = reply.header("retry-after").unwrap();
    assert!(date.ends_with(" GMT") && date.len() == "Mon, 23 Nov 2026 00:00:00 GMT".len(), "{date}");
    let reply = zoho.cancel(ID).await.unwrap();
    assert_eq!((reply.header("retry-after"), &reply.json()["details"]), (None, &json!({"retry_after": 60})));
}

#[tokio::test]
async fn an_unheeded_cancel_is_accepted_and_changes_nothing() {
    let zoho = zoho_with_fault("'unheeded'").await;
    assert_eq!(zoho.cancel(ID).await.unwrap().json()["backup"]["code"], "SUCCESS");
    assert_eq!(status(&zoho), Status::Scheduled);
}

#[tokio::test]
async fn a_list_of_faults_is_used_up_one_call_at_a_time() {
    let zoho = Zoho::with(
        "faults.cancel = ['503']\n[[accounts.acme.backups]]\nid = '4876876000001593003'\n\
         faults = [{ then = 'INTERNAL_ERROR', times = 2 }]",
    )
    .await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(zoho.cancel(ID).await.unwrap().status);
    }
    assert_eq!(statuses, [500, 500, 503, 200, 400]);
}

#[tokio::test]
async fn a_silent_zoho_is_silent_until_the_simulator_stops() {
    let zoho = zoho_with_fault("'hang'").await;
    let silence = timeout(Duration::from_millis(200), zoho.cancel(ID)).await;
    silence.unwrap_err();
    zoho.stop().await;
}

#[tokio::test]
async fn calls_in_flight_are_counted_and_limited_until_their_callers_go() {
    let zoho = Arc::new(Zoho::with("concurrency = 4\nfaults.cancel = [{ then = 'hang', times = 4 }]").await);
    let mut callers = JoinSet::new();
    for _ in 0..4 {
        let zoho = zoho.clone();
        callers.spawn(async move { zoho.cancel(ID).await });
    }
    until_in_flight(&zoho, 4).await;
    let reply = zoho.cancel(ID).await.unwrap();
    assert_eq!((reply.status, &reply.json()["code"]), (429, &json!("TOO_MANY_REQUESTS")));
    callers.shutdown().await;
    until_in_flight(&zoho, 0).await;
    let world = zoho.running.world().lock();
    let acme = world.account("acme").unwrap();
    assert_eq!((acme.calls(), acme.max_in_flight()), (5, 5));
}

async fn until_in_flight(zoho: &Zoho, wanted: u32) {
    let in_flight = || zoho.running.world().lock().account("acme").expect("the account").in_flight();
    let reached = async {
        while in_flight() != wanted {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), reached).await.expect("the calls arrive or go");
}

#[tokio::test]
async fn one_caller_alone_is_never_two_in_flight() {
    let zoho = Zoho::with("unlisted = 'SCHEDULED'").await;
    for id in 0..200 {
        zoho.cancel(&id.to_string()).await.unwrap();
    }
    assert_eq!(zoho.running.world().lock().account("acme").unwrap().max_in_flight(), 1);
}

#[tokio::test]
async fn an_outage_hits_every_call_until_it_is_over() {
    let zoho = Zoho::with(
        "outage = { then = 'html-502', retry_after = '5s', calls = 2 }\nfaults.get = ['INTERNAL_ERROR']",
    )
    .await;
    let reply = zoho.cancel(ID).await.unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (502, Some("5")));
    assert_eq!(zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap().status, 502);
    assert_eq!(zoho.call("GET", "/crm/bulk/v8/backup", "").await.unwrap().status, 500);
}

#[tokio::test]
async fn each_request_is_told_to_who_watches() {
    let (told, hear) = mpsc::channel();
    let addr = "127.0.0.1:0".parse().unwrap();
    let watch = move |seen: &calloff_sim::Seen| told.send(seen.to_string()).unwrap();
    let running = Simulator::start_watched(addr, Scenario::default(), watch).await.unwrap();
    let token = String::new();
    let zoho = Zoho { running, token };
    zoho.call("GET", "/crm/bulk/v8/backup?secret=1", "").await.unwrap();
    let line = hear.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(line.ends_with(" - GET /crm/bulk/v8/backup → 401 AUTHENTICATION_FAILURE"), "{line}");
    zoho.stop().await;
}

#[tokio::test]
async fn only_loopback_is_served() {
    let error = Simulator::start("0.0.0.0:0".parse().unwrap(), Scenario::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
