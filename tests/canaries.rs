//! Secrets are seen nowhere: everything that has one is given a canary, Zoho hands back whatever it was sent, and all
//! that anybody can read is searched.

#![allow(clippy::unwrap_used, reason = "a helper that can't help fails its test")]

mod support;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;
use support::canary::{WORD, forms, leak};
use support::daemon::Daemon;
use support::endpoint::{self, Endpoint, MailServer, Manners};
use support::program::{Done, Place, SECRET, TOKEN, files};
use support::web;

/// The access token that is issued. It does not look like Zoho's: it has to be known to be found.
const ISSUED: &str = "canary-access-token-0123456789";
const HTTP_TOKEN: &str = "canary-http-token-0123456789";
const PASSWORD: &str = "canary-password-0123456789";
const CODE: &str = "1000.canary0grant0code0123456789";

const JOB: &str = "backups = [\"42\", \"43\"]\n[schedule]\nevery = \"1s\"\n";
const READING: &str = "backups = \"current\"\n[schedule]\nat = \"2090-01-01T00:00:00Z\"\n[when]\nstatus = [\"SCHEDULED\"]\n\
     due_within = \"9d\"\nlast_good_backup_within = \"9d\"\n";

/// What the API makes of a request; `{}` stands for all that was sent.
const ANSWERS: [&str; 9] = [
    // Words that decide, words for people, and what nobody asked for.
    "400 Bad Request\r\n\r\n{\"code\":\"{}\",\"message\":\"{}\",\"status\":\"{}\",\"details\":{\"{}\":\"{}\"}}",
    "200 OK\r\n\r\n{\"backup\":{\"code\":\"SUCCESS\",\"message\":\"{}\",\"status\":\"{}\",\"details\":{\"id\":\"{}\"}}}",
    "200 OK\r\n\r\n{\"backup\":{\"id\":\"{}\",\"status\":\"{}\",\"rrule\":\"{}\",\"scheduled_date\":\"{}\",\"requester\":{\"name\":\"{}\"}}}",
    "200 OK\r\n\r\n{\"data\":[{\"id\":\"{}\",\"state\":\"{}\",\"log_time\":\"{}\"}],\"info\":{\"more_records\":\"{}\"}}",
    "302 Found\r\nlocation: http://127.0.0.1:9/{}\r\n\r\n{}",
    "502 {}\r\ncontent-type: text/html\r\n\r\n<html><title>{}</title><body>{}</body>",
    "429 Too Many Requests\r\nretry-after: {}\r\nx-api-credits-remaining: {}\r\n\r\n{\"code\":\"TOO_MANY_REQUESTS\",\"message\":\"{}\"}",
    "401 Unauthorized\r\nwww-authenticate: Basic {}\r\n\r\n{\"code\":\"INVALID_TOKEN\",\"message\":\"{}\",\"details\":{\"retry_after\":\"{}\"}}",
    "{} {}: {}\r\n{}\r\n",
];

/// What the token endpoint makes of one; it issues a token in the first and the last.
const GRANTS: [&str; 4] = [
    "200 OK\r\n\r\n{\"access_token\":\"canary-access-token-0123456789\",\"expires_in\":3600,\"token_type\":\"{}\",\"error_description\":\"{}\"}",
    "400 Bad Request\r\n\r\n{\"error\":\"{}\",\"error_description\":\"{}\"}",
    "500 {}\r\n\r\n<html>{}</html>",
    "200 OK\r\n\r\n{\"access_token\":\"canary-access-token-0123456789\",\"expires_in\":3600,\"scope\":\"{}\",\"api_domain\":\"https://{}\"}",
];

/// A Zoho that hands back whatever it is sent.
#[derive(Clone, Default)]
struct Echo {
    /// Which answer and which grant it gives.
    gives: Arc<Mutex<(usize, usize)>>,
    /// What it was sent.
    sent: Arc<Mutex<String>>,
}

