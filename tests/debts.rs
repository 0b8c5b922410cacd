//! No debt is lost, whoever comes in between: other processes, other jobs, looks that are old, clocks that are wrong.

#![allow(clippy::unwrap_used, reason = "a check that can't be made fails its test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calloff::daemon::{self, Duty, Engine, Paid, Runner};
use calloff::store::{Role, Store};
use calloff_core::config::Job;
use calloff_core::ids::{BackupRef, RestoreId};
use calloff_core::reload::{LeftOut, Quarantined};
use calloff_core::restore::DebtState;
use calloff_sim::Status;
use jiff::SignedDuration;
use support::stage::{Stage, beat, start, within_the_hour};

const RULE: &str = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO";

const WINDOW: &str = "\n[[windows.freeze]]\nopens = \"0 16 27 11 *\"\nlasts = \"1h\"\n";

fn weekly(rest: &str) -> String {
    format!(
        "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"{RULE}\"\nscheduled_date = \"+2d\"\n{rest}\n"
    )
}

fn job(stage: &Stage, rest: &str) -> Arc<Job> {
    let schedule = "schedule.at = \"2026-11-27T16:00:01Z\"\nwhen.window = \"freeze\"";
    stage.job("freeze", &format!("backups = [\"current\"]\n{schedule}\n{rest}"))
}

/// What carries out the runs of a job, as another process that shares the record.
fn other_process(stage: &Stage, job: &Arc<Job>) -> Runner {
    let mut runner = stage.runner_of(std::slice::from_ref(job));
    let path = stage.store.folder().join("calloff.db");
    runner.worker.store = Store::open(&path, Role::Command, stage.clock.now()).unwrap();
    runner
}

/// Another process triggers the job, and is killed while its first cancel hangs. Gives the debt that it has made.
async fn killed_in_its_cancel(stage: &Stage, job: &Arc<Job>) -> RestoreId {
    let runner = other_process(stage, job);
    let (store, its_job) = (runner.worker.store.clone(), Arc::clone(job));
    let task = tokio::spawn(async move { drop(runner.trigger(&its_job, None).await) });
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.cancels().len(), 1, "it is under way");
    task.abort();
    drop(task.await);
    store.close().await;
    drop(store);
    stage.store.owed().await.unwrap()[0].restore_id
}

#[tokio::test(start_paused = true)]
async fn nothing_is_paid_while_a_job_is_left_out_that_may_hold_the_account() {
    let stage = Stage::new(&weekly(""), WINDOW);
    let job = job(&stage, "restore = {}");
    stage.serve(std::slice::from_ref(&job), Duration::from_secs(30)).await;
    assert_eq!(stage.store.owed().await.unwrap().len(), 1);
    tokio::time::sleep(Duration::from_hours(1)).await;
    let runner = stage.runner_of(std::slice::from_ref(&job));
    let pays = async |runner: &Runner| {
        let duties = runner.duties().await.unwrap();
        duties.iter().any(|(_, duty)| matches!(duty, Duty::Pay(_)))
    };
    let other = Quarantined { job: "other".parse().unwrap(), account: None, why: String::new() };
    let left_out = LeftOut { jobs: vec![other], ..LeftOut::default() };
    assert!(!pays(&Runner { left_out: Arc::new(left_out), ..runner.clone() }).await);
    assert!(pays(&runner).await, "it is mended");
}

#[tokio::test(start_paused = true)]
async fn a_payment_stops_when_files_come_into_force_that_hold_the_account() {
    let faults = "[accounts.acme.faults]\nschedule = [\"INTERNAL_ERROR\"]";
    let later = "\n[[windows.later]]\nopens = \"30 0 17 27 11 *\"\nlasts = \"2h\"\n";
    let stage = Stage::new(&weekly(faults), &format!("{WINDOW}{later}"));
    let patient = "retry = { initial_delay = \"10m\", max_delay = \"10m\", give_up_after = \"1h\" }";
    let job = job(&stage, &format!("restore = {{}}\n{patient}"));
    let other =
        "backups = [\"current\"]\nschedule.at = \"2026-11-27T20:00:00Z\"\nwhen.window = \"later\"\nhold = {}";
    let jobs = vec![Arc::clone(&job), stage.job("other", other)];
    let runner = stage.runner_of(std::slice::from_ref(&job));
    let agenda = daemon::agenda(&stage.store, &[job], &LeftOut::default(), start(), start()).await.unwrap();
    let engine = Engine::new(runner.clone(), agenda, vec![], Duration::MAX, Duration::ZERO);
    let handle = engine.handle();
    let (beating, beats) = beat();
    let serving = tokio::spawn(engine.run(beats));
    let posts = || {
        let world = stage.world.lock();
        world.seen().filter(|seen| seen.method == "POST" && seen.path.ends_with("/backup")).count()
    };
    tokio::time::sleep(Duration::from_mins(61)).await;
    assert_eq!(posts(), 1, "it was refused, and is tried again in 10 minutes");
    let (settings, by_name) = (stage.settings.clone(), daemon::by_name(&jobs));
    let (accounts, stands) = (runner.accounts, BTreeMap::new());
    let set = daemon::Set { settings, jobs, by_name, accounts, stands, gone: vec![] };
    within_the_hour(handle.replace(set)).await.expect("the loop runs");
    tokio::time::sleep(Duration::from_mins(55)).await;
    assert_eq!(posts(), 1, "the window of the other job is open");
    tokio::time::sleep(Duration::from_mins(90)).await;
    assert_eq!(posts(), 2, "it has closed");
    stage.stop.cancel();
    within_the_hour(serving).await.unwrap();
    beating.abort();
}

