//! MongoDB is unreachable, frozen or slow. Calls fail in time with retryable errors, acknowledged writes are durable,
//! and calls work again once MongoDB does.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use seatkeeper_cluster::mongo::{CALL_FOR_MAX, MongoStore, OpenError, TRANSACTION_FOR_MAX};
use seatkeeper_core::{
    ids::SeatId,
    ports::{Backend, Health, Ledger, Outbox, Programme, Sessions},
};
use seatkeeper_testbed::wait_until;
use seatkeeper_testing::sample_now;

use crate::{
    cinema::{Cinema, told},
    stores::OwnServer,
};

/// A call that takes longer than this hangs: it is far above all timeouts of the store.
const HANGS_AFTER: Duration = TRANSACTION_FOR_MAX.saturating_mul(4);

/// Asserts that the call ends in time with a retryable error.
async fn ends_retryable<T: std::fmt::Debug>(what: &str, call: impl Future<Output = Backend<T>>) {
    let ended = tokio::time::timeout(HANGS_AFTER, call).await;
    let error = ended.unwrap_or_else(|_| panic!("{what} hangs")).expect_err(what);
    assert!(error.retryable, "{what}: {error}");
}

async fn everything_ends_retryable(store: &MongoStore, cinema: &Cinema) {
    let start = cinema.new_payment("B20");
    tokio::join!(
        ends_retryable("a write", store.start_payment(&start, sample_now())),
        ends_retryable("a read", store.seat_truth(cinema.screening.id, sample_now())),
        ends_retryable("the poll of the revision", store.revision()),
        ends_retryable("the poll of ended sessions", store.list_ended_since(sample_now(), 9)),
        ends_retryable("the relay", store.count_unsent()),
        ends_retryable("the ping", store.ping()),
    );
}

async fn is_back(store: &MongoStore) {
    wait_until("the store works again by itself", || async { store.ping().await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_sales_are_in_the_store_after_mongodb_was_killed() {
    let mut own = OwnServer::start().await;
    let store = own.open().await;
    let cinema = Arc::new(Cinema::open(&store).await);
    let acknowledged = Arc::new(Mutex::new(Vec::<SeatId>::new()));
    let sellers: Vec<_> = (0..4)
        .map(|row| {
            tokio::spawn(sell_until_away(Arc::clone(&store), Arc::clone(&cinema), row, Arc::clone(&acknowledged)))
        })
        .collect();
    wait_until("some seats are sold", || async { acknowledged.lock().unwrap().len() >= 6 }).await;
    own.server.process().kill().await;
    for seller in sellers {
        seller.await.unwrap();
    }
    everything_ends_retryable(&store, &cinema).await;

    own.server.restart().await;
    is_back(&store).await;
    let truth = store.seat_truth(cinema.screening.id, sample_now()).await.unwrap();
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.iter().all(|seat| truth.sold.contains(seat)), "{acknowledged:?} of {:?}", truth.sold);
    assert_eq!(told(&store).await.len(), truth.sold.len(), "one event for each sale");
}

/// Sells ten seats one after the other, until the store fails.
async fn sell_until_away(store: Arc<MongoStore>, cinema: Arc<Cinema>, row: u8, acknowledged: Arc<Mutex<Vec<SeatId>>>) {
    for number in 1..=10 {
        let (label, number) = (if row < 2 { 'A' } else { 'B' }, number + 10 * (row % 2));
        let Ok(payment) = cinema.confirming(&store, &format!("{label}{number}")).await else { return };
        if store.commit_booking(&cinema.sale_of(&payment), sample_now()).await.is_err() {
            return;
        }
        acknowledged.lock().unwrap().extend(payment.seat_ids());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_frozen_mongodb_fail_in_time_and_succeed_after_it_is_resumed() {
    let mut own = OwnServer::start().await;
    let store = own.open().await;
    let cinema = Cinema::open(&store).await;
    own.server.process().freeze().await;
    everything_ends_retryable(&store, &cinema).await;
    own.server.process().thaw().await;
    is_back(&store).await;
    let payment = cinema.confirming(&store, "B20").await.unwrap();
    store.commit_booking(&cinema.sale_of(&payment), sample_now()).await.unwrap();
    assert_eq!(told(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_slow_mongodb_fail_in_time() {
    let own = OwnServer::start().await;
    let store = own.open().await;
    let cinema = Cinema::open(&store).await;
    own.slow_down(&["find", "aggregate", "update", "insert"], 3 * CALL_FOR_MAX).await;
    everything_ends_retryable(&store, &cinema).await;
    own.mend().await;
    is_back(&store).await;
    cinema.confirming(&store, "B20").await.unwrap();
}

#[tokio::test]
async fn open_fails_when_the_server_is_unreachable_or_the_url_names_no_database() {
    let port = seatkeeper_testbed::free_port();
    let opened = tokio::time::timeout(HANGS_AFTER, MongoStore::open(&format!("mongodb://127.0.0.1:{port}/x"))).await;
    assert!(matches!(opened, Ok(Err(OpenError::Driver(_)))), "{opened:?}");
    let nameless = MongoStore::open(&format!("mongodb://127.0.0.1:{port}")).await;
    assert!(matches!(nameless, Err(OpenError::NoDatabase)), "{nameless:?}");
}
