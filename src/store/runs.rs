//! Claiming an occurrence, and writing down what became of it.

use calloff_core::agenda;
use calloff_core::hold::Held;
use calloff_core::ids::{AccountName, BackupId, BackupRef, JobName, RunId};
use calloff_core::outcome::{self, Outcome};
use calloff_core::restore::NewDebt;
use calloff_core::run::{RunState, Target, Trigger};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::restores::Owed;
use super::{Store, StoreError, holds, pauses, restores};

/// A run that is about to begin.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its ID.
    pub run_id: RunId,
    /// The job's name, or that of manual cancels.
    pub job: String,
    /// The account.
    pub account: AccountName,
    /// What sets it off.
    pub trigger: Trigger,
    /// The nominal instant; `None` for a manual trigger.
    pub occurrence: Option<Timestamp>,
    /// When it was to begin, jitter included; `None` for a manual trigger.
    pub due_at: Option<Timestamp>,
    /// When it begins.
    pub started_at: Timestamp,
    /// Why a person set it off.
    pub reason: Option<String>,
    /// The backups, in the job's order.
    pub backups: Vec<BackupRef>,
    /// Whether it is settled that it acts; if not, its conditions are yet to be looked at.
    pub decided: bool,
    /// Whether its cancels are read back before it ends.
    pub verify: bool,
}

/// Occurrences that passed while nothing could run them: one row stands for all of them.
#[derive(Debug, Clone)]
pub struct Missed {
    /// The row's ID.
    pub run_id: RunId,
    /// The account.
    pub account: AccountName,
    /// The newest of them.
    pub newest: Timestamp,
    /// How many there were.
    pub count: u64,
    /// Why they were not run.
    pub reason: String,
    /// The backups, in the job's order.
    pub backups: Vec<BackupRef>,
}

/// What a schedule makes due, to be claimed in one piece.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job.
    pub job: JobName,
    /// Where its schedule stood when this was decided.
    pub from: Timestamp,
    /// Where it will stand.
    pub to: Timestamp,
    /// What was missed on the way.
    pub missed: Option<Missed>,
    /// What is run.
    pub run: Option<NewRun>,
    /// The hold that this begins, whatever becomes of the run.
    pub hold: Option<Held>,
    /// The present instant.
    pub now: Timestamp,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours, and on record.
    Ours,
    /// Another process was faster: the schedule stands here by now.
    Lost(Timestamp),
    /// The job is paused, for this reason: what was to be run is on record as skipped.
    Paused(String),
}

/// What became of a target's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is on record; others of its run are yet to come.
    OneOfRun,
    /// It is on record, and its run ended at this instant.
    LastOfRun(Timestamp),
    /// Another process, which took the run up as well, had put an outcome on record before; the run is still open.
    ByAnother,
    /// The run is not on record: its claim came too late, and another process has run the occurrence.
    NoSuchRun,
}

/// How a target of a run ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Its place in the run.
    pub position: usize,
    /// The target, with its outcome.
    pub target: Target,
    /// The last call made for it.
    pub attempt: Option<Attempt>,
    /// Whether a cancel of ours has ended what the run's debt is for, or may have; `None` if the run makes no debt.
    pub stopped: Option<bool>,
}

/// What was decided about a run before anything is sent.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// The backup that `current` stands for.
    pub current: Option<BackupId>,
    /// What its cancel will owe.
    pub debt: Option<NewDebt>,
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It is on record, with what the run owes.
    OnRecord(Option<Owed>),
    /// The run is not on record: its claim came too late.
    NoSuchRun,
}

/// One HTTP call for a target.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which one, from 1.
    pub number: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How long the answer took, in milliseconds.
    pub took_ms: i64,
    /// The status of the answer.
    pub http_status: Option<u16>,
    /// The code in the answer.
    pub code: Option<String>,
    /// The message in the answer, or what was wrong with the connection; redacted.
    pub message: Option<String>,
}

