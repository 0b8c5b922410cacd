//! Where schedules stand at a start, and runs whose process has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use calloff_core::agenda;
use calloff_core::ids::JobName;
use calloff_core::run::Run;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::rows::{self, RUN_COLUMNS};
use super::{Store, StoreError};

/// How long a start waits for a record that takes no writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A run whose process ended before the run did.
#[derive(Debug, Clone)]
pub struct Interrupted {
    /// The run as it was left; targets without an outcome are still to be done.
    pub run: Run,
    /// Whether it was settled that it acts.
    pub decided: bool,
    /// Whether its cancels are to be read back.
    pub verify: bool,
    /// What has become of what its cancels were to owe.
    pub debt: RunDebt,
}

/// Jobs that are not loaded, and whose files are there all the same.
#[derive(Debug, Clone)]
pub enum Kept {
    /// These.
    These(Vec<JobName>),
    /// Perhaps any: nobody knows what is in a folder that can't be read.
    All,
}

impl Kept {
    fn has(&self, job: &str) -> bool {
        match self {
            Self::These(jobs) => jobs.iter().any(|kept| kept.as_str() == job),
            Self::All => true,
        }
    }
}

/// A job whose schedule counts anew from an instant on, or not any more.
#[derive(Debug, Clone)]
pub struct Rebased {
    /// The job.
    pub job: JobName,
    /// Since when.
    pub at: Timestamp,
    /// The fingerprint of its schedule; `None` if its file is gone.
    pub fingerprint: Option<String>,
}

/// What has become of the debt that a run's cancels were to make, or to add to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunDebt {
    /// There was to be none.
    None,
    /// It is owed.
    Owed,
    /// It was paid or waived meanwhile.
    Ended,
}

impl Store {
    /// The same, for a start, which does not wait for a record that takes no writes. It goes ahead with the runs as they
    /// were left; that they are this process's is in line. Another one may do so too: a missed cancel is worse than a
    /// repeated one.
    ///
    /// # Errors
    ///
    /// If the record can't be read, refuses it for good, or is closed.
    pub async fn take_over_at_start(&self) -> Result<Vec<Interrupted>, StoreError> {
        let owners = self.ended_owners().await?;
        let adopting: Vec<_> = owners.iter().map(|id| self.adopted(id.clone())).collect();
        let adopted = async {
            let mut interrupted = vec![];
            for adopted in adopting {
                interrupted.extend(adopted.await?);
            }
            Ok::<_, StoreError>(interrupted)
        };
        let mut interrupted = if let Some(adopted) = self.unless_failing(adopted).await {
            let adopted = adopted?;
            self.shared.owner.sweep();
            adopted
        } else {
            // Of some it may be on record by now that they are this process's, which has none of its own yet.
            let owners: BTreeSet<_> = owners.into_iter().chain([self.shared.owner.id().to_owned()]).collect();
            self.read(move |connection| left_by(connection, &owners)).await?
        };
        interrupted.sort_by_key(|interrupted: &Interrupted| interrupted.run.run_id);
        Ok(interrupted)
    }

