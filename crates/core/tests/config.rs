//! Configuration: what is taken, and what is said of what is not.

use std::time::Duration;

use calloff_core::condition::Conditions;
use calloff_core::config::{
    Checked, Job, JobDefaults, LogFormat, ReadSettings, SecretRef, State, parse_job, parse_settings,
};
use calloff_core::diagnostic::{Code, Diagnostic, Severity};
use calloff_core::ids::{BackupRef, JobName};
use rstest::rstest;

const ACCOUNT: &str = r#"
[accounts.acme]
data_center   = "eu"
client_id     = "1000.ABCDEF"
client_secret = { env = "ACME_SECRET" }
refresh_token = { file = "token" }
"#;

fn settings(text: &str) -> ReadSettings {
    parse_settings("calloff.toml", text, None)
}

fn defaults() -> JobDefaults {
    settings(&format!("timezone = \"Europe/Berlin\"\n{ACCOUNT}")).defaults
}

fn job_with(text: &str, defaults: &JobDefaults) -> Checked<Job> {
    let name = JobName::parse("freeze").expect("a job name");
    parse_job(&name, "jobs/freeze.toml", text, defaults)
}

fn job(text: &str) -> Checked<Job> {
    job_with(text, &defaults())
}

fn job_due(schedule: &str) -> Checked<Job> {
    job(&format!("account = \"acme\"\nbackups = [\"1\"]\n[schedule]\n{schedule}"))
}

/// `code line:column`, one for each.
fn places(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(|found| format!("{} {}:{}", found.code, found.line, found.column)).collect()
}

fn only(diagnostics: &[Diagnostic]) -> &Diagnostic {
    assert_eq!(diagnostics.len(), 1, "{diagnostics:#?}");
    &diagnostics[0]
}

#[test]
fn the_least_calloff_toml_has_the_documented_defaults() {
    let read = settings(ACCOUNT).settings;
    assert_eq!(read.diagnostics, []);
    let settings = read.value.unwrap();
    assert_eq!(settings.jobs.to_str(), Some("jobs"));
    assert_eq!(settings.state, State::Sqlite("state/calloff.db".into()));
    assert_eq!((settings.log.format, settings.log.level), (LogFormat::Auto, None));
    assert_eq!(settings.keep, Duration::from_hours(400 * 24));
    assert_eq!(settings.grace, Duration::from_secs(20));
    let account = &settings.accounts["acme"];
    assert_eq!(account.api_domain.as_str(), "https://www.zohoapis.eu");
    assert_eq!(account.accounts_url.as_str(), "https://accounts.zoho.eu");
    assert_eq!(account.api_version.as_str(), "v7");
    assert_eq!(account.client_secret, SecretRef::Env("ACME_SECRET".into()));
    assert_eq!(account.refresh_token, SecretRef::File("token".into()));
    assert_eq!((account.concurrency, account.timeout), (10, Duration::from_secs(30)));
}

#[rstest]
#[case("us", "production", "https://www.zohoapis.com", "https://accounts.zoho.com")]
#[case("au", "sandbox", "https://sandbox.zohoapis.com.au", "https://accounts.zoho.com.au")]
#[case("ca", "developer", "https://developer.zohoapis.ca", "https://accounts.zohocloud.ca")]
fn a_data_center_and_an_environment_name_the_hosts(
    #[case] center: &str,
    #[case] environment: &str,
    #[case] api: &str,
    #[case] accounts: &str,
) {
    let place = format!("data_center = \"{center}\"\nenvironment = \"{environment}\"");
    let read = settings(&ACCOUNT.replace("data_center   = \"eu\"", &place)).settings;
    let account = &read.value.unwrap().accounts["acme"];
    assert_eq!((account.api_domain.as_str(), account.accounts_url.as_str()), (api, accounts));
}

#[test]
fn a_job_takes_what_it_leaves_out_from_calloff_toml() {
    let text = format!("timezone = \"Asia/Tokyo\"\n[retry]\nmax_attempts = 9\nmax_delay = \"2m\"\n{ACCOUNT}");
    let read = settings(&text);
    assert_eq!(read.settings.diagnostics, []);
    let text = "account = \"acme\"\nbackups = [\"2\", \"1\"]\nschedule.cron = \"30 17 * * FRI\"\n\
                retry.max_attempts = 3\n";
    let checked = job_with(text, &read.defaults);
    assert_eq!(checked.diagnostics, []);
    let job = checked.value.unwrap();
    assert_eq!(job.schedule.zone().iana_name(), Some("Asia/Tokyo"));
    assert_eq!(job.backups.iter().map(BackupRef::as_str).collect::<Vec<_>>(), ["2", "1"]);
    assert_eq!((job.retry.max_attempts, job.retry.max_delay), (3, Duration::from_mins(2)));
    assert_eq!((job.jitter, job.catch_up), (Duration::ZERO, Duration::from_mins(15)));
    assert!(job.enabled && job.description.is_none());
}

