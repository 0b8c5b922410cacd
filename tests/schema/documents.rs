//! The tables of docs/config.md, against the schemas.

use std::collections::BTreeMap;

use serde_json::Value;

use super::level::{Level, levels};
use super::{Kind, read, ticked};

/// One row: the type, the default and whether it is supported.
struct Row {
    cells: [String; 4],
}

/// The tables of the document by kind of file and heading.
fn tables() -> BTreeMap<(String, String), BTreeMap<String, Row>> {
    let (mut kind, mut heading) = (String::new(), String::new());
    let mut tables: BTreeMap<_, BTreeMap<String, Row>> = BTreeMap::new();
    for line in read("docs/config.md").lines() {
        if let Some(title) = line.strip_prefix("## ") {
            if title == "A job file" { "job" } else { "config" }.clone_into(&mut kind);
            heading = String::new();
        } else if let Some(title) = line.strip_prefix("### ") {
            title.trim_matches('`').clone_into(&mut heading);
        } else if let Some(row) = line.strip_prefix("| `") {
            let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
            let [key, kind_of, default, meaning, supported] = cells[..] else { panic!("{line}") };
            let cells = [kind_of, default, meaning, supported].map(str::to_owned);
            let table = tables.entry((kind.clone(), heading.clone())).or_default();
            table.insert(key.trim_matches('`').to_owned(), Row { cells });
        }
    }
    tables
}

/// The heading that a table of a schema has in the document.
fn heading(level: &Level<'_>) -> String {
    match level.path().as_str() {
        "" => String::new(),
        "accounts.x" => "[accounts.NAME]".to_owned(),
        "windows.x[]" => "[[windows.NAME]]".to_owned(),
        "notify[]" => "[[notify]]".to_owned(),
        "notify[].email" => "[notify.email]".to_owned(),
        path => format!("[{path}]"),
    }
}

#[test]
fn every_key_is_documented_with_its_default_and_its_words_and_none_besides() {
    let mut tables = tables();
    for kind in Kind::both() {
        for level in levels(&kind) {
            if level.is_secret() {
                continue; // Of a secret the document says in prose where it may be.
            }
            let mut rows = tables
                .remove(&(kind.name.to_owned(), heading(&level)))
                .unwrap_or_else(|| panic!("{}", level.path()));
            for (key, property) in level.properties() {
                let is_table = property["type"] == "object" || key == "notify";
                match rows.remove(key) {
                    Some(row) => assert_agree(&format!("{} {key}", level.path()), &row, property),
                    None => assert!(is_table, "{} {key} is not documented", level.path()),
                }
            }
            assert!(rows.is_empty(), "{}: {:?} are in no schema", level.path(), rows.keys());
        }
    }
    assert!(tables.is_empty(), "{:?} are in no schema", tables.keys());
}

fn assert_agree(place: &str, Row { cells: [kind, default, meaning, supported] }: &Row, property: &Value) {
    let written = ticked(default).first().and_then(|default| serde_json::from_str(default).ok());
    assert_eq!(written.unwrap_or(Value::Null), property["default"], "{place}");

    let description = property["description"].as_str().unwrap_or_default();
    let is_yet = description.ends_with("Not supported yet.");
    assert_eq!(supported == "not yet", is_yet, "{place}: {description}");

    let words = property["enum"].as_array().or_else(|| property["items"]["enum"].as_array());
    let row = [kind.as_str(), default, meaning].join(" ");
    let said: Vec<&str> = ticked(&row).into_iter().map(|word| word.trim_matches('"')).collect();
    for word in words.into_iter().flatten() {
        assert!(said.contains(&word.as_str().unwrap()), "{place}: {word} is not in {row}");
    }
    if property["type"] == "integer" {
        assert_eq!(*kind, format!("{} to {}", property["minimum"], property["maximum"]), "{place}");
    }
}
