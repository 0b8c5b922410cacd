//! What can be asked. A word that is not known is an error, not passed over.

use calloff_core::outcome::Outcome;
use calloff_core::overview::JobState;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Nothing: there is nothing to choose from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoQuestion {}

/// Which jobs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobsQuestion {
    /// A part of a name, an account or a description.
    pub(super) q: Option<String>,
    pub(super) state: Option<StateWord>,
    pub(super) account: Option<Name>,
    #[serde(default)]
    pub(super) page: Number<1, 1_000_000>,
    #[serde(default)]
    pub(super) per_page: Number<50, 1000>,
}

/// Which runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryQuestion {
    pub(super) job: Option<Name>,
    pub(super) since: Option<Timestamp>,
    pub(super) outcome: Option<OutcomeWord>,
    #[serde(default)]
    pub(super) limit: Number<50, 1000>,
}

/// Whose lane.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimelineQuestion {
    pub(super) account: Name,
}

/// A name. None is empty: whoever asks for that has lost what they meant.
#[derive(Debug)]
pub(super) struct Name(pub(super) String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() { Err(D::Error::custom("write a name, or leave it out")) } else { Ok(Self(name)) }
    }
}

/// A number from 1 to `MOST`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<const DEFAULT: u32, const MOST: u32>(u32);

impl<const DEFAULT: u32, const MOST: u32> Number<DEFAULT, MOST> {
    pub(super) fn number<T: TryFrom<u32> + Default>(self) -> T {
        T::try_from(self.0).unwrap_or_default()
    }
}

impl<const DEFAULT: u32, const MOST: u32> Default for Number<DEFAULT, MOST> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<'de, const DEFAULT: u32, const MOST: u32> Deserialize<'de> for Number<DEFAULT, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            number if (1..=MOST).contains(&number) => Ok(Self(number)),
            _ => Err(D::Error::custom(format!("write a number from 1 to {MOST}"))),
        }
    }
}

/// A job's state.
#[derive(Debug, Clone, Copy)]
pub(super) struct StateWord(JobState);

impl StateWord {
    pub(super) fn as_str(self) -> &'static str {
        self.0.as_str()
    }
}

impl<'de> Deserialize<'de> for StateWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let words = || JobState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
        JobState::parse(&word)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("`state` is one of {}", words())))
    }
}

/// An outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutcomeWord(pub(super) Outcome);

impl<'de> Deserialize<'de> for OutcomeWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let words = || Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect::<Vec<_>>().join(", ");
        Outcome::parse(&word)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("`outcome` is one of {}", words())))
    }
}
