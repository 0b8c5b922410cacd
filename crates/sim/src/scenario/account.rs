//! Accounts, and what goes wrong in them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::tz::Offset;
use serde::Deserialize;

use super::backup::{BackupScenario, HistoryScenario, Status};
use super::file::{ScenarioError, senseless};
use super::when::UtcOffset;
use crate::fault::{Fault, Step};

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
    /// Whether the token endpoint names them.
    pub names_scopes: bool,
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
    /// API credits that remain, which each answer names; every call takes one.
    pub credits: Option<u64>,
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
    /// The organisation's settings.
    pub org: OrgScenario,
}

/// An organisation's settings, as `GET /org` shows them.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrgScenario {
    /// Its name; that of the account if there is none.
    pub company_name: Option<String>,
    /// Its time zone.
    pub time_zone: String,
    /// The edition it has a licence of.
    pub edition: String,
}

impl Default for OrgScenario {
    fn default() -> Self {
        Self { company_name: None, time_zone: "Etc/UTC".to_owned(), edition: "enterprise".to_owned() }
    }
}

impl Default for AccountScenario {
    fn default() -> Self {
        Self {
            client_id: None,
            client_secret: None,
            refresh_token: None,
            grant_code: None,
            scopes: vec!["ZohoCRM.bulk.backup.ALL".to_owned()],
            names_scopes: true,
            no_permission: false,
            token_lifetime: Duration::from_hours(1),
            token_limit: 10,
            throttle_status: 200,
            api_domain: None,
            utc_offset: UtcOffset(Offset::UTC),
            latency: Duration::ZERO,
            concurrency: None,
            credits: None,
            backup_limit: None,
            runs_for: Duration::from_mins(30),
            unlisted: None,
            backups: Vec::new(),
            history: Vec::new(),
            faults: FaultLists::default(),
            outage: None,
            org: OrgScenario::default(),
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
    /// Of `GET /org`.
    pub org: Vec<Step>,
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

impl AccountScenario {
    pub(super) fn check(&self, place: &str) -> Result<(), ScenarioError> {
        let mut ids = BTreeSet::new();
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
        let FaultLists { cancel, get, history, schedule, urls, org, token } = &self.faults;
        for (key, list) in [
            ("cancel", cancel),
            ("get", get),
            ("history", history),
            ("schedule", schedule),
            ("urls", urls),
            ("org", org),
        ] {
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
        Some(step) => Err(senseless(place, &format!("`{}` happens only at {owner}", step.fault))),
        None => Ok(()),
    }
}
