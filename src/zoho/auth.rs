//! Access tokens: one per account, cached, got by one caller at a time, in one process at a time.
//!
//! Zoho issues ten tokens per refresh token in ten minutes and then refuses for the rest of them (CRM API v8,
//! "Token validity"). So a token is kept for its whole life, across restarts, and an endpoint that has refused
//! or failed is left alone for a while, whoever asks.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use calloff_core::code::{self, Endpoint, Refreshed};
use calloff_core::config;
use calloff_core::ids::AccountName;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::grant::{Grant, NO_TOKEN, TokenEndpoint, Tokened};
use super::redact::Redactor;
use super::token_file::{Kept, TokenFile};
use super::transport::Transport;
use crate::clock::SharedClock;
use crate::metrics::Metrics;

/// A token is not used any more this long before its end, or in the last quarter of a shorter life: a call may take
/// its timeout.
const MARGIN: Duration = Duration::from_mins(1);

/// Zoho's window for counting tokens, and how long a throttled endpoint is left alone.
const SILENCE: Duration = Duration::from_mins(10);

/// Tokens that Zoho issues in that window.
const ISSUED_AT_MOST: usize = 10;

/// How long a refusal of the credentials is taken as still true, so that a thousand targets don't each ask.
const REFUSAL_STANDS: Duration = Duration::from_mins(1);

/// Renewed tokens in a row that no call was accepted with, after which the credentials count as refused.
const UNACCEPTED_AT_MOST: u32 = 3;

/// How much longer than its own token call may take another process may hold the cache.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two tries to lock the cache.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The wait after the first failure of the endpoint; each further one is four times as long.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// The longest of these waits: what an endpoint that has recovered may have to wait to be noticed. One process makes
/// nine tries in ten minutes then, which stay within Zoho's count with a token to spare if only their answers are lost.
const LONGEST_WAIT: Duration = Duration::from_secs(100);

/// What a refresh takes.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The OAuth client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// The refresh token.
    pub refresh_token: SecretString,
}

impl Credentials {
    /// Names the credentials without showing them.
    fn digest(&self, accounts_url: &str) -> String {
        let mut hash = Sha256::new();
        let parts = [
            accounts_url,
            &self.client_id,
            self.client_secret.expose_secret(),
            self.refresh_token.expose_secret(),
        ];
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }
}

/// An access token.
#[derive(Debug, Clone)]
pub struct AccessToken(Arc<Issued>);

#[derive(Debug)]
struct Issued {
    secret: SecretString,
    expires_at: Timestamp,
    told: Told,
    /// Whether a call made with it was accepted.
    accepted: AtomicBool,
}

/// What Zoho told with a token, if it told it.
#[derive(Debug)]
struct Told {
    scopes: Option<String>,
    api_domain: Option<String>,
}

impl AccessToken {
    fn new(secret: SecretString, expires_at: Timestamp, told: Told) -> Self {
        Self(Arc::new(Issued { secret, expires_at, told, accepted: AtomicBool::new(false) }))
    }

    /// The scopes that Zoho named when it issued the token, with spaces between them; `None` if it named none.
    #[must_use]
    pub fn scopes(&self) -> Option<&str> {
        self.0.told.scopes.as_deref()
    }

    /// The address of the API that Zoho named when it issued the token; `None` if it named none.
    #[must_use]
    pub fn api_domain(&self) -> Option<&str> {
        self.0.told.api_domain.as_deref()
    }

    pub(super) fn secret(&self) -> &SecretString {
        &self.0.secret
    }

    pub(super) fn expose_secret(&self) -> &str {
        self.0.secret.expose_secret()
    }

    /// Says that a call made with it was accepted.
    pub fn accepted(&self) {
        self.0.accepted.store(true, Ordering::Relaxed);
    }