#[test]
fn an_interval_or_an_offset_needs_no_time_zone() {
    let none = settings(ACCOUNT).defaults;
    for schedule in ["every = \"10m\"", "at = \"2026-12-24T17:30:00+01:00\"", "at = \"2026-12-24T17:30Z\""] {
        let text = format!("account = \"acme\"\nbackups = [\"1\"]\n[schedule]\n{schedule}");
        assert_eq!(job_with(&text, &none).diagnostics, [], "{schedule}");
    }
    for schedule in ["cron = \"@daily\"", "at = \"2026-12-24T17:30:00\""] {
        let text = format!("account = \"acme\"\nbackups = [\"1\"]\n[schedule]\n{schedule}");
        let found = job_with(&text, &none).diagnostics;
        assert_eq!(only(&found).code, Code::NoTimeZone);
    }
}

/// Each line of calloff.toml is wrong by itself; the place is of the first finding.
#[rstest]
#[case("jobs = 5", "E013 1:8", "quotes")]
#[case("jobs = \"\"", "E017 1:8", "1 to 4096 bytes")]
#[case("job = \"x\"", "E012 1:1", "did you mean `jobs`?")]
#[case("state = \"sqlite:\"", "E026 1:9", "sqlite:state/calloff.db")]
#[case("state = \"mysql://x\"", "E026 1:9", "sqlite:state/calloff.db")]
#[case("state = \"postgres://me@host/calloff\"", "E018 1:9", "leave it out")]
#[case("state = \"postgres://me:canary@host/calloff\"", "E020 1:9", "take it out")]
#[case("timezone = \"Europe/Berln\"", "E044 1:12", "did you mean `Europe/Berlin`?")]
#[case("timezone = \"berlin\"", "E044 1:12", "did you mean `Europe/Berlin`?")]
#[case("timezone = \"localtime\"", "E044 1:12", "Europe/Berlin")]
#[case("timezone = \"../../etc/localtime\"", "E044 1:12", "Europe/Berlin")]
#[case("timezone = \"Etc/Unknown\"", "E044 1:12", "Europe/Berlin")]
#[case("grace = 20", "E013 1:9", "90s")]
#[case("grace = \"20\"", "E015 1:9", "90s")]
#[case("grace = \"2h\"", "E016 1:9", "at most 1h")]
#[case("grace = \"1us\"", "E016 1:9", "whole milliseconds")]
#[case("grace = \"99999999999999999999y\"", "E015 1:9", "90s")]
#[case("retention.keep = \"0s\"", "E016 1:18", "at least 1d")]
#[case("retention.kep = \"5d\"", "E012 1:11", "did you mean `keep`?")]
#[case("retry.max_attempts = 0", "E016 1:22", "from 1 to 100")]
#[case("retry.max_attempts = 99999999999999999999", "E016 1:22", "from 1 to 100")]
#[case("retry.max_attempts = -1", "E016 1:22", "from 1 to 100")]
#[case("retry.max_attempts = 1.5", "E013 1:22", "from 1 to 100")]
#[case("retry.max_delay = \"1ms\"", "E019 1:19", "not less than")]
#[case("retry = 5", "E013 1:9", "[retry]")]
#[case("log.format = \"jsn\"", "E014 1:14", "did you mean `json`?")]
#[case("log.format = \"journald\"", "E018 1:14", "leave it out")]
#[case("log.level = \"loud\"", "E014 1:13", "`error`, `warn`, `info`, `debug` or `trace`")]
#[case("control = 5", "E013 1:11", "write")]
#[case("http.token = { env = \"T\" }", "E011 1:1", "an address and a port")]
#[case("http.listen = \"localhost:9817\"", "E027 1:15", "127.0.0.1:9817")]
#[case("http = { listen = \"127.0.0.1:1\", token = \"abc\" }", "E020 1:42", "say where it is")]
#[case("http = { listen = \"127.0.0.1:1\", hosts = [\"a:80\"] }", "E017 1:43", "without a port")]
#[case("http = { listen = \"127.0.0.1:1\", hosts = \"a\" }", "E013 1:42", "calloff.example.com")]
#[case("notify = 5", "E013 1:10", "[[notify]]")]
#[case("notify = [{}]", "E011 1:11", "either `webhook = ")]
#[case("notify = [{ webhok = { env = \"A\" } }]", "E012 1:13", "did you mean `webhook`?")]
#[case("notify = [{ webhook = { env = \"A\" }, email = {} }]", "E019 1:38", "two entries")]
#[case("notify = [{ webhook = { env = \"A\" }, on = [] }]", "E017 1:43", "write an array")]
#[case("notify = [{ webhook = { env = \"A\" }, on = [\"faild\"] }]", "E014 1:44", "did you mean `failed`?")]
#[case("notify = [{ webhook = { env = \"A\" }, format = \"xml\" }]", "E014 1:47", "`json` or `slack`")]
#[case(
    "notify = [{ webhook = { env = \"A\" } }, { webhook = { env = \"A\" } }]",
    "E019 1:40",
    "one entry of the two"
)]
#[case(
    "notify = [{ webhook = \"https://hooks.example/canary\" }]",
    "E020 1:23",
    "if this file was ever shared"
)]
#[case(
    "notify = [{ format = \"json\", email = { to = [\"a@b\"], from = \"c@d\", smtp = \"smtps://e\" } }]",
    "E019 1:13",
    "leave it out"
)]
#[case(
    "notify = [{ email = { to = [], from = \"c@d\", smtp = \"smtps://e\" } }]",
    "E017 1:28",
    "array of addresses"
)]
#[case(
    "notify = [{ email = { to = [\"Ops <a@b>\"], from = \"c@d\", smtp = \"smtps://e\" } }]",
    "E017 1:29",
    "without a name"
)]
#[case("notify = [{ email = { to = [\"a@b\"], from = \"c@d\", smtp = \"e:25\" } }]", "E029 1:58", "STARTTLS")]
#[case(
    "notify = [{ email = { to = [\"a@b\"], from = \"c@d\", smtp = \"smtps://e\", username = \"u\" } }]",
    "E019 1:71",
    "both"
)]
#[case(
    "notify = [{ email = { to = [\"a@b\"], from = \"c@d\", smtp = \"smtps://e\", username = \"u\", password = \"canary\" } }]",
    "E020 1:98",
    "if this file was ever shared"
)]
#[case("ping = {}", "E011 1:8", "url = ")]
#[case("ping.url = \"https://hc.example/canary\"", "E020 1:12", "if this file was ever shared")]
#[case("ping = { url = { env = \"A\" }, every = \"0s\" }", "E016 1:39", "at least 1s")]
#[case("accounts.\"a b\".x = 1", "E024 1:10", "rename it")]
fn a_wrong_line_of_calloff_toml(#[case] line: &str, #[case] place: &str, #[case] help: &str) {
    let read = settings(&format!("{line}\n{ACCOUNT}")).settings;
    let first = &read.diagnostics[0];
    assert_eq!(places(&read.diagnostics)[0], place, "{first:#?}");
    assert!(first.help.as_deref().unwrap().contains(help), "{first:#?}");
    assert!(!format!("{:?}", read.diagnostics).contains("canary"), "{first:#?}");
    assert!(read.value.is_none());
}

