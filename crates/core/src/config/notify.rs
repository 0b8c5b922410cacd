//! `[[notify]]`: checked in full, and without behaviour yet.

use super::reader::{Problems, Value};
use super::secret::secret;
use crate::diagnostic::Code;

/// The words of `on`: the events that a webhook may be told of.
const EVENTS: [(&str, ()); 4] = [("failed", ()), ("missed", ()), ("restore_owed", ()), ("recovered", ())];

/// Checks `[[notify]]`.
pub(super) fn notify(value: &Value<'_>, problems: &mut Problems) {
    problems.not_supported(value.key_span(), "`notify`");
    for entry in value.array(problems, "write it as `[[notify]]`").unwrap_or_default() {
        let Some(mut table) = entry.table(problems, "`[[notify]]`".into()) else { continue };
        let help = "say where its URL is: `webhook = { env = \"VAR\" }`";
        if let Some(webhook) = table.require("webhook", problems, help) {
            secret(&webhook, problems);
        }
        if let Some(on) = table.take("on") {
            events(&on, problems);
        }
        table.finish(problems);
    }
}

fn events(value: &Value<'_>, problems: &mut Problems) {
    const HELP: &str = "write an array such as `on = [\"failed\", \"recovered\"]`";
    let Some(words) = value.array(problems, HELP) else { return };
    if words.is_empty() {
        problems.add(Code::BadText, value.span(), "`on` is empty").help(HELP);
    }
    for word in words {
        word.word(problems, &EVENTS);
    }
}
