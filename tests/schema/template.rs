//! The files that `init` writes: every key is in them, and what they call a default is one.

use calloff_core::config::{Job, parse_job, parse_settings};

use super::level::levels;
use super::{Kind, read};

fn template(kind: &Kind) -> String {
    read(if kind.name == "config" {
        "src/cli/init/template/calloff.toml"
    } else {
        "src/cli/init/template/jobs/first.toml"
    })
}

/// The text with every default switched on: the lines that begin with `#` and a key.
fn switched_on(text: &str) -> (String, usize) {
    let mut count = 0;
    let lines: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => {
                count += 1;
                rest
            }
            _ => line,
        })
        .collect();
    (lines.join("\n"), count)
}

#[test]
fn a_key_with_a_number_sign_before_it_has_its_default() {
    let [config, job] = Kind::both();
    let text = template(&config);
    let (on, count) = switched_on(&text);
    let settings = |text: &str| parse_settings("calloff.toml", text, None);
    let written = settings(&text);
    assert_eq!(written.settings.diagnostics, []);
    let mut expected = written.settings.value.unwrap();
    // The level that nobody has set depends on who reads the log.
    let level = settings(&on).settings.value.unwrap().log.level;
    assert!(expected.log.level.is_none() && level.is_some());
    expected.log.level = level;
    assert_eq!((settings(&on).settings.value, count), (Some(expected), 14));

    let text = template(&job);
    let (on, count) = switched_on(&text);
    let parse = |text: &str| parse_job(&"first".parse().unwrap(), "first.toml", text, &written.defaults);
    assert_eq!(parse(&text).diagnostics, []);
    assert!(!parse(&text).value.unwrap().enabled);
    // The same, whatever the text.
    let means = |text: &str| parse(text).value.map(|job| Job { text: "".into(), ..job });
    assert_eq!((means(&on), count), (means(&text), 6));
    for (kind, text) in [(&config, template(&config)), (&job, text)] {
        assert_eq!(kind.validate(&switched_on(&text).0), Ok(()));
    }
}

#[test]
fn every_key_that_is_supported_is_in_a_template() {
    for kind in Kind::both() {
        let text = template(&kind);
        let mut seen = 0;
        for level in levels(&kind) {
            for (key, property) in level.properties() {
                let is_for_later =
                    property["description"].as_str().is_some_and(|text| text.ends_with("Not supported yet."));
                if is_for_later {
                    continue;
                }
                let is_there = [
                    format!("{key} = "),
                    format!("[{key}]"),
                    format!("[{key}."),
                    format!("[[{key}."),
                    format!(".{key}]"),
                ];
                assert!(is_there.iter().any(|text_of| text.contains(text_of)), "{} {key}", level.path());
                seen += usize::from(!level.is_secret());
            }
        }
        assert!(seen > 20, "{} {seen}", kind.name);
    }
}