    fn is_same(&self, other: &Self) -> bool {
        self.expose_secret() == other.expose_secret()
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// The endpoint refused for good; a person has to change something.
    Refused {
        /// The endpoint's `error`, or Zoho's code for a token it refused.
        code: String,
        /// The status of its answer.
        http_status: Option<u16>,
        /// What happened, redacted.
        message: String,
    },
    /// None can be had before this much time has passed.
    NotFor {
        /// How long.
        wait: Duration,
        /// The status of the endpoint's answer, if it was asked and answered.
        http_status: Option<u16>,
        /// What happened, redacted.
        message: String,
    },
}

impl TokenError {
    /// The status of the endpoint's answer, its code and what happened.
    #[must_use]
    pub fn into_parts(self) -> (Option<u16>, Option<String>, Option<String>) {
        match self {
            Self::Refused { code, http_status, message } => (http_status, Some(code), Some(message)),
            Self::NotFor { http_status, message, .. } => (http_status, None, Some(message)),
        }
    }
}

/// An account's tokens.
#[derive(Debug)]
pub struct Tokens {
    transport: Arc<dyn Transport>,
    clock: SharedClock,
    redactor: Redactor,
    credentials: Credentials,
    digest: String,
    account: AccountName,
    /// What requests for tokens are counted in.
    metrics: Metrics,
    endpoint: TokenEndpoint,
    file: TokenFile,
    current: RwLock<Option<AccessToken>>,
    /// Held while a token is got: one caller at a time.
    flight: Mutex<Flight>,
}

/// What the tries before have shown.
#[derive(Debug, Default)]
struct Flight {
    /// An error that still stands, until when.
    standing: Option<(Instant, TokenError)>,
    /// Failures of the endpoint in a row.
    failures: u32,
    /// Renewed tokens in a row that no call was accepted with.
    unaccepted: u32,
}

impl Tokens {
    /// The tokens of an account, cached below the state folder.
    #[must_use]
    pub fn new(
        account: &config::Account,
        credentials: Credentials,
        state: &Path,
        transport: Arc<dyn Transport>,
        clock: SharedClock,
        redactor: Redactor,
    ) -> Self {
        Self {
            transport,
            clock,
            redactor,
            digest: credentials.digest(account.accounts_url.as_str()),
            credentials,
            account: account.name.clone(),
            metrics: Metrics::default(),
            endpoint: TokenEndpoint::new(account),
            file: TokenFile::new(state, &account.name),
            current: RwLock::new(None),
            flight: Mutex::default(),
        }
    }

    /// The same, counting there what is asked of the token endpoint.
    #[must_use]
    pub fn counted_in(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Until when the token that is at hand is used, if there is one.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|token| token.0.expires_at)
    }

    /// Whether these are got with the same credentials at the same place.
    #[must_use]
    pub fn is_for_the_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// A token that is valid for some time yet.
    ///
    /// # Errors
    ///
    /// If there is none and none can be had now.
    pub async fn current(&self) -> Result<AccessToken, TokenError> {
        match self.cached(None) {
            Some(token) => Ok(token),
            None => self.get(None).await,
        }
    }

    /// A token that is at hand, without asking for one.
    #[must_use]
    pub fn at_hand(&self) -> Option<AccessToken> {
        self.cached(None)
    }

    /// A token other than one that Zoho refused. Whoever comes second gets what the first one got.
    ///
    /// # Errors
    ///
    /// If there is none and none can be had now.
    pub async fn renew(&self, refused: &AccessToken) -> Result<AccessToken, TokenError> {
        match self.cached(Some(refused)) {
            Some(token) => Ok(token),
            None => self.get(Some(refused)).await,
        }
    }

