//! The seat map of one screening (`SeatBoard`) and the rules by which it changes.
//!
//! Time is an argument. A seat whose lock has expired can be locked again even before a sweep; the call that locks it
//! records the release of the expired lock first.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::{
    Effects, HeldSeat, Hold, LockReply, Millis, PaymentLock, ReleaseReason, ReleaseReply, SeatChange, SeatList,
    SeatSnapshot, SeatStatus, StartReply, WithdrawReply,
    transaction::{Lock, Seat, Transaction},
};
use crate::ids::{PaymentId, PersonId, ScreeningId, SeatId};

/// The seat map of one screening: sold and withdrawn seats, locks, payment locks, and the sequence number of the last
/// change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatBoard {
    pub(super) screening: ScreeningId,
    pub(super) loaded: bool,
    pub(super) seq: u64,
    pub(super) seats: BTreeMap<SeatId, Seat>,
    /// The locked seats of each person, sorted: an index of `seats` by holder.
    pub(super) holds: BTreeMap<PersonId, SmallVec<[SeatId; 8]>>,
    pub(super) payments: BTreeMap<PersonId, PaymentLock>,
}

impl SeatBoard {
    /// A seat map without seats that is not loaded from the ledger yet: calls are refused with `NotLoaded`.
    #[must_use]
    pub fn new(screening: ScreeningId) -> Self {
        Self {
            screening,
            loaded: false,
            seq: 0,
            seats: BTreeMap::new(),
            holds: BTreeMap::new(),
            payments: BTreeMap::new(),
        }
    }

    /// Locks all of `wanted` for `holder`, or none. Seats that the holder has locked already keep their expiry.
    pub fn lock(
        &mut self,
        now: Millis,
        holder: PersonId,
        wanted: &[SeatId],
        not_for_sale: &[SeatId],
        ttl_ms: Millis,
        seats_max: usize,
    ) -> (LockReply, Effects) {
        if !self.loaded {
            return (LockReply::NotLoaded { seq: self.seq }, Effects::default());
        }
        if let Some(paying) = self.payment_of(now, holder) {
            return (LockReply::Paying(paying), Effects::default());
        }
        let held = self.held_by(now, holder).count();
        let is_new = |(index, seat): &(usize, &SeatId)| {
            !wanted[..*index].contains(seat) && self.live_lock(now, **seat).is_none_or(|l| l.holder != holder)
        };
        // Counting stops one above the limit, so that a request for all seats of a hall is cheap to refuse.
        let new = wanted.iter().enumerate().filter(is_new).take(seats_max.saturating_add(1)).count();
        if new > 0 && held + new > seats_max {
            return (LockReply::TooMany, Effects::default());
        }
        let is_taken = |seat: &&SeatId| not_for_sale.contains(seat) || self.is_taken(now, holder, **seat);
        let mut taken: SeatList = wanted.iter().filter(is_taken).copied().collect();
        if !taken.is_empty() {
            taken.sort_unstable();
            taken.dedup();
            return (LockReply::Taken(taken), Effects::default());
        }
        let mut tx = self.begin(now);
        let until = now.saturating_add(ttl_ms);
        for seat in wanted {
            let lock = self.lock_on(*seat);
            if lock.is_none_or(|lock| lock.until <= now) {
                if lock.is_some() {
                    self.free(*seat, &mut tx);
                }
                self.set_seat(&mut tx, *seat, Some(Seat::Locked(Lock { holder, until, restarted: false })));
                tx.change(*seat, SeatStatus::Locked { until });
            }
        }
        let effects = self.finish(tx);
        (LockReply::Held(self.hold_of(now, holder)), effects)
    }

    /// Releases `seats` of `holder`, or the whole hold when `None`. Seats of other people are ignored.
    pub fn release(&mut self, now: Millis, holder: PersonId, seats: Option<&[SeatId]>) -> (ReleaseReply, Effects) {
        if let Some(paying) = self.payment_of(now, holder) {
            return (ReleaseReply::Paying(paying), Effects::default());
        }
        let mine: SeatList = self
            .held_by(now, holder)
            .filter(|held| seats.is_none_or(|seats| seats.contains(&held.id)))
            .map(|held| held.id)
            .collect();
        let mut tx = self.begin(now);
        for seat in mine {
            self.set_seat(&mut tx, seat, None);
            tx.change(seat, SeatStatus::Available);
            tx.release(self.screening, holder, seat, ReleaseReason::UserUnlocked);
        }
        let effects = self.finish(tx);
        (ReleaseReply::Left(self.hold_of(now, holder)), effects)
    }

