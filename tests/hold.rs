//! A window that is held, and what is put back when it has closed: on virtual time, against the simulated Zoho.

mod support;

use std::time::Duration;

use calloff_core::config::Job;
use calloff_core::outcome::Outcome;
use calloff_core::restore::DebtState;
use calloff_core::run::{RunState, Trigger};
use calloff_sim::Status;
use jiff::{SignedDuration, Timestamp};
use support::stage::{Stage, start, within_the_hour};

const RULE: &str = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO";

/// A window that is open for so long from the beginning of virtual time.
fn window(lasts: &str) -> String {
    format!("\n[[windows.freeze]]\nopens = \"0 16 27 11 *\"\nlasts = \"{lasts}\"\n")
}

/// An account with a weekly backup.
fn weekly(rest: &str) -> String {
    format!(
        "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"{RULE}\"\nscheduled_date = \"+2d\"\n{rest}\n"
    )
}

/// A job that is due at once.
fn job(stage: &Stage, rest: &str) -> std::sync::Arc<Job> {
    let text = format!(
        "backups = [\"current\"]\nschedule.at = \"2026-11-27T16:00:01Z\"\nwhen.window = \"freeze\"\n{rest}"
    );
    stage.job("freeze", &text)
}

fn after(secs: i64) -> Timestamp {
    start() + SignedDuration::from_secs(secs)
}

/// The IDs and states of all that is scheduled or running at Zoho.
fn scheduled(stage: &Stage) -> Option<(String, Option<String>)> {
    let world = stage.world.lock();
    let latest = world.account("acme")?.latest()?;
    (latest.status() == Status::Scheduled)
        .then(|| (latest.id().to_owned(), latest.rrule().map(str::to_owned)))
}

/// The whole story: a window opens, the backup is called off, comes back, is called off again; the window closes, and
/// the schedule is put back.
#[tokio::test(start_paused = true)]
async fn the_whole_story_takes_less_than_two_seconds() {
    let stage = Stage::new(&weekly("reappears_after = \"500ms\""), &window("2s 900ms"));
    let job = job(&stage, "[hold]\npoll = \"1s\"\n[restore]\n");
    let jobs = [std::sync::Arc::new(Job { schedule: job.schedule.clone(), ..(*job).clone() })];
    drop(stage.play(&jobs, after(3), || Duration::ZERO).await);
    let runs = stage.history().await;
    let told: Vec<_> = runs.iter().map(|run| (run.trigger, run.state, run.targets[0].outcome)).collect();
    assert_eq!(
        told,
        [
            (Trigger::Schedule, RunState::Succeeded, Some(Outcome::Cancelled)),
            (Trigger::Hold, RunState::Succeeded, Some(Outcome::Cancelled)),
        ]
    );
    let drift = runs[1].reason.as_deref().unwrap();
    assert!(drift.contains("has come back") && drift.contains("requested by Ada Admin"), "{drift}");
    let debts = stage.store.debts().await.unwrap();
    assert_eq!(debts.len(), 1, "{debts:?}");
    assert_eq!((debts[0].state, debts[0].pre_image.backup.as_str()), (DebtState::Paid, "42"));
    let (id, rrule) = scheduled(&stage).expect("it is back");
    assert_eq!(rrule.as_deref(), Some(RULE));
    assert_eq!(debts[0].restored.as_ref().map(calloff_core::ids::BackupId::as_str), Some(id.as_str()));
    assert!(stage.store.holds().await.unwrap().is_empty(), "the hold is over");
}

/// What was asked of one of Zoho's endpoints: when, in seconds after the start, and what it answered.
fn asked(stage: &Stage, method: &str, path_end: &str) -> Vec<(i64, String)> {
    let world = stage.world.lock();
    let those = world.seen().filter(|seen| seen.method == method && seen.path.ends_with(path_end));
    those
        .map(|seen| (seen.at.duration_since(start()).as_secs(), seen.code.unwrap_or("-").to_owned()))
        .collect()
}

fn posts(stage: &Stage) -> Vec<(i64, String)> {
    asked(stage, "POST", "/backup")
}

/// Plays a job with these tables in a window of an hour, and the two hours after it.
async fn played(scenario: &str, rest: &str) -> Stage {
    let stage = Stage::new(scenario, &window("1h"));
    let job = job(&stage, rest);
    drop(stage.play(&[job], after(3 * 3600), || Duration::ZERO).await);
    stage
}

async fn owed(stage: &Stage) -> Vec<calloff_core::restore::Debt> {
    stage.store.owed().await.expect("the record can be read")
}

