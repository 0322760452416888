//! Making a board agree with the store, and writing it down for a restart.

use super::{
    Effects, LoadReply, Millis, PaymentLock, SeatBoard, SeatStatus, SeatTruth,
    board::{Lock, Seat, Turn},
};
use crate::ids::{PaymentId, PersonId, SeatId};

/// One line of a board written down: enough to stand it up again.
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
}

impl SeatBoard {
    /// Sets sold and claimed seats as the store tells them, unless the sequence has moved since `expected_seq`. Locks that
    /// contradict nothing stay. Also the repair of a board that is loaded.
    pub fn load(&mut self, now: Millis, expected_seq: u64, truth: &SeatTruth) -> (LoadReply, Effects) {
        if self.seq != expected_seq {
            return (LoadReply::Moved { seq: self.seq }, Effects::default());
        }
        let mut turn = Turn::at(now);
        let was_sold = self.seats.iter().filter(|(_, seat)| **seat == Seat::Sold).map(|(id, _)| *id);
        let freed: Vec<SeatId> = was_sold.filter(|id| !truth.sold.contains(id)).collect();
        for seat in freed {
            self.seats.remove(&seat);
            turn.change(seat, SeatStatus::Available);
        }
        for seat in &truth.sold {
            if self.seats.get(seat) != Some(&Seat::Sold) {
                self.remove_lock(*seat);
                self.seats.insert(*seat, Seat::Sold);
                turn.change(*seat, SeatStatus::Booked);
            }
        }
        for claim in truth.claimed.iter().filter(|claim| claim.until > now) {
            let standing = match self.seats.get(&claim.id) {
                Some(Seat::Locked(lock)) => Some(*lock),
                _ => None,
            };
            let until =
                standing.filter(|lock| lock.holder == claim.holder).map_or(claim.until, |l| l.until.max(claim.until));
            let lock = Lock { holder: claim.holder, until, restarted: true };
            if standing != Some(lock) {
                self.put_lock(claim.id, lock);
                turn.change(claim.id, SeatStatus::Locked { until });
            }
            let standing = self.payment_of(now, claim.holder).filter(|lock| lock.payment == claim.payment);
            let since = standing.map_or(now, |lock| lock.since);
            let kept_from = standing.and_then(|lock| lock.kept_from);
            self.payments.insert(claim.holder, PaymentLock { payment: claim.payment, since, until, kept_from });
        }
        if !self.loaded && turn.changes.is_empty() {
            // An empty hall has a number too: a viewer of an earlier life of this board notices the step.
            self.seq = self.seq.max(u64::try_from(now).unwrap_or(0));
        }
        self.loaded = true;
        (LoadReply::Loaded, self.finish(turn))
    }

    /// Everything that a restart must bring back; sold seats are in the store.
    pub fn kept(&self) -> impl Iterator<Item = Kept> + '_ {
        let locks = self.seats.iter().filter_map(|(seat, state)| match state {
            Seat::Locked(Lock { holder, until, restarted }) => {
                Some(Kept::Lock { seat: *seat, holder: *holder, until: *until, restarted: *restarted })
            }
            Seat::Sold => None,
        });
        let payments = self.payments.iter().map(|(holder, lock)| Kept::Payment {
            holder: *holder,
            payment: lock.payment,
            since: lock.since,
            until: lock.until,
            kept_from: lock.kept_from,
        });
        locks.chain(payments)
    }

    /// Stands up what [`Self::kept`] wrote down, expired or not, at the sequence of that time. The board stays unloaded.
    pub fn restore(&mut self, seq: u64, kept: impl IntoIterator<Item = Kept>) {
        self.seq = self.seq.max(seq);
        for entry in kept {
            match entry {
                Kept::Lock { seat, holder, until, restarted } => self.put_lock(seat, Lock { holder, until, restarted }),
                Kept::Payment { holder, payment, since, until, kept_from } => {
                    self.payments.insert(holder, PaymentLock { payment, since, until, kept_from });
                }
            }
        }
    }
}
