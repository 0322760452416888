//! Group commit: one writer thread batches the waiting writes into one transaction, so that they share one sync to
//! disk.
//!
//! Each write runs in a savepoint, so that a failed write rolls back only its own changes. Callers are answered after
//! the commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use seatkeeper_core::ports::{Backend, BackendError};
use tokio::sync::oneshot;

use super::{
    open::{OpenError, empty_log},
    rows::{Fault, PART},
    watch::Damage,
};

/// The most writes per commit. A larger batch would delay its first write for little gain. A sale is four writes, so
/// with 256 concurrent buyers 64 sales share one sync.
pub const BATCH_WRITES_MAX: usize = 256;
/// After a batch of at least this size the writer waits briefly before the next batch, because the callers usually
/// write again at once.
const CROWD_WRITES_MIN: usize = 16;
/// How long the writer waits for those callers, in microseconds: short compared with a sync. Without the wait, the
/// callers would split into two groups whose half-full batches alternate.
const CROWD_WAIT_US_MAX: u64 = 300;
/// The most writes that wait for the writer; further writes fail with a retryable error.
pub const WRITES_WAITING_MAX: usize = 4_096;

/// How long the writer's end waits for other processes that read the store (a backup), before it leaves the write-ahead
/// log to the next start.
const EMPTY_LOG_WAIT_MAX: Duration = Duration::from_secs(1);

/// What happens to the write-ahead log when the writer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtEnd {
    /// Its content is moved into the database file.
    EmptyLog,
    /// It is left to the server that has the store open.
    LeaveLog,
}

/// The numbers of writes and commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteCounts {
    /// Writes that were committed.
    pub writes: u64,
    /// Commits, each with one sync.
    pub commits: u64,
}

/// Runs a write inside the transaction. Returns whether to keep its changes, and a function that answers the caller
/// after the commit.
type Job = Box<dyn FnOnce(&Transaction<'_>) -> Done + Send>;

/// Answers the caller of a write; the argument is the reason why the commit failed, if it did.
type Answer = Box<dyn FnOnce(Option<&str>)>;

struct Done {
    commits: bool,
    answer: Answer,
}

/// The writer thread and its queue.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<Counts>,
    damage: Arc<Damage>,
}

#[derive(Debug, Default)]
struct Counts {
    writes: AtomicU64,
    commits: AtomicU64,
}

impl Writer {
    pub(super) fn start(mut connection: Connection, damage: Arc<Damage>, end: AtEnd) -> Result<Self, OpenError> {
        let (queue, jobs) = sync_channel(WRITES_WAITING_MAX);
        let counts = Arc::new(Counts::default());
        let (thread_counts, thread_damage) = (Arc::clone(&counts), Arc::clone(&damage));
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let thread = thread.spawn(move || {
            write_all(&mut connection, &jobs, &thread_counts, &thread_damage);
            match end {
                AtEnd::EmptyLog => empty_log_at_end(&connection),
                AtEnd::LeaveLog => {}
            }
        });
        Ok(Self { queue: Some(queue), thread: Some(thread.map_err(OpenError::Thread)?), counts, damage })
    }

    pub(super) fn counts(&self) -> WriteCounts {
        let commits = self.counts.commits.load(Ordering::Relaxed);
        WriteCounts { writes: self.counts.writes.load(Ordering::Relaxed), commits }
    }

