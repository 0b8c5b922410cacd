//! Looks at what Zoho has: the facts that conditions, `current` and read-backs are judged by.

use std::cmp::Reverse;
use std::time::Duration;

use calloff_core::condition::{Facts, Needs, Reading};
use calloff_core::live::{HistoryRow, LiveBackup};
use calloff_core::outcome::{self, Outcome, Reply, Verdict};
use calloff_core::retry::RetryPolicy;
use jiff::Timestamp;

use super::accounts::Access;
use super::pursuit::{Bounds, Errand, Pursued, Pursuer, Spent, ran_out};
use crate::zoho::{AccessToken, Client, HistoryPage, Read, TokenError};

/// Pages of history that are read at most: two thousand rows, of a year in which backups are made once a week.
const MOST_PAGES: u32 = 10;

/// How long a glance waits for an answer.
const GLANCE: Duration = Duration::from_secs(5);

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The outcome of targets that can't do without.
    pub outcome: Outcome,
    /// The status of the last answer.
    pub http_status: Option<u16>,
    /// The code of the last answer.
    pub code: Option<String>,
    /// Zoho's message, or what was wrong with the connection; redacted.
    pub message: Option<String>,
    /// What ran out, if that is why.
    pub limit: Option<String>,
    /// The least time to wait before asking again, if the answer asked for that.
    pub retry_after: Option<Duration>,
}

impl Default for Unread {
    fn default() -> Self {
        Self {
            outcome: Outcome::Exhausted,
            http_status: None,
            code: None,
            message: None,
            limit: None,
            retry_after: None,
        }
    }
}

impl Unread {
    /// Whether the credentials are good, and what they are allowed is not enough to read.
    #[must_use]
    pub fn lacks_permission(&self) -> bool {
        self.outcome == Outcome::Denied && !outcome::credentials_refused(self.outcome, self.code.as_deref())
    }

    /// In one clause.
    #[must_use]
    pub fn why(&self) -> String {
        let parts: Vec<&str> =
            [&self.code, &self.message, &self.limit].into_iter().flatten().map(String::as_str).collect();
        if parts.is_empty() { self.outcome.as_str().to_owned() } else { parts.join(": ") }
    }
}

/// An account's backup history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Its rows, newest first.
    pub rows: Vec<HistoryRow>,
    /// Whether there are more than could be read.
    pub is_cut: bool,
}

impl History {
    /// Zoho does not document the order of the rows.
    fn new(mut rows: Vec<HistoryRow>, is_cut: bool) -> Self {
        rows.sort_by_key(|row| Reverse(row.log_time));
        Self { rows, is_cut }
    }
}

/// What came of a look; `None` if a stop came first.
pub(super) type Looked<T> = Option<Result<T, Unread>>;

impl Pursuer {
    /// Reads the account's current backup; `None` inside if it has none.
    pub(super) async fn live(
        &self,
        access: &Access,
        policy: RetryPolicy,
        spent: &mut Spent,
    ) -> Looked<Option<LiveBackup>> {
        self.read(access, Ask::Live, policy, spent).await.map(|read| {
            read.map(|found| match found {
                Found::Live(backup) => Some(backup),
                Found::Nothing | Found::Page(_) => None,
            })
        })
    }

    /// Reads the account's current backup, once; `None` inside if it has none.
    pub async fn backup(
        &self,
        access: &Access,
        policy: RetryPolicy,
    ) -> Option<Result<Option<LiveBackup>, Unread>> {
        self.live(access, policy, &mut Spent::default()).await
    }

    /// Reads the account's backup history, once.
    pub async fn history(&self, access: &Access, policy: RetryPolicy) -> Option<Result<History, Unread>> {
        self.pages(access, policy, &mut Spent::default()).await
    }

