//! Starting and cancelling a payment: claim before paying.

use jiff::Timestamp;

use super::{
    BoxOffice,
    payment_frames::publish_payment,
    seats::{LOCK_TRIES_MAX, end_if_over, load_screening, mend_screening, millis},
};
use crate::{
    booking::Booking,
    catalogue::OpenScreening,
    event::Event,
    ids::{BookingId, PaymentId, PersonId, ScreeningId, SeatId},
    locks::{Hold, Release, StartReply},
    payment::{Payment, PaymentMethod, PaymentStatus},
    ports::{Backend, BackendError, CloseOutcome, ClosePayment, NewPayment, StartOutcome},
};

/// How many releases of one screening are told with a payment. There are more only when the store was away for long.
const RELEASES_BEFORE_MAX: usize = 1_024;

/// What became of starting a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartPaymentOutcome {
    /// It is PENDING, with a claim on each seat.
    Started(Payment),
    /// The person holds nothing there.
    NothingLocked,
    /// Another payment of theirs is in progress.
    PaymentInProgress(PaymentId),
    /// The store knows better than the locks: somebody has claimed or bought these.
    SeatsTaken(Vec<SeatId>),
    /// Sales have ended.
    SalesClosed,
    /// The screening is gone.
    NotFound,
}

/// Starts paying for everything the person holds. `id` is chosen by the caller, so that a repeat after a crash finds its
/// own payment.
///
/// Order: locks (all still theirs? restart once, payment lock = id) → store (payment with claims) → else end the payment
/// lock of this id.
///
/// # Errors
/// The lock store or the store failed.
pub async fn start_payment(
    office: &BoxOffice,
    person: PersonId,
    screening: &OpenScreening,
    id: PaymentId,
    method: PaymentMethod,
) -> Backend<StartPaymentOutcome> {
    if let Some(payment) = find_payment_of(office, person, id).await? {
        // An earlier run may have lost its payment lock when it did not hear that the store had it. The claim is what counts.
        let _true_at_the_next_look = mend_screening(office, payment.screening_id).await;
        return Ok(StartPaymentOutcome::Started(payment));
    }
    if screening.sales_closed(office.now()) {
        return Ok(StartPaymentOutcome::SalesClosed);
    }
    let screening_id = screening.screening.id;
    let hold = match lock_for_payment(office, person, screening, id).await? {
        Ok(hold) => hold,
        Err(refused) => return Ok(refused),
    };
    let expires_at = hold.expires_at().and_then(|until| Timestamp::from_millisecond(until).ok());
    let seats: Vec<SeatId> = hold.seats.iter().map(|seat| seat.id).collect();
    let new = NewPayment {
        events: told_before(office, screening_id, &seats).await?,
        id,
        screening_id,
        person_id: person,
        method,
        seats,
        expires_at: expires_at.unwrap_or_else(|| office.now()),
        sales_close: office.settings.sales_close,
    };
    let started = office.ledger.start_payment(&new, office.now()).await;
    if !matches!(started, Ok(StartOutcome::Started(_))) {
        // Unknown counts as not started: if the store has it after all, its own time ends it.
        let ended = office.locks.end_payment(screening_id, person, id).await;
        if started.is_ok() {
            ended?;
        }
    }
    Ok(match started? {
        StartOutcome::Started(payment) => {
            publish_payment(office, &payment).await;
            StartPaymentOutcome::Started(payment)
        }
        StartOutcome::AlreadyPaying(other) => StartPaymentOutcome::PaymentInProgress(other),
        StartOutcome::SalesClosed => StartPaymentOutcome::SalesClosed,
        StartOutcome::NotFound => let_go_of_missing_seats(office, person, screening_id, &hold).await?,
        StartOutcome::SeatsTaken(seats) => {
            // The locks said otherwise, so they were wrong: let them learn. The answer is right whether they do or not.
            let _true_at_the_next_look = mend_screening(office, screening_id).await;
            StartPaymentOutcome::SeatsTaken(seats)
        }
    })
}

