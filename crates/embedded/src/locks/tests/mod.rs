mod contract;
mod faults;
mod limits;
mod log_bytes;
mod restart;

use std::{path::Path, sync::Arc};

use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Hold, LiveChange, LiveEvent, LoadReply, LockReply, LongestTimes, Millis, SeatTruth},
    ports::{Backend, Clock, LiveFeed, LockSeats, SeatLocks, SeatMaps},
};
use seatkeeper_testing::ManualClock;
use uuid::Uuid;

use super::MemoryLocks;

const TTL_MS: Millis = 300_000;

const HERE: ScreeningId = ScreeningId::from_uuid(Uuid::from_u128(1));
const ANN: PersonId = PersonId::from_uuid(Uuid::from_u128(2));
const BOB: PersonId = PersonId::from_uuid(Uuid::from_u128(3));
const PAYMENT: PaymentId = PaymentId::from_uuid(Uuid::from_u128(4));

/// The longest times of locks in these tests.
const LONGEST: LongestTimes = LongestTimes { lock_ms: TTL_MS, payment_ms: 5 * TTL_MS };

fn open(path: &Path, clock: &Arc<ManualClock>) -> MemoryLocks {
    MemoryLocks::open(path, Arc::clone(clock) as Arc<dyn Clock>, LONGEST).expect("the log can be opened")
}

fn seats(names: &str) -> Vec<SeatId> {
    names.split_whitespace().map(|name| SeatId::parse(name).expect("a seat")).collect()
}

async fn load(locks: &MemoryLocks, sold: &str) {
    let seq = locks.snapshot(HERE).await.unwrap().map_or_else(|seq| seq, |snapshot| snapshot.seq);
    let truth = SeatTruth { sold: seats(sold), ..SeatTruth::default() };
    assert_eq!(locks.load(HERE, seq, &truth).await.unwrap(), LoadReply::Loaded);
}

fn next_seats(feed: &mut LiveFeed) -> LiveChange {
    match feed.try_recv().as_deref() {
        Ok(LiveEvent::Seats(change)) => change.clone(),
        other => panic!("a change of seats was expected: {other:?}"),
    }
}

async fn lock(locks: &MemoryLocks, who: PersonId, names: &str) -> Backend<LockReply> {
    let call = LockSeats {
        screening: HERE,
        holder: who,
        seats: &seats(names),
        not_for_sale: &[],
        ttl_ms: TTL_MS,
        seats_max: 4,
    };
    locks.lock(&call).await
}

/// A person's hold without its sequence number, which a load increases without a record in the log.
async fn held_by(locks: &MemoryLocks, who: PersonId) -> Hold {
    Hold { seq: 0, ..locks.find_hold(HERE, who).await.unwrap() }
}

async fn take(locks: &MemoryLocks, who: PersonId, names: &str) {
    let reply = lock(locks, who, names).await.unwrap();
    assert!(matches!(reply, LockReply::Held(_)), "{reply:?}");
}
