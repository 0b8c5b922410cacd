//! What `calloff doctor` finds: one finding a check, and what they come to.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::text::duration;
use crate::words::words;

words! {
    /// What was looked at.
    Check {
        /// `calloff.toml` and the job files.
        Configuration = "configuration",
        /// The computer's clock.
        Clock = "clock",
        /// The data of time zones.
        TimeZones = "time_zones",
        /// Who may read and write which files.
        Permissions = "permissions",
        /// An account's secrets.
        Credentials = "credentials",
        /// Where the status page is served, and the token that it takes.
        Http = "http",
        /// Those who are told what happens.
        Notify = "notify",
        /// The record.
        Store = "store",
        /// The daemon.
        Daemon = "daemon",
        /// Zoho's hosts.
        Reachability = "reachability",
    }
}

words! {
    /// How it is.
    Health {
        /// As it should be.
        Ok = "ok",
        /// Calloff works, and somebody should look at it.
        Warn = "warn",
        /// Calloff does not work, or not as it should.
        Failed = "failed",
    }
}

impl Check {
    /// The exit code if it failed: what a person mends in files and on the machine is 78, what does not answer is 69.
    fn exit_code(self) -> u8 {
        match self {
            Self::Configuration
            | Self::Clock
            | Self::TimeZones
            | Self::Permissions
            | Self::Credentials
            | Self::Http
            | Self::Notify => 78,
            Self::Store | Self::Daemon | Self::Reachability => 69,
        }
    }
}

/// What one check has shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// Which of several: an account, a file, a host.
    pub subject: Option<String>,
    /// How it is.
    pub result: Health,
    /// In one clause.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn ok(check: Check, detail: impl Into<String>) -> Self {
        Self { check, subject: None, result: Health::Ok, detail: detail.into(), hint: None }
    }

    /// Somebody should look at it.
    #[must_use]
    pub fn warn(check: Check, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { result: Health::Warn, hint: Some(hint.into()), ..Self::ok(check, detail) }
    }

    /// It has to be mended.
    #[must_use]
    pub fn failed(check: Check, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { result: Health::Failed, hint: Some(hint.into()), ..Self::ok(check, detail) }
    }

    /// The same, of one of several.
    #[must_use]
    pub fn of(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }
}

/// The exit code of all findings: 0 if nothing failed; else that of what is to be mended first.
#[must_use]
pub fn exit_code<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> u8 {
    let failed = findings.into_iter().filter(|found| found.result == Health::Failed);
    // What is wrong here is mended before what is wrong elsewhere can be told.
    failed.map(|found| found.check.exit_code()).max().unwrap_or(0)
}

/// The time that a server showed in an answer, to the second, and the clock's before it was asked and after it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTime {
    /// The header `Date`.
    pub shown: Timestamp,
    /// When it was asked.
    pub before: Timestamp,
    /// When it had answered.
    pub after: Timestamp,
}

/// A clock that is off by more is worth a word.
const NOTICEABLE: Duration = Duration::from_secs(10);

/// A clock that is off by more makes jobs miss what they are for.
const WRONG: Duration = Duration::from_mins(2);

impl ServerTime {
    /// How far the clock is from it at least, and whether it is ahead.
    fn off(&self) -> (Duration, bool) {
        let between =
            |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).unwrap_or_default();
        let end = self.shown.saturating_add(Duration::from_secs(1)).unwrap_or(self.shown);
        let ahead = between(end, self.before);
        if ahead.is_zero() { (between(self.after, self.shown), false) } else { (ahead, true) }
    }
}

/// Judges the clock by what servers show. The one that is nearest counts: servers may be wrong, too.
#[must_use]
pub fn clock(now: Timestamp, servers: &[ServerTime]) -> Finding {
    const HINT: &str = "set the clock, and keep it right by NTP: jobs are run by it";
    let year = now.to_zoned(TimeZone::UTC).year();
    if !(2026..2100).contains(&year) {
        return Finding::failed(Check::Clock, format!("it shows the year {year}"), HINT);
    }
    let Some((off, is_ahead)) = servers.iter().map(ServerTime::off).min() else {
        let detail = "it can't be told whether it is right: no server showed its time";
        return Finding::warn(Check::Clock, detail, "mend first what `reachability` says");
    };
    let detail = format!(
        "it is {} {} that of Zoho's servers",
        duration(Duration::from_secs(off.as_secs().max(1))),
        if is_ahead { "ahead of" } else { "behind" }
    );
    if off <= NOTICEABLE {
        Finding::ok(Check::Clock, "it agrees with that of Zoho's servers, to some seconds")
    } else if off <= WRONG {
        Finding::warn(Check::Clock, detail, HINT)
    } else {
        Finding::failed(Check::Clock, detail, HINT)
    }
}

