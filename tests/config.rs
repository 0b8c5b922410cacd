//! Configuration as files: what a person sees of what is wrong, in every format.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use calloff::files::{self, Report};
use calloff::render::{self, Format};
use calloff_core::diagnostic::{Code, Diagnostic, Severity};
use jiff::Timestamp;
use tempfile::TempDir;

const CONFIG: &str = r#"timezone = "Europe/Berlin"

[accounts.acme]
data_center   = "eu"
client_id     = "1000.ABCDEF"
client_secret = { env = "ACME_SECRET" }
refresh_token = { env = "ACME_TOKEN" }

[[windows.freeze]]
opens = "0 18 * * FRI"
lasts = "60h"
"#;
const JOB: &str = "account = \"acme\"\nbackups = [\"1\"]\n[schedule]\nevery = \"1h\"\n";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("an instant")
}

/// A folder with files in it.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, contents) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        std::fs::write(path, contents).expect("it can be written");
    }
    folder
}

fn check(folder: &TempDir) -> Report {
    files::check(&[folder.path().join("calloff.toml")], None, now())
}

/// What is shown, without the temporary folder's name.
fn shown(folder: &Path, found: &[Diagnostic], format: Format) -> String {
    render::diagnostics(found, format, false).replace(&format!("{}/", folder.display()), "")
}

fn codes(report: &Report) -> Vec<Code> {
    report.diagnostics.iter().map(|found| found.code).collect()
}

#[test]
fn a_link_that_leads_out_of_the_folder_shows_nothing_of_what_it_leads_to() {
    let folder = folder(&[
        ("calloff.toml", CONFIG.as_bytes()),
        ("secret", b"canary0secret"),
        ("jobs/..data/inside.toml", b"nonsense0here"),
    ]);
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, folder.path().join(at)).expect("a link");
    link("../secret", "jobs/link.toml");
    link("..data/inside.toml", "jobs/inside.toml");
    let shown = render::diagnostics(&check(&folder).diagnostics, Format::Human, false);
    assert!(shown.contains("link.toml") && !shown.contains("canary"), "{shown}");
    assert!(shown.contains("nonsense0here"), "within the folder it is, as Kubernetes links files: {shown}");
}

#[test]
fn a_person_sees_the_line_what_is_wrong_and_what_to_write_instead() {
    let job = "account = \"acne\"\nbackups = [\"../../x\"]\n\n[schedule]\n\tat = \"2026-10-25T02:30:00\"\n\n\
               [when]\ndue_withn = \"12h\"\n";
    let config = CONFIG.replace("{ env = \"ACME_SECRET\" }", "\"canary\" # not here");
    let folder = folder(&[("calloff.toml", config.as_bytes()), ("jobs/eu/freeze.toml", job.as_bytes())]);
    let report = check(&folder);
    insta::assert_snapshot!(shown(folder.path(), &report.diagnostics, Format::Human));
    insta::assert_snapshot!("json", shown(folder.path(), &report.diagnostics, Format::Json));
    insta::assert_snapshot!("github", shown(folder.path(), &report.diagnostics, Format::Github));
    assert_eq!(report.summary(), "2 files and 0 valid jobs read: 5 errors");
    for format in [Format::Human, Format::Json, Format::Github] {
        assert!(!render::diagnostics(&report.diagnostics, format, true).contains("canary"));
    }
}

#[test]
fn colours_come_only_if_told_so() {
    let report = check(&folder(&[("calloff.toml", b"=")]));
    assert!(!render::diagnostics(&report.diagnostics, Format::Human, false).contains('\u{1b}'));
    assert!(render::diagnostics(&report.diagnostics, Format::Human, true).contains('\u{1b}'));
}

#[test]
fn the_column_is_that_of_the_file_even_behind_a_mask() {
    let config = "accounts.acme = { client_secret = \"canary\", client_idd = \"x\" }";
    let folder = folder(&[("calloff.toml", config.as_bytes())]);
    let shown = shown(folder.path(), &check(&folder).diagnostics, Format::Human);
    assert!(shown.contains("calloff.toml:1:35"), "{shown}");
    assert!(shown.contains("calloff.toml:1:45"), "{shown}");
    assert!(!shown.contains("canary"));
}