    /// Sets the payment lock on the whole hold of `holder`. The first payment of a lock also restarts the expiry of
    /// that lock. Idempotent for the same payment.
    pub fn start_payment(
        &mut self,
        now: Millis,
        holder: PersonId,
        payment: PaymentId,
        ttl_ms: Millis,
    ) -> (StartReply, Effects) {
        if !self.loaded {
            return (StartReply::NotLoaded { seq: self.seq }, Effects::default());
        }
        match self.payment_of(now, holder) {
            Some(standing) if standing.payment != payment => return (StartReply::Paying(standing), Effects::default()),
            Some(_) => {
                let hold = self.hold_of(now, holder);
                let is_empty = hold.seats.is_empty();
                let reply = if is_empty { StartReply::NothingHeld } else { StartReply::Started(hold) };
                return (reply, Effects::default());
            }
            None => {}
        }
        let held: SeatList = self.held_by(now, holder).map(|held| held.id).collect();
        let mut tx = self.begin(now);
        for seat in &held {
            if let Some(Seat::Locked(Lock { restarted: false, .. })) = self.seats.get(seat) {
                let until = now.saturating_add(ttl_ms);
                self.set_seat(&mut tx, *seat, Some(Seat::Locked(Lock { holder, until, restarted: true })));
                tx.change(*seat, SeatStatus::Locked { until });
            }
        }
        let Some(until) = self.hold_of(now, holder).expires_at() else {
            return (StartReply::NothingHeld, Effects::default());
        };
        self.set_payment(&mut tx, holder, Some(PaymentLock { payment, since: now, until, extended_from: None }));
        let effects = self.finish(tx);
        (StartReply::Started(self.hold_of(now, holder)), effects)
    }

    /// Extends the locks of a CONFIRMING payment to `until`. Seats that other people hold or have bought are skipped;
    /// if no seat is left, the payment lock is not set either. Does nothing while all locks have at least half of the
    /// time until `until` left: callers repeat the call often, and each change is published to viewers.
    pub fn extend_payment(
        &mut self,
        now: Millis,
        holder: PersonId,
        payment: PaymentId,
        seats: &[SeatId],
        until: Millis,
    ) -> Effects {
        let standing = self.payment_of(now, holder);
        if standing.is_some_and(|lock| lock.payment != payment) {
            return Effects::default();
        }
        let half = now.saturating_add(until.saturating_sub(now) / 2);
        let has_half = |seat: &SeatId| match self.seats.get(seat) {
            Some(Seat::Sold | Seat::Withdrawn) => true,
            Some(Seat::Locked(lock)) => {
                if lock.holder == holder {
                    lock.until >= half
                } else {
                    lock.until > now
                }
            }
            None => false,
        };
        if standing.is_some_and(|lock| lock.until >= half) && seats.iter().all(has_half) {
            return Effects::default();
        }
        let own_time = seats.iter().filter_map(|seat| self.live_lock(now, *seat));
        let own_time = own_time.filter(|lock| lock.holder == holder).map(|lock| lock.until).min();
        let mut tx = self.begin(now);
        for seat in seats {
            let takes = match self.seats.get(seat) {
                Some(Seat::Sold | Seat::Withdrawn) => false,
                Some(Seat::Locked(lock)) => (lock.holder == holder || lock.until <= now) && lock.until < until,
                None => true,
            };
            if takes {
                if self.live_lock(now, *seat).is_none() {
                    self.free(*seat, &mut tx);
                }
                self.set_seat(&mut tx, *seat, Some(Seat::Locked(Lock { holder, until, restarted: true })));
                tx.change(*seat, SeatStatus::Locked { until });
            }
        }
        if seats.iter().any(|seat| self.live_lock(now, *seat).is_some_and(|lock| lock.holder == holder)) {
            let since = standing.map_or(now, |lock| lock.since);
            // When the payment ends, the locks fall back to their own expiry; a lock that had expired is then free at
            // once.
            let own_time = standing.map(|lock| lock.extended_from.unwrap_or(lock.until)).or(own_time);
            let until = standing.map_or(until, |lock| lock.until.max(until));
            let extended_from = Some(own_time.unwrap_or(now));
            self.set_payment(&mut tx, holder, Some(PaymentLock { payment, since, until, extended_from }));
        }
        self.finish(tx)
    }

