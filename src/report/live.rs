//! What Zoho has scheduled, in one sentence.

use calloff_core::condition::Reading;
use calloff_core::live::LiveBackup;
use jiff::Timestamp;

use super::time::{relative, seconds};

/// What Zoho has of an account, or why that is not known.
pub(super) fn live(live: &Reading<Option<LiveBackup>>, now: Timestamp) -> String {
    let Some(backup) = live.as_read() else { return live.why_not() };
    let Some(backup) = backup.as_ref().filter(|backup| !backup.is_blank()) else {
        return "no backup".to_owned();
    };
    let id = backup.id.as_ref().map_or("a backup without an ID", |id| id.as_str());
    let status = backup.status.as_deref().unwrap_or("without a status");
    let mut parts = vec![format!("{id} {status}")];
    parts.push(backup.next_start(now).map_or_else(
        || "no next start".to_owned(),
        |start| format!("next start {} ({})", seconds(start), relative(start, now)),
    ));
    parts.push(backup.rrule.clone().unwrap_or_else(|| "no recurrence".to_owned()));
    parts.join(", ")
}
