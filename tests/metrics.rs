//! What is counted, in virtual time and over real sockets, and whether Prometheus's own tool can read it.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use calloff::clock::{Clock as _, SystemClock};
use calloff::daemon::{Access, Surroundings};
use calloff::metrics::{Format, Metrics};
use calloff::zoho::{HttpTransport, Read};
use calloff_core::agenda::Pause;
use calloff_core::code::{self, Endpoint};
use calloff_core::config::parse_settings;
use calloff_core::overview::Vitals;
use calloff_core::run::RunState;
use calloff_sim::{Scenario, Simulator};
use jiff::SignedDuration;
use support::promtool::promtool;
use support::scraped::{VITALS, everything, samples, scrape};
use support::stage::{Stage, start};

/// What the stage has counted, seen so much after it began.
fn counted(stage: &Stage) -> String {
    stage.metrics.encode(scrape(stage.clock.now(), &["often"], &["acme"]), Format::Text)
}

const OFTEN: &str = "backups = [\"42\"]\nverify = false\n[schedule]\nevery = \"10m\"\n";

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_and_one_that_succeeds_are_counted_once_each() {
    let scenario = "[accounts.acme]\n[[accounts.acme.backups]]\nid = \"42\"\n\
                    faults = [\"NO_PERMISSION\", \"INTERNAL_ERROR\", \"unknown-code\", \"html-502\", \"drop\"]\n";
    let stage = Stage::new(scenario, "");
    let before = counted(&stage);
    let before = samples(&before);
    assert_eq!(
        before["calloff_runs_total{job=\"often\",state=\"failed\"}"], 0.0,
        "so that the first is an increase"
    );
    // Refused; refused with a code that nobody knows, after a failure; cancelled, after two failures.
    stage.serve(&[stage.job("often", OFTEN)], Duration::from_mins(35)).await;
    let states: Vec<RunState> = stage.history().await.iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Failed, RunState::Failed, RunState::Succeeded]);
    let text = counted(&stage);
    let now = samples(&text);
    #[rustfmt::skip]
    let table = [
        ("runs_total{job=\"often\",state=\"failed\"}",                                        2.0),
        ("runs_total{job=\"often\",state=\"succeeded\"}",                                     1.0),
        ("runs_total{job=\"often\",state=\"missed\"}",                                        0.0),
        ("targets_total{account=\"acme\",outcome=\"denied\"}",                                1.0),
        ("targets_total{account=\"acme\",outcome=\"rejected\"}",                              1.0),
        ("targets_total{account=\"acme\",outcome=\"cancelled\"}",                             1.0),
        ("target_attempts_count",                                                             3.0),
        ("target_attempts_sum",                                                               6.0),
        ("target_attempts_bucket{le=\"1.0\"}",                                                1.0),
        ("fire_lateness_seconds_count",                                                       3.0),
        ("zoho_requests_total{account=\"acme\",endpoint=\"cancel\",code=\"NO_PERMISSION\"}",  1.0),
        ("zoho_requests_total{account=\"acme\",endpoint=\"cancel\",code=\"INTERNAL_ERROR\"}", 1.0),
        ("zoho_requests_total{account=\"acme\",endpoint=\"cancel\",code=\"other\"}",          1.0),
        ("zoho_requests_total{account=\"acme\",endpoint=\"cancel\",code=\"HTTP_502\"}",       1.0),
        ("zoho_requests_total{account=\"acme\",endpoint=\"cancel\",code=\"fault\"}",          1.0),
        ("zoho_requests_total{account=\"acme\",endpoint=\"cancel\",code=\"SUCCESS\"}",        1.0),
        ("zoho_requests_total{account=\"acme\",endpoint=\"token\",code=\"HTTP_200\"}",        1.0),
        ("zoho_request_seconds_count{endpoint=\"cancel\"}",                                   6.0),
        ("token_refreshes_total{account=\"acme\",result=\"issued\"}",                         1.0),
        ("token_refreshes_total{account=\"acme\",result=\"refused\"}",                        0.0),
    ];
    for (name, value) in table {
        assert_eq!(now.get(format!("calloff_{name}").as_str()), Some(&value), "{name}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missed_paused_or_refused_a_token_is_counted_too() {
    let scenario = "[accounts.acme]\nunlisted = \"SCHEDULED\"\nfaults.token = [\"invalid_client\"]\n";
    let stage = Stage::new(scenario, "");
    let job = stage.job("often", &format!("{OFTEN}catch_up = \"1s\"\n"));
    // Its schedule stands where the process that ended had it.
    stage.serve(std::slice::from_ref(&job), Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_mins(35)).await;
    let stage = stage.restart("").await;
    let until = stage.clock.now() + SignedDuration::from_mins(20);
    let pause = Pause { since: stage.clock.now(), until, reason: "a break".to_owned() };
    stage.store.pause("often".parse().unwrap(), pause).await.unwrap();
    stage.serve(&[job], Duration::from_mins(30)).await;
    let text = counted(&stage);
    let now = samples(&text);
    #[rustfmt::skip]
    let table = [
        ("runs_total{job=\"often\",state=\"missed\"}",                                  1.0),
        ("runs_total{job=\"often\",state=\"skipped\"}",                                 2.0),
        ("runs_total{job=\"often\",state=\"failed\"}",                                  1.0),
        ("targets_total{account=\"acme\",outcome=\"missed\"}",                          1.0),
        ("zoho_requests_total{account=\"acme\",endpoint=\"token\",code=\"invalid_client\"}", 1.0),
        ("token_refreshes_total{account=\"acme\",result=\"refused\"}",                  1.0),
    ];
    for (name, value) in table {
        assert_eq!(now.get(format!("calloff_{name}").as_str()), Some(&value), "{name}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn steps_of_the_clock_add_up_whichever_way_they_go() {
    let stage = Stage::new("[accounts.acme]\n", "");
    stage.set_clock_wrong(Duration::from_secs(10), SignedDuration::from_secs(3600));
    stage.set_clock_wrong(Duration::from_secs(20), SignedDuration::from_secs(600));
    stage.serve(&[], Duration::from_secs(30)).await;
    let text = counted(&stage);
    let seconds = samples(&text)["calloff_clock_step_seconds_total"];
    assert!((6598.0..=6602.0).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn the_credits_that_zoho_names_are_vitals_of_the_account() {
    let scenario = "[accounts.acme]\ncredits = 4200\nfaults.get = [\"ok\", \"503\"]\n[accounts.silent]\nclient_id = \"S\"\n";
    let zoho =
        Simulator::start(([127, 0, 0, 1], 0).into(), Scenario::parse(scenario).unwrap()).await.unwrap();
    let account = |name: &str, client_id: &str| {
        format!(
            "[accounts.{name}]\napi_domain = \"{url}\"\naccounts_url = \"{url}\"\nclient_id = \"{client_id}\"\n\
             client_secret = {{ env = \"A\" }}\nrefresh_token = {{ env = \"B\" }}\n",
            url = zoho.url()
        )
    };
    let text = account("acme", "A") + &account("silent", "S");
    let settings = parse_settings("calloff.toml", &text, None).settings.value.unwrap();
    let state = tempfile::tempdir().unwrap();
    let surroundings = Surroundings {
        transport: Arc::new(HttpTransport::default()),
        clock: Arc::new(SystemClock),
        dice: || 0.5,
        metrics: Metrics::default(),
    };
    let secret = || "any".to_owned().into();
    for (account, want) in settings.accounts.values().zip([Some(4198), None]) {
        let access = Access::new(account, secret(), secret(), state.path(), &surroundings);
        assert_eq!(access.vitals().credits, None, "nobody has said anything");
        assert_eq!(access.vitals().token_expires_at, None);
        let token = access.tokens.current().await.unwrap();
        for _ in 0..2 {
            assert!(!matches!(access.client.get(&token).await, Read::Found(_)));
        }
        let vitals = access.vitals();
        assert_eq!(vitals.credits.map(|(credits, _)| credits), want, "{}", account.name);
        assert!(vitals.token_expires_at.is_some_and(|at| at > SystemClock.now()));
        assert_eq!((vitals.calls_in_flight, vitals.concurrency, vitals.is_failing), (0, 10, false));
    }
    let text = surroundings.metrics.encode(scrape(SystemClock.now(), &[], &["acme", "silent"]), Format::Text);
    let now = samples(&text);
    assert_eq!(now["calloff_zoho_requests_total{account=\"acme\",endpoint=\"get\",code=\"HTTP_503\"}"], 1.0);
    assert_eq!(
        now["calloff_zoho_requests_total{account=\"silent\",endpoint=\"get\",code=\"HTTP_204\"}"],
        2.0
    );
    zoho.stop().await;
}

#[test]
fn what_zoho_said_of_credits_counts_for_an_hour() {
    let credits = |age| {
        let mut scrape = scrape(start(), &[], &["acme"]);
        let said = Some((17, start() - SignedDuration::from_mins(age)));
        scrape.accounts[0].vitals = Some(Vitals { credits: said, ..VITALS });
        let text = Metrics::default().encode(scrape, Format::Text);
        samples(&text).get("calloff_credits_remaining{account=\"acme\"}").copied()
    };
    assert_eq!((credits(0), credits(60), credits(61)), (Some(17.0), Some(17.0), None));
}

#[test]
fn codes_that_nobody_knows_make_no_series_and_names_that_are_gone_lose_theirs() {
    let metrics = Metrics::default();
    let account = "acme".parse().unwrap();
    let call = |status, code: Option<&str>| {
        metrics.called(&account, Endpoint::Get, code::word(status, code), Duration::from_millis(40));
    };
    let lines = |at, accounts: &[&str]| {
        let text = metrics.encode(scrape(at, &[], accounts), Format::Text);
        text.lines().filter(|line| line.contains("account=\"acme\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    for status in 100..700 {
        call(Some(status), None);
    }
    let before = lines(start(), &["acme"]).len();
    for number in 0..10_000 {
        call(Some(400), Some(&format!("NEW_{number}")));
    }
    assert_eq!(
        lines(start(), &["acme"]).len(),
        before,
        "`other` was there already, for a status that is none"
    );
    let later = |minutes| start() + SignedDuration::from_mins(minutes);
    // What comes back within the hour goes on.
    let calls = |lines: Vec<String>| {
        lines.into_iter().filter(|line| line.contains("requests_total")).collect::<Vec<_>>()
    };
    let kept = calls(lines(later(1), &[]));
    assert_eq!(kept, calls(lines(later(59), &["acme"])));
    assert!(!lines(later(60), &[]).is_empty());
    assert_eq!(lines(later(121), &[]), [] as [&str; 0]);
}

#[test]
fn prometheus_reads_both_forms_and_has_nothing_to_criticise() {
    let (metrics, scrape) = everything();
    let folder = tempfile::tempdir().unwrap();
    let text = metrics.encode(scrape.clone(), Format::Text);
    let Some(checked) = promtool(&["check", "metrics"], folder.path(), &text) else { return };
    assert_eq!(checked, Ok(()), "{text}");

    // The tool takes the newer form for its database only, where each sample has its time.
    let mut dated = String::new();
    for line in metrics.encode(scrape, Format::OpenMetrics).lines() {
        let time = if line.starts_with('#') { "" } else { " 1795795200" };
        writeln!(dated, "{line}{time}").unwrap();
    }
    std::fs::write(folder.path().join("dated"), &dated).unwrap();
    let args = ["tsdb", "create-blocks-from", "openmetrics", "--quiet", "dated", "database"];
    assert_eq!(promtool(&args, folder.path(), ""), Some(Ok(())), "{dated}");
    let cut = dated.replace("# EOF\n", "");
    std::fs::write(folder.path().join("dated"), cut).unwrap();
    assert!(promtool(&args, folder.path(), "").unwrap().is_err(), "it does look");
}

#[test]
fn the_same_is_said_in_both_forms() {
    let (metrics, scrape) = everything();
    // Those of the process change between two looks.
    let of = |text: &str| {
        samples(&text.replace("# EOF\n", ""))
            .into_iter()
            .filter(|(name, _)| name.starts_with("calloff_"))
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<BTreeMap<_, _>>()
    };
    let text = of(&metrics.encode(scrape.clone(), Format::Text));
    assert_eq!(text, of(&metrics.encode(scrape, Format::OpenMetrics)));
    assert!(text.len() > 300, "{}", text.len());
}

#[test]
fn ten_thousand_jobs_can_be_scraped() {
    let names: Vec<String> = (0..10_000).map(|number| format!("team-{}/job-{number}", number % 50)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let text = Metrics::default().encode(scrape(start(), &names, &["acme"]), Format::Text);
    let now = samples(&text);
    assert_eq!(now["calloff_jobs{state=\"armed\"}"], 10_000.0);
    assert_eq!(now["calloff_job_expected_interval_seconds{job=\"team-49/job-9999\"}"], 86_400.0);
    let a_job = now.keys().filter(|name| name.contains("\"team-49/job-9999\"")).count();
    assert_eq!(a_job, 7, "three of the job itself, and a count for each way in which a run ends");
    let folder = tempfile::tempdir().unwrap();
    if let Some(checked) = promtool(&["check", "metrics"], folder.path(), &text) {
        assert_eq!(checked, Ok(()));
    }
}
