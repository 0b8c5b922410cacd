//! One writer, commits in groups.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::StoreError;
use crate::failpoint::{self, durably};

/// Writes in one transaction at most: enough to make the disk's wait negligible, few enough to answer soon.
const GROUP: usize = 512;

/// How long to leave a record alone that refused a group.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether writes get through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// They do.
    Good,
    /// They don't, for this reason; they are in line and tried again.
    Failing(String),
}

/// Gives the connection to write by, or says why there can be none now.
pub(super) type Ready = Box<dyn Fn(&mut Option<Connection>) -> io::Result<&mut Connection> + Send>;

/// A write in line, with whoever waits for it.
trait Write: Send {
    /// Does it; called again if the group had to be rolled back.
    fn apply(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()>;
    /// Tells whoever waits: it is durable.
    fn settle(self: Box<Self>);
    /// Tells whoever waits: it never will be.
    fn fail(self: Box<Self>, error: rusqlite::Error);
}

struct Waiting<F, T> {
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Write for Waiting<F, T>
where
    F: Fn(&Transaction<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn apply(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        self.value = Some((self.work)(tx)?);
        Ok(())
    }

    fn settle(self: Box<Self>) {
        if let Some(value) = self.value {
            // Nobody may be waiting any more; the write is durable all the same.
            drop(self.reply.send(Ok(value)));
        }
    }

    fn fail(self: Box<Self>, error: rusqlite::Error) {
        drop(self.reply.send(Err(StoreError::Statement(error))));
    }
}

/// The queue's end that writes are put into.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::UnboundedSender<Box<dyn Write>>>>,
    health: watch::Receiver<Health>,
    commits: watch::Receiver<u64>,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts a writer. It makes `ready` before each group; what can't be written yet stays in line.
    pub(super) fn start(connection: Connection, ready: Ready) -> Self {
        let (queue, receiver) = mpsc::unbounded_channel();
        let (health_sender, health) = watch::channel(Health::Good);
        let (commits_sender, commits) = watch::channel(0);
        let task = tokio::spawn(work((Some(connection), ready), receiver, health_sender, commits_sender));
        Self { queue: Mutex::new(Some(queue)), health, commits, task: tokio::sync::Mutex::new(Some(task)) }
    }

    /// Puts a write in line, at once, and gives what waits until it is durable. It stays in line if the caller does not
    /// wait.
    pub(super) fn write<T: Send + 'static, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, StoreError>> + use<T, F>
    where
        F: Fn(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let in_line = self.enqueue(Box::new(Waiting { work, value: None, reply }));
        async move {
            in_line?;
            answer.await.map_err(|_| StoreError::Closed)?
        }
    }

    fn enqueue(&self, write: Box<dyn Write>) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().and_then(|queue| queue.send(write).ok()).ok_or(StoreError::Closed)
    }

    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Counts the groups that were committed.
    pub(super) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// Ends the writer once all that is in line is durable.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(task) = self.task.lock().await.take() {
            // A writer that panicked has nothing left to wait for.
            drop(task.await);
        }
    }
}

