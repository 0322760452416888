//! Confirming a payment: PENDING → CONFIRMING in the store, and only then authorise (provider) → commit (store) → capture
//! (provider). Any server may repeat any step; the payment's status in the store decides which one is next.

use jiff::SignedDuration;

use super::{
    BoxOffice,
    paying::find_payment_of,
    payment_frames::publish_payment,
    seats::{end_unless_claiming, millis},
    unfinished::{end_payment_lock, move_money, run_money_task},
};
use crate::{
    booking::{Booking, BookingStatus, draw_code},
    event::EventKind,
    ids::{BookingId, PaymentId, PersonId},
    payment::{ConfirmOutcome, MoneyTask, Payment, PaymentStatus},
    ports::{
        Backend, BackendError, Charge, CloseOutcome, ClosePayment, CommitBooking, CommitOutcome, ConfirmStart,
        ProviderAnswer,
    },
};

/// The locks of a CONFIRMING payment are extended when less than this is left until the payment's expiry.
const KEEP_WHEN_LEFT: SignedDuration = SignedDuration::from_secs(30);
/// By how much these locks are extended from now, repeatedly until the outcome is known.
const KEEP_FOR: SignedDuration = SignedDuration::from_secs(60);
/// The most draws of a booking code. Collisions are rare among about 10¹² codes.
const CODE_DRAWS_MAX: usize = 8;

/// Reason in a refund event: the seats of a late payment were not free any more.
const SEATS_LOST: &str = "seats_lost";
/// Reason in a refund event: the money arrived after sales had closed.
const SALES_CLOSED: &str = "sales_closed";
/// Reason in a refund event: the provider refunded the sale on its own.
const PROVIDER_REFUNDED: &str = "provider_refunded";

/// The result of confirming a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmAnswer {
    /// The seats are sold.
    Succeeded(Box<(Payment, Booking)>),
    /// The provider declined.
    Declined(Payment),
    /// The outcome is not known yet; poll the payment.
    Unknown(Payment),
    /// The payment expired before it was confirmed, or its outcome stayed unknown for too long.
    Expired(Payment),
    /// The money is refunded, because it arrived too late for the seats.
    SeatsLost(Payment),
    /// The payment ended in another state, or was confirmed with another outcome.
    NotPending(Payment),
    /// There is no such payment of this person.
    NotFound,
}

/// Confirms a payment. Spawn it as a task: it must continue when the client disconnects.
///
/// # Errors
/// The store failed. [`super::resume_payment`] continues the payment later.
pub async fn confirm_payment(
    office: &BoxOffice,
    person: PersonId,
    id: PaymentId,
    outcome: ConfirmOutcome,
) -> Backend<ConfirmAnswer> {
    if find_payment_of(office, person, id).await?.is_none() {
        return Ok(ConfirmAnswer::NotFound);
    }
    match office.ledger.begin_confirming(id, outcome, office.now()).await? {
        ConfirmStart::NotFound => Ok(ConfirmAnswer::NotFound),
        ConfirmStart::Confirming(payment) if payment.outcome != Some(outcome) => Ok(ConfirmAnswer::NotPending(payment)),
        ConfirmStart::Confirming(payment) => {
            publish_payment(office, &payment).await;
            settle_payment(office, payment).await
        }
        ConfirmStart::Over(payment) => answer_of(office, payment, Some(outcome)).await,
    }
}

/// The answer to a confirmation with `outcome` (any, when `None`) of a payment in its current state.
async fn answer_of(office: &BoxOffice, payment: Payment, outcome: Option<ConfirmOutcome>) -> Backend<ConfirmAnswer> {
    let same = |expected| outcome.is_none_or(|outcome| outcome == expected);
    Ok(match payment.status {
        PaymentStatus::Succeeded if same(ConfirmOutcome::Success) => {
            let Some(id) = payment.booking_id else {
                return Err(BackendError::lasting("store", "a payment SUCCEEDED without a booking"));
            };
            match office.sales.find_booking(id).await? {
                Some(booking) => ConfirmAnswer::Succeeded(Box::new((payment, booking))),
                None => return Err(BackendError::lasting("store", "the booking of a payment is missing")),
            }
        }
        PaymentStatus::Declined if same(ConfirmOutcome::Decline) => ConfirmAnswer::Declined(payment),
        PaymentStatus::Expired => ConfirmAnswer::Expired(payment),
        PaymentStatus::Refunded if same(ConfirmOutcome::Success) => ConfirmAnswer::SeatsLost(payment),
        PaymentStatus::Confirming => ConfirmAnswer::Unknown(payment),
        _ => ConfirmAnswer::NotPending(payment),
    })
}

