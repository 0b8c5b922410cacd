//! Debts: what was scheduled before it was cancelled, until it is put back.

use calloff_core::ids::{AccountName, BackupId, RestoreId, RunId};
use calloff_core::restore::{Debt, DebtState, PreImage};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::rows::{date, dated, instant, parsed, timestamp};
use super::{Store, StoreError};

/// The columns that [`debt`] reads, in its order.
const COLUMNS: &str =
    "restore_id, account, job, backup, rrule, status, scheduled_date, start_date, requester,
     owed_since, due, state, tries, next_try, reason, restored, ended_at";

/// A debt that a run is about to make.
#[derive(Debug, Clone)]
pub struct NewDebt {
    /// Its ID, unless the account has one already.
    pub restore_id: RestoreId,
    /// The account.
    pub account: AccountName,
    /// The job.
    pub job: String,
    /// What is scheduled now.
    pub pre_image: PreImage,
    /// When the window closes.
    pub due: Timestamp,
    /// The present instant.
    pub now: Timestamp,
}

/// What a backup has become that was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// It.
    pub of: BackupId,
    /// Its new ID.
    pub is: BackupId,
    /// Since when.
    pub since: Timestamp,
}

/// A debt that this process may pay: no other one does.
#[derive(Debug, Clone)]
pub struct Payable {
    /// The debt.
    pub debt: Debt,
    /// How many cancels had added to it: if one more does, what is paid does not count.
    changes: u32,
}

/// Whether a debt may be paid now.
#[derive(Debug, Clone)]
pub enum ForPayment {
    /// By this process.
    Ours(Box<Payable>),
    /// Another process is paying it, or a cancel that adds to it is under way.
    Busy,
    /// It is not owed any more.
    Ended(Box<Debt>),
    /// There is none of this ID.
    Unknown,
}

/// What came of a try to pay.
#[derive(Debug, Clone)]
pub enum Settlement {
    /// The schedule is back.
    Paid {
        /// Under this ID, if Zoho says so.
        restored: Option<BackupId>,
        /// How, if it was not by this try.
        reason: Option<String>,
    },
    /// It is not, for this reason.
    Refused {
        /// Why.
        reason: String,
        /// When it is tried again.
        next_try: Timestamp,
    },
    /// Nothing: a stop came first.
    Stopped,
}

