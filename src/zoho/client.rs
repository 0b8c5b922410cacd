//! The backup endpoints of one account.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use calloff_core::code::{self, Endpoint};
use calloff_core::config;
use calloff_core::ids::{AccountName, BackupId};
use calloff_core::live::LiveBackup;
use calloff_core::outcome::{Answer, Reply};
use http::{HeaderValue, Method, Request, header};
use secrecy::zeroize::Zeroizing;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::auth::AccessToken;
use super::backup::{self, HistoryPage, Organisation, Scheduled};
use super::credits::Credits;
use super::redact::Redactor;
use super::transport::Transport;
use super::wire;
use crate::clock::SharedClock;
use crate::metrics::Metrics;

/// Calls an account's backup endpoints: one request for one call, no retry, no redirect.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    clock: SharedClock,
    redactor: Redactor,
    account: AccountName,
    /// What its calls are counted in.
    metrics: Metrics,
    /// What Zoho has said of the calls that are left.
    credits: Credits,
    /// Such as `https://www.zohoapis.eu/crm/bulk/v7/backup`; `bulk` stands before the version.
    base: String,
    /// Such as `https://www.zohoapis.eu/crm/v7/org`.
    organisation: String,
    timeout: Duration,
}

/// What a reading call brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read<T> {
    /// A 200 whose body could be read.
    Found(T),
    /// A 204: there is nothing.
    Nothing,
    /// Anything else.
    Failed(Reply),
}

impl Client {
    /// A client for the account's endpoints, which counts for itself.
    #[must_use]
    pub fn new(
        account: &config::Account,
        transport: Arc<dyn Transport>,
        clock: SharedClock,
        redactor: Redactor,
    ) -> Self {
        let base = format!("{}/crm/bulk/{}/backup", account.api_domain, account.api_version.as_str());
        let organisation = format!("{}/crm/{}/org", account.api_domain, account.api_version.as_str());
        Self {
            transport,
            clock,
            redactor,
            account: account.name.clone(),
            metrics: Metrics::default(),
            credits: Credits::default(),
            base,
            organisation,
            timeout: account.timeout,
        }
    }

    /// The same, counting its calls there, and noting there what Zoho says of those that are left.
    #[must_use]
    pub fn counted_in(self, metrics: Metrics, credits: Credits) -> Self {
        Self { metrics, credits, ..self }
    }

    /// Cancels a backup. Repeating it is safe: Zoho then answers `ALREADY_CANCELLED`.
    ///
    /// Source: Zoho CRM API v7, "Cancel data backup".
    pub async fn cancel(&self, token: &AccessToken, backup: &BackupId) -> Reply {
        let path = format!("/{backup}/actions/cancel");
        self.call(token, Endpoint::Cancel, &path, None).await.0
    }

    /// Reads the organisation's newest backup; there is no way to read an older one.
    ///
    /// Source: Zoho CRM API v7, "Get data backup info".
    pub async fn get(&self, token: &AccessToken) -> Read<LiveBackup> {
        let (reply, body) = self.call(token, Endpoint::Get, "", None).await;
        let redactor = self.redactor.and(token.secret());
        read(reply, body.as_ref().and_then(|body| backup::live(body, &redactor)))
    }

    /// Reads a page of the organisation's backup history, from 1, with at most 200 rows.
    ///
    /// Source: Zoho CRM API v7, "Get backup history".
    pub async fn history(&self, token: &AccessToken, page: u32) -> Read<HistoryPage> {
        let path = format!("/history?page={page}&per_page=200");
        let (reply, body) = self.call(token, Endpoint::History, &path, None).await;
        let redactor = self.redactor.and(token.secret());
        read(reply, body.as_ref().and_then(|body| HistoryPage::read(body, &redactor)))
    }

