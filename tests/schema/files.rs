//! Files that are right, and files that are wrong by their shape alone.

use std::path::{Path, PathBuf};

use calloff_core::diagnostic::Code;
use rstest::rstest;
use serde_json::Value;

use super::{DEFAULTS, Kind, read, root};

/// Every TOML file below some folders that is a `calloff.toml` or a job.
fn shipped() -> Vec<(PathBuf, Kind)> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["jobs", "examples"] {
        below(&root().join(folder), &mut found);
    }
    found.retain(|path| !path.ends_with("scenario.toml"));
    let kind = |path: &PathBuf| Kind::new(if path.ends_with("calloff.toml") { "config" } else { "job" });
    found.into_iter().map(|path| (path.clone(), kind(&path))).collect()
}

#[test]
fn the_command_prints_the_schemas_of_the_repository() {
    for name in ["job", "config"] {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_calloff")).args(["schema", name]).output();
        assert_eq!(String::from_utf8(done.unwrap().stdout).unwrap(), read(&format!("schemas/{name}.json")));
    }
}

#[test]
fn every_file_in_the_repository_fits_its_schema() {
    let files = shipped();
    assert!(files.len() > 15, "{}", files.len());
    for (path, kind) in files {
        let text = std::fs::read_to_string(&path).unwrap();
        kind.validate(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn every_file_in_the_documents_fits_its_schema() {
    let [config, job] = Kind::both();
    for document in ["README.md", "docs/config.md"] {
        let text = read(document);
        let blocks: Vec<&str> =
            text.split("```toml\n").skip(1).filter_map(|block| block.split("```").next()).collect();
        let [settings, of_job] = blocks[..] else { panic!("{} blocks in {document}", blocks.len()) };
        config.validate(settings).unwrap_or_else(|error| panic!("{document}: {error}"));
        job.validate(of_job).unwrap_or_else(|error| panic!("{document}: {error}"));
    }
}

/// Editors that use Taplo read it in the comments that a file begins with.
#[test]
fn every_file_names_its_schema_by_a_path_that_leads_there() {
    for (path, kind) in shipped() {
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let named = first.strip_prefix("#:schema ").unwrap_or_else(|| panic!("{}: {first}", path.display()));
        let leads_to = path.parent().unwrap().join(named).canonicalize();
        let schema = root().join(format!("schemas/{}.json", kind.name)).canonicalize().unwrap();
        assert_eq!(leads_to.ok(), Some(schema), "{}: {named}", path.display());
    }
}

#[test]
fn a_schema_needs_nothing_but_itself_and_what_both_have_is_the_same() {
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let [config, job] = Kind::both();
    for kind in [&config, &job] {
        assert_eq!(kind.schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let mut found = Vec::new();
        references(&kind.schema, &mut found);
        assert!(
            found.len() > 10 && found.iter().all(|reference| reference.starts_with("#/$defs/")),
            "{found:?}"
        );
    }
    let mut shared = 0;
    for (name, definition) in config.schema["$defs"].as_object().unwrap() {
        if let Some(other) = job.schema["$defs"].get(name) {
            assert_eq!(definition, other, "{name}");
            shared += 1;
        }
    }
    assert_eq!(shared, 4);
}

#[test]
fn nought_needs_no_unit() {
    let [config, job] = Kind::both();
    for (kind, text) in [
        (&job, JOB.replace("\"1h\"", "\"1h\"\njitter = \"0\"\ncatch_up = \"0\"")),
        (&config, format!("grace = \"0\"\n{DEFAULTS}")),
    ] {
        assert_eq!((kind.parse(&text), kind.validate(&text)), (vec![], Ok(())), "{text}");
    }
}

const JOB: &str = "account = \"acme\"\nbackups = [\"1\"]\n[schedule]\nevery = \"1h\"\n";

/// A line that is put before a right file, or a part of it that is replaced.
#[rstest]
#[case::unknown_key("job", "", "colour = 1\n", Code::UnknownKey)]
#[case::misspelt("job", "account", "acount", Code::UnknownKey)]
#[case::missing("job", "account = \"acme\"\n", "", Code::MissingKey)]
#[case::number("job", "\"1h\"", "3600", Code::WrongType)]
#[case::id_as_number("job", "[\"1\"]", "[1]", Code::WrongType)]
#[case::id_alone("job", "[\"1\"]", "\"1\"", Code::WrongType)]
#[case::id("job", "[\"1\"]", "[\"12a\"]", Code::BackupId)]
#[case::id_twice("job", "[\"1\"]", "[\"1\", \"1\"]", Code::DuplicateBackup)]
#[case::current_beside("job", "[\"1\"]", "[\"1\", \"current\"]", Code::Contradiction)]
#[case::no_id("job", "[\"1\"]", "[]", Code::BadText)]
#[case::no_schedule("job", "every = \"1h\"", "", Code::OneSchedule)]
#[case::two_schedules("job", "every = \"1h\"", "every = \"1h\"\ncron = \"@daily\"", Code::OneSchedule)]
#[case::fields("job", "every = \"1h\"", "cron = \"* * * *\"", Code::Cron)]
#[case::no_time("job", "every = \"1h\"", "at = \"tomorrow\"", Code::DateTime)]
#[case::no_unit("job", "\"1h\"", "\"60\"", Code::Duration)]
#[case::nought("job", "\"1h\"", "\"1h\"\njitter = \"00\"", Code::Duration)]
#[case::unit("job", "\"1h\"", "\"1 fortnight\"", Code::Duration)]
#[case::word("job", "", "when.status = [\"scheduled\"]\n", Code::UnknownWord)]
#[case::hold("job", "", "hold.poll = \"5m\"\n", Code::Contradiction)]
#[case::restore("job", "", "restore.after = \"window\"\nwhen.due_within = \"1h\"\n", Code::Contradiction)]
#[case::in_window("job", "", "when.due_in_window = true\n", Code::Contradiction)]
#[case::account_name("job", "acme", "ac me", Code::Name)]
#[case::inline("config", "{ env = \"A\" }", "\"1000.canary\"", Code::InlineSecret)]
#[case::two_places("config", "{ env = \"A\" }", "{ env = \"A\", file = \"b\" }", Code::SecretReference)]
#[case::no_place("config", "{ env = \"A\" }", "{}", Code::SecretReference)]
#[case::variable("config", "env = \"A\"", "env = \"A B\"", Code::SecretReference)]
#[case::password("config", "", "state = \"postgres://me:canary@host/x\"\n", Code::InlineSecret)]
#[case::record("config", "", "state = \"mysql://x\"\n", Code::State)]
#[case::center("config", "\"eu\"", "\"europe\"", Code::UnknownWord)]
#[case::no_center("config", "data_center = \"eu\"", "", Code::DataCenter)]
#[case::one_url("config", "data_center = \"eu\"", "api_domain = \"https://a.example\"", Code::DataCenter)]
#[case::both(
    "config",
    "data_center = \"eu\"",
    "data_center = \"eu\"\naccounts_url = \"https://a.example\"",
    Code::DataCenter
)]
#[case::http(
    "config",
    "data_center = \"eu\"",
    "api_domain = \"http://a.example\"\naccounts_url = \"https://a.example\"",
    Code::Url
)]
#[case::version("config", "data_center", "api_version = \"v2\"\ndata_center", Code::ApiVersion)]
#[case::calls("config", "data_center", "concurrency = 26\ndata_center", Code::OutOfRange)]
#[case::name("config", "[accounts.acme]", "[accounts.\"a/b\"]", Code::Name)]
#[case::no_account("config", "", "[accounts]\n#", Code::MissingKey)]
#[case::half_a_window("config", "lasts = \"60h\"\n", "", Code::MissingKey)]
#[case::mixed_window("config", "lasts = \"60h\"", "to = \"2026-12-24T00:00:00\"", Code::Contradiction)]
#[case::window("config", "[[windows.x]]", "[windows.x]", Code::WrongType)]
fn what_the_parser_refuses_for_its_shape_the_schema_refuses_too(
    #[case] kind: &'static str,
    #[case] old: &str,
    #[case] new: &str,
    #[case] code: Code,
) {
    let right = if kind == "job" { JOB } else { DEFAULTS };
    let kind = Kind::new(kind);
    assert_eq!((kind.parse(right), kind.validate(right)), (vec![], Ok(())));
    let wrong = if new == "[accounts]\n#" {
        "[accounts]\n".to_owned()
    } else if old.is_empty() {
        format!("{new}{right}")
    } else {
        right.replacen(old, new, 1)
    };
    let found = kind.parse(&wrong);
    assert!(found.iter().any(|found| found.code == code), "{found:#?}");
    assert!(kind.validate(&wrong).is_err(), "the schema accepts\n{wrong}");
}
