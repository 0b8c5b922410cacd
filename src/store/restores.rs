//! Debts: what was scheduled before it was cancelled, until it is put back.

use std::time::Duration;

use calloff_core::ids::{AccountName, BackupId, RestoreId, RunId};
use calloff_core::restore::{Debt, DebtState, NewDebt, PreImage};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::rows::{date, dated, instant, parsed, timestamp};
use super::{Store, StoreError};

/// How long a record is waited for that takes no writes, before anything is sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// The columns that [`debt`] reads, in its order.
const COLUMNS: &str =
    "restore_id, account, job, backup, rrule, status, scheduled_date, start_date, requester,
     owed_since, due, state, tries, next_try, reason, restored, ended_at, reminded_at";

/// What a backup has become that was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// It.
    pub of: BackupId,
    /// Its new ID.
    pub is: BackupId,
    /// How many were put back up to it.
    pub place: u64,
}

/// What a run owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// The debt.
    pub restore_id: RestoreId,
    /// Whether the run has made it; else it adds to it.
    pub is_new: bool,
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
        /// When it is tried again; `None` if that stays as it was.
        next_try: Option<Timestamp>,
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
        self.read(move |connection| list(connection, which)).await
    }

    /// Which backup each one has become that was put back after so many others, in the order of payment.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn successors(&self, after: u64) -> Result<Vec<Successor>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare(
                "SELECT backup, restored, place FROM restores WHERE place > ?1 AND restored IS NOT NULL ORDER BY place",
            )?;
            let id = |row: &Row<'_>, index| parsed(row, index, |text| BackupId::parse(text).ok());
            let successor = |row: &Row<'_>| Ok(Successor { of: id(row, 0)?, is: id(row, 1)?, place: row.get(2)? });
            statement.query_map([after], successor)?.collect()
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
            let Some((debt, payer)) = connection.query_row(&sql, [id.to_string()], read).optional()? else {
                return Ok(None);
            };
            let mut statement = connection.prepare(
                "SELECT DISTINCT coalesce(owner, '') FROM runs WHERE restore_id = ?1 AND state = 'running'",
            )?;
            let adding = statement.query_map([id.to_string()], |row| row.get::<_, String>(0))?;
            Ok(Some((with_others(connection, debt)?, payer, adding.collect::<rusqlite::Result<Vec<_>>>()?)))
        };
        let Some((debt, payer, adding)) = self.read(find).await? else { return Ok(ForPayment::Unknown) };
        if debt.state != DebtState::Owed {
            return Ok(ForPayment::Ended(Box::new(debt)));
        }
        if self.is_at_work(payer.as_deref()) {
            return Ok(ForPayment::Busy);
        }
        // A run whose process has ended sends nothing. Who takes it up adds to the debt, or finds it paid and looks again.
        let ended: Vec<String> =
            adding.into_iter().filter(|owner| self.shared.owner.has_ended(owner)).collect();
        let ended = serde_json::to_string(&ended).unwrap_or_default();
        let ours = self.shared.owner.id().to_owned();
        let take = move |tx: &Transaction<'_>| {
            tx.query_row(
                "UPDATE restores SET owner = ?2
                 WHERE restore_id = ?1 AND state = 'owed' AND owner IS ?3
                   AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.restore_id = ?1 AND runs.state = 'running'
                                   AND coalesce(runs.owner, '') NOT IN (SELECT value FROM json_each(?4)))
                 RETURNING changes",
                params![id.to_string(), ours, payer, ended],
                |row| row.get(0),
            )
            .optional()
        };
        let Ok(taken) = tokio::time::timeout(PATIENCE, self.shared.writer.write(take)).await else {
            // It stays in line, and so does this, behind it.
            let store = self.clone();
            tokio::spawn(async move { drop(store.leave(id).await) });
            return Err(StoreError::Busy);
        };
        Ok(match taken? {
            Some(changes) => ForPayment::Ours(Box::new(Payable { debt, changes })),
            None => ForPayment::Busy,
        })
    }

    /// Says that this process does not pay a debt any more.
    async fn leave(&self, id: RestoreId) -> Result<(), StoreError> {
        let ours = self.shared.owner.id().to_owned();
        let write = move |tx: &Transaction<'_>| {
            tx.execute(
                "UPDATE restores SET owner = NULL WHERE restore_id = ?1 AND owner = ?2",
                params![id.to_string(), ours],
            )
        };
        self.shared.writer.write(write).await.map(drop)
    }

    /// Whether another process that lives is paying a debt.
    fn is_at_work(&self, payer: Option<&str>) -> bool {
        payer.is_some_and(|payer| payer != self.shared.owner.id() && !self.shared.owner.has_ended(payer))
    }

    /// Records what came of a try to pay; says whether the debt stands so now. It does not if a cancel has come in between.
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
                                         next_try = NULL,
                                         place = (SELECT coalesce(max(place), 0) + 1 FROM restores)
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
                    "UPDATE restores SET reason = ?2, tries = tries + (?3 IS NOT NULL), next_try = coalesce(?3, next_try),
                                         reminded_at = coalesce(reminded_at, ?4)
                     WHERE restore_id = ?1 AND state = 'owed'",
                    params![id, reason, next_try.map(Timestamp::as_millisecond), now.as_millisecond()],
                )?,
                Settlement::Stopped => 1,
            };
            tx.execute("UPDATE restores SET owner = NULL WHERE restore_id = ?1", [&id])?;
            Ok(settled > 0)
        };
        self.shared.writer.write(write).await
    }

    /// Records that a schedule is not to be put back.
    ///
    /// # Errors
    ///
    /// If the record can't be read, refuses it for good, takes no writes for some time, or is closed.
    pub async fn waive(
        &self,
        id: RestoreId,
        reason: String,
        now: Timestamp,
    ) -> Result<ForPayment, StoreError> {
        // Whoever pays it must have ended, or what is said here may not be so.
        let taken = self.take_for_payment(id).await?;
        if let ForPayment::Ours(payable) = &taken {
            let (id, changes) = (id.to_string(), payable.changes);
            let ours = self.shared.owner.id().to_owned();
            let write = move |tx: &Transaction<'_>| {
                tx.execute(
                    "UPDATE restores SET state = 'waived', reason = ?2, ended_at = ?3, next_try = NULL, owner = NULL
                     WHERE restore_id = ?1 AND state = 'owed' AND changes = ?4 AND owner = ?5",
                    params![id, reason, now.as_millisecond(), changes, ours],
                )
            };
            let written = tokio::time::timeout(PATIENCE, self.shared.writer.write(write)).await;
            if written.map_err(|_| StoreError::Busy)?? == 0 {
                return Ok(ForPayment::Busy);
            }
        }
        Ok(taken)
    }

    /// Notes that a debt was spoken of.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn reminded(&self, id: RestoreId, now: Timestamp) -> Result<(), StoreError> {
        let write = move |tx: &Transaction<'_>| {
            tx.execute(
                "UPDATE restores SET reminded_at = ?2 WHERE restore_id = ?1",
                params![id.to_string(), now.as_millisecond()],
            )
        };
        self.shared.writer.write(write).await.map(drop)
    }
}

