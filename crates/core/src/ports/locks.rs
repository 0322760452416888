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

/// A request of one person to lock seats of one screening.
#[derive(Clone, Copy, Debug)]
pub struct LockSeats<'a> {
    /// The screening.
    pub screening: ScreeningId,
    /// The person for whom the seats are locked.
    pub holder: PersonId,
    /// The seats to lock; either all of them are locked or none.
    pub seats: &'a [SeatId],
    /// Those of `seats` that the layout never sells. The reply reports them as taken, together with seats that are
    /// taken.
    pub not_for_sale: &'a [SeatId],
    /// Time from now until the locks expire, in milliseconds.
    pub ttl_ms: Millis,
    /// The highest number of seats that one person may hold at the screening.
    pub seats_max: usize,
}

/// Seat locks of buyers, and their payment locks: see [`crate::locks`] for the rules.
///
/// Each call of this trait, of [`SeatMaps`] and of [`Releases`] is one atomic round trip to the lock store, uses the
/// lock store's clock, and publishes its live changes before it returns.
#[async_trait]
pub trait SeatLocks: Send + Sync {
    /// Locks all seats or none.
    async fn lock(&self, call: &LockSeats<'_>) -> Backend<LockReply>;
    /// Releases `seats` of `holder`, or the whole hold when `None`.
    async fn release(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        seats: Option<&[SeatId]>,
    ) -> Backend<ReleaseReply>;
    /// One person's hold at a screening, without expired locks.
    async fn find_hold(&self, screening: ScreeningId, holder: PersonId) -> Backend<Hold>;
    /// Sets a payment lock on the person's whole hold. The first payment of a lock also restarts the expiry of that
    /// lock.
    async fn start_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        ttl_ms: Millis,
    ) -> Backend<StartReply>;
    /// Extends the locks of a CONFIRMING payment so that they expire `ttl_ms` from now.
    async fn extend_payment(
        &self,
        screening: ScreeningId,
        holder: PersonId,
        payment: PaymentId,
        seats: &[SeatId],
        ttl_ms: Millis,
    ) -> Backend<()>;
    /// Ends the person's payment lock if it belongs to `payment`; otherwise does nothing.
    async fn end_payment(&self, screening: ScreeningId, holder: PersonId, payment: PaymentId) -> Backend<()>;
}

/// The seat map of each screening: locks, and the sold, withdrawn and claimed seats of the ledger.
#[async_trait]
pub trait SeatMaps: Send + Sync {
    /// Marks seats sold and removes their locks, whoever holds them.
    async fn mark_sold(&self, screening: ScreeningId, payment: PaymentId, seats: &[SeatId]) -> Backend<()>;
    /// Marks sold seats as available again, after a refund.
    async fn mark_freed(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()>;
    /// Withdraws seats from sale: all of them, or none when one is held or sold.
    async fn withdraw(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<WithdrawReply>;
    /// Offers withdrawn seats for sale again.
    async fn restore_to_sale(&self, screening: ScreeningId, seats: &[SeatId]) -> Backend<()>;
    /// Loads the ledger's state into the seat map, unless the map's sequence has moved since `expected_seq`.
    async fn load(&self, screening: ScreeningId, expected_seq: u64, truth: &SeatTruth) -> Backend<LoadReply>;
    /// The seat map of a screening. The inner `Err` carries the map's sequence if the map is not loaded.
    async fn snapshot(&self, screening: ScreeningId) -> Backend<Result<SeatSnapshot, u64>>;
    /// The sequence and the number of locked, sold or withdrawn seats of each screening, in the order of the argument,
    /// in one round trip; `None` for a screening whose map is not loaded.
    async fn list_states(&self, screenings: &[ScreeningId]) -> Backend<Vec<Option<(u64, u32)>>>;
}

/// Releases: locks that ended without a sale. The lock store retains them until their events are in the outbox.
#[async_trait]
pub trait Releases: Send + Sync {
    /// Removes the expired locks of all screenings. Each lock is released once, even if several servers sweep
    /// concurrently.
    async fn sweep(&self) -> Backend<()>;
    /// Releases that are not in the outbox yet, oldest first, of one screening or of all.
    async fn list_releases(&self, of: Option<ScreeningId>, limit: usize) -> Backend<Vec<Release>>;
    /// Removes releases that were copied to the outbox.
    async fn forget_releases(&self, copied: &[Release]) -> Backend<()>;
}

/// All ports of a lock store, except for [`LiveChanges`].
pub trait LockStore: SeatLocks + SeatMaps + Releases + 'static {}

impl<T: SeatLocks + SeatMaps + Releases + 'static> LockStore for T {}

/// A running subscription to live changes. Dropping it ends the subscription; if it closes by itself, changes were lost
/// and the caller subscribes again.
pub type LiveFeed = mpsc::Receiver<Arc<LiveEvent>>;

/// Live changes of seats, holds and payments, across all servers.
#[async_trait]
pub trait LiveChanges: Send + Sync {
    /// Subscribes to a screening. Once this returns, every later change arrives in order, or the feed closes.
    async fn watch(&self, screening: ScreeningId) -> Backend<LiveFeed>;
    /// Publishes a payment's new status to the subscribers of its screening, on every server. Best effort.
    async fn publish_payment(&self, change: PaymentChange) -> Backend<()>;
}
