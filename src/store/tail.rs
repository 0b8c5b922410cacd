//! What has changed in the runs since somebody last looked: so that what is shown of very many need not be read anew.

use std::collections::BTreeSet;

use calloff_core::ids::{AccountName, RunId};
use calloff_core::overview::LastRun;
use calloff_core::run::{RunState, Trigger};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{Store, StoreError, rows};

/// Runs of the last days that are read at most, the newest.
const MOST_RECENT: u32 = 20_000;

const COLUMNS: &str =
    "run_id, job, account, occurrence, state, trigger, started_at, finished_at, recorded_at, rowid";

/// How far the runs were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// The newest row.
    row: i64,
    /// What was under way then.
    running: BTreeSet<RunId>,
}

/// A run, without its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// Its ID.
    pub run_id: RunId,
    /// Its job's name.
    pub job: String,
    /// Its account.
    pub account: AccountName,
    /// How it went.
    pub last: LastRun,
    /// When it began, or if it never did, when it should have.
    pub at: Timestamp,
    /// When it ended, if it has.
    pub finished_at: Option<Timestamp>,
}

/// What is new in the runs.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    /// Those that are new or have ended; of a first look, the newest of each job, and all that are recent.
    pub runs: Vec<Brief>,
    /// When each job last succeeded: of a first look only.
    pub successes: Vec<(String, Timestamp)>,
    /// How far they were read.
    pub mark: Mark,
}

impl Store {
    /// A number that is another one whenever anything in the record may have changed.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn version(&self) -> Result<i64, StoreError> {
        self.read(|connection| connection.pragma_query_value(None, "data_version", |row| row.get(0))).await
    }

    /// What is new in the runs since `mark`; without one, the newest run of each job, and those since `recent`.
    ///
    /// # Errors
    ///
    /// If the record can't be read.
    pub async fn tail(&self, mark: Option<Mark>, recent: Timestamp) -> Result<Tail, StoreError> {
        self.read(move |connection| match mark {
            Some(mark) => news(connection, mark, recent),
            None => everything(connection, recent),
        })
        .await
    }
}

fn everything(connection: &Connection, recent: Timestamp) -> rusqlite::Result<Tail> {
    let mut tail = Tail::default();
    // With a bare max(), SQLite takes the other columns from the row that has it.
    let sql = format!("SELECT {COLUMNS}, max(run_id) FROM runs GROUP BY job");
    tail.add(connection, &sql, [])?;
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE recorded_at >= ?1 ORDER BY rowid DESC LIMIT ?2");
    tail.add(connection, &sql, params![recent.as_millisecond(), MOST_RECENT])?;
    // What has been under way for long.
    tail.add(connection, &format!("SELECT {COLUMNS} FROM runs WHERE state = 'running'"), [])?;
    let mut statement = connection
        .prepare("SELECT job, max(finished_at) FROM runs WHERE state = 'succeeded' GROUP BY job")?;
    let succeeded = statement.query_map([], |row| Ok((row.get(0)?, rows::instant(row, 1)?)))?;
    for row in succeeded {
        if let (job, Some(at)) = row? {
            tail.successes.push((job, at));
        }
    }
    Ok(tail)
}

fn news(connection: &Connection, mark: Mark, recent: Timestamp) -> rusqlite::Result<Tail> {
    let newest: Option<i64> = connection.query_row("SELECT max(rowid) FROM runs", [], |row| row.get(0))?;
    let new = newest.unwrap_or_default() - mark.row;
    // If the newest rows were forgotten, others get their places. Where nobody has looked for long, there are too many.
    let is_readable = (0..=i64::from(MOST_RECENT)).contains(&new);
    let mut tail = if is_readable {
        Tail { mark: Mark { row: mark.row, running: BTreeSet::new() }, ..Tail::default() }
    } else {
        everything(connection, recent)?
    };
    let by_id = format!("SELECT {COLUMNS} FROM runs WHERE run_id = ?1");
    for run in mark.running {
        tail.add(connection, &by_id, [run.to_string()])?;
    }
    if is_readable {
        tail.add(connection, &format!("SELECT {COLUMNS} FROM runs WHERE rowid > ?1"), [mark.row])?;
    }
    Ok(tail)
}