    /// Ends the payment lock if it belongs to `payment`. The expiry of its seats' locks becomes what it was before
    /// extensions.
    pub fn end_payment(&mut self, now: Millis, holder: PersonId, payment: PaymentId) -> Effects {
        let Some(ended) = self.payments.get(&holder).copied().filter(|lock| lock.payment == payment) else {
            return Effects::default();
        };
        let mut tx = self.begin(now);
        self.set_payment(&mut tx, holder, None);
        if let Some(until) = ended.extended_from {
            // Locks that were extended expire with the payment lock or earlier. A lock that expires later was not
            // extended.
            let was_kept = |held: &HeldSeat| held.until > until && held.until <= ended.until;
            let held: SeatList = self.held_by(now, holder).filter(was_kept).map(|held| held.id).collect();
            for seat in held {
                if until <= now {
                    self.free(seat, &mut tx);
                } else if let Some(Seat::Locked(lock)) = self.seats.get(&seat).copied() {
                    self.set_seat(&mut tx, seat, Some(Seat::Locked(Lock { until, ..lock })));
                    tx.change(seat, SeatStatus::Locked { until });
                }
            }
        }
        self.finish(tx)
    }

    /// Marks seats sold and removes their locks, whoever holds them; ends the payment lock of `payment`. The release of
    /// an expired lock is recorded first.
    pub fn mark_sold(&mut self, now: Millis, payment: PaymentId, seats: &[SeatId]) -> Effects {
        let mut tx = self.begin(now);
        for seat in seats {
            self.sell(*seat, &mut tx);
        }
        self.end_payments(&mut tx, |lock| lock.payment == payment);
        self.finish(tx)
    }

    /// Marks sold seats as available again, after a refund. Seats that are not sold do not change.
    pub fn mark_freed(&mut self, now: Millis, seats: &[SeatId]) -> Effects {
        let mut tx = self.begin(now);
        self.invalidate_loads(now);
        for seat in seats {
            if self.seats.get(seat) == Some(&Seat::Sold) {
                self.set_seat(&mut tx, *seat, None);
                tx.change(*seat, SeatStatus::Available);
            }
        }
        self.finish(tx)
    }

    /// Withdraws seats from sale: all of them, or none when one is held or sold. Seats that are withdrawn already do
    /// not change.
    pub fn withdraw(&mut self, now: Millis, seats: &[SeatId]) -> (WithdrawReply, Effects) {
        if !self.loaded {
            return (WithdrawReply::NotLoaded { seq: self.seq }, Effects::default());
        }
        let is_taken = |seat: &&SeatId| match self.seats.get(seat) {
            Some(Seat::Sold) => true,
            Some(Seat::Locked(lock)) => lock.until > now,
            Some(Seat::Withdrawn) | None => false,
        };
        let mut taken: SeatList = seats.iter().filter(is_taken).copied().collect();
        if !taken.is_empty() {
            taken.sort_unstable();
            taken.dedup();
            return (WithdrawReply::Taken(taken), Effects::default());
        }
        let mut tx = self.begin(now);
        for seat in seats {
            self.withdraw_seat(*seat, &mut tx);
        }
        (WithdrawReply::Withdrawn, self.finish(tx))
    }

    /// Offers withdrawn seats for sale again. Seats that are not withdrawn do not change.
    pub fn restore_to_sale(&mut self, now: Millis, seats: &[SeatId]) -> Effects {
        let mut tx = self.begin(now);
        self.invalidate_loads(now);
        for seat in seats {
            if self.seats.get(seat) == Some(&Seat::Withdrawn) {
                self.set_seat(&mut tx, *seat, None);
                tx.change(*seat, SeatStatus::Available);
            }
        }
        self.finish(tx)
    }

    /// Removes every expired lock and payment lock.
    pub fn sweep(&mut self, now: Millis) -> Effects {
        let mut tx = self.begin(now);
        let expired: SmallVec<[SeatId; 16]> = self
            .seats
            .iter()
            .filter(|(_, seat)| matches!(seat, Seat::Locked(lock) if lock.until <= now))
            .map(|(id, _)| *id)
            .collect();
        for seat in expired {
            self.free(seat, &mut tx);
        }
        self.end_payments(&mut tx, |lock| lock.until <= now);
        self.finish(tx)
    }

    /// The seat map without holders, as every viewer may see it; `None` while it is not loaded. It may show expired
    /// locks unless [`Self::sweep`] was called before.
    #[must_use]
    pub fn snapshot(&self) -> Option<SeatSnapshot> {
        let status = |seat: &Seat| match seat {
            Seat::Locked(lock) => SeatStatus::Locked { until: lock.until },
            Seat::Sold => SeatStatus::Booked,
            Seat::Withdrawn => SeatStatus::Unavailable,
        };
        let seats = self.seats.iter().map(|(id, seat)| SeatChange { id: *id, status: status(seat) });
        self.loaded.then(|| SeatSnapshot { seq: self.seq, seats: seats.collect() })
    }

    /// The hold of `holder`, without expired locks.
    #[must_use]
    pub fn hold_of(&self, now: Millis, holder: PersonId) -> Hold {
        let seats = self.held_by(now, holder).collect();
        Hold { seq: self.seq, seats, payment: self.payment_of(now, holder).map(|lock| lock.payment) }
    }

