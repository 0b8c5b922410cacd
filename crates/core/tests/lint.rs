//! What `calloff check` warns of: cases, and the same found by walking along every occurrence.

use std::fmt::Write as _;
use std::time::Duration;

use calloff_core::agenda::{Entry, fire_at};
use calloff_core::config::{Job, ReadSettings, parse_job, parse_settings, warn_of_races};
use calloff_core::diagnostic::Diagnostic;
use calloff_core::ids::{BackupRef, JobName};
use calloff_core::lint::{Race, first_difference, horizon, never_acts, races};
use calloff_core::schedule::Schedule;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use rstest::rstest;

/// A Tuesday.
const FROM: &str = "2026-11-24T00:00:00Z";

fn ts(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn set_up(more: &str) -> ReadSettings {
    let account = |name: &str, zone: &str| {
        format!(
            "[accounts.{name}]\ndata_center = \"eu\"\nclient_id = \"x\"\n{zone}\
             client_secret = {{ env = \"A\" }}\nrefresh_token = {{ env = \"B\" }}\n"
        )
    };
    let text = format!(
        "timezone = \"Europe/Berlin\"\n{}{}{more}",
        account("acme", ""),
        account("tokyo", "timezone = \"Asia/Tokyo\"\n")
    );
    parse_settings("calloff.toml", &text, Some(ts(FROM)))
}

fn warnings_of_settings(more: &str) -> Vec<Diagnostic> {
    let read = set_up(more).settings;
    assert!(read.value.is_some(), "{:#?}", read.diagnostics);
    read.diagnostics
}

/// A job with its warnings, but for those of clock changes.
fn job(name: &str, text: &str, settings: &ReadSettings) -> (Job, Vec<Diagnostic>) {
    let account = if text.contains("account =") { "" } else { "account = \"acme\"\n" };
    let backups = if text.contains("backups =") { "" } else { "backups = [\"1\"]\n" };
    let text = format!("{account}{backups}{text}\n");
    let name = JobName::parse(name).expect("a job name");
    let mut read = parse_job(&name, &format!("jobs/{name}.toml"), &text, &settings.defaults);
    let job = read.value.unwrap_or_else(|| panic!("{text}\n{:#?}", read.diagnostics));
    read.diagnostics.retain(|found| found.code.as_str() != "W050");
    (job, read.diagnostics)
}

/// `code line:column message`, one for each.
fn told(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(|d| format!("{} {}:{} {}", d.code, d.line, d.column, d.message)).collect()
}

const FREEZE: &str = "[[windows.freeze]]\nopens = \"0 18 * * FRI\"\nlasts = \"60h\"\n";

#[rstest]
#[case(FREEZE, "")]
#[case("[[windows.x]]\nfrom = \"2026-11-23T00:00:00Z\"\nto = \"2026-11-24T00:00:01Z\"\n", "")]
#[case("[[windows.x]]\nfrom = \"2026-11-24T00:00:00Z\"\nto = \"2026-11-25T00:00:00Z\"\n", "")]
#[case("[[windows.x]]\nopens = \"0 0 29 2 *\"\nlasts = \"1h\"\n", "")]
#[case(
    "[[windows.x]]\nfrom = \"2026-11-23T00:00:00Z\"\nto = \"2026-11-24T00:00:00Z\"\n",
    "W051 13:11 `[[windows.x]]` never opens again"
)]
#[case(
    "[[windows.x]]\nopens = \"0 18 * * *\"\nlasts = \"25h\"\n",
    "W052 15:9 `[[windows.x]]` opens again at 2026-11-25 18:00 in Europe/Berlin before it has closed"
)]
// A week has 167 hours once a year.
#[case(
    "[[windows.x]]\nopens = \"0 18 * * MON\"\nlasts = \"7d\"\n",
    "W052 15:9 `[[windows.x]]` opens again at 2027-03-29 18:00 in Europe/Berlin before it has closed"
)]
#[case("[[windows.x]]\nopens = \"0 18 * * *\"\nlasts = \"24h\"\ntimezone = \"UTC\"\n", "")]
// Entries may overlap each other.
#[case(
    "[[windows.x]]\nopens = \"0 18 * * FRI\"\nlasts = \"60h\"\n[[windows.x]]\nopens = \"0 18 * * SAT\"\nlasts = \"60h\"\n",
    ""
)]
fn a_window(#[case] windows: &str, #[case] wanted: &str) {
    let found = warnings_of_settings(windows);
    assert_eq!(told(&found).join("\n"), wanted);
}

