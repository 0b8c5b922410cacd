//! Scenarios: which accounts there are, what is scheduled in them, and what goes wrong.
//!
//! A scenario is a TOML file. Every key but the account's name has a default; unknown keys are refused.
//! Durations are written `50ms`, `2s`, `10m`, `12h`, `2d`. Instants are strings, either absolute with an
//! offset (`"2026-12-05T02:30:00+01:00"`) or relative to the simulator's start (`"+2d"`, `"-3h"`).
//!
//! ```
//! # let text = r#"
//! [accounts.acme]
//! latency = "50ms"
//!
//! [[accounts.acme.backups]]
//! id = "4876876000001593003"
//! scheduled_date = "+2d"
//! faults = ["INTERNAL_ERROR", { delay = "2s", then = "ok" }]
//! # "#;
//! # let scenario = calloff_sim::Scenario::parse(text).unwrap();
//! # assert_eq!(scenario.accounts["acme"].backups[0].faults.len(), 2);
//! ```
//!
//! # `[accounts.NAME]`
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `client_id`, `client_secret`, `refresh_token` | any | the only credentials accepted |
//! | `grant_code` | any, once each | the only code that can be exchanged for a refresh token |
//! | `scopes` | `["ZohoCRM.bulk.backup.ALL"]` | what the tokens allow; `.READ`, `.CREATE`, `.UPDATE` are the parts |
//! | `no_permission` | `false` | the user's profile lacks the right: `NO_PERMISSION` |
//! | `token_lifetime` | `"1h"` | how long an access token is valid |
//! | `token_limit` | `10` | tokens per refresh token in 10 minutes, `0` for no limit |
//! | `throttle_status` | `200` | HTTP status of the refusal beyond that limit; `400` is seen too |
//! | `api_domain` | the simulator itself | what the token endpoint names as the API's address |
//! | `utc_offset` | `"+00:00"` | the offset in which relative instants are shown |
//! | `latency` | `"0s"` | how long every answer takes |
//! | `concurrency` | none | calls at once beyond which Zoho answers `TOO_MANY_REQUESTS` |
//! | `backup_limit` | none | backups that can be scheduled before `LIMIT_EXCEEDED` |
//! | `runs_for` | `"30m"` | how long a backup runs once its date has come |
//! | `unlisted` | none | the status of every numeric id that isn't listed; without it they don't exist |
//!
//! Credentials choose the account: of those that accept them, the one that restricts most of them; then the
//! one whose name is the `client_id`; then the first by name.
//!
//! # `[[accounts.NAME.backups]]`
//!
//! `GET /backup` shows the last of the list, until one is scheduled by `POST`.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `id` | required | a string of digits |
//! | `status` | `"SCHEDULED"` | or `STOPPED`, `INPROGRESS`, `COMPLETED`, `FAILED`, `PAYMENT_FAILED`, `FINISHED` |
//! | `rrule` | null | such as `RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU` |
//! | `scheduled_date` | null | the next run. When it comes the backup is `INPROGRESS`, for `runs_for` |
//! | `start_date` | as `scheduled_date` | the first run |
//! | `requester` | a made-up administrator | `{ id, name, zuid }`, strings |
//! | `faults` | `[]` | what becomes of the cancels of this id, one entry a call; afterwards all is well |
//! | `reappears_after` | never | so long after a cancel it is `SCHEDULED` again, as if somebody had seen to it |
//!
//! # `[[accounts.NAME.history]]`
//!
//! Rows of the past, for guard-rails that ask for a good backup: `log_time` (required), `action`
//! (`"initiated"`), `state` (`"completed"`), `repeat_type` (`"weekly"`), `file_name`, `count`. What happens
//! in the simulator is added by itself.
//!
//! # `[accounts.NAME.faults]`
//!
//! `cancel` (after the backup's own list), `get`, `history`, `schedule`, `urls` and `token`: lists as above.
//! A call that is refused for another reason, such as an expired token, uses none up.
//!
//! # A fault
//!
//! A word, or a table `{ then = WORD, … }`:
//!
//! | word | Zoho acts | the caller sees |
//! |---|---|---|
//! | `ok` | yes | the normal answer |
//! | a code, such as `INTERNAL_ERROR` | no | that code, with its documented status and envelope: see [`Code`](crate::Code) |
//! | `429` | no | `TOO_MANY_REQUESTS` |
//! | `500` … `599`, such as `503` | no | that status, no body |
//! | `html-500` … `html-599`, such as `html-502` | no | that status, a page of HTML |
//! | `drop` | no | the connection closed, no answer |
//! | `drop-after` | yes | the connection closed, no answer |
//! | `hang` | no | nothing, for ever |
//! | `cut-short` | yes | half the body, then the connection closed |
//! | `slow-body` | yes | the body, a byte a second |
//! | `empty` | yes | 200, no body |
//! | `garbage` | yes | 200, a body that claims to be JSON and isn't |
//! | `huge` | yes | the normal answer, padded to 32 MiB |
//! | `array-details` | yes | the normal answer, but `"details": []` |
//! | `unheeded` | no | the normal answer |
//! | `redirect` | no | 302 to `/redirected` |
//! | `numeric-code` | no | 429, `{"code":429,"error":"TOO_MANY_REQUESTS",…,"details":[]}` |
//! | `unknown-code` | no | 400 with a code that isn't documented |
//!
//! For `token` only: `invalid_code`, `invalid_client`, `invalid_client_secret`, `invalid_redirect_uri`,
//! `throttled`, `throttled-localised`, and, with a valid token, `no-expires-in` and `expires-in-millis`.
//! `token` takes no codes, and none of `429`, `array-details`, `unheeded`, `numeric-code`, `unknown-code`.
//!
//! | key of the table | default | meaning |
//! |---|---|---|
//! | `then` | `"ok"` | the word |
//! | `delay` | `"0s"` | how long the answer or the failure is in coming; Zoho acts at once |
//! | `retry_after` | none | the header `Retry-After`, in seconds |
//! | `retry_after_date` | none | the header `Retry-After`, as the date so far from now |
//! | `details_retry_after` | none | `details.retry_after` of a code, in seconds |
//! | `acts` | see above | whether Zoho acts: `{ then = "html-502", acts = true }` loses only the answer |
//! | `envelope` | as documented | `"top"` or `"wrapped"`, for a code or `unknown-code` |
//! | `every` | `"1s"` | the pause between the bytes of `slow-body` |
//! | `times` | `1` | how many calls the entry stands for |
//!
//! # `[accounts.NAME.outage]`
//!
//! While it lasts, every call of the account gets the same fault and no list is used up: `then` (required),
//! `retry_after`, `starts` (`"0s"` after the simulator's start), and `lasts` or `calls`, or both: the first
//! to be used up ends it. With `token = true` the token endpoint has it too.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};

