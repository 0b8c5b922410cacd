//! The client over real sockets: every endpoint, and every way in which a connection can go wrong.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use calloff::clock::SystemClock;
use calloff::zoho::{AccessToken, Client, Credentials, HttpTransport, Read, Redactor, Tokens};
use calloff_core::config::{Account, parse_settings};
use calloff_core::ids::BackupId;
use calloff_core::outcome::{Outcome, Reply, Verdict, judge_cancel};
use calloff_sim::{Running, Scenario, Simulator};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// An account whose calls go to this URL.
fn account(url: &str, more: &str) -> Account {
    let text = format!(
        "[accounts.acme]\napi_domain = \"{url}\"\naccounts_url = \"{url}\"\nclient_id = \"1000.A\"\n\
         client_secret = {{ env = \"A\" }}\nrefresh_token = {{ env = \"B\" }}\n{more}"
    );
    let read = parse_settings("calloff.toml", &text, None);
    let settings = read.settings.value.unwrap_or_else(|| panic!("{:?}", read.settings.diagnostics));
    settings.accounts.into_values().next().unwrap()
}

/// A client of a simulated Zoho, with a token.
struct Wire {
    zoho: Running,
    client: Client,
    token: AccessToken,
    _state: tempfile::TempDir,
}

impl Wire {
    async fn new(scenario: &str) -> Self {
        let zoho =
            Simulator::start(([127, 0, 0, 1], 0).into(), Scenario::parse(scenario).unwrap()).await.unwrap();
        let account = account(&zoho.url(), "timeout = \"2s\"\n");
        let state = tempfile::tempdir().unwrap();
        let transport = Arc::new(HttpTransport::default());
        let secret = || "any".to_owned().into();
        let credentials =
            Credentials { client_id: "1000.A".into(), client_secret: secret(), refresh_token: secret() };
        let tokens = Tokens::new(
            &account,
            credentials,
            state.path(),
            Arc::clone(&transport) as _,
            Arc::new(SystemClock),
            Redactor::default(),
        );
        let token = tokens.current().await.unwrap();
        let client = Client::new(&account, transport, Arc::new(SystemClock), Redactor::default());
        Self { zoho, client, token, _state: state }
    }

    async fn cancel(&self, id: &str) -> Reply {
        self.client.cancel(&self.token, &id.parse().unwrap()).await
    }
}

const WEEKLY: &str = "[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=FR\"\nscheduled_date = \"2090-01-06T09:00:00+05:30\"\n";

#[tokio::test]
async fn all_four_endpoints_are_understood() {
    let wire = Wire::new(WEEKLY).await;
    let Read::Found(backup) = wire.client.get(&wire.token).await else { panic!("no backup") };
    assert_eq!(
        (backup.id.as_ref().map(BackupId::as_str), backup.status.as_deref()),
        (Some("42"), Some("SCHEDULED"))
    );
    assert_eq!(backup.rrule.as_deref(), Some("RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=FR"));
    assert_eq!(backup.scheduled_date.unwrap().to_string(), "2090-01-06T09:00:00+05:30[+05:30]");

    let again = wire.client.schedule(&wire.token, backup.rrule.as_deref()).await;
    let Read::Failed(Reply::Answer(answer)) = again else { panic!("{again:?}") };
    assert_eq!(answer.code.as_deref(), Some("BACKUP_ALREADY_SCHEDULED"));

    assert_eq!(judge_cancel(&wire.cancel("42").await), Verdict::End(Outcome::Cancelled));
    assert_eq!(judge_cancel(&wire.cancel("42").await), Verdict::End(Outcome::AlreadyCancelled));

    let scheduled = wire.client.schedule(&wire.token, backup.rrule.as_deref()).await;
    let Read::Found(scheduled) = scheduled else { panic!("{scheduled:?}") };
    assert_ne!(scheduled.id, "42", "a new schedule has a new ID");

    let Read::Found(history) = wire.client.history(&wire.token, 1).await else { panic!("no history") };
    assert!(history.rows.iter().any(|row| row.action.as_deref() == Some("stopped")), "{history:?}");
}

