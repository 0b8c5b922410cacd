//! A date and time, local or with an offset, as `at`, `from` and `to` have it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::reader::{Problems, Value, bare};
use super::zone::Fallback;
use crate::diagnostic::Code;

const HELP: &str =
    "write a local time, \"2026-12-24T17:30:00\", or one with an offset, \"2026-12-24T17:30:00+01:00\"";

/// Reads an instant.
pub(super) fn instant(value: &Value<'_>, zone: &Fallback, problems: &mut Problems) -> Option<Timestamp> {
    let text = value.text(problems, HELP)?;
    let (local, offset) = match parse(text) {
        Ok(parsed) => parsed,
        Err(fault) => {
            problems.add(Code::DateTime, value.span(), format!("`{}` {fault}", bare(text))).help(HELP);
            return None;
        }
    };
    let instant = match offset {
        Some(offset) => offset.to_timestamp(local).ok(),
        None => unambiguous(value, local, &zone.for_local(value, problems)?, problems)?,
    };
    if instant.is_none() {
        let message = format!("`{}` is out of range", bare(text));
        problems.add(Code::DateTime, value.span(), message).help("write a year before 9999");
    }
    instant
}

/// Whether it is one without an offset.
pub(super) fn is_local(value: &Value<'_>) -> bool {
    value.as_text().is_some_and(|text| parse(text).is_ok_and(|(_, offset)| offset.is_none()))
}

/// The local time and the offset, or what is wrong.
fn parse(text: &str) -> Result<(DateTime, Option<Offset>), &'static str> {
    let pieces = Pieces::parse(text).map_err(|_| "is no date and time")?;
    let time = pieces.time().ok_or("has no time of day")?;
    if pieces.time_zone_annotation().is_some() {
        return Err("has a time zone in brackets: that is what `timezone` is for");
    }
    if text.contains(":60") {
        return Err("is a leap second, which no clock of ours shows");
    }
    if time.subsec_nanosecond() % 1_000_000 != 0 {
        return Err("has a fraction of a millisecond");
    }
    if !(1970..9999).contains(&pieces.date().year()) {
        return Err("has a year before 1970 or after 9998");
    }
    let offset = match pieces.offset() {
        None => None,
        Some(PiecesOffset::Zulu) => Some(Offset::UTC),
        Some(PiecesOffset::Numeric(numeric)) => Some(numeric.offset()),
        Some(_) => return Err("has an offset of an unknown kind"),
    };
    Ok((pieces.date().to_datetime(time), offset))
}

/// The one instant that has this local time; `Some(None)` if it is out of range, `None` if a problem was recorded.
#[expect(clippy::option_option, reason = "the outer one is `?`, the inner one a range check of the caller's")]
fn unambiguous(
    value: &Value<'_>,
    local: DateTime,
    zone: &TimeZone,
    problems: &mut Problems,
) -> Option<Option<Timestamp>> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let name = zone.iana_name().unwrap_or("its time zone");
    let (message, help) = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => return Some(offset.to_timestamp(local).ok()),
        AmbiguousOffset::Gap { before, after } => (
            format!("`{local}` does not exist in {name}: the clocks are put forward over it"),
            format!("write {} or {}", shifted(local, before, zone), shifted(local, after, zone)),
        ),
        AmbiguousOffset::Fold { before, after } => (
            format!("`{local}` comes twice in {name}: the clocks are put back over it"),
            format!(
                "write \"{}\" for the first or \"{}\" for the second",
                with(local, before),
                with(local, after)
            ),
        ),
    };
    problems.add(Code::LocalTime, value.span(), message).help(help);
    None
}

/// A time in the gap, read with the offset of one side of it: the text that says so, and what it means.
fn shifted(local: DateTime, offset: Offset, zone: &TimeZone) -> String {
    let means = offset.to_timestamp(local).map(|instant| zone.to_datetime(instant).time().to_string());
    format!("\"{}\", which is {} there", with(local, offset), means.unwrap_or_default())
}

fn with(local: DateTime, offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}
