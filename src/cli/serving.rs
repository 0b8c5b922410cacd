//! What the daemon serves over HTTP, and where: as `[http]` says, from the moment that it says so.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use calloff_core::config::Http;
use calloff_core::ids::RunId;
use calloff_core::overview::{Call, Overview};
use calloff_core::run::{Run, RunState};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::daemon::{Observer, Report};
use crate::descriptors;
use crate::error::chain;
use crate::files::read_secret;
use crate::http::{Access, Bounds, Listening, Source, Unread, Wanted, router};
use crate::metrics::{Format, Metrics, Scrape};
use crate::store::{Filter, Store, StoreError};

/// The part of the daemon that this is, where something is wrong with it.
const PART: &str = "http";

/// The pause before it is tried again to listen.
const AGAIN: Duration = Duration::from_secs(10);

/// What is shown. Clones share everything.
#[derive(Debug, Clone)]
pub(super) struct Showing {
    pub(super) observer: Observer,
    pub(super) store: Store,
    pub(super) metrics: Metrics,
}

impl Source for Showing {
    async fn overview(&self) -> Arc<Overview> {
        self.observer.look().await
    }

    fn is_beating(&self) -> bool {
        self.observer.is_beating()
    }

    async fn history(&self, wanted: Wanted) -> Result<Vec<Run>, Unread> {
        let Wanted { job, since, outcome, limit } = wanted;
        let filter = Filter { since, outcome, jobs: job.into_iter().collect(), limit: Some(limit) };
        let mut runs = self.store.history(filter).await.map_err(|error| unread(&error))?;
        runs.reverse();
        Ok(runs)
    }

    async fn calls(&self, runs: Vec<RunId>) -> Result<BTreeMap<RunId, Vec<Call>>, Unread> {
        self.store.calls(runs).await.map_err(|error| unread(&error))
    }

    async fn newest_states(
        &self,
        jobs: Vec<String>,
        count: u32,
    ) -> Result<BTreeMap<String, Vec<RunState>>, Unread> {
        self.store.newest_states(jobs, count).await.map_err(|error| unread(&error))
    }

    async fn metrics(&self, accepted: Option<String>) -> (&'static str, String) {
        let format = Format::accepted(accepted.as_deref());
        let (overview, metrics) = (self.observer.look().await, self.metrics.clone());
        // Of very many jobs it takes a while.
        let encoded = tokio::task::spawn_blocking(move || metrics.encode(Scrape::from(&*overview), format));
        let text = encoded.await.unwrap_or_else(|error| match error.try_into_panic() {
            // No answer is better than one that leaves out everything.
            Ok(panic) => std::panic::resume_unwind(panic),
            // The program ends.
            Err(_) => String::new(),
        });
        (format.content_type(), text)
    }
}

fn unread(error: &StoreError) -> Unread {
    Unread(chain(error))
}

/// Serves as the files that are in force say, until it is stopped.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) showing: Showing,
    pub(super) report: watch::Receiver<Report>,
    /// The folder of `calloff.toml`, which paths of secrets start from.
    pub(super) base: PathBuf,
}

/// What is served, and to whom.
type Terms = (Http, Option<SecretString>);

