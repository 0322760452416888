//! Helpers that act as people who lock and pay for seats of one screening.

use std::sync::Arc;

use seatkeeper_cluster::redis::RedisLocks;
use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Hold, LiveEvent, LoadReply, LockReply, Millis, SeatSnapshot, SeatStatus, SeatTruth},
    ports::{Backend, BackendError, LockSeats, SeatLocks as _, SeatMaps as _},
};
use uuid::Uuid;

/// Lifetime of a lock that must not expire during a test, in milliseconds.
pub(crate) const TTL_MS: Millis = 300_000;

pub(crate) fn seats(names: &str) -> Vec<SeatId> {
    names.split_whitespace().map(|name| SeatId::parse(name).expect("a seat")).collect()
}

pub(crate) fn someone() -> PersonId {
    PersonId::from_uuid(Uuid::new_v4())
}

pub(crate) fn some_payment() -> PaymentId {
    PaymentId::from_uuid(Uuid::new_v4())
}

pub(crate) fn sold(names: &str) -> SeatTruth {
    SeatTruth { sold: seats(names), ..SeatTruth::default() }
}

/// The sequence number of a change of seats.
pub(crate) fn seq_of(event: &LiveEvent) -> u64 {
    match event {
        LiveEvent::Seats(change) => change.seq,
        LiveEvent::Payment(change) => panic!("a change of seats was expected: {change:?}"),
    }
}

/// A screening, as one server uses it.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) locks: Arc<RedisLocks>,
    pub(crate) screening: ScreeningId,
}

impl Scene {
    pub(crate) fn new(locks: &Arc<RedisLocks>) -> Self {
        Self { locks: Arc::clone(locks), screening: ScreeningId::from_uuid(Uuid::new_v4()) }
    }

    /// The same screening, as another server uses it.
    pub(crate) fn by(&self, locks: &Arc<RedisLocks>) -> Self {
        Self { locks: Arc::clone(locks), ..*self }
    }

    pub(crate) async fn loaded(locks: &Arc<RedisLocks>) -> Self {
        let scene = Self::new(locks);
        scene.load(&sold("")).await;
        scene
    }

    pub(crate) async fn load(&self, truth: &SeatTruth) {
        let seq = self.locks.snapshot(self.screening).await.unwrap().map_or_else(|seq| seq, |map| map.seq);
        assert_eq!(self.locks.load(self.screening, seq, truth).await.unwrap(), LoadReply::Loaded);
    }

    pub(crate) async fn lock(&self, who: PersonId, names: &str) -> Backend<LockReply> {
        self.lock_for(who, names, TTL_MS).await
    }

    pub(crate) async fn lock_for(&self, who: PersonId, names: &str, ttl_ms: Millis) -> Backend<LockReply> {
        let seats = seats(names);
        let screening = self.screening;
        let call = LockSeats { screening, holder: who, seats: &seats, not_for_sale: &[], ttl_ms, seats_max: 10 };
        self.locks.lock(&call).await
    }

    /// Locks seats. Fails the test when one of them is not available.
    pub(crate) async fn take(&self, who: PersonId, names: &str) -> Hold {
        match self.lock(who, names).await {
            Ok(LockReply::Held(hold)) => hold,
            other => panic!("{names} should be free: {other:?}"),
        }
    }

    pub(crate) async fn sell(&self, names: &str) {
        self.locks.mark_sold(self.screening, some_payment(), &seats(names)).await.unwrap();
    }

    pub(crate) async fn snapshot(&self) -> SeatSnapshot {
        self.locks.snapshot(self.screening).await.unwrap().expect("the seat map is loaded")
    }

    /// The seat map without times, as `"A1 locked, A2 booked"`.
    pub(crate) async fn map(&self) -> String {
        let name = |status| match status {
            SeatStatus::Available => "available",
            SeatStatus::Locked { .. } => "locked",
            SeatStatus::Booked => "booked",
            SeatStatus::Unavailable => "unavailable",
        };
        let map = self.snapshot().await;
        map.seats.iter().map(|seat| format!("{} {}", seat.id, name(seat.status))).collect::<Vec<_>>().join(", ")
    }

    /// The key of the screening's hash in Redis, found in this list of all keys.
    pub(crate) fn key(&self, redis_keys: &str) -> String {
        let id = self.screening.to_string();
        let key = redis_keys.lines().find(|key| key.ends_with(&id));
        key.expect("the seat map has a key").to_owned()
    }
}

pub(crate) fn is_retryable<T>(answer: &Backend<T>) -> bool {
    matches!(answer, Err(BackendError { retryable: true, .. }))
}
