//! From TOML text to checked values, or to every diagnostic.

mod model;

pub use model::{
    Account, ApiVersion, BaseUrl, Job, LogFormat, LogLevel, LogSettings, SecretRef, Settings, State,
};
