//! From TOML text to checked values, or to every diagnostic.
//!
//! [`parse_settings`] reads `calloff.toml`, [`parse_job`] a job file against what `calloff.toml` says. Both find
//! all that is wrong in one go, and neither lets a wrong value through. A key whose behaviour has not been built
//! yet is checked like any other, then refused.

mod account;
mod checked;
mod conditions;
mod document;
mod http;
mod instant;
mod job;
mod model;
mod notify;
mod quote;
mod reader;
mod retry;
mod secret;
mod settings;
mod state;
mod timing;
mod url;
mod warnings;
mod windows;
mod zone;

pub use checked::Checked;
pub use document::decode;
pub use job::parse_job;
pub use model::{
    Account, ApiVersion, BaseUrl, Hold, Http, Job, LogFormat, LogLevel, LogSettings, OnDrift, SecretRef,
    Settings, State,
};
pub use notify::{Channel, Email, Encryption, Format, Notify, Ping, Smtp};
pub use reader::did_you_mean;
pub use settings::{JobDefaults, ReadSettings, looks_like_settings, parse_settings};
pub use warnings::warn_of_races;
