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

/// A request to lock seats.
#[derive(Clone, Copy, Debug)]
pub struct LockSeats<'a> {
    /// The screening.
    pub screening: ScreeningId,
    /// The person who locks.
    pub holder: PersonId,
    /// The seats: all or none are locked.
    pub seats: &'a [SeatId],
    /// Those of `seats` that are never for sale. They are refused as taken, together with the seats that are taken.
    pub not_for_sale: &'a [SeatId],
    /// How long after now the locks expire, in milliseconds.
    pub ttl_ms: Millis,
    /// The most seats that one person may hold at the screening.
    pub seats_max: usize,
}

/// The locks of buyers, with the payment lock: see [`crate::locks`] for the rules.
///
/// Each call of this trait, of [`SeatMaps`] and of [`Releases`] is one atomic round trip, uses the lock store's clock, and
/// publishes its changes before it returns.
#[async_trait]
pub trait SeatLocks: Send + Sync {
    /// Locks all seats or none.
    async fn lock(&self, call: &LockSeats<'_>) -> Backend<LockReply>;
    /// Releases `seats`, or the whole hold when `None`.
    async fn release(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        seats: Option<&[SeatId]>,
    ) -> Backend<ReleaseReply>;
    /// One person's hold, without expired locks.
    async fn find_hold(&self, screening: ScreeningId, holder: PersonId) -> Backend<Hold>;
    /// Sets the payment lock on the whole hold. Restarts the expiry of each lock once in its life.
    async fn start_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        ttl_ms: Millis,
    ) -> Backend<StartReply>;
    /// Extends the locks of a CONFIRMING payment to `ttl_ms` from now.
    async fn extend_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        seats: &[SeatId],
        ttl_ms: Millis,
    ) -> Backend<()>;
    /// Ends the payment lock if it is that of `payment`; otherwise does nothing.
    async fn end_payment(&self, screening: ScreeningId, holder: PersonId, payment: PaymentId) -> Backend<()>;
}

/// The seat map of each screening: what the ledger sold, withdrew or claimed, beside the locks.
#[async_trait]
pub trait SeatMaps: Send + Sync {
    /// Marks seats sold and removes their locks, whoever holds them.
    async fn mark_sold(&self, screening: ScreeningId, payment: PaymentId, seats: &[SeatId]) -> Backend<()>;
    /// Marks sold seats available again.
    async fn mark_freed(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()>;
    /// Withdraws seats from sale: all, or none when one is held or sold.
    async fn withdraw(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<WithdrawReply>;
    /// Offers withdrawn seats for sale again.
    async fn restore_to_sale(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()>;
    /// Loads the state of the ledger into the map, unless the sequence has moved since `expected_seq`.
    async fn load(&self, screening: ScreeningId, expected_seq: u64, truth: &SeatTruth) -> Backend<LoadReply>;
    /// The seat map; `Err(seq)` inside while it is not loaded.
    async fn snapshot(&self, screening: ScreeningId) -> Backend<Result<SeatSnapshot, u64>>;
    /// The sequence and the number of locked, sold or withdrawn seats of each screening, in the same order, in one round trip;
    /// `None` for one that is not loaded.
    async fn list_states(&self, screenings: &[ScreeningId]) -> Backend<Vec<Option<(u64, u32)>>>;
}

/// Locks that ended, until their events are in the outbox.
#[async_trait]
pub trait Releases: Send + Sync {
    /// Removes the expired locks of all screenings. Each is released once, however many servers sweep.
    async fn sweep(&self) -> Backend<()>;
    /// Releases that are not in the outbox yet, oldest first, of one screening or of all.
    async fn list_releases(&self, of: Option<ScreeningId>, limit: usize) -> Backend<Vec<Release>>;
    /// Removes releases that were copied to the outbox.
    async fn forget_releases(&self, copied: &[Release]) -> Backend<()>;
}

/// All ports of a lock store, except for its live changes.
pub trait LockStore: SeatLocks + SeatMaps + Releases + 'static {}

impl<T: SeatLocks + SeatMaps + Releases + 'static> LockStore for T {}

/// A running subscription. It ends when dropped; a closed channel means that changes were lost: subscribe again.
pub type LiveFeed = mpsc::Receiver<Arc<LiveEvent>>;

/// Live changes of seats, holds and payments, across all servers.
#[async_trait]
pub trait LiveChanges: Send + Sync {
    /// Subscribes to a screening. When this returns, every later change will arrive, in order, or the feed closes.
    async fn watch(&self, screening: ScreeningId) -> Backend<LiveFeed>;
    /// Publishes a payment's new status to the watchers of its screening, on every server. Best effort.
    async fn publish_payment(&self, change: PaymentChange) -> Backend<()>;
}
