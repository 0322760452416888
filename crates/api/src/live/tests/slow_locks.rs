//! Test fixture: a lock store in memory whose reads of holds can be delayed or fail.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Hold, LockReply, Millis, ReleaseReply, StartReply},
    ports::{Backend, BackendError, LockSeats, SeatLocks},
};
use seatkeeper_embedded::locks::MemoryLocks;
use tokio::sync::Semaphore;

/// Locks in memory. Reads of holds are counted, may fail, and may block until a test permits the answer.
pub(super) struct SlowLocks {
    locks: Arc<MemoryLocks>,
    /// Number of reads of holds so far.
    pub(super) reads: AtomicUsize,
    /// Number of the next reads of holds that fail.
    pub(super) failing: AtomicUsize,
    /// A read of a hold needs a permit of this semaphore to return.
    pub(super) answers: Semaphore,
}

impl SlowLocks {
    pub(super) fn new(locks: &Arc<MemoryLocks>) -> Self {
        Self {
            locks: Arc::clone(locks),
            reads: AtomicUsize::new(0),
            failing: AtomicUsize::new(0),
            answers: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }

    /// Delays the answers to reads of a person's locked seats until a test calls [`Semaphore::add_permits`].
    pub(super) fn hold_answers(&self) {
        self.answers.forget_permits(Semaphore::MAX_PERMITS);
    }
}

#[async_trait]
impl SeatLocks for SlowLocks {
    async fn find_hold(&self, screening: ScreeningId, holder: PersonId) -> Backend<Hold> {
        let hold = self.locks.find_hold(screening, holder).await;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.answers.acquire().await.unwrap().forget();
        let fails = self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if fails { Err(BackendError::retryable("locks", "not now")) } else { hold }
    }

    async fn lock(&self, call: &LockSeats<'_>) -> Backend<LockReply> {
        self.locks.lock(call).await
    }
    async fn release(&self, at: ScreeningId, holder: PersonId, seats: Option<&[SeatId]>) -> Backend<ReleaseReply> {
        self.locks.release(at, holder, seats).await
    }
    async fn start_payment(
        &self,
        at: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        ttl_ms: Millis,
    ) -> Backend<StartReply> {
        self.locks.start_payment(at, holder, payment, ttl_ms).await
    }
    async fn extend_payment(
        &self,
        at: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        seats: &[SeatId],
        ttl_ms: Millis,
    ) -> Backend<()> {
        self.locks.extend_payment(at, holder, payment, seats, ttl_ms).await
    }
    async fn end_payment(&self, at: ScreeningId, holder: PersonId, payment: PaymentId) -> Backend<()> {
        self.locks.end_payment(at, holder, payment).await
    }
}