#[rstest]
#[case("schedule.cron = \"0 18 * * FRI\"", "")]
#[case("schedule.cron = \"59 5 * * MON\"", "")]
#[case("schedule.every = \"1h\"", "")]
#[case("schedule.at = \"2026-11-28T12:00:00\"", "")]
#[case(
    "schedule.cron = \"30 17 * * FRI\"",
    "the job is never due inside `freeze`: it is next due at 2026-11-27 17:30 in Europe/Berlin, the window next opens at \
     2026-11-27 18:00 in Europe/Berlin"
)]
// The closing is outside, but once a year it is an hour later by the clock.
#[case("schedule.cron = \"0 6 * * MON\"", "")]
#[case(
    "schedule.cron = \"0 7 * * MON\"",
    "the job is never due inside `freeze`: it is next due at 2026-11-30 07:00 in Europe/Berlin, the window next opens at \
     2026-11-27 18:00 in Europe/Berlin"
)]
#[case(
    "schedule.at = \"2026-11-25T12:00:30\"",
    "the job is never due inside `freeze`: it is next due at 2026-11-25 12:00:30 in Europe/Berlin, the window next opens \
     at 2026-11-27 18:00 in Europe/Berlin"
)]
// The jitter carries some occurrence over the opening.
#[case("schedule.cron = \"30 17 * * FRI\"\nschedule.jitter = \"2h\"", "")]
#[case("enabled = false\nschedule.cron = \"30 17 * * FRI\"", "")]
#[case("schedule.at = \"2026-11-20T17:30:00\"", "")]
// Nothing is due in the time that is looked at.
#[case("schedule.at = \"2028-11-22T17:30:00\"", "")]
fn a_job_that_names_a_weekend(#[case] schedule: &str, #[case] wanted: &str) {
    let settings = set_up(FREEZE);
    let (job, found) = job("a", &format!("{schedule}\nwhen.window = \"freeze\""), &settings);
    let messages: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(messages.join("\n"), wanted);
    if let [found] = &found[..] {
        let quote = found.quote.as_ref().unwrap();
        assert_eq!((found.code.as_str(), &quote.text[quote.mark.clone()]), ("W053", "\"freeze\""));
    }
    assert_eq!(never_acts(&job, ts(FROM)).is_some(), !wanted.is_empty());
}

#[test]
fn a_window_that_is_closing_for_good_is_told_from_one_that_never_opens() {
    let once = "[[windows.freeze]]\nfrom = \"2026-11-23T00:00:00Z\"\nto = \"2026-11-24T06:00:00Z\"\n";
    let text = "schedule.cron = \"30 17 * * FRI\"\nwhen.window = \"freeze\"";
    let (_, found) = job("a", text, &set_up(once));
    assert!(found[0].message.ends_with("the window is open for the last time"), "{found:#?}");
    let (_, found) = job("a", text, &set_up(&once.replace("24T06", "24T00")));
    assert_eq!(found, [], "the window has been warned of");
}

#[test]
fn a_window_between_occurrences_without_number_costs_a_bounded_time() {
    // Never on a whole minute, and opening so often that leaping saves nothing.
    let odd = "[[windows.freeze]]\nopens = \"30 * * * * *\"\nlasts = \"1s\"\n";
    let (_, found) = job("a", "schedule.every = \"1m\"\nwhen.window = \"freeze\"", &set_up(odd));
    assert_eq!(found, [], "it is not known");
}

