//! Ending a payment without a sale: it expires, is cancelled, declined or refunded.

use super::{BoxOffice, best_effort::best_effort, payment_frames::publish_payment};
use crate::{
    event::{Event, EventKind},
    ids::{PaymentId, PersonId, ScreeningId},
    locks::{Millis, PaymentLock},
    payment::{MoneyTask, Payment, PaymentStatus},
    ports::{Backend, BackendError, CloseOutcome, ClosePayment},
};

/// Reason in a refund event: a payment succeeded late, and its seats were not free any more.
pub(super) const SEATS_LOST: &str = "seats_lost";

/// Reason in a refund event: the provider refunded the sale on its own.
const PROVIDER_REFUNDED: &str = "provider_refunded";

/// A payment lock without a payment in the store is removed at this age: the server crashed before it wrote the
/// payment.
const PAYMENT_LOCK_ALONE_MS_MAX: Millis = 10_000;

/// The payment, if it belongs to the person. If it is PENDING past its expiry, it is set EXPIRED first.
///
/// # Errors
/// A call to the store failed.
pub async fn find_payment_of(office: &BoxOffice, person: PersonId, id: PaymentId) -> Backend<Option<Payment>> {
    let found = office.stores.ledger.find_payment(id).await?.filter(|payment| payment.person_id == person);
    match found {
        Some(payment) if payment.is_overdue(office.now()) => {
            expire_payment(office, &payment).await?;
            office.stores.ledger.find_payment(id).await
        }
        other => Ok(other),
    }
}

/// The payment, if it belongs to the person and is in progress (PENDING or CONFIRMING).
///
/// # Errors
/// A call to the store failed.
pub async fn find_unfinished_payment(office: &BoxOffice, person: PersonId, id: PaymentId) -> Backend<Option<Payment>> {
    Ok(find_payment_of(office, person, id).await?.filter(|payment| payment.status.holds_claims()))
}

/// The result of cancelling a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// The payment is CANCELLED, because of this call or an earlier one.
    Cancelled(Payment),
    /// The payment is CONFIRMING, or ended in another state.
    NotPending(Payment),
    /// There is no such payment of this person.
    NotFound,
}

/// Cancels a PENDING payment. Its seats stay locked until their locks expire.
///
/// # Errors
/// A call to the lock store or to the store failed.
pub async fn cancel_payment(office: &BoxOffice, person: PersonId, id: PaymentId) -> Backend<CancelOutcome> {
    if find_payment_of(office, person, id).await?.is_none() {
        return Ok(CancelOutcome::NotFound);
    }
    let close = ClosePayment {
        id,
        from: &[PaymentStatus::Pending],
        to: PaymentStatus::Cancelled,
        money_task: None,
        events: Vec::new(),
    };
    let payment = match office.stores.ledger.close_payment(&close, office.now()).await? {
        CloseOutcome::Closed(payment) => {
            publish_payment(office, &payment).await;
            payment
        }
        CloseOutcome::NotNow(payment) if payment.status == PaymentStatus::Cancelled => payment,
        CloseOutcome::NotNow(payment) => return Ok(CancelOutcome::NotPending(payment)),
        CloseOutcome::NotFound => return Ok(CancelOutcome::NotFound),
    };
    office.locks.end_payment(payment.screening_id, payment.person_id, id).await?;
    Ok(CancelOutcome::Cancelled(payment))
}

/// Removes a payment lock if, according to the store, its payment has ended or was never written. Returns whether it
/// was removed.
pub(super) async fn end_if_over(
    office: &BoxOffice,
    screening: ScreeningId,
    person: PersonId,
    lock: PaymentLock,
) -> Backend<bool> {
    let now = office.now();
    let is_over = match office.stores.ledger.find_payment(lock.payment).await? {
        Some(payment) if payment.is_overdue(now) => expire_payment(office, &payment).await?,
        Some(payment) => !payment.status.holds_claims(),
        None => now.as_millisecond() - lock.since >= PAYMENT_LOCK_ALONE_MS_MAX,
    };
    if is_over {
        office.locks.end_payment(screening, person, lock.payment).await?;
    }
    Ok(is_over)
}

