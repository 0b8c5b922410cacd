//! The machine itself: who asks, what is in the way, what is answered.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;

use crate::code::Code;
use crate::fault::{Fault, Step};
use crate::scenario::Scenario;

use super::account::Account;
use super::answer::{Answer, Cut, Draft, spoil};
use super::oauth::{self, Asker};
use super::route::{self, Asked, Endpoint};
use super::seen::Seen;

/// A request with its whole body. The address may be a path or an absolute URL.
pub type Request = http::Request<Bytes>;

/// Requests that are remembered; older ones are forgotten, so that a long-lived simulator doesn't grow.
const REMEMBERED: usize = 100_000;

/// The API credits that remain.
const CREDITS: HeaderName = HeaderName::from_static("x-api-credits-remaining");

/// What is to be done about a request.
#[derive(Debug)]
#[must_use = "the call stays in flight until `World::leave` is told"]
pub struct Reaction {
    /// The answer, or what it would have been.
    pub answer: Answer,
    /// How long to wait before handing it over, or before closing the connection.
    pub delay: Duration,
    /// How to hand it over.
    pub cut: Cut,
    /// To be given back to [`World::leave`] when that is done; `None` for calls that aren't counted.
    pub in_flight: Option<InFlight>,
    /// The record of the call.
    pub seen: Seen,
}

/// A call of the API that is being answered.
#[derive(Debug)]
#[must_use = "the call stays in flight until `World::leave` is told"]
pub struct InFlight(usize);

/// The simulated Zoho.
#[derive(Debug)]
pub struct World {
    /// By name.
    pub(super) accounts: Vec<Account>,
    pub(super) tokens: HashMap<String, Token>,
    pub(super) tokens_made: u64,
    start: Timestamp,
    requests: u64,
    seen: VecDeque<Seen>,
}

/// An access token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// Its account's place.
    pub(super) place: usize,
    pub(super) expires: Timestamp,
}

/// What was made of a request, before it is recorded.
struct Outcome {
    place: Option<usize>,
    answer: Answer,
    code: Option<&'static str>,
    delay: Duration,
    cut: Cut,
    acted: bool,
    counted: bool,
}

impl Outcome {
    fn refused(place: Option<usize>, draft: Draft) -> Self {
        Self {
            place,
            code: draft.code,
            answer: draft.finish(),
            delay: Duration::ZERO,
            cut: Cut::Complete,
            acted: false,
            counted: false,
        }
    }
}

impl World {
    /// A world as the scenario has it, at that instant.
    #[must_use]
    pub fn new(scenario: Scenario, start: Timestamp) -> Self {
        let accounts = scenario.accounts.into_iter();
        Self {
            accounts: accounts.map(|(name, settings)| Account::new(&name, settings, start)).collect(),
            tokens: HashMap::new(),
            tokens_made: 0,
            start,
            requests: 0,
            seen: VecDeque::new(),
        }
    }