/// Each line replaces the data centre of an account, or goes beside it.
#[rstest]
#[case("data_center = \"ue\"", "E014 2:15")]
#[case("data_center = \"de\"", "E014 2:15")]
#[case("", "E023 1:1")]
#[case("api_domain = \"https://a.example\"", "E023 2:1")]
#[case("data_center = \"eu\"\napi_domain = \"https://a.example\"", "E023 3:1")]
#[case("api_domain = \"http://a.example\"\naccounts_url = \"https://a.example\"", "E022 2:14")]
#[case(
    "api_domain = \"https://a.example\"\naccounts_url = \"https://b.example\"\nenvironment = \"sandbox\"",
    "E023 4:15"
)]
#[case("data_center = \"eu\"\nenvironment = \"prod\"", "E014 3:15")]
#[case("data_center = \"eu\"\napi_version = \"v2\"", "E025 3:15")]
#[case("data_center = \"eu\"\napi_version = \"v07\"", "E025 3:15")]
#[case("data_center = \"eu\"\napi_version = \"7\"", "E025 3:15")]
#[case("data_center = \"eu\"\nconcurrency = 26", "E016 3:15")]
#[case("data_center = \"eu\"\nconcurrency = 0", "E016 3:15")]
#[case("data_center = \"eu\"\ntimeout = \"0s\"", "E016 3:11")]
#[case("data_center = \"eu\"\ntime_out = \"5s\"", "E012 3:1")]
#[case("data_center = \"eu\"\ntimezone = \"Berlin\"", "E044 3:12")]
fn a_wrong_account(#[case] lines: &str, #[case] place: &str) {
    let text = format!(
        "[accounts.acme]\n{lines}\nclient_id = \"x\"\nclient_secret = {{ env = \"A\" }}\nrefresh_token = {{ env = \"B\" }}\n"
    );
    let found = settings(&text).settings.diagnostics;
    assert_eq!(places(&found), [place], "{found:#?}");
}

