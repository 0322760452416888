//! Backoff for each unfinished payment, so that a payment provider in trouble does not get a request per payment and
//! second.

use std::{collections::HashMap, time::Duration};

use seatkeeper_core::{
    ids::PaymentId,
    payment::{MoneyTask, Payment, PaymentStatus},
};
use tokio::time::Instant;

/// Pause after the first attempt for a payment; each further attempt doubles it …
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// … up to this limit while the outcome is unknown, because the payer waits for it …
const DOUBT_PAUSE_MAX: Duration = Duration::from_secs(8);
/// … and up to this limit when only the capture or refund of the money is missing, for which nobody waits.
const MONEY_PAUSE_MAX: Duration = Duration::from_secs(300);
/// Limit of the payments whose pauses are remembered, some 100 bytes each. Payments beyond it are tried in every round.
const PAYMENTS_REMEMBERED_MAX: usize = 10_000;

/// When the next attempt for each payment is due. Kept in memory only: after a restart all payments are due.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    tried: HashMap<PaymentId, Tried>,
    round: u64,
}

#[derive(Debug)]
struct Tried {
    /// What the last attempt was for. A payment at another stage needs another request, so it is due immediately.
    stage: (PaymentStatus, Option<MoneyTask>),
    pause: Duration,
    due: Instant,
    seen_in: u64,
}

impl Pauses {
    /// Begins a round over all unfinished payments. Forgets the pauses of payments that were not in the previous round,
    /// because those payments are finished.
    pub(super) fn begin_round(&mut self) {
        let last = self.round;
        self.tried.retain(|_, tried| tried.seen_in == last);
        self.round += 1;
    }

    /// Starts an attempt for the payment if one is due: returns true, and the pause until the next attempt begins.
    pub(super) fn start_if_due(&mut self, payment: &Payment, now: Instant) -> bool {
        let stage = (payment.status, payment.money_task);
        // An expired payment is ended in the store, without a call of the provider, so it is always due.
        if payment.status == PaymentStatus::Pending {
            return true;
        }
        let standing = self.tried.get_mut(&payment.id).filter(|tried| tried.stage == stage);
        let Some(tried) = standing else {
            if self.tried.len() < PAYMENTS_REMEMBERED_MAX || self.tried.contains_key(&payment.id) {
                let tried = Tried { stage, pause: FIRST_PAUSE, due: now + FIRST_PAUSE, seen_in: self.round };
                self.tried.insert(payment.id, tried);
            }
            return true;
        };
        tried.seen_in = self.round;
        if now < tried.due {
            return false;
        }
        let pause_max = if payment.status.holds_claims() { DOUBT_PAUSE_MAX } else { MONEY_PAUSE_MAX };
        tried.pause = tried.pause.saturating_mul(2).min(pause_max);
        tried.due = now + tried.pause;
        true
    }

    /// Resets the backoff of a payment after a failure that the provider did not cause, so that the next round retries.
    pub(super) fn forget(&mut self, payment: PaymentId) {
        self.tried.remove(&payment);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use seatkeeper_core::{
        ids::{PersonId, ScreeningId},
        money::Money,
        payment::PaymentMethod,
    };
    use uuid::Uuid;

    use super::*;

    fn payment(number: u128, status: PaymentStatus, money_task: Option<MoneyTask>) -> Payment {
        Payment {
            id: PaymentId::from_uuid(Uuid::from_u128(number)),
            screening_id: ScreeningId::from_uuid(Uuid::nil()),
            person_id: PersonId::from_uuid(Uuid::nil()),
            method: PaymentMethod::MockCard,
            status,
            seats: Vec::new(),
            amount: Money::satang(0),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            confirming_since: None,
            outcome: None,
            money_task,
            booking_id: None,
        }
    }

    /// The seconds at which attempts for a payment in this state are due, with one round per second.
    fn tries(pauses: &mut Pauses, payment: &Payment, began: Instant, seconds: u64) -> Vec<u64> {
        let is_tried = |second: &u64| {
            pauses.begin_round();
            pauses.start_if_due(payment, began + Duration::from_secs(*second))
        };
        (0..seconds).filter(is_tried).collect()
    }

    #[test]
    fn backoff_of_a_payment_doubles_up_to_its_limit() {
        let (mut pauses, began) = (Pauses::default(), Instant::now());
        let doubtful = payment(1, PaymentStatus::Confirming, None);
        assert_eq!(tries(&mut pauses, &doubtful, began, 40), [0, 1, 3, 7, 15, 23, 31, 39]);
        let owed = payment(2, PaymentStatus::Succeeded, Some(MoneyTask::Capture));
        let mut pauses = Pauses::default();
        assert_eq!(tries(&mut pauses, &owed, began, 1_200), [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111]);
    }

    #[test]
    fn expired_payment_is_always_due_and_a_payment_at_a_new_stage_is_due_immediately() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        let overdue = payment(1, PaymentStatus::Pending, None);
        assert_eq!(tries(&mut pauses, &overdue, now, 4), [0, 1, 2, 3]);
        let doubtful = payment(2, PaymentStatus::Confirming, None);
        assert_eq!(tries(&mut pauses, &doubtful, now, 5), [0, 1, 3]);
        let sold = payment(2, PaymentStatus::Succeeded, Some(MoneyTask::Capture));
        assert!(pauses.start_if_due(&sold, now));
        assert!(!pauses.start_if_due(&sold, now));
        let refunded = payment(2, PaymentStatus::Refunded, Some(MoneyTask::GiveBack));
        assert!(pauses.start_if_due(&refunded, now));
    }

    #[test]
    fn backoff_of_a_payment_is_reset_when_it_is_finished_or_forgotten() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        let owed = payment(1, PaymentStatus::Succeeded, Some(MoneyTask::Capture));
        pauses.begin_round();
        assert!(pauses.start_if_due(&owed, now));
        pauses.forget(owed.id);
        assert!(pauses.start_if_due(&owed, now));
        pauses.begin_round();
        assert!(!pauses.start_if_due(&owed, now));
        pauses.begin_round();
        pauses.begin_round();
        assert!(pauses.tried.is_empty(), "a whole round passed without it");
    }

    #[test]
    fn payments_beyond_the_limit_are_due_in_every_round() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        for number in 0..PAYMENTS_REMEMBERED_MAX as u128 {
            assert!(pauses.start_if_due(&payment(number, PaymentStatus::Confirming, None), now));
        }
        let beyond = payment(u128::MAX, PaymentStatus::Confirming, None);
        assert!(pauses.start_if_due(&beyond, now) && pauses.start_if_due(&beyond, now));
        assert_eq!(pauses.tried.len(), PAYMENTS_REMEMBERED_MAX);
        assert!(!pauses.start_if_due(&payment(7, PaymentStatus::Confirming, None), now));
    }
}