use crate::fault::{Fault, Step};

const DEFAULT: &str = include_str!("../scenarios/default.toml");

/// A scenario couldn't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file couldn't be read.
    #[error("couldn't read the scenario")]
    Read(#[from] std::io::Error),
    /// It isn't TOML, or has a key or value that means nothing.
    #[error("the scenario is not valid")]
    Toml(#[from] toml::de::Error),
    /// Each value is valid, together they are not.
    #[error("`{place}`: {problem}")]
    Senseless {
        /// The key, such as `accounts.acme.backups`.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What the simulator starts with. The module documentation tells the format.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The accounts by name.
    pub accounts: BTreeMap<String, AccountScenario>,
}

/// One account; the module documentation has a table of the keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountScenario {
    /// The only client accepted.
    pub client_id: Option<String>,
    /// The only client secret accepted.
    pub client_secret: Option<String>,
    /// The only refresh token accepted.
    pub refresh_token: Option<String>,
    /// The only grant code accepted.
    pub grant_code: Option<String>,
    /// What the tokens allow.
    pub scopes: Vec<String>,
    /// Whether the user's profile lacks the right.
    pub no_permission: bool,
    /// How long an access token is valid.
    #[serde(with = "humantime_serde")]
    pub token_lifetime: Duration,
    /// Tokens per refresh token in 10 minutes; 0 for no limit.
    pub token_limit: u32,
    /// HTTP status of the refusal beyond that limit.
    pub throttle_status: u16,
    /// The API's address as the token endpoint tells it.
    pub api_domain: Option<String>,
    /// The offset in which relative instants are shown.
    pub utc_offset: UtcOffset,
    /// How long every answer takes.
    #[serde(with = "humantime_serde")]
    pub latency: Duration,
    /// Calls at once that Zoho allows.
    pub concurrency: Option<u32>,
    /// Backups that can be scheduled.
    pub backup_limit: Option<u32>,
    /// How long a backup runs.
    #[serde(with = "humantime_serde")]
    pub runs_for: Duration,
    /// The status of every id that isn't listed.
    pub unlisted: Option<Status>,
    /// The backups; the last is the latest.
    pub backups: Vec<BackupScenario>,
    /// What happened before the start.
    pub history: Vec<HistoryScenario>,
    /// Faults by endpoint.
    pub faults: FaultLists,
    /// One fault for everything, for a time.
    pub outage: Option<Outage>,
}

impl Default for AccountScenario {
    fn default() -> Self {
        Self {
            client_id: None,
            client_secret: None,
            refresh_token: None,
            grant_code: None,
            scopes: vec!["ZohoCRM.bulk.backup.ALL".to_owned()],
            no_permission: false,
            token_lifetime: Duration::from_hours(1),
            token_limit: 10,
            throttle_status: 200,
            api_domain: None,
            utc_offset: UtcOffset(Offset::UTC),
            latency: Duration::ZERO,
            concurrency: None,
            backup_limit: None,
            runs_for: Duration::from_mins(30),
            unlisted: None,
            backups: Vec::new(),
            history: Vec::new(),
            faults: FaultLists::default(),
            outage: None,
        }
    }
}

/// One backup; the module documentation has a table of the keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupScenario {
    /// A string of digits.
    pub id: String,
    /// Its state at the start.
    #[serde(default)]
    pub status: Status,
    /// Its recurrence.
    pub rrule: Option<String>,
    /// Its next run.
    pub scheduled_date: Option<When>,
    /// Its first run.
    pub start_date: Option<When>,
    /// Who asked for it.
    #[serde(default)]
    pub requester: Person,
    /// What becomes of its cancels.
    #[serde(default)]
    pub faults: Vec<Step>,
    /// How long after a cancel it is scheduled again.
    #[serde(default, with = "humantime_serde")]
    pub reappears_after: Option<Duration>,
}

