//! Seat locks: which person may pay for which seat, and for how long.
//!
//! A lock is advisory and spares people a failed payment; the store's unique key (screening, seat) prevents double
//! sales. The rules are written over plain data ([`SeatBoard`]), which the embedded lock store uses directly. The Redis
//! functions implement the same rules in Lua and pass the same contract suite.

mod board;
mod board_load;
mod board_transaction;
mod clock_steps;
mod hoarding;
#[cfg(test)]
mod tests;
mod transaction;

use smallvec::SmallVec;

pub use board::SeatBoard;
pub use board_load::LockEntry;
pub use clock_steps::LongestTimes;
pub use hoarding::{HoardingRules, LET_GO_SEATS_MAX, LET_GO_UNLIMITED, LockLimits, PersonHolds};
pub use transaction::Effects;

use crate::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    payment::PaymentStatus,
};

/// Milliseconds since 1970, by the lock store's clock.
pub type Millis = i64;

/// The seats of one call. Up to sixteen are stored without an allocation.
pub type SeatList = SmallVec<[SeatId; 16]>;

/// A seat that a person holds, and when its lock expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldSeat {
    /// The seat.
    pub id: SeatId,
    /// The expiry: the first millisecond at which the seat is free again.
    pub until: Millis,
}

/// All locks of one person at one screening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// The seat map's sequence number when this hold was read. Of two copies of a person's hold, the one with the
    /// greater number is newer.
    pub seq: u64,
    /// The held seats, sorted.
    pub seats: Vec<HeldSeat>,
    /// The payment of the person's payment lock, if there is one.
    pub payment: Option<PaymentId>,
}

impl Hold {
    /// When the first lock of the hold expires; `None` when no seat is held.
    #[must_use]
    pub fn expires_at(&self) -> Option<Millis> {
        self.seats.iter().map(|seat| seat.until).min()
    }
}

/// A payment lock: while it exists, its holder can neither lock nor release seats at the screening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentLock {
    /// The payment for which the lock was set. Only this payment can end it.
    pub payment: PaymentId,
    /// When the payment lock was set.
    pub since: Millis,
    /// When the payment lock expires.
    pub until: Millis,
    /// The expiry of the seats' locks before they were extended during the confirmation. They fall back to it when the
    /// payment ends.
    pub extended_from: Option<Millis>,
}

/// The reply to a request to lock seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockReply {
    /// All requested seats are held.
    Held(Hold),
    /// The holder has a payment lock and may not change seats.
    Paying(PaymentLock),
    /// The hold would exceed the limit per person.
    TooMany,
    /// These seats are locked by another person, sold, or not for sale. Nothing was changed.
    Taken(SeatList),
    /// The seat map is not loaded; the caller loads it and retries.
    NotLoaded {
        /// The map's current sequence number, which the load must pass.
        seq: u64,
    },
}

/// The reply to a release of seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseReply {
    /// The remaining hold.
    Left(Hold),
    /// The holder has a payment lock and may not change seats.
    Paying(PaymentLock),
}

/// The reply to the start of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartReply {
    /// The payment lock is set on the whole hold, which is never empty.
    Started(Hold),
    /// The person holds no seats.
    NothingHeld,
    /// The holder has a payment lock for another payment.
    Paying(PaymentLock),
    /// The seat map is not loaded; the caller loads it and retries.
    NotLoaded {
        /// The map's current sequence number, which the load must pass.
        seq: u64,
    },
}

/// The reply to a withdrawal of seats from sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithdrawReply {
    /// All requested seats are withdrawn now.
    Withdrawn,
    /// These seats are held or sold. Nothing was changed.
    Taken(SeatList),
    /// The seat map is not loaded; the caller loads it and retries.
    NotLoaded {
        /// The map's current sequence number, which the load must pass.
        seq: u64,
    },
}

