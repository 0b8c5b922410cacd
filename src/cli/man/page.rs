//! One page of the manual.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::error::Error;

/// The section for commands that anybody may run.
const SECTION: &str = "1";

/// Such as `calloff-restore-pay.1`.
pub(super) fn file_name(command: &Command) -> String {
    format!("{}.{SECTION}", name(command))
}

fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page as roff. It has no date, so that the same program always gives the same page.
pub(super) fn render(command: &Command) -> Result<Vec<u8>, Error> {
    let man = Man::new(command.clone())
        .source(concat!("calloff ", env!("CARGO_PKG_VERSION")))
        .manual("Calloff")
        .section(SECTION);
    let mut page = Vec::new();
    write(&man, command, &mut page).map_err(|error| Error::Internal(error.to_string()))?;
    let page = String::from_utf8(page).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(ascii(&page).into_bytes())
}

/// The text with every other character as roff spells it, for those who read a page without being told its encoding.
fn ascii(page: &str) -> String {
    let spelt = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\[u{:04X}]", u32::from(c)) };
    page.chars().map(spelt).collect()
}

fn write(man: &Man, command: &Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    let mut roff = Roff::new();
    if let Some(help) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        add_sections(&Sections::of(&help.to_string()), &mut roff);
    }
    see_also(command, &mut roff);
    roff.to_writer(page)
}

/// What stands behind the options in `--help`, parted as the manual has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sections {
    notes: Vec<String>,
    exit_status: Vec<(String, String)>,
    examples: Vec<String>,
}

impl Sections {
    fn of(help: &str) -> Self {
        let mut sections = Self::default();
        for paragraph in help.trim_end().split("\n\n") {
            if let Some(codes) = paragraph.strip_prefix("Exit codes:") {
                sections.exit_status = exit_codes(codes);
            } else if let Some(lines) =
                paragraph.strip_prefix("Examples:\n").or_else(|| paragraph.strip_prefix("Example:\n"))
            {
                sections.examples =
                    lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned()).collect();
            } else {
                sections.notes.push(paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
        sections
    }
}

/// Parts "0 done; 1 a target failed; 2 likewise." at its codes.
fn exit_codes(text: &str) -> Vec<(String, String)> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut codes: Vec<(String, String)> = Vec::new();
    for part in text.trim_end_matches('.').split("; ") {
        match (part.split_once(' '), codes.last_mut()) {
            (Some((code, meaning)), _) if code.bytes().all(|byte| byte.is_ascii_digit()) => {
                codes.push((code.to_owned(), meaning.to_owned()));
            }
            // A semicolon within the meaning.
            (_, Some((_, meaning))) => *meaning = format!("{meaning}; {part}"),
            (_, None) => codes.push((String::new(), part.to_owned())),
        }
    }
    codes
}

fn add_sections(sections: &Sections, roff: &mut Roff) {
    if !sections.notes.is_empty() {
        roff.control("SH", ["NOTES"]);
    }
    for (place, note) in sections.notes.iter().enumerate() {
        if place > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(note)]);
    }
    if !sections.exit_status.is_empty() {
        roff.control("SH", ["EXIT STATUS"]);
    }
    for (code, meaning) in &sections.exit_status {
        roff.control("TP", []);
        roff.text([bold(code)]);
        roff.text([roman(meaning)]);
    }
    if !sections.examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        roff.control("nf", []);
        for line in &sections.examples {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
}

/// The page that this one stands below.
fn see_also(command: &Command, roff: &mut Roff) {
    let Some(parent) = name(command).strip_suffix(&format!("-{}", command.get_name())) else { return };
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold(parent), roman(format!("({SECTION})"))]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_is_not_ascii_is_spelt() {
        assert_eq!(ascii("{ file = … } \u{1f600}"), "{ file = \\[u2026] } \\[u1F600]");
    }

    #[test]
    fn what_help_says_after_the_options_is_parted_into_the_sections_of_a_page() {
        let help = "It reads\nfirst.\n\nExit codes: 0 done; 1 a target failed; the others\nran; 64 usage.\n\n\
                    Examples:\n  calloff x\n    --long";
        let sections = Sections::of(help);
        assert_eq!(sections.notes, ["It reads first."]);
        let codes: Vec<(&str, &str)> =
            sections.exit_status.iter().map(|(code, meaning)| (code.as_str(), meaning.as_str())).collect();
        assert_eq!(codes, [("0", "done"), ("1", "a target failed; the others ran"), ("64", "usage")]);
        assert_eq!(sections.examples, ["calloff x", "  --long"]);
    }
}
