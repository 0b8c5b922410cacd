//! A scenario as a whole.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::account::AccountScenario;

const DEFAULT: &str = include_str!("../../scenarios/default.toml");

/// A scenario couldn't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file couldn't be read.
    #[error("couldn't read the scenario")]
    Read(#[from] std::io::Error),
    /// It isn't TOML, or has a key or value that means nothing.
    #[error("the scenario is not valid")]
    Toml(#[from] toml::de::Error),
    /// Each value is valid, together they are not.
    #[error("`{place}`: {problem}")]
    Senseless {
        /// The key, such as `accounts.acme.backups`.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What the simulator starts with. The module documentation tells the format.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The accounts by name.
    pub accounts: BTreeMap<String, AccountScenario>,
}

impl Default for Scenario {
    /// The embedded `scenarios/default.toml`: one account that accepts any credentials, and a backup for
    /// each documented outcome.
    fn default() -> Self {
        Self::parse(DEFAULT).expect("a test loads the embedded scenario")
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    ///
    /// If it isn't TOML, has unknown keys or words, no account, an id that isn't a string of digits or comes
    /// twice, or a fault where it can't happen.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    ///
    /// If the file can't be read, and as [`Scenario::parse`].
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// The text of the embedded default, for people to start from.
    #[must_use]
    pub const fn default_text() -> &'static str {
        DEFAULT
    }

    fn check(&self) -> Result<(), ScenarioError> {
        if self.accounts.is_empty() {
            return Err(senseless("accounts", "there is none"));
        }
        for (name, account) in &self.accounts {
            account.check(&format!("accounts.{name}"))?;
        }
        Ok(())
    }
}

pub(super) fn senseless(place: &str, problem: &str) -> ScenarioError {
    ScenarioError::Senseless { place: place.to_owned(), problem: problem.to_owned() }
}
