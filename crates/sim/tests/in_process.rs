//! The same world without sockets, in virtual time.

use std::time::Duration;

use bytes::Bytes;
use calloff_sim::scenario::BackupScenario;
use calloff_sim::{Broken, Endpoint, Fault, Scenario, SharedWorld, Status, Step, World};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

const ID: &str = "4876876000001593003";

struct Zoho {
    world: SharedWorld,
    token: String,
    origin: Timestamp,
    start: Instant,
}

impl Zoho {
    fn with(lines: &str) -> Self {
        let origin = "2026-11-23T12:00:00Z".parse().expect("an instant");
        let scenario = Scenario::parse(&format!("[accounts.acme]\n{lines}")).expect("a scenario");
        let mut world = World::new(scenario, origin);
        let token = world.issue_token("acme", origin).expect("the account");
        Self { world: world.into(), token, origin, start: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        self.origin + self.start.elapsed()
    }

    async fn call(&self, method: &str, path: &str) -> Result<(u16, String), Broken> {
        let answer = self.answer(method, path).await?;
        Ok((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
    }

    async fn answer(&self, method: &str, path: &str) -> Result<http::Response<Bytes>, Broken> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://www.zohoapis.example{path}"))
            .header("Authorization", format!("Zoho-oauthtoken {}", self.token))
            .body(Bytes::new())
            .expect("a request");
        self.world.receive(&request, self.now()).deliver().await
    }

    async fn cancel(&self) -> Result<(u16, String), Broken> {
        self.call("PUT", &format!("/crm/bulk/v8/backup/{ID}/actions/cancel")).await
    }

    fn status(&self) -> Status {
        self.world.lock().account("acme").expect("the account").backup(ID).expect("the backup").status()
    }

    async fn shown(&self) -> String {
        self.call("GET", "/crm/bulk/v8/backup").await.expect("an answer").1
    }
}

#[tokio::test(start_paused = true)]
async fn credits_are_used_up_and_named() {
    let zoho = Zoho::with("credits = 1\nfaults.cancel = ['503']");
    let credits = async |zoho: &Zoho| {
        let answer = zoho.answer("GET", "/crm/bulk/v8/backup").await.unwrap();
        answer.headers().get("X-API-CREDITS-REMAINING").cloned()
    };
    assert_eq!(credits(&zoho).await.unwrap(), "0");
    assert_eq!(credits(&zoho).await.unwrap(), "0", "and not less");
    assert_eq!(credits(&Zoho::with("")).await, None);
}

#[tokio::test(start_paused = true)]
async fn latency_and_delay_take_virtual_time() {
    let zoho = Zoho::with("latency = '50ms'\nfaults.cancel = [{ delay = '2h', then = 'ok' }]");
    let (status, _) = zoho.cancel().await.unwrap();
    assert_eq!((status, zoho.start.elapsed()), (400, Duration::from_millis(7_200_050)));
}

#[tokio::test(start_paused = true)]
async fn broken_connections_break() {
    let zoho = Zoho::with(&format!(
        "[[accounts.acme.backups]]\nid = '{ID}'\nfaults = ['drop', 'hang', 'slow-body', 'drop-after', 'cut-short']"
    ));
    assert!(matches!(zoho.cancel().await, Err(Broken::Closed)));
    timeout(Duration::from_mins(30), zoho.cancel()).await.unwrap_err();
    assert_eq!(zoho.status(), Status::Scheduled);
    let before = Instant::now();
    let (_, body) = zoho.cancel().await.unwrap();
    assert_eq!(before.elapsed().as_secs(), body.len() as u64);
    assert!(matches!(zoho.cancel().await, Err(Broken::Closed)));
    assert!(matches!(zoho.cancel().await, Err(Broken::CutShort(part)) if !part.body().is_empty()));
    assert_eq!(zoho.world.lock().account("acme").unwrap().in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_expires() {
    let zoho = Zoho::with("token_lifetime = '10m'");
    assert_eq!(zoho.call("GET", "/crm/bulk/v8/backup").await.unwrap().0, 204);
    tokio::time::advance(Duration::from_mins(10)).await;
    let (status, body) = zoho.call("GET", "/crm/bulk/v8/backup").await.unwrap();
    assert_eq!(status, 401);
    assert!(body.contains("INVALID_TOKEN"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_backup_runs_when_its_date_comes_and_is_scheduled_again() {
    let zoho = Zoho::with(&format!(
        "token_lifetime = '1d'\n[[accounts.acme.backups]]\nid = '{ID}'\nrrule = 'RRULE:FREQ=WEEKLY'\nscheduled_date = '+1h'"
    ));
    assert!(zoho.shown().await.contains("2026-11-23T13:00:00+00:00"));
    tokio::time::advance(Duration::from_mins(70)).await;
    assert!(zoho.cancel().await.unwrap().1.contains("INPROGRESS"));
    tokio::time::advance(Duration::from_mins(30)).await;
    let shown = zoho.shown().await;
    assert!(shown.contains("SCHEDULED") && shown.contains("2026-11-30T13:00:00+00:00"), "{shown}");
    let (_, history) = zoho.call("GET", "/crm/bulk/v8/backup/history").await.unwrap();
    assert!(
        history.contains(r#""state":"completed""#) && history.contains("2026-11-23T13:30:00"),
        "{history}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_backup_can_reappear() {
    let zoho = Zoho::with(&format!("[[accounts.acme.backups]]\nid = '{ID}'\nreappears_after = '10m'"));
    zoho.cancel().await.unwrap();
    assert!(zoho.shown().await.contains("STOPPED"));
    tokio::time::advance(Duration::from_mins(10)).await;
    assert!(zoho.shown().await.contains("SCHEDULED"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_has_a_beginning_and_an_end() {
    let zoho = Zoho::with("outage = { then = '503', starts = '5m', lasts = '2m' }");
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(zoho.call("GET", "/crm/bulk/v8/backup").await.unwrap().0);
        tokio::time::advance(Duration::from_mins(1)).await;
    }
    assert_eq!(statuses, [204, 204, 204, 204, 204, 503, 503, 204]);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_can_take_a_while_to_show() {
    let zoho = Zoho::with(&format!("[[accounts.acme.backups]]\nid = '{ID}'\nsettles_after = '5s'"));
    zoho.cancel().await.unwrap();
    assert!(zoho.shown().await.contains("SCHEDULED"));
    assert!(zoho.cancel().await.unwrap().1.contains("ALREADY_CANCELLED"));
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(zoho.shown().await.contains("STOPPED"));
}

#[tokio::test(start_paused = true)]
async fn a_test_can_change_the_world_behind_its_callers() {
    let zoho = Zoho::with("");
    let mut backup = BackupScenario::new(ID);
    backup.shows_as = Some("HIBERNATING".to_owned());
    {
        let mut world = zoho.world.lock();
        let acme = world.account_mut("acme").unwrap();
        acme.put(&backup, zoho.now());
        assert!(acme.push_fault(Endpoint::Cancel, Step::of(Fault::Html(502))));
        assert!(!acme.push_fault(Endpoint::Users, Step::of(Fault::Hang)));
    }
    assert!(zoho.shown().await.contains("HIBERNATING"));
    assert_eq!(zoho.cancel().await.unwrap().0, 502);
    assert!(zoho.world.lock().account_mut("acme").unwrap().set_status(ID, Status::Inprogress));
    assert!(zoho.cancel().await.unwrap().1.contains("INPROGRESS"));
    let seen: Vec<_> = zoho.world.lock().seen().map(|seen| (seen.endpoint, seen.status, seen.code)).collect();
    let wanted = [
        (Endpoint::Get, Some(200), None),
        (Endpoint::Cancel, Some(502), None),
        (Endpoint::Cancel, Some(400), Some("INPROGRESS")),
    ];
    assert_eq!(seen, wanted);
}

#[tokio::test(start_paused = true)]
async fn ten_quiet_minutes_end_the_throttle() {
    let zoho = Zoho::with("");
    let mut made = Vec::new();
    for minute in 0..12 {
        let request = http::Request::post("/oauth/v2/token")
            .body(Bytes::from("grant_type=refresh_token&client_id=a&client_secret=b&refresh_token=c"))
            .unwrap();
        let answer = zoho.world.receive(&request, zoho.now()).deliver().await.unwrap();
        made.push(answer.body().starts_with(br#"{"access_token""#));
        if minute == 10 {
            tokio::time::advance(Duration::from_mins(10)).await;
        }
    }
    assert_eq!(made, [[true; 10].as_slice(), &[false, true]].concat());
}

#[tokio::test(start_paused = true)]
async fn the_embedded_scenario_does_what_its_comments_say() {
    let start = "2026-11-23T12:00:00Z".parse().unwrap();
    let mut world = World::new(Scenario::default(), start);
    let token = world.issue_token("demo", start).unwrap();
    let zoho = Zoho { world: world.into(), token, origin: start, start: Instant::now() };
    #[rustfmt::skip]
    let table = [
        ("01", Some((400, "ALREADY_CANCELLED"))), ("02", Some((400, "INPROGRESS"))),
        ("03", Some((200, "SUCCESS"))), ("10", Some((403, "NO_PERMISSION"))),
        ("11", Some((401, "OAUTH_SCOPE_MISMATCH"))), ("12", Some((404, "INVALID_URL_PATTERN"))),
        ("13", Some((400, "INVALID_REQUEST_METHOD"))), ("14", Some((500, "INTERNAL_ERROR"))),
        ("15", Some((200, "SUCCESS"))), ("15", Some((200, "SUCCESS"))),
        ("20", Some((500, "INTERNAL_ERROR"))), ("20", Some((500, "INTERNAL_ERROR"))), ("20", Some((200, "SUCCESS"))),
        ("21", Some((429, "TOO_MANY_REQUESTS"))), ("21", Some((200, "SUCCESS"))),
        ("22", Some((502, "<html>"))), ("22", Some((200, "SUCCESS"))),
        ("23", None), ("23", Some((200, "SUCCESS"))),
        ("24", None), ("24", Some((400, "ALREADY_CANCELLED"))),
        ("25", Some((401, "INVALID_TOKEN"))), ("25", Some((200, "SUCCESS"))),
        ("26", Some((200, "SUCCESS"))),
        ("99", Some((400, "RESOURCE_NOT_FOUND"))),
    ];
    for (id, wanted) in table {
        let path = format!("/crm/bulk/v8/backup/48768760000015930{id}/actions/cancel");
        let answer = zoho.call("PUT", &path).await.ok();
        match (&answer, wanted) {
            (None, None) => {}
            (Some((status, body)), Some((wanted, part))) => {
                assert!(*status == wanted && body.contains(part), "{id}: {status} {body}");
            }
            _ => panic!("{id}: {answer:?}, not {wanted:?}"),
        }
    }
    assert!(zoho.shown().await.contains("4876876000001593003"));
}