    /// Reads all pages of the history, as many as there may be.
    async fn pages(&self, access: &Access, policy: RetryPolicy, spent: &mut Spent) -> Looked<History> {
        let (mut rows, mut more) = (vec![], true);
        for number in 1..=MOST_PAGES {
            let page = match self.read(access, Ask::History(number), policy, spent).await? {
                Ok(Found::Page(page)) => page,
                Ok(Found::Nothing | Found::Live(_)) => HistoryPage::default(),
                Err(unread) => return Some(Err(unread)),
            };
            rows.extend(page.rows);
            more = page.more;
            if !more {
                break;
            }
        }
        Some(Ok(History::new(rows, more)))
    }

    /// When the account's newest completed backup was logged; `None` inside if its history has none.
    async fn last_good(
        &self,
        access: &Access,
        policy: RetryPolicy,
        spent: &mut Spent,
    ) -> Looked<Option<Timestamp>> {
        Some(self.pages(access, policy, spent).await?.and_then(|History { rows, is_cut }| {
            let good = rows.iter().filter(|row| row.state.as_deref() == Some("completed"));
            match good.filter_map(|row| row.log_time).max() {
                // Nothing found in a part of it does not mean that there is nothing.
                None if is_cut => {
                    let cut = format!(
                        "the history has more than {MOST_PAGES} pages, and no completed backup on them"
                    );
                    Err(Unread { message: Some(cut), ..Unread::default() })
                }
                newest => Ok(newest),
            }
        }))
    }

    /// Reads the facts that are needed, each once. What can't be read is among the facts as such; the first reason
    /// comes beside them.
    pub async fn facts(
        &self,
        access: &Access,
        needs: Needs,
        policy: RetryPolicy,
    ) -> Option<(Facts, Option<Unread>)> {
        self.facts_within(access, needs, policy, &mut Spent::default()).await
    }

    pub(super) async fn facts_within(
        &self,
        access: &Access,
        needs: Needs,
        policy: RetryPolicy,
        spent: &mut Spent,
    ) -> Option<(Facts, Option<Unread>)> {
        let mut facts = Facts::default();
        if needs.live {
            match self.live(access, policy, spent).await? {
                Ok(live) => facts.live = Reading::Read(live),
                Err(unread) => {
                    facts.live = Reading::Failed(unread.why());
                    // The same account would hardly answer another question.
                    return Some((facts, Some(unread)));
                }
            }
        }
        if needs.history {
            match self.last_good(access, policy, spent).await? {
                Ok(newest) => facts.last_good = Reading::Read(newest),
                Err(unread) => {
                    facts.last_good = Reading::Failed(unread.why());
                    return Some((facts, Some(unread)));
                }
            }
        }
        Some((facts, None))
    }

    /// Looks once at the account's current backup, for what can do without: it takes no place that a cancel would wait
    /// for, asks for no token, is over soon, and how it goes does not count for or against the account.
    pub(super) async fn glance(&self, access: &Access) -> Result<Option<LiveBackup>, Unread> {
        let unread = |why: &str| Unread { message: Some(why.to_owned()), ..Unread::default() };
        let Some(_place) = access.gate.spare() else {
            let failing = access.gate.is_failing();
            return Err(unread(if failing {
                "calls of the account keep failing"
            } else {
                "no place was free"
            }));
        };
        let Some(token) = access.tokens.at_hand() else { return Err(unread("there was no token at hand")) };
        let mut reader = Reader::new(Ask::Live, access);
        let outcome = match tokio::time::timeout(GLANCE, reader.call(&access.client, &token)).await {
            Ok(Verdict::End(Ok(Found::Live(backup)))) => return Ok(Some(backup)),
            Ok(Verdict::End(Ok(Found::Nothing | Found::Page(_)))) => return Ok(None),
            Ok(Verdict::End(Err(outcome))) => outcome,
            Ok(Verdict::TokenRefused) => Outcome::Denied,
            Ok(Verdict::Transient(_)) => Outcome::Exhausted,
            Err(_) => return Err(unread("it did not answer soon enough")),
        };
        Err(reader.unread(outcome, None))
    }

