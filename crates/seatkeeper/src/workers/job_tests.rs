use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use seatkeeper_core::{
    event::Event,
    ids::EventId,
    ports::{Health, Outbox},
};
use seatkeeper_embedded::{locks::MemoryLocks, mock_provider::MockProvider, sqlite::SqliteStore};
use seatkeeper_testing::{ManualClock, SeededEntropy, office_over};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

/// How the job fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// A round panics.
    InRound,
    /// The code between the rounds panics, where `catch_unwind` does not catch it.
    BetweenRounds,
    /// A round returns an error, as it does when the store is unavailable.
    Fails,
    /// A round never ends.
    Hangs,
}

struct Breaking {
    fault: Fault,
    /// Number of rounds that will still fail; each failure decrements it.
    broken: Arc<AtomicU32>,
    good_rounds: Arc<AtomicU32>,
}

impl Breaking {
    fn breaks(&self) -> bool {
        self.broken.load(Ordering::SeqCst) > 0
    }

    fn mend_one(&self) {
        self.broken.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Job for Breaking {
    fn name(&self) -> &'static str {
        "breaking"
    }

    fn period(&self) -> Duration {
        if self.breaks() && matches!(self.fault, Fault::BetweenRounds) {
            self.mend_one();
            panic!("between rounds");
        }
        Duration::from_secs(1)
    }

    async fn run(&mut self) -> Backend<Next> {
        match self.fault {
            Fault::InRound if self.breaks() => {
                self.mend_one();
                panic!("in a round")
            }
            Fault::Fails if self.breaks() => {
                self.mend_one();
                return away();
            }
            Fault::Hangs if self.breaks() => std::future::pending().await,
            Fault::InRound | Fault::BetweenRounds | Fault::Fails | Fault::Hangs => {}
        }
        self.good_rounds.fetch_add(1, Ordering::SeqCst);
        Ok(Next::AfterPause)
    }
}

/// An outbox that is unavailable, and says so at once. The paused clock runs on while a real store writes, so that a worker
/// which waits for one looks stuck.
struct UnavailableOutbox;

fn away<T>() -> Backend<T> {
    Err(BackendError::retryable("store", "away"))
}

#[async_trait]
impl Outbox for UnavailableOutbox {
    async fn append_events(&self, _: &[Event]) -> Backend<()> {
        away()
    }
    async fn take_relay_lease(&self, _: Uuid, _: Timestamp, _: Timestamp) -> Backend<bool> {
        away()
    }
    async fn find_relay(&self, _: Timestamp) -> Backend<Option<Uuid>> {
        away()
    }
    async fn list_unsent(&self, _: Uuid, _: u32) -> Backend<Vec<Event>> {
        away()
    }
    async fn mark_sent(&self, _: Uuid, _: &[EventId]) -> Backend<()> {
        away()
    }
    async fn has_unsent(&self) -> Backend<bool> {
        away()
    }
    async fn count_unsent(&self) -> Backend<u64> {
        away()
    }
}

struct Scene {
    pulse: Arc<Pulse>,
    broken: Arc<AtomicU32>,
    good_rounds: Arc<AtomicU32>,
    cancel: CancellationToken,
    worker: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

fn start(fault: Fault, broken: u32) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("store.db")).unwrap());
    let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(SeededEntropy::new(1)));
    let locks = Arc::new(MemoryLocks::unlogged(clock.clone()));
    let provider = MockProvider::new(store.clone(), clock.clone(), entropy.clone(), Arc::default(), None);
    let mut office = office_over(&store, &locks, Arc::new(provider), clock, entropy);
    office.stores.outbox = Arc::new(UnavailableOutbox);
    let (pulse, cancel) = (Arc::new(Pulse::new("breaking")), CancellationToken::new());
    let (broken, good_rounds) = (Arc::new(AtomicU32::new(broken)), Arc::new(AtomicU32::new(0)));
    let job = Breaking { fault, broken: Arc::clone(&broken), good_rounds: Arc::clone(&good_rounds) };
    let worker = tokio::spawn(supervise(job, Arc::new(office), Arc::clone(&pulse), cancel.clone()));
    Scene { pulse, broken, good_rounds, cancel, worker, _folder: folder }
}

impl Scene {
    /// Waits until `holds` is true for the message of the worker's health check (empty when healthy). Returns the
    /// message.
    async fn until(&self, holds: impl Fn(&Self, &str) -> bool) -> String {
        loop {
            let why = self.pulse.ping().await.err().map_or_else(String::new, |error| error.source.to_string());
            if holds(self, &why) {
                return why;
            }
            // Poll: the clock is paused, and sleeping advances it.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.worker.await.unwrap();
        assert!(self.pulse.ping().await.is_ok(), "a stopped worker is not reported as unhealthy");
    }
}

#[tokio::test(start_paused = true)]
async fn worker_that_panics_is_unhealthy_and_is_restarted_until_it_recovers() {
    for fault in [Fault::InRound, Fault::BetweenRounds] {
        let scene = start(fault, 3);
        let why = scene.until(|_, why| !why.is_empty()).await;
        assert!(why.contains("panicked"), "{fault:?}: {why}");
        assert_eq!(scene.pulse.part(), "breaking", "the name in /readyz");
        scene.until(|scene, why| scene.broken.load(Ordering::SeqCst) == 0 && why.is_empty()).await;
        let rounds = scene.good_rounds.load(Ordering::SeqCst);
        scene.until(|scene, _| scene.good_rounds.load(Ordering::SeqCst) > rounds + 3).await;
        scene.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn worker_is_healthy_while_the_store_is_unavailable() {
    let scene = start(Fault::Fails, 5);
    let why = scene.until(|scene, why| !why.is_empty() || scene.good_rounds.load(Ordering::SeqCst) > 0).await;
    assert_eq!(why, "", "the store has its own health check");
    scene.stop().await;
}

#[tokio::test(start_paused = true)]
async fn worker_is_unhealthy_when_a_round_never_ends() {
    let scene = start(Fault::Hangs, 1);
    let begun = Instant::now();
    let why = scene.until(|_, why| !why.is_empty()).await;
    assert!(why.contains("stuck") && begun.elapsed() >= ROUND_MAX, "{why}");
    scene.worker.abort();
}
