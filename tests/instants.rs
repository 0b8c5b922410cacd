//! Killed and stopped at random instants, several times in a row, in the middle of a busy story: what holds whatever
//! happens holds. `cargo xtask crash --seed N --rounds N` does it again, or for longer.

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use calloff::clock::{Clock as _, SystemClock};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use support::aftermath::{Aftermath, on_record, told};
use support::daemon::Daemon;
use support::endpoint::{Endpoint, Manners};
use support::guarantees::Due;
use support::program::{Done, Place, signal};

/// Rounds unless `CALLOFF_ROUNDS` says how many.
const ROUNDS: u64 = 200;

/// How many are on their way side by side. Mostly they wait.
const SIDE_BY_SIDE: usize = 16;

/// For so long something new is due now and then, and the program is killed.
const BUSY: Duration = Duration::from_millis(2200);

const ZOHO: &str = r#"
[accounts.acme]
latency = "15ms"
[[accounts.acme.backups]]
id = "1"
faults = ["INTERNAL_ERROR", "drop-after"]
[[accounts.acme.backups]]
id = "2"
faults = ["html-502", { delay = "300ms" }]
[[accounts.acme.backups]]
id = "3"
[[accounts.acme.backups]]
id = "4"
faults = ["drop", "503"]
[[accounts.acme.backups]]
id = "42"
rrule = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO"
scheduled_date = "+2d"
"#;

/// Everything is on record that was due, and nobody has anything left to do.
const AT_REST: &str = "SELECT count(DISTINCT job) = 4
    AND NOT EXISTS (SELECT 1 FROM runs WHERE state = 'running' OR untold = 1)
    AND NOT EXISTS (SELECT 1 FROM notices) AND NOT EXISTS (SELECT 1 FROM holds)
    AND NOT EXISTS (SELECT 1 FROM restores WHERE state = 'owed' AND tries = 0) FROM runs";

/// One round.
struct Round {
    place: Place,
    due: Vec<Due>,
    told: Endpoint,
    closes: Timestamp,
    /// What each life that has ended said.
    said: String,
    time: tokio::runtime::Runtime,
}

impl Round {
    /// One that is known before anything in it is due, however slow the machine: else another one, with more time.
    fn new() -> Self {
        (0..6).find_map(|tries| Self::begin(600 << tries)).expect("it takes no 19 s to begin")
    }

    /// The first job is due after so many milliseconds; nothing if it was due before it was known.
    fn begin(lead: i64) -> Option<Self> {
        let settings = "[retry]\ninitial_delay = \"20ms\"\nmax_delay = \"50ms\"\n[[notify]]\nwebhook = { file = \"hook\" }\n";
        let place = Place::new(ZOHO, settings, &[]);
        let told = Endpoint::start(Manners::Good);
        place.write("hook", told.url());
        let only_ours = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(place.path("hook"), only_ours).expect("it was just written");
        let now = SystemClock.now();
        let later = |ms| now + SignedDuration::from_millis(lead + ms);
        let due = |job: &str, ms, backups: &[&str], restores| {
            let backups = backups.iter().map(|&id| id.to_owned()).collect();
            Due { job: job.to_owned(), occurrence: later(ms), backups, restores }
        };
        let due = vec![
            due("first", 0, &["1", "2"], false),
            due("second", 500, &["3", "4"], false),
            due("unknown", 800, &["99"], false),
            due("freeze", 300, &["current"], true),
        ];
        let closes = later(1400);
        place.append(&format!("[[windows.freeze]]\nfrom = \"{now}\"\nto = \"{closes}\""));
        for Due { job, occurrence, backups, restores } in &due {
            let more =
                if *restores { "when.window = \"freeze\"\nhold.poll = \"1s\"\nrestore = {}\n" } else { "" };
            let job_file = format!(
                "account = \"acme\"\nbackups = {backups:?}\n{more}[schedule]\nat = \"{occurrence}\"\n"
            );
            place.write(&format!("jobs/{job}.toml"), &job_file);
        }
        // From now on it is on record that there are these jobs, and what is due is due.
        let begun = place.run(&["once"]);
        if SystemClock.now() >= later(0) {
            return None;
        }
        assert_eq!(begun.code, 0, "{}", begun.stderr);
        let time =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("it can be made");
        Some(Self { place, due, told, closes, said: String::new(), time })
    }

    fn pass(&self, time: Duration) {
        self.time.block_on(async { tokio::time::sleep(time).await });
    }

    /// Lives and dies for a while.
    fn suffer(&mut self, dice: &mut Rng) {
        let end = SystemClock.now() + SignedDuration::try_from(BUSY).expect("it is short");
        while SystemClock.now() < end {
            let life = self.place.start(&["run"]);
            self.pass(Duration::from_millis(dice.u64(0..700)));
            if dice.u8(0..4) == 0 {
                signal(&life, "STOP");
                self.pass(Duration::from_millis(dice.u64(0..400)));
                // One that is stopped can be killed, too.
                if dice.bool() {
                    signal(&life, "CONT");
                    self.pass(Duration::from_millis(dice.u64(0..200)));
                }
            }
            signal(&life, "KILL");
            self.bury(life);
        }
    }

    fn bury(&mut self, life: Child) {
        let done = Done::from(life.wait_with_output().expect("it was started"));
        self.said.extend([&*done.stdout, "\n", &*done.stderr, "\n"]);
    }

    /// Lives on until nothing is left to be done, and holds it against what has to hold.
    fn judge(mut self, context: &str) {
        let life = Daemon::start(&self.place);
        let closes = self.closes;
        self.place.wait_until(context, |place| SystemClock.now() > closes && on_record(place, AT_REST));
        self.said += &life.log();
        let code = life.stop();
        let bodies = self.told.bodies();
        let sinks = bodies.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let context = format!("{context}\n{}", self.said);
        assert_eq!(code, Some(0), "{context}");
        let left = Aftermath::of(&self.place, told(&format!("{}\n{sinks}", self.said)), &context);
        left.hold(&self.due, &context);
        let is_told = bodies.iter().any(|body| body["event"] == "failed" && body["job"] == "unknown");
        assert!(is_told, "nobody was told: {bodies:#?}\n{context}");
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("it is a number"))
}

#[test]
fn killed_and_stopped_at_random_instants_it_ends_all_that_is_due_once() {
    let seed = number("CALLOFF_SEED").unwrap_or_else(|| SystemClock.now().as_microsecond().unsigned_abs());
    let rounds = number("CALLOFF_ROUNDS").unwrap_or(ROUNDS);
    eprintln!("CALLOFF_SEED={seed} CALLOFF_ROUNDS={rounds}");
    let next = AtomicU64::new(0);
    let failed = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let round = next.fetch_add(1, Ordering::SeqCst);
                    if round >= rounds || !failed.lock().expect("no one panics with it").is_empty() {
                        return;
                    }
                    let seed = seed.wrapping_add(round);
                    let context = format!("again: cargo xtask crash --seed {seed} --rounds 1");
                    let told = std::panic::catch_unwind(|| {
                        let mut round = Round::new();
                        round.suffer(&mut Rng::with_seed(seed));
                        round.judge(&context);
                    });
                    if told.is_err() {
                        failed.lock().expect("no one panics with it").push(context);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no one panics with it");
    assert!(failed.is_empty(), "{failed:#?}");
}
