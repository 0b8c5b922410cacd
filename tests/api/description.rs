//! `schemas/openapi.json`: what it says of a path, and whether an answer is what it says.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use calloff_core::outcome::Outcome;
use calloff_core::overview::JobState;
use calloff_core::reload::Verdict;
use calloff_core::restore::DebtState;
use calloff_core::run::{RunState, Trigger};
use serde_json::{Value, json};

use crate::support::web::Reply;

const URL: &str = "https://schemas.invalid/openapi.json";

/// The description.
pub(crate) struct Description {
    pub(crate) document: Value,
}

impl Description {
    pub(crate) fn read() -> Self {
        let text = include_str!("../../schemas/openapi.json");
        Self { document: serde_json::from_str(text).unwrap() }
    }

    /// The paths that it describes.
    pub(crate) fn paths(&self) -> Vec<&str> {
        self.document["paths"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// What it says of asking for a path.
    pub(crate) fn operation(&self, path: &str) -> &Value {
        let operation = &self.document["paths"][path]["get"];
        assert!(operation.is_object(), "{path} is not described");
        operation
    }

    /// What a value refers to, or it itself.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
        pointer.map_or(value, |pointer| {
            self.document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not there"))
        })
    }

    /// Holds an answer from a path to what is said of it.
    pub(crate) fn check(&self, path: &str, reply: &Reply) {
        let answers = &self.operation(path)["responses"];
        let answer = self.resolve(&answers[reply.status.to_string()]);
        let kind = reply.header("content-type").unwrap_or_default();
        let schema = &answer["content"][kind]["schema"];
        assert!(schema.is_object(), "{path} is not said to answer {} with {kind}: {reply:?}", reply.status);
        for (name, header) in answer["headers"].as_object().into_iter().flatten() {
            assert_eq!(header["required"], true);
            assert!(reply.header(name).is_some(), "{path}: no {name} in {reply:?}");
        }
        let is_text = kind.starts_with("text/") || kind.starts_with("application/openmetrics");
        let body = if is_text { Value::from(reply.body.as_str()) } else { reply.json() };
        if let Err(why) = self.validate(schema, &body) {
            panic!("{path}: {why}\n{body:#}");
        }
    }

    /// Holds a value to a schema of the document.
    pub(crate) fn validate(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.enable_format_assertions();
        compiler.add_resource(URL, self.document.clone()).unwrap();
        let text = schema.to_string().replace("\"#/", &format!("\"{URL}#/"));
        let here = "https://schemas.invalid/here.json";
        compiler.add_resource(here, serde_json::from_str(&text).unwrap()).unwrap();
        let index = compiler.compile(here, &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
        schemas.validate(value, index).map_err(|error| format!("{error:#}"))
    }
}

/// Every schema with `properties`, with where it stands.
fn objects<'a>(place: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    if value["properties"].is_object() && value["type"] == "object" {
        found.push((place.to_owned(), value));
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        objects(&format!("{place}/{key}"), value, found);
    }
    for value in value.as_array().into_iter().flatten() {
        objects(place, value, found);
    }
}

#[test]
fn every_object_is_closed_and_says_what_is_always_there() {
    let description = Description::read();
    let mut found = vec![];
    objects("schemas", &description.document["components"]["schemas"], &mut found);
    assert!(found.len() > 20);
    for (place, object) in found {
        assert_eq!(object["additionalProperties"], false, "{place}");
        let names: BTreeSet<&str> =
            object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let required: BTreeSet<&str> =
            object["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let optional: Vec<&str> = names.difference(&required).copied().collect();
        let wanted: &[&str] = if place == "schemas/Run" { &["missed", "reason"] } else { &[] };
        assert_eq!(optional, wanted, "{place}");
        assert!(required.is_subset(&names), "{place}");
        for (name, property) in object["properties"].as_object().unwrap() {
            let says = description.resolve(property)["description"].is_string();
            assert!(says || property["description"].is_string(), "{place} {name} is not described");
        }
    }
}

#[test]
fn every_schema_is_one_and_is_used() {
    let description = Description::read();
    let text = description.document.to_string();
    for name in description.document["components"]["schemas"].as_object().unwrap().keys() {
        let reference = format!("#/components/schemas/{name}");
        assert!(text.contains(&format!("\"{reference}\"")), "{name} is of no use");
        assert!(description.validate(&json!({ "$ref": reference }), &json!([[]])).is_err(), "{name}");
    }
    for name in description.document["components"]["responses"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("\"#/components/responses/{name}\"")), "{name} is of no use");
    }
}

#[test]
fn the_words_are_those_of_the_program() {
    let description = Description::read();
    let words = |name: &str| {
        let words = description.document["components"]["schemas"][name]["enum"].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(words("JobState"), JobState::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>());
    assert_eq!(words("RunState"), RunState::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>());
    assert_eq!(words("Trigger"), Trigger::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>());
    assert_eq!(words("Outcome"), Outcome::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>());
    assert_eq!(words("DebtState"), DebtState::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>());
    assert_eq!(words("Verdict"), Verdict::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>());
}

#[test]
fn a_job_by_itself_is_the_same_with_its_file() {
    let description = Description::read();
    let schemas = &description.document["components"]["schemas"];
    let mut in_full = schemas["JobInFull"]["properties"].as_object().unwrap().clone();
    assert!(in_full.remove("file").is_some());
    assert_eq!(Value::Object(in_full), schemas["Job"]["properties"]);
}

/// The routes that a source file has, as the description writes them.
fn routes(source: &str, prefix: &str) -> BTreeSet<String> {
    let paths = source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
    paths.map(|path| format!("{prefix}{}", path.replace("{*", "{"))).collect()
}

#[test]
fn it_has_the_paths_of_the_router_and_no_other() {
    let api = routes(include_str!("../../src/http/api/mod.rs"), "/api/v1");
    let others = routes(include_str!("../../src/http/routes.rs"), "");
    let is_page = |path: &str| path == "/" || path.starts_with("/jobs/") || path.starts_with("/accounts/");
    let wanted: BTreeSet<String> =
        api.into_iter().chain(others.into_iter().filter(|path| !is_page(path))).collect();
    let description = Description::read();
    assert_eq!(description.paths().into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn the_document_for_administrators_names_every_path_and_what_it_takes() {
    let document = include_str!("../../docs/http.md");
    let description = Description::read();
    for path in description.paths() {
        let row = document.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{path}`")));
        let row = row.unwrap_or_else(|| panic!("{path} is not named"));
        for parameter in description.operation(path)["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            assert!(row.contains(name), "{path} {name}");
        }
    }
    // What is shown of an answer is as it is described.
    let (_, shown) = document.split_once("per_page=2'\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let shown: Value = serde_json::from_str(shown).unwrap();
    let jobs = json!({ "$ref": "#/components/schemas/Jobs" });
    assert_eq!(description.validate(&jobs, &shown), Ok(()));
}