#[rstest]
#[case("\"canary\"", Code::InlineSecret)]
#[case("\"\"", Code::InlineSecret)]
#[case("12345", Code::InlineSecret)]
#[case("[\"canary\"]", Code::InlineSecret)]
#[case("\"\"\"\ncanary\n\"\"\"", Code::InlineSecret)]
#[case("{ value = \"canary\" }", Code::SecretReference)]
#[case("{ env = \"A\", file = \"b\" }", Code::SecretReference)]
#[case("{}", Code::SecretReference)]
#[case("{ env = \"1000.canary\" }", Code::SecretReference)]
#[case("{ env = 5 }", Code::SecretReference)]
#[case("{ credential = \"../x\" }", Code::SecretReference)]
#[case("{ file = \"\" }", Code::SecretReference)]
#[case("{ env = \"a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7\" }", Code::InlineSecret)]
fn a_secret_that_is_not_a_reference(#[case] value: &str, #[case] code: Code) {
    let text = ACCOUNT.replace("{ env = \"ACME_SECRET\" }", value);
    let found = settings(&text).settings.diagnostics;
    assert_eq!(only(&found).code, code);
    let help = found[0].help.as_deref().unwrap();
    for way in ["{ env = \"VAR\" }", "{ file = \"path\" }", "{ credential = \"name\" }"] {
        assert!(help.contains(way), "{help}");
    }
    let shown = format!("{found:?}");
    assert!(!shown.contains("canary") && !shown.contains("a0b1c2"), "{shown}");
    assert!(found[0].quote.as_ref().unwrap().text.starts_with("client_secret"));
}

#[rstest]
#[case("cron = \"30 17 * * FRI\"\nat = \"2026-12-24T17:30:00\"", "E040 5:1")]
#[case("jitter = \"1s\"", "E040 3:1")]
#[case("cron = \"61 * * * *\"", "E041 4:9")]
#[case("cron = \"* * * *\"", "E041 4:8")]
#[case("cron = \"0 0 30 2 *\"", "E041 4:8")]
#[case("cron = 5", "E013 4:8")]
#[case("at = \"tomorrow\"", "E042 4:6")]
#[case("at = \"2026-12-24\"", "E042 4:6")]
#[case("at = \"2026-12-24T17:30:00.0001\"", "E042 4:6")]
#[case("at = \"2026-12-24T17:30:60\"", "E042 4:6")]
#[case("at = \"2026-12-24T17:30:00[Europe/Berlin]\"", "E042 4:6")]
#[case("at = \"1969-12-24T17:30:00Z\"", "E042 4:6")]
#[case("at = \"9999-12-31T23:59:59-23:00\"", "E042 4:6")]
#[case("at = 2026-12-24T17:30:00", "E013 4:6")]
#[case("at = \"2026-03-29T02:30:00\"", "E043 4:6")]
#[case("at = \"2026-10-25T02:30:00\"", "E043 4:6")]
#[case("every = \"999ms\"", "E016 4:9")]
#[case("every = \"11y\"", "E016 4:9")]
#[case("every = \"1s 1us\"", "E016 4:9")]
#[case("every = \"1s\"\njitter = \"8d\"", "E016 5:10")]
#[case("every = \"1s\"\ncatchup = \"8d\"", "E012 5:1")]
fn a_wrong_schedule(#[case] lines: &str, #[case] place: &str) {
    let found = job_due(lines).diagnostics;
    assert_eq!(places(&found), [place], "{found:#?}");
}

#[test]
fn a_local_time_in_a_gap_or_fold_is_named_with_both_of_its_meanings() {
    let found = job_due("at = \"2026-10-25T02:30:00\"").diagnostics;
    let help = only(&found).help.as_deref().unwrap();
    assert!(help.contains("\"2026-10-25T02:30:00+02:00\"") && help.contains("\"2026-10-25T02:30:00+01:00\""));
    let found = job_due("at = \"2026-03-29T02:30:00\"").diagnostics;
    let help = only(&found).help.as_deref().unwrap();
    assert!(help.contains("\"2026-03-29T02:30:00+01:00\", which is 03:30:00"), "{help}");
    assert!(help.contains("\"2026-03-29T02:30:00+02:00\", which is 01:30:00"), "{help}");
}

