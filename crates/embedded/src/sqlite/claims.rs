//! Claims on seats. The primary key of this table prevents a seat from being sold twice.

use jiff::Timestamp;
use rusqlite::{Row, Transaction};
use seatkeeper_core::{
    event::Event,
    ids::{PaymentId, PersonId, ScreeningId, SeatId},
    payment::{Payment, PaymentStatus},
};

use super::{
    event_rows, payments,
    rows::{Columns, Fault, StoredId, find, list, ms, run},
};

/// A row of `seat_claims`: a payment's claim on a seat, or the sale of the seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) payment_id: PaymentId,
    pub(super) person_id: PersonId,
    pub(super) is_sold: bool,
    until_ms: Option<i64>,
}

impl Claim {
    fn is_overdue(&self, now: Timestamp) -> bool {
        self.until_ms.is_some_and(|until| until <= ms(now))
    }
}

fn read_claim(row: &Row<'_>) -> Result<Claim, Fault> {
    let state: String = row.get("state")?;
    Ok(Claim {
        payment_id: row.id("payment_id")?,
        person_id: row.id("person_id")?,
        is_sold: state == "SOLD",
        until_ms: row.get("until")?,
    })
}

/// The row of a seat. If it is the expired claim of a payment other than `mine`, that payment is set EXPIRED and the
/// result is `None`.
pub(super) fn standing_claim(
    tx: &Transaction<'_>,
    screening: ScreeningId,
    seat: SeatId,
    mine: PaymentId,
    now: Timestamp,
) -> Result<Option<Claim>, Fault> {
    let sql = "SELECT payment_id, person_id, state, until FROM seat_claims WHERE screening_id = ?1 AND seat_id = ?2";
    let claim = find(tx, sql, (screening.bytes(), seat.to_string()), read_claim)?;
    match claim {
        Some(claim) if claim.payment_id != mine && claim.is_overdue(now) => {
            expire_by_id(tx, claim.payment_id, now)?;
            Ok(None)
        }
        other => Ok(other),
    }
}

/// Sets EXPIRED every payment of a screening whose claims have expired, and deletes the claims.
pub(super) fn expire_overdue_at(tx: &Transaction<'_>, screening: ScreeningId, now: Timestamp) -> Result<(), Fault> {
    let sql = "SELECT DISTINCT payment_id FROM seat_claims WHERE screening_id = ?1 AND until <= ?2";
    for payment in list(tx, sql, (screening.bytes(), ms(now)), |row| row.id("payment_id"))? {
        expire_by_id(tx, payment, now)?;
    }
    Ok(())
}

pub(super) const OF_PERSON: &str = "SELECT count(*) FROM seat_claims WHERE person_id = ?1 AND state = 'CLAIMED' \
     AND payment_id <> ?2 AND (until IS NULL OR until > ?3)";

/// The number of seats that the person's payments in progress claim, except for `mine`.
pub(super) fn count_of_person(
    tx: &Transaction<'_>,
    person: PersonId,
    mine: PaymentId,
    now: Timestamp,
) -> Result<usize, Fault> {
    let count: u32 =
        tx.prepare_cached(OF_PERSON)?.query_row((person.bytes(), mine.bytes(), ms(now)), |row| row.get(0))?;
    Ok(count as usize)
}

fn expire_by_id(tx: &Transaction<'_>, id: PaymentId, now: Timestamp) -> Result<(), Fault> {
    let mut payment = payments::find_payment(tx, id)?.ok_or(Fault::Broken("a claim has no payment"))?;
    if !payment.is_overdue(now) {
        return Err(Fault::Broken("a claim expires before its payment"));
    }
    expire(tx, &mut payment, now)
}

/// Sets a PENDING payment EXPIRED, deletes its claims and writes the event.
pub(super) fn expire(tx: &Transaction<'_>, payment: &mut Payment, now: Timestamp) -> Result<(), Fault> {
    payment.status = PaymentStatus::Expired;
    payments::write_state(tx, payment)?;
    free(tx, payment)?;
    event_rows::put_events(tx, &[Event::timeout_of(payment, now)])
}

/// Claims a seat for a payment until the payment's expiry. The primary key refuses a second claim on the seat, even if
/// the caller's check missed it.
pub(super) fn claim(tx: &Transaction<'_>, payment: &Payment, seat: SeatId) -> Result<(), Fault> {
    let sql = "INSERT INTO seat_claims (screening_id, seat_id, payment_id, person_id, state, until) \
         VALUES (?1, ?2, ?3, ?4, 'CLAIMED', ?5)";
    let (screening, person) = (payment.screening_id.bytes(), payment.person_id.bytes());
    run(tx, sql, (screening, seat.to_string(), payment.id.bytes(), person, ms(payment.expires_at)))?;
    Ok(())
}

/// Removes the expiry of the payment's claims, so that they last until the payment ends.
pub(super) fn keep(tx: &Transaction<'_>, payment: &Payment) -> Result<(), Fault> {
    let sql = "UPDATE seat_claims SET until = NULL WHERE screening_id = ?1 AND seat_id = ?2 AND payment_id = ?3";
    for seat in &payment.seats {
        run(tx, sql, (payment.screening_id.bytes(), seat.id.to_string(), payment.id.bytes()))?;
    }
    Ok(())
}

/// Marks a seat sold that the payment has claimed or that is free. Fails when another payment has the seat.
pub(super) fn sell(tx: &Transaction<'_>, payment: &Payment, seat: SeatId) -> Result<(), Fault> {
    let sql = "INSERT INTO seat_claims (screening_id, seat_id, payment_id, person_id, state, until) \
         VALUES (?1, ?2, ?3, ?4, 'SOLD', NULL) ON CONFLICT (screening_id, seat_id) DO UPDATE \
         SET state = 'SOLD', until = NULL WHERE payment_id = excluded.payment_id";
    let (screening, person) = (payment.screening_id.bytes(), payment.person_id.bytes());
    match run(tx, sql, (screening, seat.to_string(), payment.id.bytes(), person))? {
        1 => Ok(()),
        _ => Err(Fault::Broken("a seat of another payment cannot be sold")),
    }
}

/// Deletes the payment's claims, or frees the seats that it has bought.
pub(super) fn free(tx: &Transaction<'_>, payment: &Payment) -> Result<(), Fault> {
    let sql = "DELETE FROM seat_claims WHERE screening_id = ?1 AND seat_id = ?2 AND payment_id = ?3";
    for seat in &payment.seats {
        run(tx, sql, (payment.screening_id.bytes(), seat.id.to_string(), payment.id.bytes()))?;
    }
    Ok(())
}