#[test]
fn workflow_commands_are_escaped() {
    let found = Diagnostic::of_file(Code::Unreadable, "a,b:c%.toml", "x\ny::z".into(), None);
    let shown = render::diagnostics(&[found], Format::Github, false);
    assert_eq!(shown, "::error file=a%2Cb%3Ac%25.toml,line=1,col=1,title=E001::x%0Ay::z\n");
}

#[test]
fn every_code_has_a_file_that_brings_it_about() {
    let large = vec![b'#'; 1024 * 1024 + 1];
    let account = |old: &str, new: &str| CONFIG.replace(old, new).into_bytes();
    let top = |line: &str| format!("{line}\n{CONFIG}").into_bytes();
    let job = |old: &str, new: &str| JOB.replace(old, new).into_bytes();
    let every = |new: &str| job("every = \"1h\"", new);
    #[rustfmt::skip]
    let cases: Vec<(Code, &str, Vec<u8>)> = vec![
        (Code::Unreadable, "calloff.toml", top("jobs = \"nowhere\"")),
        (Code::NotUtf8, "jobs/a.toml", b"a = \"\xff\"".to_vec()),
        (Code::TooLarge, "jobs/a.toml", large),
        (Code::FileName, "jobs/a b.toml", JOB.into()),
        (Code::Syntax, "jobs/a.toml", b"[".to_vec()),
        (Code::MissingKey, "jobs/a.toml", job("account = \"acme\"", "")),
        (Code::UnknownKey, "jobs/a.toml", job("account", "acount")),
        (Code::WrongType, "jobs/a.toml", job("\"1\"", "1")),
        (Code::UnknownWord, "calloff.toml", account("\"eu\"", "\"europe\"")),
        (Code::Duration, "jobs/a.toml", job("1h", "1 fortnight")),
        (Code::OutOfRange, "jobs/a.toml", job("1h", "1ms")),
        (Code::BadText, "jobs/a.toml", job("\"1\"", "")),
        (Code::NotSupported, "calloff.toml", top("log.format = \"journald\"")),
        (Code::Contradiction, "calloff.toml", top("retry.max_delay = \"1ms\"")),
        (Code::InlineSecret, "calloff.toml", account("{ env = \"ACME_SECRET\" }", "\"x\"")),
        (Code::SecretReference, "calloff.toml", account("env = \"ACME_SECRET\"", "")),
        (Code::Url, "calloff.toml", account("data_center   = \"eu\"", "api_domain = \"x\"\naccounts_url = \"x\"")),
        (Code::DataCenter, "calloff.toml", account("data_center   = \"eu\"", "")),
        (Code::Name, "jobs/a.toml", job("acme", "a/c")),
        (Code::ApiVersion, "calloff.toml", account("client_id", "api_version = \"v1\"\nclient_id")),
        (Code::State, "calloff.toml", top("state = \"x\"")),
        (Code::Listen, "calloff.toml", top("http.listen = \"x\"")),
        (Code::MailServer, "calloff.toml", top("notify = [{ email = { smtp = \"x\" } }]")),
        (Code::BackupId, "jobs/a.toml", job("\"1\"", "\"12a\"")),
        (Code::DuplicateBackup, "jobs/a.toml", job("\"1\"", "\"1\", \"1\"")),
        (Code::UnknownAccount, "jobs/a.toml", job("acme", "acne")),
        (Code::UnknownWindow, "jobs/a.toml", format!("{JOB}[when]\nwindow = \"x\"").into()),
        (Code::OneSchedule, "jobs/a.toml", every("")),
        (Code::Cron, "jobs/a.toml", every("cron = \"x\"")),
        (Code::DateTime, "jobs/a.toml", every("at = \"x\"")),
        (Code::LocalTime, "jobs/a.toml", every("at = \"2026-10-25T02:30:00\"")),
        (Code::UnknownTimeZone, "calloff.toml", account("Berlin", "Brlin")),
        (Code::NoTimeZone, "jobs/b.toml", every("cron = \"@daily\"")),
        (Code::ClockChange, "jobs/a.toml", every("cron = \"30 2 * * *\"")),
        (Code::ClosedForGood, "calloff.toml", account("opens = \"0 18 * * FRI\"\nlasts = \"60h\"", "from = \"2025-12-24T00:00:00\"\nto = \"2025-12-25T00:00:00\"")),
        (Code::OverlapsItself, "calloff.toml", account("60h", "200h")),
        (Code::NeverInWindow, "jobs/a.toml", format!("{}[when]\nwindow = \"freeze\"", JOB.replace("every = \"1h\"", "cron = \"30 17 * * FRI\"")).into()),
        (Code::Race, "jobs/a.toml", every("every = \"10m\"")),
        (Code::OtherTimeZone, "jobs/a.toml", format!("timezone = \"Asia/Tokyo\"\n{}", JOB.replace("every = \"1h\"", "cron = \"@daily\"")).into()),
    ];
    for (code, path, contents) in &cases {
        let no_zone = CONFIG.replace("timezone = \"Europe/Berlin\"\n", "");
        let config = if *code == Code::NoTimeZone { &no_zone } else { CONFIG };
        let folder = folder(&[
            ("calloff.toml", config.as_bytes()),
            ("jobs/good.toml", JOB.as_bytes()),
            (path, contents),
        ]);
        let report = check(&folder);
        assert!(codes(&report).contains(code), "{code}: {:#?}", report.diagnostics);
        assert_eq!(report.is_valid(), code.severity() == Severity::Warning, "{code}");
        for format in [Format::Human, Format::Json, Format::Github] {
            let shown = render::diagnostics(&report.diagnostics, format, false);
            assert!(shown.contains(code.as_str()), "{shown}");
        }
    }
    let covered: BTreeSet<&str> = cases.iter().map(|(code, ..)| code.as_str()).collect();
    let all: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(covered, all);
}