#[tokio::test]
async fn an_organisation_without_backups_has_nothing_to_read() {
    let wire = Wire::new("[accounts.acme]\n").await;
    assert_eq!(wire.client.get(&wire.token).await, Read::Nothing);
    assert_eq!(wire.client.history(&wire.token, 1).await, Read::Nothing);
}

#[tokio::test]
async fn every_fault_of_a_connection_is_transient_and_says_what_happened() {
    for (fault, said) in [
        ("drop", "connection"),
        ("drop-after", "connection"),
        ("cut-short", "cut short"),
        ("hang", "timed out: no whole answer within 2s"),
        ("slow-body", "timed out: no whole answer within 2s"),
    ] {
        let scenario = format!("{WEEKLY}faults = [{{ then = \"{fault}\", every = \"500ms\" }}]\n");
        let scenario =
            if fault == "slow-body" { scenario } else { scenario.replace(", every = \"500ms\"", "") };
        let reply = Wire::new(&scenario).await.cancel("42").await;
        let Reply::Fault(text) = &reply else { panic!("{fault}: {reply:?}") };
        assert!(text.contains(said), "{fault}: {text}");
        assert_eq!(judge_cancel(&reply), Verdict::Transient(None), "{fault}");
    }
}

#[tokio::test]
async fn a_huge_body_is_cut_and_judged_by_what_is_left() {
    let reply = Wire::new(&format!("{WEEKLY}faults = [\"huge\"]\n")).await.cancel("42").await;
    assert_eq!(judge_cancel(&reply), Verdict::Transient(None), "{reply:?}");
}

#[tokio::test]
async fn a_refused_connection_is_a_fault() {
    let wire = Wire::new(WEEKLY).await;
    let Wire { zoho, client, token, .. } = wire;
    zoho.stop().await;
    let reply = client.cancel(&token, &"42".parse().unwrap()).await;
    let Reply::Fault(text) = &reply else { panic!("{reply:?}") };
    assert!(text.starts_with("couldn't connect: "), "{text}");
}

/// Answers one request on one connection with these bytes; gives back what was asked.
async fn answer_once(bytes: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![];
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(bytes).await.unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, asked)
}

async fn cancel_at(address: SocketAddr) -> Reply {
    let wire = Wire::new(WEEKLY).await;
    let account = account(&format!("http://{address}"), "timeout = \"2s\"\n");
    let client =
        Client::new(&account, Arc::new(HttpTransport::default()), Arc::new(SystemClock), Redactor::default());
    client.cancel(&wire.token, &"42".parse().unwrap()).await
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_goes_nowhere() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = elsewhere.local_addr().unwrap();
    let answer =
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{target}/\r\nContent-Length: 0\r\n\r\n");
    let (address, asked) = answer_once(answer.leak().as_bytes()).await;
    let reply = cancel_at(address).await;
    assert_eq!(judge_cancel(&reply), Verdict::End(Outcome::Rejected));
    let visited = tokio::time::timeout(Duration::ZERO, elsewhere.accept()).await;
    assert!(visited.is_err(), "somebody came");
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("PUT /crm/bulk/v7/backup/42/actions/cancel HTTP/1.1\r\n"), "{asked}");
    assert!(asked.to_lowercase().contains("\r\ncontent-length: 0\r\n"), "{asked}");
    assert!(asked.contains("Zoho-oauthtoken 1000.sim"), "{asked}");
}

#[tokio::test]
async fn nonsense_instead_of_http_is_a_fault() {
    for bytes in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"HTTP/1.1 999999 ?\r\n\r\n", b"\0\0\0\0\0\0\0\0\r\n\r\n"]
    {
        let (address, _asked) = answer_once(bytes).await;
        let reply = cancel_at(address).await;
        assert!(matches!(reply, Reply::Fault(_)), "{reply:?}");
    }
}
