//! The same world without sockets, in virtual time.

use std::time::Duration;

use bytes::Bytes;
use calloff_sim::{Broken, Scenario, SharedWorld, Status, World};
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
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://www.zohoapis.example{path}"))
            .header("Authorization", format!("Zoho-oauthtoken {}", self.token))
            .body(Bytes::new())
            .expect("a request");
        let answer = self.world.receive(&request, self.now()).deliver().await?;
        Ok((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
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
