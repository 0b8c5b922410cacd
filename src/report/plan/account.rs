//! What a page is made from.

use calloff_core::condition::Reading;
use calloff_core::forecast::{Action, Forecast};
use calloff_core::live::LiveBackup;
use jiff::Timestamp;

/// What is known of one account, and what its jobs would do.
#[derive(Debug, Clone, Copy)]
pub struct AccountPlan<'a> {
    /// Its name.
    pub account: &'a str,
    /// What Zoho has of it.
    pub live: &'a Reading<Option<LiveBackup>>,
    /// What its jobs would do.
    pub forecast: &'a Forecast<'a>,
}

impl AccountPlan<'_> {
    /// The starts of its backup that nothing prevents: those that were foretold, and one that Zoho names though the
    /// backup's status promises none.
    pub(super) fn starts(&self, now: Timestamp) -> Vec<Timestamp> {
        let unforetold = self.named_start(now).filter(|start| !self.forecast.prevented.contains(start));
        self.forecast.starts.iter().copied().chain(unforetold).collect()
    }

    /// The next start that Zoho names, unless it was foretold or lies beyond what was.
    fn named_start(&self, now: Timestamp) -> Option<Timestamp> {
        let start = self.live.as_read()?.as_ref()?.next_start(now)?.max(now);
        let told = self.forecast.cut_at.is_none_or(|cut_at| start <= cut_at);
        (told && !self.forecast.starts.contains(&start)).then_some(start)
    }

    /// Whether somebody should look at it: something is cancelled, or goes wrong.
    pub(super) fn is_of_interest(&self) -> bool {
        let of_interest = |action| match action {
            Action::Cancel | Action::TooLate | Action::NotFound | Action::Unknown => true,
            Action::Skip | Action::AlreadyCancelled => false,
        };
        self.live.as_read().is_none() || self.forecast.rows.iter().any(|row| of_interest(row.action))
    }
}
