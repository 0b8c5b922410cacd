//! `timezone`: a name of the IANA database, as the system has it. There is no host default.

use jiff::tz::TimeZone;

use super::reader::{Problems, Value, bare, did_you_mean};
use crate::diagnostic::Code;

/// The time zone that a job or window falls back to.
#[derive(Debug, Clone, Default)]
pub(super) enum Fallback {
    /// `calloff.toml` names none.
    #[default]
    None,
    /// The one that `calloff.toml` names.
    Zone(TimeZone),
    /// `calloff.toml` is wrong about it, which has been reported there.
    Unreadable,
}

impl Fallback {
    pub(super) fn read(value: Option<&Value<'_>>, problems: &mut Problems) -> Self {
        match value {
            None => Self::None,
            Some(value) => zone(value, problems).map_or(Self::Unreadable, Self::Zone),
        }
    }

    /// This, unless the job or window has one of its own.
    pub(super) fn overridden(&self, value: Option<&Value<'_>>, problems: &mut Problems) -> Self {
        match value {
            None => self.clone(),
            Some(_) => Self::read(value, problems),
        }
    }

    /// The zone, if there is one and it could be read.
    pub(super) fn named(&self) -> Option<TimeZone> {
        match self {
            Self::Zone(zone) => Some(zone.clone()),
            Self::None | Self::Unreadable => None,
        }
    }

    /// Whether it is UTC, by any of its names.
    pub(super) fn is_utc(&self) -> bool {
        const NAMES: [&str; 8] =
            ["UTC", "Etc/UTC", "UCT", "Etc/UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"];
        let name = |zone: &TimeZone| zone.iana_name().is_some_and(|name| NAMES.contains(&name));
        matches!(self, Self::Zone(zone) if *zone == TimeZone::UTC || name(zone))
    }

    /// Whether there is one that could not be read.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable)
    }

    /// The zone for a schedule that needs none to be understood.
    pub(super) fn or_utc(&self) -> TimeZone {
        match self {
            Self::Zone(zone) => zone.clone(),
            Self::None | Self::Unreadable => TimeZone::UTC,
        }
    }

    /// The zone for `value`, which is local time; there being none is reported. A zone that could not be read has
    /// been reported where it is written: UTC stands in, so that the rest can be checked.
    pub(super) fn for_local(&self, value: &Value<'_>, problems: &mut Problems) -> Option<TimeZone> {
        if let Self::None = self {
            problems
                .add(Code::NoTimeZone, value.span(), format!("`{}` is local time, in no time zone", value.key()))
                .help(
                    "set `timezone = \"Europe/Berlin\"` or the like here or in calloff.toml: the computer's own \
                     is never used",
                )
                .absence();
            return None;
        }
        Some(self.or_utc())
    }
}

fn zone(value: &Value<'_>, problems: &mut Problems) -> Option<TimeZone> {
    const HELP: &str = "write a name such as \"Europe/Berlin\" or \"UTC\"";
    let name = value.text(problems, HELP)?;
    let found = is_iana(name).then(|| TimeZone::get(name).ok()).flatten().filter(|zone| !zone.is_unknown());
    if found.is_none() {
        let help = if jiff::tz::db().is_definitively_empty() {
            "this computer has no time zone data: install tzdata, or set TZDIR".to_owned()
        } else {
            nearest(name).unwrap_or_else(|| HELP.to_owned())
        };
        let message = format!("there is no time zone `{}`", bare(name));
        problems.add(Code::UnknownTimeZone, value.span(), message).help(help);
    }
    found
}

fn nearest(name: &str) -> Option<String> {
    let names: Vec<_> = jiff::tz::db().available().filter(|known| is_iana(known.as_str())).collect();
    did_you_mean(name, names.iter().map(jiff::tz::TimeZoneName::as_str)).or_else(|| {
        // A city alone is the commonest mistake.
        let city =
            |known: &&str| known.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
        let known = names.iter().map(jiff::tz::TimeZoneName::as_str).find(city)?;
        Some(format!("did you mean `{known}`?"))
    })
}

/// Whether it is a name of a place: the folder of zone data has other files, too, among them the host's own zone.
fn is_iana(name: &str) -> bool {
    const OTHERS: [&str; 5] = ["localtime", "posixrules", "factory", "leapseconds", "etc/unknown"];
    let lower = name.to_ascii_lowercase();
    name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b))
        && !lower.starts_with("posix/")
        && !lower.starts_with("right/")
        && !OTHERS.contains(&lower.as_str())
}
