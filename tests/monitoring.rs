//! The alerts, the dashboard and the table of metrics: they speak of what the program exposes, and Prometheus's own tool
//! understands them.

#![expect(clippy::unwrap_used, reason = "a check that can't be made fails its test")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::promtool::promtool;
use support::scraped::exposed;
use yaml_rust2::{Yaml, YamlLoader};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of ours in an expression, those of parts of histograms as that of the whole.
fn names(expression: &str) -> BTreeSet<String> {
    let is_part = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
    let words = expression.split(|byte: char| !is_part(byte));
    let ours = words.filter(|word| word.starts_with("calloff_") || word.starts_with("process_"));
    let whole = |name: &str| {
        let part = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        part.unwrap_or(name).to_owned()
    };
    ours.map(whole).collect()
}

fn assert_exposed(expression: &str) {
    let exposed = exposed();
    for name in names(expression) {
        assert!(exposed.contains_key(&name), "`{name}` in `{expression}` is not exposed");
    }
}

/// The alerts: name and expression.
fn alerts() -> Vec<(String, String)> {
    let rules = &YamlLoader::load_from_str(&read("examples/prometheus/calloff.rules.yml")).unwrap()[0];
    let groups = rules["groups"].as_vec().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_vec().unwrap());
    let text = |value: &Yaml| value.as_str().unwrap().to_owned();
    rules.map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("examples/grafana/calloff.json")).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

/// What the dashboard asks for.
fn queries(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard).iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let notes = dashboard["annotations"]["list"].as_array().unwrap().iter();
    targets.chain(notes).map(|query| query["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_table_has_every_metric_with_its_kind_and_labels() {
    let document = read("docs/observability.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows = rows.filter(|row| row.starts_with("calloff_") || row.starts_with("process_"));
    let mut documented: Vec<(String, (String, BTreeSet<String>))> = vec![];
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let labels = cells[2].split(", ").map(|label| label.trim_matches('`').to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        documented.push((cells[0].trim_end_matches('`').to_owned(), (cells[1].to_owned(), labels)));
        assert!(cells[3].len() > 5, "{row}");
    }
    documented.sort();
    assert_eq!(documented, exposed().into_iter().collect::<Vec<_>>());
    let codes = format!("at most {} of them", calloff_core::code::all().count());
    assert!(document.contains(&codes), "{codes}");
}

#[test]
fn the_table_has_every_alert() {
    let document = read("docs/observability.md");
    let rows = document.lines().filter(|line| line.starts_with("| `Calloff"));
    let cells = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(", "));
    let documented: BTreeSet<String> = cells.map(|alert| alert.trim().trim_matches('`').to_owned()).collect();
    assert_eq!(documented, alerts().into_iter().map(|(alert, _)| alert).collect());
}

#[test]
fn alerts_are_of_what_is_exposed_and_each_is_tried() {
    let tests = read("examples/prometheus/calloff.rules.test.yml");
    for (alert, expression) in alerts() {
        assert_exposed(&expression);
        assert!(
            tests.contains(&format!("alertname: {alert}\n        exp_alerts:")),
            "{alert} never fires in a test"
        );
    }
    assert!(alerts().len() >= 10);
}

#[test]
fn prometheus_takes_the_configuration_and_the_rules_and_they_pass_their_tests() {
    let folder = path("examples/prometheus");
    for args in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "calloff.rules.yml"],
        ["test", "rules", "calloff.rules.test.yml"],
    ] {
        let Some(done) = promtool(&args, &folder, "") else { return };
        assert_eq!(done, Ok(()), "{args:?}");
    }
    // What is commented out is right as well.
    let with_token = read("examples/prometheus/prometheus.yml").replace("    # scheme:", "    scheme:");
    let with_token =
        with_token.replace("    # authorization:\n    #   type", "    authorization:\n      type").replace(
            "    #   credentials_file: /etc/prometheus/calloff-token",
            "      credentials_file: calloff.rules.yml",
        );
    assert!(!with_token.contains("    #   credentials_file"), "{with_token}");
    let written = tempfile::tempdir().unwrap();
    fs::write(written.path().join("prometheus.yml"), with_token).unwrap();
    fs::copy(folder.join("calloff.rules.yml"), written.path().join("calloff.rules.yml")).unwrap();
    assert_eq!(promtool(&["check", "config", "prometheus.yml"], written.path(), ""), Some(Ok(())));
}

#[test]
fn the_dashboard_asks_for_what_is_exposed_in_words_that_prometheus_understands() {
    let dashboard = dashboard();
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    let queries = queries(&dashboard);
    for (number, query) in queries.iter().enumerate() {
        assert_exposed(query);
        let query = query.replace("$__rate_interval", "5m").replace("$instance", ".*");
        assert!(!query.contains('$'), "{query}");
        writeln!(rules, "      - record: query:{number}\n        expr: {}", Value::from(query)).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    if let Some(done) = promtool(&["check", "rules", "rules.yml"], folder.path(), "") {
        assert_eq!(done, Ok(()));
    }
    // Nothing that is exposed is of no use to anybody.
    let used: BTreeSet<String> =
        queries.iter().chain(alerts().iter().map(|(_, expr)| expr)).flat_map(|it| names(it)).collect();
    let exposed: BTreeSet<String> = exposed().into_keys().collect();
    let unused: Vec<_> = exposed.difference(&used).map(String::as_str).collect();
    assert_eq!(
        unused,
        ["calloff_build_info", "calloff_config_last_reload_duration_seconds", "process_open_fds"]
    );
}

#[test]
fn the_dashboard_can_be_imported_anywhere() {
    let dashboard = dashboard();
    assert!(dashboard["id"].is_null(), "Grafana gives it one");
    assert!(dashboard["schemaVersion"].as_u64().is_some() && dashboard["uid"].as_str().is_some());
    let variables: BTreeSet<&str> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(variables, BTreeSet::from(["datasource", "instance"]));
    let mut ids = BTreeSet::new();
    let mut taken: Vec<[u64; 4]> = vec![];
    for panel in panels(&dashboard) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let at = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        let [x, y, w, h] = at;
        assert!(x + w <= 24, "{at:?} is wider than the grid");
        let meets = |other: &[u64; 4]| {
            let [ox, oy, ow, oh] = *other;
            x < ox + ow && ox < x + w && y < oy + oh && oy < y + h
        };
        assert!(!taken.iter().any(meets), "{at:?} lies over another panel");
        taken.push(at);
        if panel["type"] != "row" {
            assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{panel}");
            let targets = panel["targets"].as_array().unwrap().iter();
            for asked in targets.chain([panel]) {
                assert_eq!(asked["datasource"]["uid"], "${datasource}", "{panel}");
            }
        }
    }
}
