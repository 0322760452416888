//! How a call changes a seat map: every change is recorded for undo, and all changes of the call share one sequence
//! number.

use smallvec::SmallVec;

use super::{
    Effects, HoldChange, LiveChange, LockEntry, Millis, PaymentLock, SeatBoard,
    transaction::{Lock, Seat, Transaction, Undo, Was},
};
use crate::ids::{PersonId, SeatId};

impl SeatBoard {
    pub(super) fn begin(&self, now: Millis) -> Transaction {
        let undo = Undo { seq: self.seq, loaded: self.loaded, was: Vec::new() };
        Transaction { now, changes: Vec::new(), releases: SmallVec::new(), undo }
    }

    /// The next sequence number: `max(last + 1, now)`. It starts at the time, so that numbers are not repeated after
    /// the map was lost or restored from an older state.
    pub(super) fn next_seq(&self, now: Millis) -> u64 {
        (self.seq + 1).max(u64::try_from(now).unwrap_or(0))
    }

    /// Assigns the sequence number to the changes of a call. A call that changed only payment locks gets one, too,
    /// because they are part of a hold.
    pub(super) fn finish(&mut self, mut tx: Transaction) -> Effects {
        if tx.undo.was.is_empty() {
            return Effects { undo: Some(tx.undo), ..Effects::default() };
        }
        let prev = self.seq;
        self.seq = self.next_seq(tx.now);
        for release in &mut tx.releases {
            release.seq = self.seq;
        }
        let holds = Some(self.changed_holds(&tx));
        let live = LiveChange { screening: self.screening, prev, seq: self.seq, changes: tx.changes, holds };
        Effects { live: Some(live), releases: tx.releases, undo: Some(tx.undo) }
    }

    /// The holds that a call changed, in their state after the call.
    fn changed_holds(&self, tx: &Transaction) -> Vec<HoldChange> {
        let holder_of = |state: Option<&Seat>| match state {
            Some(Seat::Locked(lock)) => Some(lock.holder),
            Some(Seat::Sold | Seat::Withdrawn) | None => None,
        };
        let mut holders: SmallVec<[PersonId; 4]> = SmallVec::new();
        for was in &tx.undo.was {
            match was {
                Was::Seat(seat, was) => {
                    holders.extend(holder_of(was.as_ref()).into_iter().chain(holder_of(self.seats.get(seat))));
                }
                Was::Payment(holder, _) => holders.push(*holder),
            }
        }
        holders.sort_unstable();
        holders.dedup();
        holders.into_iter().map(|holder| HoldChange { holder, hold: self.hold_of(tx.now, holder) }).collect()
    }

    /// Changes a seat and records its previous state for undo. Calls must not change seats in another way.
    pub(super) fn set_seat(&mut self, tx: &mut Transaction, seat: SeatId, next: Option<Seat>) {
        let was = self.put_seat(seat, next);
        if was != next {
            tx.undo.was.push(Was::Seat(seat, was));
        }
    }

    /// Changes a payment lock and records its previous state for undo. Calls must not change payment locks in another
    /// way.
    pub(super) fn set_payment(&mut self, tx: &mut Transaction, holder: PersonId, next: Option<PaymentLock>) {
        let was = self.put_payment(holder, next);
        if was != next {
            tx.undo.was.push(Was::Payment(holder, was));
        }
    }

    /// Undoes the last call. Used when its `effects` could not be persisted; they were not published.
    pub fn undo(&mut self, effects: Effects) {
        let Some(undo) = effects.undo else { return };
        for was in undo.was.into_iter().rev() {
            match was {
                Was::Seat(seat, state) => drop(self.put_seat(seat, state)),
                Was::Payment(holder, lock) => drop(self.put_payment(holder, lock)),
            }
        }
        self.seq = undo.seq;
        self.loaded = undo.loaded;
    }

    /// The entries to persist after the last call, which had these `effects`. [`Self::restore`] reads them.
    pub fn entries_after<'a>(&'a self, effects: &'a Effects) -> impl Iterator<Item = LockEntry> + 'a {
        let was = effects.undo.as_ref().map_or(&[][..], |undo| undo.was.as_slice());
        let first = |(index, one): &(usize, &Was)| !was[..*index].iter().any(|earlier| earlier.is_about_the_same(one));
        was.iter().enumerate().filter(first).filter_map(|(_, was)| match *was {
            Was::Seat(seat, was) => match self.seats.get(&seat) {
                Some(Seat::Locked(lock)) => Some(LockEntry::of_lock(seat, lock)),
                Some(Seat::Sold | Seat::Withdrawn) | None => match was {
                    Some(Seat::Locked(_)) => Some(LockEntry::NoLock { seat }),
                    Some(Seat::Sold | Seat::Withdrawn) | None => None,
                },
            },
            Was::Payment(holder, _) => {
                let lock = self.payments.get(&holder);
                Some(lock.map_or(LockEntry::NoPayment { holder }, |lock| LockEntry::of_payment(holder, lock)))
            }
        })
    }

    /// Sets a seat and updates the index by holder. Returns the seat's previous state.
    pub(super) fn put_seat(&mut self, seat: SeatId, next: Option<Seat>) -> Option<Seat> {
        let was = match next {
            Some(state) => self.seats.insert(seat, state),
            None => self.seats.remove(&seat),
        };
        let holder_of = |state: Option<Seat>| match state {
            Some(Seat::Locked(Lock { holder, .. })) => Some(holder),
            Some(Seat::Sold | Seat::Withdrawn) | None => None,
        };
        let (old, new) = (holder_of(was), holder_of(next));
        if old == new {
            return was;
        }
        if let Some(holder) = old
            && let Some(held) = self.holds.get_mut(&holder)
        {
            held.retain(|id| *id != seat);
            if held.is_empty() {
                self.holds.remove(&holder);
            }
        }
        if let Some(holder) = new {
            let held = self.holds.entry(holder).or_default();
            let place = held.partition_point(|id| *id < seat);
            held.insert(place, seat);
        }
        was
    }

    pub(super) fn put_payment(&mut self, holder: PersonId, next: Option<PaymentLock>) -> Option<PaymentLock> {
        match next {
            Some(lock) => self.payments.insert(holder, lock),
            None => self.payments.remove(&holder),
        }
    }
}
