//! What commands share that read Zoho while a person waits.

use std::sync::Arc;
use std::time::Duration;

use calloff_core::ids::AccountName;
use calloff_core::outcome::{self, Outcome};
use calloff_core::retry::RetryPolicy;
use tokio_util::sync::CancellationToken;

use super::output::notice;
use super::setup::{self, Configuration};
use crate::daemon::{Access, Pursuer, Surroundings, Unread};
use crate::error::Error;

/// A person waits: a broken service is not waited for as long as a run would.
pub(super) const POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 4,
    initial_delay: Duration::from_secs(1),
    max_delay: Duration::from_secs(4),
    give_up_after: Duration::from_secs(30),
};

/// What asks Zoho.
pub(super) fn pursuer(surroundings: &Surroundings) -> Pursuer {
    Pursuer {
        clock: Arc::clone(&surroundings.clock),
        dice: surroundings.dice,
        // Nothing is under way that must be finished: a signal ends the process, as it does by default.
        stop: CancellationToken::new(),
    }
}

/// One account, ready to be read.
pub(super) struct Reader {
    pub(super) pursuer: Pursuer,
    pub(super) access: Arc<Access>,
}

impl Reader {
    /// Prepares an account with its secrets, and no other.
    ///
    /// # Errors
    ///
    /// If there is no such account, or its secrets can't be read.
    pub(super) fn new(configuration: &Configuration, account: &AccountName) -> Result<Self, Error> {
        configuration.find_account(account)?;
        let surroundings = setup::surroundings();
        let state = configuration.state_folder();
        let mut accounts = configuration.accounts(&[account.clone()].into(), &state, &surroundings)?;
        let access = accounts
            .remove(account)
            .ok_or_else(|| Error::Internal(format!("account `{account}` was not prepared")))?;
        Ok(Self { pursuer: pursuer(&surroundings), access })
    }
}

/// What was read; a look is never stopped here.
pub(super) fn came_of<T>(looked: Option<T>) -> Result<T, Error> {
    looked.ok_or_else(|| Error::Internal("a look was stopped that nobody stops".to_owned()))
}

/// Says why an account could not be read, and what a person can do about it. Gives the exit code.
pub(super) fn say_unread(account: &AccountName, unread: &Unread) -> u8 {
    notice(&format!("account `{account}` could not be read: {}", unread.why()));
    let hint = outcome::hint(unread.outcome, unread.code.as_deref());
    if let Some(hint) = hint.filter(|_| unread.outcome != Outcome::Exhausted) {
        notice(&format!("account `{account}`: {hint}"));
    }
    exit_code(unread.outcome, unread.code.as_deref())
}

/// The exit code of a refusal. One that was not even answered has done nothing at all.
pub(super) fn exit_code(outcome: Outcome, code: Option<&str>) -> u8 {
    match outcome {
        Outcome::Exhausted => 69,
        outcome if outcome::credentials_refused(outcome, code) => 77,
        _ => 1,
    }
}
