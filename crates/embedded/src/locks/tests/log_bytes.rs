//! A lock log that is torn or corrupt at any byte: exactly the records before that byte are restored.

use std::{path::Path, sync::Arc};

use jiff::SignedDuration;
use seatkeeper_core::{
    locks::Hold,
    ports::{Health, Releases, SeatLocks, SeatMaps},
};
use seatkeeper_testing::ManualClock;

use super::{super::log::read_records, ANN, BOB, HERE, PAYMENT, TTL_MS, held_by, load, open, seats, take};

/// What callers see after a log was opened: the holds of both people and the number of waiting releases.
async fn state(path: &Path, clock: &Arc<ManualClock>) -> (Hold, Hold, usize) {
    let locks = open(path, clock);
    let (ann, bob) = (held_by(&locks, ANN).await, held_by(&locks, BOB).await);
    let releases = locks.list_releases(None, 100).await.unwrap().len();
    // The opened log accepts new records, whatever part of it was discarded.
    load(&locks, "").await;
    take(&locks, BOB, "Z1").await;
    locks.ping().await.unwrap();
    (ann, bob, releases)
}

/// Writes a log with every kind of record. Returns, for each record, the log's length and the visible state after it.
async fn sample(path: &Path, clock: &Arc<ManualClock>) -> Vec<(usize, (Hold, Hold, usize))> {
    let mut states = Vec::new();
    let locks = open(path, clock);
    load(&locks, "C1").await;
    for step in 0..8 {
        match step {
            0 => {}
            1 => take(&locks, ANN, "A1 A2").await,
            2 => take(&locks, BOB, "B1").await,
            3 => drop(locks.release(HERE, BOB, None).await.unwrap()),
            4 => drop(locks.start_payment(HERE, ANN, PAYMENT, TTL_MS).await.unwrap()),
            5 => locks.extend_payment(HERE, ANN, PAYMENT, &seats("A1 A2"), 3 * TTL_MS).await.unwrap(),
            6 => locks.forget_releases(&locks.list_releases(None, 1).await.unwrap()).await.unwrap(),
            _ => locks.mark_sold(HERE, PAYMENT, &seats("A1 A2")).await.unwrap(),
        }
        clock.advance(SignedDuration::from_millis(10));
        let (ann, bob) = (held_by(&locks, ANN).await, held_by(&locks, BOB).await);
        let releases = locks.list_releases(None, 100).await.unwrap().len();
        let len = usize::try_from(path.metadata().unwrap().len()).unwrap();
        states.push((len, (ann, bob, releases)));
    }
    states
}

#[tokio::test]
async fn lock_log_torn_at_any_byte_restores_the_state_before_the_torn_record() {
    let dir = tempfile::tempdir().unwrap();
    let (path, torn) = (dir.path().join("locks.log"), dir.path().join("torn.log"));
    let clock = Arc::new(ManualClock::default());
    let states = sample(&path, &clock).await;
    assert!(states.is_sorted_by(|one, two| one.0 < two.0), "every step writes a record");
    let bytes = std::fs::read(&path).unwrap();
    for len in 0..=bytes.len() {
        std::fs::write(&torn, &bytes[..len]).unwrap();
        let whole = states.iter().rev().find(|(end, _)| *end <= len).map(|(_, state)| state);
        let nothing = (Hold::default(), Hold::default(), 0);
        assert_eq!(&state(&torn, &clock).await, whole.unwrap_or(&nothing), "{len} bytes");
    }
}

#[tokio::test]
async fn lock_log_with_a_corrupt_byte_restores_the_state_before_the_corrupt_record() {
    let dir = tempfile::tempdir().unwrap();
    let (path, corrupt) = (dir.path().join("locks.log"), dir.path().join("corrupt.log"));
    let clock = Arc::new(ManualClock::default());
    let states = sample(&path, &clock).await;
    let bytes = std::fs::read(&path).unwrap();
    for index in 0..bytes.len() {
        let mut spoilt = bytes.clone();
        spoilt[index] ^= 0x41;
        std::fs::write(&corrupt, &spoilt).unwrap();
        let whole = states.iter().rev().find(|(end, _)| *end <= index).map(|(_, state)| state);
        let nothing = (Hold::default(), Hold::default(), 0);
        assert_eq!(&state(&corrupt, &clock).await, whole.unwrap_or(&nothing), "byte {index}");
    }
}

/// After a power failure a file may have its new length, but zeros or old disk content at its end.
#[tokio::test]
async fn zeros_and_garbage_at_the_end_of_the_lock_log_are_discarded() {
    let dir = tempfile::tempdir().unwrap();
    let (path, longer) = (dir.path().join("locks.log"), dir.path().join("longer.log"));
    let clock = Arc::new(ManualClock::default());
    let states = sample(&path, &clock).await;
    let (_, last) = states.last().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for rubbish in [&[0; 4_096][..], &[0xff; 100], &bytes[..50], b"\0\0\0\0\0\0\0"] {
        std::fs::write(&longer, [&bytes, rubbish].concat()).unwrap();
        assert_eq!(&state(&longer, &clock).await, last);
    }
    std::fs::write(&longer, [0; 4_096]).unwrap();
    assert_eq!(state(&longer, &clock).await, (Hold::default(), Hold::default(), 0));
}

#[test]
fn lock_log_of_random_bytes_is_read_without_a_panic() {
    let random = seatkeeper_testing::SeededEntropy::new(7);
    for round in 0..20_000u32 {
        let mut bytes = b"SKLOCKS1".to_vec();
        for _ in 0..round % 60 {
            bytes.extend(&random.next_u64().to_le_bytes()[..1]);
        }
        // Puts a valid checksum over a random payload, so that the payload is parsed.
        if bytes.len() > 16 {
            let payload = bytes.split_off(16);
            bytes[8..12].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
            bytes[12..16].copy_from_slice(&crc32fast::hash(&payload).to_le_bytes());
            bytes.extend([1 + payload[0] % 3]);
            bytes.extend(&payload[1..]);
            let crc = crc32fast::hash(&bytes[16..]);
            bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        }
        let (_, good) = read_records(&bytes);
        assert!(good <= bytes.len());
    }
}