impl Store {
    /// Claims what a schedule makes due: moves the job's cursor, and in the same transaction records what was
    /// missed and begins the run. It is in line at once, before whatever is put there later.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub fn claim(&self, claim: Claim) -> impl Future<Output = Result<Claimed, StoreError>> + use<> {
        let owner = self.shared.owner.id().to_owned();
        self.shared.writer.write(move |tx| try_claim(tx, &claim, &owner))
    }

    /// Begins a run that no schedule has set off, and the hold that it begins.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn begin(&self, run: NewRun, hold: Option<Held>) -> Result<(), StoreError> {
        let owner = self.shared.owner.id().to_owned();
        let begun = move |tx: &Transaction<'_>| {
            if let Some(held) = &hold {
                holds::begin(tx, held)?;
            }
            insert_run(tx, &run, run.started_at, &owner).map(drop)
        };
        self.shared.writer.write(begun).await
    }

    /// Records a run that did nothing, for this reason.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn skipped(&self, run: NewRun, why: String) -> Result<(), StoreError> {
        let owner = self.shared.owner.id().to_owned();
        let write = move |tx: &Transaction<'_>| {
            insert_run(tx, &run, run.started_at, &owner)?;
            skip_targets(tx, &run, &why, run.started_at)
        };
        self.shared.writer.write(write).await
    }

    /// Records an attempt that will be followed by another.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn attempted(&self, run: RunId, position: usize, attempt: Attempt) -> Result<(), StoreError> {
        self.shared.writer.write(move |tx| insert_attempt(tx, run, position, &attempt)).await
    }

    /// Records that a run acts, on which backup, and what it will owe: all of it or nothing.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn decided(&self, run: RunId, decision: Decision) -> Result<Decided, StoreError> {
        let write = move |tx: &Transaction<'_>| {
            let run_id = run.to_string();
            let Decision { current, debt } = &decision;
            let known = tx.execute("UPDATE runs SET decided = 1 WHERE run_id = ?1", [&run_id])?;
            if known == 0 {
                return Ok(Decided::NoSuchRun);
            }
            if let Some(id) = current {
                tx.execute(
                    "UPDATE targets SET backup = ?2 WHERE run_id = ?1 AND backup = ?3",
                    params![run_id, id.as_str(), BackupRef::Current.as_str()],
                )?;
            }
            let debt = debt.as_ref().map(|debt| restores::owe(tx, run, debt)).transpose()?;
            Ok(Decided::OnRecord(debt))
        };
        self.shared.writer.write(write).await
    }

    /// Records how some of a run's targets ended. With the last of them the run ends, unless it is to be kept open
    /// for a read-back.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn ended(
        &self,
        run: RunId,
        endings: Vec<Ending>,
        keep_open: bool,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let write = move |tx: &Transaction<'_>| {
            let (mut pending, mut by_another) = (None, false);
            for Ending { position, target, attempt, stopped: _ } in &endings {
                if let Some(attempt) = attempt {
                    insert_attempt(tx, run, *position, attempt)?;
                }
                match end_target(tx, run, *position, target)? {
                    Some(left) => pending = Some(left),
                    None if is_open(tx, run)? => by_another = true,
                    None => return Ok(Written::NoSuchRun),
                }
            }
            if endings.iter().any(|ending| ending.stopped == Some(true)) {
                restores::confirm(tx, run)?;
            } else if pending == Some(0) && endings.iter().any(|ending| ending.stopped == Some(false)) {
                restores::forget_other(tx, run)?;
            }
            if pending == Some(0) && endings.iter().any(|ending| ending.stopped.is_some()) {
                restores::review(tx, run)?;
            }
            match pending {
                Some(0) if !keep_open => end_run(tx, run, now).map(Written::LastOfRun),
                _ if by_another => Ok(Written::ByAnother),
                _ => Ok(Written::OneOfRun),
            }
        };
        self.shared.writer.write(write).await
    }

    /// Records what reading back has shown of some targets, and ends the run if all targets have ended.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn proved(
        &self,
        run: RunId,
        targets: Vec<(usize, Target)>,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let write = move |tx: &Transaction<'_>| {
            if !is_open(tx, run)? {
                return Ok(Written::NoSuchRun);
            }
            let run_id = run.to_string();
            for (position, target) in &targets {
                let updated = tx
                    .prepare_cached(
                        "UPDATE targets SET outcome = ?3, verified = ?4, reason = ?5, hint = ?6
                         WHERE run_id = ?1 AND position = ?2 AND outcome IS NOT NULL",
                    )?
                    .execute(params![
                        run_id,
                        position,
                        target.outcome.map(Outcome::as_str),
                        target.verified,
                        target.reason,
                        target.hint,
                    ])?;
                if updated == 0 {
                    return Ok(Written::NoSuchRun);
                }
            }
            let pending: Option<i64> = tx
                .prepare_cached("SELECT pending FROM runs WHERE run_id = ?1")?
                .query_row([&run_id], |row| row.get(0))
                .optional()?;
            match pending {
                None => Ok(Written::NoSuchRun),
                Some(0) => end_run(tx, run, now).map(Written::LastOfRun),
                Some(_) => Ok(Written::OneOfRun),
            }
        };
        self.shared.writer.write(write).await
    }
}