/// The debts that match.
pub(super) fn list(connection: &Connection, which: &str) -> rusqlite::Result<Vec<Debt>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM restores {which}"))?;
    let debts = statement.query_map([], debt)?;
    debts.map(|debt| with_others(connection, debt?)).collect()
}

/// Makes a run's debt, or has it add to the one that the account has.
pub(super) fn owe(tx: &Transaction<'_>, run: RunId, new: &NewDebt) -> rusqlite::Result<Owed> {
    let added = tx
        .query_row(
            "UPDATE restores SET due = max(due, ?2), changes = changes + 1
             WHERE account = ?1 AND state = 'owed' RETURNING restore_id",
            params![new.account.as_str(), new.due.as_millisecond()],
            |row| parsed(row, 0, |text| RestoreId::parse(text).ok()),
        )
        .optional()?;
    let PreImage { backup, rrule, status, scheduled_date, start_date, requester } = &new.pre_image;
    let (scheduled_date, start_date) = (date(scheduled_date.as_ref()), date(start_date.as_ref()));
    let run = run.to_string();
    let owed = if let Some(restore_id) = added {
        tx.execute(
            "INSERT INTO restores_also (restore_id, backup, rrule, status, scheduled_date, start_date, requester, run_id)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM restores WHERE restore_id = ?1 AND backup <> ?2
             ON CONFLICT DO NOTHING",
            params![
                restore_id.to_string(),
                backup.as_str(),
                rrule,
                status,
                scheduled_date,
                start_date,
                requester,
                run
            ],
        )?;
        Owed { restore_id, is_new: false }
    } else {
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
                scheduled_date,
                start_date,
                requester,
                new.owed_since.as_millisecond(),
                new.due.as_millisecond(),
            ],
        )?;
        Owed { restore_id: new.restore_id, is_new: true }
    };
    tx.execute(
        "UPDATE runs SET restore_id = ?2 WHERE run_id = ?1",
        params![run, owed.restore_id.to_string()],
    )?;
    Ok(owed)
}

