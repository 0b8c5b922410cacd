//! What sinks are still to be told, and who tells them.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::notices::Telling;
use super::rows::timestamp;
use super::{Store, StoreError};
use crate::failpoint::durably;

/// How long what was meant for a sink that there is none of any more is kept: its entry may come back.
const KEEP: SignedDuration = SignedDuration::from_hours(24);

/// A file that is locked by the process that tells.
const LOCK: &str = "notices.lock";

/// What a sink is to be told next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number, which no other notice of this record ever has.
    pub notice: i64,
    /// It, as JSON.
    pub body: String,
    /// When it was made.
    pub made_at: Timestamp,
}

/// The right to tell, which one process has; it ends with this.
#[derive(Debug)]
pub struct Deliverer {
    _locked: File,
}

impl Store {
    /// The right to tell, unless another process has it.
    ///
    /// # Errors
    ///
    /// If its file can't be made or locked.
    pub fn deliverer(&self) -> io::Result<Option<Deliverer>> {
        let path = self.folder().join(LOCK);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o640);
        let file = durably("notices.lock", || options.open(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Deliverer { _locked: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What a sink is to be told next after this notice.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn next_notice(&self, sink: String, after: i64) -> Result<Option<Outgoing>, StoreError> {
        self.read(move |connection| {
            let mut find = connection.prepare_cached(
                "SELECT notice, body, made_at FROM notices WHERE sink = ?1 AND notice > ?2 ORDER BY notice LIMIT 1",
            )?;
            find.query_row(params![sink, after], outgoing).optional()
        })
        .await
    }

    /// Records that a sink was told. It is in line at once.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub fn delivered(&self, notice: i64) -> impl Future<Output = Result<(), StoreError>> + use<> {
        self.shared.writer.write(move |tx| {
            tx.prepare_cached("DELETE FROM notices WHERE notice = ?1")?.execute([notice]).map(drop)
        })
    }

    /// Records that a sink will not be told: nor that it is over, and the next time anew. It is in line at once.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub fn give_up(&self, notice: i64) -> impl Future<Output = Result<(), StoreError>> + use<> {
        self.shared.writer.write(move |tx| drop_notice(tx, notice))
    }
}

fn outgoing(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing { notice: row.get(0)?, body: row.get(1)?, made_at: timestamp(2, row.get(2)?)? })
}

fn drop_notice(tx: &Transaction<'_>, notice: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM notices WHERE notice = ?1 OR about = ?1")?.execute([notice])?;
    tx.prepare_cached("DELETE FROM told WHERE notice = ?1")?.execute([notice]).map(drop)
}

/// Gives up the oldest notices for a sink, so that no more than so many wait; says how many.
pub(super) fn keep_newest(tx: &Transaction<'_>, sink: &str, most: usize) -> rusqlite::Result<usize> {
    let mut find = tx.prepare_cached(
        "SELECT notice FROM notices WHERE sink = ?1 ORDER BY notice DESC LIMIT -1 OFFSET ?2",
    )?;
    let old: Vec<i64> =
        find.query_map(params![sink, most], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for notice in &old {
        drop_notice(tx, *notice)?;
    }
    Ok(old.len())
}

/// Notices that have long waited for sinks that there are none of any more.
fn left_over(connection: &Connection, telling: &Telling) -> rusqlite::Result<Vec<i64>> {
    let there: BTreeSet<&str> = telling.subscriptions.iter().map(|it| it.sink.as_str()).collect();
    let there = serde_json::to_string(&there).unwrap_or_default();
    let before = telling.now.saturating_sub(KEEP).unwrap_or(Timestamp::MIN).as_millisecond();
    let mut find = connection.prepare_cached(
        "SELECT notice FROM notices WHERE made_at < ?1 AND sink NOT IN (SELECT value FROM json_each(?2)) LIMIT 100",
    )?;
    find.query_map(params![before, there], |row| row.get(0))?.collect()
}

pub(super) fn is_anything_left_over(connection: &Connection, telling: &Telling) -> rusqlite::Result<bool> {
    Ok(!left_over(connection, telling)?.is_empty())
}

pub(super) fn forget_left_over(tx: &Transaction<'_>, telling: &Telling) -> rusqlite::Result<()> {
    left_over(tx, telling)?.into_iter().try_for_each(|notice| drop_notice(tx, notice))
}
