//! What Zoho says of its backups. Every field may be absent, whatever its documentation says: the v8 `OpenAPI`
//! file and the v7 pages contradict each other on which are.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The newest backup of an organisation, as `GET /backup` has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backup {
    /// Its ID.
    pub id: Option<String>,
    /// Its status: `SCHEDULED`, `STOPPED`, `INPROGRESS`, `COMPLETED`, `FAILED`, or a word we don't know.
    pub status: Option<String>,
    /// Its recurrence; none for an immediate backup.
    pub rrule: Option<String>,
    /// Its next start; none for an immediate backup.
    pub scheduled_date: Option<Timestamp>,
    /// Its first start; none for an immediate backup.
    pub start_date: Option<Timestamp>,
    /// Who asked for it.
    pub requester: Option<Requester>,
}

/// Who asked for a backup.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Requester {
    /// The user's ID.
    pub id: Option<String>,
    /// The user's name.
    pub name: Option<String>,
}

impl Backup {
    pub(super) fn read(body: &Value) -> Option<Self> {
        let backup = body.get("backup")?.as_object()?;
        let text = |key: &str| backup.get(key).and_then(Value::as_str).map(str::to_owned);
        let instant = |key: &str| text(key).and_then(|text| text.parse::<Timestamp>().ok());
        Some(Self {
            id: text("id"),
            status: text("status"),
            rrule: text("rrule"),
            scheduled_date: instant("scheduled_date"),
            start_date: instant("start_date"),
            requester: backup.get("requester").and_then(|requester| Requester::deserialize(requester).ok()),
        })
    }
}

/// One page of an organisation's backup history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryPage {
    /// The rows, as Zoho orders them.
    pub rows: Vec<HistoryRow>,
    /// Whether there is another page.
    pub more: bool,
}

/// One row of the history. Its ID is not that of a backup: don't cancel by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryRow {
    /// The row's ID.
    pub id: Option<String>,
    /// What was done: `scheduled`, `stopped`, `purchased`, `initiated`, or a word we don't know.
    pub action: Option<String>,
    /// How it went: `completed`, `failure`, or a word we don't know.
    pub state: Option<String>,
    /// `immediate`, `weekly`, `biweekly`, `monthly`, or a word we don't know.
    pub repeat_type: Option<String>,
    /// When.
    pub log_time: Option<Timestamp>,
    /// By whom.
    pub done_by: Option<String>,
}

impl HistoryPage {
    pub(super) fn read(body: &Value) -> Option<Self> {
        let rows = body.get("history")?.as_array()?.iter().map(|row| {
            let text = |key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
            HistoryRow {
                id: text("id"),
                action: text("action"),
                state: text("state"),
                repeat_type: text("repeat_type"),
                log_time: text("log_time").and_then(|text| text.parse().ok()),
                done_by: row.pointer("/done_by/name").and_then(Value::as_str).map(str::to_owned),
            }
        });
        let more = body.pointer("/info/more_records").and_then(Value::as_bool).unwrap_or(false);
        Some(Self { rows: rows.collect(), more })
    }
}

/// A backup that was just scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// Its ID.
    pub id: String,
}

impl Scheduled {
    pub(super) fn read(body: &Value) -> Option<Self> {
        let id = body.pointer("/backup/details/id")?.as_str()?;
        Some(Self { id: id.to_owned() })
    }
}
