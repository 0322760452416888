mod contract;
mod faults;
mod limits;
mod log_bytes;
mod restart;

use std::{path::Path, sync::Arc};

use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{LoadReply, LockReply, Millis, SeatTruth},
    ports::{Backend, Clock, LockSeats, SeatLocks},
    testing::ManualClock,
};
use uuid::Uuid;

use super::MemoryLocks;

const TTL_MS: Millis = 300_000;

const HERE: ScreeningId = ScreeningId::from_uuid(Uuid::from_u128(1));
const ANN: PersonId = PersonId::from_uuid(Uuid::from_u128(2));
const BOB: PersonId = PersonId::from_uuid(Uuid::from_u128(3));
const PAYMENT: PaymentId = PaymentId::from_uuid(Uuid::from_u128(4));

fn open(path: &Path, clock: &Arc<ManualClock>) -> MemoryLocks {
    MemoryLocks::open(path, Arc::clone(clock) as Arc<dyn Clock>).expect("a log that can be written")
}

fn seats(names: &str) -> Vec<SeatId> {
    names.split_whitespace().map(|name| SeatId::parse(name).expect("a seat")).collect()
}

async fn load(locks: &MemoryLocks, sold: &str) {
    let seq = locks.snapshot(HERE).await.unwrap().map_or_else(|seq| seq, |snapshot| snapshot.seq);
    let truth = SeatTruth { sold: seats(sold), ..SeatTruth::default() };
    assert_eq!(locks.load(HERE, seq, &truth).await.unwrap(), LoadReply::Loaded);
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

async fn take(locks: &MemoryLocks, who: PersonId, names: &str) {
    let reply = lock(locks, who, names).await.unwrap();
    assert!(matches!(reply, LockReply::Held(_)), "{reply:?}");
}
