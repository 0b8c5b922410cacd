//! Turns the grant code of a self client into a refresh token.

use calloff_core::config;
use secrecy::{ExposeSecret, SecretString};

use super::grant::{Grant, TokenEndpoint, Tokened};
use super::redact::Redactor;
use super::transport::Transport;

/// What a code was exchanged for.
#[derive(Debug)]
pub struct Exchanged {
    /// The refresh token. Zoho leaves it out for a client of the wrong kind.
    pub refresh_token: Option<SecretString>,
    /// The scopes that Zoho named, with spaces between them; `None` if it named none.
    pub scopes: Option<String>,
    /// The address of the API that Zoho named.
    pub api_domain: Option<String>,
}

/// Why a code was not exchanged. The messages are redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// Zoho refuses; a person has to change something.
    #[error("{message}")]
    Refused {
        /// The endpoint's `error`.
        code: String,
        /// What it said.
        message: String,
    },
    /// Too many tokens were asked for in ten minutes.
    #[error("{0}")]
    Throttled(String),
    /// No answer came that could be understood. The code may be used up.
    #[error("{0}")]
    Unreachable(String),
}

/// Exchanges a code, with one request: a code is good once, and an answer that was lost can't be had again.
///
/// Source: Zoho Accounts, "Self client": `grant_type=authorization_code`, and no `redirect_uri`.
///
/// # Errors
///
/// If Zoho refuses, or can't be reached.
pub async fn exchange(
    account: &config::Account,
    client_secret: &SecretString,
    code: &SecretString,
    transport: &dyn Transport,
) -> Result<Exchanged, ExchangeError> {
    let redactor = Redactor::new(vec![client_secret.clone(), code.clone()]);
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", &account.client_id),
        ("client_secret", client_secret.expose_secret()),
        ("code", code.expose_secret()),
    ];
    let grant = TokenEndpoint::new(account).ask(&fields, transport, &redactor).await;
    match grant.map_err(ExchangeError::Unreachable)? {
        Grant::Issued(Tokened { refresh_token, scopes, api_domain, .. }) => {
            Ok(Exchanged { refresh_token, scopes, api_domain })
        }
        Grant::Refused { code, message, .. } => Err(ExchangeError::Refused { code, message }),
        Grant::Throttled { message, .. } => Err(ExchangeError::Throttled(message)),
        Grant::Failed { message, .. } => Err(ExchangeError::Unreachable(message)),
    }
}
