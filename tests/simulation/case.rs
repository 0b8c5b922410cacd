//! What a seed stands for: accounts and jobs, what Zoho has, and what befalls them when.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use calloff_sim::{Code, Endpoint, Fault, Step, TokenFault};
use fastrand::Rng;

pub(crate) const ACCOUNTS: [&str; 3] = ["acme", "globex", "initech"];
pub(crate) const RULE: &str = "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO";

/// A job file, in the parts that the simulation has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub account: &'static str,
    pub backups: Vec<String>,
    pub schedule: String,
    pub enabled: bool,
    /// In seconds.
    pub jitter: u64,
    pub restores: bool,
    /// All else.
    pub more: String,
}

impl File {
    pub(crate) fn text(&self) -> String {
        let Self { account, backups, schedule, enabled, jitter, more, .. } = self;
        let jitter = if *jitter == 0 { String::new() } else { format!("schedule.jitter = \"{jitter}s\"\n") };
        format!(
            "account = \"{account}\"\nbackups = {backups:?}\nenabled = {enabled}\nschedule.{schedule}\n{jitter}{more}"
        )
    }
}

pub(crate) type Files = BTreeMap<String, File>;

/// What happens at some instant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The next calls of an endpoint go wrong.
    Faults(&'static str, Endpoint, Step),
    /// All of an account's calls go wrong for a while; the tokens' as well, if so said.
    Outage {
        account: &'static str,
        then: Fault,
        retry_after: Option<u64>,
        lasts: Duration,
        token: bool,
    },
    /// The record takes no writes for a while.
    Full(Duration),
    /// The wall clock is set; in milliseconds.
    Step(i64),
    /// Other files come into force.
    Reload(Files),
    Pause(String, Duration),
    Resume(String),
    Trigger(String),
    /// Somebody schedules a backup.
    Schedule(&'static str),
    /// The process ends, and another begins after a while, perhaps with other files.
    Down {
        killed: bool,
        lasts: Duration,
        files: Option<Files>,
    },
}

pub(crate) struct Case {
    pub settings: String,
    pub zoho: String,
    pub files: Files,
    /// In milliseconds from the start.
    pub plan: Vec<(u64, Event)>,
    /// When trouble is over, likewise.
    pub ends: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "── calloff.toml\n{}── Zoho\n{}", self.settings, self.zoho)?;
        for (name, file) in &self.files {
            writeln!(f, "── jobs/{name}.toml\n{}", file.text())?;
        }
        for (at, event) in &self.plan {
            writeln!(f, "── {:>9.3} s: {event:?}", Duration::from_millis(*at).as_secs_f64())?;
        }
        write!(f, "── {:>9.3} s: all trouble ends", Duration::from_millis(self.ends).as_secs_f64())
    }
}

const SCHEDULES: [&str; 12] = [
    "every = \"3m\"",
    "every = \"5m\"",
    "every = \"7m\"",
    "every = \"11m\"",
    "every = \"20m\"",
    "every = \"90s\"",
    "cron = \"*/10 * * * *\"",
    "cron = \"7-59/15 * * * *\"",
    "cron = \"30 2,17,32 16-18 * * FRI\"",
    "at = \"2026-11-27T16:20:00Z\"",
    "at = \"2026-11-27T16:41:07Z\"",
    "at = \"2026-11-27T15:00:00Z\"",
];

fn write_to(text: &mut String, more: fmt::Arguments<'_>) {
    text.write_fmt(more).unwrap();
}

fn one<T: Copy>(dice: &mut Rng, of: &[T]) -> T {
    of[dice.usize(..of.len())]
}

/// Draws a case.
pub(crate) fn case(seed: u64) -> Case {
    let mut drawing = Drawing { dice: Rng::with_seed(seed), ends: 0, made: 0, accounts: 1, windows: vec![] };
    drawing.ends = one(&mut drawing.dice, &[15, 20, 30, 45, 60, 120]) * 60_000 + drawing.dice.u64(0..60_000);
    drawing.accounts = drawing.dice.usize(1..=3);
    let (settings, zoho) = (drawing.settings(), drawing.zoho());
    let mut files = Files::new();
    for _ in 0..drawing.dice.usize(1..=8) {
        drawing.add(&mut files);
    }
    let plan = drawing.plan(&files);
    Case { settings, zoho, files, plan, ends: drawing.ends }
}

struct Drawing {
    dice: Rng,
    ends: u64,
    /// Files so far.
    made: usize,
    accounts: usize,
    windows: Vec<String>,
}

