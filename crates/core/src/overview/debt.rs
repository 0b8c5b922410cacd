//! One debt, as it is shown.

use jiff::Timestamp;
use serde::Serialize;

use crate::config::{Job, Settings};
use crate::ids::BackupId;
use crate::reload::LeftOut;
use crate::restore::{self, Debt, DebtState, Payment};

/// A debt with when it is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingDebt {
    /// It.
    pub debt: Debt,
    /// When it is to be paid, by the files as they are now.
    pub payment: Payment,
}

impl StandingDebt {
    /// How a debt stands by the files that are in force.
    #[must_use]
    pub fn of<'j>(
        debt: Debt,
        settings: &Settings,
        jobs: impl IntoIterator<Item = &'j Job>,
        left_out: &LeftOut,
        now: Timestamp,
    ) -> Self {
        let has_account = settings.accounts.contains_key(&debt.account);
        Self { payment: restore::payment(&debt, has_account, jobs, left_out, now), debt }
    }

    /// When the window closes, as it is known now.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Timestamp {
        match self.payment {
            // Its window was closed by an edit.
            Payment::Now => self.debt.due.min(now),
            // After a refusal it is the next try that it waits for.
            Payment::At(at) if self.debt.next_try.is_none() => at,
            _ => self.debt.due,
        }
    }

    /// Why it is still owed, or how it ended.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let (debt, id) = (&self.debt, self.debt.restore_id);
        match (&self.payment, debt.state) {
            (Payment::ByHand(why), DebtState::Owed) => {
                let refused = debt
                    .reason
                    .as_ref()
                    .map_or_else(String::new, |reason| format!("; refused before: {reason}"));
                Some(format!(
                    "{why}; `calloff restore pay {id}` puts it back, `calloff restore waive {id}` ends the debt{refused}"
                ))
            }
            _ => debt.reason.clone(),
        }
    }
}

/// A debt, as JSON.
#[derive(Debug, Serialize)]
pub struct DebtRow<'a> {
    restore_id: String,
    account: &'a str,
    job: &'a str,
    backup: &'a str,
    rrule: &'a str,
    owed_since: Timestamp,
    due: Timestamp,
    state: DebtState,
    reason: Option<String>,
    next_try: Option<Timestamp>,
    restored: Option<&'a str>,
}

impl<'a> DebtRow<'a> {
    /// That of a debt, as it stands now.
    #[must_use]
    pub fn new(standing: &'a StandingDebt, now: Timestamp) -> Self {
        let debt = &standing.debt;
        Self {
            restore_id: debt.restore_id.to_string(),
            account: debt.account.as_str(),
            job: &debt.job,
            backup: debt.pre_image.backup.as_str(),
            rrule: &debt.pre_image.rrule,
            owed_since: debt.owed_since,
            due: standing.due(now),
            state: debt.state,
            reason: standing.reason(),
            next_try: debt.next_try,
            restored: debt.restored.as_ref().map(BackupId::as_str),
        }
    }
}
