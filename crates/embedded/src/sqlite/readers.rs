//! The readers: a few threads with read-only connections. A read sees every write that was acknowledged before it
//! started.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, Transaction};
use seatkeeper_core::ports::{Backend, BackendError};
use tokio::sync::oneshot;

use super::{
    open::{OpenError, connect_reader},
    rows::{Fault, PART},
};

/// Number of reader threads. Most reads are served from memory, so a few are enough for a few cores.
pub const READERS: usize = 4;
/// The most reads that wait for a thread; further reads fail with a retryable error.
pub const READS_WAITING_MAX: usize = 4_096;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The reader threads and their queue.
#[derive(Debug)]
pub(super) struct Readers {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(path: &Path) -> Result<Self, OpenError> {
        let (queue, jobs) = sync_channel::<Job>(READS_WAITING_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut readers = Self { queue: Some(queue), threads: Vec::with_capacity(READERS) };
        for index in 1..=READERS {
            let mut connection = connect_reader(path)?;
            let jobs = Arc::clone(&jobs);
            let thread = std::thread::Builder::new().name(format!("store-reader-{index}"));
            let thread = thread.spawn(move || {
                while let Some(job) = next_job(&jobs) {
                    job(&mut connection);
                }
            });
            readers.threads.push(thread.map_err(OpenError::Thread)?);
        }
        Ok(readers)
    }

    /// Runs the read `work` on one snapshot of the store.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Backend<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // The caller was cancelled while the read waited, so nobody needs its result.
            if answer.is_closed() {
                return;
            }
            let read = AssertUnwindSafe(|| work(&connection.transaction()?));
            let result = catch_unwind(read).unwrap_or(Err(Fault::Panicked));
            // The caller may have been cancelled meanwhile, so nobody needs the result.
            drop(answer.send(result.map_err(BackendError::from)));
        });
        match self.queue.as_ref().map(|queue| queue.try_send(job)) {
            Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => return Err(BackendError::retryable(PART, "too many reads wait")),
            Some(Err(TrySendError::Disconnected(_))) | None => {
                return Err(BackendError::lasting(PART, "the readers have ended"));
            }
        }
        answered.await.unwrap_or_else(|_| Err(BackendError::retryable(PART, "the read was not tried")))
    }
}

fn next_job(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the store had panicked");
            }
        }
    }
}
