use jiff::SignedDuration;
use seatkeeper_core::ports::RELAY_LEASE_MAX;
use seatkeeper_embedded::{locks::MemoryLocks, mock_provider::MockProvider, sqlite::SqliteStore};
use seatkeeper_testing::{ManualClock, SeededEntropy, office_over};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

#[tokio::test]
async fn clock_watch_shortens_times_in_the_store_only_after_the_clock_was_set_back() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("store.db")).unwrap());
    let clock = Arc::new(ManualClock::default());
    let locks = Arc::new(MemoryLocks::unlogged(clock.clone()));
    let entropy = Arc::new(SeededEntropy::new(1));
    let provider = MockProvider::new(store.clone(), clock.clone(), entropy.clone(), Arc::default(), None);
    let office = Arc::new(office_over(&store, &locks, Arc::new(provider), clock.clone(), entropy));
    let mut watch = ClockWatch::new(Arc::clone(&office));
    watch.run().await.unwrap();

    // A lease longer than any of the program stands as long as the clock goes forward.
    let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let outbox = &office.stores.outbox;
    assert!(outbox.take_relay_lease(old, office.now(), office.now() + SignedDuration::from_hours(5)).await.unwrap());
    clock.advance(SignedDuration::from_secs(1));
    watch.run().await.unwrap();
    clock.advance(RELAY_LEASE_MAX);
    let until = office.now() + RELAY_LEASE_MAX;
    assert!(!outbox.take_relay_lease(new, office.now(), until).await.unwrap(), "nothing was shortened");

    clock.advance(-SignedDuration::from_hours(1));
    watch.run().await.unwrap();
    clock.advance(RELAY_LEASE_MAX);
    let until = office.now() + RELAY_LEASE_MAX;
    assert!(outbox.take_relay_lease(new, office.now(), until).await.unwrap(), "the lease was shortened");
}
