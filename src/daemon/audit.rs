//! Tests what accounts' credentials are good for. It changes nothing at Zoho.

use std::collections::BTreeMap;
use std::sync::Arc;

use calloff_core::ids::{AccountName, BackupId};
use calloff_core::outcome::{self, Outcome, Reply, Verdict};
use calloff_core::retry::RetryPolicy;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use super::accounts::{Access, Accounts};
use super::look::Unread;
use super::pursuit::{Bounds, Errand, Pursued, Pursuer, Spent, ran_out};
use crate::zoho::{AccessToken, Client, Organisation, Read, TokenError};

/// Accounts that are tested at the same time.
const CONCURRENCY: usize = 10;

/// What a test of an account has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Why the account's backup could not be read, if it could not.
    pub unread: Option<Unread>,
    /// The scopes that Zoho named with the token, if it named them.
    pub scopes: Option<String>,
    /// The address of the API that Zoho named with it, if it named one.
    pub api_domain: Option<String>,
    /// What Zoho says of the organisation, or why it says nothing; `None` if it was not asked.
    pub organisation: Option<Result<Organisation, Unread>>,
    /// How Zoho answered the cancel of a backup that does not exist, if that had to be tried.
    pub cancel: Option<Unread>,
}

/// Tests these accounts, some at the same time.
///
/// # Errors
///
/// If a test ended in a defect.
pub async fn audit(
    pursuer: &Pursuer,
    accounts: &Accounts,
    policy: RetryPolicy,
) -> Result<BTreeMap<AccountName, Audited>, JoinError> {
    let places = Arc::new(Semaphore::new(CONCURRENCY));
    let mut tests = JoinSet::new();
    for access in accounts.values() {
        let (pursuer, places, access) = (pursuer.clone(), Arc::clone(&places), Arc::clone(access));
        tests.spawn(async move {
            // The semaphore is never closed.
            let _place = places.acquire().await.ok()?;
            Some((access.name.clone(), pursuer.audit(&access, policy).await?))
        });
    }
    let mut audited = BTreeMap::new();
    while let Some(tested) = tests.join_next().await {
        audited.extend(tested?);
    }
    Ok(audited)
}

impl Pursuer {
    /// Reads the account's backup, and sees what Zoho says of the token that did. If it says nothing, a cancel shows
    /// whether cancels are allowed. Nothing would show whether scheduling is, but scheduling.
    async fn audit(&self, access: &Access, policy: RetryPolicy) -> Option<Audited> {
        let unread = self.backup(access, policy).await?.err();
        let token = access.tokens.at_hand();
        let scopes = token.as_ref().and_then(|token| token.scopes().map(str::to_owned));
        let api_domain = token.as_ref().and_then(|token| token.api_domain().map(str::to_owned));
        let is_answering = unread.as_ref().is_none_or(|unread| {
            let refused = outcome::credentials_refused(unread.outcome, unread.code.as_deref());
            unread.outcome != Outcome::Exhausted && !refused
        });
        let cancel =
            if is_answering && scopes.is_none() { self.try_cancel(access, policy).await? } else { None };
        let organisation = match token.filter(|_| is_answering) {
            Some(token) => Some(organisation(access, &token).await),
            None => None,
        };
        Some(Audited { unread, scopes, api_domain, organisation, cancel })
    }

    /// Cancels a backup that does not exist.
    async fn try_cancel(&self, access: &Access, policy: RetryPolicy) -> Option<Option<Unread>> {
        let Ok(nobodys) = BackupId::parse(NOBODYS) else { return Some(None) };
        let mut errand = Trial { backup: nobodys, answer: Unread::default() };
        let bounds = Bounds { policy, deadline: None };
        let (outcome, limit) = match self.pursue(access, &mut errand, bounds, &mut Spent::default()).await {
            Pursued::Ended(outcome) => (outcome, None),
            Pursued::Denied => (Outcome::Denied, None),
            Pursued::GaveUp(limit) => (Outcome::Exhausted, Some(ran_out(limit, bounds))),
            Pursued::Stopped => return None,
        };
        Some(Some(Unread { outcome, limit, ..errand.answer }))
    }
}

/// Asks who the organisation is, once: most tokens don't allow it, and nothing depends on it.
async fn organisation(access: &Access, token: &AccessToken) -> Result<Organisation, Unread> {
    let _entered = access.gate.enter().await;
    match access.client.organisation(token).await {
        Read::Found(organisation) => Ok(organisation),
        Read::Nothing => Ok(Organisation::default()),
        Read::Failed(reply) => Err(answered(reply)),
    }
}

/// What an answer says.
fn answered(reply: Reply) -> Unread {
    match reply {
        Reply::Answer(answer) => Unread {
            http_status: Some(answer.status),
            code: answer.code,
            message: answer.message,
            ..Unread::default()
        },
        Reply::Fault(fault) => Unread { message: Some(fault), ..Unread::default() },
    }
}

/// The ID of no backup: Zoho's have some 19 digits.
const NOBODYS: &str = "0";

/// A cancel for the sake of its refusal.
#[derive(Debug)]
struct Trial {
    backup: BackupId,
    answer: Unread,
}

impl Errand for Trial {
    type End = Outcome;

    async fn call(&mut self, client: &Client, token: &AccessToken) -> Verdict<Outcome> {
        let reply = client.cancel(token, &self.backup).await;
        let verdict = outcome::judge_cancel(&reply);
        self.answer = answered(reply);
        verdict
    }

    fn note_no_token(&mut self, error: TokenError) {
        let (http_status, code, message) = error.into_parts();
        self.answer = Unread { http_status, code, message, ..Unread::default() };
    }

    fn note_retry(&mut self, _: std::time::Duration) {}
}
