//! Jobs and what Zoho has, for tests of what is printed about them.

use calloff_core::condition::{Facts, Reading};
use calloff_core::config::{Job, JobDefaults, parse_job, parse_settings};
use calloff_core::forecast::{Forecast, Player, Standing, foretell};
use calloff_core::ids::BackupId;
use calloff_core::live::LiveBackup;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A Friday.
pub(super) const NOW: &str = "2026-11-27T16:00:00Z";

/// The backup that accounts have.
pub(super) const BACKUP: &str = "4876876000001593003";

pub(super) fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn defaults() -> JobDefaults {
    let text = r#"
        timezone = "Europe/Berlin"
        [accounts.acme]
        data_center = "eu"
        client_id = "x"
        client_secret = { env = "A" }
        refresh_token = { env = "B" }
        [[windows.weekend]]
        opens = "0 18 * * FRI"
        lasts = "60h"
        [[windows.nights]]
        opens = "0 20 * * *"
        lasts = "10h"
        [[windows.year-end-closing-of-the-books]]
        from = "2026-11-30T08:00:00"
        to = "2027-01-10T08:00:00"
    "#;
    parse_settings("calloff.toml", text, None).defaults
}

/// A job of the account `acme`, whichever it is shown as.
pub(super) fn job(name: &str, text: &str) -> Job {
    let text = format!("account = \"acme\"\n{text}");
    let read = parse_job(&name.parse().unwrap(), name, &text, &defaults());
    read.value.unwrap_or_else(|| panic!("{:?}", read.diagnostics))
}

pub(super) fn player(job: &Job) -> Player<'_> {
    Player::new(job, ts(NOW))
}

pub(super) fn backup(status: &str, start: Option<&str>) -> LiveBackup {
    LiveBackup {
        id: BackupId::parse(BACKUP).ok(),
        status: Some(status.to_owned()),
        rrule: Some("RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SA".to_owned()),
        scheduled_date: start.map(|start| ts(start).to_zoned(TimeZone::UTC)),
        ..LiveBackup::default()
    }
}

pub(super) fn facts(live: &Reading<Option<LiveBackup>>) -> Facts {
    Facts { live: live.clone(), last_good: Reading::Read(Some(ts("2026-11-21T03:10:00Z"))) }
}

/// One account, played.
pub(super) fn forecast<'a>(
    jobs: &'a [Job],
    live: &Reading<Option<LiveBackup>>,
    until: &str,
    most: usize,
) -> Forecast<'a> {
    let players: Vec<Player<'_>> = jobs.iter().map(player).collect();
    foretell(&players, &facts(live), Standing::default(), ts(NOW), ts(until), most)
}

/// What is seen of a text: no styles, and no spaces at ends of lines.
pub(super) fn shown(text: &str) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The same thing on terminals of several widths.
pub(super) fn at_widths<const N: usize>(widths: [u16; N], text: impl Fn(Option<u16>) -> String) -> String {
    let ruled = |width: u16| format!("{}\n{}\n", "─".repeat(usize::from(width)), text(Some(width)));
    widths.map(ruled).concat()
}
