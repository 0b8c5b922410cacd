//! Conditions, `current`, read-backs and deadlines, on virtual time against a simulated Zoho in process.

mod support;

use calloff_core::outcome::Outcome;
use calloff_core::run::{Run, RunState, Target};
use calloff_sim::Endpoint;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use support::stage::{START, Stage, start};

const LATER: &str = "[schedule]\nat = \"2030-01-01T00:00:00Z\"\n";

/// An account with one weekly backup that starts in two hours, and more keys of the account and of the backup.
fn scenario(account: &str, backup: &str) -> String {
    format!(
        "[accounts.acme]\n{account}\n[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"RRULE:FREQ=WEEKLY\"\n\
         scheduled_date = \"+2h\"\nstart_date = \"-166h\"\n{backup}\n"
    )
}

/// Triggers a job with `backups` and this text after its schedule.
async fn trigger(stage: &Stage, backups: &str, more: &str) -> Run {
    stage.trigger(&format!("backups = {backups}\n{LATER}{more}")).await
}

fn only(run: &Run) -> &Target {
    assert_eq!(run.targets.len(), 1, "{run:?}");
    &run.targets[0]
}

/// How often Zoho was asked what.
fn calls(stage: &Stage, endpoint: Endpoint) -> usize {
    stage.world.lock().seen().filter(|seen| seen.endpoint == endpoint).count()
}

const WINDOWS: &str = "[[windows.open]]\nfrom = \"2026-11-27T15:00:00\"\nto = \"2026-11-28T15:00:00\"\n\
                       [[windows.shut]]\nopens = \"0 18 * * SAT\"\nlasts = \"2h\"\n";

