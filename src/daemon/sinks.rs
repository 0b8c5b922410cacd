//! Who can be told, with their secrets.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calloff_core::config::{Notify, Settings};
use calloff_core::notify::{Event, Subscription};

use crate::error::chain;
use crate::files::read_secret;
use crate::notify::{Ping, Sink};

/// Who can be told.
#[derive(Debug, Clone, Default)]
pub struct Sinks {
    /// The sinks, in the order of the file.
    pub sinks: Vec<Arc<Sink>>,
    /// What is told that all is well, and how often.
    pub ping: Option<(Arc<Ping>, Duration)>,
    /// Those who can't be told, by name, each with the reason.
    pub missing: Vec<(String, String)>,
    /// What those are to be told of who can't be told yet.
    waiting: Vec<Subscription>,
}

impl Sinks {
    /// Prepares all of them, with secrets as they are now; `base` is the folder of `calloff.toml`. Blocks on the disk.
    #[must_use]
    pub fn ready(settings: &Settings, base: &Path) -> Self {
        Self::renewed(settings, base, &Self::default())
    }

    /// The same; those who would be told in the same way stay as they are, and so do those whose secrets can't be read
    /// just now.
    #[must_use]
    pub fn renewed(settings: &Settings, base: &Path, before: &Self) -> Self {
        let mut all = Self::default();
        for notify in &settings.notify {
            let name = notify.channel.name();
            let known = before.sinks.iter().find(|sink| sink.name() == name);
            match sink(notify, base) {
                Ok(sink) => all.sinks.push(sink),
                Err(why) => {
                    all.missing.push((name, why));
                    match known {
                        Some(known) => all.sinks.push(Arc::clone(known)),
                        None => all.waiting.push(waiting(notify)),
                    }
                }
            }
        }
        if let Some(ping) = &settings.ping {
            let known = before.ping.as_ref().map(|(ping, _)| Arc::clone(ping));
            let read = read_secret(&ping.url, base).map_err(|error| chain(&error));
            let read = read.and_then(|url| Ping::new(url).map_err(|error| chain(&error)));
            let service = match read {
                Ok(read) => {
                    Some(known.filter(|known| known.is_same(&read)).unwrap_or_else(|| Arc::new(read)))
                }
                Err(why) => {
                    all.missing.push((format!("ping {}", ping.url), why));
                    known
                }
            };
            all.ping = service.map(|service| (service, ping.every));
        }
        all
    }

    /// Why some can't be told, a sentence each.
    #[must_use]
    pub fn why_missing(&self) -> Vec<String> {
        self.missing.iter().map(|(name, why)| format!("{name}: {why}")).collect()
    }

    /// What they are to be told of, and those who can't be told yet: it waits for them.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.sinks.iter().map(|sink| sink.subscription()).chain(&self.waiting).cloned().collect()
    }
}

/// What waits for one who can't be told yet. Not how Calloff is: that includes this, and is told if it is still so then.
fn waiting(notify: &Notify) -> Subscription {
    let Subscription { sink, mut on } = notify.subscription();
    on.retain(|event| *event != Event::Degraded);
    Subscription { sink, on }
}

fn sink(notify: &Notify, base: &Path) -> Result<Arc<Sink>, String> {
    let secret = notify
        .channel
        .secret()
        .map(|place| read_secret(place, base))
        .transpose()
        .map_err(|error| chain(&error))?;
    Sink::new(notify, secret).map(Arc::new).map_err(|error| chain(&error))
}
