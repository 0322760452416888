//! Lists and reports of administrators do not delay other reads, and a read whose caller was cancelled is interrupted.

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use rusqlite::{Connection, Transaction};
use seatkeeper_core::{
    ids::PaymentId,
    ports::{Backend, BookingFilter, Health, Ledger, PageRequest, Sales},
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use uuid::Uuid;

use crate::sqlite::{
    SqliteStore,
    readers::{ADMIN_READERS, ADMIN_READS_WAITING_MAX, FOR_ADMINISTRATORS, FOR_ALL, Pool, READERS, Readers},
    rows::{Fault, count},
};

/// A query that never ends by itself.
const ENDLESS: &str = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";

fn open() -> (TempDir, PathBuf, SqliteStore) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    (folder, path, store)
}

/// Starts an endless read, and returns when it runs.
async fn start_endless(readers: std::sync::Arc<Readers>) -> JoinHandle<Backend<u64>> {
    let (begins, began) = oneshot::channel();
    let read = tokio::spawn(async move {
        readers
            .run(move |tx: &Transaction<'_>| {
                begins.send(()).unwrap();
                count(tx, ENDLESS, [])
            })
            .await
    });
    began.await.unwrap();
    read
}

#[tokio::test]
async fn blocked_reads_of_administrators_do_not_delay_a_sale() {
    let (_folder, _path, store) = open();
    let store = std::sync::Arc::new(store);
    let (release, released) = channel::<()>();
    let released = std::sync::Arc::new(parking_lot::Mutex::new(released));
    let wait = |released: std::sync::Arc<parking_lot::Mutex<Receiver<()>>>| {
        move |_: &Transaction<'_>| {
            // Returns when the sender is dropped.
            released.lock().recv().unwrap_err();
            Ok::<_, Fault>(())
        }
    };
    let mut blocked = Vec::new();
    let tabs = ADMIN_READERS + ADMIN_READS_WAITING_MAX / 2;
    for _ in 0..tabs {
        let (store, work) = (std::sync::Arc::clone(&store), wait(std::sync::Arc::clone(&released)));
        blocked.push(tokio::spawn(async move { store.admin_read(work).await }));
    }
    let (listing, filter) = (std::sync::Arc::clone(&store), BookingFilter::default());
    let list = tokio::spawn(async move { listing.list_bookings(&filter, PageRequest::FIRST).await });
    let summing = std::sync::Arc::clone(&store);
    let sum = tokio::spawn(async move { summing.sum_bookings(&BookingFilter::default()).await });
    // A sale reads and writes.
    for _ in 0..2 * READERS {
        assert_eq!(store.find_payment(PaymentId::from_uuid(Uuid::nil())).await.unwrap(), None);
        store.ping().await.unwrap();
    }
    assert!(!list.is_finished() && !sum.is_finished(), "they wait for the thread of administrators");
    drop(release);
    for read in blocked {
        read.await.unwrap().unwrap();
    }
    assert!(list.await.unwrap().unwrap().items.is_empty());
    sum.await.unwrap().unwrap();
}

#[tokio::test]
async fn read_is_interrupted_when_its_caller_is_cancelled() {
    let (_folder, path, _store) = open();
    for pool in [FOR_ALL, FOR_ADMINISTRATORS] {
        // One thread without a time limit: it is free only if the read before was interrupted.
        let pool = Pool { threads: 1, runs_for_max: None, ..pool };
        let readers = std::sync::Arc::new(Readers::start(&path, &pool, &std::sync::Arc::default()).unwrap());
        for _ in 0..3 {
            let read = start_endless(std::sync::Arc::clone(&readers)).await;
            read.abort();
            assert!(read.await.unwrap_err().is_cancelled());
            let one = readers.run(|tx| count(tx, "SELECT 1", [])).await.unwrap();
            assert_eq!(one, 1, "the thread goes on with the next read");
        }
    }
}

#[tokio::test]
async fn read_that_takes_too_long_is_interrupted_with_its_cause() {
    let (_folder, path, _store) = open();
    let pool = Pool { runs_for_max: Some(Duration::from_millis(20)), ..FOR_ADMINISTRATORS };
    let readers = Readers::start(&path, &pool, &std::sync::Arc::default()).unwrap();
    let error = readers.run(|tx| count(tx, ENDLESS, [])).await.unwrap_err();
    assert!(error.took_too_long() && error.retryable, "{error}");
    let other = readers.run(|tx| count(tx, "SELECT 1 FROM no_such_table", [])).await.unwrap_err();
    assert!(!other.took_too_long());
    assert_eq!(readers.run(|tx| count(tx, "SELECT 1", [])).await.unwrap(), 1);
}

#[tokio::test]
async fn list_in_pages_holds_no_snapshot_between_two_pages() {
    let (_folder, path, store) = open();
    let page = PageRequest { after: None, limit: 1 };
    store.list_bookings(&BookingFilter::default(), page).await.unwrap();
    store.ping().await.unwrap();
    // An open snapshot would make the checkpoint busy.
    let checkpoint = Connection::open(&path).unwrap();
    let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    assert_eq!(checkpoint.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], read).unwrap(), 0);
}
