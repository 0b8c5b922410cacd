//! Zoho's own view of an account's backups.

use calloff_core::live::{HistoryRow, LiveBackup};
use jiff::{Timestamp, Zoned};

use super::style::{BOLD, DIM, styled};
use super::table::table;
use super::text::{hanging, line, most_columns};
use super::time::{relative, seconds};

/// The backup that Zoho shows of an account, in a short block.
#[must_use]
pub fn backup(account: &str, backup: &LiveBackup, now: Timestamp, width: Option<u16>) -> String {
    let given = |text: Option<&str>| text.unwrap_or("not given").to_owned();
    let facts = [
        ("status", given(backup.status.as_deref())),
        (
            "next start",
            backup.next_start(now).map_or("none".to_owned(), |start| next_start(backup, start, now)),
        ),
        ("recurrence", backup.rrule.clone().unwrap_or_else(|| "none".to_owned())),
        ("requester", given(backup.requester.as_deref())),
        ("ID", given(backup.id.as_ref().map(calloff_core::ids::BackupId::as_str))),
    ];
    let mut text = format!("{}\n", styled(BOLD, account));
    let columns = most_columns(width);
    for (label, said) in facts {
        let head = format!("  {}  ", styled(DIM, format_args!("{label:10}")));
        hanging(&mut text, &head, 14, &said, columns);
    }
    text
}

/// When it starts: in the offset that Zoho gives, in UTC, and how far that is.
fn next_start(backup: &LiveBackup, start: Timestamp, now: Timestamp) -> String {
    let offset = backup.scheduled_date.as_ref().or(backup.start_date.as_ref()).map(Zoned::time_zone);
    let local =
        offset.map(|offset| start.to_zoned(offset.clone()).strftime("%Y-%m-%d %H:%M:%S%:z, ").to_string());
    format!("{}{}, {}", local.unwrap_or_default(), seconds(start), relative(start, now))
}

/// What has been done with an account's backups, one line each, and what the IDs are not.
#[must_use]
pub fn backup_history(rows: &[HistoryRow], width: Option<u16>) -> String {
    let mut table = table(["WHEN", "ACTION", "STATE", "REPEATS", "BY", "ROW ID"], width);
    for row in rows {
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        table.add_row([
            row.log_time.map_or_else(String::new, seconds),
            said(&row.action),
            said(&row.state),
            said(&row.repeat_type),
            said(&row.done_by),
            said(&row.id),
        ]);
    }
    let mut text = format!("{table}\n");
    let warning = "row IDs are not backup IDs: for `calloff cancel` take the one of `calloff backup show`";
    line(&mut text, format_args!("{}", styled(DIM, warning)));
    text
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::fixture::{BACKUP, NOW, ts};
    use super::*;

    /// The text as nobody's terminal shows it, without the spaces that fill up a table.
    fn plain(text: &str) -> String {
        let text = anstream::adapter::strip_str(text).to_string();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    fn weekly() -> LiveBackup {
        LiveBackup {
            id: BACKUP.parse().ok(),
            status: Some("SCHEDULED".to_owned()),
            rrule: Some("RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA".to_owned()),
            scheduled_date: "2026-11-28T02:00:00+01:00[+01:00]".parse().ok(),
            start_date: None,
            requester: Some("Ada Admin".to_owned()),
        }
    }

    #[test]
    fn a_backup_is_a_short_block() {
        assert_snapshot!(plain(&backup("acme", &weekly(), ts(NOW), None)), @r"
        acme
          status      SCHEDULED
          next start  2026-11-28 02:00:00+01:00, 2026-11-28 01:00:00Z, in 9h
          recurrence  RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA
          requester   Ada Admin
          ID          4876876000001593003
        ");
        let narrow = plain(&backup("acme", &weekly(), ts(NOW), Some(50)));
        assert!(narrow.lines().all(|line| line.chars().count() <= 50), "{narrow}");
    }

    #[test]
    fn what_zoho_does_not_say_is_said_so() {
        let bare = LiveBackup { status: Some("STOPPED".to_owned()), ..LiveBackup::default() };
        assert_snapshot!(plain(&backup("acme", &bare, ts(NOW), None)), @r"
        acme
          status      STOPPED
          next start  none
          recurrence  none
          requester   not given
          ID          not given
        ");
    }

    #[test]
    fn a_history_is_a_table_that_says_what_its_ids_are_not() {
        let row = HistoryRow {
            id: Some("4876876000800000001".to_owned()),
            action: Some("initiated".to_owned()),
            state: Some("completed".to_owned()),
            repeat_type: Some("weekly".to_owned()),
            log_time: Some(ts("2026-11-21T03:10:00Z")),
            done_by: Some("Ada Admin".to_owned()),
        };
        let rows = [row, HistoryRow { action: Some("stopped".to_owned()), ..HistoryRow::default() }];
        assert_snapshot!(plain(&backup_history(&rows, None)), @r"
         WHEN                  ACTION     STATE      REPEATS  BY         ROW ID
         2026-11-21 03:10:00Z  initiated  completed  weekly   Ada Admin  4876876000800000001
                               stopped
        row IDs are not backup IDs: for `calloff cancel` take the one of `calloff backup show`
        ");
        let narrow = plain(&backup_history(&rows, Some(60)));
        let (table, _) = narrow.split_once("row IDs").unwrap();
        assert!(table.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    }
}