impl BackupScenario {
    /// A scheduled backup without dates, recurrence or faults.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            status: Status::default(),
            rrule: None,
            scheduled_date: None,
            start_date: None,
            requester: Person::default(),
            faults: Vec::new(),
            reappears_after: None,
        }
    }
}

/// One row of the history before the start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryScenario {
    /// When it happened.
    pub log_time: When,
    /// `initiated`, `scheduled`, `stopped` or `purchased`.
    #[serde(default = "initiated")]
    pub action: String,
    /// `completed`, `failure` or nothing.
    #[serde(default = "completed")]
    pub state: Option<String>,
    /// `immediate`, `weekly`, `biweekly` or `monthly`.
    #[serde(default = "weekly")]
    pub repeat_type: Option<String>,
    /// The archive's name.
    pub file_name: Option<String>,
    /// How many archives.
    #[serde(default)]
    pub count: u32,
}

fn initiated() -> String {
    "initiated".to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn completed() -> Option<String> {
    Some("completed".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn weekly() -> Option<String> {
    Some("weekly".to_owned())
}

/// A Zoho user as the answers show them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub name: String,
    /// The user's id with Zoho as a whole.
    pub zuid: String,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            id: "4876876000000327001".to_owned(),
            name: "Ada Admin".to_owned(),
            zuid: "744782135".to_owned(),
        }
    }
}

/// Faults by endpoint, one entry a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultLists {
    /// Of cancels whose backup has none of its own left.
    pub cancel: Vec<Step>,
    /// Of `GET /backup`.
    pub get: Vec<Step>,
    /// Of `GET /backup/history`.
    pub history: Vec<Step>,
    /// Of `POST /backup`.
    pub schedule: Vec<Step>,
    /// Of `GET /backup/urls`.
    pub urls: Vec<Step>,
    /// Of the token endpoint.
    pub token: Vec<Step>,
}

/// One fault for every call of an account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// What every call gets.
    pub then: Fault,
    /// The header `Retry-After`, in whole seconds.
    #[serde(default, with = "humantime_serde")]
    pub retry_after: Option<Duration>,
    /// When it begins, from the simulator's start.
    #[serde(default, with = "humantime_serde")]
    pub starts: Duration,
    /// How long it lasts.
    #[serde(default, with = "humantime_serde")]
    pub lasts: Option<Duration>,
    /// How many calls it hits.
    pub calls: Option<u32>,
    /// Whether the token endpoint is out too.
    #[serde(default)]
    pub token: bool,
}

/// The state of a backup, as `GET /backup` spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It will run.
    #[default]
    Scheduled,
    /// It was cancelled.
    Stopped,
    /// It is running.
    Inprogress,
    /// It has run.
    Completed,
    /// It has run and failed.
    Failed,
    /// Only in the oldest version of Zoho's documentation.
    #[serde(rename = "PAYMENT_FAILED")]
    PaymentFailed,
    /// Only in the oldest version of Zoho's documentation.
    Finished,
}

impl Status {
    /// The word in the answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Stopped => "STOPPED",
            Self::Inprogress => "INPROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::PaymentFailed => "PAYMENT_FAILED",
            Self::Finished => "FINISHED",
        }
    }
}