/// Sets a PENDING payment past its expiry EXPIRED, deletes its claims and ends its payment lock. Returns whether the
/// payment has ended; if its confirmation began just before the expiry, it goes on and keeps its claims.
pub(super) async fn expire_payment(office: &BoxOffice, payment: &Payment) -> Backend<bool> {
    let close = ClosePayment {
        id: payment.id,
        from: &[PaymentStatus::Pending],
        to: PaymentStatus::Expired,
        money_task: None,
        events: vec![Event::timeout_of(payment, office.now())],
    };
    let is_over = match office.stores.ledger.close_payment(&close, office.now()).await? {
        CloseOutcome::Closed(expired) => {
            publish_payment(office, &expired).await;
            true
        }
        CloseOutcome::NotFound => true,
        CloseOutcome::NotNow(now) => !now.status.holds_claims(),
    };
    if is_over {
        end_payment_lock(office, payment).await;
    }
    Ok(is_over)
}

/// Ends the payment lock of an ended payment. Best effort: if the call fails, the next call that finds the lock removes
/// it.
pub(super) async fn end_payment_lock(office: &BoxOffice, payment: &Payment) {
    let ended = office.locks.end_payment(payment.screening_id, payment.person_id, payment.id).await;
    best_effort(ended, "the next call that meets the payment lock ends it");
}

/// Ends a payment that is still in the state of `payment`. Returns the payment as it is stored afterwards.
pub(super) async fn close(
    office: &BoxOffice,
    payment: &Payment,
    to: PaymentStatus,
    money_task: Option<MoneyTask>,
) -> Backend<Payment> {
    let reason = if payment.booking_id.is_some() { PROVIDER_REFUNDED } else { SEATS_LOST };
    close_because(office, payment, to, money_task, reason).await
}

/// Ends a payment like [`close`]. If `to` is REFUNDED, its event carries `reason`.
pub(super) async fn close_because(
    office: &BoxOffice,
    payment: &Payment,
    to: PaymentStatus,
    money_task: Option<MoneyTask>,
    reason: &str,
) -> Backend<Payment> {
    let refund = EventKind::PaymentRefunded {
        payment_id: payment.id,
        booking_id: payment.booking_id,
        amount: payment.amount,
        reason: reason.to_owned(),
    };
    let events = match to {
        PaymentStatus::Refunded => vec![
            office
                .event(refund)
                .at_screening(payment.screening_id)
                .by(Some(payment.person_id))
                .caused_by(&format!("refund/{}", payment.id)),
        ],
        PaymentStatus::Expired => vec![crate::event::Event::timeout_of(payment, office.now())],
        PaymentStatus::Pending
        | PaymentStatus::Confirming
        | PaymentStatus::Succeeded
        | PaymentStatus::Declined
        | PaymentStatus::Cancelled => Vec::new(),
    };
    let from: &'static [PaymentStatus] = match payment.status {
        PaymentStatus::Pending => &[PaymentStatus::Pending],
        PaymentStatus::Confirming => &[PaymentStatus::Confirming],
        PaymentStatus::Succeeded => &[PaymentStatus::Succeeded],
        PaymentStatus::Declined | PaymentStatus::Cancelled | PaymentStatus::Expired | PaymentStatus::Refunded => {
            &[PaymentStatus::Declined, PaymentStatus::Cancelled, PaymentStatus::Expired]
        }
    };
    let close = ClosePayment { id: payment.id, from, to, money_task, events };
    let closed = match office.stores.ledger.close_payment(&close, office.now()).await? {
        CloseOutcome::Closed(payment) => {
            publish_payment(office, &payment).await;
            payment
        }
        CloseOutcome::NotNow(payment) => payment,
        CloseOutcome::NotFound => return Err(BackendError::lasting("store", "the payment is missing")),
    };
    end_payment_lock(office, &closed).await;
    Ok(closed)
}