    /// The holds of all people, without expired locks.
    #[must_use]
    pub fn list_holds(&self, now: Millis) -> Vec<(PersonId, Hold)> {
        let holds = self.holds.keys().map(|holder| (*holder, self.hold_of(now, *holder)));
        holds.filter(|(_, hold)| !hold.seats.is_empty()).collect()
    }

    /// The screening of this map.
    #[must_use]
    pub const fn screening(&self) -> ScreeningId {
        self.screening
    }

    /// The sequence number of the last change.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The number of locked, sold or withdrawn seats, as of [`Self::seq`]; `None` while not loaded.
    #[must_use]
    pub fn count_taken(&self) -> Option<usize> {
        self.loaded.then_some(self.seats.len())
    }

    /// Whether there is any lock or payment lock, expired ones included.
    #[must_use]
    pub fn has_locks(&self) -> bool {
        !self.holds.is_empty() || !self.payments.is_empty()
    }

    /// The earliest expiry of a lock or payment lock.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Millis> {
        let locks = self.holds.values().flatten().filter_map(|seat| match self.seats.get(seat) {
            Some(Seat::Locked(lock)) => Some(lock.until),
            Some(Seat::Sold | Seat::Withdrawn) | None => None,
        });
        locks.chain(self.payments.values().map(|lock| lock.until)).min()
    }

    fn held_by(&self, now: Millis, holder: PersonId) -> impl Iterator<Item = HeldSeat> + '_ {
        let seats = self.holds.get(&holder).map_or(&[][..], |seats| seats.as_slice());
        seats.iter().filter_map(move |id| self.live_lock(now, *id).map(|lock| HeldSeat { id: *id, until: lock.until }))
    }

    pub(super) fn payment_of(&self, now: Millis, holder: PersonId) -> Option<PaymentLock> {
        self.payments.get(&holder).copied().filter(|lock| lock.until > now)
    }

    fn lock_on(&self, seat: SeatId) -> Option<Lock> {
        match self.seats.get(&seat) {
            Some(Seat::Locked(lock)) => Some(*lock),
            Some(Seat::Sold | Seat::Withdrawn) | None => None,
        }
    }

    fn live_lock(&self, now: Millis, seat: SeatId) -> Option<Lock> {
        self.lock_on(seat).filter(|lock| lock.until > now)
    }

    fn is_taken(&self, now: Millis, holder: PersonId, seat: SeatId) -> bool {
        match self.seats.get(&seat) {
            None => false,
            Some(Seat::Sold | Seat::Withdrawn) => true,
            Some(Seat::Locked(lock)) => lock.until > now && lock.holder != holder,
        }
    }

    /// Marks a seat sold. A valid lock on it is removed without a release; the release of an expired lock is recorded
    /// first.
    pub(super) fn sell(&mut self, seat: SeatId, tx: &mut Transaction) {
        if self.seats.get(&seat) == Some(&Seat::Sold) {
            return;
        }
        if self.live_lock(tx.now, seat).is_none() {
            self.free(seat, tx);
        }
        self.set_seat(tx, seat, Some(Seat::Sold));
        tx.change(seat, SeatStatus::Booked);
    }

    /// Marks a seat withdrawn. A lock on it, valid or expired, is released first, because the store is authoritative.
    pub(super) fn withdraw_seat(&mut self, seat: SeatId, tx: &mut Transaction) {
        if self.seats.get(&seat) != Some(&Seat::Withdrawn) {
            self.free(seat, tx);
            self.set_seat(tx, seat, Some(Seat::Withdrawn));
            tx.change(seat, SeatStatus::Unavailable);
        }
    }

    /// Increments the sequence of a map that is not loaded: a server may have read the store before this call, and its
    /// load of that outdated state must be refused.
    fn invalidate_loads(&mut self, now: Millis) {
        if !self.loaded {
            self.seq = self.next_seq(now);
        }
    }

    /// Removes the lock on a seat, if there is one, and records its release as expired.
    pub(super) fn free(&mut self, seat: SeatId, tx: &mut Transaction) {
        if let Some(Seat::Locked(lock)) = self.seats.get(&seat).copied() {
            self.set_seat(tx, seat, None);
            tx.change(seat, SeatStatus::Available);
            tx.release(self.screening, lock.holder, seat, ReleaseReason::Expired);
        }
    }

    fn end_payments(&mut self, tx: &mut Transaction, is_over: impl Fn(&PaymentLock) -> bool) {
        let over = self.payments.iter().filter(|(_, lock)| is_over(lock)).map(|(holder, _)| *holder);
        let over: SmallVec<[PersonId; 4]> = over.collect();
        for holder in over {
            self.set_payment(tx, holder, None);
        }
    }
}