#[test]
fn only_check_warns_and_a_warning_between_files_comes_last_and_once() {
    let config = CONFIG.replace("60h", "200h");
    let job = format!("{JOB}[when]\nwindow = \"freeze\"\n");
    let folder = folder(&[
        ("calloff.toml", config.as_bytes()),
        ("jobs/a.toml", job.as_bytes()),
        ("jobs/b/c.toml", job.replace("[\"1\"]", "\"current\"").as_bytes()),
    ]);
    let path = |path: &str| folder.path().join(path);
    let twice = [path("calloff.toml"), path("")];
    let report = files::check(&twice, None, now());
    assert_eq!(codes(&report), [Code::OverlapsItself, Code::Race]);
    assert!(report.is_valid());
    let race = &report.diagnostics[1];
    assert!(race.file.ends_with("jobs/b/c.toml") && (race.line, race.column) == (2, 11), "{race:#?}");
    assert!(race.message.contains("jobs/a.toml` may call off the same backup"), "{race:#?}");
    let report = files::check(&[path("jobs/b/c.toml")], None, now());
    assert_eq!(codes(&report), [], "the other job was not read");

    let loaded = files::load(&path("calloff.toml"), None);
    assert_eq!(loaded.diagnostics, []);
    assert!(loaded.jobs.iter().all(|job| job.place.is_none()), "what only warnings need is not kept");
}

#[test]
fn the_jobs_folder_is_read_recursively_without_leftovers() {
    let folder = folder(&[
        ("calloff.toml", CONFIG.as_bytes()),
        ("jobs/b.toml", JOB.as_bytes()),
        ("jobs/a/c.toml", JOB.as_bytes()),
        ("jobs/.hidden.toml", b"="),
        ("jobs/.git/x.toml", b"="),
        ("jobs/b.toml~", b"="),
        ("jobs/.b.toml.swp", b"="),
        ("jobs/#b.toml#", b"="),
        ("jobs/4913", b"="),
        ("jobs/b.toml.orig", b"="),
        ("jobs/README.md", b"="),
    ]);
    let loaded = files::load(&folder.path().join("calloff.toml"), None);
    assert_eq!(loaded.diagnostics, []);
    let names: Vec<&str> = loaded.jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!((names, loaded.files), (vec!["a/c", "b"], 3));
    assert_eq!(loaded.jobs_folder, Some(folder.path().join("jobs")));
}