/// What is served now.
#[derive(Debug)]
struct Served {
    terms: Terms,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Serving {
    /// Serves until it is stopped, on a thread of its own: however many ask, the threads that run jobs have none of it.
    pub(super) async fn run_aside(self, stop: CancellationToken) {
        let (over, end) = oneshot::channel();
        let serving = move || {
            // What reads and reckons aside is bounded, too.
            let runtime =
                tokio::runtime::Builder::new_current_thread().max_blocking_threads(2).enable_all().build()?;
            runtime.block_on(self.run(stop));
            // Who waits may have gone.
            let _ = over.send(());
            Ok::<(), io::Error>(())
        };
        let begun = std::thread::Builder::new().name("http".to_owned()).spawn(serving);
        if begun.is_err() || end.await.is_err() {
            tracing::error!(
                event = "http.defect",
                "the status page and the metrics are no longer served; restart the daemon"
            );
        }
    }

    /// Serves until it is stopped. What is wrong is said, and tried again: jobs are run without it.
    async fn run(mut self, stop: CancellationToken) {
        let mut served = None;
        loop {
            let is_wanting = match self.terms() {
                Ok(terms) => {
                    served = self.follow(served, terms, &stop).await;
                    served.is_none() && self.settings().is_some()
                }
                // What is served meanwhile is what was in force before.
                Err(why) => {
                    self.say(&why, served.is_some());
                    true
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                changed = self.report.changed() => if changed.is_err() { break },
                error = defect(&mut served) => {
                    tracing::error!(event = "http.defect", error, "what serves the status page has ended in a defect");
                    self.say("what serves them has ended in a defect", false);
                    served = None;
                    if stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_none() {
                        break;
                    }
                }
                () = tokio::time::sleep(AGAIN), if is_wanting => {}
            }
        }
        end(served).await;
    }

    /// Serves what is wanted, if it is not what is served.
    async fn follow(
        &self,
        served: Option<Served>,
        terms: Option<Terms>,
        stop: &CancellationToken,
    ) -> Option<Served> {
        if let (Some(now), Some(wanted)) = (&served, &terms)
            && is_same(&now.terms, wanted)
        {
            // A token that could not be read for a while may be the same as before.
            self.showing.observer.note_trouble(PART, None);
            return served;
        }
        // The same place may be wanted again.
        end(served).await;
        self.begin(terms?, stop).await
    }

    fn settings(&self) -> Option<Http> {
        self.report.borrow().in_force.settings.http.clone()
    }

    /// What is to be served, with its token as it is now.
    fn terms(&self) -> Result<Option<Terms>, String> {
        let Some(http) = self.settings() else {
            self.showing.observer.note_trouble(PART, None);
            return Ok(None);
        };
        let token = http.token.as_ref().map(|token| read_secret(token, &self.base)).transpose();
        match token {
            Ok(token) => Ok(Some((http, token))),
            Err(error) => Err(format!("its token can't be read: {}", chain(&error))),
        }
    }

    async fn begin(&self, terms: Terms, stop: &CancellationToken) -> Option<Served> {
        let (http, token) = &terms;
        let listening = match Listening::bind(http.listen).await {
            Ok(listening) => listening.within(bounds()),
            Err(error) => {
                self.say(&chain(&error), false);
                return None;
            }
        };
        self.showing.observer.note_trouble(PART, None);
        let address = listening.address().unwrap_or(http.listen);
        tracing::info!(
            event = "http.listening",
            %address,
            needs_token = token.is_some(),
            "the status page is at http://{address}/"
        );
        let router = router(self.showing.clone(), Access::new(token.clone(), http.hosts.clone()));
        let end = stop.child_token();
        let task = tokio::spawn(listening.serve(router, end.clone()));
        Some(Served { terms, end, task })
    }

    /// Says that it is not served as it should be, once for each reason.
    fn say(&self, why: &str, is_served: bool) {
        let how = if is_served { "served as before" } else { "not served" };
        let trouble = format!("the status page and the metrics are {how}: {why}");
        if self.showing.observer.note_trouble(PART, Some(&trouble)) {
            tracing::error!(
                event = "http.unavailable",
                why,
                "the status page and the metrics are {how}; trying again"
            );
        }
    }
}

/// What clients may take: of the descriptors a quarter at most, so that they leave enough for what is due.
fn bounds() -> Bounds {
    let bounds = Bounds::default();
    Bounds { connections: bounds.connections.min(descriptors::limit() / 4).max(1), ..bounds }
}

/// Ends what is served.
async fn end(served: Option<Served>) {
    let Some(Served { end, task, .. }) = served else { return };
    end.cancel();
    if let Err(error) = task.await {
        tracing::error!(event = "http.defect", %error, "what serves the status page had ended in a defect");
    }
}

/// Waits for what is served to end, which it does of itself in a defect only, and says in which.
async fn defect(served: &mut Option<Served>) -> String {
    match served {
        Some(Served { task, .. }) => match task.await {
            Ok(()) => "it has ended".to_owned(),
            Err(error) => error.to_string(),
        },
        None => std::future::pending().await,
    }
}

fn is_same((now, token): &Terms, (wanted, its_token): &Terms) -> bool {
    let [ours, its] = [token, its_token].map(|token| token.as_ref().map(ExposeSecret::expose_secret));
    now == wanted && ours == its
}