/// Judges the data of time zones: its version, such as `2026b`, if it is known, and the zones that are in use.
#[must_use]
pub fn time_zones(is_empty: bool, version: Option<&str>, zones: &[String], now: Timestamp) -> Finding {
    const UPDATE: &str = "update the package tzdata: governments change the clocks at short notice";
    if is_empty {
        let hint = "install the package tzdata, or set TZDIR";
        return Finding::failed(Check::TimeZones, "this computer has no data of time zones", hint);
    }
    let in_use = if zones.is_empty() { String::new() } else { format!("; in use: {}", zones.join(", ")) };
    let Some(version) = version else {
        return Finding::ok(Check::TimeZones, format!("found, of an unknown version{in_use}"));
    };
    let detail = format!("version {version}{in_use}");
    let year: Option<i16> = version.get(..4).and_then(|year| year.parse().ok());
    let is_old = year.is_some_and(|year| year + 2 <= now.to_zoned(TimeZone::UTC).year());
    if is_old {
        Finding::warn(Check::TimeZones, detail, UPDATE)
    } else {
        Finding::ok(Check::TimeZones, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_clock_is_judged_by_the_nearest_server_and_by_the_year() {
        use Health::{Failed, Ok, Warn};
        let now = at("2026-11-24T12:00:00.700Z");
        let server =
            |shown: &str| ServerTime { shown: at(shown), before: at("2026-11-24T12:00:00.200Z"), after: now };
        #[rustfmt::skip]
        let table: [(&[&str], Health, &str); 8] = [
            (&[],                                                        Warn,   "no server"),
            (&["2026-11-24T12:00:00Z"],                                  Ok,     "agrees"),
            (&["2026-11-24T11:59:50Z"],                                  Ok,     "agrees"),
            (&["2026-11-24T11:59:30Z"],                                  Warn,   "29s ahead of"),
            (&["2026-11-24T12:01:00Z"],                                  Warn,   "59s behind"),
            (&["2026-11-24T12:10:00Z"],                                  Failed, "9m 59s behind"),
            (&["2026-11-24T10:00:00Z"],                                  Failed, "1h 59m 59s ahead of"),
            (&["2020-01-01T00:00:00Z", "2026-11-24T12:00:01Z"],          Ok,     "agrees"),
        ];
        for (shown, health, said) in table {
            let servers: Vec<ServerTime> = shown.iter().map(|shown| server(shown)).collect();
            let found = clock(now, &servers);
            assert_eq!(found.result, health, "{shown:?}: {found:?}");
            assert!(found.detail.contains(said), "{shown:?}: {found:?}");
        }
        for year in ["1970-01-01T00:00:10Z", "2105-01-01T00:00:00Z"] {
            assert_eq!(clock(at(year), &[server(year)]).result, Failed, "{year}");
        }
    }

    #[test]
    fn data_of_time_zones_may_be_absent_or_old() {
        let now = at("2026-11-24T12:00:00Z");
        let zones = ["Europe/Berlin".to_owned()];
        for (is_empty, version, health) in [
            (true, None, Health::Failed),
            (false, None, Health::Ok),
            (false, Some("2026a"), Health::Ok),
            (false, Some("2025c"), Health::Ok),
            (false, Some("2024b"), Health::Warn),
            (false, Some("unknown"), Health::Ok),
        ] {
            assert_eq!(time_zones(is_empty, version, &zones, now).result, health, "{version:?}");
        }
        assert_eq!(
            time_zones(false, Some("2026a"), &zones, now).detail,
            "version 2026a; in use: Europe/Berlin"
        );
    }

    #[test]
    fn the_exit_code_is_that_of_what_is_mended_first() {
        let failed = |check| Finding::failed(check, "x", "y");
        let ok = Finding::ok(Check::Clock, "x");
        let warned = Finding::warn(Check::Permissions, "x", "y");
        for (findings, code) in [
            (vec![], 0),
            (vec![ok.clone(), warned.clone()], 0),
            (vec![failed(Check::Reachability), warned], 69),
            (vec![failed(Check::Store), ok], 69),
            (vec![failed(Check::Reachability), failed(Check::Credentials)], 78),
            (vec![failed(Check::Configuration), failed(Check::Store)], 78),
        ] {
            assert_eq!(exit_code(&findings), code, "{findings:?}");
        }
    }
}
