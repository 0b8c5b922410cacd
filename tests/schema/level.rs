//! The tables that a schema describes, and how to write one in TOML.

use serde_json::{Map, Value};

use super::Kind;

/// A table that may stand in a file.
pub(crate) struct Level<'s> {
    /// The way to it; a name that is free to choose is `x`.
    steps: Vec<Step>,
    pub(crate) table: &'s Value,
}

#[derive(Clone)]
enum Step {
    Key(String),
    Element,
}

/// Every table of a kind of file, the file itself first.
pub(crate) fn levels(kind: &Kind) -> Vec<Level<'_>> {
    let mut found = Vec::new();
    collect(&kind.schema, &kind.schema, &[], &mut found);
    found
}

fn collect<'s>(root: &'s Value, node: &'s Value, steps: &[Step], found: &mut Vec<Level<'s>>) {
    let node = resolved(root, node);
    let with = |step: Step| [steps, &[step]].concat();
    if let Some(properties) = node["properties"].as_object() {
        found.push(Level { steps: steps.to_vec(), table: node });
        for (key, property) in properties {
            collect(root, property, &with(Step::Key(key.clone())), found);
        }
    }
    for property in node["patternProperties"].as_object().into_iter().flat_map(Map::values) {
        collect(root, property, &with(Step::Key("x".to_owned())), found);
    }
    if node["items"].is_object() {
        collect(root, &node["items"], &with(Step::Element), found);
    }
}

/// What a `$ref` refers to.
pub(crate) fn resolved<'s>(root: &'s Value, node: &'s Value) -> &'s Value {
    match node["$ref"].as_str() {
        Some(reference) => root.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => node,
    }
}

impl Level<'_> {
    /// The way to it, for messages and comparisons: `accounts.x.client_secret`, `windows.x[]`.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.steps {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path = format!("{path}.{key}"),
                Step::Element => path.push_str("[]"),
            }
        }
        path
    }

    /// Whether it says where a secret is.
    pub(crate) fn is_secret(&self) -> bool {
        self.keys() == ["credential", "env", "file"]
    }

    pub(crate) fn properties(&self) -> &Map<String, Value> {
        self.table["properties"].as_object().unwrap()
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.properties().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    /// A file that has this table, with these entries, and nothing else.
    pub(crate) fn file(&self, entries: &[(&str, &str)]) -> String {
        let lines: Vec<String> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let Some((Step::Key(first), rest)) = self.steps.split_first() else { return lines.join("\n") };
        let table = format!("{{ {} }}", lines.join(", "));
        let value = rest.iter().rev().fold(table, |inner, step| match step {
            Step::Key(key) => format!("{{ {key} = {inner} }}"),
            Step::Element => format!("[{inner}]"),
        });
        format!("{first} = {value}")
    }
}
