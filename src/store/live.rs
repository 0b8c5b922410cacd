//! What Zoho last showed of each account.

use std::collections::BTreeMap;

use calloff_core::ids::{AccountName, BackupId};
use calloff_core::live::LiveBackup;
use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};

use super::rows::{date, dated, parsed, timestamp};
use super::{Store, StoreError};

/// What Zoho showed, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The account's backup; a blank one if it had none.
    pub backup: LiveBackup,
    /// When.
    pub read_at: Timestamp,
}

impl Store {
    /// Keeps what Zoho shows of an account, in place of what it showed before.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn remember(&self, account: AccountName, seen: Seen) -> Result<(), StoreError> {
        let write = move |tx: &Transaction<'_>| {
            let backup = &seen.backup;
            tx.prepare_cached(
                "INSERT INTO live (account, read_at, backup, status, rrule, scheduled_date, start_date, requester)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (account) DO UPDATE SET
                    read_at = excluded.read_at, backup = excluded.backup, status = excluded.status,
                    rrule = excluded.rrule, scheduled_date = excluded.scheduled_date,
                    start_date = excluded.start_date, requester = excluded.requester
                 -- What was kept while the clock was ahead must not outlive that.
                 WHERE excluded.read_at >= live.read_at OR live.read_at > excluded.read_at + 60000",
            )?
            .execute(params![
                account.as_str(),
                seen.read_at.as_millisecond(),
                backup.id.as_ref().map(BackupId::as_str),
                backup.status,
                backup.rrule,
                date(backup.scheduled_date.as_ref()),
                date(backup.start_date.as_ref()),
                backup.requester,
            ])
            .map(drop)
        };
        self.shared.writer.write(write).await
    }

    /// What Zoho last showed of each account that was ever read.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn seen(&self) -> Result<BTreeMap<AccountName, Seen>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT account, read_at, backup, status, rrule, scheduled_date, start_date, requester FROM live",
            )?;
            let rows = statement.query_map([], |row| {
                let account = parsed(row, 0, |text| AccountName::parse(text).ok())?;
                Ok((account, Seen { backup: backup(row)?, read_at: timestamp(1, row.get(1)?)? }))
            })?;
            rows.collect()
        })
        .await
    }
}

fn backup(row: &Row<'_>) -> rusqlite::Result<LiveBackup> {
    let id: Option<String> = row.get(2)?;
    Ok(LiveBackup {
        id: id.and_then(|id| BackupId::parse(&id).ok()),
        status: row.get(3)?,
        rrule: row.get(4)?,
        scheduled_date: dated(row, 5)?,
        start_date: dated(row, 6)?,
        requester: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Role;

    #[tokio::test]
    async fn what_was_seen_last_is_kept_with_its_offset() {
        let folder = tempfile::tempdir().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let store = Store::open(&folder.path().join("calloff.db"), Role::Daemon, at("2026-11-27T16:00:00Z"));
        let store = store.unwrap();
        let full = LiveBackup {
            id: BackupId::parse("42").ok(),
            status: Some("SCHEDULED".to_owned()),
            rrule: Some("RRULE:FREQ=WEEKLY".to_owned()),
            scheduled_date: "2026-11-27T19:00:00+05:30[+05:30]".parse().ok(),
            start_date: "2026-11-20T19:00:00+05:30[+05:30]".parse().ok(),
            requester: Some("Ada".to_owned()),
        };
        let account: AccountName = "acme".parse().unwrap();
        for (backup, read_at) in [
            (LiveBackup::default(), "2026-11-27T16:00:00Z"),
            (full.clone(), "2026-11-27T16:00:02Z"),
            (LiveBackup::default(), "2026-11-27T16:00:01Z"),
        ] {
            store.remember(account.clone(), Seen { backup, read_at: at(read_at) }).await.unwrap();
        }
        let seen = Seen { backup: full, read_at: at("2026-11-27T16:00:02Z") };
        assert_eq!(
            store.seen().await.unwrap(),
            BTreeMap::from([(account, seen)]),
            "an older one does not replace it"
        );
    }
}
