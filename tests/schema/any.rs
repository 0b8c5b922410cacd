//! Random files, made of what the schemas have: parser and schema agree on each.

use std::collections::BTreeSet;

use calloff_core::diagnostic::Code;
use fastrand::Rng;
use serde_json::{Map, Value};

use super::Kind;
use super::level::resolved;

/// What the parser finds that a schema can find as well, whatever else is in the file.
const OF_SHAPE: [Code; 14] = [
    Code::MissingKey,
    Code::UnknownKey,
    Code::WrongType,
    Code::UnknownWord,
    Code::Duration,
    Code::InlineSecret,
    Code::SecretReference,
    Code::Url,
    Code::DataCenter,
    Code::Name,
    Code::ApiVersion,
    Code::BackupId,
    Code::DuplicateBackup,
    Code::OneSchedule,
];

/// Writes files at random.
struct Writer<'s> {
    root: &'s Value,
    dice: Rng,
    /// One value in so many is wrong; none if it is 0.
    one_wrong_in: usize,
}

/// Texts that a definition or a key may have, as they are written in TOML.
#[rustfmt::skip]
fn texts(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "duration" => &["90s", "1h 30m", "8d", "1500ms", " 15 min ", "1.5h", "2days3hours", "1M", "1w", "1 0s", "600sec", "0"],
        "cron" => &["30 17 * * FRI", "@daily", " @Weekly", "0 */15 8-17 * * MON-FRI", "0 18 L * ?", "0 0 1,15 jan-mar fri#2", "5 4 15W * *"],
        "instant" => &["2026-12-24T17:30:00", "2026-12-24T17:30", "2026-12-24 17:30:00.5", "2026-12-24T17:30:00+01:00", "20261224T173000Z", "2026-12-24t17:30:00-0530", "+002026-12-24T17:30Z", "2026-12-24T17:30:00,25+01"],
        "zone" => &["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "europe/berlin"],
        "url" => &["https://a.example", "HTTPS://a.example:8443/", "http://127.0.0.1:8900", "http://localhost", "http://[::1]:1"],
        "line" => &["jobs", "../a b/c", "ä"],
        "name" => &["acme"],
        "windowName" => &["x"],
        "description" => &["", "why\\nnot", "ä \\\"quoted\\\""],
        "state" => &["sqlite:state/calloff.db", "sqlite: x", "postgres://me@host:5432/calloff", "postgresql://host:5432/x"],
        "hostName" => &["calloff.example.com", "a", "x-1_y.Z"],
        "listen" => &["127.0.0.1:9817", "[::1]:9817"],
        "client_id" => &["1000.ABCDEF", "x"],
        "api_version" => &["v3", "v8", "v12", "v999"],
        "smtp" => &["smtps://mail.example", "SMTP://mail.example:25/", "smtp://127.0.0.1", "smtp://[::1]:1"],
        "address" => &["ops@example.com", "a.b+c@x-y.example"],
        "env" => &["A", "_a1"],
        "credential" => &["a-b.c", "_"],
        _ => return None,
    })
}

