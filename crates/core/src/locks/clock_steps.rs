//! What happens to locks when the lock store's clock is set back.
//!
//! An expiry is a time. If the clock is set back by an hour, every lock would last an hour longer than it may. No lock has
//! more time left than it was given, so an expiry that is further away shows that the clock was set back, and the lock gets
//! one whole time again from now.

use jiff::SignedDuration;

use super::{
    Effects, Millis, PaymentLock, SeatBoard, SeatStatus,
    transaction::{Lock, Seat},
};
use crate::{
    ids::{PersonId, SeatId},
    payment::CONFIRMING_FOR_MAX,
};

/// The longest times that locks have left, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongestTimes {
    /// Of a lock that no payment has restarted.
    pub lock_ms: Millis,
    /// Of the locks of a payment.
    pub payment_ms: Millis,
}

impl LongestTimes {
    /// The longest times with these settings. The lock of a payment that is being confirmed is loaded with the time after
    /// which the confirmation is given up.
    #[must_use]
    pub fn of(lock_ttl: SignedDuration, payment_ttl: SignedDuration) -> Self {
        let ms = |time: SignedDuration| Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX);
        Self { lock_ms: ms(lock_ttl), payment_ms: ms(lock_ttl.max(payment_ttl).max(CONFIRMING_FOR_MAX)) }
    }
}

impl Default for LongestTimes {
    /// The longest times with the default settings, for simulations and tests.
    fn default() -> Self {
        Self::of(SignedDuration::from_mins(5), SignedDuration::from_mins(5))
    }
}

impl SeatBoard {
    /// Shortens every lock and payment lock that has more time left than `longest`.
    pub fn limit_times(&mut self, now: Millis, longest: &LongestTimes) -> Effects {
        let lock_until = now.saturating_add(longest.lock_ms);
        let payment_until = now.saturating_add(longest.payment_ms);
        let too_late = self.seats.iter().filter_map(|(seat, state)| match state {
            Seat::Locked(lock) => {
                let until = if lock.restarted { payment_until } else { lock_until };
                (lock.until > until).then_some((*seat, Lock { until, ..*lock }))
            }
            Seat::Sold | Seat::Withdrawn => None,
        });
        let too_late: Vec<(SeatId, Lock)> = too_late.collect();
        let is_too_late = |at: Millis| at > payment_until;
        let payments = self
            .payments
            .iter()
            .filter(|(_, lock)| is_too_late(lock.until) || lock.extended_from.is_some_and(is_too_late));
        let payments: Vec<(PersonId, PaymentLock)> = payments.map(|(holder, lock)| (*holder, *lock)).collect();
        let mut tx = self.begin(now);
        for (seat, lock) in too_late {
            self.set_seat(&mut tx, seat, Some(Seat::Locked(lock)));
            tx.change(seat, SeatStatus::Locked { until: lock.until });
        }
        for (holder, lock) in payments {
            let next = PaymentLock {
                since: lock.since.min(now),
                until: lock.until.min(payment_until),
                extended_from: lock.extended_from.map(|from| from.min(payment_until)),
                ..lock
            };
            self.set_payment(&mut tx, holder, Some(next));
        }
        self.finish(tx)
    }
}
