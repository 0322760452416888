//! Loading a seat map from the ledger, and persisting its locks for a restart.

use super::{
    ClaimedSeat, Effects, LoadReply, Millis, PaymentLock, SeatBoard, SeatStatus, SeatTruth,
    transaction::Transaction,
    transaction::{Lock, Seat},
};
use crate::ids::{PaymentId, PersonId, SeatId};

/// One persisted entry: a lock or payment lock that was set or removed. Replaying the entries restores the seat map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockEntry {
    /// A lock.
    Lock {
        /// The seat.
        seat: SeatId,
        /// The person who holds the lock.
        holder: PersonId,
        /// When the lock expires.
        until: Millis,
        /// Whether a payment has restarted the lock's expiry already.
        restarted: bool,
    },
    /// A payment lock.
    Payment {
        /// The person who pays.
        holder: PersonId,
        /// The payment.
        payment: PaymentId,
        /// When the payment lock was set.
        since: Millis,
        /// When the payment lock expires.
        until: Millis,
        /// The payment lock's expiry before it was extended during the confirmation.
        extended_from: Option<Millis>,
    },
    /// The seat is not locked any more.
    NoLock {
        /// The seat.
        seat: SeatId,
    },
    /// The person has no payment lock any more.
    NoPayment {
        /// The person.
        holder: PersonId,
    },
}

impl LockEntry {
    pub(super) fn of_lock(seat: SeatId, lock: &Lock) -> Self {
        let Lock { holder, until, restarted } = *lock;
        Self::Lock { seat, holder, until, restarted }
    }

    pub(super) fn of_payment(holder: PersonId, lock: &PaymentLock) -> Self {
        let PaymentLock { payment, since, until, extended_from } = *lock;
        Self::Payment { holder, payment, since, until, extended_from }
    }
}

impl SeatBoard {
    /// Sets sold, claimed and withdrawn seats as in the ledger, unless the sequence has moved since `expected_seq`.
    /// Locks that do not contradict the ledger stay. Also repairs a map that is loaded already.
    pub fn load(&mut self, now: Millis, expected_seq: u64, truth: &SeatTruth) -> (LoadReply, Effects) {
        if self.seq != expected_seq {
            return (LoadReply::Moved { seq: self.seq }, Effects::default());
        }
        let mut tx = self.begin(now);
        if !self.loaded {
            // This sequence number is not published: a viewer of the map before its loss notices the gap and requests a
            // new snapshot.
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
            self.set_seat(&mut tx, seat, None);
            tx.change(seat, SeatStatus::Available);
        }
        for seat in &sold {
            self.sell(*seat, &mut tx);
        }
        for seat in truth.withdrawn.iter().filter(|seat| sold.binary_search(seat).is_err()) {
            self.withdraw_seat(*seat, &mut tx);
        }
        for claim in truth.claimed.iter().filter(|claim| claim.until > now) {
            self.set_claim(claim, &mut tx);
        }
        (LoadReply::Loaded, self.finish(tx))
    }

    /// Turns a claim of the ledger into a lock and a payment lock. They replace a valid lock of another person, because
    /// the store is authoritative.
    fn set_claim(&mut self, claim: &ClaimedSeat, tx: &mut Transaction) {
        let standing = match self.seats.get(&claim.id) {
            Some(Seat::Sold | Seat::Withdrawn) => return,
            Some(Seat::Locked(lock)) if lock.until > tx.now => Some(*lock),
            Some(Seat::Locked(_)) | None => None,
        };
        let until =
            standing.filter(|lock| lock.holder == claim.holder).map_or(claim.until, |l| l.until.max(claim.until));
        let lock = Lock { holder: claim.holder, until, restarted: true };
        if standing != Some(lock) {
            if standing.is_none() {
                self.free(claim.id, tx);
            }
            self.set_seat(tx, claim.id, Some(Seat::Locked(lock)));
            tx.change(claim.id, SeatStatus::Locked { until });
        }
        let standing = self.payment_of(tx.now, claim.holder).filter(|lock| lock.payment == claim.payment);
        let since = standing.map_or(tx.now, |lock| lock.since);
        let extended_from = standing.and_then(|lock| lock.extended_from).or(claim.extended_from);
        let until = standing.map_or(claim.until, |lock| lock.until.max(claim.until));
        let lock = PaymentLock { payment: claim.payment, since, until, extended_from };
        self.set_payment(tx, claim.holder, Some(lock));
    }

    /// All entries to persist for a restart: locks and payment locks. Sold and withdrawn seats are not persisted,
    /// because the store has them.
    pub fn entries(&self) -> impl Iterator<Item = LockEntry> + '_ {
        let locks = self.seats.iter().filter_map(|(seat, state)| match state {
            Seat::Locked(lock) => Some(LockEntry::of_lock(*seat, lock)),
            Seat::Sold | Seat::Withdrawn => None,
        });
        locks.chain(self.payments.iter().map(|(holder, lock)| LockEntry::of_payment(*holder, lock)))
    }

    /// Restores persisted locks, expired ones included, and the sequence: first those of [`Self::entries`], then those
    /// of each [`Self::entries_after`]. The map is not loaded afterwards.
    pub fn restore(&mut self, seq: u64, entries: impl IntoIterator<Item = LockEntry>) {
        self.seq = self.seq.max(seq);
        for entry in entries {
            match entry {
                LockEntry::Lock { seat, holder, until, restarted } => {
                    self.put_seat(seat, Some(Seat::Locked(Lock { holder, until, restarted })));
                }
                LockEntry::NoLock { seat } => {
                    self.put_seat(seat, None);
                }
                LockEntry::Payment { holder, payment, since, until, extended_from } => {
                    self.put_payment(holder, Some(PaymentLock { payment, since, until, extended_from }));
                }
                LockEntry::NoPayment { holder } => {
                    self.put_payment(holder, None);
                }
            }
        }
    }
}