#[rstest]
#[case("acount = \"acme\"\nbackups = [\"1\"]", &["E012 1:1"])]
#[case("account = \"acne\"\nbackups = [\"1\"]", &["E032 1:11"])]
#[case("account = \"a b\"\nbackups = [\"1\"]", &["E024 1:11"])]
#[case("account = \"acme\"\nbackups = \"1\"", &["E013 2:11"])]
#[case("account = \"acme\"\nbackups = \"current\"", &[])]
#[case("account = \"acme\"\nbackups = [\"current\"]", &[])]
#[case("account = \"acme\"\nbackups = [\"1\", \"current\"]", &["E019 2:17"])]
#[case("account = \"acme\"\nbackups = [\"current\", \"x\"]", &["E019 2:12", "E030 2:23"])]
#[case("account = \"acme\"\nbackups = \"currant\"", &["E013 2:11"])]
#[case("account = \"acme\"\nbackups = []", &["E017 2:11"])]
#[case("account = \"acme\"\nbackups = [1]", &["E013 2:12"])]
#[case("account = \"acme\"\nbackups = [\"../../x\", \"12a\"]", &["E030 2:12", "E030 2:23"])]
#[case("account = \"acme\"\nbackups = [\"1\", \"1\"]", &["E031 2:17"])]
#[case("backups = [\"1\"]", &["E011 1:1"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nverify = true", &[])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nverify = 1", &["E013 3:10"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nverify = false", &[])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nenabled = \"no\"", &["E013 3:11"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\ndescription = \"\\u0007\"", &["E017 3:15"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.due_within = \"12h\"", &[])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.due_withn = \"12h\"", &["E012 3:6"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.status = [\"SCHEDULD\"]", &["E014 3:16"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.status = []", &["E017 3:15"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.status = \"SCHEDULED\"", &["E013 3:15"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.status = [\"PAYMENT_FAILED\", \"FINISHED\"]", &[])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.last_good_backup_within = \"0s\"", &["E016 3:32"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen = 5", &["E013 3:8"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.window = \"x\"", &["E033 3:15"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.due_in_window = true", &["E019 3:6"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nwhen.due_in_window = false", &[])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nhold.poll = \"0s\"", &["E019 3:1", "E016 3:13"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nrestore.after = \"windw\"", &["E019 3:1", "E014 3:17"])]
#[case("account = \"acme\"\nbackups = [\"1\"]\nretry.max_delay = \"10ms\"", &["E019 3:19"])]
fn a_wrong_job(#[case] lines: &str, #[case] places_wanted: &[&str]) {
    let checked = job(&format!("{lines}\nschedule.every = \"1h\"\n"));
    assert_eq!(places(&checked.diagnostics), places_wanted, "{:#?}", checked.diagnostics);
    assert_eq!(checked.value.is_some(), places_wanted.is_empty());
}

#[test]
fn what_is_not_supported_yet_is_checked_all_the_same() {
    let read = settings(&format!("log = {{ format = \"journald\", levl = 5 }}\n{ACCOUNT}"));
    let codes: Vec<&str> = read.settings.diagnostics.iter().map(|found| found.code.as_str()).collect();
    assert_eq!(codes, ["E018", "E012"]);
}

/// Each is one entry of a window, its first line the third of the file.
#[rstest]
#[case("opens = \"0 18 * * FRI\"\nlasts = \"60h\"", &[])]
#[case("opens = \"@daily\"\nlasts = \"400d\"", &[])]
#[case("from = \"2026-12-24T00:00:00\"\nto = \"2027-01-02T00:00:00+09:00\"", &[])]
#[case("timezone = \"Asia/Tokyo\"\nfrom = \"2026-12-24T00:00:00\"\nto = \"2026-12-24T00:00:01\"", &[])]
#[case("opens = \"0 25 * * *\"\nlasts = \"0s\"", &["E041 3:12", "E016 4:9"])]
#[case("from = \"2027-01-02T00:00:00\"\nto = \"2027-01-02T00:00:00\"", &["E019 4:6"])]
#[case("from = \"2027-01-02T00:00:00\"\nto = \"2026-12-24T00:00:00\"", &["E019 4:6"])]
#[case("from = \"2027-01-02T00:00:00\"", &["E011 2:1"])]
#[case("to = \"2027-01-02T00:00:00\"", &["E011 2:1"])]
#[case("opens = \"@daily\"", &["E011 2:1"])]
#[case("lasts = \"1h\"", &["E011 2:1"])]
#[case("", &["E011 2:1"])]
#[case("opens = \"@daily\"\nlasts = \"1h\"\nfrom = \"2027-01-02T00:00:00\"", &["E019 2:1"])]
#[case("opens = \"@daily\"\nfrom = \"2027-01-02T00:00:00\"", &["E019 2:1"])]
#[case("opens = \"@daily\"\nlasts = \"1h\"\ntimezone = \"Mars\"", &["E044 5:12"])]
#[case("open = \"@daily\"\nlasts = \"1h\"", &["E011 2:1", "E012 3:1"])]
#[case("from = \"2026-10-25T02:30:00\"\nto = \"2026-10-26\"", &["E043 3:8", "E042 4:6"])]
fn an_entry_of_a_window(#[case] lines: &str, #[case] wanted: &[&str]) {
    let text = format!("timezone = \"Europe/Berlin\"\n[[windows.freeze]]\n{lines}\n{ACCOUNT}");
    let read = settings(&text);
    assert_eq!(places(&read.settings.diagnostics), wanted, "{:#?}", read.settings.diagnostics);
    // A window that is wrong is one all the same: the job that names it is not to blame.
    let named = "account = \"acme\"\nbackups = [\"1\"]\nschedule.every = \"1h\"\nwhen.window = \"freeze\"\n";
    let job = job_with(named, &read.defaults);
    assert_eq!(job.diagnostics, []);
    let window = job.value.unwrap().when.window.unwrap();
    assert_eq!(window.name, "freeze");
}

