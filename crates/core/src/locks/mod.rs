//! Seat locks: which person may pay for which seat, and for how long.
//!
//! A lock is advisory and spares people a failed payment; the store's unique key (screening, seat) prevents double sales.
//! The rules are written over plain data ([`SeatBoard`]), which the embedded lock store runs as it is. The Redis functions
//! implement the same rules in Lua and pass the same contract suite.

mod board;
mod board_load;
mod board_transaction;
#[cfg(test)]
mod tests;
mod transaction;

use smallvec::SmallVec;

pub use board::SeatBoard;
pub use board_load::LockEntry;
pub use transaction::Effects;

use crate::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    payment::PaymentStatus,
};

/// Milliseconds since 1970 by the lock store's clock.
pub type Millis = i64;

/// The seats of one call; up to sixteen need no allocation.
pub type SeatList = SmallVec<[SeatId; 16]>;

/// One held seat and when its lock expires.
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
    /// The screening's sequence at which this was the hold. Of two holds of one person, the one with the greater one is newer.
    pub seq: u64,
    /// In order of seat.
    pub seats: Vec<HeldSeat>,
    /// The payment of the payment lock, if there is one.
    pub payment: Option<PaymentId>,
}

impl Hold {
    /// When the first of the locks expires; `None` when nothing is held.
    #[must_use]
    pub fn expires_at(&self) -> Option<Millis> {
        self.seats.iter().map(|seat| seat.until).min()
    }
}

/// A payment lock: while it stands, its holder can neither lock nor release seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentLock {
    /// Its payment. Ending it with another id does nothing.
    pub payment: PaymentId,
    /// When it was set.
    pub since: Millis,
    /// When it expires.
    pub until: Millis,
    /// The expiry before the locks were extended during the confirmation; they fall back to it when the payment ends.
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
    /// The seat map is not loaded; load it, then retry.
    NotLoaded {
        /// The current sequence, for the load.
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
    /// Nothing is held.
    NothingHeld,
    /// The holder has a payment lock of another payment.
    Paying(PaymentLock),
    /// The seat map is not loaded; load it, then retry.
    NotLoaded {
        /// The current sequence, for the load.
        seq: u64,
    },
}

/// The reply to a withdrawal of seats from sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithdrawReply {
    /// All of them are withdrawn now.
    Withdrawn,
    /// These seats are held or sold. Nothing was changed.
    Taken(SeatList),
    /// The seat map is not loaded; load it, then retry.
    NotLoaded {
        /// The current sequence, for the load.
        seq: u64,
    },
}

/// The reply to a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadReply {
    /// The map agrees with the store.
    Loaded,
    /// The map changed since the sequence was read; read the store again.
    Moved {
        /// The current sequence.
        seq: u64,
    },
}

/// The status of a seat as everybody may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatStatus {
    /// Nobody holds it.
    Available,
    /// Held by somebody.
    Locked {
        /// When the lock expires.
        until: Millis,
    },
    /// Sold.
    Booked,
    /// Withdrawn from sale for this screening: broken, or reserved by the house. Seats that the layout never sells are not in
    /// the map at all.
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

/// One person's hold after a change of it. A server sends it to that person's own sockets and to nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldChange {
    /// Whose hold it is.
    pub holder: PersonId,
    /// The whole hold after the change.
    pub hold: Hold,
}

/// A live change: what changed in a seat map after `prev`, up to `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChange {
    /// The screening.
    pub screening: ScreeningId,
    /// The sequence before.
    pub prev: u64,
    /// The sequence after; always greater.
    pub seq: u64,
    /// The changed seats, for every viewer, without holders. Empty when only a payment lock changed.
    pub changes: Vec<SeatChange>,
    /// The changed holds, each person once, in order of person. `None` if a server of the previous version made the change
    /// and did not list them: read the holds of all persons with a subscription.
    pub holds: Option<Vec<HoldChange>>,
}

/// A payment's new status, for its payer's sockets. Best effort: a client that misses the message queries the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentChange {
    /// The screening.
    pub screening: ScreeningId,
    /// The payer.
    pub holder: PersonId,
    /// The payment.
    pub payment: PaymentId,
    /// Its new status.
    pub status: PaymentStatus,
}

/// A message to the subscribers of a screening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveEvent {
    /// Seats or holds changed; numbered, without a gap.
    Seats(LiveChange),
    /// A payment changed status; not numbered.
    Payment(PaymentChange),
}

/// A screening's seat map at one sequence. Seats that are not listed are available.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatSnapshot {
    /// The sequence.
    pub seq: u64,
    /// Locked, booked and unavailable seats, in order of seat.
    pub seats: Vec<SeatChange>,
}

/// Why a lock ended without a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// Its holder released it.
    UserUnlocked,
    /// It expired.
    Expired,
}

/// Locks that ended without a sale. The lock store records releases; a worker copies them to the outbox.
///
/// Screening, first seat and sequence identify a release, so that copies are deduplicated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The screening.
    pub screening: ScreeningId,
    /// The sequence of the change that ended them.
    pub seq: u64,
    /// Who held them.
    pub holder: PersonId,
    /// Never empty.
    pub seats: SeatList,
    /// The reason.
    pub reason: ReleaseReason,
    /// When, by the lock store's clock.
    pub at: Millis,
}

/// A claim, as read from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedSeat {
    /// The seat.
    pub id: SeatId,
    /// Who is paying for it.
    pub holder: PersonId,
    /// The payment.
    pub payment: PaymentId,
    /// When the claim expires.
    pub until: Millis,
    /// While the payment is CONFIRMING: the payment's own expiry, to which the lock falls back if there is no sale.
    pub extended_from: Option<Millis>,
}

/// The state of a screening's seats in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatTruth {
    /// Sold.
    pub sold: Vec<SeatId>,
    /// Claimed by payments in progress.
    pub claimed: Vec<ClaimedSeat>,
    /// Withdrawn from sale.
    pub withdrawn: Vec<SeatId>,
}
