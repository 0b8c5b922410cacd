//! One world for many callers, and a way to call it without a socket.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::world::{Answer, Cut, InFlight, Request, Seen, World};

/// A handle on a world; clones lead to the same one.
#[derive(Clone, Debug)]
pub struct SharedWorld(Arc<Mutex<World>>);

impl From<World> for SharedWorld {
    fn from(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }
}

impl SharedWorld {
    /// The world itself, to read its counters or to change it. Don't hold it over an `await`.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a request. The call is in flight until the visit, or its [`Presence`], is dropped.
    pub fn receive(&self, request: &Request, now: Timestamp) -> Visit {
        let reaction = self.lock().handle(request, now);
        Visit {
            answer: reaction.answer,
            delay: reaction.delay,
            cut: reaction.cut,
            seen: reaction.seen,
            presence: Presence { world: self.clone(), call: reaction.in_flight },
        }
    }
}

/// A call under way: what [`Reaction`](crate::world::Reaction) says, and that it is counted.
#[derive(Debug)]
#[must_use = "a dropped visit is a caller who went away"]
pub struct Visit {
    /// The answer, or what it would have been.
    pub answer: Answer,
    /// How long to wait first.
    pub delay: Duration,
    /// How to hand it over.
    pub cut: Cut,
    /// The record of the call.
    pub seen: Seen,
    /// To be kept until the answer has been handed over.
    pub presence: Presence,
}

impl Visit {
    /// Waits and hands the answer over in process: what a client sees at the other end of a socket, in
    /// tokio's time, which tests may pause. Dropping the future is a caller who gives up.
    ///
    /// # Errors
    ///
    /// If the scenario breaks the connection.
    pub async fn deliver(self) -> Result<Answer, Broken> {
        let Self { answer, delay, cut, presence, .. } = self;
        // Named, for the call must be in flight until the end.
        let _presence = presence;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match cut {
            Cut::Complete => Ok(answer),
            Cut::Close => Err(Broken::Closed),
            Cut::Short { after } => {
                Err(Broken::CutShort(answer.map(|body| body.slice(..after.min(body.len())))))
            }
            Cut::Drip { every } => {
                let bytes = u32::try_from(answer.body().len()).unwrap_or(u32::MAX);
                tokio::time::sleep(every.saturating_mul(bytes)).await;
                Ok(answer)
            }
            Cut::Hang => std::future::pending().await,
        }
    }
}

/// Counts a call as in flight while it lives.
#[derive(Debug)]
pub struct Presence {
    world: SharedWorld,
    call: Option<InFlight>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.world.lock().leave(call);
        }
    }
}

/// The connection broke.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Before anything came.
    #[error("the connection was closed without an answer")]
    Closed,
    /// In the middle of the body; this came.
    #[error("the connection was closed in the middle of the answer")]
    CutShort(Answer),
}
