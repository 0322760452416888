//! Ends payments, with or without a sale.

use jiff::{SignedDuration, Timestamp};
use seatkeeper_core::{
    booking::Booking,
    catalogue::OpenScreening,
    ids::SeatId,
    payment::{Payment, PaymentStatus},
    ports::{CloseOutcome, ClosePayment, CommitBooking, CommitOutcome},
};

use super::{bookings, claims, conn::Conn, documents::whole_ms, fault::Fault, guards, outbox, payments, screenings};

/// Commits the sale of the payment's seats: writes claims, payment, booking and events in one transaction.
pub(super) async fn commit_booking(
    conn: &mut Conn,
    commit: &CommitBooking,
    now: Timestamp,
) -> Result<CommitOutcome, Fault> {
    let Some(mut payment) = payments::find_payment(conn, commit.booking.payment_id).await? else {
        return Ok(CommitOutcome::NotFound);
    };
    if let (PaymentStatus::Succeeded, Some(id)) = (payment.status, payment.booking_id) {
        let booking = bookings::find_booking(conn, id).await?.ok_or(Fault::Broken("a sale has no booking"))?;
        return Ok(CommitOutcome::Committed(booking));
    }
    if !commit.from.contains(&payment.status) || !payment.status.may_become(PaymentStatus::Succeeded) {
        return Ok(CommitOutcome::NotNow(payment));
    }
    check_booking(&commit.booking, &payment)?;
    if payment.is_late(now) && are_sales_closed(conn, &payment, commit.sales_close, now).await? {
        return Ok(CommitOutcome::SalesClosed);
    }
    let unclaimed = match find_unclaimed(conn, &payment, now).await? {
        Unclaimed::Lost(seats) => return Ok(CommitOutcome::SeatsLost(seats)),
        Unclaimed::Free(seats) => seats,
    };
    let booking = Booking {
        start_time: whole_ms(commit.booking.start_time),
        created_at: whole_ms(commit.booking.created_at),
        ..commit.booking.clone()
    };
    let booking = screenings::with_show_of_now(conn, booking).await?;
    if !bookings::insert(conn, &booking).await? {
        return Ok(CommitOutcome::CodeTaken);
    }
    if !unclaimed.is_empty() {
        guards::hold(conn, payment.screening_id).await?;
    }
    claims::sell(conn, &payment, &unclaimed).await?;
    payment.status = PaymentStatus::Succeeded;
    payment.booking_id = Some(booking.id);
    payment.money_task = commit.money_task;
    payments::write_state(conn, &payment).await?;
    outbox::put_events(conn, &commit.events).await?;
    Ok(CommitOutcome::Committed(booking))
}

/// Fails when person, screening, seats or total of the booking differ from those of the payment, which would be a bug.
fn check_booking(booking: &Booking, payment: &Payment) -> Result<(), Fault> {
    let same_what = booking.screening_id == payment.screening_id && booking.seats == payment.seats;
    let same_who = booking.person_id == payment.person_id && booking.total == payment.amount;
    if same_what && same_who { Ok(()) } else { Err(Fault::Broken("a booking differs from its payment")) }
}

/// Whether the screening's start in the store closes its sales. A late payment has no claims, so its sale also writes
/// to a guard of the screening and thereby conflicts with a concurrent change of the start. False for a deleted
/// screening: its seats are reported as lost instead.
async fn are_sales_closed(
    conn: &mut Conn,
    payment: &Payment,
    sales_close: SignedDuration,
    now: Timestamp,
) -> Result<bool, Fault> {
    let screening = screenings::find_screening(conn, payment.screening_id).await?;
    Ok(screening.is_some_and(|(one, revision)| OpenScreening::new(one, revision, sales_close).sales_closed(now)))
}

/// The seats of a payment on which it has no claim.
enum Unclaimed {
    /// These seats are not available: others have claimed or bought them, or they are not for sale any more.
    Lost(Vec<SeatId>),
    /// All seats of the payment without a claim are available; these are they.
    Free(Vec<SeatId>),
}

async fn find_unclaimed(conn: &mut Conn, payment: &Payment, now: Timestamp) -> Result<Unclaimed, Fault> {
    let (mut lost, mut unclaimed) = (Vec::new(), Vec::new());
    let ids = payment.seat_ids();
    let claims = claims::standing_claims(conn, payment.screening_id, &ids, payment.id, now).await?;
    for seat in ids {
        match claims.get(&seat) {
            Some(claim) if claim.payment_id == payment.id => {}
            Some(_) => lost.push(seat),
            None => unclaimed.push(seat),
        }
    }
    if !unclaimed.is_empty() {
        // Nothing has protected the screening while the payment had no claims: an administrator may have changed,
        // cancelled or deleted it.
        let screening = screenings::find_screening(conn, payment.screening_id).await?;
        // No seat of a cancelled screening may be sold.
        let screening = screening.filter(|(screening, _)| !screening.is_cancelled);
        let open = screening.map(|(screening, revision)| OpenScreening::new(screening, revision, SignedDuration::ZERO));
        let is_there = |seat: &SeatId| {
            let planned = open.as_ref().and_then(|open| open.plan.find(*seat));
            planned.is_some_and(|planned| planned.kind.is_for_sale())
        };
        lost.extend(unclaimed.iter().filter(|seat| !is_there(seat)));
    }
    lost.sort_unstable();
    Ok(if lost.is_empty() { Unclaimed::Free(unclaimed) } else { Unclaimed::Lost(lost) })
}

/// Ends a payment without a sale, or refunds a sold one.
pub(super) async fn close_payment(
    conn: &mut Conn,
    close: &ClosePayment,
    now: Timestamp,
) -> Result<CloseOutcome, Fault> {
    let Some(mut payment) = payments::find_payment(conn, close.id).await? else { return Ok(CloseOutcome::NotFound) };
    // An overdue payment is expired first, in case the reconciler has not done it yet.
    if payment.is_overdue(now) && !matches!(close.to, PaymentStatus::Expired | PaymentStatus::Refunded) {
        claims::expire(conn, &mut payment, now).await?;
        return Ok(CloseOutcome::NotNow(payment));
    }
    if !close.from.contains(&payment.status) || !payment.status.may_become(close.to) {
        return Ok(CloseOutcome::NotNow(payment));
    }
    if let (PaymentStatus::Succeeded, Some(booking)) = (payment.status, payment.booking_id) {
        bookings::set_refunded(conn, booking).await?;
    }
    claims::free(conn, &payment).await?;
    payment.status = close.to;
    payment.money_task = close.money_task;
    payments::write_state(conn, &payment).await?;
    outbox::put_events(conn, &close.events).await?;
    Ok(CloseOutcome::Closed(payment))
}
