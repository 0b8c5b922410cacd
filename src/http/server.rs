//! Listens, and serves each connection within bounds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What clients may take of the daemon, so that none that hangs keeps its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Connections that are served at once; others wait to be accepted.
    pub connections: usize,
    /// How long a request may take to arrive, and a connection to stay without one.
    pub header_within: Duration,
    /// How long a connection takes new requests. An answer that is under way then has as long to be read as a request to
    /// arrive.
    pub connection_within: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 128,
            header_within: Duration::from_secs(30),
            connection_within: Duration::from_mins(10),
        }
    }
}

/// How long a stop waits for answers under way.
const GRACE: Duration = Duration::from_secs(1);

/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// How often it is said at most that connections are not accepted.
const SAID_EACH: Duration = Duration::from_mins(1);

/// Can't listen there.
#[derive(Debug, thiserror::Error)]
#[error("couldn't listen on {address}")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// A place at which connections are taken.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    bounds: Bounds,
}

impl Listening {
    /// Takes connections at this address.
    ///
    /// # Errors
    ///
    /// If it can't: another program may be there, or the address not be this computer's.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        match TcpListener::bind(address).await {
            Ok(listener) => Ok(Self { listener, bounds: Bounds::default() }),
            Err(source) => Err(BindError { address, source }),
        }
    }

    /// The same with other bounds.
    #[must_use]
    pub fn within(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// The address, with the port that was given if any was asked for.
    ///
    /// # Errors
    ///
    /// If the operating system can't tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is stopped; answers under way get a moment to end.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        let bounds = self.bounds;
        let places = Arc::new(Semaphore::new(bounds.connections));
        let mut connections = JoinSet::new();
        let mut said: Option<Instant> = None;
        loop {
            let place = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    told(&ended);
                    continue;
                }
                Ok(place) = Arc::clone(&places).acquire_owned() => place,
            };
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (router, stop) = (router.clone(), stop.clone());
                    connections.spawn(async move {
                        connection(stream, router, bounds, stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, mostly: those under way will give some back.
                    if said.is_none_or(|at| at.elapsed() >= SAID_EACH) {
                        said = Some(Instant::now());
                        tracing::warn!(event = "http.unaccepted", %error, "a connection couldn't be accepted; trying again");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(self.listener);
        let ended = async {
            while let Some(ended) = connections.join_next().await {
                told(&ended);
            }
        };
        // What is left is cut off.
        let _ = tokio::time::timeout(GRACE, ended).await;
    }
}

/// Says so if an answer ended in a defect: its client was given none.
fn told(ended: &Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(event = "http.defect", %error, "an answer ended in a defect");
    }
}

async fn connection(stream: TcpStream, router: Router, bounds: Bounds, stop: CancellationToken) {
    // Answers are written whole.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(event = "http.connection", %error, "TCP_NODELAY couldn't be set");
    }
    let service = TowerToHyperService::new(router);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_within)
        .serve_connection(TokioIo::new(stream), service);
    let over = tokio::time::timeout(bounds.connection_within, stop.cancelled());
    tokio::pin!(serving, over);
    let mut is_over = false;
    let ended = async {
        loop {
            tokio::select! {
                ended = serving.as_mut() => return ended,
                _ = over.as_mut(), if !is_over => {
                    // An answer under way is not cut off.
                    is_over = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    };
    let at_most = bounds.connection_within.saturating_add(bounds.header_within);
    if let Ok(Err(error)) = tokio::time::timeout(at_most, ended).await {
        tracing::debug!(event = "http.connection", %error, "a connection ended early");
    }
}
