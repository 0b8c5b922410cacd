//! Runs on virtual time against a simulated Zoho in process: what is sent when, and how it ends.

mod support;

use std::sync::Arc;
use std::time::Duration;

use calloff_core::agenda::Pause;
use calloff_core::outcome::Outcome;
use calloff_core::run::{RunState, Trigger};
use jiff::{SignedDuration, Timestamp};
use support::stage::{Stage, beat, start, within_the_hour};

const ONE: &str = "backups = [\"1\"]\n[schedule]\nat = \"2030-01-01T00:00:00Z\"\n";

/// A scenario of one backup with these faults.
fn faults(list: &str) -> String {
    format!("[[accounts.acme.backups]]\nid = \"1\"\nfaults = {list}\n")
}

fn outcomes(run: &calloff_core::run::Run) -> Vec<Option<Outcome>> {
    run.targets.iter().map(|target| target.outcome).collect()
}

#[tokio::test(start_paused = true)]
async fn an_internal_error_is_retried_with_growing_waits() {
    let stage = Stage::new(&faults(r#"["INTERNAL_ERROR", "INTERNAL_ERROR", "ok"]"#), "");
    let run = stage.trigger(ONE).await;
    assert_eq!(outcomes(&run), [Some(Outcome::Cancelled)]);
    assert_eq!(run.targets[0].attempts, 3);
    let at: Vec<i64> = stage.cancels().iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [0, 1, 3], "at once, after 1 s, and 2 s after that");
}

/// Two processes that start on a record which takes no writes may both go ahead with a run that was interrupted.
#[tokio::test(start_paused = true)]
async fn a_run_that_two_processes_take_up_ends_once_whoever_is_first_with_which_target() {
    let slow = "[accounts.acme]\nlatency = \"5s\"\n[[accounts.acme.backups]]\nid = \"1\"\nfaults = [\"ok\", \"INTERNAL_ERROR\"]\n\
                [[accounts.acme.backups]]\nid = \"2\"\nfaults = [\"INTERNAL_ERROR\", \"ok\"]\n";
    let stage = Stage::new(slow, "");
    let job = stage.job("job", &ONE.replace("\"1\"", "\"1\", \"2\""));
    let left = stage.interrupted(&job).await.remove(0);
    let taking_up = [&left, &left].map(|left| {
        let (runner, left) = (stage.runner_of(std::slice::from_ref(&job)), left.clone());
        tokio::spawn(async move { drop(runner.take_up(left).await) })
    });
    for taken_up in taking_up {
        within_the_hour(taken_up).await.unwrap();
    }
    let history = stage.history().await;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].state, RunState::Succeeded, "{history:?}");
    assert!(history[0].finished_at.is_some());
    // Each was first with one of them, and the other's was on record by then.
    let codes: Vec<String> = stage.cancels().into_iter().map(|(_, code)| code).collect();
    let count = |code: &str| codes.iter().filter(|it| *it == code).count();
    assert_eq!(
        (count("SUCCESS"), count("INTERNAL_ERROR"), count("ALREADY_CANCELLED")),
        (2, 2, 2),
        "{codes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_ends_as_success() {
    let stage = Stage::new(&faults(r#"["drop-after"]"#), "");
    let run = stage.trigger(ONE).await;
    assert_eq!(outcomes(&run), [Some(Outcome::AlreadyCancelled)]);
    assert_eq!((run.state, run.targets[0].attempts), (RunState::Succeeded, 2));
}

#[tokio::test(start_paused = true)]
async fn every_odd_answer_ends_in_its_outcome() {
    #[rustfmt::skip]
    let table = [
        // the first answer                              outcome             attempts  why
        (r#""html-502""#,                                 Outcome::Cancelled, 2, "a gateway's HTML"),
        (r#""503""#,                                      Outcome::Cancelled, 2, "a 5xx without a body"),
        (r#""empty""#,                                    Outcome::AlreadyCancelled, 2, "a 200 that says nothing, after the fact"),
        (r#""garbage""#,                                  Outcome::AlreadyCancelled, 2, "a 200 that is no JSON"),
        (r#""cut-short""#,                                Outcome::AlreadyCancelled, 2, "the connection closed within the body"),
        (r#""drop""#,                                     Outcome::Cancelled, 2, "the connection closed before Zoho acted"),
        (r#""hang""#,                                     Outcome::Cancelled, 2, "no answer within the timeout"),
        (r#""numeric-code""#,                             Outcome::Cancelled, 2, "an older shape of 429"),
        (r#""array-details""#,                            Outcome::Cancelled, 1, "details is an array"),
        (r#""redirect""#,                                 Outcome::Rejected,  1, "a redirect is not followed"),
        (r#""unknown-code""#,                             Outcome::Rejected,  1, "an unknown code is permanent"),
        (r#""INVALID_TOKEN""#,                            Outcome::Cancelled, 2, "one refused token"),
        (r#""AUTHENTICATION_FAILURE""#,                   Outcome::Cancelled, 2, "likewise"),
        (r#""INVALID_TOKEN", "INVALID_TOKEN""#,           Outcome::Denied,    2, "a second refusal"),
        (r#""ALREADY_CANCELLED""#,                        Outcome::AlreadyCancelled, 1, "documented"),
        (r#""INPROGRESS""#,                               Outcome::TooLate,   1, "documented"),
        (r#""RESOURCE_NOT_FOUND""#,                       Outcome::NotFound,  1, "documented"),
        (r#""INVALID_REQUEST_METHOD""#,                   Outcome::Rejected,  1, "documented"),
        (r#""OAUTH_SCOPE_MISMATCH""#,                     Outcome::Denied,    1, "documented"),
        (r#""NO_PERMISSION""#,                            Outcome::Denied,    1, "documented"),
        (r#""INVALID_URL_PATTERN""#,                      Outcome::Rejected,  1, "documented"),
    ];
    for (first, outcome, attempts, why) in table {
        let stage = Stage::new(&faults(&format!("[{first}]")), "");
        let run = stage.trigger(ONE).await;
        let target = &run.targets[0];
        assert_eq!((target.outcome, target.attempts), (Some(outcome), attempts), "{why}: {target:?}");
        assert_eq!(stage.history().await, [run], "{why}: the record says what was reported");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_that_run_out_end_as_exhausted_with_the_reason() {
    let stage = Stage::new(&faults(r#"[{ then = "INTERNAL_ERROR", times = 99 }]"#), "");
    let run = stage.trigger(ONE).await;
    let target = &run.targets[0];
    assert_eq!((target.outcome, target.attempts), (Some(Outcome::Exhausted), 6));
    assert_eq!((target.http_status, target.code.as_deref()), (Some(500), Some("INTERNAL_ERROR")));
    assert_eq!(target.reason.as_deref(), Some("all 6 attempts failed transiently (`max_attempts`)"));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_target_waits_as_long_as_zoho_asks() {
    let stage = Stage::new(&faults(r#"[{ then = "429", retry_after = "90s" }]"#), "");
    let run = stage.trigger(ONE).await;
    assert_eq!(outcomes(&run), [Some(Outcome::Cancelled)]);
    assert_eq!(stage.cancels(), [(0, "TOO_MANY_REQUESTS".to_owned()), (90, "SUCCESS".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_give_up_after_ends_the_target_at_once() {
    let stage = Stage::new(&faults(r#"[{ then = "429", retry_after = "20m" }]"#), "");
    let run = stage.trigger(ONE).await;
    assert_eq!(outcomes(&run), [Some(Outcome::Exhausted)]);
    assert_eq!(run.finished_at, Some(start()), "it does not wait for what it will not do");
}

#[tokio::test(start_paused = true)]
async fn fifty_jobs_due_at_once_share_one_token_and_the_concurrency() {
    let mut scenario = "[accounts.acme]\nlatency = \"100ms\"\nunlisted = \"SCHEDULED\"\n".to_owned();
    scenario += "[[accounts.acme.backups]]\nid = \"1\"\n";
    let stage = Stage::new(&scenario, "concurrency = 7\n");
    let schedule = "[schedule]\nat = \"2026-11-27T16:00:05Z\"\n";
    let jobs: Vec<_> = (100..150)
        .map(|id| stage.job(&format!("job-{id}"), &format!("backups = [\"{id}\"]\n{schedule}")))
        .collect();
    stage.serve(&jobs, Duration::from_mins(1)).await;
    let runs = stage.history().await;
    assert_eq!(runs.len(), 50);
    assert!(runs.iter().all(|run| outcomes(run) == [Some(Outcome::Cancelled)]));
    let world = stage.world.lock();
    let account = world.account("acme").unwrap();
    assert_eq!((account.token_calls(), account.max_in_flight()), (1, 7));
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_early_and_every_occurrence_runs_once() {
    let stage = Stage::new(&faults("[]"), "");
    let job = stage.job("often", "backups = [\"1\"]\n[schedule]\nevery = \"10s\"\n");
    stage.serve(&[job], Duration::from_secs(65)).await;
    let runs = stage.history().await;
    let at: Vec<(i64, i64)> = runs
        .iter()
        .map(|run| {
            let occurrence = run.occurrence.unwrap().duration_since(start()).as_secs();
            (occurrence, run.lateness_ms.unwrap())
        })
        .collect();
    assert_eq!(at.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [10, 20, 30, 40, 50, 60]);
    assert!(at.iter().all(|(_, late)| (0..=1000).contains(late)), "{at:?}");
    assert!(runs.iter().all(|run| run.trigger == Trigger::Schedule));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_hangs_is_overdue_once_its_next_occurrence_is_a_minute_late() {
    let stage = Stage::new(&faults(r#"["hang"]"#), "timeout = \"3m\"\n");
    let job = stage.job("stuck", "backups = [\"1\"]\nverify = false\n[schedule]\nevery = \"10s\"\n");
    let engine = stage.engine(&[job]).await;
    let mut pulse = engine.handle().pulse;
    let (beating, beats) = beat();
    let running = tokio::spawn(engine.run(beats));
    let after = |seconds| start() + SignedDuration::from_secs(seconds);
    // What was due after 10 s hangs for 3 minutes; what is due after 20 s waits for it.
    for (seconds, overdue) in [(79, None), (82, Some(after(20))), (189, Some(after(20)))] {
        let seen = pulse.wait_for(|pulse| pulse.at >= after(seconds)).await.expect("it beats").clone();
        let since: Vec<_> = seen.overdue.iter().map(|overdue| overdue.since).collect();
        assert_eq!(since, overdue.into_iter().collect::<Vec<_>>(), "after {seconds} s: {seen:?}");
        assert!(seen.overdue.iter().all(|overdue| overdue.job.as_str() == "stuck"));
    }
    let seen = within_the_hour(pulse.wait_for(|pulse| pulse.overdue.is_empty())).await;
    assert!(seen.expect("it beats").at < after(200), "it has come through");
    stage.stop.cancel();
    running.await.expect("it ends well");
    beating.abort();
}

#[tokio::test(start_paused = true)]
async fn what_was_due_while_it_was_down_is_caught_up_with_once_and_the_rest_is_counted() {
    let stage = Stage::new(&faults("[]"), "");
    let text = "backups = [\"1\"]\n[schedule]\nevery = \"10m\"\n";
    stage.serve(&[stage.job("often", text)], Duration::from_secs(5)).await;
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_mins(45)).await;
    let job = stage.job("often", text);
    stage.serve(&[job], Duration::from_secs(5)).await;
    let runs = stage.history().await;
    let of = |minute: i64| Some(start() + SignedDuration::from_mins(minute));
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert_eq!((runs[0].state, runs[0].occurrence, runs[0].missed), (RunState::Missed, of(30), Some(3)));
    assert_eq!(outcomes(&runs[0]), [Some(Outcome::Missed)]);
    assert_eq!((runs[1].state, runs[1].occurrence), (RunState::Succeeded, of(40)));
    assert_eq!(runs[1].trigger, Trigger::CatchUp);
}

#[tokio::test(start_paused = true)]
async fn a_new_or_edited_job_never_makes_a_past_instant_due() {
    let stage = Stage::new(&faults("[]"), "");
    let every = |period: &str| format!("backups = [\"1\"]\n[schedule]\nevery = \"{period}\"\n");
    stage.serve(&[stage.job("often", &every("1h"))], Duration::from_secs(5)).await;
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_mins(45)).await;
    stage.serve(&[stage.job("often", &every("10m"))], Duration::from_secs(5)).await;
    assert_eq!(stage.history().await, []);
}

/// A pause of `often` from virtual second `since` to `until`.
async fn pause(stage: &Stage, since: i64, until: i64) {
    let at = |second| start() + SignedDuration::from_secs(second);
    let pause = Pause { since: at(since), until: at(until), reason: "why".into() };
    stage.store.pause("often".parse().expect("a name"), pause).await.expect("it is recorded");
}

#[tokio::test(start_paused = true)]
async fn a_paused_job_is_skipped_on_record_until_the_pause_ends_by_itself() {
    let stage = Stage::new(&faults("[]"), "");
    let job = stage.job("often", "backups = [\"1\"]\n[schedule]\nevery = \"10s\"\n");
    pause(&stage, 15, 40).await;
    stage.serve(&[job], Duration::from_secs(45)).await;
    let runs = stage.history().await;
    let states: Vec<RunState> = runs.iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Succeeded, RunState::Skipped, RunState::Skipped, RunState::Succeeded]);
    let why = "paused until 2026-11-27T16:00:40Z: why";
    assert_eq!((runs[1].reason.as_deref(), runs[1].targets[0].reason.as_deref()), (Some(why), Some(why)));
    assert_eq!(outcomes(&runs[1]), [Some(Outcome::Skipped)]);
    assert_eq!(stage.cancels().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_though_the_record_takes_no_writes() {
    let stage = Stage::new(&faults("[]"), "");
    let job = stage.job("often", "backups = [\"1\"]\n[schedule]\nevery = \"10s\"\n");
    stage.serve(&[Arc::clone(&job)], Duration::from_secs(8)).await;
    pause(&stage, 0, 60).await;
    let stage = stage.restart("").await;
    let locked = stage.lock_record();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(6)).await;
        drop(locked);
    });
    stage.serve(&[job], Duration::from_secs(8)).await;
    let states: Vec<RunState> = stage.history().await.iter().map(|run| run.state).collect();
    assert_eq!((states, stage.cancels().len()), (vec![RunState::Skipped], 0));
}

#[tokio::test(start_paused = true)]
async fn an_occurrence_that_came_during_a_pause_is_not_caught_up_with_after_it() {
    let stage = Stage::new(&faults("[]"), "");
    let text = "backups = [\"1\"]\n[schedule]\nevery = \"10m\"\n";
    stage.serve(&[stage.job("often", text)], Duration::from_secs(5)).await;
    pause(&stage, 5, 12 * 60).await;
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_mins(15)).await;
    stage.serve(&[stage.job("often", text)], Duration::from_secs(5)).await;
    let states: Vec<RunState> = stage.history().await.iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Skipped]);
}

#[tokio::test(start_paused = true)]
async fn resuming_never_makes_a_past_instant_due() {
    let stage = Stage::new(&faults("[]"), "");
    let text = "backups = [\"1\"]\n[schedule]\nevery = \"10m\"\n";
    stage.serve(&[stage.job("often", text)], Duration::from_secs(5)).await;
    pause(&stage, 5, 60 * 60).await;
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_mins(15)).await;
    let name = || "often".parse().unwrap();
    assert!(stage.store.resume(name(), stage.clock.now()).await.unwrap());
    assert!(!stage.store.resume(name(), stage.clock.now()).await.unwrap(), "it is not paused any more");
    stage.serve(&[stage.job("often", text)], Duration::from_secs(5)).await;
    assert_eq!(stage.history().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_leaps_to_next_year_and_back_costs_no_more_than_the_leap() {
    let stage = Stage::new(&faults("[]"), "");
    let job = stage.job("often", "backups = [\"1\"]\n[schedule]\nevery = \"10s\"\n");
    let (right, year) = (SignedDuration::ZERO, SignedDuration::from_hours(365 * 24));
    stage.set_clock_wrong(Duration::from_millis(25_500), year);
    stage.set_clock_wrong(Duration::from_millis(31_500), right);
    stage.serve(&[job], Duration::from_secs(65)).await;

    let runs = stage.history().await;
    let occurrences: Vec<Timestamp> = runs.iter().filter_map(|run| run.occurrence).collect();
    let distinct: std::collections::BTreeSet<_> = occurrences.iter().collect();
    assert_eq!(distinct.len(), runs.len(), "nothing twice: {occurrences:?}");
    for second in [10, 20, 40, 50, 60] {
        let at = start() + SignedDuration::from_secs(second);
        let run = runs.iter().find(|run| run.occurrence == Some(at));
        assert_eq!(run.map(|run| run.state), Some(RunState::Succeeded), "{second} s: {occurrences:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_by_an_hour_repeats_nothing_and_goes_on() {
    let stage = Stage::new(&faults("[]"), "");
    let job = stage.job("often", "backups = [\"1\"]\n[schedule]\nevery = \"10m\"\n");
    stage.set_clock_wrong(Duration::from_mins(35), SignedDuration::from_hours(-1));
    stage.serve(&[job], Duration::from_mins(121)).await;
    let minutes: Vec<i64> = stage
        .history()
        .await
        .iter()
        .map(|run| run.occurrence.unwrap().duration_since(start()).as_mins())
        .collect();
    assert_eq!(minutes, [10, 20, 30, -20, -10, 0, 40, 50, 60]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_taken_away_and_comes_back_is_new() {
    let stage = Stage::new(&faults("[]"), "");
    let text = "backups = [\"1\"]\n[schedule]\nevery = \"10m\"\n";
    stage.serve(&[stage.job("often", text)], Duration::from_secs(5)).await;
    let stage = stage.restart("").await;
    let other = stage.job("other", "backups = [\"1\"]\n[schedule]\nat = \"2030-01-01T00:00:00Z\"\n");
    stage.serve(&[other], Duration::from_secs(5)).await;
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_mins(75)).await;
    stage.serve(&[stage.job("often", text)], Duration::from_secs(5)).await;
    assert_eq!(stage.history().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_job_file_that_is_only_on_the_move_loses_nothing() {
    let stage = Stage::new(&faults("[]"), "");
    let text = "backups = [\"1\"]\n[schedule]\nat = \"2026-11-27T16:05:00Z\"\n";
    stage.serve(&[stage.job("once", text)], Duration::from_secs(5)).await;
    let stage = stage.restart("").await;
    stage.serve(&[], Duration::from_secs(5)).await;
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_mins(10)).await;
    stage.serve(&[stage.job("once", text)], Duration::from_secs(5)).await;
    assert_eq!(stage.history().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_not_used_again_when_the_endpoint_fails_once() {
    let faults = faults(r#"["INVALID_TOKEN"]"#);
    let stage =
        Stage::new(&format!("{faults}[accounts.acme.faults]\ntoken = [\"ok\", \"503\", \"ok\"]\n"), "");
    let run = stage.trigger(ONE).await;
    assert_eq!(outcomes(&run), [Some(Outcome::Cancelled)], "{:?}", run.targets);
    assert_eq!(run.targets[0].attempts, 2, "the refused token was sent once");
}

#[tokio::test(start_paused = true)]
async fn standing_in_line_behind_others_uses_up_nobodys_time() {
    let scenario = "[accounts.acme]\nlatency = \"10s\"\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n";
    let stage = Stage::new(scenario, "concurrency = 1\n[retry]\ngive_up_after = \"15s\"\n");
    let run = stage
        .trigger("backups = [\"2\", \"3\", \"4\", \"5\"]\n[schedule]\nat = \"2030-01-01T00:00:00Z\"\n")
        .await;
    assert_eq!(outcomes(&run), vec![Some(Outcome::Cancelled); 4]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_a_request_under_way_finish_and_leaves_the_rest_for_the_next_start() {
    let scenario = "[accounts.acme]\nlatency = \"5s\"\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n";
    let stage = Stage::new(scenario, "concurrency = 1\n");
    let text = "backups = [\"1\", \"2\"]\n[schedule]\nat = \"2026-11-27T16:00:05Z\"\n";
    // The token takes until second 10, the first cancel until 15.
    stage.serve(&[stage.job("two", text)], Duration::from_secs(12)).await;
    let runs = stage.history().await;
    let done = runs[0].targets.iter().filter(|target| target.outcome.is_some()).count();
    assert_eq!((runs[0].state, done), (RunState::Running, 1), "{runs:?}");

    let stage = stage.restart("concurrency = 1\n").await;
    let job = stage.job("two", text);
    stage.serve(&[job], Duration::from_secs(30)).await;
    let runs = stage.history().await;
    assert_eq!(runs.len(), 1);
    assert_eq!(outcomes(&runs[0]), [Some(Outcome::Cancelled), Some(Outcome::Cancelled)]);
    assert_eq!(stage.cancels().len(), 2, "what was done is not done again");
}

#[tokio::test(start_paused = true)]
async fn a_failing_token_endpoint_is_left_alone_and_the_target_recovers_with_it() {
    let scenario = format!("{}[accounts.acme.faults]\ntoken = [\"503\", \"503\", \"503\"]\n", faults("[]"));
    let stage = Stage::new(&scenario, "");
    let run = stage.trigger(ONE).await;
    assert_eq!(outcomes(&run), [Some(Outcome::Cancelled)]);
    assert_eq!(run.targets[0].attempts, 1, "an attempt is a call for the target");
    assert_eq!(stage.world.lock().account("acme").unwrap().token_calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_token_endpoint_is_left_alone_for_ten_minutes() {
    let scenario = format!("{}[accounts.acme.faults]\ntoken = [\"throttled\"]\n", faults("[]"));
    let stage = Stage::new(&scenario, "");
    let run = stage.trigger(ONE).await;
    assert_eq!(outcomes(&run), [Some(Outcome::Cancelled)]);
    let waited = run.finished_at.unwrap().duration_since(run.started_at.unwrap());
    assert!((600..=660).contains(&waited.as_secs()), "{waited}");
    assert_eq!(stage.world.lock().account("acme").unwrap().token_calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_wait_for_a_throttled_endpoint_is_exhausted() {
    let scenario = format!("{}[accounts.acme.faults]\ntoken = [\"throttled\"]\n", faults("[]"));
    let stage = Stage::new(&scenario, "[retry]\ngive_up_after = \"5m\"\n");
    let run = stage.trigger(ONE).await;
    assert_eq!(outcomes(&run), [Some(Outcome::Exhausted)]);
    assert_eq!((run.targets[0].attempts, stage.cancels().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_asked_for_once_however_many_targets_wait() {
    let mut scenario =
        "[accounts.acme]\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n".to_owned();
    scenario += "[accounts.acme.faults]\ntoken = [{ then = \"invalid_code\", times = 99 }]\n";
    let stage = Stage::new(&scenario, "");
    let ids: Vec<String> = (10..60).map(|id| format!("\"{id}\"")).collect();
    let run = stage
        .trigger(&format!("backups = [{}]\n[schedule]\nat = \"2030-01-01T00:00:00Z\"\n", ids.join(", ")))
        .await;
    assert_eq!(outcomes(&run), vec![Some(Outcome::Denied); 50]);
    assert_eq!(run.targets[0].code.as_deref(), Some("invalid_code"));
    assert_eq!(stage.world.lock().account("acme").unwrap().token_calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_targets_leaves_a_broken_service_alone() {
    let mut scenario =
        "[accounts.acme]\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"1\"\n".to_owned();
    scenario += "[accounts.acme.outage]\nthen = \"503\"\nlasts = \"5m\"\n";
    let stage = Stage::new(&scenario, "");
    let ids: Vec<String> = (1000..2000).map(|id| format!("\"{id}\"")).collect();
    let run = stage
        .trigger(&format!("backups = [{}]\n[schedule]\nat = \"2030-01-01T00:00:00Z\"\n", ids.join(", ")))
        .await;
    assert_eq!(run.state, RunState::Succeeded);
    let during = stage.cancels().iter().filter(|(at, _)| *at < 300).count();
    assert!(during <= 100, "{during} calls in five minutes of outage");
    let done: Timestamp = run.finished_at.unwrap();
    assert!(
        done.duration_since(start()).as_secs() <= 420,
        "done at {done}, two minutes after recovery at most"
    );
}

#[tokio::test(start_paused = true)]
async fn what_zoho_echoes_is_redacted_before_it_is_kept() {
    // The support's secret for every account is this canary.
    let stage = Stage::new(&faults(r#"["unknown-code"]"#), "");
    let run = stage.trigger(ONE).await;
    let text = serde_json::to_string(&run).unwrap();
    assert!(!text.contains("a-secret-canary"), "{text}");
}