    /// What comes of a write; nothing if the record takes none at present, or is slow to. The write stays in line then.
    async fn unless_failing<T>(&self, written: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            written = written => Some(written),
            () = self.failing() => None,
            () = tokio::time::sleep(PATIENCE) => None,
        }
    }

    /// Brings the record up to date with the loaded jobs, and says where each schedule stands.
    ///
    /// A job that is new, or whose fingerprint has changed, stands at `now`: an edit never makes a past
    /// instant due. On a fresh record jobs stand at `fresh` instead. A job that was away for more than an hour is
    /// new when it comes back; a shorter absence is a file on the move, and loses nothing. Nor do the jobs that
    /// are `kept`, however long that takes. A record that takes no writes is not waited for: what is due is not late
    /// because of it.
    ///
    /// # Errors
    ///
    /// If the record can't be read, refuses it for good, or is closed.
    pub async fn baselines(
        &self,
        jobs: Vec<(JobName, String)>,
        kept: Kept,
        now: Timestamp,
        fresh: Timestamp,
    ) -> Result<BTreeMap<JobName, Timestamp>, StoreError> {
        // Most starts change nothing, and reading works even while the record takes no writes.
        let known = self.cursors().await?;
        if let Some(stands) = unchanged(&jobs, &kept, &known, now) {
            return Ok(stands);
        }
        let baseline = move |connection: &Connection| {
            let is_empty = "SELECT NOT EXISTS (SELECT 1 FROM jobs)";
            let is_empty = connection.query_row(is_empty, [], |row| row.get(0))?;
            Ok::<_, rusqlite::Error>(if is_empty { fresh } else { now })
        };
        let to_read = jobs.clone();
        let write = move |tx: &Transaction<'_>| {
            let baseline = baseline(tx)?;
            mark_absent(tx, &jobs, &kept, now)?;
            jobs.iter()
                .map(|(job, fingerprint)| Ok((job.clone(), stand(tx, job, fingerprint, baseline, now)?)))
                .collect()
        };
        if let Some(written) = self.unless_failing(self.shared.writer.write(write)).await {
            return written;
        }
        // It is in line, and will find what is found now.
        self.read(move |connection| {
            let baseline = baseline(connection)?;
            let stands = |(job, fingerprint): (JobName, String)| {
                let cursor = standing(connection, &job, &fingerprint, baseline, now)?;
                Ok((job, cursor))
            };
            to_read.into_iter().map(stands).collect()
        })
        .await
    }

    /// Puts in line that schedules count anew, or don't count any more, after files have changed. Whoever waits for it
    /// knows that it is durable; but it is in line at once, before whatever is put there later.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub fn rebase(
        &self,
        changes: Vec<Rebased>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + use<> {
        self.shared.writer.write(move |tx| {
            for Rebased { job, at, fingerprint } in &changes {
                match fingerprint {
                    Some(fingerprint) => drop(stand(tx, job, fingerprint, *at, now)?),
                    None => absent(tx, job.as_str(), *at)?,
                }
            }
            Ok(())
        })
    }

    /// Where those of these jobs stand whose schedules go on where they stood: they are on record, the same as then, and
    /// were not away for longer than a moment.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn stands(
        &self,
        jobs: Vec<(JobName, String)>,
        now: Timestamp,
    ) -> Result<BTreeMap<JobName, Timestamp>, StoreError> {
        self.read(move |connection| {
            let mut stands = BTreeMap::new();
            for (job, fingerprint) in jobs {
                let known = counts(connection, &job, now)?;
                let goes_on =
                    known.filter(|(known, cursor)| *known == fingerprint && agenda::plausible(*cursor, now));
                stands.extend(goes_on.map(|(_, cursor)| (job, cursor)));
            }
            Ok(stands)
        })
        .await
    }

    /// Takes over the runs whose processes have ended, oldest first. Each is given to one process only.
    ///
    /// If the record takes no writes, this waits for it: a write that stays in line would give the runs to a process
    /// that does not know of them.
    ///
    /// # Errors
    ///
    /// If the record refuses it for good, or is closed.
    pub async fn take_over(&self) -> Result<Vec<Interrupted>, StoreError> {
        let mut interrupted = vec![];
        for id in self.ended_owners().await? {
            interrupted.extend(self.adopted(id).await?);
        }
        self.shared.owner.sweep();
        interrupted.sort_by_key(|interrupted| interrupted.run.run_id);
        Ok(interrupted)
    }

    /// Processes that have ended before their runs did.
    async fn ended_owners(&self) -> Result<Vec<String>, StoreError> {
        let owners = self.read(|connection| {
            let mut statement = connection
                .prepare("SELECT DISTINCT coalesce(owner, '') FROM runs WHERE state = 'running'")?;
            statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
        });
        Ok(owners.await?.into_iter().filter(|id| self.shared.owner.has_ended(id)).collect())
    }

    /// Makes the runs of another process those of this one. It is in line at once.
    fn adopted(&self, theirs: String) -> impl Future<Output = Result<Vec<Interrupted>, StoreError>> + use<> {
        let ours = self.shared.owner.id().to_owned();
        self.shared.writer.write(move |tx| adopt(tx, &theirs, &ours))
    }
}

/// Where the jobs stand, if the record knows exactly these and none was edited.
fn unchanged(
    jobs: &[(JobName, String)],
    kept: &Kept,
    known: &BTreeMap<String, (String, Timestamp)>,
    now: Timestamp,
) -> Option<BTreeMap<JobName, Timestamp>> {
    let loaded: BTreeSet<&str> = jobs.iter().map(|(job, _)| job.as_str()).collect();
    if !known.keys().all(|job| loaded.contains(job.as_str()) || kept.has(job)) {
        return None;
    }
    let stand = |(job, fingerprint): &(JobName, String)| {
        let (before, cursor) = known.get(job.as_str())?;
        (before == fingerprint && agenda::plausible(*cursor, now)).then(|| (job.clone(), *cursor))
    };
    jobs.iter().map(stand).collect()
}

/// Notes which jobs have no file any more.
fn mark_absent(
    tx: &Transaction<'_>,
    jobs: &[(JobName, String)],
    kept: &Kept,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let loaded: BTreeSet<&str> = jobs.iter().map(|(job, _)| job.as_str()).collect();
    let mut find = tx.prepare_cached("SELECT job FROM jobs WHERE absent_since IS NULL")?;
    let known: Vec<String> = find.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let gone = known.iter().filter(|job| !loaded.contains(job.as_str()) && !kept.has(job));
    gone.into_iter().try_for_each(|job| absent(tx, job, now))
}

