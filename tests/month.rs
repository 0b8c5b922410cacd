//! A month of weekly windows with faults, restarts and people who interfere: at its end each account has its own
//! recurrence back, or a debt that can be seen, with a reason.

#![allow(clippy::unwrap_used, reason = "a check that can't be made fails its test")]

mod support;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use calloff_core::config::Job;
use calloff_core::restore::Debt;
use calloff_sim::scenario::Outage;
use calloff_sim::{Code, Endpoint, Fault, Scenario, SharedWorld, Status, Step};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use support::stage::{Stage, start};

const DAYS: i64 = 30;
const ACCOUNTS: [&str; 3] = ["acme", "globex", "initech"];
const OWN: &str = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO";

/// What people schedule.
const OTHERS: [&str; 3] = [
    "RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=5",
    "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TH",
    "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA",
];

/// Three accounts, each with windows of its own every week, and what it may have of them besides.
struct Case {
    settings: String,
    zoho: String,
    jobs: Vec<(String, String)>,
}

fn write_to(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).unwrap();
}

fn case(dice: &mut Rng) -> Case {
    let (mut settings, mut zoho, mut jobs) = (String::new(), String::new(), vec![]);
    for account in ACCOUNTS {
        if account != "acme" {
            write_to(
                &mut settings,
                format_args!(
                    "[accounts.{account}]\ndata_center = \"eu\"\nclient_id = \"{account}\"\nclient_secret = {{ env = \"X\" }}\nrefresh_token = {{ env = \"X\" }}\n"
                ),
            );
        }
        let (day, hours) = (["MON", "WED", "FRI"][dice.usize(..3)], dice.u32(3..60));
        write_to(
            &mut settings,
            format_args!("[[windows.{account}]]\nopens = \"0 18 * * {day}\"\nlasts = \"{hours}h\"\n"),
        );
        write_to(
            &mut zoho,
            format_args!(
                "[accounts.{account}]\n[[accounts.{account}.backups]]\nid = \"42\"\nrrule = \"{OWN}\"\nscheduled_date = \"+{}h\"\n",
                dice.u32(1..160)
            ),
        );
        if dice.u32(..3) == 0 {
            write_to(&mut zoho, format_args!("settles_after = \"{}m\"\n", dice.u32(1..90)));
        }
        let backups = if dice.bool() { "[\"current\"]" } else { "[\"42\"]" };
        let hold = if dice.u32(..4) > 0 {
            format!("[hold]\npoll = \"{}m\"\n", dice.u32(20..200))
        } else {
            String::new()
        };
        let job = format!(
            "account = \"{account}\"\nbackups = {backups}\nschedule.cron = \"{} 18 * * {day}\"\nwhen.window = \"{account}\"\nschedule.catch_up = \"2h\"\n{hold}[restore]\n",
            dice.u32(0..30)
        );
        jobs.push((account.to_owned(), job));
    }
    Case { settings, zoho, jobs }
}

/// What people have scheduled in which account, and when.
type Said = Arc<Mutex<Vec<(&'static str, Timestamp, &'static str)>>>;

/// An account's own recurrence at the end. What people schedule is its own from then on, unless another one is owed at
/// the time: what was there before the first cancel of a window has the right of way.
fn own_rule(account: &str, said: &Said, debts: &[Debt]) -> String {
    let mut own = OWN.to_owned();
    for (whose, at, rule) in said.lock().unwrap().iter().filter(|(whose, ..)| *whose == account) {
        let is_owed = |debt: &&Debt| {
            debt.account.as_str() == *whose
                && debt.owed_since <= *at
                && debt.ended_at.is_none_or(|ended| ended > *at)
        };
        own = debts.iter().find(is_owed).map_or((*rule).to_owned(), |debt| debt.pre_image.rrule.clone());
    }
    own
}

/// Lets things go wrong and people interfere, in every account, until the month is nearly over.
fn interfere(stage: &Stage, dice: &mut Rng, said: &Said) {
    let (world, clock) = (stage.world.clone(), Arc::clone(&stage.clock));
    for account in ACCOUNTS {
        let (world, clock, said) = (world.clone(), Arc::clone(&clock), Arc::clone(said));
        let mut dice = dice.fork();
        tokio::spawn(async move {
            let mut made = 0;
            loop {
                tokio::time::sleep(Duration::from_secs(dice.u64(600..100_000))).await;
                let now = clock.now();
                if now > start() + SignedDuration::from_hours(24 * (DAYS - 2)) {
                    return;
                }
                match dice.u32(..4) {
                    0 => break_something(&world, account, &mut dice),
                    1 => go_out(&world, account, &mut dice, now),
                    _ => {
                        made += 1;
                        let rule = schedule(&world, account, made, &mut dice, now);
                        said.lock().unwrap().push((account, now, rule));
                    }
                }
            }
        });
    }
}