async fn work(
    record: (Option<Connection>, Ready),
    mut queue: mpsc::UnboundedReceiver<Box<dyn Write>>,
    health: watch::Sender<Health>,
    commits: watch::Sender<u64>,
) {
    let record = Arc::new(Mutex::new(record));
    let mut group = Vec::new();
    while !group.is_empty() || queue.recv_many(&mut group, failpoint::group(GROUP)).await > 0 {
        let record = Arc::clone(&record);
        let committing = std::mem::take(&mut group);
        // A commit that panicked took its group with it: the senders are gone, and those who wait are told.
        let committed = tokio::task::spawn_blocking(move || {
            let (connection, ready) = &mut *record.lock().unwrap_or_else(PoisonError::into_inner);
            let (left, trouble) = match ready(connection) {
                Ok(connection) => commit(connection, committing),
                Err(error) => return (committing, Some(error.to_string())),
            };
            if trouble.as_ref().and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::ReadOnly) {
                *connection = None;
            }
            (left, trouble.map(|error| error.to_string()))
        });
        let (left, trouble) = committed.await.unwrap_or_default();
        group = left;
        tell(&health, trouble.as_deref());
        if trouble.is_some() {
            tokio::time::sleep(PAUSE).await;
        } else {
            commits.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// Commits a group; gives back what has to be tried again, and why.
fn commit(
    connection: &mut Connection,
    mut group: Vec<Box<dyn Write>>,
) -> (Vec<Box<dyn Write>>, Option<rusqlite::Error>) {
    match apply(connection, &mut group) {
        Ok(()) => {
            group.into_iter().for_each(Write::settle);
            (vec![], None)
        }
        Err(error) if passes(&error) => (group, Some(error)),
        Err(error) if group.len() == 1 => {
            tracing::error!(event = "store.defect", %error, "a write was refused for good");
            if let Some(write) = group.pop() {
                write.fail(error);
            }
            (vec![], None)
        }
        // One of them is at fault; the others must not suffer for it.
        Err(_) => {
            let mut group = group.into_iter();
            while let Some(write) = group.next() {
                let (mut left, trouble) = commit(connection, vec![write]);
                if trouble.is_some() {
                    left.extend(group);
                    return (left, trouble);
                }
            }
            (vec![], None)
        }
    }
}

fn apply(connection: &mut Connection, group: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
    #[cfg(feature = "failpoints")]
    failpoint::before_write(connection)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for write in group {
        write.apply(&tx)?;
    }
    durably("record.commit", || tx.commit())
}

/// Whether the reason for an error may go away: a lock, a full disk, a file system that is read-only or gone.
fn passes(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

fn tell(health: &watch::Sender<Health>, trouble: Option<&str>) {
    let now = trouble.map_or(Health::Good, |why| Health::Failing(why.to_owned()));
    health.send_if_modified(|before| {
        if *before == now {
            return false;
        }
        match &now {
            Health::Good => tracing::info!(event = "store.recovered", "the record takes writes again"),
            Health::Failing(reason) => tracing::error!(
                event = "store.failing",
                reason,
                "the record takes no writes; outcomes wait in memory, cancels go on"
            ),
        }
        *before = now;
        true
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    fn always() -> Ready {
        Box::new(|connection| connection.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn count(path: &std::path::Path) -> i64 {
        let connection = schema::open(path).unwrap();
        connection.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0)).unwrap()
    }

    fn insert(job: &'static str) -> impl Fn(&Transaction<'_>) -> rusqlite::Result<usize> + Send {
        move |tx| tx.execute("INSERT INTO jobs (job, fingerprint, cursor) VALUES (?1, 'f', 0)", [job])
    }

    #[tokio::test]
    async fn what_was_answered_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        let writer = Writer::start(schema::open(&path).unwrap(), always());
        let (a, b) = tokio::join!(writer.write(insert("a")), writer.write(insert("b")));
        assert_eq!((a.unwrap(), b.unwrap()), (1, 1));
        assert_eq!(count(&path), 2);
    }

    #[tokio::test]
    async fn one_bad_write_does_not_take_its_group_along() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        let writer = Writer::start(schema::open(&path).unwrap(), always());
        let (a, twice, b) =
            tokio::join!(writer.write(insert("a")), writer.write(insert("a")), writer.write(insert("b")));
        assert!(a.is_ok() && b.is_ok());
        assert!(matches!(twice, Err(StoreError::Statement(_))));
        assert_eq!(count(&path), 2);
    }

    #[tokio::test]
    async fn a_locked_record_is_waited_for_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        let ours = schema::open(&path).unwrap();
        ours.busy_timeout(Duration::ZERO).unwrap();
        let writer = Writer::start(ours, always());
        let theirs = schema::open(&path).unwrap();
        theirs.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut health = writer.health();
        let unlock = async {
            health.wait_for(|health| *health != Health::Good).await.unwrap();
            theirs.execute_batch("COMMIT").unwrap();
        };
        let (written, ()) = tokio::join!(writer.write(insert("a")), unlock);
        assert!(written.is_ok());
        writer.close().await;
        assert_eq!(*writer.health().borrow(), Health::Good);
        assert_eq!(count(&path), 1);
    }

    #[tokio::test]
    async fn closing_first_writes_what_is_in_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calloff.db");
        let writer = Writer::start(schema::open(&path).unwrap(), always());
        let waiting = writer.write(insert("a"));
        tokio::pin!(waiting);
        // Polled once, it is in line.
        assert!(futures_poll_once(&mut waiting).await);
        writer.close().await;
        assert_eq!(count(&path), 1);
        assert!(matches!(writer.write(insert("b")).await, Err(StoreError::Closed)));
    }

    async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| {
            let pending = std::pin::Pin::new(&mut *future).poll(cx).is_pending();
            std::task::Poll::Ready(pending)
        })
        .await
    }
}
