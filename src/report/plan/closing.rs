//! What Zoho has, account by account, and the sums.

use anstyle::Style;
use calloff_core::forecast::BY_WEIGHT;
use jiff::Timestamp;

use super::account::AccountPlan;
use crate::report::live::live;
use crate::report::style::{BOLD, style_of_action, styled};
use crate::report::text::{fitted, flowing, hanging, width};
use crate::report::time::minutes;

/// Names take so many columns at most before what is said of them is no longer aligned.
const LONGEST_NAME: usize = 24;
/// Accounts that are named at most whose forecast was cut, and restores of one account.
const NAMED: usize = 3;

/// A line for each account: what Zoho has, or why that is not known.
pub(super) fn live_backups(accounts: &[AccountPlan<'_>], now: Timestamp, columns: usize) -> String {
    let widest = accounts.iter().map(|account| width(account.account)).max().unwrap_or(0).min(LONGEST_NAME);
    let mut text = String::new();
    for account in accounts {
        let name = fitted(account.account, widest.max(width(account.account).min(columns / 2)));
        let indent = width(&name) + 2;
        hanging(&mut text, &format!("{}  ", styled(BOLD, &name)), indent, &live(account.live, now), columns);
    }
    text
}

/// How many occurrences there are, and what they come to; and what is not among them.
pub(super) fn sums(accounts: &[AccountPlan<'_>], until: Timestamp, columns: usize) -> String {
    let rows = || accounts.iter().flat_map(|account| &account.forecast.rows);
    let count = rows().count();
    let mut text = String::new();
    cut(&mut text, accounts, columns);
    let mut parts = vec![
        format!("{count} occurrence{}", if count == 1 { "" } else { "s" }),
        format!("until {}", minutes(until)),
    ];
    let mut styles = vec![Style::new(); 2];
    for action in BY_WEIGHT {
        let count = rows().filter(|row| row.action == action).count();
        if count > 0 {
            parts.push(format!("{count} {action}"));
            styles.push(style_of_action(action));
        }
    }
    let last = parts.len() - 1;
    let stop = |place: usize| match place {
        0 => "",
        place if place == last => "",
        1 => ":",
        _ => ",",
    };
    let with_stop = parts.iter().zip(styles).enumerate().map(|(place, (part, style))| {
        (format!("{}{}", styled(style, part), stop(place)), width(part) + stop(place).len())
    });
    text.push_str(&flowing(with_stop, 1, columns));
    text
}

/// What the forecast takes for granted, where something in it depends on that, and what it leaves behind.
pub(super) fn assumptions(accounts: &[AccountPlan<'_>], columns: usize) -> String {
    let any = |is_so: fn(&AccountPlan<'_>) -> bool| accounts.iter().any(is_so);
    let mut text = String::new();
    if any(|account| !account.forecast.starts.is_empty()) {
        let assumed = "Assumed: nobody interferes, and a backup that starts succeeds and takes an hour.";
        hanging(&mut text, "", 0, assumed, columns);
    }
    for account in accounts.iter().filter(|account| !account.forecast.restores.is_empty()) {
        hanging(&mut text, "", 0, &put_back(account), columns);
    }
    if any(|account| !account.forecast.prevented.is_empty() && account.forecast.restores.is_empty()) {
        let left = "After a cancel nothing is scheduled any more, as far as Zoho's wording tells: give the job a \
                    [restore], or schedule the backup again when you want it.";
        hanging(&mut text, "", 0, left, columns);
    }
    text
}

/// When an account's schedule is put back.
fn put_back(account: &AccountPlan<'_>) -> String {
    let restores = &account.forecast.restores;
    let mut at: Vec<String> = restores.iter().take(NAMED).map(|at| minutes(*at)).collect();
    if restores.len() > NAMED {
        at.push(format!("and {} more", restores.len() - NAMED));
    }
    format!(
        "Scheduled again in {}: at {}. Zoho gives it a new ID, and picks its first day and the time of day.",
        account.account,
        at.join(", ")
    )
}

/// Up to where the forecast reaches that was cut, and how to see more.
fn cut(text: &mut String, accounts: &[AccountPlan<'_>], columns: usize) {
    let cut: Vec<(&str, Timestamp)> =
        accounts.iter().filter_map(|account| Some((account.account, account.forecast.cut_at?))).collect();
    if cut.is_empty() {
        return;
    }
    let mut reach: Vec<String> =
        cut.iter().take(NAMED).map(|(account, at)| format!("{account} up to {}", minutes(*at))).collect();
    if cut.len() > NAMED {
        reach.push(format!("and {} more", cut.len() - NAMED));
    }
    let advice = "Name the jobs you mean to see further, or a nearer --until to see all there is.";
    let told = format!("Too many occurrences to foretell them all: {}. {advice}", reach.join(", "));
    hanging(text, "", 0, &told, columns);
}
