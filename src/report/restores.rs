//! Debts: what is owed comes first wherever it is shown, with what a person can do about it.

use anstyle::AnsiColor;
use calloff_core::restore::{Debt, DebtState, Payment};
use jiff::Timestamp;

use super::style::{BOLD, DIM, coloured, styled};
use super::table::table;
use super::text::line;
use super::time::{relative, seconds};

/// A debt with when it is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingDebt {
    /// It.
    pub debt: Debt,
    /// When it is to be paid, by the files as they are now.
    pub payment: Payment,
}

impl StandingDebt {
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
        match (&self.payment, self.debt.state) {
            (Payment::ByHand(why), DebtState::Owed) => {
                let id = self.debt.restore_id;
                Some(format!(
                    "{why}; `calloff restore pay {id}` puts it back, `calloff restore waive {id}` ends the debt"
                ))
            }
            _ => self.debt.reason.clone(),
        }
    }
}

/// Debts that are owed, each with what can be done about it.
#[must_use]
pub fn owed<'a>(debts: impl IntoIterator<Item = &'a StandingDebt>, now: Timestamp) -> String {
    let mut text = String::new();
    for standing in debts {
        let StandingDebt { debt, payment } = standing;
        let (id, before) = (debt.restore_id, &debt.pre_image);
        let headline = format!("owed: restore of {} in {}", before.rrule, debt.account);
        line(&mut text, format_args!("{}", styled(coloured(AnsiColor::Yellow).bold(), headline)));
        let requester =
            before.requester.as_deref().map_or_else(String::new, |who| format!(", requested by {who}"));
        line(&mut text, format_args!("  {} backup {}{requester}", styled(DIM, "was: "), before.backup));
        let since = format!("{}, job {}", seconds(debt.owed_since), debt.job);
        line(&mut text, format_args!("  {} {since}", styled(DIM, "since:")));
        let due = match payment {
            Payment::ByHand(why) => why.clone(),
            Payment::Now => format!("now; the window has closed, {}", relative(standing.due(now), now)),
            Payment::At(at) => format!("{}, {}", seconds(*at), relative(*at, now)),
        };
        line(&mut text, format_args!("  {} {due}", styled(DIM, "due:  ")));
        if let Some(others) = debt.others() {
            line(&mut text, format_args!("  {} {others}; not what is put back", styled(DIM, "also: ")));
        }
        if let Some(why) = &debt.reason {
            let tries = if debt.tries == 1 { "1 try".to_owned() } else { format!("{} tries", debt.tries) };
            line(&mut text, format_args!("  {} {why} ({tries})", styled(DIM, "why:  ")));
        }
        if debt.tries > 0 || matches!(payment, Payment::ByHand(_)) {
            line(&mut text, format_args!("  {} calloff restore pay {id}", styled(DIM, "next: ")));
            line(
                &mut text,
                format_args!("     {}  calloff restore waive {id} --reason '…'", styled(DIM, "or:")),
            );
        } else {
            line(&mut text, format_args!("  {} {id}", styled(DIM, "id:   ")));
        }
    }
    text
}

/// Debts that were paid or waived, as a table.
#[must_use]
pub fn ended<'a>(debts: impl IntoIterator<Item = &'a StandingDebt>, width: Option<u16>) -> String {
    let mut rows = table(["STATE", "WHEN", "ACCOUNT", "JOB", "RECURRENCE", "BACKUP", "NOW", "WHY"], width);
    for StandingDebt { debt, .. } in debts {
        rows.add_row([
            debt.state.to_string(),
            debt.ended_at.map_or_else(String::new, seconds),
            debt.account.to_string(),
            debt.job.clone(),
            debt.pre_image.rrule.clone(),
            debt.pre_image.backup.to_string(),
            debt.restored.as_ref().map_or_else(String::new, ToString::to_string),
            debt.reason.clone().unwrap_or_default(),
        ]);
    }
    format!("{rows}\n")
}

/// A debt that has just been paid.
#[must_use]
pub fn paid(debt: &Debt) -> String {
    let id =
        debt.restored.as_ref().map_or_else(|| "an ID that Zoho does not say".to_owned(), ToString::to_string);
    let how = debt.reason.as_deref().map_or_else(String::new, |how| format!("; {how}"));
    let state = styled(coloured(AnsiColor::Green), "restored");
    format!(
        "{} {state} {}\n  {} is scheduled under {id} (it was {}){how}\n",
        styled(BOLD, &debt.job),
        styled(DIM, format_args!("(account {})", debt.account)),
        debt.pre_image.rrule,
        debt.pre_image.backup
    )
}
