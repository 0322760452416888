//! A full disk: calls whose change cannot be logged fail without changing or publishing anything, and succeed again
//! when the disk has space.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::SignedDuration;
use seatkeeper_core::{
    locks::{Hold, SeatTruth},
    ports::{Backend, Health, LiveChanges, Releases, SeatLocks, SeatMaps},
};
use seatkeeper_testing::ManualClock;

use super::{
    super::{MemoryLocks, log::LogFile},
    ANN, BOB, HERE, PAYMENT, TTL_MS, held_by, load, lock, next_seats, open, seats, take,
};

/// A disk with a limited number of free bytes. Like a real one it writes the part that fits.
struct FullDisk {
    file: Box<dyn LogFile>,
    left: Arc<AtomicUsize>,
    /// Whether truncating the file fails, too.
    is_dead: bool,
}

impl LogFile for FullDisk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.left.load(Ordering::SeqCst));
        if fits == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.file.append(&bytes[..fits])?;
        self.left.fetch_sub(written, Ordering::SeqCst);
        Ok(written)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        if self.is_dead && self.left.load(Ordering::SeqCst) == 0 {
            return Err(io::ErrorKind::Other.into());
        }
        self.file.cut(len)
    }
}

fn fill_disk(locks: &MemoryLocks, left: usize, is_dead: bool) -> Arc<AtomicUsize> {
    let left = Arc::new(AtomicUsize::new(left));
    let counter = Arc::clone(&left);
    locks.log().lock().replace_file(|file| Box::new(FullDisk { file, left: counter, is_dead }));
    left
}

fn is_refused<T: std::fmt::Debug>(answer: Backend<T>) -> bool {
    let error = answer.expect_err("the log cannot be written");
    error.retryable && error.part == "locks"
}

#[tokio::test]
async fn call_whose_change_cannot_be_logged_fails_without_any_effect() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locks.log");
    let clock = Arc::new(ManualClock::default());
    let locks = open(&path, &clock);
    load(&locks, "").await;
    take(&locks, ANN, "A1 A2").await;
    take(&locks, BOB, "B1").await;
    locks.start_payment(HERE, BOB, PAYMENT, TTL_MS).await.unwrap();
    locks.release(HERE, ANN, Some(&seats("A2"))).await.unwrap();
    let waiting = locks.list_releases(None, 10).await.unwrap();
    let map = locks.snapshot(HERE).await.unwrap().unwrap();
    let holds = (locks.find_hold(HERE, ANN).await.unwrap(), locks.find_hold(HERE, BOB).await.unwrap());
    let mut feed = locks.watch(HERE).await.unwrap();

    for (left, is_dead) in [(0, false), (5, false), (20, false), (0, true), (11, true)] {
        let disk = fill_disk(&locks, left, is_dead);
        assert!(is_refused(lock(&locks, ANN, "A3 A4").await));
        disk.store(left, Ordering::SeqCst);
        assert!(is_refused(locks.release(HERE, ANN, None).await));
        assert!(is_refused(locks.start_payment(HERE, ANN, PAYMENT, TTL_MS).await));
        assert!(is_refused(locks.extend_payment(HERE, BOB, PAYMENT, &seats("B1 B2"), 9 * TTL_MS).await));
        assert!(is_refused(locks.end_payment(HERE, BOB, PAYMENT).await));
        assert!(is_refused(locks.mark_sold(HERE, PAYMENT, &seats("B1 C1")).await));
        let truth = SeatTruth { sold: seats("A1"), ..SeatTruth::default() };
        assert!(is_refused(locks.load(HERE, map.seq, &truth).await));
        assert!(is_refused(locks.forget_releases(&waiting).await));
        assert!(is_refused(locks.ping().await));

        assert_eq!(locks.snapshot(HERE).await.unwrap().unwrap(), map, "the map has not changed");
        let now = (locks.find_hold(HERE, ANN).await.unwrap(), locks.find_hold(HERE, BOB).await.unwrap());
        assert_eq!(now, holds);
        assert_eq!(locks.list_releases(None, 10).await.unwrap(), waiting);
        assert!(feed.try_recv().is_err(), "no live change was published");

        // The disk has free space again.
        disk.store(usize::MAX, Ordering::SeqCst);
        locks.ping().await.unwrap();
    }
    take(&locks, ANN, "A3").await;
    assert_eq!(next_seats(&mut feed).prev, map.seq);
    let hold = locks.find_hold(HERE, ANN).await.unwrap();
    std::mem::forget(locks);
    let locks = open(&path, &clock);
    assert_eq!(locks.find_hold(HERE, ANN).await.unwrap(), hold, "records from before and after the failure are read");
    assert_eq!(held_by(&locks, BOB).await, Hold { seq: 0, ..holds.1 });
}

#[tokio::test]
async fn expiry_of_a_lock_is_published_once_when_the_log_can_be_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let locks = open(&dir.path().join("locks.log"), &clock);
    load(&locks, "").await;
    take(&locks, ANN, "A1").await;
    let mut feed = locks.watch(HERE).await.unwrap();
    let disk = fill_disk(&locks, 0, false);
    clock.advance(SignedDuration::from_millis(TTL_MS));
    assert!(is_refused(locks.sweep().await));
    assert!(is_refused(lock(&locks, BOB, "A1").await));
    assert_eq!(locks.find_hold(HERE, ANN).await.unwrap().seats, [], "the lock has expired all the same");
    assert!(feed.try_recv().is_err());
    disk.store(usize::MAX, Ordering::SeqCst);
    locks.sweep().await.unwrap();
    locks.sweep().await.unwrap();
    assert_eq!(next_seats(&mut feed).changes.len(), 1);
    assert!(feed.try_recv().is_err());
    assert_eq!(locks.list_releases(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn calls_that_write_no_log_record_succeed_with_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let locks = open(&dir.path().join("locks.log"), &Arc::new(ManualClock::default()));
    load(&locks, "").await;
    take(&locks, ANN, "A1").await;
    fill_disk(&locks, 0, true);
    assert!(lock(&locks, BOB, "A1").await.is_ok(), "a refusal is not logged");
    assert!(lock(&locks, ANN, "A1").await.is_ok(), "the lock exists already");
    assert!(locks.mark_sold(HERE, PAYMENT, &seats("C1")).await.is_ok(), "sales are in the store, not in the log");
}
