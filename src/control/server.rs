//! The daemon's side.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::{Answer, Asked, Request, name_of, read_line};
use crate::error::chain;
use crate::failpoint::durably;

/// Commands that are answered at the same time.
const AT_ONCE: usize = 16;

/// How long a command may take to say what it wants, or to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause after no connection could be taken, as when the process has too many files open.
const PAUSE: Duration = Duration::from_secs(1);

/// A control socket. It is gone when this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    /// The device and inode of the socket: another one may be put in its place.
    identity: (u64, u64),
    /// The user that the daemon runs as.
    uid: u32,
}

impl Server {
    /// Listens at this place; what a daemon has left there that was killed makes way.
    ///
    /// # Errors
    ///
    /// If the place can't be used, or a daemon listens there.
    pub fn bind(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let mut maker = DirBuilder::new();
            maker.recursive(true).mode(0o750);
            durably("control.folder", || maker.create(folder))?;
        }
        if is_left_over(path) {
            durably("control.cleared", || fs::remove_file(path))?;
        }
        // It appears in one piece, with its mode, and never in the place of another one.
        let aside = path.with_extension(std::process::id().to_string());
        drop(durably("control.cleared_aside", || fs::remove_file(&aside)));
        let listener = durably("control.bound", || UnixListener::bind(&aside))?;
        let placed = fs::set_permissions(&aside, Permissions::from_mode(0o600)).and_then(|()| {
            let metadata = aside.metadata()?;
            durably("control.named", || fs::hard_link(&aside, path))?;
            Ok(metadata)
        });
        drop(durably("control.unnamed", || fs::remove_file(&aside)));
        let metadata = placed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => io::ErrorKind::AddrInUse.into(),
            _ => error,
        })?;
        let identity = (metadata.dev(), metadata.ino());
        Ok(Self { listener, path: path.to_owned(), identity, uid: metadata.uid() })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Answers commands that mean the daemon of this `calloff.toml`, until this is dropped.
    pub async fn serve<F>(self, config: PathBuf, answer: impl Fn(Request) -> F + Clone + Send + 'static)
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let config: Arc<Path> = config.into();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(
                        event = "control.failing",
                        error = chain(&error),
                        "a command could not be heard"
                    );
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (answer, config, uid) = (answer.clone(), Arc::clone(&config), self.uid);
            tokio::spawn(async move {
                let _place = place;
                if let Err(error) = converse(stream, uid, &config, answer).await {
                    tracing::debug!(
                        event = "control.broken",
                        error = chain(&error),
                        "a command was not answered"
                    );
                }
            });
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let is_ours = |file: fs::Metadata| (file.dev(), file.ino()) == self.identity;
        if self.path.symlink_metadata().is_ok_and(is_ours) {
            // A leftover is recognised at the next start.
            drop(durably("control.gone", || fs::remove_file(&self.path)));
        }
    }
}

/// Whether a socket is there that nobody listens at.
fn is_left_over(path: &Path) -> bool {
    // What is no socket refuses connections, too.
    if !path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket()) {
        return false;
    }
    let asked = std::os::unix::net::UnixStream::connect(path);
    asked.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

async fn converse<F: Future<Output = Answer>>(
    mut stream: UnixStream,
    uid: u32,
    config: &Path,
    answer: impl Fn(Request) -> F,
) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != uid && peer != 0 {
        tracing::warn!(event = "control.refused", uid = peer, "a command of another user is not heard");
        let stderr = "error: the daemon hears only its own user and root\n".to_owned();
        return reply(&mut stream, &Answer { stderr, code: 69, ..Answer::default() }).await;
    }
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    let line =
        tokio::time::timeout(PATIENCE, read_line(&mut stream)).await.unwrap_or_else(|_| Err(late()))?;
    let answer = match serde_json::from_slice::<Asked>(&line) {
        // By another link it is another file, though still this daemon's.
        Ok(asked) if asked.config != name_of(config) => Answer { is_elsewhere: true, ..Answer::default() },
        Ok(asked) => tokio::select! {
            biased;
            answer = answer(asked.ask) => answer,
            // Who has gone leaves the place to others.
            () = hung_up(&mut stream) => return Ok(()),
        },
        Err(error) => {
            let stderr = format!("error: the daemon, of version {VERSION}, does not know this: {error}\n");
            Answer { stderr, code: 64, ..Answer::default() }
        }
    };
    reply(&mut stream, &answer).await
}

