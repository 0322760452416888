//! The end of a payment, with or without a sale.

use jiff::{SignedDuration, Timestamp};
use rusqlite::Transaction;
use seatkeeper_core::{
    booking::Booking,
    catalogue::OpenScreening,
    ids::SeatId,
    payment::{Payment, PaymentStatus},
    ports::{CloseOutcome, ClosePayment, CommitBooking, CommitOutcome},
};

use super::{
    bookings, claims, event_rows, payments,
    rows::{Fault, whole_ms},
    screenings,
};

/// Sells the payment's seats: writes claims, payment, booking and events in one transaction.
pub(super) fn commit_booking(
    tx: &Transaction<'_>,
    commit: &CommitBooking,
    now: Timestamp,
) -> Result<CommitOutcome, Fault> {
    let Some(mut payment) = payments::find_payment(tx, commit.booking.payment_id)? else {
        return Ok(CommitOutcome::NotFound);
    };
    if let (PaymentStatus::Succeeded, Some(id)) = (payment.status, payment.booking_id) {
        let booking = bookings::find_booking(tx, id)?.ok_or(Fault::Broken("a sale has no booking"))?;
        return Ok(CommitOutcome::Committed(booking));
    }
    if !commit.from.contains(&payment.status) || !payment.status.may_become(PaymentStatus::Succeeded) {
        return Ok(CommitOutcome::NotNow(payment));
    }
    check_booking(&commit.booking, &payment)?;
    if payment.is_late(now) && are_sales_closed(tx, &payment, commit.sales_close, now)? {
        return Ok(CommitOutcome::SalesClosed);
    }
    let lost = find_lost(tx, &payment, now)?;
    if !lost.is_empty() {
        return Ok(CommitOutcome::SeatsLost(lost));
    }
    let booking = Booking {
        start_time: whole_ms(commit.booking.start_time),
        created_at: whole_ms(commit.booking.created_at),
        ..commit.booking.clone()
    };
    let booking = screenings::with_show_of_now(tx, booking)?;
    if !bookings::insert(tx, &booking)? {
        return Ok(CommitOutcome::CodeTaken);
    }
    for seat in &payment.seats {
        claims::sell(tx, &payment, seat.id)?;
    }
    payment.status = PaymentStatus::Succeeded;
    payment.booking_id = Some(booking.id);
    payment.money_task = commit.money_task;
    payments::write_state(tx, &payment)?;
    event_rows::put_events(tx, &commit.events)?;
    Ok(CommitOutcome::Committed(booking))
}

/// Fails when the booking's person, seats or total differ from those of its payment, which is a bug of the caller.
fn check_booking(booking: &Booking, payment: &Payment) -> Result<(), Fault> {
    let same_what = booking.screening_id == payment.screening_id && booking.seats == payment.seats;
    let same_who = booking.person_id == payment.person_id && booking.total == payment.amount;
    if same_what && same_who { Ok(()) } else { Err(Fault::Broken("a booking differs from its payment")) }
}

/// Whether sales are closed, by the stored start of the screening. False for a deleted screening: the caller reports
/// its seats as lost instead.
fn are_sales_closed(
    tx: &Transaction<'_>,
    payment: &Payment,
    sales_close: SignedDuration,
    now: Timestamp,
) -> Result<bool, Fault> {
    let screening = screenings::find_screening(tx, payment.screening_id)?;
    Ok(screening.is_some_and(|(one, revision)| OpenScreening::new(one, revision, sales_close).sales_closed(now)))
}

/// The seats of the payment that it has not claimed and cannot buy: taken by others, or not for sale any more.
fn find_lost(tx: &Transaction<'_>, payment: &Payment, now: Timestamp) -> Result<Vec<SeatId>, Fault> {
    let (mut lost, mut unclaimed) = (Vec::new(), Vec::new());
    for seat in &payment.seats {
        match claims::standing_claim(tx, payment.screening_id, seat.id, payment.id, now)? {
            Some(claim) if claim.payment_id == payment.id => {}
            Some(_) => lost.push(seat.id),
            None => unclaimed.push(seat.id),
        }
    }
    if unclaimed.is_empty() {
        return Ok(lost);
    }
    // A payment without claims does not protect its screening: an administrator may have changed, cancelled or deleted
    // it.
    let screening = screenings::find_screening(tx, payment.screening_id)?;
    // No seat of a cancelled screening may be sold.
    let screening = screening.filter(|(screening, _)| !screening.is_cancelled);
    let open = screening.map(|(screening, revision)| OpenScreening::new(screening, revision, SignedDuration::ZERO));
    let is_there = |seat: &SeatId| {
        let planned = open.as_ref().and_then(|open| open.plan.find(*seat));
        planned.is_some_and(|planned| planned.kind.is_for_sale())
    };
    lost.extend(unclaimed.into_iter().filter(|seat| !is_there(seat)));
    lost.sort_unstable();
    Ok(lost)
}

/// Ends a payment without a sale, or refunds a sale.
pub(super) fn close_payment(tx: &Transaction<'_>, close: &ClosePayment, now: Timestamp) -> Result<CloseOutcome, Fault> {
    let Some(mut payment) = payments::find_payment(tx, close.id)? else { return Ok(CloseOutcome::NotFound) };
    // An overdue payment is expired here, because the reconciler may not have expired it yet.
    if payment.is_overdue(now) && !matches!(close.to, PaymentStatus::Expired | PaymentStatus::Refunded) {
        claims::expire(tx, &mut payment, now)?;
        return Ok(CloseOutcome::NotNow(payment));
    }
    if !close.from.contains(&payment.status) || !payment.status.may_become(close.to) {
        return Ok(CloseOutcome::NotNow(payment));
    }
    if let (PaymentStatus::Succeeded, Some(booking)) = (payment.status, payment.booking_id) {
        bookings::set_refunded(tx, booking)?;
    }
    claims::free(tx, &payment)?;
    payment.status = close.to;
    payment.money_task = close.money_task;
    payments::write_state(tx, &payment)?;
    event_rows::put_events(tx, &close.events)?;
    Ok(CloseOutcome::Closed(payment))
}
