//! One call on a seat map: its changes, their sequence number, the entries to persist, and how to undo it.

use smallvec::SmallVec;

use super::{LiveChange, Millis, PaymentLock, Release, ReleaseReason, SeatChange, SeatList, SeatStatus};
use crate::ids::{PersonId, ScreeningId, SeatId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) holder: PersonId,
    pub(super) until: Millis,
    /// Whether a payment has restarted the lock's expiry, which happens once per lock.
    pub(super) restarted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    Locked(Lock),
    Sold,
    Withdrawn,
}

/// The state of a seat or payment lock before a call changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    Seat(SeatId, Option<Seat>),
    Payment(PersonId, Option<PaymentLock>),
}

impl Was {
    pub(super) fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Seat(one, _), Self::Seat(two, _)) => one == two,
            (Self::Payment(one, _), Self::Payment(two, _)) => one == two,
            (Self::Seat(..), Self::Payment(..)) | (Self::Payment(..), Self::Seat(..)) => false,
        }
    }
}

/// Everything that a call changed, as it was before the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Undo {
    pub(super) seq: u64,
    pub(super) loaded: bool,
    /// The previous states, in the order of the changes.
    pub(super) was: Vec<Was>,
}

/// Collects the changes of a call. All of them get one sequence number when the call ends.
pub(super) struct Transaction {
    pub(super) now: Millis,
    pub(super) changes: Vec<SeatChange>,
    pub(super) releases: SmallVec<[Release; 1]>,
    pub(super) undo: Undo,
}

impl Transaction {
    pub(super) fn change(&mut self, id: SeatId, status: SeatStatus) {
        self.changes.retain(|earlier| earlier.id != id);
        self.changes.push(SeatChange { id, status });
    }

    pub(super) fn release(&mut self, screening: ScreeningId, holder: PersonId, seat: SeatId, reason: ReleaseReason) {
        let same = |r: &&mut Release| r.holder == holder && r.reason == reason;
        if let Some(release) = self.releases.iter_mut().find(same) {
            release.seats.push(seat);
            return;
        }
        let seats = SeatList::from_slice(&[seat]);
        self.releases.push(Release { screening, seq: 0, holder, seats, reason, at: self.now });
    }
}

/// The effects of one call on a seat map, to be published after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The live change for viewers.
    pub live: Option<LiveChange>,
    /// The releases to copy to the outbox.
    pub releases: SmallVec<[Release; 1]>,
    /// What is needed to undo the call.
    pub(super) undo: Option<Undo>,
}

impl Effects {
    /// Whether there is nothing to publish.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_none() && self.releases.is_empty()
    }
}