impl Writer<'_> {
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.dice.usize(..from.len())]
    }

    fn slips(&mut self) -> bool {
        self.one_wrong_in > 0 && self.dice.usize(..self.one_wrong_in) == 0
    }

    /// A value, as TOML, for a key.
    fn value(&mut self, key: &str, node: &Value) -> String {
        if self.slips() {
            let wrong =
                ["1.5", "true", "\"\"", "\"zzz\"", "[]", "{}", "7", "[\"x\"]", "\"1000.canary\"", "0"];
            return self.pick(&wrong).to_owned();
        }
        if key == "backups" {
            return self.pick(&["\"current\"", "[\"current\"]", "[\"1\"]", "[\"1\", \"2\"]"]).to_owned();
        }
        let reference = node["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
        if let Some(texts) = reference.and_then(texts).or_else(|| texts(key)) {
            return format!("\"{}\"", self.pick(texts));
        }
        let node = resolved(self.root, node);
        if let Some(words) = node["enum"].as_array() {
            return words[self.dice.usize(..words.len())].to_string();
        }
        if node["properties"].is_object() {
            return format!("{{ {} }}", self.table(node).join(", "));
        }
        if let Some(property) = node["patternProperties"].as_object().and_then(|map| map.values().next()) {
            return format!("{{ acme = {}, b_2 = {} }}", self.value("", property), self.value("", property));
        }
        match node["type"].as_str() {
            Some("boolean") => self.dice.bool().to_string(),
            Some("integer") => node[if self.dice.bool() { "minimum" } else { "maximum" }].to_string(),
            Some("array") => {
                let length = self.dice.usize(1..3);
                let elements: Vec<String> = (0..length).map(|_| self.value("", &node["items"])).collect();
                format!("[{}]", elements.join(", "))
            }
            other => panic!("{key}: no idea how to write {other:?}"),
        }
    }

    /// The entries of a table: those it must have, and some of the others.
    fn table(&mut self, node: &Value) -> Vec<String> {
        let properties = node["properties"].as_object().unwrap();
        let mut wanted = names(&node["required"]);
        let mut unwanted = BTreeSet::new();
        if let Some(branches) = node["oneOf"].as_array() {
            let branch = &branches[self.dice.usize(..branches.len())];
            unwanted = branches.iter().flat_map(|branch| names(&branch["required"])).collect();
            unwanted.extend(branch["properties"].as_object().into_iter().flat_map(Map::keys).cloned());
            for name in names(&branch["required"]) {
                unwanted.remove(&name);
                wanted.insert(name);
            }
        }
        // Keys that stand together or not at all.
        let together = node["dependentRequired"].as_object();
        let together = together.into_iter().flat_map(Map::keys).cloned();
        if self.dice.bool() {
            wanted.extend(together);
        } else {
            unwanted.extend(together);
        }
        let most = node["maxProperties"].as_u64().map_or(usize::MAX, |most| usize::try_from(most).unwrap());
        let mut keys: Vec<&String> = properties.keys().collect();
        self.dice.shuffle(&mut keys);
        let mut entries = Vec::new();
        for key in keys {
            let asked =
                if wanted.contains(key) { !self.slips() } else { most == 1 || self.dice.usize(..3) == 0 };
            let allowed = !unwanted.contains(key) || self.slips();
            if asked && allowed && entries.len() < most || self.slips() {
                entries.push(format!("{key} = {}", self.value(key, &properties[key])));
            }
        }
        if self.slips() {
            entries.push("zzzzzz = 1".to_owned());
        }
        entries
    }

    fn file(&mut self) -> String {
        let mut lines = self.table(self.root);
        // What is held or restored after needs a window.
        if lines.iter().any(|line| line.starts_with("hold") || line.starts_with("restore")) {
            lines.retain(|line| !line.starts_with("when"));
            lines.push("when = { window = \"x\", due_in_window = true }".to_owned());
        }
        lines.join("\n")
    }
}

fn names(required: &Value) -> BTreeSet<String> {
    required.as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn parser_and_schema_agree_on_any_file() {
    for kind in Kind::both() {
        let (mut accepted, mut refused) = (0, 0);
        for seed in 0..10_000_u32 {
            let one_wrong_in = if seed.is_multiple_of(2) { 0 } else { 25 };
            let dice = Rng::with_seed(u64::from(seed));
            let text = Writer { root: &kind.schema, dice, one_wrong_in }.file();
            let found = kind.parse(&text);
            let valid = kind.validate(&text);
            if found.iter().all(|found| found.code == Code::NotSupported) {
                assert_eq!(valid, Ok(()), "{} {seed}: the parser accepts\n{text}", kind.name);
                accepted += 1;
            } else if let Some(fault) = found.iter().find(|found| OF_SHAPE.contains(&found.code)) {
                assert!(
                    valid.is_err(),
                    "{} {seed}: the schema accepts, but {}\n{text}",
                    kind.name,
                    fault.message
                );
                refused += 1;
            }
        }
        assert!(accepted > 900 && refused > 900, "{}: {accepted} accepted, {refused} refused", kind.name);
    }
}
