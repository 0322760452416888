//! Starting a payment: a claim on each of its seats, or nothing.

use jiff::Timestamp;
use rusqlite::Transaction;
use seatkeeper_core::{
    catalogue::OpenScreening,
    ids::{PaymentId, SeatId},
    money::Money,
    payment::{Payment, PaymentStatus, PricedSeat},
    ports::{NewPayment, StartOutcome},
};

use super::{
    claims, outbox, payments,
    plans::Plans,
    rows::{Fault, whole_ms},
};

/// PENDING with a claim on each seat, or the first reason why not.
pub(super) fn start_payment(
    tx: &Transaction<'_>,
    plans: &Plans,
    start: &NewPayment,
    now: Timestamp,
) -> Result<StartOutcome, Fault> {
    if let Some(stored) = payments::find_payment(tx, start.id)? {
        let same = stored.person_id == start.person_id && stored.screening_id == start.screening_id;
        return if same { Ok(StartOutcome::Started(stored)) } else { Err(Fault::Broken("a payment's id used twice")) };
    }
    let Some(open) = plans.find_open(tx, start.screening_id, start.sales_close)? else {
        return Ok(StartOutcome::NotFound);
    };
    let Some(seats) = price_seats(&open, &start.seats) else { return Ok(StartOutcome::NotFound) };
    if open.sales_closed(now) {
        return Ok(StartOutcome::SalesClosed);
    }
    match find_others(tx, start, &seats, now)? {
        Others { paying: Some(payment), .. } => return Ok(StartOutcome::AlreadyPaying(payment)),
        Others { taken, .. } if !taken.is_empty() => return Ok(StartOutcome::SeatsTaken(taken)),
        Others { .. } => {}
    }
    let payment = new_payment(start, seats, now)?;
    outbox::put_events(tx, &start.events)?;
    payments::insert(tx, &payment)?;
    for seat in &payment.seats {
        claims::claim(tx, &payment, seat.id)?;
    }
    Ok(StartOutcome::Started(payment))
}

/// In order of seat; `None` when one is not there, or there are none.
fn price_seats(open: &OpenScreening, ids: &[SeatId]) -> Option<Vec<PricedSeat>> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let priced = ids.into_iter().map(|id| {
        let seat = open.plan.find(id)?;
        Some(PricedSeat { id, kind: seat.kind, price: open.price_of(seat) })
    });
    priced.collect::<Option<Vec<_>>>().filter(|seats| !seats.is_empty())
}

/// Whoever stands in the way.
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

fn new_payment(start: &NewPayment, seats: Vec<PricedSeat>, now: Timestamp) -> Result<Payment, Fault> {
    let amount = Money::sum(seats.iter().map(|seat| seat.price)).ok_or(Fault::Broken("a sum beyond all money"))?;
    Ok(Payment {
        id: start.id,
        screening_id: start.screening_id,
        person_id: start.person_id,
        method: start.method,
        status: PaymentStatus::Pending,
        seats,
        amount,
        created_at: whole_ms(now),
        expires_at: whole_ms(start.expires_at),
        confirming_since: None,
        outcome: None,
        money_task: None,
        booking_id: None,
    })
}
