//! Seat locks: who may go on to pay for which seat, for how long.
//!
//! A lock is advice that keeps people from wasting their time; the store's unique key (screening, seat) is the law. The
//! rules stand here once, over plain data ([`SeatBoard`]); the embedded lock store runs them as they are, and the Redis
//! function says the same in its own language and passes the same contract suite.

mod board;
mod board_load;
#[cfg(test)]
mod tests;
mod turn;

use smallvec::SmallVec;

pub use board::SeatBoard;
pub use board_load::Kept;

use crate::{
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    payment::PaymentStatus,
};

/// Milliseconds since 1970 by the lock store's clock.
pub type Millis = i64;

/// Seats of one call, without an allocation up to sixteen.
pub type SeatList = SmallVec<[SeatId; 16]>;

/// One held seat and when it comes back by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldSeat {
    /// The seat.
    pub id: SeatId,
    /// The first moment at which it is free again.
    pub until: Millis,
}

/// All that one person holds at one screening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// The screening's sequence of which this is true: of two holds of one person the one with the greater number is newer.
    pub seq: u64,
    /// In order of seat.
    pub seats: Vec<HeldSeat>,
    /// The payment in progress, while its lock stands.
    pub payment: Option<PaymentId>,
}

impl Hold {
    /// When the first of the seats comes back; `None` when nothing is held.
    #[must_use]
    pub fn expires_at(&self) -> Option<Millis> {
        self.seats.iter().map(|seat| seat.until).min()
    }
}

/// A payment lock: while it stands, its holder changes no seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentLock {
    /// The payment that it is about; ending it with another id does nothing.
    pub payment: PaymentId,
    /// When it was taken.
    pub since: Millis,
    /// When it ends by itself.
    pub until: Millis,
    /// The end it had before its seats were kept for an outcome; they fall back to it when the payment ends.
    pub kept_from: Option<Millis>,
}

/// What a lock call answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockReply {
    /// All seats asked for are held now.
    Held(Hold),
    /// The holder is paying and may not change seats.
    Paying(PaymentLock),
    /// It would be more than one person may hold here.
    TooMany,
    /// These are locked by another, sold, or not for sale. Nothing was changed.
    Taken(SeatList),
    /// The lock store does not know this screening's sold seats; load them, then ask again.
    NotLoaded {
        /// The screening's sequence now, to load against.
        seq: u64,
    },
}

/// What a release answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseReply {
    /// What is still held.
    Left(Hold),
    /// The holder is paying and may not change seats.
    Paying(PaymentLock),
}

/// What starting a payment answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartReply {
    /// The payment lock stands on everything that the person holds; never empty.
    Started(Hold),
    /// Nothing is held.
    NothingHeld,
    /// Another payment is in progress.
    Paying(PaymentLock),
    /// As for a lock.
    NotLoaded {
        /// The screening's sequence now, to load against.
        seq: u64,
    },
}

/// What withdrawing seats from sale answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithdrawReply {
    /// All of them are withdrawn now.
    Withdrawn,
    /// These are held or sold. Nothing was changed.
    Taken(SeatList),
    /// As for a lock.
    NotLoaded {
        /// The screening's sequence now, to load against.
        seq: u64,
    },
}

/// What loading answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadReply {
    /// The board agrees with the store.
    Loaded,
    /// Something changed since the sequence was read; read the store again.
    Moved {
        /// The screening's sequence now.
        seq: u64,
    },
}

/// What everybody may know of a seat that is not simply available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatStatus {
    /// Nobody has it.
    Available,
    /// Held by somebody until then.
    Locked {
        /// When it may come back.
        until: Millis,
    },
    /// Sold.
    Booked,
    /// Withdrawn from sale for this screening: broken, or kept by the house. Seats that the layout does not sell are not
    /// on the board at all.
    Unavailable,
}

/// One seat's new status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatChange {
    /// The seat.
    pub id: SeatId,
    /// Its status, absolute.
    pub status: SeatStatus,
}

/// One person's hold after a change of it. A server sends it to that person's own sockets and to nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldChange {
    /// Whose hold it is.
    pub holder: PersonId,
    /// All that they hold now.
    pub hold: Hold,
}

/// What changed after `prev`, up to `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChange {
    /// Where.
    pub screening: ScreeningId,
    /// The sequence before.
    pub prev: u64,
    /// The sequence after; always greater.
    pub seq: u64,
    /// For every viewer: never says who. Empty when only a payment lock changed.
    pub changes: Vec<SeatChange>,
    /// The holds that changed, each person once, in order of person. `None` when a server of the version before made the
    /// change and did not say whose holds it touched: read the holds of those who watch.
    pub holds: Option<Vec<HoldChange>>,
}

/// A payment's new status, for its payer's sockets. Best effort: a lost message is found by asking for the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentChange {
    /// Where.
    pub screening: ScreeningId,
    /// Who pays.
    pub holder: PersonId,
    /// Which payment.
    pub payment: PaymentId,
    /// Its status now.
    pub status: PaymentStatus,
}

/// What a watcher of a screening receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveEvent {
    /// Seats or holds changed; numbered, without a gap.
    Seats(LiveChange),
    /// A payment changed status; not numbered.
    Payment(PaymentChange),
}

/// A screening's map at one sequence. Seats not listed are available.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatSnapshot {
    /// The sequence that it is true of.
    pub seq: u64,
    /// Locked and booked seats, in order of seat.
    pub seats: Vec<SeatChange>,
}

/// Why a lock ended without a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// Its holder let it go.
    UserUnlocked,
    /// Its time was up.
    Expired,
}

/// Locks that ended without a sale: the lock store's own event, told to the outbox later.
///
/// Screening, first seat and sequence name it: telling it twice is telling it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Where.
    pub screening: ScreeningId,
    /// The sequence of the change that ended them.
    pub seq: u64,
    /// Who held them.
    pub holder: PersonId,
    /// Never empty.
    pub seats: SeatList,
    /// Why.
    pub reason: ReleaseReason,
    /// When, by the lock store's clock.
    pub at: Millis,
}

/// A durable claim as the store tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedSeat {
    /// The seat.
    pub id: SeatId,
    /// Who is paying for it.
    pub holder: PersonId,
    /// With which payment.
    pub payment: PaymentId,
    /// When the claim ends if nothing happens.
    pub until: Millis,
    /// While its payment is being confirmed: when its own time ends, to which the lock falls back if there is no sale.
    pub kept_from: Option<Millis>,
}

/// What the store knows of a screening's seats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatTruth {
    /// Sold.
    pub sold: Vec<SeatId>,
    /// Claimed by payments in progress.
    pub claimed: Vec<ClaimedSeat>,
    /// Withdrawn from sale.
    pub withdrawn: Vec<SeatId>,
}

/// What one call changed: published to viewers and to the outbox after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// For viewers.
    pub live: Option<LiveChange>,
    /// For the outbox.
    pub releases: SmallVec<[Release; 1]>,
    /// For whoever must take the call back.
    undo: Option<turn::Undo>,
}

impl Effects {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_none() && self.releases.is_empty()
    }
}
