//! The ledger: claims, payments and bookings. Each call is one transaction.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Row, Transaction};
use seatkeeper_core::{
    ids::{PaymentId, ScreeningId},
    locks::{ClaimedSeat, SeatTruth},
    payment::{CONFIRMING_FOR_MAX, ConfirmOutcome, MoneyTask, Payment, PaymentStatus},
    ports::{
        Backend, CloseOutcome, ClosePayment, CommitBooking, CommitOutcome, ConfirmStart, Cursor, Ledger, NewPayment,
        StartOutcome,
    },
};

use super::{
    SqliteStore, claims, ledger_commit, ledger_start, payments,
    rows::{Columns, Fault, StoredId, id_list, list, ms, run, whole_ms},
};

/// The shortest remaining time that is reported for a claim of a CONFIRMING payment. Such a claim has no expiry, and
/// the lock that a load of the seat map makes from it must not expire while the claim exists.
const CONFIRMING_LEFT_MIN: SignedDuration = SignedDuration::from_mins(1);

#[async_trait]
impl Ledger for SqliteStore {
    async fn start_payment(&self, start: &NewPayment, now: Timestamp) -> Backend<StartOutcome> {
        let (start, plans) = (start.clone(), Arc::clone(&self.plans));
        self.write(move |tx| ledger_start::start_payment(tx, &plans, &start, now)).await
    }

    async fn find_payment(&self, id: PaymentId) -> Backend<Option<Payment>> {
        self.read(move |tx| payments::find_payment(tx, id)).await
    }

    async fn begin_confirming(&self, id: PaymentId, outcome: ConfirmOutcome, now: Timestamp) -> Backend<ConfirmStart> {
        self.write(move |tx| begin_confirming(tx, id, outcome, now)).await
    }

    async fn commit_booking(&self, commit: &CommitBooking, now: Timestamp) -> Backend<CommitOutcome> {
        let commit = commit.clone();
        self.write(move |tx| ledger_commit::commit_booking(tx, &commit, now)).await
    }

    async fn close_payment(&self, close: &ClosePayment, now: Timestamp) -> Backend<CloseOutcome> {
        let close = close.clone();
        self.write(move |tx| ledger_commit::close_payment(tx, &close, now)).await
    }

    async fn finish_money_task(&self, id: PaymentId, task: MoneyTask) -> Backend<()> {
        let sql = "UPDATE payments SET money_task = NULL WHERE id = ?1 AND money_task = ?2";
        self.write(move |tx| run(tx, sql, (id.bytes(), task.as_ref())).map(|_| ())).await
    }

    async fn list_unfinished(&self, now: Timestamp, after: Option<Cursor>, limit: u32) -> Backend<Vec<Payment>> {
        let (at, id) = after.map_or((i64::MIN, [0; 16]), |after| (after.at, after.id.into_bytes()));
        self.read(move |tx| list(tx, UNFINISHED, (ms(now), limit, at, id), payments::read_payment)).await
    }

    async fn seat_truth(&self, screening: ScreeningId, now: Timestamp) -> Backend<SeatTruth> {
        self.read(move |tx| seat_truth(tx, screening, now)).await
    }

    async fn count_taken(&self, screenings: &[ScreeningId], now: Timestamp) -> Backend<Vec<u32>> {
        let ids = id_list(screenings);
        self.read(move |tx| list(tx, TAKEN, (ids?, ms(now)), |row| row.number("taken"))).await
    }
}

/// One subquery for each reason why a payment is unfinished, because each has its own partial index.
pub(super) const UNFINISHED: &str = "SELECT * FROM payments WHERE id IN ( \
     SELECT id FROM (SELECT id FROM payments WHERE status = 'PENDING' AND expires_at <= ?1 \
     AND (created_at, id) > (?3, ?4) ORDER BY created_at, id LIMIT ?2) \
     UNION SELECT id FROM (SELECT id FROM payments WHERE status = 'CONFIRMING' \
     AND (created_at, id) > (?3, ?4) ORDER BY created_at, id LIMIT ?2) \
     UNION SELECT id FROM (SELECT id FROM payments WHERE money_task IS NOT NULL \
     AND (created_at, id) > (?3, ?4) ORDER BY created_at, id LIMIT ?2)) \
     ORDER BY created_at, id LIMIT ?2";

/// Returns one row for each requested screening, in the order of the request.
pub(super) const TAKEN: &str = "SELECT \
     (SELECT count(*) FROM seat_claims c WHERE c.screening_id = unhex(asked.value) AND (c.until IS NULL OR c.until > ?2)) \
     AS taken FROM json_each(?1) AS asked ORDER BY asked.key";

/// Reads the payments of claims only, because sold seats need no payment data.
pub(super) const TRUTH: &str = "SELECT c.seat_id, c.state, c.person_id, c.payment_id, c.until, \
     (SELECT confirming_since FROM payments p WHERE p.id = c.payment_id AND c.state = 'CLAIMED') AS confirming_since, \
     (SELECT expires_at FROM payments p WHERE p.id = c.payment_id AND c.until IS NULL AND c.state = 'CLAIMED') AS extended_from \
     FROM seat_claims c WHERE c.screening_id = ?1 AND (c.until IS NULL OR c.until > ?2)";

fn begin_confirming(
    tx: &Transaction<'_>,
    id: PaymentId,
    outcome: ConfirmOutcome,
    now: Timestamp,
) -> Result<ConfirmStart, Fault> {
    let Some(mut payment) = payments::find_payment(tx, id)? else { return Ok(ConfirmStart::NotFound) };
    if payment.status == PaymentStatus::Confirming {
        return Ok(ConfirmStart::Confirming(payment));
    }
    if payment.is_overdue(now) {
        claims::expire(tx, &mut payment, now)?;
    }
    if payment.status != PaymentStatus::Pending {
        return Ok(ConfirmStart::Over(payment));
    }
    payment.status = PaymentStatus::Confirming;
    payment.confirming_since = Some(whole_ms(now));
    payment.outcome = Some(outcome);
    payments::write_state(tx, &payment)?;
    claims::keep(tx, &payment)?;
    Ok(ConfirmStart::Confirming(payment))
}

fn seat_truth(tx: &Transaction<'_>, screening: ScreeningId, now: Timestamp) -> Result<SeatTruth, Fault> {
    let mut truth = SeatTruth::default();
    let read = |row: &Row<'_>| {
        let state: String = row.get("state")?;
        if state == "SOLD" {
            truth.sold.push(row.seat("seat_id")?);
            return Ok(());
        }
        let until: Option<i64> = row.get("until")?;
        let confirming = row.maybe_time("confirming_since")?.unwrap_or(now);
        let claim = ClaimedSeat {
            id: row.seat("seat_id")?,
            holder: row.id("person_id")?,
            payment: row.id("payment_id")?,
            until: until.unwrap_or_else(|| confirming_until_ms(confirming, now)),
            extended_from: row.get("extended_from")?,
        };
        truth.claimed.push(claim);
        Ok(())
    };
    list(tx, TRUTH, (screening.bytes(), ms(now)), read)?;
    truth.sold.sort_unstable();
    truth.claimed.sort_unstable_by_key(|claim| claim.id);
    Ok(truth)
}

fn confirming_until_ms(since: Timestamp, now: Timestamp) -> i64 {
    let planned = since.saturating_add(CONFIRMING_FOR_MAX).unwrap_or(since);
    let at_least = now.saturating_add(CONFIRMING_LEFT_MIN).unwrap_or(now);
    ms(planned.max(at_least))
}
