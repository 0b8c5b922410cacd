//! The simulator over HTTP/1.1.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Sleep;

use crate::scenario::Scenario;
use crate::shared::{Broken, Presence, SharedWorld};
use crate::world::{Cut, Seen, World};

/// No request of a client has a body near this.
const LARGEST_REQUEST: usize = 1 << 20;

type Watch = Arc<dyn Fn(&Seen) + Send + Sync>;

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Serves a scenario at that address; port 0 is any free port.
    ///
    /// # Errors
    ///
    /// If the address isn't a loopback one (the simulator accepts any credentials, nobody else should reach
    /// it), or can't be bound.
    pub async fn start(addr: SocketAddr, scenario: Scenario) -> io::Result<Running> {
        Self::start_watched(addr, scenario, |_| {}).await
    }

    /// As [`Simulator::start`], and tells each request as soon as it is known what becomes of it, from the
    /// task that serves it: `watch` should be quick.
    ///
    /// # Errors
    ///
    /// As [`Simulator::start`].
    pub async fn start_watched(
        addr: SocketAddr,
        scenario: Scenario,
        watch: impl Fn(&Seen) + Send + Sync + 'static,
    ) -> io::Result<Running> {
        if !addr.ip().is_loopback() {
            let problem = format!("the simulator listens on loopback addresses only, not on {}", addr.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let world = SharedWorld::from(World::new(scenario, now()));
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, world.clone(), Arc::new(watch), stopped));
        Ok(Running { addr, world, stop: Some(stop), accepting: Some(accepting) })
    }
}

/// A simulator that is being served. Dropping it stops it too, without waiting for the end.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    world: SharedWorld,
    stop: Option<oneshot::Sender<Infallible>>,
    accepting: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its address as a URL without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The world it serves.
    #[must_use]
    pub const fn world(&self) -> &SharedWorld {
        &self.world
    }

    /// Stops listening and closes every connection, answered or not.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(accepting) = self.accepting.take()
            && let Err(error) = accepting.await
        {
            tracing::error!(%error, "the simulator had died");
        }
    }
}

async fn accept(
    listener: TcpListener,
    world: SharedWorld,
    watch: Watch,
    mut stopped: oneshot::Receiver<Infallible>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, world.clone(), watch.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: those under way will give some back.
                    tracing::warn!(%error, "a connection couldn't be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, world: SharedWorld, watch: Watch) {
    // Small answers at once: a client's latency is what is measured here.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY couldn't be set");
    }
    let service = service_fn(|request| answer(request, &world, &watch));
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// An `Err` makes hyper close the connection without an answer.
async fn answer(
    request: hyper::Request<Incoming>,
    world: &SharedWorld,
    watch: &Watch,
) -> Result<Response<Outgoing>, Broken> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_REQUEST).collect().await else {
        let mut refusal = Response::new(Outgoing::whole(Bytes::new(), None));
        *refusal.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(refusal);
    };
    let request = http::Request::from_parts(head, body.to_bytes());
    let visit = world.receive(&request, now());
    watch(&visit.seen);
    let presence = visit.presence;
    if !visit.delay.is_zero() {
        tokio::time::sleep(visit.delay).await;
    }
    let (mut head, body) = visit.answer.into_parts();
    let cut = match visit.cut {
        Cut::Close => return Err(Broken::Closed),
        Cut::Hang => {
            let _presence = presence;
            return std::future::pending().await;
        }
        Cut::Complete => return Ok(Response::from_parts(head, Outgoing::whole(body, Some(presence)))),
        cut => cut,
    };
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Ok(Response::from_parts(head, Outgoing::broken(body, cut, presence)))
}

#[expect(clippy::disallowed_methods, reason = "the only place where the simulator reads a clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// The body of an answer, which may come slowly or not wholly.
struct Outgoing {
    left: Bytes,
    manner: Manner,
    /// Given up together with the last byte, so that a caller's next call never meets its own last one.
    presence: Option<Presence>,
}

enum Manner {
    Whole,
    Drip {
        every: Duration,
        pause: Option<Pin<Box<Sleep>>>,
    },
    /// So many bytes may still be sent.
    Short {
        allowed: usize,
    },
    /// One round for hyper to send what it has been given; then the connection is closed.
    Flush {
        rounds: u8,
    },
}

impl Outgoing {
    const fn whole(left: Bytes, presence: Option<Presence>) -> Self {
        Self { left, manner: Manner::Whole, presence }
    }

    fn broken(left: Bytes, cut: Cut, presence: Presence) -> Self {
        let manner = match cut {
            Cut::Drip { every } => Manner::Drip { every, pause: None },
            Cut::Short { after } => Manner::Short { allowed: after },
            Cut::Complete | Cut::Close | Cut::Hang => Manner::Whole,
        };
        Self { left, manner, presence: Some(presence) }
    }

    fn send(&mut self, bytes: usize) -> Bytes {
        let sent = self.left.split_to(bytes.min(self.left.len()));
        if self.left.is_empty() {
            self.presence = None;
        }
        sent
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        match &mut this.manner {
            _ if this.left.is_empty() => Poll::Ready(None),
            Manner::Whole => {
                let all = this.left.len();
                Poll::Ready(Some(Ok(Frame::data(this.send(all)))))
            }
            Manner::Drip { every, pause } => {
                let every = *every;
                ready!(pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(every))).as_mut().poll(cx));
                *pause = None;
                Poll::Ready(Some(Ok(Frame::data(this.send(1)))))
            }
            Manner::Short { allowed } => {
                let bytes = *allowed;
                this.manner = Manner::Flush { rounds: 2 };
                Poll::Ready(Some(Ok(Frame::data(this.left.split_to(bytes.min(this.left.len()))))))
            }
            Manner::Flush { rounds: 0 } => Poll::Ready(Some(Err(Broken::Closed))),
            Manner::Flush { rounds } => {
                *rounds -= 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.manner {
            Manner::Whole | Manner::Drip { .. } => SizeHint::with_exact(self.left.len() as u64),
            // The length is in the head already, and is a lie.
            Manner::Short { .. } | Manner::Flush { .. } => SizeHint::default(),
        }
    }
}
