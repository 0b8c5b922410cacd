//! The service that raises an alarm when it hears nothing any more.
//!
//! Source: <https://healthchecks.io/docs/http_api/>: the URL means success, `/start` and `/fail` after it what they say.

use calloff_core::notify::Tried;
use secrecy::{ExposeSecret as _, SecretString};

use super::Unfit;
use super::http::Post;

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It begins.
    Start,
    /// All is well.
    Success,
    /// Something is not.
    Fail,
}

/// The service.
#[derive(Debug)]
pub struct Ping {
    post: Post,
    url: SecretString,
}

impl Ping {
    /// The one at this URL. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// If it can't be used.
    pub fn new(url: SecretString) -> Result<Self, Unfit> {
        Ok(Self { post: Post::new(url.clone())?, url })
    }

    /// Whether another one is the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.url.expose_secret() == other.url.expose_secret()
    }

    /// Says it once, with a few words for people.
    pub async fn say(&self, signal: Signal, why: &str) -> Tried {
        let path = match signal {
            Signal::Start => Some("start"),
            Signal::Success => None,
            Signal::Fail => Some("fail"),
        };
        self.post.send(path, "text/plain; charset=utf-8", "ping", why.to_owned()).await
    }
}
