//! Reading and writing rows of payments.

use rusqlite::{Row, Transaction, params};
use seatkeeper_core::{ids::PaymentId, payment::Payment};

use super::rows::{Columns, Fault, StoredId, find, json_of, ms, run};

pub(super) fn find_payment(tx: &Transaction<'_>, id: PaymentId) -> Result<Option<Payment>, Fault> {
    find(tx, "SELECT * FROM payments WHERE id = ?1", [id.bytes()], read_payment)
}

pub(super) fn insert(tx: &Transaction<'_>, payment: &Payment) -> Result<(), Fault> {
    let sql = "INSERT INTO payments \
         (id, screening_id, person_id, method, status, seats, amount, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let values = params![
        payment.id.bytes(),
        payment.screening_id.bytes(),
        payment.person_id.bytes(),
        payment.method.as_ref(),
        payment.status.as_ref(),
        json_of(&payment.seats)?,
        payment.amount.amount,
        ms(payment.created_at),
        ms(payment.expires_at)
    ];
    run(tx, sql, values)?;
    Ok(())
}

/// Writes all mutable fields of a payment.
pub(super) fn write_state(tx: &Transaction<'_>, payment: &Payment) -> Result<(), Fault> {
    let sql = "UPDATE payments SET status = ?2, confirming_since = ?3, outcome = ?4, money_task = ?5, booking_id = ?6 \
         WHERE id = ?1";
    let values = params![
        payment.id.bytes(),
        payment.status.as_ref(),
        payment.confirming_since.map(ms),
        payment.outcome.as_ref().map(AsRef::as_ref),
        payment.money_task.as_ref().map(AsRef::as_ref),
        payment.booking_id.map(|id| id.bytes())
    ];
    run(tx, sql, values)?;
    Ok(())
}

pub(super) fn read_payment(row: &Row<'_>) -> Result<Payment, Fault> {
    Ok(Payment {
        id: row.id("id")?,
        screening_id: row.id("screening_id")?,
        person_id: row.id("person_id")?,
        method: row.word("method")?,
        status: row.word("status")?,
        seats: row.json("seats")?,
        amount: row.money("amount")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        confirming_since: row.maybe_time("confirming_since")?,
        outcome: row.maybe_word("outcome")?,
        money_task: row.maybe_word("money_task")?,
        booking_id: row.maybe_id("booking_id")?,
    })
}
