//! Runs the contract suites of stores.

use seatkeeper_testing::{
    StoreFixture, event_log, store_events, store_ledger, store_people, store_programme, store_races,
    store_reservations, store_retention, store_sales,
};

use crate::stores::Databases;

#[tokio::test(flavor = "multi_thread")]
async fn programme() {
    store_programme::run_all(&Databases).await;
}

#[tokio::test]
async fn ledger() {
    store_ledger::run_all(&Databases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn races() {
    store_races::run_all(&Databases).await;
}

#[tokio::test]
async fn people() {
    store_people::run_all(&Databases).await;
}

#[tokio::test]
async fn sales() {
    store_sales::run_all(&Databases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations() {
    store_reservations::run_all(&Databases).await;
}

#[tokio::test]
async fn events() {
    store_events::run_all(&Databases).await;
}

#[tokio::test]
async fn log_of_events() {
    event_log::run_all(&*Databases.open_empty().await).await;
}

#[tokio::test]
async fn retention() {
    store_retention::run_all(&Databases).await;
}