#[test]
fn links_are_followed_once() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[("calloff.toml", CONFIG.as_bytes()), ("jobs/..2026/freeze.toml", JOB.as_bytes())]);
    let jobs = folder.path().join("jobs");
    // As Kubernetes mounts a ConfigMap.
    symlink("..2026", jobs.join("..data")).unwrap();
    symlink("..data/freeze.toml", jobs.join("freeze.toml")).unwrap();
    symlink("../jobs", jobs.join("round")).unwrap();
    let loaded = files::load(&folder.path().join("calloff.toml"), None);
    let names: Vec<&str> = loaded.jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!((names, loaded.diagnostics), (vec!["freeze"], vec![]));

    symlink("nowhere", jobs.join("lost.toml")).unwrap();
    assert_eq!(codes(&check(&folder)), [Code::Unreadable]);
}

#[test]
fn a_wrong_job_leaves_the_others_to_be_run() {
    let folder = folder(&[
        ("calloff.toml", CONFIG.as_bytes()),
        ("jobs/bad.toml", b"account = 5"),
        ("jobs/good.toml", JOB.as_bytes()),
    ]);
    let loaded = files::load(&folder.path().join("calloff.toml"), None);
    assert!(loaded.settings.is_some() && !loaded.is_valid());
    assert_eq!(loaded.jobs.len(), 1);
    assert_eq!(loaded.wrong.iter().map(|wrong| wrong.job.as_str()).collect::<Vec<_>>(), ["bad"]);
}

#[test]
fn a_path_may_be_a_job_file_or_a_folder() {
    let wrong = JOB.replace("acme", "acne");
    let folder = folder(&[("calloff.toml", CONFIG.as_bytes()), ("jobs/eu/freeze.toml", wrong.as_bytes())]);
    let path = |path: &str| folder.path().join(path);
    for paths in [
        vec![path("calloff.toml")],
        vec![path("")],
        vec![path("jobs")],
        vec![path("jobs/eu")],
        vec![path("jobs/eu/freeze.toml")],
        vec![path("jobs"), path("jobs/eu/freeze.toml")],
    ] {
        let report = files::check(&paths, None, now());
        assert_eq!(codes(&report), [Code::UnknownAccount], "{paths:?}");
        assert!(report.diagnostics[0].file.ends_with("jobs/eu/freeze.toml"));
    }
    let report = files::check(&[path("nowhere.toml")], None, now());
    assert_eq!(codes(&report), [Code::Unreadable]);
}

#[test]
fn a_job_file_alone_is_checked_for_what_can_be_told() {
    let job = "account = \"any\"\nbackups = [\"1\", \"x\"]\n[schedule]\ncron = \"@daily\"\n";
    let folder = folder(&[("freeze.toml", job.as_bytes()), ("other.toml", CONFIG.as_bytes())]);
    let paths: Vec<PathBuf> = vec![folder.path().join("freeze.toml")];
    assert_eq!(codes(&files::check(&paths, None, now())), [Code::BackupId]);
    let config = folder.path().join("other.toml");
    let report = files::check(&paths, Some(&config), now());
    assert_eq!(codes(&report), [Code::UnknownAccount, Code::BackupId]);
}

#[test]
fn jobs_of_several_paths_that_share_a_configuration_are_compared() {
    let both: &[(&str, &[u8])] = &[
        ("calloff.toml", CONFIG.as_bytes()),
        ("jobs/a.toml", JOB.as_bytes()),
        ("jobs/b.toml", JOB.as_bytes()),
    ];
    let (one, other) = (folder(both), folder(both));
    let races = |paths: &[PathBuf]| {
        let report = files::check(paths, None, now());
        let races = report.diagnostics.iter().filter(|found| found.code == Code::Race);
        (report.jobs, races.map(|found| found.message.clone()).collect::<Vec<_>>())
    };
    let (a, b) = (one.path().join("jobs/a.toml"), one.path().join("jobs/b.toml"));
    let (jobs, found) = races(&[b.clone(), a.clone()]);
    assert!(jobs == 2 && found.len() == 1 && found[0].contains("a.toml"), "{found:?}");
    let (_, found) = races(&[one.path().join("jobs"), a.clone(), b]);
    assert_eq!(found.len(), 1, "no job races with itself");
    let (_, found) = races(&[a, other.path().join("jobs/b.toml")]);
    assert!(found.is_empty(), "they belong to different configurations: {found:?}");
}
