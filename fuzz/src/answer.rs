//! Answers of Zoho, or of whoever stands between. The input's first line is the status and, if there is more of it, the
//! header `Retry-After`; the rest is the body.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use calloff::clock::{Clock, SharedClock};
use calloff::zoho::{
    AccessToken, Client, Credentials, ExchangeError, Fault, Read, Redactor, Sending, Tokens, Transport,
    exchange,
};
use calloff_core::config::{Account, parse_settings};
use calloff_core::ids::BackupId;
use calloff_core::live::{self, Current, LiveBackup};
use calloff_core::outcome::{
    Answer, Outcome, Reply, Scheduling, Standing, Verdict, hint, judge_cancel, judge_schedule, judge_unread,
};
use http::{HeaderValue, Request, Response, header};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::runtime::Runtime;

/// What no answer may bring out, though it may echo it.
const SECRET: &str = "kanarienvogel";
const TOKEN: &str = "1000.a1b2c3d4e5f60718293a4b5c6d7e8f90.0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// The longest wait that an answer can ask for.
const DAY: Duration = Duration::from_hours(24);

const SETTINGS: &str = r#"
timezone = "UTC"
[accounts.acme]
data_center = "eu"
client_id = "1000.ABC"
client_secret = { env = "SECRET" }
refresh_token = { env = "TOKEN" }
"#;

/// Any answer to any call is read to an end, shows no secret, and is a success only if it says so.
pub(crate) fn any_answer(input: &[u8]) {
    let Some(response) = response(input) else { return };
    let (account, token) = stage();
    let transport: Arc<dyn Transport> = Arc::new(Canned(response));
    let redactor = Redactor::new(vec![SecretString::from(SECRET)]);
    let client = Client::new(account, Arc::clone(&transport), Arc::new(Still), redactor);
    let id = BackupId::parse("42").expect("an ID");
    runtime().block_on(async {
        let cancelled = client.cancel(token, &id).await;
        check_reply(&cancelled);
        assert_eq!(cancelled, client.cancel(token, &id).await, "the same answer is read the same");
        check_read(&client.get(token).await, check_live);
        check_read(&client.history(token, 1).await, |_| {});
        check_read(&client.organisation(token).await, |_| {});
        check_read(&client.schedule(token, Some("RRULE:FREQ=WEEKLY")).await, |_| {});
        check_exchange(account, transport.as_ref()).await;
    });
}

fn response(input: &[u8]) -> Option<Response<Bytes>> {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let head = str::from_utf8(parts.next()?).ok()?;
    let (status, wait) = head.split_once(' ').map_or((head, None), |(status, wait)| (status, Some(wait)));
    let mut response = Response::builder().status(status.parse::<u16>().ok()?);
    if let Some(wait) = wait {
        response = response.header(header::RETRY_AFTER, HeaderValue::from_str(wait).ok()?);
    }
    response.body(Bytes::copy_from_slice(parts.next().unwrap_or_default())).ok()
}

/// The verdicts on a reply. That something has been achieved takes the word for it, and a status that fits.
fn check_reply(reply: &Reply) {
    check_silent(reply);
    let Reply::Answer(Answer { status, code, retry_after, .. }) = reply else {
        panic!("an answer came: {reply:?}");
    };
    let code = code.as_deref();
    assert!(retry_after.is_none_or(|wait| wait <= DAY), "{reply:?}");
    if let Verdict::End(outcome) = judge_cancel(reply) {
        let is_failure = outcome.standing() == Standing::Failure;
        let is_said = match outcome {
            Outcome::Cancelled => (200..300).contains(status) && code == Some("SUCCESS"),
            Outcome::AlreadyCancelled => *status >= 400 && code == Some("ALREADY_CANCELLED"),
            _ => is_failure,
        };
        assert!(is_said, "{outcome} by {reply:?}");
        assert_eq!(hint(outcome, code).is_some(), is_failure, "{outcome} by {reply:?}");
    }
    if let Verdict::End(outcome) = judge_unread(reply) {
        assert_eq!(outcome.standing(), Standing::Failure, "{reply:?}");
    }
    match judge_schedule(reply) {
        Verdict::End(Scheduling::Accepted) => {
            assert!((200..300).contains(status) && code == Some("SUCCESS"), "{reply:?}");
        }
        Verdict::End(Scheduling::Refused(outcome)) => assert_eq!(outcome.standing(), Standing::Failure),
        _ => {}
    }
}

