//! What the parser itself says that it knows, against what the schemas have.

use calloff_core::diagnostic::{Code, Diagnostic};
use serde_json::Value;

use super::level::{Level, levels, resolved};
use super::{DEFAULTS, Kind, ticked};

const NO_KEY: &str = "zzzzzzzzzzzz";

fn find(found: &[Diagnostic], code: Code) -> Option<&Diagnostic> {
    found.iter().find(|found| found.code == code)
}

/// The keys that the parser knows in a table, and what it calls the table.
fn known(kind: &Kind, level: &Level<'_>) -> (Vec<String>, String) {
    let found = kind.parse(&level.file(&[(NO_KEY, "1")]));
    let list = |text: &str, after: &str| {
        let list = text.split_once(after).unwrap_or_else(|| panic!("{text}")).1;
        let mut keys: Vec<String> = ticked(list).into_iter().map(str::to_owned).collect();
        keys.sort_unstable();
        keys
    };
    if let Some(unknown) = found.iter().find(|found| found.message.contains(NO_KEY)) {
        let place = unknown.message.split_once(" in ").unwrap().1.to_owned();
        return (list(unknown.help.as_deref().unwrap(), " may have "), place);
    }
    let secret =
        find(&found, Code::SecretReference).unwrap_or_else(|| panic!("{}: {found:#?}", level.path()));
    (list(&secret.message, "other than"), String::new())
}

#[test]
fn each_table_has_the_keys_that_the_parser_knows_and_no_other() {
    let mut seen = 0;
    for kind in Kind::both() {
        for level in levels(&kind) {
            let (keys, _) = known(&kind, &level);
            assert_eq!(level.keys(), keys, "{} {}", kind.name, level.path());
            assert_eq!(level.table["additionalProperties"], false, "{} {}", kind.name, level.path());
            seen += 1;
        }
    }
    assert!(seen >= 18, "{seen} tables");
}

#[test]
fn each_table_requires_the_keys_that_the_parser_misses() {
    for kind in Kind::both() {
        for level in levels(&kind) {
            let (_, place) = known(&kind, &level);
            let found = kind.parse(&level.file(&[]));
            let end = format!(" is missing from {place}");
            let missed = found.iter().filter(|found| found.code == Code::MissingKey);
            let missed = missed.filter_map(|found| found.message.strip_suffix(&end));
            let mut missed: Vec<&str> = missed.map(|key| key.trim_matches('`')).collect();
            missed.sort_unstable();
            let required = level.table["required"].as_array().into_iter().flatten();
            let mut required: Vec<&str> = required.map(|key| key.as_str().unwrap()).collect();
            required.sort_unstable();
            assert_eq!(required, missed, "{} {}: {found:#?}", kind.name, level.path());
        }
    }
}

/// Every key of every table, with its part of the schema.
fn each_property(mut act: impl FnMut(&Kind, &Level<'_>, &str, &Value)) {
    for kind in Kind::both() {
        for level in levels(&kind) {
            for (key, property) in level.properties() {
                act(&kind, &level, key, property);
            }
        }
    }
}

#[test]
fn each_word_that_the_parser_takes_is_listed_and_no_other() {
    let mut seen = 0;
    each_property(|kind, level, key, property| {
        let is_array = property["items"]["enum"].is_array();
        let Some(words) = property["enum"].as_array().or_else(|| property["items"]["enum"].as_array()) else {
            return;
        };
        let found =
            kind.parse(&level.file(&[(key, if is_array { "[\"zzzzzzzz\"]" } else { "\"zzzzzzzz\"" })]));
        let unknown = find(&found, Code::UnknownWord).unwrap_or_else(|| panic!("{key}: {found:#?}"));
        let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words, ticked(unknown.help.as_deref().unwrap()), "{} {key}", level.path());
        seen += 1;
    });
    assert_eq!(seen, 9);
}

#[test]
fn each_number_has_the_bounds_that_the_parser_names() {
    let mut seen = 0;
    each_property(|kind, level, key, property| {
        if property["type"] != "integer" {
            return;
        }
        let found = kind.parse(&level.file(&[(key, "1_000_000")]));
        let help = find(&found, Code::OutOfRange).unwrap_or_else(|| panic!("{key}: {found:#?}")).help.clone();
        let want = format!(
            "write a whole number from {} to {}, without quotes",
            property["minimum"], property["maximum"]
        );
        assert_eq!(help, Some(want), "{} {key}", level.path());
        seen += 1;
    });
    assert_eq!(seen, 3);
}

#[test]
fn what_the_parser_does_not_support_yet_is_marked_and_nothing_else() {
    let mut seen = 0;
    each_property(|_, level, key, property| {
        let is_marked = property["deprecated"] == true;
        let description = property["description"].as_str().unwrap_or_default();
        assert_eq!(description.ends_with("Not supported yet."), is_marked, "{} {key}", level.path());
        seen += usize::from(is_marked);
    });
    assert_eq!(seen, 0, "these are values of keys");

    let [config, _] = Kind::both();
    for (text, place) in [
        ("state = \"postgres://host/x\"", "/properties/state/anyOf/1"),
        ("log.format = \"journald\"", "/properties/log/properties/format/anyOf/1"),
    ] {
        let text = format!("{text}\n{DEFAULTS}");
        let found = config.parse(&text);
        assert!(matches!(&found[..], [one] if one.code == Code::NotSupported), "{text}: {found:#?}");
        assert_eq!(config.validate(&text), Ok(()));
        assert_eq!(config.schema.pointer(place).unwrap()["deprecated"], true, "{place}");
    }
}

/// What a text that makes no sense is to the parser says what it takes it for.
#[test]
fn each_text_is_of_the_kind_that_the_parser_takes_it_for() {
    each_property(|kind, level, key, property| {
        let found = kind.parse(&level.file(&[(key, "\"?\"")]));
        // Other keys that are missing, or windows that are, are not about this one.
        let kinds = [
            (Code::Duration, "duration"),
            (Code::Cron, "cron"),
            (Code::DateTime, "instant"),
            (Code::UnknownTimeZone, "zone"),
            (Code::Url, "url"),
            (Code::InlineSecret, "secret"),
        ];
        let taken_for = kinds.iter().find(|(code, _)| find(&found, *code).is_some()).map(|(_, name)| *name);
        let reference = property["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
        let reference = reference.filter(|name| kinds.iter().any(|(_, kind)| kind == name));
        assert_eq!(reference, taken_for, "{} {key}: {found:#?}", level.path());
    });
}

#[test]
fn no_key_takes_a_number_with_a_fraction_or_is_without_a_description() {
    each_property(|kind, level, key, property| {
        for value in ["1.5", "[[1.5]]", "{ zzzzzz = 1.5 }"] {
            let text = level.file(&[(key, value)]);
            assert!(kind.validate(&text).is_err(), "{} {key} = {value}", level.path());
            assert!(!kind.parse(&text).is_empty());
        }
        let described = |node: &Value| node["description"].is_string();
        assert!(described(property) || described(resolved(&kind.schema, property)), "{} {key}", level.path());
    });
}
