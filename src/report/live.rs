//! What Zoho has scheduled, in one sentence.

use calloff_core::live::LiveBackup;
use jiff::Timestamp;

use super::time::{relative, seconds};

/// What became of asking Zoho for an account's backup: there is one, there is none, or why it could not be read; `None`
/// if it was not asked.
pub type Live<'a> = Result<Option<&'a LiveBackup>, Option<&'a str>>;

/// What Zoho has of an account, or why that is not known.
pub(super) fn live(live: Live<'_>, now: Timestamp) -> String {
    let backup = match live {
        Err(Some(why)) => return format!("Zoho could not be read: {why}"),
        Err(None) => return "Zoho was not asked".to_owned(),
        Ok(backup) => backup.filter(|backup| !backup.is_blank()),
    };
    let Some(backup) = backup else { return "no backup".to_owned() };
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
