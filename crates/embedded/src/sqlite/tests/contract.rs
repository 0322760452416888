//! Runs the contract suites for stores on SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use seatkeeper_testing::{
    StoreFixture, event_log, store_events, store_hoarding, store_ledger, store_people, store_programme, store_races,
    store_reservations, store_retention, store_sales, store_times,
};
use tempfile::TempDir;

use crate::sqlite::SqliteStore;

/// Opens a new store in a temporary folder for each test of a suite.
struct Files(TempDir, std::sync::atomic::AtomicU32);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap(), 0.into())
    }
}

#[async_trait]
impl StoreFixture for Files {
    type Store = SqliteStore;

    async fn open_empty(&self) -> Arc<SqliteStore> {
        let number = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.0.path().join(format!("{number}.sqlite"));
        Arc::new(SqliteStore::open(&path).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_passes_the_suite_of_the_programme() {
    store_programme::run_all(&Files::new()).await;
}

#[tokio::test]
async fn sqlite_passes_the_suite_of_the_ledger() {
    store_ledger::run_all(&Files::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_passes_the_suite_of_seats_at_all_screenings() {
    store_hoarding::run_all(&Files::new()).await;
}

#[tokio::test]
async fn sqlite_passes_the_suite_of_a_clock_that_is_set_back() {
    store_times::run_all(&Files::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_passes_the_suite_of_concurrent_calls() {
    store_races::run_all(&Files::new()).await;
}

#[tokio::test]
async fn sqlite_passes_the_suite_of_people_and_sessions() {
    store_people::run_all(&Files::new()).await;
}

#[tokio::test]
async fn sqlite_passes_the_suite_of_sales() {
    store_sales::run_all(&Files::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_passes_the_suite_of_reservations_and_the_mock_book() {
    store_reservations::run_all(&Files::new()).await;
}

#[tokio::test]
async fn sqlite_passes_the_suite_of_outbox_mails_audit_and_dead_letters() {
    store_events::run_all(&Files::new()).await;
}

#[tokio::test]
async fn sqlite_passes_the_suite_of_the_event_log() {
    let files = Files::new();
    event_log::run_all(&*files.open_empty().await).await;
}

#[tokio::test]
async fn sqlite_passes_the_suite_of_retention() {
    store_retention::run_all(&Files::new()).await;
}
