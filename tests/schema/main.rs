//! The schemas for editors and the parser, held to each other in both directions.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod any;
mod documents;
mod files;
mod level;
mod parser;
mod template;

use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use calloff_core::config::{JobDefaults, parse_job, parse_settings};
use calloff_core::diagnostic::{Diagnostic, Severity};
use serde_json::Value;

/// What the jobs in these tests are read against.
const DEFAULTS: &str = r#"
timezone = "Europe/Berlin"
[accounts.acme]
data_center = "eu"
client_id = "1000.ABC"
client_secret = { env = "A" }
refresh_token = { env = "B" }
[[windows.x]]
opens = "0 18 * * FRI"
lasts = "60h"
"#;

/// A kind of file, with its schema and its parser.
struct Kind {
    name: &'static str,
    schema: Value,
    compiled: Schemas,
    index: SchemaIndex,
    defaults: JobDefaults,
}

impl Kind {
    fn both() -> [Self; 2] {
        [Self::new("config"), Self::new("job")]
    }

    fn new(name: &'static str) -> Self {
        let text = std::fs::read_to_string(root().join(format!("schemas/{name}.json"))).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        // A compiler as it is made knows the drafts and can load nothing else.
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        let url = format!("https://schemas.invalid/{name}.json");
        compiler.add_resource(&url, schema.clone()).unwrap();
        let index = compiler.compile(&url, &mut schemas).unwrap();
        let defaults = parse_settings("calloff.toml", DEFAULTS, None).defaults;
        Self { name, schema, compiled: schemas, index, defaults }
    }

    /// What the parser finds wrong with a text.
    fn parse(&self, text: &str) -> Vec<Diagnostic> {
        let found = match self.name {
            "config" => parse_settings("calloff.toml", text, None).settings.diagnostics,
            _ => parse_job(&"x".parse().unwrap(), "x.toml", text, &self.defaults).diagnostics,
        };
        found.into_iter().filter(|found| found.severity == Severity::Error).collect()
    }

    /// What the schema finds wrong with a text, which is TOML.
    fn validate(&self, text: &str) -> Result<(), String> {
        let value: Value = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        self.compiled.validate(&value, self.index).map_err(|error| format!("{error:#}"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The words in a text that stand between backticks.
fn ticked(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