#[rstest]
#[case("windows = 5", "E013 1:11")]
#[case("windows.freeze = 5", "E013 1:18")]
#[case("windows.freeze = { opens = \"@daily\", lasts = \"1h\" }", "E013 1:18")]
#[case("windows.freeze = []", "E017 1:18")]
#[case("windows.freeze = [5]", "E013 1:19")]
#[case("windows.\"a b\" = [{ opens = \"@hourly\", lasts = \"1h\", timezone = \"UTC\" }]", "E024 1:9")]
#[case("windows.freeze = [{ opens = \"@hourly\", lasts = \"1h\" }]", "E045 1:29")]
fn a_wrong_window(#[case] line: &str, #[case] place: &str) {
    let read = settings(&format!("{line}\n{ACCOUNT}")).settings;
    assert_eq!(places(&read.diagnostics), [place], "{:#?}", read.diagnostics);
}

#[test]
fn a_window_that_is_not_there_is_an_error_unless_the_windows_cannot_be_told() {
    let text = "account = \"acme\"\nbackups = [\"1\"]\nschedule.every = \"1h\"\nwhen.window = \"freze\"\n";
    let windows = "[[windows.freeze]]\nfrom = \"2026-12-24T00:00:00Z\"\nto = \"2026-12-25T00:00:00Z\"\n";
    let found = job_with(text, &settings(&format!("{windows}{ACCOUNT}")).defaults).diagnostics;
    assert_eq!(only(&found).help.as_deref(), Some("did you mean `freeze`?"));
    assert_eq!(places(&found), ["E033 4:15"]);
    let found = job(text).diagnostics;
    assert_eq!(only(&found).help.as_deref(), Some("add `[[windows.NAME]]` to calloff.toml"));
    for defaults in [JobDefaults::unknown(None), settings("windows = 5").defaults, settings("=").defaults] {
        assert_eq!(job_with(text, &defaults).diagnostics, []);
    }
}

#[test]
fn conditions_are_read_and_none_is_there_that_was_not_written() {
    let windows = "[[windows.freeze]]\nfrom = \"2026-12-24T00:00:00Z\"\nto = \"2026-12-25T00:00:00Z\"\n";
    let defaults = settings(&format!("{windows}{ACCOUNT}")).defaults;
    let read = |when: &str| {
        let text = format!("account = \"acme\"\nbackups = \"current\"\nschedule.every = \"1h\"\n{when}");
        let checked = job_with(&text, &defaults);
        assert_eq!(checked.diagnostics, []);
        checked.value.unwrap()
    };
    let plain = read("");
    assert_eq!((plain.when, plain.verify), (Conditions::default(), true));
    assert_eq!(plain.backups, [BackupRef::Current]);
    let when = read(
        "verify = false\n[when]\nwindow = \"freeze\"\nstatus = [\"SCHEDULED\", \"FINISHED\"]\n\
         due_within = \"12h\"\ndue_in_window = true\nlast_good_backup_within = \"8d\"\n",
    )
    .when;
    assert_eq!(when.window.as_ref().map(|window| window.name.as_str()), Some("freeze"));
    assert!(when.window.unwrap().window.contains("2026-12-24T12:00:00Z".parse().unwrap()));
    assert_eq!(when.status, Some(vec!["SCHEDULED".to_owned(), "FINISHED".to_owned()]));
    assert_eq!((when.due_within, when.due_in_window), (Some(Duration::from_hours(12)), true));
    assert_eq!(when.last_good_backup_within, Some(Duration::from_hours(8 * 24)));
}