/// The one debt that there ever was.
async fn only_debt(stage: &Stage) -> calloff_core::restore::Debt {
    let mut debts = stage.store.debts().await.expect("the record can be read");
    assert_eq!(debts.len(), 1, "{debts:#?}");
    debts.remove(0)
}

fn own_rule_is_back(stage: &Stage) {
    assert_eq!(
        scheduled(stage).and_then(|(_, rule)| rule).as_deref(),
        Some(RULE),
        "its own rule, and scheduled"
    );
}

const BOTH: &str = "[hold]\npoll = \"5m\"\n[restore]\n";

#[tokio::test(start_paused = true)]
async fn without_a_hold_the_schedule_is_put_back_when_the_window_closes() {
    let stage = played(&weekly(""), "[restore]\n").await;
    let debt = only_debt(&stage).await;
    assert_eq!(debt.state, DebtState::Paid);
    assert_eq!((debt.owed_since, debt.due), (after(1), after(3600)));
    assert_eq!(debt.pre_image.scheduled_date.map(|date| date.timestamp()), Some(after(2 * 86_400)));
    assert_eq!(posts(&stage), [(3600, "SUCCESS".to_owned())]);
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_hold_looks_again_and_again_and_leaves_no_trace() {
    let stage = played(&weekly(""), "[hold]\npoll = \"10m\"\n").await;
    let looks = asked(&stage, "GET", "/backup").len();
    // The run's own look and its read-back, then one every ten minutes.
    assert_eq!((stage.history().await.len(), looks), (1, 2 + 5));
    assert!(posts(&stage).is_empty() && stage.store.debts().await.unwrap().is_empty(), "nothing is owed");
    assert!(stage.store.holds().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_comes_back_is_called_off_each_time_and_owed_once() {
    let stage = played(&weekly("reappears_after = \"12m\""), BOTH).await;
    let outcomes: Vec<_> = stage.history().await.iter().map(|run| run.targets[0].outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Cancelled); 4], "at 15m, 30m and 45m");
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_drift_that_is_only_reported_is_on_record_once() {
    let stage =
        played(&weekly("reappears_after = \"12m\""), "[hold]\non_drift = \"report\"\n[restore]\n").await;
    let runs = stage.history().await;
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert_eq!((runs[1].trigger, runs[1].state), (Trigger::Hold, RunState::Skipped));
    assert!(runs[1].reason.as_deref().unwrap().contains("Ada Admin"));
    assert!(runs[1].targets[0].reason.as_deref().unwrap().contains("on_drift"));
    let debt = only_debt(&stage).await;
    assert_eq!(
        (debt.state, debt.reason.as_deref()),
        (DebtState::Paid, Some("it was scheduled already, by the same rule"))
    );
    // What a look shows of a backup that was cancelled may be old: that it is there is Zoho's word.
    assert_eq!(posts(&stage), [(3600, "BACKUP_ALREADY_SCHEDULED".to_owned())]);
}

/// Somebody schedules another backup so long after the start.
fn somebody_schedules(stage: &Stage, secs: u64, id: &'static str, rule: &'static str) {
    let (world, clock) = (stage.world.clone(), std::sync::Arc::clone(&stage.clock));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(secs)).await;
        let scenario = format!(
            "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"{id}\"\nrrule = \"{rule}\"\nscheduled_date = \"+3d\"\nrequester = {{ id = \"9\", name = \"Grace\", zuid = \"9\" }}\n"
        );
        let scenario = calloff_sim::Scenario::parse(&scenario).expect("it is right");
        let backup = &scenario.accounts["acme"].backups[0];
        world.lock().account_mut("acme").expect("it is there").put(backup, clock.now());
    });
}