#[rstest]
#[case("timezone = \"Europe/Paris\"\nschedule.cron = \"30 17 * * FRI\"", "")]
#[case("schedule.cron = \"30 17 * * FRI\"", "")]
#[case("timezone = \"Asia/Tokyo\"\nschedule.every = \"1h\"", "")]
#[case("timezone = \"Asia/Tokyo\"\nschedule.at = \"2026-12-24T17:30:00+01:00\"", "")]
#[case("timezone = \"Asia/Tokyo\"\nschedule.cron = \"*/10 * * * *\"", "")]
#[case(
    "timezone = \"Asia/Tokyo\"\nschedule.cron = \"*/10 * * * FRI\"",
    "W055 3:12 account `acme` is taken to be in Europe/Berlin: 2026-11-27 00:00 in Asia/Tokyo is 2026-11-26 16:00 there"
)]
#[case(
    "timezone = \"Asia/Tokyo\"\nschedule.at = \"2026-12-24T17:30:00\"",
    "W055 3:12 account `acme` is taken to be in Europe/Berlin: 2026-12-24 17:30 in Asia/Tokyo is 2026-12-24 09:30 there"
)]
#[case("timezone = \"Asia/Tokyo\"\nschedule.at = \"2025-12-24T17:30:00\"", "")]
// London is an hour behind all year; Algiers only in summer.
#[case(
    "timezone = \"Europe/London\"\nschedule.cron = \"30 17 * * FRI\"",
    "W055 3:12 account `acme` is taken to be in Europe/Berlin: 2026-11-27 17:30 in Europe/London is 2026-11-27 18:30 there"
)]
#[case("timezone = \"Africa/Algiers\"\nschedule.cron = \"30 17 1 JAN *\"", "")]
#[case(
    "timezone = \"Africa/Algiers\"\nschedule.cron = \"30 17 1 * *\"",
    "W055 3:12 account `acme` is taken to be in Europe/Berlin: 2027-04-01 17:30 in Africa/Algiers is 2027-04-01 18:30 there"
)]
// Without a zone of its own, what is read is the time of day.
#[case(
    "account = \"tokyo\"\nschedule.cron = \"30 17 * * FRI\"",
    "W055 3:17 account `tokyo` is taken to be in Asia/Tokyo: 2026-11-27 17:30 in Europe/Berlin is 2026-11-28 01:30 there"
)]
#[case("account = \"tokyo\"\ntimezone = \"Asia/Tokyo\"\nschedule.cron = \"30 17 * * FRI\"", "")]
fn a_job_in_another_time_zone(#[case] text: &str, #[case] wanted: &str) {
    let (_, found) = job("a", text, &set_up(""));
    assert_eq!(told(&found).join("\n"), wanted);
}

#[rstest]
#[case("UTC", "", "")]
#[case("Etc/UTC", "", "")]
#[case("Europe/Berlin", "", "account `acme` is taken to be in Europe/Berlin")]
#[case("UTC", "timezone = \"UTC\"\n", "account `acme` is taken to be in UTC")]
fn utc_for_all_is_no_statement_about_an_account(
    #[case] of_all: &str,
    #[case] of_account: &str,
    #[case] wanted: &str,
) {
    let text = format!(
        "timezone = \"{of_all}\"\n[accounts.acme]\ndata_center = \"eu\"\nclient_id = \"x\"\n{of_account}\
         client_secret = {{ env = \"A\" }}\nrefresh_token = {{ env = \"B\" }}\n"
    );
    let settings = parse_settings("calloff.toml", &text, Some(ts(FROM)));
    let (_, found) = job("a", "timezone = \"Asia/Tokyo\"\nschedule.cron = \"30 17 * * FRI\"", &settings);
    assert_eq!(found.len(), usize::from(!wanted.is_empty()), "{found:?}");
    assert!(found.iter().all(|found| found.message.starts_with(wanted)), "{found:?}");
}

#[test]
fn what_cannot_be_told_is_not_warned_of() {
    let text = "account = \"tokyo\"\nschedule.cron = \"30 17 * * FRI\"\nwhen.window = \"freeze\"\n";
    let wrong_zone = format!("timezone = \"Mars\"\n{FREEZE}accounts.tokyo = 5\n");
    for settings in [wrong_zone.as_str(), "="] {
        let settings = parse_settings("calloff.toml", settings, Some(ts(FROM)));
        let (job, found) = job("a", text, &settings);
        assert_eq!(found, []);
        let again = Job { name: JobName::parse("b").unwrap(), ..job.clone() };
        assert_eq!(warn_of_races(&[job, again], ts(FROM)), []);
    }
}

