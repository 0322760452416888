//! Seat locks and the live changes that they cause.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::Backend;
use crate::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    locks::{
        Hold, LiveEvent, LoadReply, LockReply, Millis, PaymentChange, Release, ReleaseReply, SeatSnapshot, SeatTruth,
        StartReply, WithdrawReply,
    },
};

/// A request for seats.
#[derive(Clone, Copy, Debug)]
pub struct LockSeats<'a> {
    /// Where.
    pub screening: ScreeningId,
    /// Who.
    pub holder: PersonId,
    /// Which: all or none.
    pub seats: &'a [SeatId],
    /// Those among them that are never for sale: refused as taken, together with the others that are.
    pub not_for_sale: &'a [SeatId],
    /// For how long, in milliseconds.
    pub ttl_ms: Millis,
    /// How many one person may hold at once here.
    pub seats_max: usize,
}

/// Locks of seats: see [`crate::locks`] for the rules. Every call is one round trip, atomic, by the lock store's clock,
/// and publishes what it changed before it answers.
#[async_trait]
pub trait SeatLocks: Send + Sync {
    /// Takes all or none.
    async fn lock(&self, call: &LockSeats<'_>) -> Backend<LockReply>;
    /// Lets go of `seats`, or of all when `None`.
    async fn release(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        seats: Option<&[SeatId]>,
    ) -> Backend<ReleaseReply>;
    /// Sets the payment lock on everything held; restarts each seat's time once.
    async fn start_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        ttl_ms: Millis,
    ) -> Backend<StartReply>;
    /// Keeps a payment's seats locked for `ttl_ms` from now while its outcome is asked for.
    async fn keep_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        seats: &[SeatId],
        ttl_ms: Millis,
    ) -> Backend<()>;
    /// Ends the payment lock of this very payment; with another id it does nothing.
    async fn end_payment(&self, screening: ScreeningId, holder: PersonId, payment: PaymentId) -> Backend<()>;
    /// Marks sold and unlocks, whoever holds the lock.
    async fn mark_sold(&self, screening: ScreeningId, payment: PaymentId, seats: &[SeatId]) -> Backend<()>;
    /// Marks sold seats free again.
    async fn mark_freed(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()>;
    /// Withdraws seats from sale: all, or none when one is held or sold.
    async fn withdraw(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<WithdrawReply>;
    /// Offers withdrawn seats for sale again.
    async fn restore_to_sale(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()>;
    /// Sets what the store knows, unless the sequence has moved since `expected_seq`.
    async fn load(&self, screening: ScreeningId, expected_seq: u64, truth: &SeatTruth) -> Backend<LoadReply>;
    /// All that one person holds, by the lock store's clock.
    async fn find_hold(&self, screening: ScreeningId, holder: PersonId) -> Backend<Hold>;
    /// The map; `Err(seq)` inside when it is not loaded.
    async fn snapshot(&self, screening: ScreeningId) -> Backend<Result<SeatSnapshot, u64>>;
    /// The sequence and the number of locked or sold seats of each, in the same order, in one round trip; `None` for one
    /// that is not loaded.
    async fn list_states(&self, screenings: &[ScreeningId]) -> Backend<Vec<Option<(u64, u32)>>>;
    /// Ends locks whose time is up, everywhere, once.
    async fn sweep(&self) -> Backend<()>;
    /// Releases not yet told to the outbox, oldest first; of one screening, or of all.
    async fn list_releases(&self, of: Option<ScreeningId>, limit: usize) -> Backend<Vec<Release>>;
    /// These have been told.
    async fn forget_releases(&self, told: &[Release]) -> Backend<()>;
}

/// A running subscription. It ends when dropped; a closed channel means that changes were lost: subscribe again.
pub type LiveFeed = mpsc::Receiver<Arc<LiveEvent>>;

/// Changes of seats, holds and payments as they happen, on whichever server.
#[async_trait]
pub trait LiveChanges: Send + Sync {
    /// Subscribes to a screening. When this returns, every later change will arrive, in order, or the feed closes.
    async fn watch(&self, screening: ScreeningId) -> Backend<LiveFeed>;
    /// Publishes a payment's new status to the watchers of its screening, on every server. Best effort.
    async fn publish_payment(&self, change: PaymentChange) -> Backend<()>;
}