/// Takes a CONFIRMING payment as far as possible. Idempotent and safe to call concurrently.
///
/// # Errors
/// The store failed.
pub async fn settle_payment(office: &BoxOffice, payment: Payment) -> Backend<ConfirmAnswer> {
    if payment.status != PaymentStatus::Confirming {
        return answer_of(office, payment, None).await;
    }
    if payment.is_confirmed_too_long(office.now()) {
        return give_up(office, payment).await;
    }
    keep_locks(office, &payment).await;
    let charge = Charge {
        payment_id: payment.id,
        amount: payment.amount,
        method: payment.method,
        outcome: payment.outcome.unwrap_or(ConfirmOutcome::Success),
    };
    match office.provider.authorise(&charge).await {
        Ok(ProviderAnswer::Authorised | ProviderAnswer::Captured) => {
            commit(office, payment, &[PaymentStatus::Confirming]).await
        }
        Ok(ProviderAnswer::Declined) => {
            let declined = close(office, &payment, PaymentStatus::Declined, None).await?;
            answer_of(office, declined, None).await
        }
        Ok(ProviderAnswer::Voided | ProviderAnswer::Refunded) => give_up(office, payment).await,
        Ok(ProviderAnswer::Unknown) | Err(_) => Ok(ConfirmAnswer::Unknown(payment)),
    }
}

/// Sells the payment's seats. The money is authorised or captured already and is refunded if a seat is lost.
pub(super) async fn commit(
    office: &BoxOffice,
    payment: Payment,
    from: &'static [PaymentStatus],
) -> Backend<ConfirmAnswer> {
    let Some(open) = office.find_screening(payment.screening_id).await? else {
        // A screening with claims cannot be deleted, so this payment had ended and its money is late.
        return refund_late(office, &payment, SEATS_LOST).await;
    };
    for _ in 0..CODE_DRAWS_MAX {
        let booking = Booking {
            id: BookingId::generate(office.now(), &*office.entropy),
            code: draw_code(&*office.entropy),
            status: BookingStatus::Confirmed,
            person_id: payment.person_id,
            payment_id: payment.id,
            screening_id: payment.screening_id,
            movie_id: open.screening.movie_id,
            movie_title: open.screening.movie_title.clone(),
            hall_name: open.screening.hall_name.clone(),
            start_time: open.screening.start_time,
            seats: payment.seats.clone(),
            total: payment.amount,
            created_at: office.now(),
        };
        let sold = EventKind::BookingSuccess {
            booking_id: booking.id,
            code: booking.code.clone(),
            payment_id: payment.id,
            seat_ids: payment.seat_ids(),
            total: booking.total,
        };
        let event = office
            .event(sold)
            .at_screening(payment.screening_id)
            .by(Some(payment.person_id))
            .caused_by(&format!("booking/{}", payment.id));
        let commit = CommitBooking {
            booking,
            from,
            sales_close: office.settings.sales_close,
            money_task: Some(MoneyTask::Capture),
            events: vec![event],
        };
        match office.ledger.commit_booking(&commit, office.now()).await? {
            CommitOutcome::CodeTaken => {}
            CommitOutcome::NotFound => return Ok(ConfirmAnswer::NotFound),
            CommitOutcome::NotNow(payment) => return answer_of(office, payment, None).await,
            CommitOutcome::SeatsLost(_) => return refund_late(office, &payment, SEATS_LOST).await,
            CommitOutcome::SalesClosed => return refund_late(office, &payment, SALES_CLOSED).await,
            CommitOutcome::Committed(booking) => return finish_sale(office, &payment, booking).await,
        }
    }
    Err(BackendError::retryable("store", "no free booking code"))
}

