//! What a person sees at a terminal: `status` and `history` in one, and `status --watch` live.

#![allow(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use rstest::rstest;
use support::daemon::Daemon;
use support::program::Place;
use support::terminal::Terminal;
use unicode_width::UnicodeWidthStr as _;

const SCENARIO: &str = "[[accounts.acme.backups]]\nid = \"42\"\n";
const LATER: &str = "backups = [\"42\"]\n[schedule]\nat = \"2090-01-01T00:00:00Z\"\n";
const USUAL: (u16, u16) = (80, 24);

fn place(jobs: &[&str]) -> Place {
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|name| (*name, LATER)).collect();
    Place::new(SCENARIO, "", &jobs)
}

fn watch(place: &Place, interval: &str) -> Terminal {
    Terminal::start(place, &["status", "--watch", "--interval", interval], USUAL, &[])
}

#[test]
fn a_pause_by_another_command_is_seen_and_ctrl_c_restores_the_terminal() {
    let place = place(&["a", "eu/b"]);
    let daemon = Daemon::start(&place);
    let mut terminal = watch(&place, "100ms");
    let screen = terminal.wait_for(&place, "daemon: running");
    assert!(screen.contains("2 jobs  ● 2 armed") && !screen.contains("paused"), "{screen}");
    assert_eq!(terminal.turns(), (1, false));
    assert_eq!(place.run(&["pause", "eu/b", "--for", "2h", "--reason", "not now"]).code, 0);
    let screen = terminal.wait_for(&place, "‖ paused");
    assert!(screen.contains("not now") && screen.contains("‖ 1 paused  ● 1 armed"), "{screen}");
    assert_eq!(place.run(&["resume", "eu/b"]).code, 0);
    terminal
        .wait_until(&place, "it goes on", |screen| screen.contains("2 armed") && !screen.contains("paused"));
    terminal.press("\x03");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(Terminal::is_restored(&shown), "{shown:?}");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_daemon_that_goes_and_comes_back_is_shown_and_so_are_broken_files() {
    let place = place(&["a"]);
    let daemon = Daemon::start(&place);
    let terminal = watch(&place, "100ms");
    terminal.wait_for(&place, "daemon: running");
    assert_eq!(daemon.stop(), Some(0));
    let screen = terminal.wait_for(&place, "the daemon is gone since");
    assert!(screen.contains("daemon: not running") && screen.contains("● armed"), "{screen}");
    let daemon = Daemon::start(&place);
    let running = format!("daemon: running, pid {}", daemon.child().id());
    let screen = terminal.wait_for(&place, &running);
    assert!(!screen.contains("gone"), "{screen}");

    let settings = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
    place.write("calloff.toml", "nonsense");
    let screen = terminal.wait_for(&place, "files: rejected");
    assert!(screen.contains(&running) && screen.contains("`calloff check` says more"), "{screen}");
    place.write("calloff.toml", &settings);
    terminal.wait_until(&place, "they are right again", |screen| !screen.contains("`calloff check`"));
    terminal.signal("TERM");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(Terminal::is_restored(&shown), "{shown:?}");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn what_is_shown_fits_the_terminal_however_that_changes() {
    let names: Vec<String> = (0..40).map(|number| format!("job-{number:02}")).collect();
    let place = place(&names.iter().map(String::as_str).collect::<Vec<_>>());
    // Without a daemon, and without an interval that would do it.
    let mut terminal = watch(&place, "1h");
    terminal.wait_for(&place, "and 21 more: calloff status --all");
    for (size, jobs) in [((60, 12), 7), ((120, 60), 40), ((40, 4), 0)] {
        terminal.resize(size);
        let (columns, lines) = (usize::from(size.0), usize::from(size.1));
        terminal.wait_until(&place, &format!("it fits {size:?}"), |screen| {
            screen.lines().count() <= lines
                && screen.lines().all(|line| line.width() <= columns)
                && screen.lines().filter(|line| line.starts_with("job-")).count() == jobs
        });
    }
    terminal.press("\x03");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_it_goes_on() {
    let place = place(&["a"]);
    let mut terminal = watch(&place, "1h");
    terminal.wait_for(&place, "● armed");
    terminal.press("\x1a");
    place.wait_until("the screen is left", |_| terminal.turns() == (1, true));
    place.write("jobs/b.toml", &format!("account = \"acme\"\n{LATER}"));
    terminal.signal("CONT");
    terminal.wait_for(&place, "2 jobs");
    assert_eq!(terminal.turns(), (2, false));
    terminal.press("\x03");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(Terminal::is_restored(&shown), "{shown:?}");
}

#[rstest]
#[case(&["status", "--watch"], "standard output is none")]
#[case(&["status", "--watch", "--json"], "'--watch' cannot be used with '--json'")]
#[case(&["status", "--watch", "--all"], "'--watch' cannot be used with")]
#[case(&["status", "--interval", "1s"], "--watch")]
#[case(&["status", "--watch", "--interval", "0s"], "100ms at least")]
fn a_watch_takes_a_terminal(#[case] args: &[&str], #[case] why: &str) {
    let done = place(&["a"]).run(args);
    assert_eq!((done.code, done.stdout.as_str()), (64, ""), "{}", done.stderr);
    assert!(done.stderr.contains(why), "{}", done.stderr);
}

#[test]
fn a_terminal_that_can_not_be_drawn_on_is_left_alone() {
    let place = place(&["a"]);
    let terminal = Terminal::start(&place, &["status", "--watch"], USUAL, &[("TERM", "dumb")]);
    let (code, shown) = terminal.end();
    assert!(code == 64 && !shown.contains('\x1b'), "{code}: {shown:?}");
    place.write("calloff.toml", "nonsense");
    let (code, shown) = Terminal::start(&place, &["status", "--watch"], USUAL, &[]).end();
    assert!(
        code == 78 && shown.contains("calloff.toml:1:") && !shown.contains("\x1b[?"),
        "{code}: {shown:?}"
    );
}

#[test]
fn shapes_are_for_terminals_and_colours_for_those_that_want_them() {
    let place = place(&["a"]);
    assert_eq!(place.run(&["trigger", "a"]).code, 0);
    for (command, shape) in [("status", "● armed"), ("history", "✓ succeeded")] {
        let (code, shown) = Terminal::start(&place, &[command], USUAL, &[]).end();
        assert!(code == 0 && shown.contains(shape) && shown.contains("\x1b[32m"), "{shown:?}");
        let (_, shown) = Terminal::start(&place, &[command], USUAL, &[("NO_COLOR", "1")]).end();
        assert!(shown.contains(shape) && !shown.contains('\x1b'), "{shown:?}");
        let piped = place.run(&[command]).stdout;
        assert!(piped.is_ascii() && !piped.contains('\x1b'), "{piped:?}");
        assert!(
            piped.lines().next().unwrap().starts_with(' '),
            "the first line is that of the headings: {piped}"
        );
    }
    let mut terminal =
        Terminal::start(&place, &["status", "--watch", "--interval", "1h"], USUAL, &[("NO_COLOR", "1")]);
    terminal.wait_for(&place, "● armed");
    assert!(!terminal.shown().contains("\x1b[32m"));
    terminal.press("\x03");
    assert_eq!(terminal.end().0, 0);
}