fn check_read<T: std::fmt::Debug>(read: &Read<T>, check: impl FnOnce(&T)) {
    check_silent(read);
    match read {
        Read::Found(found) => check(found),
        Read::Nothing => {}
        Read::Failed(reply) => check_reply(reply),
    }
}

/// What is to be cancelled is what was shown, and a start that is said to have been lies where it was looked for.
fn check_live(backup: &LiveBackup) {
    let now = Still.now();
    if let Current::Cancel(id) = live::current(Some(backup), now) {
        assert_eq!(Some(&id), backup.id.as_ref());
        assert!(!backup.is_idle(now));
    }
    let (from, until) = (now - Duration::from_hours(24 * 365), now + Duration::from_hours(24 * 365));
    let started = backup.surely_started(from, until);
    assert!(started.is_none_or(|start| start > from && start <= until), "{started:?} of {backup:?}");
    if backup.phase() == live::Phase::Stopped {
        assert_eq!(backup.next_start(now), None);
    }
}

/// The token endpoint: what it says is as silent, and what it names is a name.
async fn check_exchange(account: &Account, transport: &dyn Transport) {
    let secret = SecretString::from(SECRET);
    match exchange(account, &secret, &secret, transport).await {
        Ok(exchanged) => {
            assert!(
                exchanged.api_domain.is_none_or(|url| url.starts_with("http") && !url.contains(['@', '?']))
            );
            let scopes = exchanged.scopes.unwrap_or("ZohoCRM.none".to_owned());
            assert!(scopes.split(' ').all(|scope| scope.starts_with("Zoho")), "{scopes}");
        }
        Err(error) => {
            check_silent(&error);
            if let ExchangeError::Refused { code, .. } = error {
                assert!(!code.is_empty(), "a refusal has a name");
            }
        }
    }
}

fn check_silent(shown: &impl std::fmt::Debug) {
    let shown = format!("{shown:?}");
    for secret in [SECRET, TOKEN, &TOKEN[..TOKEN.len() / 2]] {
        assert!(!shown.contains(secret), "a secret is shown: {shown}");
    }
}

/// The account, and a token for it that was had in the usual way.
fn stage() -> &'static (Account, AccessToken) {
    static STAGE: OnceLock<(Account, AccessToken)> = OnceLock::new();
    STAGE.get_or_init(|| {
        let settings = parse_settings("calloff.toml", SETTINGS, None).settings.value.expect("right");
        let account = settings.accounts.into_values().next().expect("an account");
        let folder = tempfile::tempdir().expect("a folder");
        let token = runtime().block_on(issue(&account, folder.path()));
        (account, token)
    })
}

async fn issue(account: &Account, state: &Path) -> AccessToken {
    let body = Bytes::from(format!(r#"{{"access_token":"{TOKEN}","expires_in":3600}}"#));
    let credentials = Credentials {
        client_id: account.client_id.clone(),
        client_secret: SecretString::from(SECRET),
        refresh_token: SecretString::from(SECRET),
    };
    let transport = Arc::new(Canned(Response::new(body)));
    let clock: SharedClock = Arc::new(Still);
    let tokens = Tokens::new(account, credentials, state, transport, clock, Redactor::default());
    tokens.current().await.expect("a token")
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
    })
}

/// A wall clock that stands still.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_795_795_200).expect("an instant")
    }
}

/// Has one answer to all requests.
#[derive(Debug)]
struct Canned(Response<Bytes>);

impl Transport for Canned {
    fn send(&self, _: Request<Bytes>) -> Sending<'_> {
        Box::pin(async { Ok::<_, Fault>(self.0.clone()) })
    }
}