/// The jobs are `a`, `b` and so on; what is wanted is `earlier later at`, and how many more.
#[rstest]
#[case(&["schedule.cron = \"30 17 * * FRI\"", "schedule.cron = \"30 17 * * FRI\""], "a b 2026-11-27T16:30:00Z")]
#[case(&["schedule.cron = \"30 17 * * FRI\"", "schedule.cron = \"44 17 27 * *\""], "a b 2026-11-27T16:44:00Z")]
#[case(&["schedule.cron = \"30 17 * * FRI\"", "schedule.cron = \"45 17 * * FRI\""], "")]
#[case(&["schedule.cron = \"30 17 * * FRI\"", "schedule.cron = \"45 17 * * FRI\"\nretry.give_up_after = \"16m\""], "a b 2026-11-27T16:45:00Z")]
#[case(&["schedule.cron = \"0 17 * * *\"\nretry.give_up_after = \"0s\"", "schedule.cron = \"0 17 * * FRI\"\nretry.give_up_after = \"0s\""], "a b 2026-11-27T16:00:00Z")]
#[case(&["schedule.cron = \"0 17 * * *\"", "backups = [\"2\"]\nschedule.cron = \"0 17 * * *\""], "")]
#[case(&["schedule.cron = \"0 17 * * *\"", "backups = [\"2\", \"1\"]\nschedule.cron = \"0 17 * * *\""], "a b 2026-11-24T16:00:00Z")]
#[case(&["schedule.cron = \"0 17 * * *\"", "backups = \"current\"\nschedule.cron = \"0 17 * * *\""], "a b 2026-11-24T16:00:00Z")]
#[case(&["backups = [\"current\"]\nschedule.cron = \"0 17 * * *\"", "backups = [\"7\"]\nschedule.cron = \"0 17 * * *\""], "a b 2026-11-24T16:00:00Z")]
#[case(&["schedule.cron = \"0 17 * * *\"", "account = \"tokyo\"\ntimezone = \"Europe/Berlin\"\nschedule.cron = \"0 17 * * *\""], "")]
#[case(&["schedule.cron = \"0 17 * * *\"", "enabled = false\nschedule.cron = \"0 17 * * *\""], "")]
#[case(&["schedule.at = \"2026-11-20T17:00:00\"", "schedule.at = \"2026-11-20T17:00:00\""], "")]
// Two that meet once a year, when the clocks differ.
#[case(&["schedule.cron = \"0 17 * * *\"", "timezone = \"America/New_York\"\nschedule.cron = \"0 12 * * *\""], "a b 2027-03-14T16:00:00Z")]
// One is never inside its window when the other is.
#[case(&["schedule.cron = \"0 19 * * *\"\nwhen.window = \"freeze\"", "schedule.cron = \"0 19 * * MON-THU\""], "")]
#[case(&["schedule.cron = \"0 19 * * *\"\nwhen.window = \"freeze\"", "schedule.cron = \"0 19 * * *\""], "a b 2026-11-27T18:00:00Z")]
#[case(
    &["schedule.every = \"1h\"", "backups = [\"2\"]\nschedule.every = \"1h\"", "backups = [\"2\", \"1\"]\nschedule.every = \"1h\""],
    "a c 2026-11-24T01:00:00Z and 1 more"
)]
fn jobs_with_a_backup_in_common(#[case] texts: &[&str], #[case] wanted: &str) {
    let settings = set_up(FREEZE);
    let jobs: Vec<Job> =
        texts.iter().zip(["a", "b", "c"]).map(|(text, name)| job(name, text, &settings).0).collect();
    let mut found = String::new();
    for Race { job, other, at, more } in races(&jobs, ts(FROM)) {
        write!(found, "{} {} {at}", jobs[other].name, jobs[job].name).unwrap();
        if more > 0 {
            write!(found, " and {more} more").unwrap();
        }
    }
    assert_eq!(found, wanted);
}

#[test]
fn a_race_is_told_at_the_later_file_which_names_the_earlier_one() {
    let settings = set_up("");
    let read = |name: &str, backups: &str| {
        job(name, &format!("backups = {backups}\nschedule.cron = \"30 17 * * FRI\""), &settings).0
    };
    let jobs = [
        read("a", "[\"4\"]"),
        read("eu/b", "[\"1\", \"4\"]"),
        read("z", "\"current\""),
        read("zz", "[\"5\"]"),
    ];
    let told: Vec<String> = warn_of_races(&jobs, ts(FROM))
        .iter()
        .map(|found| format!("{} {} {}", found.file, found.line, found.message))
        .collect();
    let at = "their runs may be under way at once at 2026-11-27 17:30 in Europe/Berlin";
    assert_eq!(
        told,
        [
            format!("jobs/eu/b.toml 2 `jobs/a.toml` calls off backup `4`, too: {at}"),
            format!("jobs/z.toml 2 `jobs/a.toml` may call off the same backup: {at}, and so may 1 more job"),
            format!("jobs/zz.toml 2 `jobs/z.toml` may call off the same backup: {at}"),
        ]
    );
}

#[test]
fn thousands_of_jobs_are_compared_in_bearable_time_and_each_is_told_of_once() {
    let settings = set_up("");
    let (model, _) = job("a", "schedule.cron = \"30 17 * * FRI\"", &settings);
    let (any, _) = job("a", "backups = \"current\"\nschedule.cron = \"30 17 * * FRI\"", &settings);
    let many = |job: &Job, own_backup: bool| -> Vec<Job> {
        (0..3000)
            .map(|n: u32| {
                let name = JobName::parse(&format!("j{n:05}")).unwrap();
                let backups = if own_backup {
                    vec![BackupRef::parse(&n.to_string()).unwrap()]
                } else {
                    job.backups.clone()
                };
                Job { name, backups, ..job.clone() }
            })
            .collect()
    };
    assert_eq!(races(&many(&model, true), ts(FROM)), [], "no backup is shared");
    for model in [&model, &any] {
        let found = races(&many(model, false), ts(FROM));
        assert_eq!(found.len(), 2999);
        assert!(found.iter().all(|race| race.more < 50));
    }
}

