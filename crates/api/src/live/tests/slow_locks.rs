//! A lock store in memory whose reads of holds can be delayed or fail.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use seatkeeper_core::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{
        Hold, LoadReply, LockReply, Millis, Release, ReleaseReply, SeatSnapshot, SeatTruth, StartReply, WithdrawReply,
    },
    ports::{Backend, BackendError, LockSeats, SeatLocks},
};
use seatkeeper_embedded::locks::MemoryLocks;
use tokio::sync::Semaphore;

/// Locks in memory. Reads of holds are counted, may fail, and may block until a test permits the answer.
pub(super) struct SlowLocks {
    locks: Arc<MemoryLocks>,
    /// Number of reads so far.
    pub(super) reads: AtomicUsize,
    /// Number of further reads that fail.
    pub(super) failing: AtomicUsize,
    /// Permits to answer a read.
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

    /// Blocks answers until [`Semaphore::add_permits`].
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
    async fn keep_payment(
        &self,
        at: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        seats: &[SeatId],
        ttl_ms: Millis,
    ) -> Backend<()> {
        self.locks.keep_payment(at, holder, payment, seats, ttl_ms).await
    }
    async fn end_payment(&self, at: ScreeningId, holder: PersonId, payment: PaymentId) -> Backend<()> {
        self.locks.end_payment(at, holder, payment).await
    }
    async fn mark_sold(&self, at: ScreeningId, payment: PaymentId, seats: &[SeatId]) -> Backend<()> {
        self.locks.mark_sold(at, payment, seats).await
    }
    async fn mark_freed(&self, at: ScreeningId, seats: &[SeatId]) -> Backend<()> {
        self.locks.mark_freed(at, seats).await
    }
    async fn withdraw(&self, at: ScreeningId, seats: &[SeatId]) -> Backend<WithdrawReply> {
        self.locks.withdraw(at, seats).await
    }
    async fn restore_to_sale(&self, at: ScreeningId, seats: &[SeatId]) -> Backend<()> {
        self.locks.restore_to_sale(at, seats).await
    }
    async fn load(&self, at: ScreeningId, expected_seq: u64, truth: &SeatTruth) -> Backend<LoadReply> {
        self.locks.load(at, expected_seq, truth).await
    }
    async fn snapshot(&self, at: ScreeningId) -> Backend<Result<SeatSnapshot, u64>> {
        self.locks.snapshot(at).await
    }
    async fn list_states(&self, screenings: &[ScreeningId]) -> Backend<Vec<Option<(u64, u32)>>> {
        self.locks.list_states(screenings).await
    }
    async fn sweep(&self) -> Backend<()> {
        self.locks.sweep().await
    }
    async fn list_releases(&self, of: Option<ScreeningId>, limit: usize) -> Backend<Vec<Release>> {
        self.locks.list_releases(of, limit).await
    }
    async fn forget_releases(&self, told: &[Release]) -> Backend<()> {
        self.locks.forget_releases(told).await
    }
}
