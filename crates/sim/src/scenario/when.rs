//! Instants and offsets.

use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};

/// An instant, absolute or relative to the simulator's start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// That instant, to be shown with that offset.
    At(Timestamp, Offset),
    /// So long after the start, or before it.
    FromStart(SignedDuration),
}

impl When {
    /// The instant, given the start. To the second, as Zoho has it.
    #[must_use]
    pub fn instant(self, start: Timestamp) -> Timestamp {
        let exact = match self {
            Self::At(instant, _) => instant,
            Self::FromStart(distance) => start.saturating_add(distance).unwrap_or(start),
        };
        Timestamp::from_second(exact.as_second()).unwrap_or(exact)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_when(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is neither an instant with an offset, such as 2026-12-05T02:30:00+01:00, nor a \
                 distance from the start, such as +2d or -3h"
            ))
        })
    }
}

fn parse_when(text: &str) -> Option<When> {
    let distance = |text: &str| SignedDuration::try_from(humantime::parse_duration(text).ok()?).ok();
    if let Some(later) = text.strip_prefix('+') {
        return distance(later).map(When::FromStart);
    }
    if let Some(earlier) = text.strip_prefix('-') {
        return distance(earlier).map(|distance| When::FromStart(-distance));
    }
    let offset = Pieces::parse(text).ok()?.to_numeric_offset()?;
    Some(When::At(text.parse().ok()?, offset))
}

/// An offset from UTC, written `+05:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset(pub Offset);

impl<'de> Deserialize<'de> for UtcOffset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Pieces::parse(&format!("2000-01-01T00:00:00{text}"))
            .ok()
            .and_then(|pieces| pieces.to_numeric_offset())
            .map(Self)
            .ok_or_else(|| de::Error::custom(format!("`{text}` is no offset such as +05:30")))
    }
}