/// The next few calls of an endpoint go wrong.
fn break_something(world: &SharedWorld, account: &str, dice: &mut Rng) {
    let faults = [
        Fault::Code(Code::InternalError),
        Fault::Drop,
        Fault::DropAfter,
        Fault::Html(502),
        Fault::CutShort,
        Fault::Empty,
        Fault::Code(Code::TooManyRequests),
        Fault::Code(Code::NoPermission),
    ];
    let endpoints = [Endpoint::Cancel, Endpoint::Get, Endpoint::Schedule];
    let (endpoint, times) = (endpoints[dice.usize(..endpoints.len())], dice.u32(1..12));
    let fault = faults[dice.usize(..faults.len())];
    let mut world = world.lock();
    assert!(world.account_mut(account).unwrap().push_fault(endpoint, Step { times, ..Step::of(fault) }));
    // This month's backups are used up, for a while.
    if dice.u32(..3) == 0 {
        let steps = Step { times: dice.u32(1..6), ..Step::of(Fault::Code(Code::LimitExceeded)) };
        assert!(world.account_mut(account).unwrap().push_fault(Endpoint::Schedule, steps));
    }
}

/// Everything fails for some time.
fn go_out(world: &SharedWorld, account: &str, dice: &mut Rng, now: Timestamp) {
    let outage = Outage {
        then: Fault::Status(503),
        retry_after: None,
        starts: now.duration_since(start()).try_into().unwrap(),
        lasts: Some(Duration::from_mins(dice.u64(1..400))),
        calls: None,
        token: dice.bool(),
    };
    world.lock().account_mut(account).unwrap().set_outage(Some(outage));
}

/// Somebody schedules a backup, or another one in place of what there was.
fn schedule(world: &SharedWorld, account: &str, made: u32, dice: &mut Rng, now: Timestamp) -> &'static str {
    let rule = if dice.u32(..4) == 0 { OWN } else { OTHERS[dice.usize(..OTHERS.len())] };
    let hours = dice.u32(1..160);
    let text = format!(
        "[accounts.a]\n[[accounts.a.backups]]\nid = \"90{made}\"\nrrule = \"{rule}\"\nscheduled_date = \"+{hours}h\"\n"
    );
    let scenario = Scenario::parse(&text).unwrap();
    world.lock().account_mut(account).unwrap().put(&scenario.accounts["a"].backups[0], now);
    rule
}

/// Plays a month; gives how many accounts have their recurrence back, and how many owe it.
async fn play(seed: u64) -> (usize, usize) {
    let mut dice = Rng::with_seed(seed);
    let case = case(&mut dice);
    let mut stage = Stage::in_memory(&case.zoho, &case.settings);
    let said = Said::default();
    interfere(&stage, &mut dice, &said);
    // No window opens or closes at this minute.
    let end = start() + SignedDuration::from_hours(24 * DAYS) + SignedDuration::from_mins(47);
    loop {
        let jobs: Vec<Arc<Job>> = case.jobs.iter().map(|(name, text)| stage.job_of(name, text)).collect();
        let stop_at = stage.clock.now() + SignedDuration::from_mins(dice.i64(10..8000));
        // What is under way then is dropped where it stands.
        drop(stage.play(&jobs, stop_at.min(end), || Duration::ZERO).await);
        if stop_at >= end {
            break;
        }
        let down = Duration::from_mins(if dice.bool() { 0 } else { dice.u64(1..500) });
        tokio::time::sleep(down).await;
        stage = stage.restart(&case.settings).await;
    }
    let (mut back, mut visible) = (0, 0);
    let debts = stage.store.debts().await.unwrap();
    for account in ACCOUNTS {
        let rule = own_rule(account, &said, &debts);
        let world = stage.world.lock();
        let latest = world.account(account).unwrap().latest().unwrap();
        let is_going = matches!(latest.status(), Status::Scheduled | Status::Inprogress);
        let is_back = is_going && latest.rrule() == Some(rule.as_str());
        let owed = debts.iter().find(|debt| debt.account.as_str() == account && debt.ended_at.is_none());
        let job = stage.job_of(account, &case.jobs.iter().find(|(name, _)| name == account).unwrap().1);
        let is_held = job.when.window.as_ref().unwrap().window.contains(end);
        let has_reason = owed.is_some_and(|debt| debt.reason.is_some() || is_held);
        assert!(
            is_back || has_reason,
            "seed {seed}, {account}: wanted {rule}, found {latest:#?}, owed {owed:#?}\n{debts:#?}"
        );
        back += usize::from(is_back);
        visible += usize::from(!is_back);
    }
    (back, visible)
}

async fn play_all(seeds: std::ops::Range<u64>) {
    let (mut back, mut owed) = (0, 0);
    for seed in seeds {
        let (more_back, more_owed) = play(seed).await;
        back += more_back;
        owed += more_owed;
    }
    // Otherwise this would prove little.
    assert!(back > owed, "{back} are back, and {owed} are owed");
}

#[tokio::test(start_paused = true)]
async fn after_a_month_each_account_has_its_recurrence_or_a_debt_first_half() {
    play_all(0..10).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_month_each_account_has_its_recurrence_or_a_debt_second_half() {
    play_all(10..20).await;
}