fn try_claim(tx: &Transaction<'_>, claim: &Claim, owner: &str) -> rusqlite::Result<Claimed> {
    let job = claim.job.as_str();
    let mut find = tx.prepare_cached("SELECT cursor FROM jobs WHERE job = ?1")?;
    // Without a row another process has loaded a set of files without the job. That this one still has it is
    // enough; the occurrence itself can't be claimed twice.
    let cursor = find.query_row([job], |row| row.get::<_, i64>(0)).optional()?;
    if let Some(cursor) = cursor.filter(|&cursor| cursor != claim.from.as_millisecond()) {
        let cursor = super::rows::timestamp(0, cursor)?;
        if agenda::plausible(cursor, claim.now) {
            return Ok(Claimed::Lost(cursor));
        }
    }
    tx.prepare_cached("UPDATE jobs SET cursor = ?2 WHERE job = ?1")?
        .execute(params![job, claim.to.as_millisecond()])?;
    if let Some(held) = &claim.hold {
        holds::begin(tx, held)?;
    }
    if let Some(missed) = &claim.missed {
        insert_missed(tx, job, missed, claim.now)?;
    }
    let Some(run) = &claim.run else { return Ok(Claimed::Ours) };
    if !insert_run(tx, run, claim.now, owner)? {
        return Ok(Claimed::Lost(claim.to));
    }
    let pause =
        pauses::find(tx, job)?.filter(|pause| pause.covers(run.occurrence.unwrap_or(claim.now), claim.now));
    match pause.map(|pause| pause.why()) {
        Some(why) => {
            skip_run(tx, run, &why, claim.now)?;
            Ok(Claimed::Paused(why))
        }
        None => Ok(Claimed::Ours),
    }
}

/// Ends a run that has just been inserted as skipped.
fn skip_run(tx: &Transaction<'_>, run: &NewRun, why: &str, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute("UPDATE runs SET reason = ?2 WHERE run_id = ?1", params![run.run_id.to_string(), why])?;
    skip_targets(tx, run, why, now)
}

/// Ends all targets of a run that has just been inserted, and with them the run.
fn skip_targets(tx: &Transaction<'_>, run: &NewRun, why: &str, now: Timestamp) -> rusqlite::Result<()> {
    let run_id = run.run_id.to_string();
    tx.execute(
        "UPDATE targets SET outcome = ?2, reason = ?3 WHERE run_id = ?1",
        params![run_id, Outcome::Skipped.as_str(), why],
    )?;
    tx.execute("UPDATE runs SET pending = 0 WHERE run_id = ?1", [run_id])?;
    end_run(tx, run.run_id, now).map(drop)
}

/// Begins a run, unless its occurrence has been claimed before.
fn insert_run(tx: &Transaction<'_>, run: &NewRun, now: Timestamp, owner: &str) -> rusqlite::Result<bool> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO runs (run_id, job, account, trigger, occurrence, due_at, state, recorded_at, started_at,
                           reason, pending, owner, decided, verify)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (job, occurrence) DO NOTHING",
    )?;
    let run_id = run.run_id.to_string();
    let inserted = insert.execute(params![
        run_id,
        run.job,
        run.account.as_str(),
        run.trigger.as_str(),
        run.occurrence.map(Timestamp::as_millisecond),
        run.due_at.map(Timestamp::as_millisecond),
        now.as_millisecond(),
        run.started_at.as_millisecond(),
        run.reason,
        run.backups.len(),
        owner,
        run.decided,
        run.verify,
    ])?;
    if inserted == 0 {
        return Ok(false);
    }
    let mut insert =
        tx.prepare_cached("INSERT INTO targets (run_id, position, backup) VALUES (?1, ?2, ?3)")?;
    for (position, backup) in run.backups.iter().enumerate() {
        insert.execute(params![run_id, position, backup.as_str()])?;
    }
    Ok(true)
}

