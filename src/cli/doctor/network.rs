//! Whether Zoho's hosts answer. Nothing is sent but a request for `/`: no credentials, no token.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use calloff_core::checkup::{Check, Finding, ServerTime};
use calloff_core::config::Account;
use http::{Request, StatusCode, header};
use jiff::fmt::rfc2822;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::daemon::Surroundings;

/// Hosts that are asked at the same time.
const CONCURRENCY: usize = 10;

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long all of them may take, however many there are.
const IN_ALL: Duration = Duration::from_secs(15);

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// One for each host.
    pub(super) findings: Vec<Finding>,
    /// The times that servers showed.
    pub(super) times: Vec<ServerTime>,
}

/// Asks each host of the accounts once.
pub(super) async fn reach(accounts: Vec<&Account>, surroundings: &Surroundings) -> Reached {
    let mut hosts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for account in accounts {
        for url in [&account.api_domain, &account.accounts_url] {
            let names = hosts.entry(url.to_string()).or_default();
            if names.last() != Some(&account.name.as_str()) {
                names.push(account.name.as_str());
            }
        }
    }
    let (places, end) = (Arc::new(Semaphore::new(CONCURRENCY)), Instant::now() + IN_ALL);
    let mut asking = JoinSet::new();
    for url in hosts.keys().cloned() {
        let (surroundings, places) = (surroundings.clone(), Arc::clone(&places));
        asking.spawn(async move {
            let asked = async {
                // The semaphore is never closed.
                let _place = places.acquire().await.ok();
                ask(&url, &surroundings).await
            };
            let answer = tokio::time::timeout_at(end, asked).await;
            (url, answer.unwrap_or_else(|_| Err("not asked: others took too long".to_owned())))
        });
    }
    let mut reached = Reached::default();
    let mut answers = BTreeMap::new();
    while let Some(asked) = asking.join_next().await {
        // A defect in one shows as a host that was not reached.
        answers.extend(asked.ok());
    }
    for (url, names) in hosts {
        let answer = answers.remove(&url).unwrap_or_else(|| Err("not asked".to_owned()));
        let of = names.join(", ");
        let finding = match answer {
            Ok(Answered { status, time }) => {
                let detail = format!("answers, with status {} (for {of})", status.as_u16());
                if let Some(hint) = doubt(status) {
                    Finding::warn(Check::Reachability, detail, hint)
                } else {
                    reached.times.extend(time);
                    Finding::ok(Check::Reachability, detail)
                }
            }
            Err(why) => Finding::failed(
                Check::Reachability,
                format!("{why} (for {of})"),
                "see the network, name resolution, HTTPS_PROXY and the system's certificates; or `data_center`, \
                 `api_domain` and `accounts_url`",
            ),
        };
        reached.findings.push(finding.of(url));
    }
    reached
}

/// What to do about an answer that may be of something in between, or comes to nothing. What a host says of `/` doesn't
/// matter else.
fn doubt(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Some("a proxy asks who you are: HTTPS_PROXY may have a name and a password")
        }
        StatusCode::NETWORK_AUTHENTICATION_REQUIRED => {
            Some("the network asks who you are before it lets anybody out")
        }
        status if status.is_server_error() => {
            Some("see Zoho's status page, and what is between here and there: a proxy may be answering")
        }
        _ => None,
    }
}

/// An answer, whatever it says.
struct Answered {
    status: StatusCode,
    time: Option<ServerTime>,
}

async fn ask(url: &str, surroundings: &Surroundings) -> Result<Answered, String> {
    let request = Request::get(format!("{url}/")).body(Bytes::new()).map_err(|error| error.to_string())?;
    let before = surroundings.clock.now();
    let sent = tokio::time::timeout(PATIENCE, surroundings.transport.send(request)).await;
    let response = match sent {
        Ok(answered) => answered.map_err(|fault| fault.to_string())?,
        Err(_) => return Err(format!("no answer within {}", humantime::format_duration(PATIENCE))),
    };
    let after = surroundings.clock.now();
    let date = response.headers().get(header::DATE).and_then(|date| date.to_str().ok());
    let shown = date.and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp());
    let time = shown.map(|shown| ServerTime { shown, before, after });
    Ok(Answered { status: response.status(), time })
}

#[cfg(test)]
mod tests {
    use calloff_core::checkup::Health;
    use calloff_core::config::parse_settings;

    use super::*;
    use crate::clock::SystemClock;
    use crate::metrics::Metrics;
    use crate::zoho::{Sending, Transport};

    /// A network in which nobody ever answers.
    #[derive(Debug)]
    struct Silence;

    impl Transport for Silence {
        fn send(&self, _: Request<Bytes>) -> Sending<'_> {
            Box::pin(std::future::pending())
        }
    }

    /// Something that answers with a status and the time of long ago.
    #[derive(Debug)]
    struct Answering(u16);

    impl Transport for Answering {
        fn send(&self, _: Request<Bytes>) -> Sending<'_> {
            let answer = http::Response::builder()
                .status(self.0)
                .header(header::DATE, "Tue, 01 Jan 2019 00:00:00 GMT")
                .body(Bytes::new());
            Box::pin(std::future::ready(Ok(answer.unwrap())))
        }
    }

    #[tokio::test]
    async fn what_is_perhaps_not_the_host_is_a_warning_and_tells_no_time() {
        let text = "[accounts.a]\ndata_center = \"eu\"\nclient_id = \"x\"\nclient_secret = { env = \"A\" }\n\
                    refresh_token = { env = \"B\" }\n";
        let settings = parse_settings("calloff.toml", text, None).settings.value.unwrap();
        for (status, health, times) in [
            (200, Health::Ok, 2),
            (302, Health::Ok, 2),
            (404, Health::Ok, 2),
            (407, Health::Warn, 0),
            (500, Health::Warn, 0),
            (502, Health::Warn, 0),
            (511, Health::Warn, 0),
        ] {
            let transport = Arc::new(Answering(status));
            let surroundings = Surroundings {
                transport,
                clock: Arc::new(SystemClock),
                dice: || 0.0,
                metrics: Metrics::default(),
            };
            let reached = reach(settings.accounts.values().collect(), &surroundings).await;
            assert!(reached.findings.iter().all(|found| found.result == health), "{status}: {reached:?}");
            assert_eq!((reached.findings.len(), reached.times.len()), (2, times), "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn dead_hosts_cost_seconds_however_many_there_are() {
        let account = |n: u32| {
            format!(
                "[accounts.a{n}]\napi_domain = \"https://api{n}.example\"\naccounts_url = \"https://accounts.example\"\n\
                 client_id = \"x\"\nclient_secret = {{ env = \"A\" }}\nrefresh_token = {{ env = \"B\" }}\n"
            )
        };
        let text: String = (0..99).map(account).collect();
        let settings = parse_settings("calloff.toml", &text, None).settings.value.unwrap();
        let clock = Arc::new(SystemClock);
        let surroundings =
            Surroundings { transport: Arc::new(Silence), clock, dice: || 0.0, metrics: Metrics::default() };
        let began = Instant::now();
        let reached = reach(settings.accounts.values().collect(), &surroundings).await;
        assert!(began.elapsed() <= IN_ALL, "{:?}", began.elapsed());
        assert_eq!((reached.findings.len(), reached.times.len()), (100, 0), "each host once");
        assert!(reached.findings.iter().all(|found| found.result == Health::Failed));
        let said = |text: &str| reached.findings.iter().filter(|found| found.detail.contains(text)).count();
        assert_eq!((said("no answer within 5s"), said("others took too long")), (30, 70));
    }
}