impl Drawing {
    fn account(&mut self) -> &'static str {
        ACCOUNTS[self.dice.usize(..self.accounts)]
    }

    fn settings(&mut self) -> String {
        let mut text = String::new();
        for account in &ACCOUNTS[1..self.accounts] {
            let concurrency = one(&mut self.dice, &[1, 2, 10]);
            write_to(
                &mut text,
                format_args!(
                    "[accounts.{account}]\ndata_center = \"eu\"\nclient_id = \"{account}\"\nclient_secret = {{ env = \"X\" }}\nrefresh_token = {{ env = \"X\" }}\nconcurrency = {concurrency}\n"
                ),
            );
        }
        for number in 0..self.dice.u32(1..=2) {
            let (from, lasts) = (self.dice.u64(0..self.ends / 2), self.dice.u64(60_000..self.ends));
            let at = |ms: u64| {
                let at = super::support::stage::start() + Duration::from_millis(ms - ms % 1000);
                at.to_string()
            };
            let (opens, closes) = (at(from), at(from + lasts));
            write_to(
                &mut text,
                format_args!("[[windows.w{number}]]\nfrom = \"{opens}\"\nto = \"{closes}\"\n"),
            );
            self.windows.push(format!("w{number}"));
        }
        text
    }

    fn zoho(&mut self) -> String {
        let mut text = String::new();
        for account in &ACCOUNTS[..self.accounts] {
            let dice = &mut self.dice;
            write_to(
                &mut text,
                format_args!(
                    "[accounts.{account}]\nlatency = \"{}ms\"\nunlisted = \"SCHEDULED\"\ntoken_lifetime = \"{}\"\n[[accounts.{account}.backups]]\nid = \"{}\"\nrrule = \"{RULE}\"\nscheduled_date = \"+{}m\"\n",
                    one(dice, &[0, 20, 300, 1500, 4000]),
                    one(dice, &["1h", "1h", "15m", "3m"]),
                    own(account),
                    one(dice, &[20, 90, 600, 4000]),
                ),
            );
            if dice.u32(..4) == 0 {
                write_to(&mut text, format_args!("settles_after = \"{}s\"\n", dice.u32(1..120)));
            }
            if dice.u32(..4) == 0 {
                write_to(&mut text, format_args!("reappears_after = \"{}m\"\n", dice.u32(1..30)));
            }
        }
        text
    }

    fn schedule(&mut self) -> String {
        one(&mut self.dice, &SCHEDULES).to_owned()
    }

    /// Adds a file.
    fn add(&mut self, files: &mut Files) {
        let account = self.account();
        let number = self.made;
        self.made += 1;
        let holds = self.dice.u32(..4) == 0;
        let dice = &mut self.dice;
        let backups = match dice.u32(..4) {
            _ if holds && dice.bool() => vec!["current".to_owned()],
            _ if holds => vec![own(account)],
            0 => vec!["current".to_owned()],
            1 => {
                (0..dice.u32(2..5)).map(|more| format!("{}", 20_000 + 100 * number + more as usize)).collect()
            }
            _ => vec![format!("{}", 10_000 + number)],
        };
        let mut more = format!("schedule.catch_up = \"{}\"\n", one(dice, &["0s", "15m", "15m", "3m", "2h"]));
        let mut restores = false;
        if holds {
            write_to(
                &mut more,
                format_args!("when.window = \"{}\"\n", self.windows[dice.usize(..self.windows.len())]),
            );
            if dice.u32(..3) > 0 {
                let on_drift = one(dice, &["cancel", "cancel", "report"]);
                let poll = dice.u32(60..600);
                write_to(
                    &mut more,
                    format_args!("hold = {{ poll = \"{poll}s\", on_drift = \"{on_drift}\" }}\n"),
                );
            }
            restores = dice.u32(..3) > 0;
            if restores {
                more += "restore = { after = \"window\" }\n";
            }
        } else {
            match dice.u32(..8) {
                0 => more += "when.status = [\"SCHEDULED\"]\n",
                1 => more += "when.due_within = \"1h\"\n",
                2 => write_to(&mut more, format_args!("when.window = \"{}\"\n", self.windows[0])),
                _ => {}
            }
        }
        if dice.u32(..3) == 0 {
            more += "verify = false\n";
        }
        match dice.u32(..4) {
            0 => more += "retry = { max_attempts = 2, max_delay = \"5s\" }\n",
            1 => more += "retry = { max_attempts = 40, give_up_after = \"5m\" }\n",
            _ => {}
        }
        let jitter = one(dice, &[0, 0, 0, 20, 100]);
        let enabled = dice.u32(..12) > 0;
        let schedule = self.schedule();
        let file = File { account, backups, schedule, enabled, jitter, restores, more };
        files.insert(format!("{}job-{number}", if number % 3 == 2 { "eu/" } else { "" }), file);
    }

    /// The same files with something changed.
    fn edited(&mut self, files: &Files) -> Files {
        let mut files = files.clone();
        for _ in 0..self.dice.u32(1..=3) {
            let names: Vec<String> = files.keys().cloned().collect();
            let Some(name) = names.get(self.dice.usize(..=names.len())) else {
                self.add(&mut files);
                continue;
            };
            let schedule = self.schedule();
            let file = files.get_mut(name).expect("it is there");
            match self.dice.u32(..6) {
                0 if names.len() > 1 => drop(files.remove(name)),
                1 => file.enabled = !file.enabled,
                2 => file.jitter = one(&mut self.dice, &[0, 30, 100]),
                _ => file.schedule = schedule,
            }
        }
        files
    }

    fn plan(&mut self, files: &Files) -> Vec<(u64, Event)> {
        let calm = self.dice.u32(..10) == 0;
        let count = if calm { 1 } else { self.dice.usize(3..16) };
        let mut instants: Vec<u64> = (0..count).map(|_| self.dice.u64(1_000..self.ends)).collect();
        // Many things become due at whole minutes: be there.
        for instant in &mut instants {
            if self.dice.u32(..3) > 0 {
                *instant = (*instant / 30_000 * 30_000 + self.dice.u64(0..6_000)).max(1_000);
            }
        }
        instants.sort_unstable();
        let mut files = files.clone();
        let mut plan = vec![];
        for at in instants {
            let event = self.event(&mut files);
            plan.push((at, event));
        }
        plan
    }

    fn event(&mut self, files: &mut Files) -> Event {
        let account = self.account();
        let names: Vec<&String> = files.keys().collect();
        let name = names[self.dice.usize(..names.len())].clone();
        match self.dice.u32(..20) {
            0..=4 => self.faults(account),
            5 | 6 => self.outage(account),
            7 => Event::Full(Duration::from_millis(self.dice.u64(500..90_000))),
            8 => Event::Step(one(
                &mut self.dice,
                &[-40_000, -15_000, -2_500, 2_500, 30_000, 400_000, 5_000_000],
            )),
            9 | 10 => {
                *files = self.edited(files);
                Event::Reload(files.clone())
            }
            11 => Event::Pause(name, Duration::from_secs(self.dice.u64(30..1_800))),
            12 => Event::Resume(name),
            13 => Event::Trigger(name),
            14 => Event::Schedule(account),
            _ => {
                let dice = &mut self.dice;
                let most = one(dice, &[1_000, 60_000, 900_000, 7_200_000]);
                let (killed, lasts) = (dice.u32(..3) > 0, Duration::from_millis(dice.u64(..most)));
                let files = (self.dice.u32(..5) == 0).then(|| {
                    *files = self.edited(files);
                    files.clone()
                });
                Event::Down { killed, lasts, files }
            }
        }
    }

    fn faults(&mut self, account: &'static str) -> Event {
        let dice = &mut self.dice;
        if dice.u32(..6) == 0 {
            let faults = [
                Fault::Token(TokenFault::Throttled),
                Fault::Token(TokenFault::NoExpiresIn),
                Fault::Token(TokenFault::InvalidCode),
                Fault::Drop,
                Fault::DropAfter,
                Fault::Status(503),
                Fault::Hang,
            ];
            let step = Step { times: dice.u32(1..4), ..Step::of(one(dice, &faults)) };
            return Event::Faults(account, Endpoint::Token, step);
        }
        let faults = [
            Fault::Code(Code::InternalError),
            Fault::Code(Code::InvalidToken),
            Fault::Code(Code::TooManyRequests),
            Fault::Code(Code::NoPermission),
            Fault::Code(Code::OauthScopeMismatch),
            Fault::Drop,
            Fault::DropAfter,
            Fault::Hang,
            Fault::CutShort,
            Fault::Empty,
            Fault::Html(502),
            Fault::Unheeded,
            Fault::UnknownCode,
            Fault::Code(Code::LimitExceeded),
        ];
        let endpoints = [Endpoint::Cancel, Endpoint::Cancel, Endpoint::Get, Endpoint::Schedule];
        let (fault, endpoint) = (one(dice, &faults), one(dice, &endpoints));
        // A restore that is refused waits longer and longer.
        let times = one(dice, if endpoint == Endpoint::Schedule { &[1, 2] } else { &[1, 1, 2, 5, 12] });
        let retry_after = (fault == Fault::Code(Code::TooManyRequests) && dice.bool())
            .then(|| Duration::from_secs(one(dice, &[1, 20, 200, 4_000])));
        let delay = Duration::from_millis(one(dice, &[0, 0, 1_000, 20_000]));
        Event::Faults(account, endpoint, Step { times, retry_after, delay, ..Step::of(fault) })
    }

    fn outage(&mut self, account: &'static str) -> Event {
        let dice = &mut self.dice;
        let then =
            one(dice, &[Fault::Status(503), Fault::Drop, Fault::DropAfter, Fault::Hang, Fault::Html(500)]);
        let lasts = Duration::from_millis(dice.u64(1_000..1_200_000));
        let retry_after = (then == Fault::Status(503) && dice.bool()).then(|| one(dice, &[2, 60, 1_000]));
        Event::Outage { account, then, retry_after, lasts, token: dice.bool() }
    }
}

/// The backup that an account has of itself.
pub(crate) fn own(account: &str) -> String {
    let place = ACCOUNTS.iter().position(|known| *known == account).unwrap_or_default();
    (4_200 + place).to_string()
}