    fn cached(&self, refused: Option<&AccessToken>) -> Option<AccessToken> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let token = current.as_ref()?;
        let usable =
            self.is_fresh(token.0.expires_at) && refused.is_none_or(|refused| !refused.is_same(token));
        usable.then(|| token.clone())
    }

    fn is_fresh(&self, expires_at: Timestamp) -> bool {
        expires_at > self.clock.now()
    }

    async fn get(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let mut flight = self.flight.lock().await;
        if let Some(token) = self.cached(refused) {
            return Ok(token);
        }
        if refused.is_some() {
            // Nobody else needs to find out that it is refused.
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        flight.check_standing()?;
        if let Some(refused) = refused {
            flight.check_accepted(refused)?;
        }
        let got = self.get_with_file(refused).await;
        match &got {
            Ok(token) => {
                flight.failures = 0;
                flight.unaccepted += u32::from(refused.is_some());
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
            }
            Err(error) => flight.note_error(error),
        }
        got.map_err(|error| flight.with_wait(error))
    }

    /// Looks into the file first, and keeps other processes from asking Zoho meanwhile.
    async fn get_with_file(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let (lock, mut kept) = self.lock_file().await;
        if kept.credentials != self.digest {
            kept = Kept { credentials: self.digest.clone(), ..Kept::default() };
        }
        if let Some(token) = self.kept_token(&kept, refused) {
            return Ok(token);
        }
        self.check_silence(&kept)?;
        let asked = self.ask(&mut kept).await;
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || {
            let written = if lock.is_some() { file.write(&kept) } else { Ok(()) };
            drop(lock);
            written
        });
        if let Ok(Err(error)) = written.await {
            tracing::warn!(event = "token.uncached", account = %self.account, %error, "the token can't be cached; the next process gets its own");
        }
        asked
    }

    /// Locks the file against other processes and reads it. One that holds the lock for longer than a token call
    /// can take is stuck; then this process goes on by itself.
    async fn lock_file(&self) -> (Option<File>, Kept) {
        let end = Instant::now() + self.endpoint.timeout() + LOCK_PATIENCE;
        loop {
            let file = self.file.clone();
            let tried = tokio::task::spawn_blocking(move || Ok((file.try_lock()?, file.read()?)));
            let tried: io::Result<(Option<File>, Kept)> =
                tried.await.unwrap_or_else(|error| Err(io::Error::other(error)));
            let trouble = match tried {
                Ok((Some(lock), kept)) => return (Some(lock), kept),
                Ok((None, kept)) if Instant::now() >= end => {
                    tracing::warn!(event = "token.lock_held", account = %self.account,
                        "another process holds the token cache for too long; going on without it");
                    return (None, kept);
                }
                Ok((None, _)) => None,
                Err(error) => Some(error),
            };
            if let Some(error) = trouble {
                tracing::warn!(event = "token.uncached", account = %self.account, %error,
                    "the token cache can't be used; a token is got for this process alone");
                return (None, Kept::default());
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
    }

    fn kept_token(&self, kept: &Kept, refused: Option<&AccessToken>) -> Option<AccessToken> {
        let token = kept.access_token.as_ref()?;
        let usable = self.is_fresh(kept.expires_at)
            && refused.is_none_or(|refused| refused.expose_secret() != token.expose_secret());
        let told = || Told { scopes: kept.scopes.clone(), api_domain: kept.api_domain.clone() };
        usable.then(|| AccessToken::new(token.clone(), kept.expires_at, told()))
    }

    /// Refuses while the endpoint is to be left alone, be it at its own wish or because its count is used up.
    fn check_silence(&self, kept: &Kept) -> Result<(), TokenError> {
        let now = self.clock.now();
        let left = |until: Timestamp| Duration::try_from(until.duration_since(now)).ok();
        if let Some(wait) = kept.silent_until.and_then(left).filter(|wait| !wait.is_zero()) {
            let message =
                "the token endpoint is throttled, and left alone until it may answer again".to_owned();
            // A clock that was set back must not make the silence longer.
            return Err(TokenError::NotFor { wait: wait.min(SILENCE), http_status: None, message });
        }
        let recent: Vec<Timestamp> = kept
            .issued
            .iter()
            .copied()
            .filter(|&at| now.duration_since(at).unsigned_abs() < SILENCE)
            .collect();
        if recent.len() >= ISSUED_AT_MOST {
            let oldest = recent.iter().min().copied().unwrap_or(now);
            let wait = oldest.checked_add(SILENCE).ok().and_then(left).unwrap_or(SILENCE).min(SILENCE);
            let message = "ten tokens were issued in ten minutes, which is all that Zoho allows".to_owned();
            return Err(TokenError::NotFor { wait, http_status: None, message });
        }
        Ok(())
    }

    async fn ask(&self, kept: &mut Kept) -> Result<AccessToken, TokenError> {
        (kept.access_token, kept.scopes, kept.api_domain) = (None, None, None);
        let failed =
            |message: String| TokenError::NotFor { wait: Duration::ZERO, http_status: None, message };
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.credentials.client_id),
            ("client_secret", self.credentials.client_secret.expose_secret()),
            ("refresh_token", self.credentials.refresh_token.expose_secret()),
        ];
        let sent = Instant::now();
        let asked = self.endpoint.ask(&fields, self.transport.as_ref(), &self.redactor).await;
        let (result, code) = counted(asked.as_ref().ok());
        self.metrics.called(&self.account, Endpoint::Token, code, sent.elapsed());
        self.metrics.token_asked(&self.account, result);
        let grant = asked.map_err(failed)?;
        let now = self.clock.now();
        match grant {
            Grant::Issued(Tokened { token, lives, scopes, api_domain, .. }) => {
                let usable = lives.saturating_sub(MARGIN.min(lives / 4));
                let expires_at = now.saturating_add(usable).unwrap_or(Timestamp::MAX);
                kept.issued.retain(|&at| now.duration_since(at).unsigned_abs() < SILENCE);
                kept.issued.push(now);
                kept.access_token = Some(token.clone());
                kept.expires_at = expires_at;
                kept.scopes.clone_from(&scopes);
                kept.api_domain.clone_from(&api_domain);
                kept.silent_until = None;
                tracing::debug!(event = "token.issued", account = %self.account, expires_at = %expires_at, "got an access token");
                Ok(AccessToken::new(token, expires_at, Told { scopes, api_domain }))
            }
            Grant::Throttled { http_status, message } => {
                kept.silent_until = now.saturating_add(SILENCE).ok();
                tracing::warn!(
                    event = "token.throttled", account = %self.account,
                    answer = message,
                    "the token endpoint is throttled: it is left alone for 10 minutes"
                );
                Err(TokenError::NotFor { wait: SILENCE, http_status: Some(http_status), message })
            }
            Grant::Refused { code, http_status, message } => {
                tracing::error!(
                    event = "token.refused", account = %self.account,
                    code,
                    answer = message,
                    "the token endpoint refuses the credentials"
                );
                Err(TokenError::Refused { code, http_status: Some(http_status), message })
            }
            Grant::Failed { http_status, message } => {
                Err(TokenError::NotFor { wait: Duration::ZERO, http_status: Some(http_status), message })
            }
        }
    }
}

