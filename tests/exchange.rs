//! `auth exchange`: a code becomes a refresh token, is never wasted, and nothing secret is seen.

#![expect(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Child, Stdio};

use rstest::rstest;
use serde_json::{Value, json};
use support::program::{Done, Place, SECRET, TOKEN, files, signal};

/// Likewise a canary.
const CODE: &str = "1000.canary0code0123456789abcdef.0123456789abcdef";
const FILE: &str = "secrets/acme-refresh-token";
const JOB: &str = "backups = [\"42\"]\n[schedule]\nat = \"2090-01-01T00:00:00Z\"\n";

/// A place where the code is good, and the account takes its refresh token from a file that is not there.
fn place(scenario: &str) -> Place {
    let zoho = format!("[accounts.acme]\ngrant_code = \"{CODE}\"\nrefresh_token = \"{TOKEN}\"\n{scenario}");
    let place = Place::new(&zoho, "", &[("job", JOB)]);
    place.set_account_key("refresh_token", &format!("{{ file = \"{FILE}\" }}"));
    std::fs::create_dir(place.path("secrets")).unwrap();
    place
}

fn start(place: &Place, args: &[&str]) -> Child {
    let args = [&["auth", "exchange", "-a", "acme"], args].concat();
    let mut command = place.command(&args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn give(mut child: Child, text: &str) -> Done {
    // One that has ended already reads nothing.
    drop(child.stdin.take().unwrap().write_all(text.as_bytes()));
    Done::from(child.wait_with_output().unwrap())
}

/// Exchanges the code that is given on standard input.
fn exchange(place: &Place, args: &[&str]) -> Done {
    give(start(place, args), &format!("{CODE}\n"))
}

/// What is in the folder of secrets.
fn kept(place: &Place) -> Vec<(String, String)> {
    let read = |(path, bytes): (std::path::PathBuf, Vec<u8>)| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), String::from_utf8(bytes).unwrap())
    };
    files(&place.path("secrets")).into_iter().map(read).collect()
}

#[test]
fn a_code_becomes_a_refresh_token_in_the_file_that_the_account_names() {
    let place = place("");
    let done = exchange(&place, &["--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let row = json!({
        "account": "acme", "file": place.path(FILE).strip_prefix(place.folder.path()).unwrap(),
        "scopes": ["ZohoCRM.bulk.backup.ALL"], "missing": [], "api_domain": place.zoho.url(),
    });
    assert_eq!(done.json(), [row]);
    assert_eq!(kept(&place), [("acme-refresh-token".to_owned(), format!("{TOKEN}\n"))]);
    let token = std::fs::metadata(place.path(FILE)).unwrap().permissions().mode();
    assert_eq!(token & 0o777, 0o600);
    assert_eq!(place.requests(), 1, "one request, and never another");
    assert_eq!(place.run(&["auth", "check"]).code, 0, "it is what the account was waiting for");
}