impl Store {
    /// The debts that are owed, oldest first.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn owed(&self) -> Result<Vec<Debt>, StoreError> {
        self.debts_where("WHERE state = 'owed' ORDER BY restore_id").await
    }

    /// All debts, those that are owed first, then the newest.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn debts(&self) -> Result<Vec<Debt>, StoreError> {
        self.debts_where("ORDER BY state <> 'owed', restore_id DESC").await
    }

    async fn debts_where(&self, which: &'static str) -> Result<Vec<Debt>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM restores {which}"))?;
            statement.query_map([], debt)?.collect()
        })
        .await
    }

    /// Which backup each one has become that was put back at or after `since`.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn successors(&self, since: Timestamp) -> Result<Vec<Successor>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare(
                "SELECT backup, restored, ended_at FROM restores
                 WHERE restored IS NOT NULL AND restored <> backup AND ended_at >= ?1 ORDER BY ended_at",
            )?;
            let id = |row: &Row<'_>, index| parsed(row, index, |text| BackupId::parse(text).ok());
            let successor = |row: &Row<'_>| {
                Ok(Successor { of: id(row, 0)?, is: id(row, 1)?, since: timestamp(2, row.get(2)?)? })
            };
            statement.query_map([since.as_millisecond()], successor)?.collect()
        })
        .await
    }

    /// Takes a debt for payment, unless another process pays it or a cancel adds to it just now.
    ///
    /// # Errors
    ///
    /// If the record can't be read, refuses it for good, or is closed.
    pub async fn take_for_payment(&self, id: RestoreId) -> Result<ForPayment, StoreError> {
        let find = move |connection: &Connection| {
            let sql = format!("SELECT {COLUMNS}, owner FROM restores WHERE restore_id = ?1");
            let read = |row: &Row<'_>| Ok((debt(row)?, row.get::<_, Option<String>>("owner")?));
            connection.query_row(&sql, [id.to_string()], read).optional()
        };
        let Some((debt, payer)) = self.read(find).await? else { return Ok(ForPayment::Unknown) };
        if debt.state != DebtState::Owed {
            return Ok(ForPayment::Ended(Box::new(debt)));
        }
        let ours = self.shared.owner.id().to_owned();
        let is_free = payer.as_ref().is_none_or(|payer| *payer == ours || self.shared.owner.has_ended(payer));
        if !is_free {
            return Ok(ForPayment::Busy);
        }
        let take = move |tx: &Transaction<'_>| {
            tx.query_row(
                "UPDATE restores SET owner = ?2
                 WHERE restore_id = ?1 AND state = 'owed' AND owner IS ?3
                   AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.restore_id = ?1 AND runs.state = 'running')
                 RETURNING changes",
                params![id.to_string(), ours, payer],
                |row| row.get(0),
            )
            .optional()
        };
        let taken: Option<u32> = self.shared.writer.write(take).await?;
        Ok(match taken {
            Some(changes) => ForPayment::Ours(Box::new(Payable { debt, changes })),
            None => ForPayment::Busy,
        })
    }

    /// Records what came of a try to pay; says whether the debt stands so now. It does not if a person has waived it
    /// meanwhile, or a cancel has come in between.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn settle(
        &self,
        payable: &Payable,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (id, changes) = (payable.debt.restore_id.to_string(), payable.changes);
        let write = move |tx: &Transaction<'_>| {
            let settled = match &settlement {
                Settlement::Paid { restored, reason } => tx.execute(
                    "UPDATE restores SET state = 'paid', confirmed = 1, restored = ?3, reason = ?4, ended_at = ?5,
                                         next_try = NULL
                     WHERE restore_id = ?1 AND state = 'owed' AND changes = ?2",
                    params![
                        id,
                        changes,
                        restored.as_ref().map(BackupId::as_str),
                        reason,
                        now.as_millisecond()
                    ],
                )?,
                Settlement::Refused { reason, next_try } => tx.execute(
                    "UPDATE restores SET tries = tries + 1, reason = ?2, next_try = ?3
                     WHERE restore_id = ?1 AND state = 'owed'",
                    params![id, reason, next_try.as_millisecond()],
                )?,
                Settlement::Stopped => 1,
            };
            tx.execute("UPDATE restores SET owner = NULL WHERE restore_id = ?1", [&id])?;
            Ok(settled > 0)
        };
        self.shared.writer.write(write).await
    }

    /// Records that a schedule is not to be put back; gives the debt as it was before, if there is one of that ID.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn waive(
        &self,
        id: RestoreId,
        reason: String,
        now: Timestamp,
    ) -> Result<Option<Debt>, StoreError> {
        let write = move |tx: &Transaction<'_>| {
            let sql = format!("SELECT {COLUMNS} FROM restores WHERE restore_id = ?1");
            let before = tx.query_row(&sql, [id.to_string()], debt).optional()?;
            tx.execute(
                "UPDATE restores SET state = 'waived', reason = ?2, ended_at = ?3, next_try = NULL
                 WHERE restore_id = ?1 AND state = 'owed'",
                params![id.to_string(), reason, now.as_millisecond()],
            )?;
            Ok(before)
        };
        self.shared.writer.write(write).await
    }

    /// Says whether an overdue debt is to be spoken of again, and notes that it is.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn remind(&self, id: RestoreId, now: Timestamp) -> Result<bool, StoreError> {
        let write = move |tx: &Transaction<'_>| {
            tx.execute(
                "UPDATE restores SET reminded_at = ?2
                 WHERE restore_id = ?1 AND state = 'owed'
                   AND (reminded_at IS NULL OR reminded_at <= ?2 - ?3 OR reminded_at > ?2)",
                params![
                    id.to_string(),
                    now.as_millisecond(),
                    i64::try_from(calloff_core::restore::REMINDER.as_millis()).unwrap_or(i64::MAX)
                ],
            )
        };
        Ok(self.shared.writer.write(write).await? > 0)
    }
}