/// When each occurrence of the 13 months becomes due at which the job may act.
fn acting(job: &Job) -> Vec<Timestamp> {
    let until = horizon(ts(FROM));
    job.schedule
        .occurrences(ts(FROM), until, usize::MAX)
        .map(|occurrence| fire_at(&Entry::from(job), occurrence))
        .filter(|due| *due <= until)
        .filter(|due| job.when.window.as_ref().is_none_or(|named| named.window.contains(*due)))
        .collect()
}

fn any_job() -> impl Strategy<Value = String> {
    let schedules = [
        "cron = \"30 17 * * FRI\"",
        "cron = \"0 */6 * * *\"",
        "cron = \"30 2 * * *\"",
        "cron = \"15 18 1 * *\"",
        "cron = \"0 6 * * MON\"",
        "every = \"7h\"",
        "at = \"2027-03-28T18:30:00\"",
    ];
    let windows = ["", "when.window = \"freeze\"", "when.window = \"nights\"", "when.window = \"once\""];
    let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"];
    let index = (0..schedules.len(), 0..windows.len(), 0..zones.len());
    (index, 0..300_u32, 0..90_u32).prop_map(move |((schedule, window, zone), jitter, give_up)| {
        format!(
            "timezone = \"{}\"\nschedule.{}\nschedule.jitter = \"{jitter}m\"\nretry.give_up_after = \"{give_up}m\"\n{}",
            zones[zone], schedules[schedule], windows[window]
        )
    })
}

const WINDOWS: &str = "[[windows.freeze]]\nopens = \"0 18 * * FRI\"\nlasts = \"60h\"\n\
                       [[windows.nights]]\nopens = \"0 22 * * *\"\nlasts = \"4h\"\ntimezone = \"Asia/Kolkata\"\n\
                       [[windows.once]]\nfrom = \"2027-03-01T00:00:00\"\nto = \"2027-03-01T07:00:00\"\n\
                       [[windows.once]]\nfrom = \"2027-03-28T18:00:00\"\nto = \"2027-03-28T19:00:00\"\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn leaping_finds_what_a_walk_along_every_occurrence_finds(a in any_job(), b in any_job()) {
        let settings = set_up(WINDOWS);
        let (a, b) = (job("a", &a, &settings).0, job("b", &b, &settings).0);
        let due = [acting(&a), acting(&b)];
        for (job, due) in [&a, &b].into_iter().zip(&due) {
            prop_assert_eq!(never_acts(job, ts(FROM)).is_some(), job.when.window.is_some() && due.is_empty());
        }
        let reach = a.retry.give_up_after.max(b.retry.give_up_after).max(Duration::from_millis(1));
        let near = |a: &Timestamp, b: &Timestamp| a.duration_since(*b).unsigned_abs() < reach;
        let meet = due[0].iter().flat_map(|a| due[1].iter().filter(|b| near(a, b)).map(|b| *a.max(b)));
        let found = races(&[a, b], ts(FROM)).first().map(|race| race.at);
        prop_assert_eq!(found, meet.min());
    }

    #[test]
    fn clocks_differ_where_a_walk_along_every_occurrence_says_so(schedule in 0..5_usize, own in 0..5_usize, other in 0..5_usize) {
        let crons = ["30 17 * * FRI", "0 */6 * * *", "30 2 * * *", "15 18 1 * *", "0 0 28 MAR *"];
        let zones = ["Europe/Berlin", "Africa/Algiers", "Africa/Casablanca", "Australia/Lord_Howe", "Europe/Paris"];
        let zone = |index: usize| TimeZone::get(zones[index]).unwrap();
        let (schedule, other) = (Schedule::cron(crons[schedule], zone(own)).unwrap(), zone(other));
        let walked = schedule
            .occurrences(ts(FROM), horizon(ts(FROM)), usize::MAX)
            .find(|at| schedule.zone().to_datetime(*at) != other.to_datetime(*at));
        prop_assert_eq!(first_difference(&schedule, &other, ts(FROM)), walked);
    }
}
