//! One account: its backups, its history, and what it answers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answer::Draft;
use super::backup::{Backup, Event};
use super::history::History;
use super::queue::Queue;
use super::route::{Asked, Endpoint};
use super::rrule::Rrule;
use crate::code::Code;
use crate::fault::Step;
use crate::scenario::{AccountScenario, BackupScenario, FaultLists, Outage, Person, Status};

/// One account as it stands.
#[derive(Debug)]
pub struct Account {
    pub(super) name: Arc<str>,
    pub(super) settings: AccountScenario,
    backups: HashMap<String, Backup>,
    latest: Option<String>,
    history: History,
    faults: Faults,
    outage_left: Option<u32>,
    scheduled: u32,
    ids_made: u64,
    pub(super) in_flight: u32,
    pub(super) max_in_flight: u32,
    pub(super) calls: u64,
    pub(super) token_calls: u64,
    pub(super) grants: Grants,
}

/// What the token endpoint remembers of an account.
#[derive(Debug, Default)]
pub(super) struct Grants {
    /// Valid access tokens by refresh token, oldest first.
    pub(super) active: HashMap<String, VecDeque<String>>,
    /// By refresh token: when its ten minutes began, and how many tokens were made in them.
    pub(super) made: HashMap<String, (Timestamp, u32)>,
    pub(super) revoked: HashSet<String>,
    pub(super) used_codes: HashSet<String>,
}

#[derive(Debug)]
struct Faults {
    cancel: Queue,
    get: Queue,
    history: Queue,
    schedule: Queue,
    urls: Queue,
    org: Queue,
    token: Queue,
}

impl Faults {
    fn new(lists: &FaultLists) -> Self {
        Self {
            cancel: Queue::new(&lists.cancel),
            get: Queue::new(&lists.get),
            history: Queue::new(&lists.history),
            schedule: Queue::new(&lists.schedule),
            urls: Queue::new(&lists.urls),
            org: Queue::new(&lists.org),
            token: Queue::new(&lists.token),
        }
    }

    fn of(&mut self, endpoint: Endpoint) -> Option<&mut Queue> {
        Some(match endpoint {
            Endpoint::Cancel => &mut self.cancel,
            Endpoint::Get => &mut self.get,
            Endpoint::History => &mut self.history,
            Endpoint::Schedule => &mut self.schedule,
            Endpoint::Urls => &mut self.urls,
            Endpoint::Org => &mut self.org,
            Endpoint::Token => &mut self.token,
            _ => return None,
        })
    }
}