#[rstest]
#[case("", "", None)]
#[case("Europe/Berlin", "", Some("Europe/Berlin"))]
#[case("Europe/Berlin", "Asia/Tokyo", Some("Asia/Tokyo"))]
#[case("", "Asia/Tokyo", Some("Asia/Tokyo"))]
fn an_account_is_in_its_own_time_zone_or_else_in_that_of_calloff_toml(
    #[case] top: &str,
    #[case] own: &str,
    #[case] wanted: Option<&str>,
) {
    let key = |zone: &str| if zone.is_empty() { String::new() } else { format!("timezone = \"{zone}\"\n") };
    let read = settings(&format!("{}{ACCOUNT}{}", key(top), key(own))).settings;
    assert_eq!(read.diagnostics, []);
    let zone = read.value.unwrap().accounts["acme"].timezone.clone();
    assert_eq!(zone.as_ref().and_then(|zone| zone.iana_name()), wanted);
}

#[test]
fn an_address_open_to_others_needs_a_token() {
    for (token, wrong) in [("", 1), ("token = { env = \"T\" }", 0)] {
        let text = format!("{ACCOUNT}\n[http]\nlisten = \"0.0.0.0:9817\"\n{token}\n");
        let found = settings(&text).settings.diagnostics;
        assert_eq!(found.len(), wrong, "{found:#?}");
    }
}

#[test]
fn a_wrong_calloff_toml_is_not_held_against_jobs() {
    for text in ["accounts = 5", "[accounts.\"a b\"]", "= 1", "[accounts", "timezone = \"x\"\naccounts = 5"] {
        let read = settings(text);
        assert!(read.settings.value.is_none());
        let text = "account = \"other\"\nbackups = [\"1\"]\n[schedule]\nevery = \"1h\"\n";
        assert_eq!(job_with(text, &read.defaults).diagnostics, [], "{text}");
    }
    // A wrong account is an account, and a wrong zone is a zone.
    let read = settings("timezone = \"Mars\"\naccounts.acme = 5");
    let text = "account = \"acme\"\nbackups = [\"1\"]\n[schedule]\ncron = \"@daily\"\n";
    assert_eq!(job_with(text, &read.defaults).diagnostics, []);
}

#[test]
fn several_syntax_errors_are_told_at_once_without_their_consequences() {
    let found = job("account = \nbackups = [\"1\"]\nenabled = tru\nnonsense = 1\n").diagnostics;
    assert_eq!(places(&found), ["E010 1:11", "E010 3:11", "E012 4:1"], "{found:#?}");
    let found = job("[schedule\nevery = \"1h\"\n").diagnostics;
    assert_eq!(places(&found), ["E010 1:10"], "{found:#?}");
    let found = job("account = \"acme\"\naccount = \"acme\"\n").diagnostics;
    assert_eq!(only(&found).message, "this key stands here twice");
}

#[test]
fn columns_count_characters_and_marks_count_bytes() {
    let found =
        job("account = \"acme\"\r\nbackups = [\"1\"]\r\n\"ü\" = \"ü\" # ü\r\nschedule.every = \"1h\"")
            .diagnostics;
    let found = only(&found);
    assert_eq!((found.line, found.column), (3, 1));
    let quote = found.quote.as_ref().unwrap();
    assert_eq!(&quote.text[quote.mark.clone()], "\"ü\"");
    let found = job("description = \"ü\" x\n").diagnostics;
    assert_eq!((found[0].line, found[0].column), (1, 19), "{found:#?}");
}

#[test]
fn a_long_line_is_cut_around_what_is_wrong() {
    let many: Vec<String> = (1000..1500).map(|id| format!("\"{id}\", ")).collect();
    let many = many.concat();
    let text = format!("account = \"acme\"\nbackups = [{many}\"x\"]\nschedule.every = \"1h\"");
    let found = job(&text).diagnostics;
    let quote = only(&found).quote.as_ref().unwrap();
    assert!(quote.text.len() < 400 && quote.text.starts_with('…'), "{quote:?}");
    assert_eq!(&quote.text[quote.mark.clone()], "\"x\"");
}

#[test]
fn a_hundred_findings_of_a_file_are_shown_and_the_others_counted() {
    let text = format!("backups = [{}]\nschedule.every = \"1h\"", "\"x\", ".repeat(500));
    let found = job(&text).diagnostics;
    assert_eq!(found.len(), 100);
    let last = found.last().unwrap().help.as_deref().unwrap();
    assert!(last.ends_with("(and 401 more problems in this file)"), "{last}");
}