    /// Takes in a request. State changes at once, whatever the delay of the answer.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Reaction {
        let asked = route::asked(request.method(), request.uri().path());
        let outcome = match asked.endpoint {
            Endpoint::Token | Endpoint::Revoke => self.handle_oauth(request, asked, now),
            _ => self.handle_api(request, asked, now),
        };
        self.requests += 1;
        let answered = !matches!(outcome.cut, Cut::Close | Cut::Hang);
        let seen = Seen {
            number: self.requests,
            at: now,
            account: outcome.place.map(|place| self.accounts[place].name.clone()),
            endpoint: asked.endpoint,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            backup: asked.backup.map(str::to_owned),
            status: answered.then(|| outcome.answer.status().as_u16()),
            code: outcome.code,
            acted: outcome.acted,
        };
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(seen.clone());
        Reaction {
            answer: outcome.answer,
            delay: outcome.delay,
            cut: outcome.cut,
            in_flight: outcome.place.filter(|_| outcome.counted).map(InFlight),
            seen,
        }
    }

    /// Hears that an answer has been handed over, or that nobody waits for it any more.
    #[expect(clippy::needless_pass_by_value, reason = "so that a call leaves once")]
    pub fn leave(&mut self, call: InFlight) {
        let account = &mut self.accounts[call.0];
        account.in_flight = account.in_flight.saturating_sub(1);
    }

    /// The accounts by name.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter()
    }

    /// One account.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| *account.name == *name)
    }

    /// One account, to be changed behind the callers' backs.
    pub fn account_mut(&mut self, name: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| *account.name == *name)
    }

    /// What was asked, oldest first: the newest 100,000 requests.
    #[must_use]
    pub fn seen(&self) -> impl DoubleEndedIterator<Item = &Seen> + ExactSizeIterator {
        self.seen.iter()
    }

    /// Forgets what was asked so far; it stays counted.
    pub fn forget_seen(&mut self) {
        self.seen.clear();
    }

    /// How many requests there were.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// Makes an access token without the token endpoint: not counted, not throttled. `None` if there is no
    /// such account.
    pub fn issue_token(&mut self, account: &str, now: Timestamp) -> Option<String> {
        let place = self.accounts.iter().position(|known| *known.name == *account)?;
        Some(self.make_token(place, "", now))
    }

    fn handle_api(&mut self, request: &Request, asked: Asked<'_>, now: Timestamp) -> Outcome {
        let refusal = |code| Draft::refusal(code, asked.endpoint, asked.backup);
        let given = bearer(request);
        let token = given.and_then(|token| self.tokens.get(token)).copied();
        let Some(token) = token else {
            let code = match (asked.refusal, given) {
                (Some(code), _) => code,
                (None, None) => Code::AuthenticationFailure,
                (None, Some(_)) => Code::InvalidToken,
            };
            return Outcome::refused(None, refusal(code));
        };

        let mut outcome = self.answer_api(request, asked, token, now);
        let account = &mut self.accounts[token.place];
        if let Some(credits) = &mut account.settings.credits {
            *credits = credits.saturating_sub(1);
            outcome.answer.headers_mut().insert(CREDITS, HeaderValue::from(*credits));
        }
        outcome
    }

    /// What an account answers to a call with one of its tokens.
    fn answer_api(&mut self, request: &Request, asked: Asked<'_>, token: Token, now: Timestamp) -> Outcome {
        let refusal = |code| Draft::refusal(code, asked.endpoint, asked.backup);
        let elapsed = now.duration_since(self.start);
        let account = &mut self.accounts[token.place];
        account.calls += 1;
        account.in_flight += 1;
        account.max_in_flight = account.max_in_flight.max(account.in_flight);
        let latency = account.settings.latency;
        let refused =
            |draft| Outcome { delay: latency, counted: true, ..Outcome::refused(Some(token.place), draft) };

        if let Some(code) = asked.refusal {
            return refused(refusal(code));
        }
        let outage = account.outage(asked.endpoint, elapsed);
        if outage.is_none() {
            let crowded = account.settings.concurrency.is_some_and(|most| account.in_flight > most);
            let code = if crowded {
                Some(Code::TooManyRequests)
            } else if token.expires <= now {
                Some(Code::InvalidToken)
            } else if !account.allows(asked.endpoint) {
                Some(Code::OauthScopeMismatch)
            } else if account.settings.no_permission && asked.endpoint.scope().is_some() {
                Some(Code::NoPermission)
            } else {
                None
            };
            if let Some(code) = code {
                return refused(refusal(code));
            }
        }
        let step = outage.unwrap_or_else(|| account.fault(asked.endpoint, asked.backup));
        let query = request.uri().query().unwrap_or_default();
        let normal = account.answer(asked, query, request.body(), now, step.acts());
        let (answer, code, cut) = spoil(normal, &step, asked.endpoint, asked.backup, &base(request), now);
        Outcome {
            place: Some(token.place),
            answer,
            code,
            delay: latency + step.delay,
            cut,
            acted: step.acts(),
            counted: true,
        }
    }

    fn handle_oauth(&mut self, request: &Request, asked: Asked<'_>, now: Timestamp) -> Outcome {
        if asked.refusal.is_some() {
            return Outcome::refused(None, Draft::empty(400));
        }
        let fields = oauth::fields(request);
        if asked.endpoint == Endpoint::Revoke {
            return Outcome::refused(None, self.revoke(&fields));
        }
        let (place, refresh_token, exchange) = match self.asker(&fields) {
            Asker::Refused(draft) => return Outcome::refused(None, draft),
            Asker::Account { place, refresh_token, exchange } => (place, refresh_token, exchange),
        };
        let elapsed = now.duration_since(self.start);
        let account = &mut self.accounts[place];
        account.token_calls += 1;
        let latency = account.settings.latency;
        let outage = account.outage(Endpoint::Token, elapsed);
        let step: Step = outage.unwrap_or_else(|| account.fault(Endpoint::Token, None));
        let base = base(request);
        let normal = self.token(place, &refresh_token, exchange.as_deref(), &base, now, step.acts());
        let (answer, code, cut) = spoil(normal, &step, Endpoint::Token, None, &base, now);
        let acted = step.acts() && !matches!(step.fault, Fault::Token(_)) && code.is_none();
        Outcome { place: Some(place), answer, code, delay: latency + step.delay, cut, acted, counted: false }
    }
}

/// The token of a request. Zoho's documentation knows no other scheme.
fn bearer(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Zoho-oauthtoken ").map(str::trim).filter(|token| !token.is_empty())
}

/// The simulator's own address, as the caller knows it.
fn base(request: &Request) -> String {
    if let (Some(scheme), Some(authority)) = (request.uri().scheme(), request.uri().authority()) {
        return format!("{scheme}://{authority}");
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("127.0.0.1"))
}