impl Account {
    pub(super) fn new(name: &str, mut settings: AccountScenario, start: Timestamp) -> Self {
        let listed = std::mem::take(&mut settings.backups);
        let history = History::new(std::mem::take(&mut settings.history), start, settings.utc_offset.0);
        let latest = listed.last().map(|backup| backup.id.clone());
        let offset = settings.utc_offset.0;
        let backups =
            listed.iter().map(|backup| (backup.id.clone(), Backup::new(backup, start, offset))).collect();
        Self {
            name: name.into(),
            faults: Faults::new(&settings.faults),
            outage_left: settings.outage.as_ref().and_then(|outage| outage.calls),
            settings,
            backups,
            latest,
            history,
            scheduled: 0,
            ids_made: 0,
            in_flight: 0,
            max_in_flight: 0,
            calls: 0,
            token_calls: 0,
            grants: Grants::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls of the API, token calls not included, refused ones included.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// Calls of the token endpoint.
    #[must_use]
    pub const fn token_calls(&self) -> u64 {
        self.token_calls
    }

    /// Calls of the API that are being answered now.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// The most calls of the API that were ever answered at the same time.
    #[must_use]
    pub const fn max_in_flight(&self) -> u32 {
        self.max_in_flight
    }

    /// One backup, as it stood when a request last touched it.
    #[must_use]
    pub fn backup(&self, id: &str) -> Option<&Backup> {
        self.backups.get(id)
    }

    /// The backup that `GET /backup` shows, as it stood when a request last touched it.
    #[must_use]
    pub fn latest(&self) -> Option<&Backup> {
        self.backups.get(self.latest.as_ref()?)
    }

    /// Puts a backup there as if somebody else had scheduled it: it becomes the latest.
    pub fn put(&mut self, backup: &BackupScenario, now: Timestamp) {
        self.latest = Some(backup.id.clone());
        let backup_now = Backup::new(backup, now, self.settings.utc_offset.0);
        self.backups.insert(backup.id.clone(), backup_now);
    }

    /// Changes a backup's state as if Zoho or somebody else had; tells whether there is such a backup.
    pub fn set_status(&mut self, id: &str, status: Status) -> bool {
        match self.backups.get_mut(id) {
            Some(backup) => {
                backup.status = status;
                backup.run_ends = None;
                backup.reappears = None;
                true
            }
            None => false,
        }
    }

    /// Adds a fault to the end of an endpoint's list; tells whether the endpoint has one.
    pub fn push_fault(&mut self, endpoint: Endpoint, step: Step) -> bool {
        self.faults.of(endpoint).is_some_and(|queue| {
            queue.push(step);
            true
        })
    }

    /// Starts an outage, or ends it, now.
    pub fn set_outage(&mut self, outage: Option<Outage>) {
        self.outage_left = outage.as_ref().and_then(|outage| outage.calls);
        self.settings.outage = outage;
    }

    /// The outage that hits this call.
    pub(super) fn outage(&mut self, endpoint: Endpoint, elapsed: SignedDuration) -> Option<Step> {
        let outage = self.settings.outage.as_ref()?;
        let since = elapsed.as_secs_f64() - outage.starts.as_secs_f64();
        let over = outage.lasts.is_some_and(|lasts| since >= lasts.as_secs_f64());
        if since < 0.0 || over || (endpoint == Endpoint::Token && !outage.token) {
            return None;
        }
        if let Some(left) = &mut self.outage_left {
            *left = left.checked_sub(1)?;
        }
        Some(Step { retry_after: outage.retry_after, ..Step::of(outage.then) })
    }

    /// What becomes of this call, by the lists.
    pub(super) fn fault(&mut self, endpoint: Endpoint, backup: Option<&str>) -> Step {
        let own = backup.and_then(|id| self.backups.get_mut(id)).and_then(|backup| backup.faults.take());
        own.or_else(|| self.faults.of(endpoint)?.take()).unwrap_or(Step::of(crate::Fault::Ok))
    }

    /// Whether the tokens allow it.
    pub(super) fn allows(&self, endpoint: Endpoint) -> bool {
        endpoint.scope().is_none_or(|part| {
            let scope = |scope: &String| {
                scope.strip_prefix("ZohoCRM.bulk.backup.").is_some_and(|s| s == "ALL" || s == part)
            };
            self.settings.scopes.iter().any(scope)
        })
    }

    /// The normal answer. Zoho acts only if `act`; otherwise it answers as if it had.
    pub(super) fn answer(
        &mut self,
        asked: Asked<'_>,
        query: &str,
        body: &[u8],
        now: Timestamp,
        act: bool,
    ) -> Draft {
        match asked.endpoint {
            Endpoint::Cancel => self.cancel(asked.backup.unwrap_or_default(), now, act),
            Endpoint::Get => self.show_latest(now),
            Endpoint::History => self.show_history(query, now),
            Endpoint::Schedule => self.schedule(body, now, act),
            Endpoint::Urls => Draft::no_content(),
            Endpoint::Users => self.users(),
            Endpoint::Org => self.org(),
            Endpoint::Token | Endpoint::Revoke | Endpoint::Unknown => {
                Draft::refusal(Code::InvalidUrlPattern, asked.endpoint, None)
            }
        }
    }

    fn cancel(&mut self, id: &str, now: Timestamp, act: bool) -> Draft {
        let refuse = |code| Draft::refusal(code, Endpoint::Cancel, Some(id));
        if !self.backups.contains_key(id) {
            let Some(status) = self.settings.unlisted else { return refuse(Code::ResourceNotFound) };
            let scenario = BackupScenario { status, ..BackupScenario::new(id) };
            let backup = Backup::new(&scenario, now, self.settings.utc_offset.0);
            self.backups.insert(id.to_owned(), backup);
        }
        self.advance(id, now);
        let Some(backup) = self.backups.get_mut(id) else { return refuse(Code::ResourceNotFound) };
        match backup.status {
            Status::Scheduled => {}
            Status::Stopped => return refuse(Code::AlreadyCancelled),
            Status::Inprogress => return refuse(Code::Inprogress),
            // Zoho doesn't document what it says of a backup that is over. There is nothing left to cancel.
            Status::Completed | Status::Failed | Status::PaymentFailed | Status::Finished => {
                return refuse(Code::ResourceNotFound);
            }
        }
        if act {
            backup.stop(now);
            let repeat_type = repeat_type(backup.rule().as_ref());
            self.history.log("stopped", repeat_type, None, now);
        }
        Draft::success("Backup stopped successfully.", id)
    }

    fn show_latest(&mut self, now: Timestamp) -> Draft {
        let Some(id) = self.latest.clone() else { return Draft::no_content() };
        self.advance(&id, now);
        match self.backups.get(&id) {
            Some(backup) => Draft::ok(json!({"backup": backup.shown(now)})),
            None => Draft::no_content(),
        }
    }

    fn schedule(&mut self, body: &[u8], now: Timestamp, act: bool) -> Draft {
        let refuse = |code, id| Draft::refusal(code, Endpoint::Schedule, id);
        let wanted = match wanted_rrule(body) {
            Ok(wanted) => wanted,
            Err(code) => return refuse(code, None),
        };
        if let Some(id) = self.latest.clone() {
            self.advance(&id, now);
            let latest = self.backups.get(&id);
            if latest.is_some_and(|latest| matches!(latest.status, Status::Scheduled | Status::Inprogress)) {
                return refuse(Code::BackupAlreadyScheduled, Some(&id));
            }
        }
        if self.settings.backup_limit.is_some_and(|limit| self.scheduled >= limit) {
            return refuse(Code::LimitExceeded, None);
        }
        let id = self.unused_id();
        if act {
            self.scheduled += 1;
            self.add(&id, wanted, now);
        }
        Draft::success("Backup scheduled successfully.", &id)
    }

    fn add(&mut self, id: &str, wanted: Option<(String, Rrule)>, now: Timestamp) {
        let offset = self.settings.utc_offset.0;
        let mut backup = Backup::new(&BackupScenario::new(id), now, offset);
        let mut repeats = repeat_type(None);
        if let Some((text, rule)) = wanted {
            repeats = rule.repeat_type();
            backup.scheduled = Some(rule.first(now, offset));
            backup.started = backup.scheduled;
            backup.rrule = Some(text);
        } else {
            // An immediate one has no dates, and is running by the time anybody asks.
            backup.status = Status::Inprogress;
            backup.run_ends = Some(now.saturating_add(self.settings.runs_for).unwrap_or(Timestamp::MAX));
        }
        self.backups.insert(id.to_owned(), backup);
        self.latest = Some(id.to_owned());
        self.history.log("scheduled", repeats, None, now);
    }

    fn show_history(&mut self, query: &str, now: Timestamp) -> Draft {
        if let Some(id) = self.latest.clone() {
            self.advance(&id, now);
        }
        self.history.page(query, now).map_or_else(Draft::no_content, Draft::ok)
    }

    fn advance(&mut self, id: &str, now: Timestamp) {
        let runs_for = self.settings.runs_for;
        let Some(backup) = self.backups.get_mut(id) else { return };
        let events = backup.advance(now, runs_for);
        if events.is_empty() {
            return;
        }
        let repeat_type = repeat_type(backup.rule().as_ref());
        for event in events {
            match event {
                Event::Ran(at) => self.history.log("initiated", repeat_type, Some("completed"), at),
                Event::Rescheduled(at) => self.history.log("scheduled", repeat_type, None, at),
            }
        }
    }

    fn unused_id(&mut self) -> String {
        loop {
            let id = made_id(self.ids_made);
            self.ids_made += 1;
            if !self.backups.contains_key(&id) {
                return id;
            }
        }
    }

    fn users(&self) -> Draft {
        let person = Person::default();
        let user = json!({
            "id": person.id,
            "zuid": person.zuid,
            "full_name": person.name,
            "first_name": "Ada",
            "last_name": "Admin",
            "email": format!("ada@{}.example", self.name),
            "status": "active",
            "confirm": true,
            "profile": {"id": "4876876000000026011", "name": "Administrator"},
            "role": {"id": "4876876000000026005", "name": "CEO"},
        });
        let info = json!({"page": 1, "per_page": 200, "count": 1, "more_records": false});
        Draft::ok(json!({"users": [user], "info": info}))
    }

    fn org(&self) -> Draft {
        let settings = &self.settings.org;
        let org = json!({
            "id": "4876876000000020005",
            "zgid": "761234567",
            "company_name": settings.company_name.as_deref().unwrap_or(&self.name),
            "time_zone": settings.time_zone,
            "license_details": {"paid": true, "paid_type": settings.edition},
        });
        Draft::ok(json!({"org": [org]}))
    }
}

fn repeat_type(rule: Option<&Rrule>) -> &'static str {
    rule.map_or("immediate", Rrule::repeat_type)
}

/// An id of the look of Zoho's, out of the way of those that people list.
fn made_id(number: u64) -> String {
    (4_876_876_000_900_000_001 + number).to_string()
}

/// The rule in the body of a `POST`; none if the backup is to run at once.
fn wanted_rrule(body: &[u8]) -> Result<Option<(String, Rrule)>, Code> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| Code::RequestBodyNotReadable)?;
    let Value::Object(body) = body else { return Err(Code::RequestBodyNotReadable) };
    match body.get("backup").map(|backup| (backup, backup.get("rrule"))) {
        None | Some((Value::Null, _) | (Value::Object(_), None | Some(Value::Null))) => Ok(None),
        Some((_, Some(Value::String(text)))) => {
            let rule = Rrule::parse(text).ok_or(Code::InvalidData)?;
            Ok(Some((text.clone(), rule)))
        }
        Some(_) => Err(Code::InvalidData),
    }
}