async fn refund_late(office: &BoxOffice, payment: &Payment, reason: &str) -> Backend<ConfirmAnswer> {
    let refunded = close_because(office, payment, PaymentStatus::Refunded, Some(MoneyTask::GiveBack), reason).await?;
    run_money_task(office, &refunded).await?;
    answer_of(office, refunded, None).await
}

/// The steps after a committed sale. The reconciler repeats those that fail; none can undo the sale.
async fn finish_sale(office: &BoxOffice, payment: &Payment, booking: Booking) -> Backend<ConfirmAnswer> {
    let sold = Payment {
        status: PaymentStatus::Succeeded,
        booking_id: Some(booking.id),
        money_task: Some(MoneyTask::Capture),
        ..payment.clone()
    };
    // Published before the seats leave the hold, or the payer's page would report the seats as lost.
    publish_payment(office, &sold).await;
    let told = office.locks.mark_sold(payment.screening_id, payment.id, &payment.seat_ids()).await;
    let captured = move_money(office, &sold, MoneyTask::Capture, told.is_ok()).await;
    super::best_effort::best_effort(captured, "the reconciler retries the capture");
    Ok(ConfirmAnswer::Succeeded(Box::new((sold, booking))))
}

/// Ends a payment whose outcome stayed unknown for too long or whose money the provider returned, and refunds it.
///
/// The payment is ended in the store first, so that a concurrent settlement can no longer sell.
async fn give_up(office: &BoxOffice, payment: Payment) -> Backend<ConfirmAnswer> {
    let over = close(office, &payment, PaymentStatus::Expired, Some(MoneyTask::GiveBack)).await?;
    run_money_task(office, &over).await?;
    let over = office.ledger.find_payment(over.id).await?.unwrap_or(over);
    answer_of(office, over, None).await
}

/// Ends a payment if it is still in the state that the caller read. Returns the payment as the store then has it.
pub(super) async fn close(
    office: &BoxOffice,
    payment: &Payment,
    to: PaymentStatus,
    money_task: Option<MoneyTask>,
) -> Backend<Payment> {
    let reason = if payment.booking_id.is_some() { PROVIDER_REFUNDED } else { SEATS_LOST };
    close_because(office, payment, to, money_task, reason).await
}

/// Like [`close`], with the `reason` for the event of a refund.
async fn close_because(
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
        _ => Vec::new(),
    };
    let from: &'static [PaymentStatus] = match payment.status {
        PaymentStatus::Pending => &[PaymentStatus::Pending],
        PaymentStatus::Confirming => &[PaymentStatus::Confirming],
        PaymentStatus::Succeeded => &[PaymentStatus::Succeeded],
        _ => &[PaymentStatus::Declined, PaymentStatus::Cancelled, PaymentStatus::Expired],
    };
    let close = ClosePayment { id: payment.id, from, to, money_task, events };
    let closed = match office.ledger.close_payment(&close, office.now()).await? {
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

/// Extends the locks of a CONFIRMING payment that are about to expire.
pub(super) async fn keep_locks(office: &BoxOffice, payment: &Payment) {
    if payment.expires_at.duration_since(office.now()) < KEEP_WHEN_LEFT {
        let (screening, person) = (payment.screening_id, payment.person_id);
        // Best effort: the claim in the store protects the seats, and without the lock only the seat map is wrong.
        let _claim_stands =
            office.locks.keep_payment(screening, person, payment.id, &payment.seat_ids(), millis(KEEP_FOR)).await;
        // The payment may have ended since it was read; then nobody else would end the lock that was just extended.
        let ended = end_unless_claiming(office, screening, person, payment.id).await;
        super::best_effort::best_effort(ended, "the next call that meets the payment lock ends it");
    }
}
