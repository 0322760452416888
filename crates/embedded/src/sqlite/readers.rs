//! The readers: threads with read-only connections. A read sees every write that was acknowledged before it started.
//!
//! There are two pools. The lists and reports of administrators have a small one of their own, with a time limit and a
//! low priority, so that buyers' reads neither queue behind them nor share the processor with them equally. In both
//! pools a read whose caller has gone is interrupted.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, Transaction};
use seatkeeper_core::ports::{Backend, BackendError, TookTooLong};
use tokio::sync::oneshot;

use super::{
    open::{OpenError, connect_reader},
    rows::{Fault, PART},
    watch::Damage,
};

/// Number of reader threads for everybody. Most reads are served from memory, so a few are enough for a few cores.
pub const READERS: usize = 4;
/// The most reads that wait for one of these threads; further reads fail with a retryable error.
pub const READS_WAITING_MAX: usize = 4_096;
/// Number of threads for the lists and reports of administrators. One, because such a read may compute for seconds, and
/// a small server has two cores.
pub const ADMIN_READERS: usize = 1;
/// The most reads of administrators that wait for their thread; further reads fail with a retryable error.
pub const ADMIN_READS_WAITING_MAX: usize = 64;
/// How long a read of an administrator may run, in time of the clock. On a busy machine its thread gets about a tenth of
/// the share of others, so that a report that computes for a second may take ten. Shorter than the 20 s in which a
/// request is answered, so that the answer names the cause. This bounds also for how long its snapshot keeps a checkpoint
/// from emptying the write-ahead log.
pub const ADMIN_READ_FOR_MAX: Duration = Duration::from_secs(15);

/// Number of steps of SQLite's virtual machine between two checks whether a read must end: less than a millisecond.
const STEPS_PER_CHECK: i32 = 4_000;
/// Nice value of the threads for administrators. When the processor is busy they get about a tenth of the share of
/// other threads.
#[cfg(target_os = "linux")]
const ADMIN_NICENESS: i32 = 10;

/// What distinguishes the pools.
#[derive(Clone, Copy)]
pub(super) struct Pool {
    pub(super) name: &'static str,
    pub(super) threads: usize,
    pub(super) waiting_max: usize,
    /// A read that runs longer is interrupted.
    pub(super) runs_for_max: Option<Duration>,
    pub(super) has_low_priority: bool,
}

/// The pool for everybody.
pub(super) const FOR_ALL: Pool = Pool {
    name: "store-reader",
    threads: READERS,
    waiting_max: READS_WAITING_MAX,
    runs_for_max: None,
    has_low_priority: false,
};

/// The pool for the lists and reports of administrators.
pub(super) const FOR_ADMINISTRATORS: Pool = Pool {
    name: "store-admin",
    threads: ADMIN_READERS,
    waiting_max: ADMIN_READS_WAITING_MAX,
    runs_for_max: Some(ADMIN_READ_FOR_MAX),
    has_low_priority: true,
};

type Job = Box<dyn FnOnce(&mut Connection, &Running) + Send>;

/// The threads of a pool and their queue.
#[derive(Debug)]
pub(super) struct Readers {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    runs_for_max: Option<Duration>,
    damage: Arc<Damage>,
}

impl Readers {
    pub(super) fn start(path: &Path, pool: &Pool, damage: &Arc<Damage>) -> Result<Self, OpenError> {
        let (queue, jobs) = sync_channel::<Job>(pool.waiting_max);
        let jobs = Arc::new(Mutex::new(jobs));
        let (runs_for_max, damage) = (pool.runs_for_max, Arc::clone(damage));
        let mut readers = Self { queue: Some(queue), threads: Vec::new(), runs_for_max, damage };
        for index in 1..=pool.threads {
            let mut connection = connect_reader(path)?;
            let (jobs, running) = (Arc::clone(&jobs), Running::default());
            let watched = running.clone();
            connection.progress_handler(STEPS_PER_CHECK, Some(move || watched.must_end()))?;
            let has_low_priority = pool.has_low_priority;
            let thread = std::thread::Builder::new().name(format!("{}-{index}", pool.name));
            let thread = thread.spawn(move || {
                if has_low_priority {
                    lower_priority();
                }
                while let Some(job) = next_job(&jobs) {
                    job(&mut connection, &running);
                }
            });
            readers.threads.push(thread.map_err(OpenError::Thread)?);
        }
        Ok(readers)
    }

    /// Runs the read `work` on one snapshot of the store. When the returned future is dropped, the read is interrupted,
    /// or not begun.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Backend<T> {
        let (answer, answered) = oneshot::channel();
        let caller = Caller::default();
        let damage = Arc::clone(&self.damage);
        let (has_gone, runs_for_max) = (Arc::clone(&caller.has_gone), self.runs_for_max);
        let job: Job = Box::new(move |connection, running| {
            if has_gone.load(Ordering::Relaxed) {
                return;
            }
            running.begin(has_gone, runs_for_max);
            let read = AssertUnwindSafe(|| work(&connection.transaction()?));
            let result = catch_unwind(read).unwrap_or(Err(Fault::Panicked));
            let result = running.end(result).inspect_err(|fault| damage.note(fault));
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

/// A guard in the future that waits for a read. Dropping it makes the connection's progress handler interrupt the read.
#[derive(Default)]
struct Caller {
    has_gone: Arc<AtomicBool>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.has_gone.store(true, Ordering::Relaxed);
    }
}

/// The read that a thread runs, as the progress handler of its connection sees it.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<Option<Limits>>>);

struct Limits {
    has_caller_gone: Arc<AtomicBool>,
    until: Option<Instant>,
}

impl Limits {
    fn is_time_up(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

impl Running {
    fn begin(&self, has_caller_gone: Arc<AtomicBool>, runs_for_max: Option<Duration>) {
        let until = runs_for_max.map(|limit| Instant::now() + limit);
        *self.0.lock() = Some(Limits { has_caller_gone, until });
    }

    fn must_end(&self) -> bool {
        let running = self.0.lock();
        running.as_ref().is_some_and(|read| read.has_caller_gone.load(Ordering::Relaxed) || read.is_time_up())
    }

    /// Ends the read, and names the cause if it was interrupted at its time limit.
    fn end<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        let was_interrupted = matches!(
            &result,
            Err(Fault::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
        );
        let is_time_up = self.0.lock().take().is_some_and(|read| read.is_time_up());
        if was_interrupted && is_time_up { Err(TookTooLong.into()) } else { result }
    }
}

fn next_job(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().recv().ok()
}

/// Lowers the priority of the calling thread. Only on Linux: elsewhere `setpriority` applies to the whole process.
#[cfg(target_os = "linux")]
fn lower_priority() {
    if let Err(error) = rustix::process::setpriority_process(None, ADMIN_NICENESS) {
        tracing::warn!(%error, "lists and reports of administrators run with the priority of the other threads");
    }
}

#[cfg(not(target_os = "linux"))]
const fn lower_priority() {}

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
