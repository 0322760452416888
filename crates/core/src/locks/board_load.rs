//! Making a board agree with the store, and writing it down for a restart.

use super::{
    ClaimedSeat, Effects, LoadReply, Millis, PaymentLock, SeatBoard, SeatStatus, SeatTruth,
    board::{Lock, Seat},
    turn::Turn,
};
use crate::ids::{PaymentId, PersonId, SeatId};

/// One line of a board, or of a change of it, written down: enough to stand it up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A lock.
    Lock {
        /// The seat.
        seat: SeatId,
        /// Who holds it.
        holder: PersonId,
        /// Until when.
        until: Millis,
        /// Whether a payment has restarted its time.
        restarted: bool,
    },
    /// A payment lock.
    Payment {
        /// Who pays.
        holder: PersonId,
        /// With which payment.
        payment: PaymentId,
        /// Since when.
        since: Millis,
        /// Until when.
        until: Millis,
        /// The end it had before its seats were kept for an outcome.
        kept_from: Option<Millis>,
    },
    /// The seat's lock has ended.
    NoLock {
        /// The seat.
        seat: SeatId,
    },
    /// The payment lock has ended.
    NoPayment {
        /// Who paid.
        holder: PersonId,
    },
}

impl Kept {
    pub(super) fn of_lock(seat: SeatId, lock: &Lock) -> Self {
        let Lock { holder, until, restarted } = *lock;
        Self::Lock { seat, holder, until, restarted }
    }

    pub(super) fn of_payment(holder: PersonId, lock: &PaymentLock) -> Self {
        let PaymentLock { payment, since, until, kept_from } = *lock;
        Self::Payment { holder, payment, since, until, kept_from }
    }
}

impl SeatBoard {
    /// Sets sold, claimed and withdrawn seats as the store tells them, unless the sequence has moved since `expected_seq`. Locks that
    /// contradict nothing stay. Also the repair of a board that is loaded.
    pub fn load(&mut self, now: Millis, expected_seq: u64, truth: &SeatTruth) -> (LoadReply, Effects) {
        if self.seq != expected_seq {
            return (LoadReply::Moved { seq: self.seq }, Effects::default());
        }
        let mut turn = self.turn(now);
        if !self.loaded {
            // A step that no frame tells of: a viewer of an earlier life of this board sees a gap and starts over.
            self.seq = self.next_seq(now);
            self.loaded = true;
        }
        let mut sold = truth.sold.clone();
        sold.sort_unstable();
        let is_of_store = |state: &Seat, id: &SeatId| match state {
            Seat::Sold => sold.binary_search(id).is_ok(),
            Seat::Withdrawn => truth.withdrawn.contains(id),
            Seat::Locked(_) => true,
        };
        let gone = self.seats.iter().filter(|(id, state)| !is_of_store(state, id)).map(|(id, _)| *id);
        let gone: Vec<SeatId> = gone.collect();
        for seat in gone {
            self.set_seat(&mut turn, seat, None);
            turn.change(seat, SeatStatus::Available);
        }
        for seat in &sold {
            self.sell(*seat, &mut turn);
        }
        for seat in truth.withdrawn.iter().filter(|seat| sold.binary_search(seat).is_err()) {
            self.withdraw_seat(*seat, &mut turn);
        }
        for claim in truth.claimed.iter().filter(|claim| claim.until > now) {
            self.set_claim(claim, &mut turn);
        }
        (LoadReply::Loaded, self.finish(turn))
    }

    /// A claim is a lock with a payment lock. A live lock of another gives way to it: the store decides.
    fn set_claim(&mut self, claim: &ClaimedSeat, turn: &mut Turn) {
        let standing = match self.seats.get(&claim.id) {
            Some(Seat::Sold | Seat::Withdrawn) => return,
            Some(Seat::Locked(lock)) if lock.until > turn.now => Some(*lock),
            Some(Seat::Locked(_)) | None => None,
        };
        let until =
            standing.filter(|lock| lock.holder == claim.holder).map_or(claim.until, |l| l.until.max(claim.until));
        let lock = Lock { holder: claim.holder, until, restarted: true };
        if standing != Some(lock) {
            if standing.is_none() {
                self.free(claim.id, turn);
            }
            self.set_seat(turn, claim.id, Some(Seat::Locked(lock)));
            turn.change(claim.id, SeatStatus::Locked { until });
        }
        let standing = self.payment_of(turn.now, claim.holder).filter(|lock| lock.payment == claim.payment);
        let since = standing.map_or(turn.now, |lock| lock.since);
        let kept_from = standing.and_then(|lock| lock.kept_from).or(claim.kept_from);
        let until = standing.map_or(claim.until, |lock| lock.until.max(claim.until));
        let lock = PaymentLock { payment: claim.payment, since, until, kept_from };
        self.set_payment(turn, claim.holder, Some(lock));
    }

    /// Everything that a restart must bring back; sold seats are in the store.
    pub fn kept(&self) -> impl Iterator<Item = Kept> + '_ {
        let locks = self.seats.iter().filter_map(|(seat, state)| match state {
            Seat::Locked(lock) => Some(Kept::of_lock(*seat, lock)),
            Seat::Sold | Seat::Withdrawn => None,
        });
        locks.chain(self.payments.iter().map(|(holder, lock)| Kept::of_payment(*holder, lock)))
    }

    /// Stands up what [`Self::kept`] and, after it, [`Self::kept_after`] wrote down, expired or not, at the sequence of
    /// that time. The board stays unloaded.
    pub fn restore(&mut self, seq: u64, kept: impl IntoIterator<Item = Kept>) {
        self.seq = self.seq.max(seq);
        for entry in kept {
            match entry {
                Kept::Lock { seat, holder, until, restarted } => {
                    self.put_seat(seat, Some(Seat::Locked(Lock { holder, until, restarted })));
                }
                Kept::NoLock { seat } => {
                    self.put_seat(seat, None);
                }
                Kept::Payment { holder, payment, since, until, kept_from } => {
                    self.put_payment(holder, Some(PaymentLock { payment, since, until, kept_from }));
                }
                Kept::NoPayment { holder } => {
                    self.put_payment(holder, None);
                }
            }
        }
    }
}
