//! What Zoho says of its backups, read from its answers. Every field may be absent.

use calloff_core::ids::BackupId;
use calloff_core::live::{HistoryRow, LiveBackup};
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use serde_json::Value;

use super::redact::Redactor;

/// Reads the answer to `GET /backup`. What it echoes is cleaned: it will be kept and shown.
pub(super) fn live(body: &Value, redactor: &Redactor) -> Option<LiveBackup> {
    let backup = body.get("backup")?.as_object()?;
    let text = |key: &str| backup.get(key).and_then(Value::as_str);
    let clean = |text: &str| Some(redactor.clean(text)).filter(|text| !text.is_empty());
    Some(LiveBackup {
        id: text("id").and_then(|id| BackupId::parse(id).ok()),
        status: text("status").and_then(clean),
        rrule: text("rrule").and_then(clean),
        scheduled_date: text("scheduled_date").and_then(zoned),
        start_date: text("start_date").and_then(zoned),
        requester: body.pointer("/backup/requester/name").and_then(Value::as_str).and_then(clean),
    })
}

/// An instant with the offset that it is written in.
fn zoned(text: &str) -> Option<Zoned> {
    let instant: Timestamp = text.parse().ok()?;
    let offset = match Pieces::parse(text).ok()?.offset()? {
        PiecesOffset::Numeric(numeric) => numeric.offset(),
        _ => Offset::UTC,
    };
    Some(instant.to_zoned(TimeZone::fixed(offset)))
}

/// One page of an organisation's backup history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryPage {
    /// The rows, as Zoho orders them.
    pub rows: Vec<HistoryRow>,
    /// Whether there is another page.
    pub more: bool,
}

impl HistoryPage {
    /// Reads the answer to `GET /backup/history`. What it echoes is cleaned: it will be shown.
    pub(super) fn read(body: &Value, redactor: &Redactor) -> Option<Self> {
        let clean = |text: &str| Some(redactor.clean(text)).filter(|text| !text.is_empty());
        let rows = body.get("history")?.as_array()?.iter().map(|row| {
            let text = |pointer: &str| row.pointer(pointer).and_then(Value::as_str);
            HistoryRow {
                id: text("/id").and_then(clean),
                action: text("/action").and_then(clean),
                state: text("/state").and_then(clean),
                repeat_type: text("/repeat_type").and_then(clean),
                log_time: text("/log_time").and_then(|text| text.parse().ok()),
                done_by: text("/done_by/name").and_then(clean),
            }
        });
        let more = body.pointer("/info/more_records").and_then(Value::as_bool).unwrap_or(false);
        Some(Self { rows: rows.collect(), more })
    }
}

/// What Zoho says of the organisation that a token is for. Every field may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Organisation {
    /// Its name.
    pub name: Option<String>,
    /// Its ID.
    pub id: Option<String>,
    /// The time zone of its settings.
    pub time_zone: Option<String>,
    /// The edition of its licence.
    pub edition: Option<String>,
}

impl Organisation {
    /// Reads the answer to `GET /org`. What it echoes is cleaned: it will be shown.
    pub(super) fn read(body: &Value, redactor: &Redactor) -> Option<Self> {
        let org = body.get("org")?.as_array()?.first()?;
        let text = |pointer: &str| {
            let text = redactor.clean(org.pointer(pointer)?.as_str()?);
            Some(text).filter(|text| !text.is_empty())
        };
        Some(Self {
            name: text("/company_name"),
            id: text("/id"),
            time_zone: text("/time_zone"),
            edition: text("/license_details/paid_type"),
        })
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