/// Notes that a run's cancel has ended what its debt is for, or may have.
pub(super) fn confirm(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE restores SET confirmed = 1 WHERE restore_id = (SELECT restore_id FROM runs WHERE run_id = ?1)",
    )?
    .execute([run.to_string()])
    .map(drop)
}

/// Takes back what a run owes whose targets have all ended, if no cancel of ours has stopped anything: neither its own,
/// nor that of a run which was there at the same time, be it of a job that restores or not.
pub(super) fn review(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    let run = run.to_string();
    tx.prepare_cached(
        "UPDATE restores SET confirmed = 1
         WHERE restore_id = (SELECT restore_id FROM runs WHERE run_id = ?1) AND confirmed = 0
           AND EXISTS (SELECT 1 FROM runs other JOIN targets USING (run_id)
                       -- No run goes on trying for longer than seven days.
                       WHERE other.recorded_at >= restores.owed_since - 8 * 86400000 AND other.run_id <> ?1
                         AND (other.finished_at IS NULL OR other.finished_at >= restores.owed_since)
                         AND other.account = restores.account AND targets.backup = restores.backup
                         AND (targets.outcome IS NULL OR targets.outcome IN ('cancelled', 'contradicted', 'exhausted')
                              OR (targets.attempts > 1 AND targets.outcome <> 'too_late')))",
    )?
    .execute([&run])?;
    tx.prepare_cached(
        "DELETE FROM restores
         WHERE restore_id = (SELECT restore_id FROM runs WHERE run_id = ?1) AND state = 'owed' AND confirmed = 0
           AND NOT EXISTS (SELECT 1 FROM runs other
                           WHERE other.restore_id = restores.restore_id AND other.pending > 0)",
    )?
    .execute([&run])
    .map(drop)
}

/// Forgets what a run would have cancelled besides, had its cancel stopped anything.
pub(super) fn forget_other(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM restores_also WHERE run_id = ?1")?.execute([run.to_string()]).map(drop)
}

/// A debt with what was cancelled besides.
fn with_others(connection: &Connection, debt: Debt) -> rusqlite::Result<Debt> {
    let mut statement = connection.prepare_cached(
        "SELECT backup, rrule, status, scheduled_date, start_date, requester FROM restores_also
         WHERE restore_id = ?1 ORDER BY backup",
    )?;
    let also = statement.query_map([debt.restore_id.to_string()], |row| pre_image(row, 0))?;
    Ok(Debt { also: also.collect::<rusqlite::Result<_>>()?, ..debt })
}

/// Reads what was scheduled from the columns from `first` on.
fn pre_image(row: &Row<'_>, first: usize) -> rusqlite::Result<PreImage> {
    Ok(PreImage {
        backup: parsed(row, first, |text| BackupId::parse(text).ok())?,
        rrule: row.get(first + 1)?,
        status: row.get(first + 2)?,
        scheduled_date: dated(row, first + 3)?,
        start_date: dated(row, first + 4)?,
        requester: row.get(first + 5)?,
    })
}

/// Reads a debt, without what was cancelled besides.
fn debt(row: &Row<'_>) -> rusqlite::Result<Debt> {
    Ok(Debt {
        restore_id: parsed(row, 0, |text| RestoreId::parse(text).ok())?,
        account: parsed(row, 1, |text| AccountName::parse(text).ok())?,
        job: row.get(2)?,
        pre_image: pre_image(row, 3)?,
        also: Vec::new(),
        owed_since: timestamp(9, row.get(9)?)?,
        due: timestamp(10, row.get(10)?)?,
        state: parsed(row, 11, DebtState::parse)?,
        tries: row.get(12)?,
        next_try: instant(row, 13)?,
        reason: row.get(14)?,
        restored: row.get::<_, Option<String>>(15)?.and_then(|text| BackupId::parse(&text).ok()),
        ended_at: instant(row, 16)?,
        reminded_at: instant(row, 17)?,
    })
}