/// Releases of these seats that nobody has told yet: they come before whatever becomes of the payment, and would be told
/// after it if they waited for their turn.
async fn told_before(office: &BoxOffice, screening: ScreeningId, seats: &[SeatId]) -> Backend<Vec<Event>> {
    let waiting = office.locks.list_releases(Some(screening), RELEASES_BEFORE_MAX).await?;
    let is_of_these = |release: &&Release| release.seats.iter().any(|seat| seats.contains(seat));
    Ok(waiting.iter().filter(is_of_these).map(Event::of_release).collect())
}

/// The store does not have the screening, or one of its seats: it was deleted, or moved to another hall in the moment of the
/// lock. Whoever holds a seat that is not there any more must not be kept from paying for the others.
async fn let_go_of_missing_seats(
    office: &BoxOffice,
    person: PersonId,
    screening: ScreeningId,
    hold: &Hold,
) -> Backend<StartPaymentOutcome> {
    office.follow_programme().await?;
    let Some(now) = office.find_screening(screening).await? else { return Ok(StartPaymentOutcome::NotFound) };
    let is_missing = |seat: &SeatId| now.plan.find(*seat).is_none();
    let missing: Vec<SeatId> = hold.seats.iter().map(|seat| seat.id).filter(is_missing).collect();
    if missing.is_empty() {
        return Err(BackendError::retryable("store", "the screening is being changed"));
    }
    office.locks.release(screening, person, Some(&missing)).await?;
    Ok(StartPaymentOutcome::SeatsTaken(missing))
}

async fn lock_for_payment(
    office: &BoxOffice,
    person: PersonId,
    screening: &OpenScreening,
    id: PaymentId,
) -> Backend<Result<Hold, StartPaymentOutcome>> {
    let ttl_ms = millis(office.settings.payment_ttl);
    let screening_id = screening.screening.id;
    for _ in 0..LOCK_TRIES_MAX {
        match office.locks.start_payment(screening_id, person, id, ttl_ms).await? {
            StartReply::Started(hold) => return Ok(Ok(hold)),
            StartReply::NothingHeld => return Ok(Err(StartPaymentOutcome::NothingLocked)),
            StartReply::NotLoaded { seq } => load_screening(office, screening_id, seq).await?,
            StartReply::Paying(lock) => {
                if !end_if_over(office, screening_id, person, lock).await? {
                    return Ok(Err(StartPaymentOutcome::PaymentInProgress(lock.payment)));
                }
            }
        }
    }
    Err(BackendError::retryable("locks", "the seat map is changing too fast"))
}

/// The person's own payment, as it is now: one past its time is EXPIRED, and is made so.
///
/// # Errors
/// The store failed.
pub async fn find_payment_of(office: &BoxOffice, person: PersonId, id: PaymentId) -> Backend<Option<Payment>> {
    let found = office.ledger.find_payment(id).await?.filter(|payment| payment.person_id == person);
    match found {
        Some(payment) if payment.is_overdue(office.now()) => {
            super::unfinished::expire_payment(office, &payment).await?;
            office.ledger.find_payment(id).await
        }
        other => Ok(other),
    }
}

/// The payment in progress that a person's hold names, if it is one.
///
/// # Errors
/// The store failed.
pub async fn find_unfinished_payment(office: &BoxOffice, person: PersonId, id: PaymentId) -> Backend<Option<Payment>> {
    Ok(find_payment_of(office, person, id).await?.filter(|payment| payment.status.holds_claims()))
}

/// The person's own booking.
///
/// # Errors
/// The store failed.
pub async fn find_booking_of(office: &BoxOffice, person: PersonId, id: BookingId) -> Backend<Option<Booking>> {
    Ok(office.sales.find_booking(id).await?.filter(|booking| booking.person_id == person))
}

/// What became of cancelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It is CANCELLED, perhaps since an earlier call.
    Cancelled(Payment),
    /// It is being confirmed, or is over in another way.
    NotPending(Payment),
    /// There is no such payment of this person.
    NotFound,
}

/// Cancels a payment; its seats stay locked until their time is up.
///
/// # Errors
/// The lock store or the store failed.
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
    let payment = match office.ledger.close_payment(&close, office.now()).await? {
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
