//! Loading a seat map from the ledger, and persisting it for a restart.

use super::{
    ClaimedSeat, Effects, LoadReply, Millis, PaymentLock, SeatBoard, SeatStatus, SeatTruth,
    transaction::Transaction,
    transaction::{Lock, Seat},
};
use crate::ids::{PaymentId, PersonId, SeatId};

/// One persisted entry of a seat map or of a change of it. Replaying the entries restores the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockEntry {
    /// A lock.
    Lock {
        /// The seat.
        seat: SeatId,
        /// Who holds it.
        holder: PersonId,
        /// When it expires.
        until: Millis,
        /// Whether a payment has restarted its expiry.
        restarted: bool,
    },
    /// A payment lock.
    Payment {
        /// Who pays.
        holder: PersonId,
        /// The payment.
        payment: PaymentId,
        /// When it was set.
        since: Millis,
        /// When it expires.
        until: Millis,
        /// Its expiry before it was extended during the confirmation.
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
    /// Sets sold, claimed and withdrawn seats as the ledger has them, unless the sequence has moved since `expected_seq`. Locks
    /// that do not contradict the ledger stay. Also repairs a map that is loaded already.
    pub fn load(&mut self, now: Millis, expected_seq: u64, truth: &SeatTruth) -> (LoadReply, Effects) {
        if self.seq != expected_seq {
            return (LoadReply::Moved { seq: self.seq }, Effects::default());
        }
        let mut tx = self.begin(now);
        if !self.loaded {
            // This step is not published: a viewer of the map before it was lost sees a gap and starts over.
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

    /// Sets a claim as a lock and a payment lock. It replaces a live lock of another person: the store is authoritative.
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

    /// All entries to persist for a restart. Sold and withdrawn seats are in the store.
    pub fn entries(&self) -> impl Iterator<Item = LockEntry> + '_ {
        let locks = self.seats.iter().filter_map(|(seat, state)| match state {
            Seat::Locked(lock) => Some(LockEntry::of_lock(*seat, lock)),
            Seat::Sold | Seat::Withdrawn => None,
        });
        locks.chain(self.payments.iter().map(|(holder, lock)| LockEntry::of_payment(*holder, lock)))
    }

    /// Restores the entries of [`Self::entries`] and, after it, [`Self::entries_after`], expired or not, at their sequence. The map
    /// stays unloaded.
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
