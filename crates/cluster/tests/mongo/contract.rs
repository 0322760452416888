//! Runs the contract suites of stores.

use seatkeeper_testing::{
    StoreFixture, event_log, store_events, store_hoarding, store_ledger, store_people, store_programme, store_races,
    store_reservations, store_retention, store_sales, store_times,
};

use crate::stores::Databases;

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_passes_the_suite_of_the_programme() {
    store_programme::run_all(&Databases).await;
}

#[tokio::test]
async fn mongodb_passes_the_suite_of_the_ledger() {
    store_ledger::run_all(&Databases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_passes_the_suite_of_seats_at_all_screenings() {
    store_hoarding::run_all(&Databases).await;
}

#[tokio::test]
async fn mongodb_passes_the_suite_of_a_clock_that_is_set_back() {
    store_times::run_all(&Databases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_passes_the_suite_of_concurrent_calls() {
    store_races::run_all(&Databases).await;
}

#[tokio::test]
async fn mongodb_passes_the_suite_of_people_and_sessions() {
    store_people::run_all(&Databases).await;
}

#[tokio::test]
async fn mongodb_passes_the_suite_of_sales() {
    store_sales::run_all(&Databases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_passes_the_suite_of_reservations_and_the_mock_book() {
    store_reservations::run_all(&Databases).await;
}

#[tokio::test]
async fn mongodb_passes_the_suite_of_outbox_mails_audit_and_dead_letters() {
    store_events::run_all(&Databases).await;
}

#[tokio::test]
async fn mongodb_passes_the_suite_of_the_event_log() {
    event_log::run_all(&*Databases.open_empty().await).await;
}

#[tokio::test]
async fn mongodb_passes_the_suite_of_retention() {
    store_retention::run_all(&Databases).await;
}