    /// Runs `work` in the next transaction and returns after its commit is synced to disk.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Backend<T> {
        let (answer, answered) = oneshot::channel();
        let damage = Arc::clone(&self.damage);
        let job: Job = Box::new(move |tx| {
            let result = catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or(Err(Fault::Panicked));
            let result = result.inspect_err(|fault| damage.note(fault));
            let commits = result.is_ok();
            let answer_later = Box::new(move |lost: Option<&str>| {
                let answered = match (result, lost) {
                    (Ok(_), Some(why)) => Err(BackendError::retryable(PART, why)),
                    (result, _) => result.map_err(BackendError::from),
                };
                // The caller may have been cancelled; the write stays committed.
                drop(answer.send(answered));
            });
            Done { commits, answer: answer_later }
        });
        match self.queue.as_ref().map(|queue| queue.try_send(job)) {
            Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => return Err(BackendError::retryable(PART, "too many writes wait")),
            Some(Err(TrySendError::Disconnected(_))) | None => {
                return Err(BackendError::lasting(PART, "the writer has ended"));
            }
        }
        answered.await.unwrap_or_else(|_| Err(BackendError::retryable(PART, "the write was not tried")))
    }
}

impl Drop for Writer {
    /// Commits the waiting writes, then ends the writer thread.
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writer had panicked");
        }
    }
}

fn write_all(connection: &mut Connection, jobs: &Receiver<Job>, counts: &Counts, damage: &Damage) {
    let mut answered = 0;
    while let Some(batch) = gather(jobs, answered) {
        answered = batch.len();
        let mut done = Vec::with_capacity(batch.len());
        let committed = commit_batch(connection, batch, &mut done);
        let lost = committed.inspect_err(|error| damage.note_error(error)).err().map(|error| error.to_string());
        if lost.is_none() {
            let committed = done.iter().filter(|job| job.commits).count();
            counts.writes.fetch_add(u64::try_from(committed).unwrap_or(0), Ordering::Relaxed);
            counts.commits.fetch_add(1, Ordering::Relaxed);
        }
        for job in done {
            (job.answer)(lost.as_deref());
        }
    }
}

/// Moves the write-ahead log's content into the database file. Otherwise a copy of that file alone, made after a clean
/// stop, would lack the newest writes.
fn empty_log_at_end(connection: &Connection) {
    let emptied = connection.busy_timeout(EMPTY_LOG_WAIT_MAX).and_then(|()| empty_log(connection));
    match emptied {
        Ok(true) => {}
        Ok(false) => tracing::warn!("another process reads the store, so its write-ahead log (-wal) is still needed"),
        Err(error) => tracing::error!(%error, "the store's write-ahead log (-wal) could not be emptied"),
    }
}

/// Takes the waiting writes from the queue, and after a large batch also the next writes of its callers; `None` when
/// the queue is closed.
fn gather(jobs: &Receiver<Job>, answered: usize) -> Option<Vec<Job>> {
    let mut batch = Vec::with_capacity(BATCH_WRITES_MAX);
    batch.push(jobs.recv().ok()?);
    batch.extend(jobs.try_iter().take(BATCH_WRITES_MAX - 1));
    if answered < CROWD_WRITES_MIN {
        return Some(batch);
    }
    let expected = (batch.len() + answered).min(BATCH_WRITES_MAX);
    let end = Instant::now() + Duration::from_micros(CROWD_WAIT_US_MAX);
    while batch.len() < expected {
        match jobs.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(job) => batch.push(job),
            Err(_) => break,
        }
    }
    Some(batch)
}

/// Runs a batch of writes and commits it. On an error the jobs that did not run are dropped, so that their callers get
/// a retryable error.
fn commit_batch(connection: &mut Connection, batch: Vec<Job>, done: &mut Vec<Done>) -> Result<(), rusqlite::Error> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        tx.prepare_cached("SAVEPOINT write")?.execute([])?;
        let job = job(&tx);
        let commits = job.commits;
        done.push(job);
        // After an error such as a full disk SQLite rolls back the whole transaction by itself.
        if tx.is_autocommit() {
            return Err(lost_transaction());
        }
        if !commits {
            tx.prepare_cached("ROLLBACK TO write")?.execute([])?;
        }
        tx.prepare_cached("RELEASE write")?.execute([])?;
    }
    tx.commit()
}

fn lost_transaction() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    rusqlite::Error::SqliteFailure(code, Some("the transaction was rolled back by SQLite".to_owned()))
}
