//! Each account with what its calls need: a client, tokens, and a gate.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use calloff_core::config;
use calloff_core::ids::AccountName;
use calloff_core::overview::Vitals;
use secrecy::SecretString;

use crate::clock::SharedClock;
use crate::metrics::Metrics;
use crate::zoho::{Client, Credentials, Credits, Gate, Redactor, Tokens, Transport};

/// One account, ready to be called.
#[derive(Debug)]
pub struct Access {
    /// The account's name.
    pub name: AccountName,
    /// What the files say of it.
    configured: config::Account,
    /// Its backup endpoints.
    pub client: Client,
    /// Its tokens.
    pub tokens: Tokens,
    /// What keeps its calls within bounds.
    pub gate: Arc<Gate>,
    /// What Zoho says of the calls that are left.
    credits: Credits,
    /// Whether it was said that cancels can't be read back.
    said_unverifiable: AtomicBool,
}

/// What accounts need from outside.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// How requests reach Zoho.
    pub transport: Arc<dyn Transport>,
    /// The wall clock.
    pub clock: SharedClock,
    /// Uniform in `0.0..1.0`.
    pub dice: fn() -> f64,
    /// What calls are counted in.
    pub metrics: Metrics,
}

impl Access {
    /// Prepares an account; tokens are cached below the state folder. Nothing is sent yet.
    #[must_use]
    pub fn new(
        account: &config::Account,
        client_secret: SecretString,
        refresh_token: SecretString,
        state: &Path,
        surroundings: &Surroundings,
    ) -> Self {
        let gate = Arc::new(Gate::new(account.name.clone(), account.concurrency, surroundings.dice));
        let credits = Credits::default();
        Self::with_gate(account, client_secret, refresh_token, state, surroundings, gate, credits)
    }

    /// The same, as it is by newer files: this one itself if nothing about it has changed. Calls of both together stay
    /// within the bounds of the newer one.
    #[must_use]
    pub fn renewed(
        self: &Arc<Self>,
        account: &config::Account,
        client_secret: SecretString,
        refresh_token: SecretString,
        state: &Path,
        surroundings: &Surroundings,
    ) -> Arc<Self> {
        let (gate, credits) = (Arc::clone(&self.gate), self.credits.clone());
        let renewed =
            Self::with_gate(account, client_secret, refresh_token, state, surroundings, gate, credits);
        if self.configured == *account && self.tokens.is_for_the_same(&renewed.tokens) {
            return Arc::clone(self);
        }
        Arc::new(renewed)
    }

    /// Has the bounds of its calls in force: those that the files give.
    pub fn take_effect(&self) {
        self.gate.resize(self.configured.concurrency);
    }

    /// How it is doing.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        Vitals {
            calls_in_flight: self.gate.under_way(),
            concurrency: self.gate.concurrency(),
            is_failing: self.gate.is_failing(),
            token_expires_at: self.tokens.expires_at(),
            credits: self.credits.last_said(),
        }
    }

    fn with_gate(
        account: &config::Account,
        client_secret: SecretString,
        refresh_token: SecretString,
        state: &Path,
        surroundings: &Surroundings,
        gate: Arc<Gate>,
        credits: Credits,
    ) -> Self {
        let Surroundings { transport, clock, dice: _, metrics } = surroundings;
        let redactor = Redactor::new(vec![client_secret.clone(), refresh_token.clone()]);
        let credentials = Credentials { client_id: account.client_id.clone(), client_secret, refresh_token };
        Self {
            name: account.name.clone(),
            configured: account.clone(),
            client: Client::new(account, Arc::clone(transport), Arc::clone(clock), redactor.clone())
                .counted_in(metrics.clone(), credits.clone()),
            tokens: Tokens::new(
                account,
                credentials,
                state,
                Arc::clone(transport),
                Arc::clone(clock),
                redactor,
            )
            .counted_in(metrics.clone()),
            gate,
            credits,
            said_unverifiable: AtomicBool::new(false),
        }
    }

    /// Says, once, that cancels of this account can't be read back, and what to do about it.
    pub(super) fn warn_unverifiable(&self, why: &str) {
        if !self.said_unverifiable.swap(true, Ordering::Relaxed) {
            tracing::warn!(event = "account.unverifiable", account = %self.name, why,
                "cancels can't be verified, as reading is not allowed: generate a refresh token that has the scope \
                 ZohoCRM.bulk.backup.READ beside ZohoCRM.bulk.backup.UPDATE, or say `verify = false` in the jobs");
        }
    }
}

/// The accounts of a configuration, by name.
pub type Accounts = BTreeMap<AccountName, Arc<Access>>;
