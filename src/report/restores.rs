//! Debts: what is owed comes first wherever it is shown, with what a person can do about it.

use anstyle::AnsiColor;
use calloff_core::overview::StandingDebt;
use calloff_core::restore::{Debt, Payment};
use jiff::Timestamp;

use super::style::{BOLD, DIM, WARNING, coloured, styled};
use super::text::{hanging, line, most_columns, wrapped};
use super::time::{relative, seconds};

/// Debts that are owed, each with what can be done about it.
#[must_use]
pub fn owed<'a>(
    debts: impl IntoIterator<Item = &'a StandingDebt>,
    now: Timestamp,
    width: Option<u16>,
) -> String {
    let columns = most_columns(width);
    let mut text = String::new();
    for standing in debts {
        let StandingDebt { debt, payment } = standing;
        let (id, before) = (debt.restore_id, &debt.pre_image);
        let headline = format!("owed: restore of {} in {}", before.rrule, debt.account);
        for part in wrapped(&headline, columns) {
            line(&mut text, format_args!("{}", styled(WARNING, part)));
        }
        let requester =
            before.requester.as_deref().map_or_else(String::new, |who| format!(", requested by {who}"));
        let mut say = |label: &str, what: &str| {
            hanging(&mut text, &format!("  {} ", styled(DIM, format_args!("{label:<6}"))), 9, what, columns);
        };
        say("was:", &format!("backup {}{requester}", before.backup));
        say("since:", &format!("{}, job {}", seconds(debt.owed_since), debt.job));
        say("due:", &due(standing, now));
        if let Some(others) = debt.others() {
            say("also:", &format!("{others}; that is not what is put back"));
        }
        if let Payment::ByHand(why) = payment {
            say("why:", why);
        }
        if let Some(why) = &debt.reason {
            let tries = match debt.tries {
                0 => String::new(),
                1 => " (1 try)".to_owned(),
                tries => format!(" ({tries} tries)"),
            };
            say("why:", &format!("{why}{tries}"));
        }
        if debt.reason.is_some() || matches!(payment, Payment::ByHand(_)) {
            say("next:", &format!("calloff restore pay {id}"));
            say("or:", &format!("calloff restore waive {id} --reason '…'"));
        } else {
            say("id:", &id.to_string());
        }
    }
    text
}

/// When a debt is paid, for people.
fn due(standing: &StandingDebt, now: Timestamp) -> String {
    let closed = standing.due(now);
    match (&standing.payment, standing.debt.next_try) {
        (Payment::ByHand(_), _) => format!("{}, {}; not by itself", seconds(closed), relative(closed, now)),
        (Payment::Now, _) => format!("now; the window has closed, {}", relative(closed, now)),
        (Payment::At(at), Some(next)) if *at == next => {
            format!("{}, {}; tried again {}", seconds(closed), relative(closed, now), relative(next, now))
        }
        (Payment::At(at), _) => format!("{}, {}", seconds(*at), relative(*at, now)),
    }
}

/// Debts that were paid or waived, some lines each: IDs and rules are there to be copied.
#[must_use]
pub fn ended<'a>(debts: impl IntoIterator<Item = &'a StandingDebt>, width: Option<u16>) -> String {
    let columns = most_columns(width);
    let mut text = String::new();
    for StandingDebt { debt, .. } in debts {
        let at = debt.ended_at.map_or_else(String::new, seconds);
        let before = &debt.pre_image;
        line(&mut text, format_args!("{:<6} {at}  {} in {}", debt.state, before.rrule, debt.account));
        let mut say = |label: &str, what: &str| {
            hanging(&mut text, &format!("  {} ", styled(DIM, format_args!("{label:<6}"))), 9, what, columns);
        };
        say("was:", &format!("backup {}, job {}", before.backup, debt.job));
        if let Some(restored) = &debt.restored {
            say("is:", &format!("backup {restored}"));
        }
        if let Some(reason) = &debt.reason {
            say("why:", reason);
        }
        say("id:", &debt.restore_id.to_string());
    }
    text
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