fn insert_missed(tx: &Transaction<'_>, job: &str, missed: &Missed, now: Timestamp) -> rusqlite::Result<()> {
    let run_id = missed.run_id.to_string();
    let inserted = tx.execute(
        "INSERT INTO runs (run_id, job, account, trigger, occurrence, state, recorded_at, finished_at, missed, pending,
                           untold)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, 0, 1)
         ON CONFLICT (job, occurrence) DO NOTHING",
        params![
            run_id,
            job,
            missed.account.as_str(),
            Trigger::Schedule.as_str(),
            missed.newest.as_millisecond(),
            RunState::Missed.as_str(),
            now.as_millisecond(),
            missed.count,
        ],
    )?;
    for (position, backup) in missed.backups.iter().enumerate().take_while(|_| inserted > 0) {
        tx.execute(
            "INSERT INTO targets (run_id, position, backup, outcome, reason, hint) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                run_id,
                position,
                backup.as_str(),
                Outcome::Missed.as_str(),
                missed.reason,
                outcome::hint(Outcome::Missed, None),
            ],
        )?;
    }
    Ok(())
}

fn insert_attempt(
    tx: &Transaction<'_>,
    run: RunId,
    position: usize,
    attempt: &Attempt,
) -> rusqlite::Result<()> {
    let run_id = run.to_string();
    // A run that could not be claimed on record has no rows; what it did is in the log.
    tx.prepare_cached(
        "INSERT INTO attempts (run_id, position, attempt, sent_at, took_ms, http_status, code, message)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM runs WHERE run_id = ?1)
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        run_id,
        position,
        attempt.number,
        attempt.sent_at.as_millisecond(),
        attempt.took_ms,
        attempt.http_status,
        attempt.code,
        attempt.message,
    ])?;
    tx.prepare_cached(
        "UPDATE targets SET attempts = ?3 WHERE run_id = ?1 AND position = ?2 AND outcome IS NULL",
    )?
    .execute(params![run_id, position, attempt.number])?;
    Ok(())
}

/// Ends a target, and says how many of its run have not ended yet; `None` if it is not on record as under way.
fn end_target(
    tx: &Transaction<'_>,
    run: RunId,
    position: usize,
    target: &Target,
) -> rusqlite::Result<Option<i64>> {
    let run_id = run.to_string();
    let ended = tx
        .prepare_cached(
            "UPDATE targets SET backup = ?11, outcome = ?3, verified = ?4, attempts = ?5, http_status = ?6, code = ?7,
                                message = ?8, reason = ?9, hint = ?10
             WHERE run_id = ?1 AND position = ?2 AND outcome IS NULL",
        )?
        .execute(params![
            run_id,
            position,
            target.outcome.map(Outcome::as_str),
            target.verified,
            target.attempts,
            target.http_status,
            target.code,
            target.message,
            target.reason,
            target.hint,
            target.backup.as_str(),
        ])?;
    if ended == 0 {
        return Ok(None);
    }
    tx.prepare_cached("UPDATE runs SET pending = pending - 1 WHERE run_id = ?1 RETURNING pending")?
        .query_row([&run_id], |row| row.get(0))
        .optional()
}

/// Whether a run is on record and has not ended.
fn is_open(tx: &Transaction<'_>, run: RunId) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE run_id = ?1 AND state = 'running')")?
        .query_row([run.to_string()], |row| row.get(0))
}

fn end_run(tx: &Transaction<'_>, run: RunId, now: Timestamp) -> rusqlite::Result<Timestamp> {
    let targets = super::rows::targets(tx, run)?;
    let state = RunState::of(targets.iter().filter_map(|target| target.outcome));
    tx.execute(
        "UPDATE runs SET state = ?2, finished_at = ?3, owner = NULL, untold = 1,
                         missed = CASE WHEN ?4 THEN coalesce(missed, 1) ELSE missed END,
                         started_at = CASE WHEN ?4 THEN NULL ELSE started_at END
         WHERE run_id = ?1",
        params![run.to_string(), state.as_str(), now.as_millisecond(), state == RunState::Missed],
    )?;
    if state == RunState::Succeeded {
        holds::quieten(tx, run)?;
    }
    Ok(now)
}