#[test]
fn the_code_may_come_from_a_file_and_the_token_may_go_elsewhere() {
    let place = place("");
    place.write("code.txt", &format!("  {CODE} \r\nand a note\n"));
    let done =
        place.run(&["auth", "exchange", "-a", "acme", "--code-file", "code.txt", "--out", "secrets/x"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.stdout, "`secrets/x` has the refresh token of account `acme`\n");
    assert_eq!(kept(&place), [("x".to_owned(), format!("{TOKEN}\n"))]);
    assert!(done.stderr.contains("does not read its refresh token from there"), "{}", done.stderr);
}

#[test]
fn a_credential_is_handed_over_by_a_restart() {
    let place = place("");
    place.set_account_key("refresh_token", "{ credential = \"rt\" }");
    let unknown = exchange(&place, &[]);
    assert_eq!((unknown.code, place.requests()), (64, 0));
    assert!(unknown.stderr.contains("/etc/calloff/credentials/rt"), "{}", unknown.stderr);
    let done = exchange(&place, &["--out", "secrets/rt"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("the credential `rt`") && done.stderr.contains("restart the service"));
    assert!(!done.stderr.contains("does not read"), "{}", done.stderr);
}

#[test]
fn on_request_the_token_is_all_that_is_printed() {
    let place = place("");
    place.set_account_key("refresh_token", "{ env = \"ACME_TOKEN\" }");
    let done = exchange(&place, &["--stdout"]);
    assert_eq!((done.code, done.stdout), (0, format!("{TOKEN}\n")), "{}", done.stderr);
    assert!(kept(&place).is_empty());
}

#[test]
fn the_example_that_encrypts_keeps_the_old_token_if_the_code_is_refused() {
    let place = place("");
    let help = place.run(&["auth", "exchange", "--help"]).stdout;
    let script = help.split_once("  token=$(").unwrap().1;
    let program = env!("CARGO_BIN_EXE_calloff");
    let script = format!("token=$({script}").replace("calloff auth", &format!("'{program}' auth"));
    let script = script.replace("systemd-creds encrypt --name=acme-refresh-token -", "tee");
    place.write("acme-refresh-token", "old");
    for (code, wanted) in [("1000.another", "old"), (CODE, TOKEN)] {
        place.write("code.txt", code);
        let mut shell = place.command_of(std::path::Path::new("sh"), &["-c", &script]);
        let done = Done::from(shell.output().unwrap());
        assert_eq!(done.code == 0, code == CODE, "{}", done.stderr);
        assert_eq!(std::fs::read_to_string(place.path("acme-refresh-token")).unwrap(), wanted);
    }
}

#[rstest]
#[case::code("\"invalid_code\"", 77, "good once")]
#[case::client("\"invalid_client\"", 77, "`data_center`")]
#[case::secret("\"invalid_client_secret\"", 77, "`client_secret`")]
#[case::kind("\"invalid_redirect_uri\"", 77, "Self Client")]
#[case::throttled("\"throttled\"", 69, "ten minutes")]
#[case::localised("\"throttled-localised\"", 69, "ten minutes")]
#[case::gone("\"drop\"", 69, "may have been used")]
#[case::lost("\"drop-after\"", 69, "may have been used")]
#[case::broken("\"html-502\"", 69, "502")]
#[case::garbage("\"garbage\"", 69, "may have been used")]
#[case::redirect("\"redirect\"", 77, "`accounts_url`")]
#[case::access_only("\"no-refresh-token\"", 1, "Self Client")]
fn what_zoho_refuses_has_its_exit_code_and_hint_and_leaves_nothing_behind(
    #[case] fault: &str,
    #[case] code: i32,
    #[case] hint: &str,
) {
    let place = place(&format!("[accounts.acme.faults]\ntoken = [{fault}]\n"));
    let done = exchange(&place, &["--json"]);
    assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{}", done.stderr);
    assert!(done.stderr.contains(hint), "{}", done.stderr);
    assert!(done.stderr.contains("account `acme`"), "{}", done.stderr);
    assert_eq!((place.requests(), kept(&place)), (1, vec![]), "the code is not sent twice");
}

#[test]
fn a_code_that_was_used_or_is_another_is_refused() {
    let place = place("");
    assert_eq!(exchange(&place, &[]).code, 0);
    assert_eq!(exchange(&place, &["--force"]).code, 77);
    assert_eq!(give(start(&place, &["--force"]), "1000.another\n").code, 77);
    assert_eq!(kept(&place), [("acme-refresh-token".to_owned(), format!("{TOKEN}\n"))], "the old one stays");
}

#[test]
fn a_code_is_not_sent_if_its_token_would_have_nowhere_to_go() {
    let place = place("");
    place.write(FILE, "mine");
    symlink("nowhere", place.path("secrets/link")).unwrap();
    for (args, said) in [
        (&[][..], "--force"),
        (&["--out", FILE], "--force"),
        (&["--out", "secrets/link"], "--force"),
        (&["--out", "secrets", "--force"], "is no file"),
        (&["--out", "nowhere/x"], "make the folder"),
        (&["--out", "calloff.toml/x"], "make the folder"),
        (&["--out", "x", "--stdout"], "cannot be used with"),
        (&["--stdout", "--json"], "cannot be used with"),
    ] {
        let done = exchange(&place, args);
        assert_eq!((done.code, done.stdout.as_str()), (64, ""), "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{args:?}: {}", done.stderr);
    }
    place.set_account_key("refresh_token", "{ env = \"ACME_TOKEN\" }");
    let done = exchange(&place, &[]);
    assert_eq!(done.code, 64);
    assert!(done.stderr.contains("`ACME_TOKEN`") && done.stderr.contains("--out"), "{}", done.stderr);
    assert_eq!((place.requests(), std::fs::read_to_string(place.path(FILE)).unwrap().as_str()), (0, "mine"));
    assert_eq!(std::fs::read_dir(place.path("secrets")).unwrap().count(), 2);
}

#[test]
fn a_file_is_replaced_on_request() {
    let place = place("");
    place.write(FILE, "old");
    assert_eq!(exchange(&place, &["--force"]).code, 0);
    assert_eq!(kept(&place), [("acme-refresh-token".to_owned(), format!("{TOKEN}\n"))]);
}

#[test]
fn what_is_no_code_is_not_sent_nor_shown() {
    let place = place("");
    for text in ["", "\n", "canary code\n", "canary\u{1b}[31m\n"] {
        let done = give(start(&place, &[]), text);
        assert_eq!(done.code, 64, "{}", done.stderr);
        assert!(!done.stderr.contains("canary"), "{}", done.stderr);
    }
    let done = place.run(&["auth", "exchange", "-a", "acme", "--code-file", "nowhere"]);
    assert_eq!(done.code, 64, "{}", done.stderr);
    assert!(done.stderr.contains("`nowhere`"), "{}", done.stderr);
    let done = place.run(&["auth", "exchange", "-a", "acme", CODE]);
    assert_eq!(done.code, 64, "a code is no argument");
    assert_eq!((place.requests(), kept(&place)), (0, vec![]));
}

#[test]
fn a_token_that_can_not_be_handed_over_is_said_to_be_lost() {
    let place = place("");
    let mut child = start(&place, &["--stdout"]);
    drop(child.stdout.take());
    let done = give(child, CODE);
    assert_eq!(done.code, 69, "{}", done.stderr);
    assert!(
        done.stderr.contains("so it is lost: Broken pipe") && done.stderr.contains("another code"),
        "{}",
        done.stderr
    );
    assert_eq!(place.requests(), 1);
}

/// A place where Zoho takes its time, and what is done while it does.
fn meanwhile(scenario: &str, act: impl FnOnce(&Place, &Child)) -> (Place, Done) {
    let place = place(&format!("{scenario}[accounts.acme.faults]\ntoken = [{{ delay = \"2s\" }}]\n"));
    let mut child = start(&place, &[]);
    drop(child.stdin.take().map(|mut stdin| stdin.write_all(CODE.as_bytes())));
    place.wait_until("Zoho is asked", |place| place.requests() == 1);
    act(&place, &child);
    let done = Done::from(child.wait_with_output().unwrap());
    (place, done)
}

#[test]
fn a_token_whose_place_was_taken_meanwhile_is_kept_beside_it() {
    let (place, done) = meanwhile("", |place, _| place.write(FILE, "mine"));
    assert_eq!((done.code, done.stdout.as_str()), (69, ""), "{}", done.stderr);
    let mut kept = kept(&place);
    kept.sort_by_key(|(name, _)| name == "acme-refresh-token");
    let [(beside, token), (_, mine)] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!((token, mine.as_str()), (&format!("{TOKEN}\n"), "mine"));
    assert!(done.stderr.contains(&format!("/secrets/{beside}`, as it couldn't be put")), "{}", done.stderr);
    assert!(done.stderr.contains("move it") && !done.stderr.contains("lost"), "{}", done.stderr);
}

#[rstest]
fn a_token_that_is_written_is_no_failure_whatever_happens_then(#[values("", "--json")] form: &str) {
    let place = place("");
    place.write("code.txt", CODE);
    let args = ["auth", "exchange", "-a", "acme", "--code-file", "code.txt", form];
    let mut command = place.command(&args[..if form.is_empty() { 6 } else { 7 }]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let done = Done::from(command.stdout(full).output().unwrap());
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("is in `secrets/acme-refresh-token` all the same"), "{}", done.stderr);
    assert!(done.stderr.contains("Zoho granted"), "{}", done.stderr);
    assert_eq!(kept(&place), [("acme-refresh-token".to_owned(), format!("{TOKEN}\n"))]);

    let (place, done) = meanwhile("", |place, _| std::fs::remove_file(place.path("calloff.toml")).unwrap());
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(kept(&place), [("acme-refresh-token".to_owned(), format!("{TOKEN}\n"))]);
}

#[rstest]
fn a_signal_does_not_lose_the_token_that_is_on_its_way(#[values("INT", "TERM", "HUP")] name: &str) {
    let (place, done) = meanwhile("", |_, child| {
        signal(child, name);
        signal(child, name);
    });
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("after 30s at the latest"), "{}", done.stderr);
    assert_eq!(kept(&place), [("acme-refresh-token".to_owned(), format!("{TOKEN}\n"))]);
}

#[test]
fn a_signal_before_the_code_is_sent_ends_it_and_leaves_nothing_behind() {
    let place = place("");
    let child = start(&place, &[]);
    place.wait_until("it runs", |_| {
        std::fs::read_link(format!("/proc/{}/exe", child.id()))
            .is_ok_and(|program| program.file_name().is_some_and(|name| name == "calloff"))
    });
    signal(&child, "INT");
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!((done.code, place.requests(), kept(&place)), (-1, 0, vec![]), "{}", done.stderr);
}

#[test]
fn job_files_may_be_wrong_but_not_calloff_toml_nor_the_client_secret() {
    let wrong = place("");
    wrong.write("jobs/wrong.toml", "backups = [\"12a\"]\n");
    let done = exchange(&wrong, &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("calloff check") && !done.stderr.contains("E0"), "{}", done.stderr);

    for (key, value, code) in [
        ("client_secret", "{ env = \"NOT_SET\" }", 78),
        ("client_secret", "\"1000.canary\"", 78),
        ("colour", "1", 78),
    ] {
        let place = place("");
        place.set_account_key(key, value);
        let done = exchange(&place, &[]);
        assert_eq!((done.code, place.requests()), (code, 0), "{}", done.stderr);
    }
    let place = place("");
    let done = give(
        place
            .command(&["auth", "exchange", "-a", "acne"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
        CODE,
    );
    assert_eq!(done.code, 64);
    assert!(done.stderr.contains("did you mean `acme`?"), "{}", done.stderr);
}

#[test]
fn the_scopes_that_jobs_need_and_zoho_did_not_grant_are_named() {
    let granted = "scopes = [\"ZohoCRM.bulk.backup.UPDATE\"]\n";
    let place = place(granted);
    let done = exchange(&place, &["--json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.json()[0]["missing"], json!(["ZohoCRM.bulk.backup.READ"]));
    for said in [
        "Zoho granted ZohoCRM.bulk.backup.UPDATE",
        "ZohoCRM.bulk.backup.READ is missing, for `verify` in job `job`",
        "generate another code, with ZohoCRM.bulk.backup.READ and .UPDATE",
    ] {
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
    }
    let silent = self::place("names_scopes = false\n");
    let done = exchange(&silent, &["--json"]);
    assert_eq!((&done.json()[0]["scopes"], &done.json()[0]["missing"]), (&Value::Null, &Value::Null));
    assert!(done.stderr.contains("calloff auth check -a acme"), "{}", done.stderr);
}

#[test]
fn another_data_centre_than_the_configured_one_is_told() {
    let place = place("api_domain = \"https://www.zohoapis.com\"\n");
    let done = exchange(&place, &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("https://www.zohoapis.com") && done.stderr.contains("`data_center`"),
        "{}",
        done.stderr
    );
}

#[test]
fn nothing_secret_is_seen_whatever_happens() {
    let echo = "\"ok\", \"invalid_code\", \"garbage\", \"drop-after\", \"html-502\", \"no-refresh-token\"";
    let place = place(&format!("[accounts.acme.faults]\ntoken = [{echo}]\n"));
    let mut shown = String::new();
    for _ in 0..7 {
        let done = exchange(&place, &["--force", "--log-level", "trace=trace,trace"]);
        shown += &(done.stdout + &done.stderr);
    }
    for canary in [SECRET, CODE, TOKEN, "1000.sim"] {
        assert!(!shown.contains(canary), "`{canary}` was shown");
    }
    let mut paths = vec![];
    for (path, bytes) in files(place.folder.path()) {
        for canary in [SECRET, CODE, TOKEN, "1000.sim"] {
            if bytes.windows(canary.len()).any(|window| window == canary.as_bytes()) {
                paths.push((
                    path.strip_prefix(place.folder.path()).unwrap().to_str().unwrap().to_owned(),
                    canary,
                ));
            }
        }
    }
    assert_eq!(paths, [(FILE.to_owned(), TOKEN)]);
}
