//! The limits that bound the memory of the lock store.

use std::sync::Arc;

use jiff::SignedDuration;
use seatkeeper_core::{
    ids::{PersonId, ScreeningId},
    locks::{Release, ReleaseReason},
    ports::{LiveChanges, Releases, SeatLocks, SeatMaps},
};
use seatkeeper_testing::ManualClock;
use uuid::Uuid;

use super::{
    super::{
        BOARD_IDLE_MS, LIVE_BACKLOG_CHANGES_MAX, MemoryLocks, RELEASES_WAITING_MAX, WATCHERS_MAX, pending::Pending,
    },
    ANN, HERE, PAYMENT, TTL_MS, load, seats, take,
};

fn locks() -> (MemoryLocks, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    (MemoryLocks::unlogged(Arc::clone(&clock) as Arc<dyn seatkeeper_core::ports::Clock>), clock)
}

#[tokio::test]
async fn idle_seat_board_without_locks_and_subscribers_is_dropped() {
    let (locks, clock) = locks();
    load(&locks, "C1").await;
    take(&locks, ANN, "A1").await;
    let hour = SignedDuration::from_millis(BOARD_IDLE_MS);
    clock.advance(hour - SignedDuration::from_millis(1));
    locks.sweep().await.unwrap();
    assert_eq!(locks.count_boards(), 1, "not idle for an hour yet");
    let feed = locks.watch(HERE).await.unwrap();
    clock.advance(hour);
    locks.sweep().await.unwrap();
    assert_eq!(locks.count_boards(), 1, "the board has a watcher");
    drop(feed);
    locks.sweep().await.unwrap();
    assert_eq!(locks.count_boards(), 0);
    assert_eq!(locks.snapshot(HERE).await.unwrap(), Err(0), "the board is not loaded");
    load(&locks, "C1").await;
}

#[tokio::test]
async fn idle_seat_board_with_locks_is_not_dropped() {
    let (locks, clock) = locks();
    load(&locks, "").await;
    take(&locks, ANN, "A1").await;
    locks.start_payment(HERE, ANN, PAYMENT, TTL_MS).await.unwrap();
    locks.extend_payment(HERE, ANN, PAYMENT, &seats("A1"), 2 * BOARD_IDLE_MS).await.unwrap();
    clock.advance(SignedDuration::from_millis(BOARD_IDLE_MS));
    locks.sweep().await.unwrap();
    assert_eq!(locks.count_boards(), 1);
    assert_eq!(locks.find_hold(HERE, ANN).await.unwrap().seats.len(), 1);
}

#[tokio::test]
async fn queries_of_an_unknown_screening_create_no_seat_board() {
    let (locks, _) = locks();
    for number in 0..100 {
        let screening = ScreeningId::from_uuid(Uuid::from_u128(number));
        locks.find_hold(screening, ANN).await.unwrap();
        locks.release(screening, ANN, None).await.unwrap();
        locks.end_payment(screening, ANN, PAYMENT).await.unwrap();
        assert_eq!(locks.snapshot(screening).await.unwrap(), Err(0));
        assert_eq!(locks.list_states(&[screening]).await.unwrap(), [None]);
    }
    assert_eq!(locks.count_boards(), 0);
}

#[tokio::test]
async fn slow_subscriber_loses_its_feed_and_does_not_delay_the_others() {
    let (locks, _) = locks();
    load(&locks, "").await;
    let mut slow = locks.watch(HERE).await.unwrap();
    let mut quick = locks.watch(HERE).await.unwrap();
    for _ in 0..=LIVE_BACKLOG_CHANGES_MAX / 2 {
        take(&locks, ANN, "A1").await;
        locks.release(HERE, ANN, None).await.unwrap();
        assert!(quick.recv().await.is_some() && quick.recv().await.is_some());
    }
    for _ in 0..LIVE_BACKLOG_CHANGES_MAX {
        assert!(slow.recv().await.is_some(), "queued changes can still be read");
    }
    assert_eq!(slow.recv().await, None, "then the feed closes");
    take(&locks, ANN, "A1").await;
    assert!(quick.recv().await.is_some());
}

#[tokio::test]
async fn number_of_subscribers_is_limited_and_closed_feeds_do_not_count() {
    let (locks, _) = locks();
    let mut feeds = Vec::new();
    for _ in 0..WATCHERS_MAX {
        feeds.push(locks.watch(HERE).await.unwrap());
    }
    let error = locks.watch(HERE).await.expect_err("one too many");
    assert!(error.retryable);
    feeds.pop();
    locks.watch(HERE).await.unwrap();
}

#[test]
fn oldest_release_is_dropped_when_too_many_wait_for_the_outbox() {
    let mut pending = Pending::default();
    let release = |seq| Release {
        screening: HERE,
        seq,
        holder: PersonId::from_uuid(Uuid::nil()),
        seats: seats("A1").into(),
        reason: ReleaseReason::Expired,
        at: 0,
    };
    pending.push((0..RELEASES_WAITING_MAX as u64 + 2).map(release));
    assert_eq!(pending.list(None, usize::MAX).len(), RELEASES_WAITING_MAX);
    assert_eq!(pending.list(None, 1)[0].seq, 2);
}