/// The reply to a load of a seat map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadReply {
    /// The seat map now agrees with the ledger.
    Loaded,
    /// The map changed since its sequence number was read; the caller reads the ledger again and retries.
    Moved {
        /// The map's current sequence number.
        seq: u64,
    },
}

/// The status of a seat as every viewer may see it, without its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatStatus {
    /// Nobody holds the seat.
    Available,
    /// A person holds the seat.
    Locked {
        /// When the lock expires.
        until: Millis,
    },
    /// The seat is sold.
    Booked,
    /// The seat is withdrawn from sale at this screening, because it is broken or reserved by the house. Seats that the
    /// layout never sells are not in the map at all.
    Unavailable,
}

/// One seat's new status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatChange {
    /// The seat.
    pub id: SeatId,
    /// Its new status.
    pub status: SeatStatus,
}

/// One person's hold after a change. A server sends it only to that person's own sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldChange {
    /// The person who holds the seats.
    pub holder: PersonId,
    /// The whole hold after the change.
    pub hold: Hold,
}

/// A live change: what changed in a seat map after `prev`, up to `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChange {
    /// The screening.
    pub screening: ScreeningId,
    /// The sequence number before the change.
    pub prev: u64,
    /// The sequence number after the change; always greater than `prev`.
    pub seq: u64,
    /// The changed seats, for every viewer, without their holders. Empty when only a payment lock changed.
    pub changes: Vec<SeatChange>,
    /// The changed holds, each person once, sorted by person. `None` if the change was made by a server of the previous
    /// version, which does not list them: the receiver then reads the holds of all subscribed persons.
    pub holds: Option<Vec<HoldChange>>,
}

/// A payment's new status, sent to its payer's sockets. Best effort: a client that misses the message queries the
/// payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentChange {
    /// The screening.
    pub screening: ScreeningId,
    /// The payer.
    pub holder: PersonId,
    /// The payment.
    pub payment: PaymentId,
    /// The payment's new status.
    pub status: PaymentStatus,
}

/// A message to the subscribers of a screening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveEvent {
    /// Seats or holds changed. These messages are numbered without gaps, so that a subscriber notices a lost one.
    Seats(LiveChange),
    /// A payment changed its status. This message has no sequence number.
    Payment(PaymentChange),
}

/// A screening's seat map at one sequence number. Seats that are not listed are available.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatSnapshot {
    /// The sequence number.
    pub seq: u64,
    /// Locked, sold and withdrawn seats, sorted.
    pub seats: Vec<SeatChange>,
}

/// Why a lock ended without a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The person who held the seats released them.
    UserUnlocked,
    /// The locks expired.
    Expired,
}

/// Locks that ended without a sale. The lock store records releases; a worker copies them to the outbox.
///
/// Screening, first seat and sequence number identify a release, so that repeated copies are deduplicated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The screening.
    pub screening: ScreeningId,
    /// The sequence number of the change that ended the locks.
    pub seq: u64,
    /// The person who held the seats.
    pub holder: PersonId,
    /// The released seats; never empty.
    pub seats: SeatList,
    /// Why the locks ended.
    pub reason: ReleaseReason,
    /// When the locks ended, by the lock store's clock.
    pub at: Millis,
}

/// A claim of a payment on a seat, as read from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedSeat {
    /// The claimed seat.
    pub id: SeatId,
    /// The person who pays.
    pub holder: PersonId,
    /// The payment.
    pub payment: PaymentId,
    /// When the claim expires.
    pub until: Millis,
    /// The payment's own expiry while it is CONFIRMING, else `None`. The lock falls back to it if the payment ends
    /// without a sale.
    pub extended_from: Option<Millis>,
}

/// The state of a screening's seats in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatTruth {
    /// Sold seats.
    pub sold: Vec<SeatId>,
    /// Seats claimed by payments in progress.
    pub claimed: Vec<ClaimedSeat>,
    /// Seats withdrawn from sale.
    pub withdrawn: Vec<SeatId>,
}