/// Where a job stands, which is then on record.
fn stand(
    tx: &Transaction<'_>,
    job: &JobName,
    fingerprint: &str,
    baseline: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<Timestamp> {
    let cursor = standing(tx, job, fingerprint, baseline, now)?;
    tx.prepare_cached(
        "INSERT INTO jobs (job, fingerprint, cursor) VALUES (?1, ?2, ?3)
         ON CONFLICT (job) DO UPDATE SET fingerprint = excluded.fingerprint, cursor = excluded.cursor,
                                         absent_since = NULL",
    )?
    .execute(params![job.as_str(), fingerprint, cursor.as_millisecond()])?;
    Ok(cursor)
}

/// Where a job stands, be it on record or not.
fn standing(
    connection: &Connection,
    job: &JobName,
    fingerprint: &str,
    baseline: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<Timestamp> {
    let known = counts(connection, job, now)?;
    let known = known.as_ref().map(|(known, cursor)| (known.as_str(), *cursor));
    Ok(agenda::baseline(known, fingerprint, baseline))
}

/// What is on record of a job's schedule, as far as it still counts.
fn counts(
    connection: &Connection,
    job: &JobName,
    now: Timestamp,
) -> rusqlite::Result<Option<(String, Timestamp)>> {
    let known: Option<(String, i64, Option<i64>)> = connection
        .prepare_cached("SELECT fingerprint, cursor, absent_since FROM jobs WHERE job = ?1")?
        .query_row([job.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match known {
        Some((_, _, Some(absent))) if !agenda::was_moving(rows::timestamp(2, absent)?, now) => Ok(None),
        Some((fingerprint, cursor, _)) => Ok(Some((fingerprint, rows::timestamp(1, cursor)?))),
        None => Ok(None),
    }
}

/// Notes that a job is not loaded any more.
fn absent(tx: &Transaction<'_>, job: &str, now: Timestamp) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE jobs SET absent_since = ?2 WHERE job = ?1 AND absent_since IS NULL")?
        .execute(params![job, now.as_millisecond()])
        .map(drop)
}

/// How an interrupted run is read: the columns, beside those of a run.
const INTERRUPTED: &str = "decided, verify, restore_id IS NOT NULL AS made_debt,
    EXISTS (SELECT 1 FROM restores WHERE restores.restore_id = runs.restore_id AND restores.state = 'owed') AS owes";

fn interrupted(row: &Row<'_>) -> rusqlite::Result<Interrupted> {
    Ok(Interrupted {
        run: rows::run(row)?,
        decided: row.get("decided")?,
        verify: row.get("verify")?,
        debt: match (row.get("made_debt")?, row.get("owes")?) {
            (false, _) => RunDebt::None,
            (true, true) => RunDebt::Owed,
            (true, false) => RunDebt::Ended,
        },
    })
}

/// The runs that these processes have left. All are found as they stand at one instant: one that changes hands
/// meanwhile is among them.
fn left_by(connection: &Connection, owners: &BTreeSet<String>) -> rusqlite::Result<Vec<Interrupted>> {
    let sql = format!(
        "SELECT {RUN_COLUMNS}, coalesce(owner, '') AS theirs, {INTERRUPTED} FROM runs WHERE state = 'running'"
    );
    let mut find = connection.prepare(&sql)?;
    let mut rows = find.query([])?;
    let mut left = vec![];
    while let Some(row) = rows.next()? {
        if owners.contains(row.get_ref("theirs")?.as_str()?) {
            left.push(interrupted(row)?);
        }
    }
    for Interrupted { run, .. } in &mut left {
        run.targets = rows::targets(connection, run.run_id)?;
    }
    Ok(left)
}

fn adopt(tx: &Transaction<'_>, theirs: &str, ours: &str) -> rusqlite::Result<Vec<Interrupted>> {
    let sql = format!(
        "UPDATE runs SET owner = ?2 WHERE state = 'running' AND coalesce(owner, '') = ?1
         RETURNING {RUN_COLUMNS}, {INTERRUPTED}"
    );
    let mut adopted =
        tx.prepare(&sql)?.query_map([theirs, ours], interrupted)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut add = tx.prepare_cached(
        "UPDATE restores SET changes = changes + 1
         WHERE state = 'owed' AND restore_id = (SELECT restore_id FROM runs WHERE run_id = ?1)",
    )?;
    for interrupted in &mut adopted {
        interrupted.run.targets = rows::targets(tx, interrupted.run.run_id)?;
        // It may cancel from now on: a payment that has begun before does not count.
        add.execute([interrupted.run.run_id.to_string()])?;
    }
    Ok(adopted)
}
