//! Restoring locks and releases from the log after a restart.

use std::{path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use seatkeeper_core::{
    locks::{Hold, LockReply, ReleaseReason, StartReply},
    ports::{Releases, SeatLocks, SeatMaps},
};
use seatkeeper_testing::ManualClock;

use super::{super::memory::LOG_REWRITE_BYTES, ANN, BOB, HERE, PAYMENT, TTL_MS, load, lock, open, seats, take};

fn place() -> (tempfile::TempDir, PathBuf, Arc<ManualClock>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locks.log");
    (dir, path, Arc::new(ManualClock::default()))
}

/// Simulates a kill -9: nothing is closed or flushed.
fn kill<T>(killed: T) {
    std::mem::forget(killed);
}

#[tokio::test]
async fn seat_locks_and_payment_locks_survive_a_kill_of_the_server() {
    let (_dir, path, clock) = place();
    let locks = open(&path, &clock);
    load(&locks, "").await;
    take(&locks, ANN, "A1 A2 A3").await;
    take(&locks, BOB, "B1").await;
    locks.release(HERE, ANN, Some(&seats("A3"))).await.unwrap();
    locks.start_payment(HERE, ANN, PAYMENT, TTL_MS).await.unwrap();
    locks.extend_payment(HERE, ANN, PAYMENT, &seats("A1 A2"), 5 * TTL_MS).await.unwrap();
    let (ann, bob) = (locks.find_hold(HERE, ANN).await.unwrap(), locks.find_hold(HERE, BOB).await.unwrap());
    let seq = locks.snapshot(HERE).await.unwrap().unwrap().seq;
    kill(locks);

    clock.advance(SignedDuration::from_secs(1));
    let locks = open(&path, &clock);
    assert_eq!(locks.find_hold(HERE, ANN).await.unwrap(), ann);
    assert_eq!(locks.find_hold(HERE, BOB).await.unwrap(), bob);
    assert_eq!(lock(&locks, BOB, "A5").await.unwrap(), LockReply::NotLoaded { seq });
    load(&locks, "C1").await;
    assert_eq!(lock(&locks, BOB, "A1 A2 A3 C1").await.unwrap(), LockReply::TooMany);
    assert_eq!(lock(&locks, BOB, "A1 A2 C1").await.unwrap(), LockReply::Taken(seats("A1 A2 C1").into()));
    assert!(locks.snapshot(HERE).await.unwrap().unwrap().seq > seq);
    assert!(matches!(
        locks.start_payment(HERE, ANN, PAYMENT, TTL_MS).await.unwrap(),
        StartReply::Started(hold) if hold == Hold { seq: hold.seq, ..ann.clone() }
    ));
    // The expiry of the lock before its extension has been restored, too.
    locks.end_payment(HERE, ANN, PAYMENT).await.unwrap();
    let given_back = locks.find_hold(HERE, ANN).await.unwrap();
    assert!(given_back.expires_at() < ann.expires_at());
}

#[tokio::test]
async fn lock_that_expired_while_the_server_was_down_is_released_once_without_loading_the_map() {
    let (_dir, path, clock) = place();
    let locks = open(&path, &clock);
    load(&locks, "").await;
    take(&locks, ANN, "A1 A2").await;
    kill(locks);

    clock.advance(SignedDuration::from_millis(TTL_MS));
    let locks = open(&path, &clock);
    assert_eq!(locks.list_releases(None, 10).await.unwrap(), []);
    locks.sweep().await.unwrap();
    let releases = locks.list_releases(None, 10).await.unwrap();
    assert_eq!(releases.len(), 1);
    assert_eq!((releases[0].holder, releases[0].reason), (ANN, ReleaseReason::Expired));
    assert_eq!(releases[0].seats.to_vec(), seats("A1 A2"));
    kill(locks);

    let locks = open(&path, &clock);
    locks.sweep().await.unwrap();
    assert_eq!(locks.list_releases(None, 10).await.unwrap(), releases, "the same release, which consumers deduplicate");
}

#[tokio::test]
async fn lock_that_expired_while_the_server_was_down_is_released_by_a_snapshot() {
    let (_dir, path, clock) = place();
    let locks = open(&path, &clock);
    load(&locks, "").await;
    take(&locks, ANN, "A1").await;
    kill(locks);
    clock.advance(SignedDuration::from_millis(TTL_MS));
    let locks = open(&path, &clock);
    assert!(locks.snapshot(HERE).await.unwrap().is_err(), "not loaded");
    assert_eq!(locks.list_releases(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn releases_survive_restarts_until_they_are_copied_to_the_outbox() {
    let (_dir, path, clock) = place();
    let locks = open(&path, &clock);
    load(&locks, "").await;
    for name in ["A1", "A2", "A3"] {
        take(&locks, ANN, name).await;
        locks.release(HERE, ANN, None).await.unwrap();
    }
    let all = locks.list_releases(None, 10).await.unwrap();
    assert_eq!(all.len(), 3);
    locks.forget_releases(&all[..1]).await.unwrap();
    kill(locks);
    let locks = open(&path, &clock);
    assert_eq!(locks.list_releases(None, 10).await.unwrap(), all[1..]);
    locks.forget_releases(&all).await.unwrap();
    kill(locks);
    // The second start also reads the log that the first start has rewritten.
    kill(open(&path, &clock));
    assert_eq!(open(&path, &clock).list_releases(None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn restart_rewrites_the_lock_log_without_obsolete_records() {
    let (_dir, path, clock) = place();
    let locks = open(&path, &clock);
    load(&locks, "").await;
    let empty = path.metadata().unwrap().len();
    for _ in 0..100 {
        take(&locks, ANN, "A1").await;
        locks.release(HERE, ANN, None).await.unwrap();
    }
    let told = locks.list_releases(None, 1_000).await.unwrap();
    locks.forget_releases(&told).await.unwrap();
    assert!(path.metadata().unwrap().len() > 100 * empty);
    kill(locks);
    kill(open(&path, &clock));
    assert_eq!(path.metadata().unwrap().len(), empty);
}

#[tokio::test]
async fn sweep_compacts_a_long_lock_log_without_losing_locks_or_releases() {
    let (_dir, path, clock) = place();
    let locks = open(&path, &clock);
    load(&locks, "").await;
    take(&locks, BOB, "B1 B2").await;
    locks.start_payment(HERE, BOB, PAYMENT, TTL_MS).await.unwrap();
    while path.metadata().unwrap().len() <= LOG_REWRITE_BYTES {
        take(&locks, ANN, "A1").await;
        locks.release(HERE, ANN, None).await.unwrap();
        let told = locks.list_releases(None, 1).await.unwrap();
        locks.forget_releases(&told).await.unwrap();
    }
    take(&locks, ANN, "A2").await;
    locks.release(HERE, ANN, None).await.unwrap();
    let waiting = locks.list_releases(None, 10).await.unwrap();
    locks.sweep().await.unwrap();
    assert!(path.metadata().unwrap().len() < 1_000);
    take(&locks, ANN, "A3").await;
    let (ann, bob) = (locks.find_hold(HERE, ANN).await.unwrap(), locks.find_hold(HERE, BOB).await.unwrap());
    kill(locks);
    let locks = open(&path, &clock);
    assert_eq!(locks.find_hold(HERE, ANN).await.unwrap(), ann);
    assert_eq!(locks.find_hold(HERE, BOB).await.unwrap(), bob);
    assert_eq!(locks.list_releases(None, 10).await.unwrap(), waiting);
}

#[tokio::test]
async fn restored_locks_last_their_own_time_at_most_when_the_clock_was_set_back_before_the_restart() {
    let (_dir, path, clock) = place();
    let locks = open(&path, &clock);
    load(&locks, "").await;
    take(&locks, ANN, "A1").await;
    drop(locks);
    clock.advance(SignedDuration::from_hours(-1));

    let locks = open(&path, &clock);
    assert_eq!(locks.find_hold(HERE, ANN).await.unwrap().expires_at(), Some(clock.now_ms() + TTL_MS));
    let holds = locks.list_holds();
    assert_eq!(holds.iter().map(|(at, who, hold)| (*at, *who, hold.seats.len())).collect::<Vec<_>>(), [(HERE, ANN, 1)]);
    drop(locks);
    clock.advance(SignedDuration::from_millis(TTL_MS));
    assert_eq!(
        open(&path, &clock).find_hold(HERE, ANN).await.unwrap().seats,
        [],
        "the shortened time was written down"
    );
}
