//! Starting a payment: claims all of its seats, or none.

use jiff::Timestamp;
use rusqlite::Transaction;
use seatkeeper_core::{
    ids::{PaymentId, SeatId},
    payment::PricedSeat,
    ports::{NewPayment, StartOutcome},
};

use super::{claims, event_rows, payments, plans::Plans, rows::Fault};

/// Writes a PENDING payment with a claim on each seat, or returns the first reason to refuse it.
pub(super) fn start_payment(
    tx: &Transaction<'_>,
    plans: &Plans,
    start: &NewPayment,
    now: Timestamp,
) -> Result<StartOutcome, Fault> {
    if let Some(stored) = payments::find_payment(tx, start.id)? {
        let same = stored.person_id == start.person_id && stored.screening_id == start.screening_id;
        return if same {
            Ok(StartOutcome::Started(stored))
        } else {
            Err(Fault::Broken("a payment's id is used twice"))
        };
    }
    let Some(open) = plans.find_open(tx, start.screening_id, start.sales_close)? else {
        return Ok(StartOutcome::NotFound);
    };
    if let Some(refused) = start.refused_by_screening(&open, now) {
        return Ok(refused);
    }
    let Some(payment) = start.priced(&open, now) else { return Ok(StartOutcome::NotFound) };
    match find_others(tx, start, &payment.seats, now)? {
        Others { paying: Some(payment), .. } => return Ok(StartOutcome::AlreadyPaying(payment)),
        Others { taken, .. } if !taken.is_empty() => return Ok(StartOutcome::SeatsTaken(taken)),
        Others { .. } => {}
    }
    if let Some(refused) = start.refused_by_price(&payment) {
        return Ok(refused);
    }
    if start.seats_everywhere_max.is_some() {
        let elsewhere = claims::count_of_person(tx, start.person_id, start.id, now)?;
        if let Some(refused) = start.refused_by_seats_elsewhere(&payment, elsewhere) {
            return Ok(refused);
        }
    }
    event_rows::put_events(tx, &start.events)?;
    payments::insert(tx, &payment)?;
    for seat in &payment.seats {
        claims::claim(tx, &payment, seat.id)?;
    }
    Ok(StartOutcome::Started(payment))
}

/// What prevents a payment from starting: seats taken by other people, or another payment of the same person.
struct Others {
    taken: Vec<SeatId>,
    paying: Option<PaymentId>,
}

fn find_others(
    tx: &Transaction<'_>,
    start: &NewPayment,
    seats: &[PricedSeat],
    now: Timestamp,
) -> Result<Others, Fault> {
    let mut others = Others { taken: Vec::new(), paying: None };
    for seat in seats {
        match claims::standing_claim(tx, start.screening_id, seat.id, start.id, now)? {
            Some(claim) if claim.person_id == start.person_id && !claim.is_sold => {
                others.paying.get_or_insert(claim.payment_id);
            }
            Some(_) => others.taken.push(seat.id),
            None if !seat.kind.is_for_sale() => others.taken.push(seat.id),
            None => {}
        }
    }
    Ok(others)
}