/// Makes a run's debt, or has it add to the one that the account has; gives its ID.
pub(super) fn owe(tx: &Transaction<'_>, run: RunId, new: &NewDebt) -> rusqlite::Result<RestoreId> {
    let added = tx
        .query_row(
            "UPDATE restores SET due = max(due, ?2), changes = changes + 1
             WHERE account = ?1 AND state = 'owed' RETURNING restore_id",
            params![new.account.as_str(), new.due.as_millisecond()],
            |row| parsed(row, 0, |text| RestoreId::parse(text).ok()),
        )
        .optional()?;
    let id = if let Some(id) = added {
        id
    } else {
        let PreImage { backup, rrule, status, scheduled_date, start_date, requester } = &new.pre_image;
        tx.execute(
            "INSERT INTO restores (restore_id, account, job, backup, rrule, status, scheduled_date, start_date,
                                   requester, owed_since, due, state, confirmed, changes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'owed', 0, 0)",
            params![
                new.restore_id.to_string(),
                new.account.as_str(),
                new.job,
                backup.as_str(),
                rrule,
                status,
                date(scheduled_date.as_ref()),
                date(start_date.as_ref()),
                requester,
                new.now.as_millisecond(),
                new.due.as_millisecond(),
            ],
        )?;
        new.restore_id
    };
    tx.execute(
        "UPDATE runs SET restore_id = ?2 WHERE run_id = ?1",
        params![run.to_string(), id.to_string()],
    )?;
    Ok(id)
}

/// Notes that a run's cancel has ended what its debt is for, or may have.
pub(super) fn confirm(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE restores SET confirmed = 1 WHERE restore_id = (SELECT restore_id FROM runs WHERE run_id = ?1)",
    )?
    .execute([run.to_string()])
    .map(drop)
}

/// Takes back the debt of a run whose targets have all ended, if neither it nor another one has stopped anything.
pub(super) fn dismiss(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "DELETE FROM restores
         WHERE restore_id = (SELECT restore_id FROM runs WHERE run_id = ?1) AND state = 'owed' AND confirmed = 0
           AND NOT EXISTS (SELECT 1 FROM runs other
                           WHERE other.restore_id = restores.restore_id AND other.pending > 0)",
    )?
    .execute([run.to_string()])
    .map(drop)
}

fn debt(row: &Row<'_>) -> rusqlite::Result<Debt> {
    let id = |index| parsed(row, index, |text| BackupId::parse(text).ok());
    Ok(Debt {
        restore_id: parsed(row, 0, |text| RestoreId::parse(text).ok())?,
        account: parsed(row, 1, |text| AccountName::parse(text).ok())?,
        job: row.get(2)?,
        pre_image: PreImage {
            backup: id(3)?,
            rrule: row.get(4)?,
            status: row.get(5)?,
            scheduled_date: dated(row, 6)?,
            start_date: dated(row, 7)?,
            requester: row.get(8)?,
        },
        owed_since: timestamp(9, row.get(9)?)?,
        due: timestamp(10, row.get(10)?)?,
        state: parsed(row, 11, DebtState::parse)?,
        tries: row.get(12)?,
        next_try: instant(row, 13)?,
        reason: row.get(14)?,
        restored: row.get::<_, Option<String>>(15)?.and_then(|text| BackupId::parse(&text).ok()),
        ended_at: instant(row, 16)?,
    })
}
