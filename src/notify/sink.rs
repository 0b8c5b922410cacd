//! One sink: an entry of `[[notify]]` with its secret.

use std::time::Duration;

use calloff_core::config::{Channel, Format, Notify};
use calloff_core::notify::{Subscription, Tried, slack};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

#[cfg(feature = "email")]
use super::email::Mailer;
use super::http::Post;

/// The time that a try may take, whatever it is doing.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a sink can't be told. It says nothing of the secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// Its URL can't be used.
    #[error("its URL {0}")]
    Url(&'static str),
    /// An address can't be used.
    #[error("its addresses can't be used: {0}")]
    Address(String),
    /// Nothing can be sent that way.
    #[error("couldn't set it up: {0}")]
    Setup(String),
    /// This program was built without it.
    #[error("this program was built without e-mail")]
    NoEmail,
}

/// Who can be told.
#[derive(Debug)]
pub struct Sink {
    notify: Notify,
    subscription: Subscription,
    secret: Option<SecretString>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Post(Post, Format),
    #[cfg(feature = "email")]
    Mail(Box<Mailer>),
}

impl Sink {
    /// Prepares a sink with its secret, if it has one. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// If its secret or what the files say of it can't be used.
    pub fn new(notify: &Notify, secret: Option<SecretString>) -> Result<Self, Unfit> {
        let way = match &notify.channel {
            Channel::Webhook { format, .. } => {
                Way::Post(Post::new(secret.clone().unwrap_or_default())?, *format)
            }
            #[cfg(feature = "email")]
            Channel::Email(email) => Way::Mail(Box::new(Mailer::new(email, secret.clone())?)),
            #[cfg(not(feature = "email"))]
            Channel::Email(_) => return Err(Unfit::NoEmail),
        };
        Ok(Self { subscription: notify.subscription(), notify: notify.clone(), secret, way })
    }

    /// What it is called; that has no secret.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.subscription.sink
    }

    /// What it is to be told of.
    #[must_use]
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Whether another one would be told in the same way.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let [ours, its] = [self, other].map(|sink| sink.secret.as_ref().map(ExposeSecret::expose_secret));
        self.notify.channel == other.notify.channel && ours == its
    }

    /// Tells it once: `body` is the notice as JSON, and `key` what tells it from others.
    pub async fn tell(&self, body: &str, key: &str) -> Tried {
        let telling = async {
            match &self.way {
                Way::Post(post, Format::Json) => post.send(None, JSON, key, body.to_owned()).await,
                Way::Post(post, Format::Slack) => {
                    let notice: Value = serde_json::from_str(body).unwrap_or_default();
                    let text = notice["text"].as_str().unwrap_or_default();
                    post.send(None, JSON, key, json!({ "text": slack(text) }).to_string()).await
                }
                #[cfg(feature = "email")]
                Way::Mail(mailer) => mailer.send(body, key).await,
            }
        };
        let tried = tokio::time::timeout(TIMEOUT, telling).await;
        tried.unwrap_or_else(|_| Tried::Failed { why: "it took too long".to_owned(), pause: None })
    }
}

const JSON: &str = "application/json";