impl Echo {
    fn start() -> (Self, String) {
        let (echo, listener) = (Self::default(), TcpListener::bind("127.0.0.1:0").unwrap());
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = echo.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let echo = serving.clone();
                std::thread::spawn(move || echo.answer(stream));
            }
        });
        (echo, url)
    }

    fn answer(&self, mut stream: TcpStream) {
        let Some(call) = endpoint::read(&stream) else { return };
        let sent = format!("{} {}", call.headers.get("authorization").map_or("", String::as_str), call.body);
        self.sent.lock().unwrap().push_str(&sent);
        let (answer, grant) = *self.gives.lock().unwrap();
        let template = if call.path.contains("oauth") { GRANTS[grant] } else { ANSWERS[answer] };
        let text = template.replace("{}", sent.trim().replace('"', "").as_str());
        // Whoever asked may have seen enough.
        drop(stream.write_all(format!("HTTP/1.1 {text}").as_bytes()));
    }
}

/// A place where everything that can have a secret has one.
struct Everything {
    place: Place,
    zoho: Echo,
    hook: Endpoint,
    mail: MailServer,
}

impl Everything {
    fn new() -> Self {
        let (zoho, url) = Echo::start();
        let (hook, mail) = (Endpoint::start(Manners::Good), MailServer::start());
        let settings = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\ntoken = {{ file = \"secrets/http\" }}\n\
             [retry]\nmax_attempts = 2\ninitial_delay = \"1ms\"\ngive_up_after = \"2s\"\n[ping]\nurl = {{ file = \"secrets/ping\" }}\n\
             [[notify]]\nwebhook = {{ file = \"secrets/hook\" }}\n[[notify]]\n[notify.email]\nto = [\"ops@example.com\"]\n\
             from = \"calloff@example.com\"\nsmtp = \"smtp://127.0.0.1:{}\"\nusername = \"me\"\n\
             password = {{ file = \"secrets/password\" }}\n",
            mail.port
        );
        let place = Place::new("[accounts.acme]\n", &settings, &[("job", JOB), ("reading", READING)]);
        let text = std::fs::read_to_string(place.path("calloff.toml")).unwrap();
        let text = text.replace(&place.zoho.url(), &url);
        place.write("calloff.toml", &text.replace("env = \"ACME_TOKEN\"", "file = \"secrets/refresh\""));
        for (name, secret) in [
            ("http", HTTP_TOKEN),
            ("ping", hook.url()),
            ("hook", hook.url()),
            ("password", PASSWORD),
            ("code", CODE),
            ("refresh", TOKEN),
        ] {
            let name = format!("secrets/{name}");
            place.write(&name, secret);
            std::fs::set_permissions(place.path(&name), PermissionsExt::from_mode(0o600)).unwrap();
        }
        Self { place, zoho, hook, mail }
    }

    /// Every command that speaks with Zoho or shows what was kept of that, and what it printed.
    fn commands(&self) -> Vec<(String, String)> {
        let commands: [&[&str]; 12] = [
            &["trigger", "job", "--json"],
            &["trigger", "reading"],
            &["cancel", "42", "--account", "acme"],
            &["plan"],
            &["explain", "reading", "--at", "2090-01-01T00:00:00Z", "--json"],
            &["backup", "show", "--account", "acme"],
            &["backup", "history", "--account", "acme", "--json"],
            &["backup", "schedule", "--account", "acme", "--rrule", "RRULE:FREQ=WEEKLY;INTERVAL=1"],
            &["auth", "check"],
            &["doctor"],
            &["history", "--json"],
            &["auth", "exchange", "-a", "acme", "--code-file", "secrets/code", "--force"],
        ];
        let run = |args: &[&str]| {
            let command = self.place.command(args).env("CALLOFF_LOG", "trace=trace,trace").output();
            let done = Done::from(command.unwrap());
            assert!(done.code != 70 && done.code != 64, "{args:?}: {}", done.stderr);
            (args.join(" "), done.stdout + &done.stderr)
        };
        // Most of the time they wait to try again.
        let (asking, keeping) = commands.split_at(10);
        let mut shown: Vec<(String, String)> = std::thread::scope(|scope| {
            let running: Vec<_> = asking.iter().map(|args| scope.spawn(|| run(args))).collect();
            running.into_iter().map(|command| command.join().unwrap()).collect()
        });
        shown.extend(keeping.iter().map(|args| run(args)));
        shown
    }
}

fn look_at_pages(address: &str, case: &str) {
    let bearer = format!("Bearer {HTTP_TOKEN}");
    let get = |path: &str| web::ask(address, "GET", path, &[("Authorization", &bearer)]);
    let run = get("/api/v1/history").json()["items"][0]["run_id"].as_str().unwrap().to_owned();
    let calls = format!("/api/v1/runs/{run}/calls");
    let pages = ["/", "/jobs/job", "/accounts/acme", "/metrics", "/api/v1/status", "/api/v1/history", &calls];
    for path in pages {
        let reply = get(path);
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(leak(reply.text().as_bytes()), None, "{path}, {case}");
    }
}

/// Has each answer and each grant given in a place of its own, side by side.
fn with_each(look: impl Fn(&Everything, &str) + Sync) {
    let answers = (0..ANSWERS.len()).map(|answer| (answer, 0));
    let cases: Vec<(usize, usize)> = answers.chain((1..GRANTS.len()).map(|grant| (0, grant))).collect();
    std::thread::scope(|scope| {
        for gives in cases {
            let look = &look;
            scope.spawn(move || {
                let all = Everything::new();
                *all.zoho.gives.lock().unwrap() = gives;
                let case = format!("{}, {}", ANSWERS[gives.0], GRANTS[gives.1]);
                look(&all, &case);
                in_no_file(&all.place, &case);
            });
        }
    });
}

#[test]
fn no_command_shows_a_secret_even_if_zoho_hands_it_back() {
    let sent = Mutex::new(String::new());
    with_each(|all, case| {
        for (what, text) in all.commands() {
            assert_eq!(leak(text.as_bytes()), None, "{what}, {case}");
        }
        sent.lock().unwrap().push_str(&all.zoho.sent.lock().unwrap());
    });
    for secret in [SECRET, TOKEN, ISSUED, CODE] {
        assert!(sent.lock().unwrap().contains(secret), "{secret} was never sent: this proves little");
    }
}

#[test]
fn a_daemon_shows_no_secret_in_its_log_its_pages_its_notices_or_to_other_users() {
    with_each(|all, case| {
        let place = &all.place;
        let daemon = Daemon::start_with(place, &["run", "--log-level", "trace=trace,trace"], &[]);
        let address = daemon.wait_for(place, "http.listening", 1)["address"].as_str().unwrap().to_owned();
        place.wait_until("a run has ended and somebody is told", |place| {
            let has_ended = |run: &Value| run["finished_at"].is_string();
            place.history().iter().any(has_ended) && all.hook.calls() > 0
        });
        look_at_pages(&address, case);
        let arguments = std::fs::read(format!("/proc/{}/cmdline", daemon.child().id())).unwrap();
        assert_eq!(leak(&arguments), None);
        let log = daemon.log() + &daemon.plain();
        assert_eq!(daemon.stop(), Some(0));
        assert!(log.contains("run.start") && log.contains("TRACE"), "{log}");
        assert_eq!(leak(log.as_bytes()), None, "the log, {case}");
        for call in all.hook.taken() {
            assert_eq!(leak(call.body.as_bytes()), None, "a notice, {case}");
        }
        for talk in all.mail.talks() {
            let mail: Vec<&str> = talk.lines().filter(|line| !line.starts_with("AUTH")).collect();
            assert_eq!(leak(mail.join("\n").as_bytes()), None, "a mail, {case}");
        }
    });
}

/// A secret is in its own file; an access token in the cache, for its owner only.
fn in_no_file(place: &Place, case: &str) {
    for (path, bytes) in files(place.folder.path()) {
        let name = path.strip_prefix(place.folder.path()).unwrap().to_str().unwrap().to_owned();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        if name.starts_with("secrets/") || name == "state/tokens/acme.json" {
            assert_eq!(mode, 0o600, "{name}");
        } else {
            assert_eq!(leak(&bytes), None, "{name}, {case}");
        }
    }
}

#[test]
fn each_form_of_a_secret_is_found() {
    for (how, form) in forms() {
        assert!(leak(&[b"before ", form.as_slice(), b" after"].concat()).is_some(), "{how}");
    }
    for before in ["", "a", "ab", "abc"] {
        let text = STANDARD_NO_PAD.encode(format!("{before}{WORD}-and-more"));
        assert!(leak(text.as_bytes()).is_some(), "{before}: {text}");
    }
    assert!(leak(b"CANARY").is_some() && leak(b"can ary, c-a-n-a-r-y").is_none());
}
