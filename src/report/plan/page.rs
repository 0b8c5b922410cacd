//! The whole page.

use jiff::Timestamp;

use super::account::AccountPlan;
use super::closing::{assumptions, live_backups, sums};
use super::picture::picture;
use super::rows::rows;
use crate::report::text::{columns, most_columns};

/// What the jobs of these accounts would do from `now` to `until`: as a picture, one by one, and summed up. Where
/// nobody reads along, at no `width`, lines are not broken.
#[must_use]
pub fn plan(accounts: &[AccountPlan<'_>], now: Timestamp, until: Timestamp, width: Option<u16>) -> String {
    let mut text = picture(accounts, now, until, columns(width));
    text.push_str(&rows(accounts, now, most_columns(width)));
    text.push_str(&live_backups(accounts, now, most_columns(width)));
    if !accounts.is_empty() {
        text.push('\n');
    }
    text.push_str(&sums(accounts, until, most_columns(width)));
    text.push_str(&assumptions(accounts, most_columns(width)));
    text
}
