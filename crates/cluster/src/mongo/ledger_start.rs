//! Starts payments. A payment claims all of its seats or none.

use jiff::Timestamp;
use seatkeeper_core::{
    catalogue::OpenScreening,
    ids::{PaymentId, SeatId},
    payment::PricedSeat,
    ports::{NewPayment, StartOutcome},
};

use super::{claims, conn::Conn, fault::Fault, guards, outbox, payments, people, screenings};

/// Creates a PENDING payment with a claim on each seat, or returns the first reason to refuse it.
pub(super) async fn start_payment(conn: &mut Conn, start: &NewPayment, now: Timestamp) -> Result<StartOutcome, Fault> {
    if let Some(stored) = payments::find_payment(conn, start.id).await? {
        let same = stored.person_id == start.person_id && stored.screening_id == start.screening_id;
        return if same {
            Ok(StartOutcome::Started(stored))
        } else {
            Err(Fault::Broken("a payment's id is used twice"))
        };
    }
    let Some((screening, revision)) = screenings::find_screening(conn, start.screening_id).await? else {
        return Ok(StartOutcome::NotFound);
    };
    let open = OpenScreening::new(screening, revision, start.sales_close);
    if let Some(refused) = start.refused_by_screening(&open, now) {
        return Ok(refused);
    }
    let Some(payment) = start.priced(&open, now) else { return Ok(StartOutcome::NotFound) };
    match find_others(conn, start, &payment.seats, now).await? {
        Others { paying: Some(payment), .. } => return Ok(StartOutcome::AlreadyPaying(payment)),
        Others { taken, .. } if !taken.is_empty() => return Ok(StartOutcome::SeatsTaken(taken)),
        Others { .. } => {}
    }
    if let Some(refused) = start.refused_by_price(&payment) {
        return Ok(refused);
    }
    if start.seats_everywhere_max.is_some() {
        people::hold(conn, start.person_id).await?;
        let elsewhere = claims::count_of_person(conn, start.person_id, start.id, now).await?;
        if let Some(refused) = start.refused_by_seats_elsewhere(&payment, elsewhere) {
            return Ok(refused);
        }
    }
    outbox::put_events(conn, &start.events).await?;
    guards::hold(conn, payment.screening_id).await?;
    claims::claim(conn, &payment).await?;
    payments::insert(conn, &payment).await?;
    Ok(StartOutcome::Started(payment))
}

/// Why a payment cannot be started: others have taken seats, or the same person has another payment in progress.
struct Others {
    taken: Vec<SeatId>,
    paying: Option<PaymentId>,
}

async fn find_others(
    conn: &mut Conn,
    start: &NewPayment,
    seats: &[PricedSeat],
    now: Timestamp,
) -> Result<Others, Fault> {
    let ids: Vec<SeatId> = seats.iter().map(|seat| seat.id).collect();
    let claims = claims::standing_claims(conn, start.screening_id, &ids, start.id, now).await?;
    let mut others = Others { taken: Vec::new(), paying: None };
    for seat in seats {
        match claims.get(&seat.id) {
            Some(claim) if claim.person_id == start.person_id && !claim.is_sold() => {
                others.paying.get_or_insert(claim.payment_id);
            }
            Some(_) => others.taken.push(seat.id),
            None if !seat.kind.is_for_sale() => others.taken.push(seat.id),
            None => {}
        }
    }
    Ok(others)
}