impl Tail {
    fn add(
        &mut self,
        connection: &Connection,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(sql)?;
        for row in statement.query_map(parameters, |row| Ok((brief(row)?, row.get(9)?)))? {
            let (run, place): (Brief, i64) = row?;
            self.mark.row = self.mark.row.max(place);
            if run.last.state == RunState::Running {
                self.mark.running.insert(run.run_id);
            }
            self.runs.push(run);
        }
        Ok(())
    }
}

fn brief(row: &Row<'_>) -> rusqlite::Result<Brief> {
    let (occurrence, started_at) = (rows::instant(row, 3)?, rows::instant(row, 6)?);
    Ok(Brief {
        run_id: rows::parsed(row, 0, |text| RunId::parse(text).ok())?,
        job: row.get(1)?,
        account: rows::parsed(row, 2, |text| AccountName::parse(text).ok())?,
        last: LastRun {
            occurrence,
            state: rows::parsed(row, 4, RunState::parse)?,
            trigger: rows::parsed(row, 5, Trigger::parse)?,
        },
        at: match started_at.or(occurrence) {
            Some(at) => at,
            None => rows::timestamp(8, row.get(8)?)?,
        },
        finished_at: rows::instant(row, 7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Role, schema};

    struct Place {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store =
                Store::open(&folder.path().join("calloff.db"), Role::Daemon, Timestamp::UNIX_EPOCH).unwrap();
            Self { folder, store }
        }

        fn add(&self, runs: std::ops::Range<u32>) {
            let connection = schema::open(&self.folder.path().join("calloff.db")).unwrap();
            let transaction = connection.unchecked_transaction().unwrap();
            for number in runs {
                let id = format!("0197c9d4-0000-7000-8000-{number:012}");
                let sql = "INSERT INTO runs (run_id, job, account, trigger, state, recorded_at, finished_at, pending)
                           VALUES (?1, 'job', 'acme', 'schedule', 'failed', ?2, ?2, 0)";
                transaction.execute(sql, params![id, number]).unwrap();
            }
            transaction.commit().unwrap();
        }

        /// How many runs are new, and the newest of them.
        async fn tail(&self, mark: &mut Option<Mark>) -> (usize, Option<String>) {
            let tail = self.store.tail(mark.take(), Timestamp::UNIX_EPOCH).await.unwrap();
            *mark = Some(tail.mark);
            let runs: BTreeSet<String> = tail.runs.iter().map(|run| run.run_id.to_string()).collect();
            (tail.runs.len(), runs.last().map(|run| run[24..].trim_start_matches('0').to_owned()))
        }
    }

    #[tokio::test]
    async fn what_takes_the_place_of_forgotten_runs_is_new() {
        let (place, mut mark) = (Place::new(), None);
        place.add(1..4);
        assert_eq!(place.tail(&mut mark).await.1.as_deref(), Some("3"));
        assert_eq!(place.tail(&mut mark).await, (0, None), "nothing is new");
        let all = Timestamp::from_second(1).unwrap();
        assert_eq!(place.store.prune(all).await.unwrap(), 3);
        place.add(4..5);
        assert_eq!(place.tail(&mut mark).await.1.as_deref(), Some("4"));
    }

    #[tokio::test]
    async fn who_has_not_looked_for_long_is_not_told_everything() {
        let (place, mut mark) = (Place::new(), None);
        place.add(1..2);
        place.tail(&mut mark).await;
        place.add(2..30_000);
        let (told, newest) = place.tail(&mut mark).await;
        assert!(told <= 20_010, "{told}");
        assert_eq!(newest.as_deref(), Some("29999"));
    }
}