/// The schedule is there, or owed.
async fn assert_not_lost(stage: &Stage) {
    let debts = stage.store.debts().await.unwrap();
    let is_owed = debts.iter().any(|debt| debt.state == DebtState::Owed);
    let world = stage.world.lock();
    let latest = world.account("acme").unwrap().latest().unwrap();
    let is_on = latest.status() == Status::Scheduled && latest.rrule() == Some(RULE);
    assert!(is_on || is_owed, "{latest:?}\n{debts:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_taken_up_while_its_debt_is_being_paid_owes_on() {
    let faults = "faults = [\"hang\"]\n[accounts.acme.faults]\nschedule = [\"slow-body\"]";
    let stage = Stage::new(&weekly(faults), WINDOW);
    let job = job(&stage, "[restore]\n");
    let id = killed_in_its_cancel(&stage, &job).await;
    let payer = other_process(&stage, &job);
    let paying = tokio::spawn(async move { payer.pay(id).await.unwrap() });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let taken_over = stage.store.take_over().await.unwrap();
    let paid = paying.await.unwrap();
    assert!(matches!(paid, Paid::Stopped), "it does not count: {paid:?}");
    for interrupted in taken_over {
        drop(stage.runner_of(std::slice::from_ref(&job)).take_up(interrupted).await);
    }
    assert_eq!(stage.cancels().len(), 2, "the run was gone on with");
    assert_not_lost(&stage).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_job_is_gone_and_whose_debt_was_paid_cancels_nothing() {
    let stage = Stage::new(&weekly("faults = [\"hang\"]"), WINDOW);
    let job = job(&stage, "[restore]\n");
    let id = killed_in_its_cancel(&stage, &job).await;
    let paid = stage.runner().pay(id).await.unwrap();
    assert!(matches!(paid, Paid::Yes(_)), "{paid:?}");
    for interrupted in stage.store.take_over().await.unwrap() {
        drop(stage.runner().take_up(interrupted).await);
    }
    assert_eq!(stage.cancels().len(), 1);
    assert_not_lost(&stage).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_job_has_stopped_and_was_not_told_is_owed() {
    let stage = Stage::new(&weekly("faults = [\"drop-after\", \"429\"]"), WINDOW);
    let other = "backups = [\"42\"]\nverify = false\nschedule.at = \"2026-11-27T16:00:01Z\"\n";
    let jobs = [job(&stage, "verify = false\n[restore]\n"), stage.job("other", other)];
    drop(stage.play(&jobs, start() + SignedDuration::from_hours(2), || Duration::ZERO).await);
    assert_not_lost(&stage).await;
}

#[tokio::test(start_paused = true)]
async fn a_look_that_still_shows_what_a_hold_has_cancelled_does_not_pay() {
    let stage = Stage::new(&weekly(""), WINDOW);
    let other = "backups = [\"current\"]\nverify = false\nschedule.at = \"2026-11-27T16:10:00Z\"\nwhen.window = \"freeze\"\n[hold]\n";
    let (world, clock) = (stage.world.clone(), Arc::clone(&stage.clock));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_mins(50)).await;
        let text = weekly("settles_after = \"2h\"").replace("\"42\"", "\"43\"");
        let scenario = calloff_sim::Scenario::parse(&text).unwrap();
        world.lock().account_mut("acme").unwrap().put(&scenario.accounts["acme"].backups[0], clock.now());
    });
    let jobs = [job(&stage, "verify = false\n[restore]\n"), stage.job("other", other)];
    drop(stage.play(&jobs, start() + SignedDuration::from_hours(3), || Duration::ZERO).await);
    assert!(stage.cancels().len() >= 2, "{:?}", stage.cancels());
    assert_not_lost(&stage).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_paid_while_the_clock_was_ahead_does_not_hide_what_came_after() {
    let stage = Stage::new(&weekly(""), WINDOW);
    let job = job(&stage, "[restore]\n");
    let runner = stage.runner_of(std::slice::from_ref(&job));
    let pay = async || {
        let id = stage.store.owed().await.unwrap()[0].restore_id;
        assert!(matches!(runner.pay(id).await.unwrap(), Paid::Yes(_)));
    };
    drop(runner.trigger(&job, None).await.unwrap());
    stage.set_clock_wrong(Duration::ZERO, SignedDuration::from_hours(3));
    tokio::time::sleep(Duration::from_secs(5)).await;
    pay().await;
    stage.set_clock_wrong(Duration::ZERO, SignedDuration::ZERO);
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(runner.duties().await.unwrap());
    drop(runner.trigger(&job, None).await.unwrap());
    pay().await;
    let is = runner.worker.successors.of(&[BackupRef::parse("42").unwrap()]);
    let latest = stage.world.lock().account("acme").unwrap().latest().unwrap().id().to_owned();
    assert_eq!(is[0].as_str(), latest);
}

#[tokio::test(start_paused = true)]
async fn a_debt_that_another_process_pays_is_not_waived() {
    let stage = Stage::new(&weekly("[accounts.acme.faults]\nschedule = [\"slow-body\"]"), WINDOW);
    let job = job(&stage, "[restore]\n");
    let runner = stage.runner_of(std::slice::from_ref(&job));
    drop(runner.trigger(&job, None).await.unwrap());
    let id = stage.store.owed().await.unwrap()[0].restore_id;
    let paying = tokio::spawn(async move { runner.pay(id).await.unwrap() });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let path = stage.store.folder().join("calloff.db");
    let other = Store::open(&path, Role::Reader, stage.clock.now()).unwrap();
    let waived = other.waive(id, "why".to_owned(), stage.clock.now()).await.unwrap();
    assert!(matches!(waived, calloff::store::ForPayment::Busy), "{waived:?}");
    assert!(matches!(paying.await.unwrap(), Paid::Yes(_)));
    assert_eq!(stage.store.debts().await.unwrap()[0].state, DebtState::Paid);
}
