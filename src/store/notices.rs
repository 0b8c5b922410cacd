//! From what has happened to what sinks are told: in one transaction, so that nothing is told twice or forgotten.

use std::collections::{BTreeMap, BTreeSet};

use calloff_core::ids::AccountName;
use calloff_core::notify::{
    News, Notice, Subscription, Tell, decide, of_debt, of_health, of_run, without_debt,
};
use calloff_core::run::{MANUAL_JOB, Run, RunState};
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use super::rows::{self, RUN_COLUMNS};
use super::{Store, StoreError, outbox, restores};

/// Runs that are thought of in one transaction: no claim is to wait for long.
const RUNS: usize = 50;

/// Notices that wait for one sink at most.
const MOST: usize = 1_000;

/// To whom what is told.
#[derive(Debug, Clone)]
pub struct Telling {
    /// The sinks.
    pub subscriptions: Vec<Subscription>,
    /// What is not as it should be with Calloff itself, if that is known yet.
    pub health: Option<Vec<String>>,
    /// The present instant.
    pub now: Timestamp,
}

/// What has come of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// How many runs were thought of.
    pub runs: usize,
    /// How many of them have failed or were missed, not counting what a person cancelled by hand.
    pub failures: usize,
    /// The sinks for which there is a new notice.
    pub sinks: BTreeSet<String>,
    /// How many notices were given up because too many wait for a sink.
    pub dropped: BTreeMap<String, usize>,
}

impl Told {
    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.failures += other.failures;
        self.sinks.extend(other.sinks);
        for (sink, count) in other.dropped {
            *self.dropped.entry(sink).or_default() += count;
        }
    }
}

impl Store {
    /// Makes notices of what nobody was told of yet. Where there is no sink, what has happened counts as told.
    ///
    /// If nothing is to be told this writes nothing.
    ///
    /// # Errors
    ///
    /// If the record can't be read, refuses it for good, or is closed.
    pub async fn tell(&self, telling: Telling) -> Result<Told, StoreError> {
        let mut told = Told::default();
        loop {
            let asking = telling.clone();
            if !self.read(move |connection| is_anything(connection, &asking)).await? {
                return Ok(told);
            }
            let telling = telling.clone();
            let more = self.shared.writer.write(move |tx| tell(tx, &telling)).await?;
            // What stands may be more than is kept for a sink: each time some of it would be given up, and told anew.
            let was_last = more.runs == 0;
            told.add(more);
            if was_last {
                return Ok(told);
            }
        }
    }
}