    /// Schedules a recurring backup, or one that starts now if there is no rule. Repeating it is not safe.
    ///
    /// Source: Zoho CRM API v7, "Schedule data backup".
    pub async fn schedule(&self, token: &AccessToken, rrule: Option<&str>) -> Read<Scheduled> {
        let body = rrule.map(|rrule| json!({ "backup": { "rrule": rrule } }));
        let (reply, body) = self.call(token, Endpoint::Schedule, "", body).await;
        let accepted = matches!(&reply, Reply::Answer(answer) if answer.code.as_deref() == Some("SUCCESS"));
        read(reply, body.as_ref().filter(|_| accepted).and_then(Scheduled::read))
    }

    /// Reads what the organisation is called and where it is. The scope for that is `ZohoCRM.org.READ`.
    ///
    /// Source: Zoho CRM API v7, "Organization".
    pub async fn organisation(&self, token: &AccessToken) -> Read<Organisation> {
        let (reply, body) = self.send(token, Endpoint::Org, self.organisation.clone(), None).await;
        let redactor = self.redactor.and(token.secret());
        read(reply, body.as_ref().and_then(|body| Organisation::read(body, &redactor)))
    }

    async fn call(
        &self,
        token: &AccessToken,
        endpoint: Endpoint,
        path: &str,
        body: Option<Value>,
    ) -> (Reply, Option<Value>) {
        self.send(token, endpoint, format!("{}{path}", self.base), body).await
    }

    /// Sends one request, and counts it.
    async fn send(
        &self,
        token: &AccessToken,
        endpoint: Endpoint,
        url: String,
        body: Option<Value>,
    ) -> (Reply, Option<Value>) {
        let sent = Instant::now();
        let (reply, body) = self.exchange(token, method(endpoint), url, body).await;
        self.metrics.called(&self.account, endpoint, code::word_of(&reply), sent.elapsed());
        (reply, body)
    }

    async fn exchange(
        &self,
        token: &AccessToken,
        method: Method,
        url: String,
        body: Option<Value>,
    ) -> (Reply, Option<Value>) {
        let request = match request(token, method, url, body) {
            Ok(request) => request,
            Err(error) => return (Reply::Fault(format!("the request can't be written: {error}")), None),
        };
        match tokio::time::timeout(self.timeout, self.transport.send(request)).await {
            Ok(Ok(response)) => {
                let redactor = self.redactor.and(token.secret());
                let now = self.clock.now();
                self.credits.hear(response.headers(), now);
                let (answer, body) = wire::take_apart(&response, &redactor, now);
                (Reply::Answer(answer), body)
            }
            Ok(Err(fault)) => (Reply::Fault(self.redactor.clean(&fault.0)), None),
            Err(_) => {
                let timeout = humantime::format_duration(self.timeout);
                (Reply::Fault(format!("timed out: no whole answer within {timeout}")), None)
            }
        }
    }
}

fn method(endpoint: Endpoint) -> Method {
    match endpoint {
        Endpoint::Cancel => Method::PUT,
        Endpoint::Schedule | Endpoint::Token => Method::POST,
        Endpoint::Get | Endpoint::History | Endpoint::Org => Method::GET,
    }
}

fn request(
    token: &AccessToken,
    method: Method,
    url: String,
    body: Option<Value>,
) -> http::Result<Request<Bytes>> {
    let value = Zeroizing::new(format!("Zoho-oauthtoken {}", token.expose_secret()));
    let mut authorization = HeaderValue::try_from(value.as_str())?;
    authorization.set_sensitive(true);
    let request = Request::builder().method(method).uri(url).header(header::AUTHORIZATION, authorization);
    match body {
        Some(body) => {
            request.header(header::CONTENT_TYPE, "application/json").body(Bytes::from(body.to_string()))
        }
        None => request.header(header::CONTENT_LENGTH, 0).body(Bytes::new()),
    }
}

fn read<T>(reply: Reply, found: Option<T>) -> Read<T> {
    match (&reply, found) {
        (Reply::Answer(Answer { status: 204, .. }), _) => Read::Nothing,
        (Reply::Answer(Answer { status: 200..=299, .. }), Some(found)) => Read::Found(found),
        _ => Read::Failed(reply),
    }
}