async fn reply(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(PATIENCE, stream.write_all(&line)).await.unwrap_or_else(|_| Err(late()))
}

/// Waits until the other end is closed; it has nothing more to say before.
async fn hung_up(stream: &mut UnixStream) {
    let mut rest = [0; 64];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests {
    use super::super::{Form, ask};
    use super::*;

    const STATUS: Request =
        Request::Status { form: Form { json: true, width: Some(80), lines: None, all: false } };
    const CONFIG: &str = "/etc/calloff/calloff.toml";

    fn asked(config: &str) -> Asked {
        Asked { config: config.into(), ask: STATUS }
    }

    async fn echo(request: Request) -> Answer {
        Answer { stdout: format!("{request:?}"), ..Answer::default() }
    }

    #[tokio::test]
    async fn a_command_is_answered_and_only_the_owner_may_connect() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/calloff.sock");
        let server = Server::bind(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let second = Server::bind(&path).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse, "a daemon listens there");
        assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1, "nothing is left beside it");
        let serving = tokio::spawn(server.serve(CONFIG.into(), echo));
        assert_eq!(ask(&path, &asked(CONFIG)).await.unwrap().stdout, format!("{STATUS:?}"));
        let other = ask(&path, &asked("/etc/other.toml")).await.unwrap_err();
        assert_eq!(other.kind(), io::ErrorKind::NotFound, "it is not the daemon that is meant");
        serving.abort();
        drop(serving.await);
        assert!(!path.exists());
        assert!(ask(&path, &asked(CONFIG)).await.is_err());
    }

    #[tokio::test]
    async fn who_has_gone_takes_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.sock");
        let server = Server::bind(&path).unwrap();
        let serving = tokio::spawn(server.serve(CONFIG.into(), |request| async move {
            if matches!(request, Request::Resume { .. }) {
                std::future::pending::<()>().await;
            }
            Answer::default()
        }));
        let hangs = Asked { config: CONFIG.into(), ask: Request::Resume { job: "a".to_owned() } };
        let mut line = serde_json::to_vec(&hangs).unwrap();
        line.push(b'\n');
        for _ in 0..2 * AT_ONCE {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(&line).await.unwrap();
        }
        let answered = tokio::time::timeout(Duration::from_secs(30), ask(&path, &asked(CONFIG))).await;
        assert_eq!(answered.expect("there is a place").unwrap(), Answer::default());
        serving.abort();
    }

    #[tokio::test]
    async fn what_a_killed_daemon_has_left_makes_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Server::bind(&path).unwrap());
        std::fs::write(&path, "no socket").unwrap();
        assert!(Server::bind(&path).is_err(), "nothing is removed that is no socket");
        assert_eq!(std::fs::read(&path).unwrap(), b"no socket");
    }

    #[tokio::test]
    async fn another_user_is_not_heard_and_nonsense_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.sock");
        let server = Server::bind(&path).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        // As if the daemon were another user's; root is heard in any case.
        let is_root = server.uid == 0;
        let conversation = converse(theirs, server.uid.wrapping_add(1), Path::new(CONFIG), echo);
        let asking = async {
            let mut ours = ours;
            ours.write_all(b"nonsense\n").await.unwrap();
            read_line(&mut ours).await
        };
        let (conversed, answered) = tokio::join!(conversation, asking);
        conversed.unwrap();
        let answer = String::from_utf8(answered.unwrap()).unwrap();
        let said = if is_root { "does not know this" } else { "only its own user" };
        assert!(answer.contains(said), "{answer}");
    }
}
