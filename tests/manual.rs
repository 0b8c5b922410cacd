//! What packages carry: the manual and the completions.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::CommandFactory as _;
use rstest::rstest;

fn calloff(args: &[&str]) -> Output {
    support::program::calloff().args(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let done = calloff(args);
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Every command of the command line with the words that lead to it.
fn commands() -> Vec<Vec<String>> {
    fn below(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        found.push(words.to_vec());
        for command in command.get_subcommands() {
            below(command, &[words, &[command.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    below(&calloff::cli::Cli::command(), &[], &mut found);
    found
}

fn file_names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Whether a program is there; says that a check is left out if it is not.
#[expect(clippy::print_stderr, reason = "whoever reads the test's output shall see what was not tested")]
fn has(program: &str) -> bool {
    let is_there =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !is_there {
        eprintln!("left out: there is no {program} here");
    }
    is_there
}

/// Gives a text to a program that must find nothing wrong with it.
fn assert_accepted(program: &str, args: &[&str], text: &str) {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && said.is_empty(), "{program} {args:?}: {said}");
}

#[test]
fn every_command_has_a_page_in_the_folder_and_the_same_one_by_its_words() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("share/man1");
    let done = calloff(&["man", "--dir", folder.to_str().unwrap()]);
    assert!(done.status.success() && done.stdout.is_empty(), "{done:?}");
    let commands = commands();
    assert!(commands.iter().any(|words| words.join(" ") == "restore pay"), "{commands:?}");
    let file =
        |words: &Vec<String>| format!("{}.1", [&["calloff".to_owned()], &words[..]].concat().join("-"));
    assert_eq!(file_names(&folder), commands.iter().map(file).collect());
    for words in &commands {
        let args: Vec<&str> = ["man"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let page = stdout(&args);
        assert!(page.is_ascii(), "{page}");
        assert_eq!(page, std::fs::read_to_string(folder.join(file(words))).unwrap());
        let title = file(words);
        assert!(page.contains(&format!(".TH {} 1", title.trim_end_matches(".1"))), "{page}");
    }
}

#[test]
fn pages_render_without_a_warning() {
    if !has("groff") {
        return;
    }
    for words in commands() {
        let args: Vec<&str> = ["man"].into_iter().chain(words.iter().map(String::as_str)).collect();
        assert_accepted("groff", &["-man", "-ww", "-z"], &stdout(&args));
    }
}

#[test]
fn a_page_has_what_help_says_of_notes_exit_codes_and_examples() {
    let page = stdout(&["man", "plan"]);
    let [notes, codes, examples] =
        [".SH NOTES\n", ".SH \"EXIT STATUS\"\n", ".SH EXAMPLES\n"].map(|heading| page.find(heading).unwrap());
    assert!(notes < codes && codes < examples, "{page}");
    assert!(page[codes..examples].contains("\\fB77\\fR\nall of them refused the credentials\n"), "{page}");
    assert!(page[examples..].contains("\ncalloff plan \\-\\-until 30d release\\-freeze\n"), "{page}");
}

#[test]
fn a_command_that_does_not_exist_has_no_page_and_neither_has_a_folder_that_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    for (args, said) in [
        (&["man", "retsore"][..], "did you mean `restore`?"),
        (&["man", "restore", "pya"], "did you mean `pay`?"),
        (&["man", "plan", "everything"], "`calloff plan --help`"),
        (&["man", "--dir", file.to_str().unwrap()], "/file`"),
        (&["man", "plan", "--dir", "x"], "cannot be used with"),
        (&["completions", "tcsh"], "[possible values: bash, zsh, fish]"),
        (&["completions"], "required"),
    ] {
        let done = calloff(args);
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(64), "{args:?}: {stderr}");
        assert!(done.stdout.is_empty() && stderr.contains(said), "{args:?}: {stderr}");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "kept");
}

#[rstest]
#[case::bash("bash", &["-n"])]
#[case::zsh("zsh", &["-n"])]
#[case::fish("fish", &["--no-execute"])]
fn completions_name_every_command_and_are_a_script_that_the_shell_can_read(
    #[case] shell: &str,
    #[case] args: &[&str],
) {
    let script = stdout(&["completions", shell]);
    for words in commands() {
        assert!(words.iter().all(|word| script.contains(word.as_str())), "{words:?} is not in {script}");
    }
    if has(shell) {
        assert_accepted(shell, args, &script);
    }
}

#[test]
fn bash_completes_commands_and_options() {
    if !has("bash") {
        return;
    }
    let script = stdout(&["completions", "bash"]);
    let ask = |words: &str| {
        let place = words.split(' ').count() - 1;
        let last = words.rsplit(' ').next().unwrap();
        let previous = words.split(' ').nth(place - 1).unwrap();
        let asking = format!(
            "{script}\nCOMP_WORDS=({words})\nCOMP_CWORD={place}\n_calloff calloff '{last}' '{previous}'\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let done = Command::new("bash").args(["--norc", "-c", &asking]).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    assert!(ask("calloff re").lines().any(|line| line == "restore"), "{}", ask("calloff re"));
    assert_eq!(ask("calloff restore pa"), "pay\n");
    assert_eq!(ask("calloff next --j"), "--json\n");
}
