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
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections that are served at once; others wait to be accepted.
const MOST_CONNECTIONS: usize = 128;

/// How long a request may take to arrive, and a connection to stay without one.
const HEADER_WITHIN: Duration = Duration::from_secs(30);

/// How long a connection may last, so that none that hangs keeps its place.
const CONNECTION_WITHIN: Duration = Duration::from_mins(10);

/// How long a stop waits for answers under way.
const GRACE: Duration = Duration::from_secs(1);

/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

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
}

impl Listening {
    /// Takes connections at this address.
    ///
    /// # Errors
    ///
    /// If it can't: another program may be there, or the address not be this computer's.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        match TcpListener::bind(address).await {
            Ok(listener) => Ok(Self { listener }),
            Err(source) => Err(BindError { address, source }),
        }
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
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let place = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
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
                        connection(stream, router, stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, mostly: those under way will give some back.
                    tracing::debug!(event = "http.unaccepted", %error, "a connection couldn't be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(self.listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        // What is left is cut off.
        let _ = tokio::time::timeout(GRACE, ended).await;
    }
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Answers are written whole.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(event = "http.connection", %error, "TCP_NODELAY couldn't be set");
    }
    let service = TowerToHyperService::new(router);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let mut is_stopping = false;
    let ended = async {
        loop {
            tokio::select! {
                ended = serving.as_mut() => return ended,
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    };
    if let Ok(Err(error)) = tokio::time::timeout(CONNECTION_WITHIN, ended).await {
        tracing::debug!(event = "http.connection", %error, "a connection ended early");
    }
}