/// Whether there is anything to be told, or kept of it.
fn is_anything(connection: &Connection, telling: &Telling) -> rusqlite::Result<bool> {
    let untold = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE untold = 1)")?
        .query_row([], |row| row.get(0))?;
    if untold || outbox::is_anything_left_over(connection, telling)? {
        return Ok(true);
    }
    for news in standing(connection, telling)? {
        let known = known(connection, &news.cause)?;
        let is_over = news.what.has_ended() && !known.is_empty();
        let tells = |sink: &str| known.contains_key(sink);
        if is_over || decide(news.what, tells, &telling.subscriptions).next().is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tell(tx: &Transaction<'_>, telling: &Telling) -> rusqlite::Result<Told> {
    let mut told = Told::default();
    if telling.subscriptions.is_empty() && !does_anybody_know(tx)? {
        // All of it at once: nobody is told, now or later, and there is nothing whose end matters.
        let failures =
            "SELECT count(*) FROM runs WHERE untold = 1 AND state IN ('failed', 'missed') AND job != ?1";
        told.failures = tx.prepare_cached(failures)?.query_row([MANUAL_JOB], |row| row.get(0))?;
        told.runs = tx.prepare_cached("UPDATE runs SET untold = NULL WHERE untold = 1")?.execute([])?;
        outbox::forget_left_over(tx, telling)?;
        return Ok(told);
    }
    for run in untold(tx)? {
        told.runs += 1;
        let is_failure = matches!(run.state, RunState::Failed | RunState::Missed) && run.job != MANUAL_JOB;
        told.failures += usize::from(is_failure);
        for news in of_run(&run) {
            tell_news(tx, telling, &news, Some(&run), &mut told)?;
        }
        tx.prepare_cached("UPDATE runs SET untold = NULL WHERE run_id = ?1")?
            .execute([run.run_id.to_string()])?;
    }
    for news in standing(tx, telling)? {
        tell_news(tx, telling, &news, None, &mut told)?;
    }
    outbox::forget_left_over(tx, telling)?;
    for sink in &told.sinks {
        let dropped = outbox::keep_newest(tx, sink, MOST)?;
        if dropped > 0 {
            told.dropped.insert(sink.clone(), dropped);
        }
    }
    Ok(told)
}

fn tell_news(
    tx: &Transaction<'_>,
    telling: &Telling,
    news: &News,
    run: Option<&Run>,
    told: &mut Told,
) -> rusqlite::Result<()> {
    let known = known(tx, &news.cause)?;
    let tells = decide(news.what, |sink| known.contains_key(sink), &telling.subscriptions);
    for Tell { sink, event, is_kept } in tells {
        let body = serde_json::to_string(&Notice::new(event, news, run))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        tx.prepare_cached(
            "INSERT INTO notices (sink, cause, about, body, made_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![sink, news.cause, known.get(sink), body, telling.now.as_millisecond()])?;
        if is_kept {
            tx.prepare_cached("INSERT OR REPLACE INTO told (cause, sink, notice) VALUES (?1, ?2, ?3)")?
                .execute(params![news.cause, sink, tx.last_insert_rowid()])?;
        }
        told.sinks.insert(sink.to_owned());
    }
    if news.what.has_ended() && !known.is_empty() {
        tx.prepare_cached("DELETE FROM told WHERE cause = ?1")?.execute([&news.cause])?;
    }
    Ok(())
}

/// Whether there is a trouble that a sink knows of, even one that there is none of now: its entry may come back.
fn does_anybody_know(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM told)")?.query_row([], |row| row.get(0))
}

/// The sinks that know of a trouble, each with the notice of it.
fn known(connection: &Connection, cause: &str) -> rusqlite::Result<BTreeMap<String, i64>> {
    let mut statement = connection.prepare_cached("SELECT sink, notice FROM told WHERE cause = ?1")?;
    statement.query_map([cause], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Runs that have ended and that nobody was told of, the first ones.
fn untold(connection: &Connection) -> rusqlite::Result<Vec<Run>> {
    let sql =
        format!("SELECT {RUN_COLUMNS} FROM runs WHERE untold = 1 ORDER BY finished_at, run_id LIMIT {RUNS}");
    let mut statement = connection.prepare_cached(&sql)?;
    let runs = statement.query_map([], rows::run)?.collect::<rusqlite::Result<Vec<Run>>>()?;
    let with_targets = |run: Run| Ok(Run { targets: rows::targets(connection, run.run_id)?, ..run });
    runs.into_iter().map(with_targets).collect()
}

/// What is so now, whenever it has come to be so: what is owed, and how Calloff itself is.
fn standing(connection: &Connection, telling: &Telling) -> rusqlite::Result<Vec<News>> {
    let debts = restores::list(connection, "WHERE state = 'owed' ORDER BY restore_id")?;
    let mut news: Vec<News> = debts.iter().filter_map(of_debt).collect();
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT substr(cause, ?2) FROM told WHERE substr(cause, 1, ?2 - 1) = ?1")?;
    let account = |row: &Row<'_>| row.get::<_, String>(0);
    let told = statement.query_map(params![News::OF_DEBT, News::OF_DEBT.len() + 1], account)?;
    for account in told {
        let Ok(account) = AccountName::parse(&account?) else { continue };
        let over = without_debt(&account);
        if news.iter().all(|news| news.cause != over.cause) {
            news.push(over);
        }
    }
    news.extend(telling.health.as_ref().map(|reasons| of_health("files", reasons)));
    Ok(news)
}

#[cfg(test)]
mod tests {
    use calloff_core::notify::Event;

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
                Store::open(&folder.path().join("calloff.db"), Role::Command, Timestamp::UNIX_EPOCH).unwrap();
            Self { folder, store }
        }

        fn sql(&self, sql: &str) {
            schema::open(&self.folder.path().join("calloff.db")).unwrap().execute_batch(sql).unwrap();
        }

        /// A run that has ended.
        fn run(&self, number: u32, state: &str) {
            let id = format!("0197c9d4-0000-7000-8000-{number:012}");
            self.sql(&format!(
                "INSERT INTO runs (run_id, job, account, trigger, state, recorded_at, finished_at, pending, untold)
                 VALUES ('{id}', 'job', 'acme', 'schedule', '{state}', {number}, {number}, 0, 1)"
            ));
        }

        async fn tell_at(&self, sinks: &[&str], health: &[&str], now: Timestamp) -> Told {
            let subscription =
                |sink: &&str| Subscription { sink: (*sink).to_owned(), on: Event::ALL.to_vec() };
            let telling = Telling {
                subscriptions: sinks.iter().map(subscription).collect(),
                health: Some(health.iter().map(|reason| (*reason).to_owned()).collect()),
                now,
            };
            self.store.tell(telling).await.unwrap()
        }

        async fn tell(&self, sinks: &[&str], health: &[&str]) -> Told {
            self.tell_at(sinks, health, Timestamp::UNIX_EPOCH).await
        }

        /// The events that wait for a sink, with their numbers.
        async fn waiting(&self, sink: &str) -> Vec<(i64, String)> {
            let (mut found, mut last) = (vec![], 0);
            while let Some(next) = self.store.next_notice(sink.to_owned(), last).await.unwrap() {
                let body: serde_json::Value = serde_json::from_str(&next.body).unwrap();
                last = next.notice;
                found.push((last, body["event"].as_str().unwrap().to_owned()));
            }
            found
        }

        async fn events(&self, sink: &str) -> Vec<String> {
            self.waiting(sink).await.into_iter().map(|(_, event)| event).collect()
        }
    }

    #[tokio::test]
    async fn what_has_ended_is_told_once_in_its_order_and_to_who_is_there() {
        let place = Place::new();
        for (number, state) in ["failed", "failed", "succeeded", "succeeded", "failed"].iter().enumerate() {
            place.run(u32::try_from(number).unwrap() + 1, state);
        }
        let told = place.tell(&["a", "b"], &[]).await;
        assert_eq!((told.runs, told.failures), (5, 3));
        assert_eq!(place.tell(&["a", "b"], &[]).await, Told::default(), "there is nothing more to tell");
        for sink in ["a", "b"] {
            assert_eq!(place.events(sink).await, ["failed", "recovered", "failed"]);
        }
        place.run(9, "succeeded");
        place.tell(&["a", "c"], &[]).await;
        assert_eq!(place.events("a").await, ["failed", "recovered", "failed", "recovered"]);
        assert_eq!(place.events("c").await, [""; 0], "it had not heard of a failure");
        assert_eq!(place.events("b").await.len(), 3, "there is none of it any more");
    }

    #[tokio::test]
    async fn nobody_who_comes_later_is_told_what_was_before() {
        let place = Place::new();
        place.run(1, "failed");
        place.run(2, "missed");
        assert_eq!(place.tell(&[], &["wrong"]).await, Told { runs: 2, failures: 2, ..Told::default() });
        let told = place.tell(&["a"], &[]).await;
        assert_eq!((told.runs, place.events("a").await.len()), (0, 0));
        place.run(3, "failed");
        place.tell(&["a"], &[]).await;
        assert_eq!(place.events("a").await, ["failed"], "what goes on is");
    }

    #[tokio::test]
    async fn the_only_sink_that_comes_back_knows_what_it_was_told() {
        let place = Place::new();
        place.run(1, "failed");
        place.tell(&["a"], &["wrong"]).await;
        assert_eq!(place.events("a").await, ["failed", "degraded"]);
        place.run(2, "failed");
        assert_eq!(place.tell(&[], &["wrong"]).await.runs, 1);
        place.run(3, "failed");
        place.tell(&["a"], &["wrong"]).await;
        assert_eq!(place.events("a").await, ["failed", "degraded"], "it will be told, or was");
        place.run(4, "succeeded");
        place.tell(&[], &[]).await;
        place.run(5, "failed");
        place.tell(&["a"], &[]).await;
        assert_eq!(place.events("a").await, ["failed", "degraded", "failed"], "what was over is told anew");
    }

    #[tokio::test]
    async fn what_is_given_up_leaves_no_recovery_and_is_told_anew() {
        let place = Place::new();
        place.run(1, "failed");
        place.tell(&["a"], &[]).await;
        place.run(2, "succeeded");
        place.tell(&["a"], &[]).await;
        let (first, _) = place.waiting("a").await[0];
        place.store.give_up(first).await.unwrap();
        assert_eq!(place.events("a").await, [""; 0]);
        place.run(3, "failed");
        place.tell(&["a"], &[]).await;
        let (second, _) = place.waiting("a").await[0];
        place.store.give_up(second).await.unwrap();
        place.run(4, "failed");
        place.tell(&["a"], &[]).await;
        let waiting = place.waiting("a").await;
        assert_eq!(waiting.len(), 1, "it does not know of it yet");
        assert!(waiting[0].0 > second, "no number comes twice");
        place.store.delivered(waiting[0].0).await.unwrap();
        assert_eq!(place.waiting("a").await, []);
    }

    #[tokio::test]
    async fn a_debt_is_told_when_there_is_reason_to_speak_of_it_and_when_it_is_over() {
        let place = Place::new();
        place.sql(
            "INSERT INTO restores (restore_id, account, job, backup, rrule, owed_since, due, state, confirmed, changes)
             VALUES ('0197c9d4-0000-7000-8000-000000000001', 'acme', 'job', '42', 'RRULE:X', 1, 2, 'owed', 1, 0)",
        );
        assert_eq!(place.tell(&["a"], &[]).await, Told::default(), "its window is open");
        place.sql("UPDATE restores SET tries = 1, reminded_at = 3, reason = 'LIMIT_EXCEEDED'");
        place.tell(&["a"], &[]).await;
        place.sql("UPDATE restores SET tries = 2");
        place.tell(&["a"], &[]).await;
        assert_eq!(place.events("a").await, ["restore_owed"]);
        place.sql("UPDATE restores SET state = 'paid'");
        place.tell(&["a"], &[]).await;
        place.tell(&["a"], &[]).await;
        assert_eq!(place.events("a").await, ["restore_owed", "recovered"]);
    }

    #[tokio::test]
    async fn it_is_told_once_that_calloff_is_not_as_it_should_be() {
        let place = Place::new();
        for reasons in [&["wrong"][..], &["wrong", "worse"], &[], &[]] {
            place.tell(&["a"], reasons).await;
        }
        assert_eq!(place.events("a").await, ["degraded", "recovered"]);
    }

    #[tokio::test]
    async fn so_many_wait_for_a_sink_and_no_more() {
        let place = Place::new();
        let count = u32::try_from(MOST).unwrap() + 20;
        let values: Vec<String> = (1..=count)
            .map(|number| {
                let state = if number % 2 == 1 { "failed" } else { "succeeded" };
                format!("('0197c9d4-0000-7000-8000-{number:012}', 'job', 'acme', 'schedule', '{state}', 1, {number}, 0, 1)")
            })
            .collect();
        place.sql(&format!(
            "INSERT INTO runs (run_id, job, account, trigger, state, recorded_at, finished_at, pending, untold)
             VALUES {}",
            values.join(", ")
        ));
        let told = place.tell(&["a"], &[]).await;
        assert_eq!((told.runs, told.dropped["a"]), (count as usize, 20));
        let waiting = place.events("a").await;
        assert_eq!((waiting.len(), waiting[0].as_str()), (MOST, "failed"), "none tells an end alone");
    }

    #[tokio::test]
    async fn more_debts_than_can_wait_for_a_sink_come_to_an_end() {
        let place = Place::new();
        let values: Vec<String> = (0..MOST + 20)
            .map(|number| {
                format!("('0197c9d4-0000-7000-8000-{number:012}', 'a{number}', 'job', '42', 'RRULE:X', 1, 2, 'owed', 1, 0, 3)")
            })
            .collect();
        place.sql(&format!(
            "INSERT INTO restores (restore_id, account, job, backup, rrule, owed_since, due, state, confirmed, changes,
                                   reminded_at)
             VALUES {}",
            values.join(", ")
        ));
        let telling = place.tell(&["a"], &[]);
        let told = tokio::time::timeout(std::time::Duration::from_secs(20), telling).await.unwrap();
        assert_eq!(told.dropped["a"], 20);
    }

    #[tokio::test]
    async fn what_is_meant_for_nobody_is_forgotten_after_a_day() {
        let place = Place::new();
        place.run(1, "failed");
        place.tell(&["a", "b"], &[]).await;
        let at = |hours| Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(hours);
        place.tell_at(&["b"], &[], at(23)).await;
        assert_eq!(place.events("a").await.len(), 1, "its entry may come back");
        place.tell_at(&["b"], &[], at(25)).await;
        assert_eq!((place.events("a").await.len(), place.events("b").await.len()), (0, 1));
    }

    #[tokio::test]
    async fn one_process_tells() {
        let place = Place::new();
        let right = place.store.deliverer().unwrap();
        assert!(right.is_some() && place.store.deliverer().unwrap().is_none());
        drop(right);
        assert!(place.store.deliverer().unwrap().is_some());
    }
}