#[test]
fn a_clock_change_that_touches_a_job_is_a_warning_and_no_error() {
    let from = "2026-10-01T00:00:00Z".parse().unwrap();
    let text = format!("timezone = \"Europe/Berlin\"\n{ACCOUNT}");
    let defaults = parse_settings("calloff.toml", &text, Some(from)).defaults;
    let text = "account = \"acme\"\nbackups = [\"1\"]\n[schedule]\ncron = \"30 2 * * *\"\n";
    let checked = job_with(text, &defaults);
    assert!(checked.value.is_some());
    assert_eq!(places(&checked.diagnostics), ["W050 4:8"; 3]);
    assert!(checked.diagnostics.iter().all(|found| found.severity == Severity::Warning));
}

#[test]
fn every_code_has_a_heading_in_the_documentation() {
    let doc = include_str!("../../../docs/errors.md");
    let headings: Vec<&str> = doc.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(headings, codes);
}

/// The blocks of TOML in the documentation.
fn examples() -> Vec<&'static str> {
    let doc = include_str!("../../../docs/config.md");
    doc.split("```toml\n").skip(1).filter_map(|block| block.split("```").next()).collect()
}

#[test]
fn the_documented_example_is_right() {
    let [calloff, freeze] = examples()[..] else { panic!("two examples") };
    let from = "2026-11-24T00:00:00Z".parse().unwrap();
    let read = parse_settings("calloff.toml", calloff, Some(from));
    assert_eq!(read.settings.diagnostics, []);
    let job = job_with(freeze, &read.defaults);
    assert_eq!(job.diagnostics, []);
    let when = job.value.unwrap().when;
    assert!(
        when.window.is_some() && when.status.is_some() && when.due_within.is_some() && when.due_in_window
    );
    assert!(when.last_good_backup_within.is_some());
}

/// A key of the documentation's tables.
struct Documented {
    of_job: bool,
    /// The table's heading without brackets; empty for keys that belong to none.
    table: &'static str,
    key: &'static str,
    /// Whether its row says so.
    supported: bool,
}

impl Documented {
    fn findings(&self, key: &str, value: &str) -> Vec<Diagnostic> {
        let table = self.table.replace("NAME", "x");
        let text = match table.as_str() {
            "" => format!("{key} = {value}\n"),
            "windows.x" | "notify" => format!("[[{table}]]\n{key} = {value}\n"),
            "notify.email" => format!("[[notify]]\n[notify.email]\n{key} = {value}\n"),
            _ => format!("[{table}]\n{key} = {value}\n"),
        };
        if self.of_job { job(&text).diagnostics } else { settings(&text).settings.diagnostics }
    }
}

fn documented() -> Vec<Documented> {
    let (mut of_job, mut table, mut rows) = (false, "", Vec::new());
    for line in include_str!("../../../docs/config.md").lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            (of_job, table) = (heading.contains("job file"), "");
        } else if let Some(heading) = line.strip_prefix("### ") {
            table = heading.trim_matches(['`', '[', ']']);
        } else if let Some(key) = line.strip_prefix("| `").and_then(|row| row.split('`').next()) {
            rows.push(Documented { of_job, table, key, supported: line.ends_with("| yes |") });
        }
    }
    rows
}

#[test]
fn a_key_is_not_supported_yet_where_the_documentation_says_so() {
    for row in documented() {
        let found = row.findings(row.key, "{ unlikely = 1 }");
        let refused = found.iter().any(|found| found.code == Code::NotSupported);
        assert_eq!(refused, !row.supported, "`{}` in `{}`: {found:#?}", row.key, row.table);
    }
}

#[test]
fn the_documented_keys_are_those_that_there_are() {
    let rows = documented();
    for row in &rows {
        let found = row.findings("zzzzzz", "1");
        let unknown = found.iter().find(|found| found.message.contains("`zzzzzz`")).expect("no such key");
        let (_, choices) =
            unknown.help.as_deref().and_then(|help| help.split_once(" may have ")).expect("a list");
        let known: Vec<&str> = choices.split('`').skip(1).step_by(2).collect();
        let is_table = |key: &str| {
            let of =
                |other: &Documented| other.of_job == row.of_job && other.table.split('.').next() == Some(key);
            row.table.is_empty() && rows.iter().any(of)
        };
        let mut documented: Vec<&str> = rows
            .iter()
            .filter(|other| (other.of_job, other.table) == (row.of_job, row.table))
            .map(|other| other.key)
            .chain(known.iter().copied().filter(|key| is_table(key)))
            .collect();
        documented.sort_unstable();
        assert_eq!(known, documented, "`{}`", row.table);
    }
}
