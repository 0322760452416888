//! The backends from which a room loads its seat map.

use std::{future::Future, pin::Pin, sync::Arc};

use seatkeeper_core::{
    box_office::{BoxOffice, load_screening},
    ids::ScreeningId,
    locks::SeatSnapshot,
    ports::{Backend, BackendError, LiveChanges, SeatLocks, SeatMaps},
};

use tokio::sync::Semaphore;

use super::limits::{HOLD_READS_OF_SERVER_MAX, SNAPSHOT_TRIES_MAX};

/// A boxed future of a backend call.
type Later<T> = Pin<Box<dyn Future<Output = Backend<T>> + Send>>;
/// Loads a screening's seat map from the store into the lock store, if its sequence number in the lock store is still
/// the given one.
type Load = Box<dyn Fn(ScreeningId, u64) -> Later<()> + Send + Sync>;
/// Counts the sold or claimed seats of each screening in the store; the counts are in the order of the given
/// screenings.
type CountTaken = Box<dyn Fn(Vec<ScreeningId>) -> Later<Vec<u32>> + Send + Sync>;

/// The lock store, its live changes, and functions that read the store.
pub(super) struct Sources {
    pub(super) locks: Arc<dyn SeatLocks>,
    pub(super) maps: Arc<dyn SeatMaps>,
    pub(super) live: Arc<dyn LiveChanges>,
    pub(super) load: Load,
    pub(super) count_taken: CountTaken,
    /// Permits for concurrent reads of holds from the lock store, shared by all rooms.
    pub(super) hold_reads: Semaphore,
}

impl Sources {
    pub(super) fn of(office: &Arc<BoxOffice>) -> Self {
        let loading = Arc::clone(office);
        let counting = Arc::clone(office);
        Self {
            locks: Arc::clone(&office.locks) as _,
            maps: Arc::clone(&office.locks) as _,
            live: Arc::clone(&office.live),
            hold_reads: Semaphore::new(HOLD_READS_OF_SERVER_MAX),
            load: Box::new(move |screening, seq| {
                let office = Arc::clone(&loading);
                Box::pin(async move { load_screening(&office, screening, seq).await })
            }),
            count_taken: Box::new(move |screenings| {
                let office = Arc::clone(&counting);
                Box::pin(async move { office.stores.ledger.count_taken(&screenings, office.now()).await })
            }),
        }
    }

    /// Reads the seat map of a screening from the lock store; if the map is missing there, it is loaded from the store
    /// first.
    ///
    /// # Errors
    /// The lock store or the store failed, or the map was missing again after each of `SNAPSHOT_TRIES_MAX` loads.
    pub(super) async fn snapshot(&self, screening: ScreeningId) -> Backend<SeatSnapshot> {
        for _ in 0..SNAPSHOT_TRIES_MAX {
            match self.maps.snapshot(screening).await? {
                Ok(snapshot) => return Ok(snapshot),
                Err(seq) => (self.load)(screening, seq).await?,
            }
        }
        Err(BackendError::retryable("locks", "the seat map was missing again after each load"))
    }
}