/// An instant, absolute or relative to the simulator's start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// That instant, to be shown with that offset.
    At(Timestamp, Offset),
    /// So long after the start, or before it.
    FromStart(SignedDuration),
}

impl When {
    /// The instant, given the start. To the second, as Zoho has it.
    #[must_use]
    pub fn instant(self, start: Timestamp) -> Timestamp {
        let exact = match self {
            Self::At(instant, _) => instant,
            Self::FromStart(distance) => start.saturating_add(distance).unwrap_or(start),
        };
        Timestamp::from_second(exact.as_second()).unwrap_or(exact)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_when(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is neither an instant with an offset, such as 2026-12-05T02:30:00+01:00, nor a \
                 distance from the start, such as +2d or -3h"
            ))
        })
    }
}

fn parse_when(text: &str) -> Option<When> {
    let distance = |text: &str| SignedDuration::try_from(humantime::parse_duration(text).ok()?).ok();
    if let Some(later) = text.strip_prefix('+') {
        return distance(later).map(When::FromStart);
    }
    if let Some(earlier) = text.strip_prefix('-') {
        return distance(earlier).map(|distance| When::FromStart(-distance));
    }
    let offset = Pieces::parse(text).ok()?.to_numeric_offset()?;
    Some(When::At(text.parse().ok()?, offset))
}

/// An offset from UTC, written `+05:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset(pub Offset);

impl<'de> Deserialize<'de> for UtcOffset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Pieces::parse(&format!("2000-01-01T00:00:00{text}"))
            .ok()
            .and_then(|pieces| pieces.to_numeric_offset())
            .map(Self)
            .ok_or_else(|| de::Error::custom(format!("`{text}` is no offset such as +05:30")))
    }
}

impl Default for Scenario {
    /// The embedded `scenarios/default.toml`: one account that accepts any credentials, and a backup for
    /// each documented outcome.
    fn default() -> Self {
        Self::parse(DEFAULT).expect("a test loads the embedded scenario")
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    ///
    /// If it isn't TOML, has unknown keys or words, no account, an id that isn't a string of digits or comes
    /// twice, or a fault where it can't happen.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    ///
    /// If the file can't be read, and as [`Scenario::parse`].
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// The text of the embedded default, for people to start from.
    #[must_use]
    pub const fn default_text() -> &'static str {
        DEFAULT
    }

    fn check(&self) -> Result<(), ScenarioError> {
        if self.accounts.is_empty() {
            return Err(senseless("accounts", "there is none"));
        }
        for (name, account) in &self.accounts {
            account.check(&format!("accounts.{name}"))?;
        }
        Ok(())
    }
}

impl AccountScenario {
    fn check(&self, place: &str) -> Result<(), ScenarioError> {
        let mut ids = std::collections::BTreeSet::new();
        for backup in &self.backups {
            let place = format!("{place}.backups");
            if backup.id.is_empty() || !backup.id.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(senseless(&place, &format!("`{}` is not a string of digits", backup.id)));
            }
            if !ids.insert(&backup.id) {
                return Err(senseless(&place, &format!("`{}` comes twice", backup.id)));
            }
            check_steps(&place, &backup.faults, Fault::suits_api, "the token endpoint")?;
        }
        let FaultLists { cancel, get, history, schedule, urls, token } = &self.faults;
        for (key, list) in
            [("cancel", cancel), ("get", get), ("history", history), ("schedule", schedule), ("urls", urls)]
        {
            let place = format!("{place}.faults.{key}");
            check_steps(&place, list, Fault::suits_api, "the token endpoint")?;
        }
        check_steps(&format!("{place}.faults.token"), token, Fault::suits_token, "the API")?;
        if let Some(outage) = &self.outage {
            let place = format!("{place}.outage");
            check_steps(&place, &[Step::of(outage.then)], Fault::suits_api, "the token endpoint")?;
            if outage.token {
                check_steps(&place, &[Step::of(outage.then)], Fault::suits_token, "the API")?;
            }
        }
        if !(200..600).contains(&self.throttle_status) {
            return Err(senseless(&format!("{place}.throttle_status"), "it is no HTTP status"));
        }
        Ok(())
    }
}

fn check_steps(
    place: &str,
    steps: &[Step],
    suits: fn(Fault) -> bool,
    owner: &str,
) -> Result<(), ScenarioError> {
    match steps.iter().find(|step| !suits(step.fault)) {
        Some(step) => Err(senseless(place, &format!("{:?} happens only at {owner}", step.fault))),
        None => Ok(()),
    }
}

fn senseless(place: &str, problem: &str) -> ScenarioError {
    ScenarioError::Senseless { place: place.to_owned(), problem: problem.to_owned() }
}