#[tokio::test(start_paused = true)]
async fn each_condition_lets_a_run_act_or_ends_it_as_skipped_with_what_was_wanted_and_found() {
    #[rustfmt::skip]
    let table = [
        // condition                          more of the backup        holds  said
        ("window = \"open\"",                 "",                       true,  ""),
        ("window = \"shut\"",                 "",                       false, "`window` did not hold: wanted `shut` open, found it closed until 2026-11-28T18:00:00Z"),
        ("status = [\"SCHEDULED\"]",          "",                       true,  ""),
        ("status = [\"SCHEDULED\"]",          "status = \"STOPPED\"",   false, "`status` did not hold: wanted SCHEDULED, found STOPPED"),
        ("status = [\"SCHEDULED\"]",          "shows_as = \"DOZING\"",  false, "found DOZING, a word that Zoho does not document"),
        ("due_within = \"2h\"",               "",                       true,  ""),
        ("due_within = \"1h\"",               "",                       false, "`due_within` did not hold: wanted a next start at most 1h ahead, found in 2h, 2026-11-27T18:00:00Z"),
        ("window = \"open\"\ndue_in_window = true", "",                 true,  ""),
    ];
    for (condition, backup, holds, said) in table {
        let stage = Stage::new(&scenario("", backup), WINDOWS);
        let run = trigger(&stage, "[\"42\"]", &format!("[when]\n{condition}\n")).await;
        let target = only(&run);
        if holds {
            assert_eq!(
                (run.state, target.outcome),
                (RunState::Succeeded, Some(Outcome::Cancelled)),
                "{condition}"
            );
            continue;
        }
        assert_eq!((run.state, target.outcome), (RunState::Skipped, Some(Outcome::Skipped)), "{condition}");
        assert!(target.reason.as_deref().unwrap().contains(said), "{condition}: {target:?}");
        assert_eq!((target.attempts, target.verified, &target.hint), (0, None, &None));
        assert_eq!(stage.cancels(), []);
        assert_eq!(stage.history().await, [run], "the record says what was reported");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_shut_costs_no_call() {
    let stage = Stage::new(&scenario("", ""), WINDOWS);
    trigger(&stage, "\"current\"", "[when]\nwindow = \"shut\"\nstatus = [\"SCHEDULED\"]\n").await;
    assert_eq!(stage.world.lock().requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_good_backup_is_looked_for_in_the_whole_history() {
    let row = |log_time: &str, state: &str| {
        format!("[[accounts.acme.history]]\nlog_time = \"{log_time}\"\nstate = \"{state}\"\n")
    };
    // More rows than a page has, none of them good.
    let failures: String = (0..250).map(|hours| row(&format!("-{hours}h"), "failure")).collect();
    #[rustfmt::skip]
    let table = [
        (format!("{failures}{}", row("-12d", "completed")), "13d", Outcome::Cancelled, 2),
        (format!("{failures}{}", row("-12d", "completed")), "8d",  Outcome::Skipped,   2),
        (row("-8d", "completed"),                           "8d",  Outcome::Cancelled, 1),
        (row("-8d", "failure"),                             "8d",  Outcome::Skipped,   1),
        (String::new(),                                     "8d",  Outcome::Skipped,   1),
    ];
    for (history, within, outcome, pages) in table {
        let stage = Stage::new(&(scenario("", "") + &history), "");
        let run =
            trigger(&stage, "[\"42\"]", &format!("[when]\nlast_good_backup_within = \"{within}\"\n")).await;
        assert_eq!(only(&run).outcome, Some(outcome), "{run:?}");
        assert_eq!(calls(&stage, Endpoint::History), pages);
    }
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_can_not_be_read_is_retried_then_exhausted_or_denied_and_never_skipped() {
    let when = "[when]\nstatus = [\"SCHEDULED\"]\n";
    let faults = |list: &str| format!("{}[accounts.acme.faults]\nget = {list}\n", scenario("", ""));
    let stage = Stage::new(&faults("[\"INTERNAL_ERROR\", \"html-502\", \"garbage\"]"), "");
    let run = trigger(&stage, "[\"42\"]", when).await;
    assert_eq!(only(&run).outcome, Some(Outcome::Cancelled), "{run:?}");
    assert_eq!(calls(&stage, Endpoint::Get), 5, "four to decide, one to read back");

    let stage = Stage::new(&faults("[{ then = \"INTERNAL_ERROR\", times = 99 }]"), "");
    let run = trigger(&stage, "[\"42\"]", when).await;
    let target = only(&run);
    assert_eq!((run.state, target.outcome), (RunState::Failed, Some(Outcome::Exhausted)));
    assert_eq!(
        (target.code.as_deref(), target.http_status, target.attempts),
        (Some("INTERNAL_ERROR"), Some(500), 0)
    );
    let reason = target.reason.as_deref().unwrap();
    assert!(
        reason.starts_with(
            "`status` (wanted SCHEDULED) could not be told: Zoho could not be read: INTERNAL_ERROR"
        ),
        "{reason}"
    );
    assert_eq!((calls(&stage, Endpoint::Get), stage.cancels()), (6, vec![]));

    for (key, code) in [
        ("scopes = [\"ZohoCRM.bulk.backup.UPDATE\"]", "OAUTH_SCOPE_MISMATCH"),
        ("no_permission = true", "NO_PERMISSION"),
    ] {
        let stage = Stage::new(&scenario(key, ""), "");
        let run = trigger(&stage, "[\"42\"]", when).await;
        let target = only(&run);
        assert_eq!((target.outcome, target.code.as_deref()), (Some(Outcome::Denied), Some(code)));
        assert!(target.hint.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn current_is_whatever_is_scheduled_when_the_run_starts() {
    #[rustfmt::skip]
    let table = [
        // more of the backup          outcome                    backup     verified
        ("",                           Outcome::Cancelled,        "42",      Some(true)),
        ("status = \"STOPPED\"",       Outcome::AlreadyCancelled, "42",      Some(true)),
        ("status = \"INPROGRESS\"",    Outcome::TooLate,          "42",      None),
    ];
    for (backup, outcome, id, verified) in table {
        let stage = Stage::new(&scenario("", backup), "");
        let run = trigger(&stage, "[\"current\"]", "").await;
        let target = only(&run);
        assert_eq!((target.outcome, target.backup.as_str(), target.verified), (Some(outcome), id, verified));
        assert_eq!(stage.cancels().len(), usize::from(outcome == Outcome::Cancelled), "{backup}");
        assert_eq!(stage.history().await, [run]);
    }
    let stage = Stage::new("[accounts.acme]\n", "");
    let run = trigger(&stage, "\"current\"", "").await;
    let target = only(&run);
    assert_eq!((target.outcome, target.backup.as_str()), (Some(Outcome::AlreadyCancelled), "current"));
    assert_eq!(run.state, RunState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn zoho_is_read_once_to_decide_and_once_to_read_back_however_many_targets_and_conditions() {
    let ids: Vec<String> = (100..150).map(|id| format!("\"{id}\"")).collect();
    let stage = Stage::new(&scenario("unlisted = \"SCHEDULED\"", ""), WINDOWS);
    let when =
        "[when]\nwindow = \"open\"\nstatus = [\"SCHEDULED\"]\ndue_within = \"3h\"\ndue_in_window = true\n";
    let run = trigger(&stage, &format!("[\"42\", {}]", ids.join(", ")), when).await;
    assert_eq!(run.state, RunState::Succeeded);
    assert_eq!((calls(&stage, Endpoint::Get), stage.cancels().len()), (2, 51));
    let verified: Vec<_> = run.targets.iter().filter(|target| target.verified == Some(true)).collect();
    assert_eq!(verified.len(), 1, "Zoho shows one backup and no other");
    assert_eq!(verified[0].backup.as_str(), "42");
    let other = &run.targets[1];
    assert_eq!(other.verified, Some(false));
    assert!(other.reason.as_deref().unwrap().contains("another backup, 42"), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_read_back_until_it_shows_and_is_contradicted_if_it_never_does() {
    // Seconds until it shows: polls come after 0, 1, 3, 7 and 15.
    #[rustfmt::skip]
    let table = [
        ("",                          Outcome::Cancelled,    true,  1),
        ("settles_after = \"1s\"",    Outcome::Cancelled,    true,  2),
        ("settles_after = \"6s\"",    Outcome::Cancelled,    true,  4),
        ("settles_after = \"15s\"",   Outcome::Cancelled,    true,  5),
        ("settles_after = \"16s\"",   Outcome::Contradicted, false, 5),
        ("faults = [\"unheeded\"]",   Outcome::Contradicted, false, 5),
    ];
    for (backup, outcome, verified, polls) in table {
        let stage = Stage::new(&scenario("", backup), "");
        let run = trigger(&stage, "[\"42\"]", "").await;
        let target = only(&run);
        assert_eq!(
            (target.outcome, target.verified),
            (Some(outcome), Some(verified)),
            "{backup}: {target:?}"
        );
        assert_eq!(calls(&stage, Endpoint::Get), polls, "{backup}");
        assert_eq!(target.hint.is_some(), outcome == Outcome::Contradicted);
        assert_eq!(stage.history().await, [run]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_back_makes_no_failure_of_a_success() {
    let faults = |list: &str| format!("{}[accounts.acme.faults]\nget = {list}\n", scenario("", ""));
    #[rustfmt::skip]
    let table = [
        (scenario("scopes = [\"ZohoCRM.bulk.backup.UPDATE\"]", ""),   false, 1, "not allowed"),
        (faults("[{ then = \"INTERNAL_ERROR\", times = 99 }]"),        false, 5, "Zoho is out of order"),
        (faults("[{ then = \"hang\", times = 2 }]"),                   true,  3, "it recovers"),
        (faults("[\"redirect\"]"),                                     false, 1, "refused for good"),
        (scenario("", "shows_as = \"DOZING\""),                        false, 5, "an unknown word"),
        (scenario("", "shows_as = \"COMPLETED\""),                     false, 1, "over"),
    ];
    for (scenario, verified, polls, why) in table {
        let stage = Stage::new(&scenario, "");
        let run = trigger(&stage, "[\"42\"]", "").await;
        let target = only(&run);
        assert_eq!((run.state, target.outcome), (RunState::Succeeded, Some(Outcome::Cancelled)), "{why}");
        assert_eq!(target.verified, Some(verified), "{why}: {target:?}");
        assert_eq!((calls(&stage, Endpoint::Get), target.reason.is_some()), (polls, !verified), "{why}");
    }
    let stage = Stage::new(&scenario("", ""), "");
    let run = stage.trigger(&format!("backups = [\"42\"]\nverify = false\n{LATER}")).await;
    assert_eq!((only(&run).verified, calls(&stage, Endpoint::Get)), (None, 0), "verification is off");
}

#[tokio::test(start_paused = true)]
async fn a_failed_target_is_not_read_back() {
    let stage = Stage::new(&scenario("", "status = \"INPROGRESS\""), "");
    let run = trigger(&stage, "[\"42\"]", "").await;
    let target = only(&run);
    assert_eq!((target.outcome, target.verified), (Some(Outcome::TooLate), None));
    assert_eq!(calls(&stage, Endpoint::Get), 0);
}

#[tokio::test(start_paused = true)]
async fn retries_end_before_the_backup_starts_and_say_so_at_once() {
    let late = |faults: &str| {
        format!("[[accounts.acme.backups]]\nid = \"42\"\nscheduled_date = \"+5m\"\nfaults = [{faults}]\n")
    };
    let when = "[when]\ndue_within = \"1h\"\n[retry]\ngive_up_after = \"2h\"\nmax_attempts = 50\nmax_delay = \"4m\"\n";
    let stage = Stage::new(&late("{ then = \"429\", retry_after = \"10m\" }"), "");
    let run = trigger(&stage, "[\"42\"]", when).await;
    let target = only(&run);
    assert_eq!((target.outcome, target.attempts), (Some(Outcome::Exhausted), 1));
    let reason = "it can't be made in time: the backup starts at 2026-11-27T16:05:00Z, before another attempt is possible";
    assert_eq!(target.reason.as_deref(), Some(reason));
    assert_eq!(run.finished_at, Some(start()), "it does not wait for what it will not do");

    let stage = Stage::new(&late("{ then = \"INTERNAL_ERROR\", times = 99 }"), "");
    let run = trigger(&stage, "[\"42\"]", when).await;
    assert_eq!(only(&run).reason.as_deref(), Some(reason));
    let tries = stage.cancels();
    assert!(tries.iter().all(|(at, _)| *at < 300), "{tries:?}");

    let throttled =
        format!("{}[accounts.acme.faults]\ntoken = [\"ok\", \"throttled\"]\n", late("\"INVALID_TOKEN\""));
    let stage = Stage::new(&throttled, "");
    let run = trigger(&stage, "[\"42\"]", when).await;
    assert_eq!(only(&run).reason.as_deref(), Some(reason), "the token endpoint is silent for ten minutes");

    // Without a condition that reads it the start is not known, and it is tried on.
    let stage = Stage::new(&late("{ then = \"429\", retry_after = \"10m\" }"), "");
    let run = trigger(&stage, "[\"42\"]", "").await;
    assert_eq!((only(&run).outcome, only(&run).attempts), (Some(Outcome::TooLate), 2));
}

#[tokio::test(start_paused = true)]
async fn a_spread_ends_before_the_start_that_a_run_has_seen() {
    // The job's own share of a whole hour is known from a daemon that has not seen anything yet.
    let text = "backups = [\"42\"]\n[schedule]\nevery = \"6h\"\njitter = \"1h\"\n[when]\nwindow = \"shut\"\n";
    let fired = |runs: Vec<Run>, hour: i64| {
        let at = start() + SignedDuration::from_hours(hour);
        let run = runs.into_iter().find(|run| run.occurrence == Some(at)).expect("it is on record");
        run.started_at.expect("it began").duration_since(at).as_secs()
    };
    let stage = Stage::new(&scenario("", ""), WINDOWS);
    stage.serve(&[stage.job("spread", text)], Duration::from_hours(4)).await;
    let free = fired(stage.history().await, 2);
    assert!(free > 60, "the share is {free} s, which would prove nothing");

    // Another job of the account sees, just after the occurrence, that the backup starts a minute after it.
    let zoho = "[[accounts.acme.backups]]\nid = \"42\"\nscheduled_date = \"+2h1m\"\n";
    let looks =
        "backups = [\"42\"]\n[schedule]\nat = \"2026-11-27T17:59:55Z\"\n[when]\nstatus = [\"FAILED\"]\n";
    let stage = Stage::new(zoho, WINDOWS);
    stage.serve(&[stage.job("spread", text), stage.job("looks", looks)], Duration::from_hours(4)).await;
    let bounded = fired(stage.history().await, 2);
    assert!((0..=60).contains(&bounded), "{bounded} s after an occurrence that has a minute");
    assert!(bounded < free);

    // And so does a daemon that is started later, on the same record.
    let stage = Stage::new(zoho, WINDOWS);
    stage.serve(&[stage.job("looks", &looks.replace("17:59:55", "16:00:05"))], Duration::from_secs(10)).await;
    let stage = stage.restart(WINDOWS).await;
    stage.serve(&[stage.job("spread", text)], Duration::from_hours(4)).await;
    assert_eq!(fired(stage.history().await, 2) / 2, bounded / 2, "the same share, to the beat");
}

#[tokio::test(start_paused = true)]
async fn a_late_run_does_not_cancel_next_week_for_a_backup_that_has_run_already() {
    let at: Timestamp = START.parse().unwrap();
    let text = |minutes: i64| {
        let due = at + SignedDuration::from_mins(minutes);
        format!("backups = [\"42\"]\n[schedule]\nat = \"{due}\"\ncatch_up = \"3d\"\n")
    };
    let stumbles = "[accounts.acme.faults]\nget = [\"503\", \"503\"]\n";
    for (due, faults, outcome, why) in [
        (30, "", Outcome::Missed, "it was due well before the backup started at 18:00"),
        (30, stumbles, Outcome::Missed, "and Zoho stumbles"),
        (360, "", Outcome::Cancelled, "it is due for the one after that"),
    ] {
        let stage = Stage::new(&(scenario("", "") + faults), "");
        stage.serve(&[stage.job("late", &text(due))], Duration::from_secs(5)).await;
        let stage = stage.restart("").await;
        tokio::time::advance(Duration::from_hours(20)).await;
        stage.serve(&[stage.job("late", &text(due))], Duration::from_secs(5)).await;
        let runs = stage.history().await;
        assert_eq!(only(&runs[0]).outcome, Some(outcome), "{why}: {runs:?}");
        assert_eq!(stage.cancels().len(), usize::from(outcome == Outcome::Cancelled), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_asks_its_conditions_no_second_time() {
    // Stopped while its cancel is under way, and taken up after Zoho has stopped the backup.
    let zoho = scenario("latency = \"5s\"", "faults = [\"drop-after\"]");
    let text = "backups = [\"current\"]\n[schedule]\nat = \"2026-11-27T16:00:05Z\"\n[when]\nstatus = [\"SCHEDULED\"]\n";
    let stage = Stage::new(&zoho, "");
    // The token takes until second 10, the look until 15, the cancel until 20.
    stage.serve(&[stage.job("job", text)], Duration::from_secs(17)).await;
    let runs = stage.history().await;
    assert_eq!((runs[0].state, only(&runs[0]).backup.as_str()), (RunState::Running, "42"), "{runs:?}");
    let stage = stage.restart("").await;
    stage.serve(&[stage.job("job", text)], Duration::from_secs(30)).await;
    let runs = stage.history().await;
    assert_eq!(only(&runs[0]).outcome, Some(Outcome::AlreadyCancelled), "not skipped as STOPPED: {runs:?}");
    assert_eq!((runs[0].state, only(&runs[0]).verified), (RunState::Succeeded, Some(true)));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_before_it_was_decided_is_decided_when_taken_up() {
    let zoho = scenario("latency = \"5s\"", "");
    let job = |when: &str| {
        format!("backups = [\"42\"]\n[schedule]\nat = \"2026-11-27T16:00:05Z\"\n[when]\n{when}\n")
    };
    let interrupted = async || {
        let stage = Stage::new(&zoho, "");
        stage.serve(&[stage.job("job", &job("due_within = \"1h\""))], Duration::from_secs(7)).await;
        assert_eq!(stage.history().await[0].state, RunState::Running);
        stage.restart("").await
    };
    let stage = interrupted().await;
    stage.serve(&[stage.job("job", &job("due_within = \"1h\""))], Duration::from_mins(1)).await;
    assert_eq!(only(&stage.history().await[0]).outcome, Some(Outcome::Skipped), "it does not hold");

    // The job's file is gone: its conditions can't be asked, and are not taken for granted.
    let stage = interrupted().await;
    stage.serve(&[], Duration::from_mins(1)).await;
    let runs = stage.history().await;
    assert_eq!(
        (runs[0].state, only(&runs[0]).outcome),
        (RunState::Missed, Some(Outcome::Missed)),
        "{runs:?}"
    );
    assert_eq!(stage.cancels(), []);
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_reading_back_ends_the_run_as_a_success_that_is_not_verified() {
    let stage = Stage::new(&scenario("", "settles_after = \"30s\""), "");
    let text = "backups = [\"42\"]\n[schedule]\nat = \"2026-11-27T16:00:05Z\"\n";
    stage.serve(&[stage.job("job", text)], Duration::from_secs(10)).await;
    let runs = stage.history().await;
    let target = only(&runs[0]);
    assert_eq!((runs[0].state, target.outcome), (RunState::Succeeded, Some(Outcome::Cancelled)), "{runs:?}");
    assert_eq!(target.verified, Some(false));
    assert!(target.reason.as_deref().unwrap().contains("stopped before it could be read back"), "{target:?}");
}

/// Jobs of one target each, due at these seconds; `more` is added to all.
fn jobs_at(stage: &Stage, seconds: &[i64], more: &str) -> Vec<std::sync::Arc<calloff_core::config::Job>> {
    let job = |(place, second): (usize, &i64)| {
        let at = start() + SignedDuration::from_secs(*second);
        let id = 100 + place;
        stage
            .job(&format!("job-{place}"), &format!("backups = [\"{id}\"]\n{more}[schedule]\nat = \"{at}\"\n"))
    };
    seconds.iter().enumerate().map(job).collect()
}

#[tokio::test(start_paused = true)]
async fn a_read_back_that_is_out_of_order_delays_no_cancel_and_renews_no_token() {
    for fault in ["hang", "INTERNAL_ERROR", "INVALID_TOKEN", "html-502"] {
        let faults = format!("[accounts.acme.faults]\nget = [{{ then = \"{fault}\", times = 999 }}]\n");
        let stage = Stage::new(&(scenario("unlisted = \"SCHEDULED\"", "") + &faults), "");
        let due = [5, 5, 5, 5, 5, 5, 5, 5, 20, 40, 60];
        stage.serve(&jobs_at(&stage, &due, ""), Duration::from_mins(3)).await;
        let sent: Vec<i64> = stage.cancels().iter().map(|(at, _)| *at).collect();
        assert_eq!(sent, due, "{fault}");
        let runs = stage.history().await;
        assert!(runs.iter().all(|run| run.state == RunState::Succeeded), "{fault}: {runs:?}");
        assert_eq!(stage.world.lock().account("acme").unwrap().token_calls(), 1, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn read_backs_take_no_place_that_a_cancel_would_wait_for() {
    let faults = "[accounts.acme.faults]\nget = [{ then = \"hang\", times = 999 }]\n";
    let stage = Stage::new(&(scenario("unlisted = \"SCHEDULED\"", "") + faults), "concurrency = 5\n");
    let due = [5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 7, 9, 12];
    stage.serve(&jobs_at(&stage, &due, ""), Duration::from_mins(2)).await;
    let sent: Vec<i64> = stage.cancels().iter().map(|(at, _)| *at).collect();
    assert_eq!(sent, due);
}

#[tokio::test(start_paused = true)]
async fn a_read_back_that_is_throttled_asks_again_no_sooner_than_it_may() {
    let throttled = |wait: &str| {
        let faults = format!("get = [{{ then = \"429\", retry_after = \"{wait}\" }}]");
        format!("{}[accounts.acme.faults]\n{faults}\n", scenario("", ""))
    };
    for (wait, polls, verified) in [("10m", 1, false), ("12s", 2, true)] {
        let stage = Stage::new(&throttled(wait), "");
        let run = trigger(&stage, "[\"42\"]", "").await;
        assert_eq!((calls(&stage, Endpoint::Get), only(&run).verified), (polls, Some(verified)), "{wait}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_line_of_a_failing_account_gives_up_after_its_time() {
    let scenario =
        "[accounts.acme]\nunlisted = \"SCHEDULED\"\n[accounts.acme.outage]\nthen = \"503\"\nlasts = \"5h\"\n";
    let stage = Stage::new(scenario, "[retry]\ngive_up_after = \"5m\"\n");
    let ids: Vec<String> = (100..400).map(|id| format!("\"{id}\"")).collect();
    let run = trigger(&stage, &format!("[{}]", ids.join(", ")), "").await;
    assert!(run.targets.iter().all(|target| target.outcome == Some(Outcome::Exhausted)));
    let took = run.finished_at.unwrap().duration_since(start()).as_secs();
    assert!((300..=360).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn the_time_in_line_of_a_healthy_account_is_left_out_once() {
    // The target is the thirtieth in line; after that it has as much time as any.
    let zoho = "[accounts.acme]\nlatency = \"10s\"\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"42\"\n\
                faults = [{ then = \"429\", retry_after = \"8s\", times = 99 }]\n";
    let ids: Vec<String> = (100..129).map(|id| format!("\"{id}\", ")).collect();
    let mut attempts = vec![];
    // The first one pays for the token.
    for before in [ids.concat(), ids[0].clone()] {
        let stage =
            Stage::new(zoho, "concurrency = 1\n[retry]\ngive_up_after = \"40s\"\nmax_attempts = 50\n");
        let run = trigger(&stage, &format!("[{before}\"42\"]"), "").await;
        let last = run.targets.last().unwrap();
        assert!(last.reason.as_deref().unwrap().contains("give_up_after"), "{last:?}");
        attempts.push(last.attempts);
    }
    assert_eq!(attempts, [3, 3], "the thirtieth has as many as the second");
}

#[tokio::test(start_paused = true)]
async fn a_job_is_free_while_its_cancel_is_read_back() {
    let faults = "[accounts.acme.faults]\nget = [{ then = \"hang\", times = 999 }]\n";
    let stage = Stage::new(&(scenario("", "") + faults), "");
    let job = stage.job("often", "backups = [\"42\"]\n[schedule]\nevery = \"10s\"\n");
    stage.serve(&[job], Duration::from_secs(125)).await;
    let states: Vec<RunState> = stage.history().await.iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Succeeded; 12], "none is missed");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_a_little_late_looks_at_nothing_before_it_cancels() {
    // Due ten minutes before the backup starts, and only found out twenty seconds before it.
    let zoho = "[[accounts.acme.backups]]\nid = \"42\"\nrrule = \"FREQ=WEEKLY\"\nscheduled_date = \"+2h\"\n\
                [accounts.acme.faults]\nget = [{ then = \"hang\", times = 99 }]\n";
    let text = "backups = [\"42\"]\n[schedule]\nat = \"2026-11-27T17:50:00Z\"\n";
    let stage = Stage::new(zoho, "");
    stage.serve(&[stage.job("late", text)], Duration::from_secs(5)).await;
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_secs(7200 - 5 - 20)).await;
    stage.serve(&[stage.job("late", text)], Duration::from_mins(1)).await;
    assert_eq!(stage.cancels(), [(7180, "SUCCESS".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_that_is_taken_up_late_does_not_cancel_next_week_either() {
    // The token takes until second 10, so that nothing was sent when it was stopped.
    let stage = Stage::new(&scenario("latency = \"5s\"", ""), "");
    let text = "backups = [\"42\"]\n[schedule]\nat = \"2026-11-27T16:00:05Z\"\n";
    stage.serve(&[stage.job("job", text)], Duration::from_secs(7)).await;
    assert_eq!(stage.history().await[0].state, RunState::Running);
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_hours(20)).await;
    stage.serve(&[stage.job("job", text)], Duration::from_mins(1)).await;
    let runs = stage.history().await;
    assert_eq!(
        (runs[0].state, only(&runs[0]).outcome),
        (RunState::Missed, Some(Outcome::Missed)),
        "{runs:?}"
    );
    assert_eq!((runs[0].missed, runs[0].started_at), (Some(1), None), "it has the form of a missed run");
    assert_eq!(stage.cancels(), []);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_half_done_when_it_was_interrupted_ends_whole_though_the_rest_is_missed() {
    // 7 is cancelled; the cancel of 42 hangs beyond the grace period, and 42 runs by itself before it is taken up.
    let zoho = scenario("unlisted = \"SCHEDULED\"", "faults = [\"hang\"]");
    let text = "backups = [\"7\", \"42\"]\n[schedule]\nat = \"2026-11-27T16:00:05Z\"\n";
    let stage = Stage::new(&zoho, "");
    stage.serve(&[stage.job("job", text)], Duration::from_secs(7)).await;
    let runs = stage.history().await;
    let outcomes: Vec<_> = runs[0].targets.iter().map(|target| target.outcome).collect();
    assert_eq!(
        (runs[0].state, outcomes),
        (RunState::Running, vec![Some(Outcome::Cancelled), None]),
        "{runs:?}"
    );
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_hours(20)).await;
    stage.serve(&[stage.job("job", text)], Duration::from_mins(1)).await;
    let runs = stage.history().await;
    let ends: Vec<_> = runs[0].targets.iter().map(|target| (target.outcome, target.verified)).collect();
    assert_eq!(ends, [(Some(Outcome::Cancelled), Some(false)), (Some(Outcome::Missed), None)], "{runs:?}");
    assert_eq!((runs[0].state, runs[0].finished_at.is_some()), (RunState::Failed, true));
}

#[tokio::test(start_paused = true)]
async fn what_zoho_shows_of_one_backup_says_nothing_of_another() {
    // 42 has run by itself since the occurrence; 7 is not shown.
    let zoho = scenario("unlisted = \"SCHEDULED\"", "");
    let text = "backups = [\"7\", \"42\"]\n[schedule]\nat = \"2026-11-27T16:30:00Z\"\ncatch_up = \"3d\"\n";
    let stage = Stage::new(&zoho, "");
    stage.serve(&[stage.job("late", text)], Duration::from_secs(5)).await;
    let stage = stage.restart("").await;
    tokio::time::advance(Duration::from_hours(20)).await;
    stage.serve(&[stage.job("late", text)], Duration::from_mins(1)).await;
    let runs = stage.history().await;
    let outcomes: Vec<_> = runs[0].targets.iter().map(|target| target.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Cancelled), Some(Outcome::Missed)], "{runs:?}");
    assert_eq!((runs[0].state, stage.cancels().len()), (RunState::Failed, 1));

    // Nor does the start of 42 end the tries for 7.
    let zoho = "[accounts.acme]\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"42\"\nscheduled_date = \"+5m\"\n\
                [accounts.acme.faults]\ncancel = [{ then = \"429\", retry_after = \"10m\" }]\n";
    let stage = Stage::new(zoho, "");
    let run = trigger(&stage, "[\"7\"]", "[when]\ndue_within = \"1h\"\n").await;
    assert_eq!((only(&run).outcome, only(&run).attempts), (Some(Outcome::Cancelled), 2));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_stands_in_line_ends_when_its_backup_starts() {
    let zoho = "[accounts.acme]\nunlisted = \"SCHEDULED\"\n[[accounts.acme.backups]]\nid = \"42\"\nscheduled_date = \"+2m\"\n\
                [accounts.acme.faults]\ncancel = [{ then = \"hang\", times = 99 }]\n";
    let stage = Stage::new(zoho, "concurrency = 1\ntimeout = \"10m\"\n");
    let run =
        trigger(&stage, "[\"7\", \"42\"]", "[when]\ndue_within = \"1h\"\n[retry]\nmax_attempts = 1\n").await;
    let target = &run.targets[1];
    assert_eq!((target.outcome, target.attempts), (Some(Outcome::Exhausted), 0), "{run:?}");
    assert!(
        target.reason.as_deref().unwrap().contains("the backup starts at 2026-11-27T16:02:00Z"),
        "{target:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_proved_like_an_accepted_cancel() {
    for (settles, outcome, verified) in
        [("3s", Outcome::AlreadyCancelled, true), ("10m", Outcome::Contradicted, false)]
    {
        let backup = format!("faults = [\"drop-after\"]\nsettles_after = \"{settles}\"");
        let stage = Stage::new(&scenario("", &backup), "");
        let run = trigger(&stage, "[\"42\"]", "").await;
        assert_eq!((only(&run).outcome, only(&run).verified), (Some(outcome), Some(verified)), "{run:?}");
    }
    // Somebody else had stopped it, says Zoho: that is not ours to prove.
    let stage = Stage::new(&scenario("", "faults = [\"ALREADY_CANCELLED\"]"), "");
    let run = trigger(&stage, "[\"42\"]", "").await;
    assert_eq!((only(&run).outcome, only(&run).verified), (Some(Outcome::AlreadyCancelled), Some(false)));
    assert_eq!(calls(&stage, Endpoint::Get), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_verified_if_that_is_switched_off_not_even_by_the_way() {
    let stage = Stage::new(&scenario("", "status = \"STOPPED\""), "");
    let run = stage.trigger(&format!("backups = \"current\"\nverify = false\n{LATER}")).await;
    assert_eq!((only(&run).outcome, only(&run).verified), (Some(Outcome::AlreadyCancelled), None));
}

#[tokio::test(start_paused = true)]
async fn a_history_that_is_too_long_to_be_read_is_not_taken_for_one_without_a_good_backup() {
    let row =
        |minutes| format!("[[accounts.acme.history]]\nlog_time = \"-{minutes}m\"\nstate = \"failure\"\n");
    let rows = (0..2_001).map(row).collect::<Vec<_>>().concat();
    let stage = Stage::new(&(scenario("", "") + &rows), "");
    let run = trigger(&stage, "[\"42\"]", "[when]\nlast_good_backup_within = \"8d\"\n").await;
    let target = only(&run);
    assert_eq!(target.outcome, Some(Outcome::Exhausted), "{target:?}");
    assert!(target.reason.as_deref().unwrap().contains("more than 10 pages"), "{target:?}");
}