    async fn read(&self, access: &Access, ask: Ask, policy: RetryPolicy, spent: &mut Spent) -> Looked<Found> {
        let mut errand = Reader::new(ask, access);
        let bounds = Bounds { policy, deadline: None };
        let (outcome, limit) = match self.pursue(access, &mut errand, bounds, spent).await {
            Pursued::Ended(Ok(found)) => return Some(Ok(found)),
            Pursued::Ended(Err(outcome)) => (outcome, None),
            Pursued::Denied => (Outcome::Denied, None),
            Pursued::GaveUp(limit) => (Outcome::Exhausted, Some(ran_out(limit, bounds))),
            Pursued::Stopped => return None,
        };
        Some(Err(errand.unread(outcome, limit)))
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Live,
    /// This page of it.
    History(u32),
}

/// What was found.
#[derive(Debug)]
enum Found {
    Live(LiveBackup),
    Page(HistoryPage),
    Nothing,
}

/// A reading call and its last answer.
#[derive(Debug)]
struct Reader<'a> {
    ask: Ask,
    account: &'a str,
    http_status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    retry_after: Option<Duration>,
}

impl<'a> Reader<'a> {
    fn new(ask: Ask, access: &'a Access) -> Self {
        let account = access.name.as_str();
        Self { ask, account, http_status: None, code: None, message: None, retry_after: None }
    }

    fn unread(self, outcome: Outcome, limit: Option<String>) -> Unread {
        let Self { http_status, code, message, retry_after, .. } = self;
        Unread { outcome, http_status, code, message, limit, retry_after }
    }
}

impl Errand for Reader<'_> {
    type End = Result<Found, Outcome>;

    async fn call(&mut self, client: &Client, token: &AccessToken) -> Verdict<Self::End> {
        let read = match self.ask {
            Ask::Live => found(client.get(token).await, Found::Live),
            Ask::History(number) => found(client.history(token, number).await, Found::Page),
        };
        let reply = match read {
            Ok(found) => return Verdict::End(Ok(found)),
            Err(reply) => reply,
        };
        let verdict = match outcome::judge_unread(&reply) {
            Verdict::End(outcome) => Verdict::End(Err(outcome)),
            Verdict::TokenRefused => Verdict::TokenRefused,
            Verdict::Transient(asked) => Verdict::Transient(asked),
        };
        (self.http_status, self.code, self.message) = match reply {
            Reply::Answer(answer) => {
                self.retry_after = answer.retry_after;
                let unreadable = || "an answer that is no backup".to_owned();
                (Some(answer.status), answer.code, answer.message.or_else(|| Some(unreadable())))
            }
            Reply::Fault(fault) => (None, None, Some(fault)),
        };
        verdict
    }

    fn note_no_token(&mut self, error: TokenError) {
        (self.http_status, self.code, self.message) = error.into_parts();
    }

    fn note_retry(&mut self, wait: Duration) {
        tracing::debug!(event = "account.unread", account = self.account, asked = ?self.ask,
            http_status = self.http_status, code = self.code, message = self.message,
            retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    }
}

fn found<T>(read: Read<T>, wrap: impl FnOnce(T) -> Found) -> Result<Found, Reply> {
    match read {
        Read::Found(value) => Ok(wrap(value)),
        Read::Nothing => Ok(Found::Nothing),
        Read::Failed(reply) => Err(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_newest_first_in_whatever_order_it_came() {
        let row = |at: Option<&str>| HistoryRow {
            log_time: at.map(|at| at.parse().unwrap()),
            ..HistoryRow::default()
        };
        let (old, new) = (Some("2026-11-21T03:10:00Z"), Some("2026-11-28T03:10:00Z"));
        let history = History::new(vec![row(None), row(old), row(new)], false);
        assert_eq!(history.rows, [row(new), row(old), row(None)]);
    }
}
