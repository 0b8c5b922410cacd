//! What `[[notify]]` and `[ping]` say.

use std::time::Duration;

use crate::config::{SecretRef, Settings};
use crate::notify::{Event, Subscription};

/// Who is told, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// How.
    pub channel: Channel,
    /// Of what: each event once, at least one.
    pub on: Vec<Event>,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// By a POST.
    Webhook {
        /// Where its URL is, which may carry a token.
        url: SecretRef,
        /// The form of the body.
        format: Format,
    },
    /// By e-mail.
    Email(Box<Email>),
}

/// The form of a webhook's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An object with everything.
    Json,
    /// What Slack, Mattermost and others take: a text.
    Slack,
}

/// Who gets e-mail, and by which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// To whom: at least one address.
    pub to: Vec<String>,
    /// The address that it comes from.
    pub from: String,
    /// The server that takes it.
    pub smtp: Smtp,
    /// The name to log in with, and where its password is.
    pub login: Option<(String, SecretRef)>,
}

/// A server that takes e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// How it is talked to.
    pub encryption: Encryption,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// How a server is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte.
    Tls,
    /// TLS before anything is said: a server that has none is told nothing.
    StartTls,
    /// Not at all: the server is on this computer.
    None,
}

/// A service that raises an alarm when it hears nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// Where its URL is, which is as good as a password.
    pub url: SecretRef,
    /// How often the daemon tells it that all is well.
    pub every: Duration,
}

impl Settings {
    /// Where the secrets are of those who are told.
    pub fn notify_secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let sinks = self.notify.iter().filter_map(|notify| notify.channel.secret());
        sinks.chain(self.ping.as_ref().map(|ping| &ping.url))
    }
}

impl Notify {
    /// What decides about it.
    #[must_use]
    pub fn subscription(&self) -> Subscription {
        Subscription { sink: self.channel.name(), on: self.on.clone() }
    }
}

impl Channel {
    /// Where its secret is, if it has one.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Webhook { url, .. } => Some(url),
            Self::Email(email) => email.login.as_ref().map(|(_, password)| password),
        }
    }

    /// What it is called in the log, and known by in the record: never its secret, and the same wherever its entry stands.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Webhook { url, format: Format::Json } => format!("webhook {url}"),
            Self::Webhook { url, format: Format::Slack } => format!("slack webhook {url}"),
            Self::Email(email) => format!("email {}", email.to.join(",")),
        }
    }
}