#[tokio::test(start_paused = true)]
async fn a_backup_under_a_new_id_is_drift_too_and_the_oldest_schedule_comes_back() {
    let stage = Stage::new(&weekly(""), &window("1h"));
    somebody_schedules(&stage, 700, "43", "RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=5");
    let job = job(&stage, BOTH);
    drop(stage.play(&[job], after(7200), || Duration::ZERO).await);
    let runs = stage.history().await;
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert_eq!(
        (runs[1].targets[0].backup.as_str(), runs[1].targets[0].outcome),
        ("43", Some(Outcome::Cancelled))
    );
    assert!(runs[1].reason.as_deref().unwrap().contains("requested by Grace"), "{:?}", runs[1].reason);
    assert_eq!(only_debt(&stage).await.pre_image.backup.as_str(), "42");
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_drift_to_which_the_conditions_do_not_apply_is_left_alone_until_they_do() {
    let stage = Stage::new(&weekly(""), &window("1d"));
    // It starts 30 hours after the start; the job only calls off what starts within 24 hours.
    let when = "when.due_within = \"24h\"\n[hold]\npoll = \"1h\"\n";
    let job = stage.job("freeze", &format!("backups = [\"current\"]\nschedule.at = \"2026-11-27T16:00:01Z\"\nwhen.window = \"freeze\"\n{when}"));
    let world = stage.world.clone();
    let scenario = "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"RRULE:FREQ=WEEKLY\"\nscheduled_date = \"+20h\"\n";
    let soon = calloff_sim::Scenario::parse(scenario).unwrap().accounts["acme"].backups[0].clone();
    world.lock().account_mut("acme").unwrap().put(&soon, start());
    let later = scenario.replace("\"42\"", "\"43\"").replace("+20h", "+30h");
    let later = calloff_sim::Scenario::parse(&later).unwrap().accounts["acme"].backups[0].clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_mins(30)).await;
        world.lock().account_mut("acme").unwrap().put(&later, start());
    });
    drop(stage.play(&[job], after(86_400), || Duration::ZERO).await);
    let told: Vec<_> = stage
        .history()
        .await
        .iter()
        .map(|run| {
            ((run.started_at.unwrap() - start()).get_seconds() / 3600, run.targets[0].outcome.unwrap())
        })
        .collect();
    assert_eq!(told, [(0, Outcome::Cancelled), (1, Outcome::Skipped), (6, Outcome::Cancelled)]);
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_was_too_late_to_stop_is_called_off_when_it_has_run() {
    let scenario = weekly("").replace("+2d", "-1m");
    let stage = played(&scenario, BOTH).await;
    let outcomes: Vec<_> = stage.history().await.iter().map(|run| run.targets[0].outcome.unwrap()).collect();
    assert_eq!(outcomes, [Outcome::TooLate, Outcome::TooLate, Outcome::Cancelled], "it ran for half an hour");
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_refused_restore_stays_owed_and_is_tried_ever_later() {
    let faults =
        "[accounts.acme.faults]\nschedule = [\"LIMIT_EXCEEDED\", \"INVALID_DATA\", \"NO_PERMISSION\"]\n";
    let stage = played(&weekly(faults), "[restore]\n").await;
    let want = [(3600, "LIMIT_EXCEEDED"), (3660, "INVALID_DATA"), (3780, "NO_PERMISSION"), (4020, "SUCCESS")];
    assert_eq!(posts(&stage), want.map(|(at, code)| (at, code.to_owned())));
    let debt = only_debt(&stage).await;
    assert_eq!((debt.state, debt.tries), (DebtState::Paid, 3));
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_is_refused_says_why_and_what_to_do() {
    for (code, hint) in [
        ("LIMIT_EXCEEDED", "buy one"),
        ("INVALID_DATA", "by hand"),
        ("NO_PERMISSION", "Administrator"),
        ("OAUTH_SCOPE_MISMATCH", "ZohoCRM.bulk.backup.CREATE"),
    ] {
        let faults = format!("[accounts.acme.faults]\nschedule = [{{ then = \"{code}\", times = 99 }}]\n");
        let stage = played(&weekly(&faults), "[restore]\n").await;
        let debt = &owed(&stage).await[0];
        let reason = debt.reason.as_deref().unwrap();
        assert!(reason.starts_with(code) && reason.contains(hint), "{reason}");
        // At 1 h, and 1, 3, 7, 15, 31 and 63 minutes later.
        assert_eq!((debt.tries, posts(&stage).len()), (7, 7));
        assert!(scheduled(&stage).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn another_schedule_is_not_overwritten_and_the_debt_stays() {
    let stage = Stage::new(&weekly(""), &window("1h"));
    somebody_schedules(&stage, 700, "43", "RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=5");
    let job = job(&stage, "[restore]\n");
    drop(stage.play(&[job], after(3700), || Duration::ZERO).await);
    let debt = &owed(&stage).await[0];
    let reason = debt.reason.as_deref().unwrap();
    assert!(reason.contains("not overwritten") && reason.contains("requested by Grace"), "{reason}");
    assert!(posts(&stage).is_empty());
    assert_eq!(scheduled(&stage).unwrap().0, "43");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_whose_answer_was_lost_is_found_and_not_made_twice() {
    for fault in ["drop-after", "cut-short", "empty", "garbage", "{ then = \"html-502\", acts = true }"] {
        let fault = if fault.starts_with('{') { fault.to_owned() } else { format!("\"{fault}\"") };
        let stage =
            played(&weekly(&format!("[accounts.acme.faults]\nschedule = [{fault}]\n")), "[restore]\n").await;
        let refused = posts(&stage).into_iter().skip(1).all(|(_, code)| code == "BACKUP_ALREADY_SCHEDULED");
        assert!(refused, "{fault}: one call has made it: {:?}", posts(&stage));
        let debt = only_debt(&stage).await;
        assert_eq!(debt.state, DebtState::Paid, "{fault}: {debt:?}");
        own_rule_is_back(&stage);
        assert_eq!(debt.restored.map(|id| id.to_string()), scheduled(&stage).map(|(id, _)| id), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_zoho_did_not_make_is_tried_again_at_once() {
    let faults = "[accounts.acme.faults]\nschedule = [\"INTERNAL_ERROR\", \"drop\", \"html-502\"]\n";
    let stage = played(&weekly(faults), "[restore]\n").await;
    let debt = only_debt(&stage).await;
    assert_eq!((debt.state, debt.tries, posts(&stage).len()), (DebtState::Paid, 0, 4), "within one try");
    assert!(debt.ended_at.unwrap() < after(3700), "{debt:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_whose_answer_was_lost_is_owed() {
    let stage = played(&weekly("faults = [\"drop-after\"]"), "[restore]\n").await;
    assert_eq!(stage.history().await[0].targets[0].outcome, Some(Outcome::AlreadyCancelled));
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_stopped_is_no_debt() {
    let first = played(&weekly("status = \"STOPPED\""), BOTH).await;
    assert_eq!(first.history().await[0].targets[0].outcome, Some(Outcome::AlreadyCancelled));
    assert!(first.cancels().is_empty() && first.store.debts().await.unwrap().is_empty(), "before the look");
    let scenario = weekly("faults = [\"ALREADY_CANCELLED\"]");
    let between = played(&scenario, "[restore]\n").await;
    assert_eq!(between.history().await[0].targets[0].outcome, Some(Outcome::AlreadyCancelled));
    assert!(between.store.debts().await.unwrap().is_empty() && posts(&between).is_empty(), "after it");
}

#[tokio::test(start_paused = true)]
async fn an_immediate_backup_owes_nothing() {
    let scenario = weekly("").replace(&format!("rrule = \"{RULE}\"\n"), "");
    let stage = played(&scenario, "[restore]\n").await;
    assert_eq!(stage.history().await[0].targets[0].outcome, Some(Outcome::Cancelled));
    assert!(stage.store.debts().await.unwrap().is_empty() && posts(&stage).is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_cancelled_that_could_not_be_read_before() {
    for (fault, outcome) in [("NO_PERMISSION", Outcome::Denied), ("INTERNAL_ERROR", Outcome::Exhausted)] {
        let faults = format!("[accounts.acme.faults]\nget = [{{ then = \"{fault}\", times = 1000 }}]\n");
        for backups in ["[\"current\"]", "[\"42\"]"] {
            let stage = Stage::new(&weekly(&faults), &window("1h"));
            let text = format!(
                "backups = {backups}\nschedule.at = \"2026-11-27T16:00:01Z\"\nwhen.window = \"freeze\"\n[restore]\n"
            );
            let job = stage.job("freeze", &text);
            drop(stage.play(&[job], after(7200), || Duration::ZERO).await);
            assert_eq!(stage.history().await[0].targets[0].outcome, Some(outcome));
            assert!(stage.cancels().is_empty(), "{fault} {backups}");
        }
    }
    // A hold looks again, and what can be read then is called off, and owed.
    let faults = "[accounts.acme.faults]\nget = [{ then = \"INTERNAL_ERROR\", times = 9 }]\n";
    let stage = played(&weekly(faults), BOTH).await;
    let outcomes: Vec<_> = stage.history().await.iter().map(|run| run.targets[0].outcome.unwrap()).collect();
    assert_eq!(outcomes, [Outcome::Exhausted, Outcome::Cancelled]);
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_cancelled_whose_pre_image_could_not_be_stored() {
    let stage = Stage::new(&weekly(""), &window("1h"));
    let job = stage.job(
        "freeze",
        "backups = [\"current\"]\nschedule.at = \"2026-11-27T16:00:01Z\"\nwhen.window = \"freeze\"\nretry.give_up_after = \"1s\"\n[restore]\n",
    );
    let runner = stage.runner_of(std::slice::from_ref(&job));
    let lock = stage.lock_record();
    let triggered = tokio::spawn(async move { runner.trigger(&job, None).await });
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(stage.cancels().is_empty(), "it waits for the record, and then gives up");
    assert!(asked(&stage, "GET", "/backup").len() == 1, "it has looked");
    drop(lock);
    drop(triggered.await.unwrap().unwrap());
    let run = &stage.history().await[0];
    assert_eq!(run.targets[0].outcome, Some(Outcome::Exhausted));
    assert!(run.targets[0].reason.as_deref().unwrap().contains("could not be put on record"), "{run:?}");
    assert!(stage.store.debts().await.unwrap().is_empty(), "what was in line is taken back");
    assert!(stage.cancels().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_windows_in_a_row_owe_one_restore() {
    let windows = format!("{}[[windows.import]]\nopens = \"30 16 27 11 *\"\nlasts = \"2h\"\n", window("1h"));
    let stage = Stage::new(&weekly(""), &windows);
    somebody_schedules(&stage, 1000, "43", "RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=5");
    let import = stage.job(
        "import",
        "backups = [\"current\"]\nschedule.at = \"2026-11-27T16:31:00Z\"\nwhen.window = \"import\"\n[restore]\n",
    );
    drop(stage.play(&[job(&stage, "[restore]\n"), import], after(5 * 3600), || Duration::ZERO).await);
    let outcomes: Vec<_> = stage.history().await.iter().map(|run| run.targets[0].outcome.unwrap()).collect();
    assert_eq!(outcomes, [Outcome::Cancelled, Outcome::Cancelled]);
    let debt = only_debt(&stage).await;
    assert_eq!(
        (debt.pre_image.backup.as_str(), debt.job.as_str(), debt.state),
        ("42", "freeze", DebtState::Paid)
    );
    assert_eq!(posts(&stage), [(9000, "SUCCESS".to_owned())], "once, when both have closed");
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_listed_id_is_followed_to_what_it_has_become() {
    let settings = "\n[[windows.freeze]]\nopens = \"0 18 * * FRI\"\nlasts = \"2h\"\n";
    let stage = Stage::new(&weekly(""), settings);
    let job = stage.job(
        "freeze",
        "backups = [\"42\"]\nschedule.cron = \"5 18 * * FRI\"\nwhen.window = \"freeze\"\n[restore]\n",
    );
    drop(stage.play(&[job], after(22 * 86_400), || Duration::ZERO).await);
    let runs = stage.history().await;
    let outcomes: Vec<_> = runs.iter().map(|run| run.targets[0].outcome.unwrap()).collect();
    assert_eq!(outcomes, [Outcome::Cancelled; 4], "every week");
    let ids: std::collections::BTreeSet<_> = runs.iter().map(|run| run.targets[0].backup.as_str()).collect();
    assert_eq!(ids.len(), 4, "each under its own ID: {ids:?}");
    let debts = stage.store.debts().await.unwrap();
    assert!(debts.len() == 4 && debts.iter().all(|debt| debt.state == DebtState::Paid), "{debts:#?}");
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_hold_and_a_debt_survive_a_restart() {
    let stage = Stage::new(&weekly("reappears_after = \"20m\""), &window("1h"));
    let first = job(&stage, BOTH);
    drop(stage.play(&[first], after(600), || Duration::ZERO).await);
    assert_eq!((stage.store.holds().await.unwrap().len(), owed(&stage).await.len()), (1, 1));
    let stage = stage.restart(&window("1h")).await;
    let again = job(&stage, BOTH);
    drop(stage.play(&[again], after(7200), || Duration::ZERO).await);
    let runs = stage.history().await;
    assert_eq!(
        runs.iter().map(|run| run.trigger).collect::<Vec<_>>(),
        [Trigger::Schedule, Trigger::Hold, Trigger::Hold]
    );
    assert!(runs[1].reason.as_deref().unwrap().contains("has come back"), "{:?}", runs[1].reason);
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_debt_whose_job_is_gone_is_not_dropped_and_waits_for_a_person() {
    let stage = Stage::new(&weekly(""), &window("1h"));
    let first = job(&stage, BOTH);
    drop(stage.play(&[first], after(600), || Duration::ZERO).await);
    let stage = stage.restart(&window("1h")).await;
    drop(stage.play(&[], after(86_400), || Duration::ZERO).await);
    let debt = owed(&stage).await.remove(0);
    assert!(posts(&stage).is_empty() && stage.store.holds().await.unwrap().is_empty());
    let paid = stage.runner().pay(debt.restore_id).await.unwrap();
    assert!(matches!(paid, calloff::daemon::Paid::Yes(_)), "{paid:?}");
    own_rule_is_back(&stage);
    let again = stage.runner().pay(debt.restore_id).await.unwrap();
    assert!(matches!(again, calloff::daemon::Paid::Before(_)), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_suspends_the_hold_and_not_the_restore() {
    let stage = Stage::new(&weekly("reappears_after = \"7m\""), &window("1h"));
    let held = job(&stage, BOTH);
    let pause = calloff_core::agenda::Pause { since: after(60), until: after(1500), reason: "why".into() };
    let (store, name) = (stage.store.clone(), held.name.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_mins(1)).await;
        store.pause(name, pause).await.unwrap();
    });
    drop(stage.play(&[held], after(7200), || Duration::ZERO).await);
    let at: Vec<_> = stage.cancels().into_iter().map(|(at, _)| at).collect();
    assert_eq!(at[0], 1);
    assert!(at[1] >= 1500, "{at:?}");
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_still_shows_what_was_cancelled_does_not_pay() {
    for oddity in ["settles_after = \"2h\"", "shows_as = \"CANCELED\""] {
        let stage = played(&weekly(oddity), "verify = false\n[restore]\n").await;
        let debt = only_debt(&stage).await;
        assert_eq!(debt.state, DebtState::Paid, "{oddity}: {debt:?}");
        assert_eq!(posts(&stage), [(3600, "SUCCESS".to_owned())], "{oddity}");
        own_rule_is_back(&stage);
        assert_ne!(debt.restored.map(|id| id.to_string()).as_deref(), Some("42"), "{oddity}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_called_off_and_not_put_back_is_told() {
    let stage = Stage::new(&weekly(""), &window("1h"));
    somebody_schedules(&stage, 700, "43", "RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=5");
    let job = job(&stage, BOTH);
    drop(stage.play(&[job], after(7200), || Duration::ZERO).await);
    let reason = only_debt(&stage).await.reason.unwrap();
    assert!(
        reason.contains("not put back") && reason.contains("BYMONTHDAY=5") && reason.contains("Grace"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_payment_ends_when_another_window_opens() {
    let windows = format!("{}[[windows.import]]\nopens = \"1 17 27 11 *\"\nlasts = \"2h\"\n", window("1h"));
    let faults = "[accounts.acme.faults]\nschedule = [{ then = \"INTERNAL_ERROR\", times = 5 }]\n";
    let stage = Stage::new(&weekly(faults), &windows);
    let patient = job(&stage, "retry.initial_delay = \"20s\"\n[restore]\n");
    let import = stage.job(
        "import",
        "backups = [\"current\"]\nschedule.at = \"2026-11-27T17:01:01Z\"\nwhen.window = \"import\"\n[restore]\n",
    );
    drop(stage.play(&[patient, import], after(5 * 3600), || Duration::ZERO).await);
    let at: Vec<i64> = posts(&stage).into_iter().map(|(at, _)| at).collect();
    assert!(at.iter().all(|at| *at < 3660 || *at >= 10_860), "none while the other one is open: {at:?}");
    assert!(at.iter().any(|at| *at < 3660), "it was tried between the two: {at:?}");
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_hold_goes_on_though_the_record_takes_no_writes() {
    let stage = Stage::new(&weekly("reappears_after = \"1s\""), &window("1h"));
    let held = job(&stage, "verify = false\n[hold]\npoll = \"2s\"\n");
    let jobs = std::slice::from_ref(&held);
    drop(stage.play(jobs, after(2), || Duration::ZERO).await);
    let before = stage.cancels().len();
    let lock = stage.lock_record();
    let runner = stage.runner_of(jobs);
    let duty = calloff::daemon::Duty::Hold(stage.store.holds().await.unwrap().remove(0));
    let seeing = tokio::spawn(async move { runner.see_to(duty).await });
    within_the_hour(async {
        while stage.cancels().len() == before {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    drop(lock);
    let seen = seeing.await.unwrap().unwrap();
    assert!(
        matches!(seen, calloff::daemon::SeenTo::Drift(_)),
        "it was cancelled, and is on record by now: {seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hold_goes_on_after_the_clock_was_ahead() {
    let stage = Stage::new(&weekly(""), &window("5h"));
    stage.set_clock_wrong(Duration::from_mins(10), SignedDuration::from_hours(2));
    stage.set_clock_wrong(Duration::from_mins(20), SignedDuration::ZERO);
    somebody_schedules(&stage, 1500, "43", RULE);
    let held = job(&stage, "[hold]\npoll = \"5m\"\n");
    stage.serve(&[held], Duration::from_hours(1)).await;
    let at: Vec<i64> = stage.cancels().into_iter().map(|(at, _)| at).collect();
    assert_eq!(at.len(), 2, "{at:?}");
    assert!((1500..=1900).contains(&at[1]), "within a poll: {at:?}");
}

#[tokio::test(start_paused = true)]
async fn what_zoho_does_not_stop_is_not_cancelled_at_each_look() {
    let stage = Stage::new(&weekly("faults = [{ then = \"unheeded\", times = 1000 }]"), &window("1h"));
    let held = job(&stage, "verify = false\n[hold]\npoll = \"1s\"\n");
    drop(stage.play(&[held], after(600), || Duration::ZERO).await);
    // At once, then after 1, 2 and 4 minutes.
    assert!((3..=5).contains(&stage.cancels().len()), "{:?}", stage.cancels());
    assert_eq!(stage.history().await.len(), stage.cancels().len(), "and each is on record once");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_due_more_often_than_it_looks_looks_all_the_same() {
    let stage = Stage::new(&weekly(""), &window("1h"));
    somebody_schedules(&stage, 700, "43", RULE);
    let often = stage.job(
        "freeze",
        "backups = [\"42\"]\nschedule.every = \"4m\"\nwhen.window = \"freeze\"\n[hold]\npoll = \"5m\"\n",
    );
    drop(stage.play(&[often], after(1800), || Duration::ZERO).await);
    assert!(scheduled(&stage).is_none(), "43 is called off");
}

#[tokio::test(start_paused = true)]
async fn a_hold_outlives_a_file_that_is_away_for_a_moment() {
    let stage = Stage::new(&weekly("reappears_after = \"20m\""), &window("1h"));
    let first = job(&stage, BOTH);
    drop(stage.play(&[first], after(600), || Duration::ZERO).await);
    let stage = stage.restart(&window("1h")).await;
    drop(stage.play(&[], after(900), || Duration::ZERO).await);
    let stage = stage.restart(&window("1h")).await;
    let again = job(&stage, BOTH);
    drop(stage.play(&[again], after(7200), || Duration::ZERO).await);
    assert_eq!(stage.history().await.len(), 3, "{:#?}", stage.history().await);
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
}

#[tokio::test(start_paused = true)]
async fn a_window_whose_opening_was_missed_is_held_all_the_same() {
    let stage = Stage::new(&weekly(""), &window("5h"));
    let late = stage.job(
        "freeze",
        &format!("backups = [\"current\"]\nschedule.at = \"2026-11-27T16:10:00Z\"\nwhen.window = \"freeze\"\n{BOTH}"),
    );
    drop(stage.play(&[late], after(60), || Duration::ZERO).await);
    tokio::time::sleep(Duration::from_hours(1)).await;
    let stage = stage.restart(&window("5h")).await;
    let late = stage.job(
        "freeze",
        &format!("backups = [\"current\"]\nschedule.at = \"2026-11-27T16:10:00Z\"\nwhen.window = \"freeze\"\n{BOTH}"),
    );
    drop(stage.play(&[late], after(6 * 3600), || Duration::ZERO).await);
    let outcomes: Vec<_> = stage.history().await.iter().map(|run| run.targets[0].outcome.unwrap()).collect();
    assert_eq!(outcomes, [Outcome::Missed, Outcome::Cancelled]);
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn what_another_job_of_ours_has_stopped_at_the_same_time_is_owed() {
    let stage = Stage::new(&weekly(""), &window("1h"));
    let other =
        stage.job("other", "backups = [\"42\"]\nverify = false\nschedule.at = \"2026-11-27T16:00:01Z\"\n");
    drop(stage.play(&[job(&stage, "[restore]\n"), other], after(7200), || Duration::ZERO).await);
    let codes: Vec<_> = stage.cancels().into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["SUCCESS", "ALREADY_CANCELLED"], "the other one was faster");
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_was_only_put_off_before_somebody_else_stopped_the_backup_is_no_debt() {
    let stage =
        played(&weekly("faults = [\"429\", \"ALREADY_CANCELLED\"]"), "verify = false\n[restore]\n").await;
    let target = &stage.history().await[0].targets[0];
    assert_eq!((target.outcome, target.attempts), (Some(Outcome::AlreadyCancelled), 2));
    assert!(stage.store.debts().await.unwrap().is_empty() && posts(&stage).is_empty());
}

/// The loop of the daemon itself, beat by beat.
#[tokio::test(start_paused = true)]
async fn the_daemon_holds_and_restores() {
    let stage = Stage::new(&weekly("reappears_after = \"12m\""), &window("1h"));
    let held = job(&stage, BOTH);
    stage.serve(&[held], Duration::from_mins(70)).await;
    assert_eq!(stage.history().await.len(), 4);
    let debt = only_debt(&stage).await;
    assert_eq!(debt.state, DebtState::Paid);
    assert!(debt.ended_at.unwrap() < after(3605), "soon after the window has closed: {debt:?}");
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_decided_before_its_job_came_to_restore_is_decided_anew() {
    let stage = Stage::new(&weekly("faults = [{ then = \"INTERNAL_ERROR\", times = 3 }]"), &window("1h"));
    let before = job(&stage, "");
    drop(stage.play(&[before], after(2), || Duration::ZERO).await);
    let stage = stage.restart(&window("1h")).await;
    let again = job(&stage, "[restore]\n");
    drop(stage.play(&[again], after(7200), || Duration::ZERO).await);
    assert_eq!(only_debt(&stage).await.state, DebtState::Paid);
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_that_finds_its_backup_running_owes_nothing() {
    let faults = "faults = [{ then = \"INTERNAL_ERROR\", times = 3 }]";
    let stage = Stage::new(&weekly(faults).replace("+2d", "+10s"), &window("1h"));
    let first = job(&stage, "[restore]\n");
    drop(stage.play(&[first], after(2), || Duration::ZERO).await);
    assert_eq!(owed(&stage).await.len(), 1, "it may have been stopped");
    tokio::time::sleep(Duration::from_secs(30)).await;
    let stage = stage.restart(&window("1h")).await;
    let again = job(&stage, "[restore]\n");
    drop(stage.play(&[again], after(1800), || Duration::ZERO).await);
    assert_eq!(stage.history().await[0].targets[0].outcome, Some(Outcome::TooLate));
    assert!(stage.store.debts().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_debt_is_not_paid_while_a_cancel_that_adds_to_it_is_under_way() {
    let stage = Stage::new(&weekly("reappears_after = \"5m\"\nfaults = [\"ok\", \"hang\"]"), &window("1h"));
    let job = job(&stage, "[restore]\n");
    drop(stage.play(std::slice::from_ref(&job), after(600), || Duration::ZERO).await);
    let id = owed(&stage).await[0].restore_id;
    let runner = stage.runner_of(std::slice::from_ref(&job));
    let other = runner.clone();
    let run = tokio::spawn(async move { other.trigger(&job, None).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let paid = runner.pay(id).await.unwrap();
    assert!(matches!(paid, calloff::daemon::Paid::Busy), "{paid:?}");
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn a_payment_into_which_a_cancel_comes_does_not_count() {
    let stage = Stage::new(&weekly("[accounts.acme.faults]\nschedule = [\"slow-body\"]"), &window("1h"));
    let job = job(&stage, "[restore]\n");
    drop(stage.play(std::slice::from_ref(&job), after(600), || Duration::ZERO).await);
    let id = owed(&stage).await[0].restore_id;
    let runner = stage.runner_of(std::slice::from_ref(&job));
    let other = runner.clone();
    let pay = tokio::spawn(async move { other.pay(id).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(runner.trigger(&job, None).await.unwrap());
    assert_eq!(stage.history().await[1].targets[0].outcome, Some(Outcome::Cancelled));
    let paid = pay.await.unwrap().unwrap();
    assert!(matches!(paid, calloff::daemon::Paid::Stopped), "{paid:?}");
    assert_eq!(owed(&stage).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn that_something_is_there_is_not_taken_for_the_schedule_itself() {
    let faults = "[accounts.acme.faults]\nschedule = [\"BACKUP_ALREADY_SCHEDULED\"]";
    let stage = played(&weekly(faults), "[restore]\n").await;
    assert_eq!(posts(&stage).len(), 2, "nothing was there");
    own_rule_is_back(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_run_in_a_held_window_leaves_the_hold_what_it_knows() {
    let faults = "[accounts.acme.faults]\nget = [{ then = \"ok\", times = 4 }, { then = \"INTERNAL_ERROR\", times = 99 }]\n";
    let stage = Stage::new(&weekly(faults), &window("1h"));
    let job = job(&stage, BOTH);
    drop(stage.play(std::slice::from_ref(&job), after(700), || Duration::ZERO).await);
    drop(stage.runner_of(std::slice::from_ref(&job)).trigger(&job, None).await.unwrap());
    assert_eq!(stage.history().await[1].targets[0].outcome, Some(Outcome::Exhausted));
    assert!(stage.store.holds().await.unwrap()[0].memory.was_quiet);
}

#[tokio::test(start_paused = true)]
async fn an_overdue_debt_is_spoken_of_once_a_day() {
    let stage = Stage::new(&weekly(""), &window("1h"));
    let first = job(&stage, "[restore]\n");
    drop(stage.play(&[first], after(600), || Duration::ZERO).await);
    // Its job is gone.
    let runner = stage.runner();
    let mut spoken = vec![];
    for hour in 0..60 {
        drop(runner.duties().await.unwrap());
        tokio::time::sleep(Duration::from_hours(1)).await;
        let at = owed(&stage).await[0].reminded_at;
        if at != spoken.last().map(|(_, at)| *at) {
            spoken.push((hour, at.unwrap()));
        }
    }
    let hours: Vec<i32> = spoken.into_iter().map(|(hour, _)| hour).collect();
    assert_eq!(hours, [0, 24, 48]);
}
