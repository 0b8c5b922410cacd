//! What happened in an account, as `GET /backup/history` tells it.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::backup::show;
use crate::scenario::{HistoryScenario, Person};

/// The most rows of a page, and its size when nobody says.
const MOST: usize = 200;

/// Zoho tells of the last year.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The rows, oldest first.
#[derive(Debug)]
pub(super) struct History {
    rows: Vec<Row>,
    made: u64,
    offset: Offset,
}

#[derive(Debug)]
struct Row {
    id: String,
    at: Timestamp,
    action: String,
    repeat_type: Option<String>,
    count: u32,
    file_name: Option<String>,
    state: Option<String>,
}

impl History {
    pub(super) fn new(mut past: Vec<HistoryScenario>, start: Timestamp, offset: Offset) -> Self {
        past.sort_by_key(|row| row.log_time.instant(start));
        let mut history = Self { rows: Vec::new(), made: 0, offset };
        for row in past {
            let id = history.next_id();
            history.rows.push(Row {
                id,
                at: row.log_time.instant(start),
                action: row.action,
                repeat_type: row.repeat_type,
                count: row.count,
                file_name: row.file_name,
                state: row.state,
            });
        }
        history
    }

    /// Adds a row. One with a state is of a backup that ran, and left a file.
    pub(super) fn log(&mut self, action: &str, repeat_type: &str, state: Option<&str>, at: Timestamp) {
        let id = self.next_id();
        let row = Row {
            id,
            at,
            action: action.to_owned(),
            repeat_type: Some(repeat_type.to_owned()),
            count: u32::from(state.is_some()),
            file_name: state.map(|_| format!("Data_{}.zip", self.made)),
            state: state.map(str::to_owned),
        };
        let place = self.rows.partition_point(|other| other.at <= at);
        self.rows.insert(place, row);
    }

    /// The page that a query asks for, newest first; none if there is nothing on it.
    pub(super) fn page(&self, query: &str, now: Timestamp) -> Option<Value> {
        let number = |key: &str| {
            let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == key);
            found.and_then(|(_, value)| value.parse::<usize>().ok()).filter(|number| *number > 0)
        };
        let page = number("page").unwrap_or(1);
        let per_page = number("per_page").unwrap_or(MOST).min(MOST);
        let oldest = now.saturating_sub(YEAR).unwrap_or(Timestamp::MIN);
        let recent = &self.rows[self.rows.partition_point(|row| row.at < oldest)..];
        let skipped = (page - 1).saturating_mul(per_page);
        let shown: Vec<Value> =
            recent.iter().rev().skip(skipped).take(per_page).map(|row| self.shown(row)).collect();
        let info = json!({
            "page": page,
            "per_page": per_page,
            "count": shown.len(),
            "more_records": skipped.saturating_add(shown.len()) < recent.len(),
        });
        (!shown.is_empty()).then(|| json!({"history": shown, "info": info}))
    }

    fn shown(&self, row: &Row) -> Value {
        json!({
            "id": row.id,
            "log_time": show(row.at, self.offset),
            "action": row.action,
            "repeat_type": row.repeat_type,
            "count": row.count,
            "file_name": row.file_name,
            "state": row.state,
            "done_by": Person::default(),
        })
    }

    /// Rows have ids of their own: they aren't those of backups, and can't be cancelled.
    fn next_id(&mut self) -> String {
        self.made += 1;
        (4_876_876_000_800_000_000 + self.made).to_string()
    }
}