/// What an answer of the token endpoint is counted as: its result, and its word among those for answers.
fn counted(grant: Option<&Grant>) -> (Refreshed, &'static str) {
    match grant {
        Some(Grant::Issued(_)) => (Refreshed::Issued, code::word(Some(200), None)),
        // The endpoint gave no code; the error of ours is not its word.
        Some(Grant::Refused { code, http_status, .. }) if code == NO_TOKEN => {
            (Refreshed::Refused, code::word(Some(*http_status), None))
        }
        Some(Grant::Refused { code, http_status, .. }) => {
            (Refreshed::Refused, code::word(Some(*http_status), Some(code)))
        }
        Some(Grant::Throttled { .. }) => (Refreshed::Throttled, code::THROTTLED),
        Some(Grant::Failed { http_status, .. }) => (Refreshed::Failed, code::word(Some(*http_status), None)),
        None => (Refreshed::Failed, code::FAULT),
    }
}

impl Flight {
    fn check_standing(&mut self) -> Result<(), TokenError> {
        let Some((until, error)) = &self.standing else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.standing = None;
            return Ok(());
        }
        Err(match error.clone() {
            TokenError::NotFor { http_status, message, .. } => {
                TokenError::NotFor { wait: left, http_status, message }
            }
            refused @ TokenError::Refused { .. } => refused,
        })
    }

    /// Refuses if tokens were renewed again and again without a call being accepted: more won't help.
    fn check_accepted(&mut self, refused: &AccessToken) -> Result<(), TokenError> {
        if refused.0.accepted.load(Ordering::Relaxed) {
            self.unaccepted = 0;
        }
        if self.unaccepted < UNACCEPTED_AT_MOST {
            return Ok(());
        }
        self.unaccepted = 0;
        let error = TokenError::Refused {
            code: "INVALID_TOKEN".to_owned(),
            http_status: None,
            message: "Zoho issues tokens for these credentials, and refuses each of them".to_owned(),
        };
        self.standing = Some((Instant::now() + REFUSAL_STANDS, error.clone()));
        Err(error)
    }

    fn note_error(&mut self, error: &TokenError) {
        let stands = match error {
            TokenError::Refused { .. } => REFUSAL_STANDS,
            TokenError::NotFor { wait, .. } if wait.is_zero() => {
                self.failures = self.failures.saturating_add(1);
                FIRST_WAIT.saturating_mul(4_u32.saturating_pow(self.failures - 1)).min(LONGEST_WAIT)
            }
            TokenError::NotFor { wait, .. } => *wait,
        };
        self.standing = Some((Instant::now() + stands, error.clone()));
    }

    /// The error, with the wait that its standing gives.
    fn with_wait(&mut self, error: TokenError) -> TokenError {
        self.check_standing().err().unwrap_or(error)
    }
}
