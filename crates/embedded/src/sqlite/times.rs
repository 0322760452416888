//! Shortens times that would last too long after the clock was set back.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Transaction;
use seatkeeper_core::{
    ids::PaymentId,
    ports::{Backend, MAIL_WAIT_MAX, RELAY_LEASE_MAX, RESERVATION_LEASE_MAX, StoredTimes},
};

use super::{
    SqliteStore, payments,
    rows::{Columns, Fault, StoredId, list, ms, run},
};

/// Moves the payments that were created in the future to the present. Their claims follow. One statement for each status,
/// because each has its own partial index.
pub(super) const FUTURE_PAYMENTS: [&str; 2] = [
    "UPDATE payments SET expires_at = expires_at - (created_at - ?1), created_at = ?1 \
     WHERE status = 'PENDING' AND created_at > ?1 RETURNING id",
    "UPDATE payments SET expires_at = expires_at - (created_at - ?1), created_at = ?1 \
     WHERE status = 'CONFIRMING' AND created_at > ?1 RETURNING id",
];

/// Each sets a time that is later than ?1 to ?1.
const FROM_NOW: [&str; 5] = [
    "UPDATE payments SET confirming_since = ?1 WHERE status = 'CONFIRMING' AND confirming_since > ?1",
    "UPDATE sessions SET seen_at = ?1 WHERE seen_at > ?1",
    "UPDATE sessions SET created_at = ?1 WHERE created_at > ?1",
    "UPDATE ended_sessions SET ended_at = ?1 WHERE ended_at > ?1",
    "UPDATE sign_ins SET created_at = ?1 WHERE created_at > ?1",
];

/// Each sets an end that is later than ?1 to ?1, which is `now` and the longest time.
pub(super) const ENDS: [(&str, SignedDuration); 2] = [
    ("UPDATE relay_lease SET lease_until = ?1 WHERE lease_until > ?1", RELAY_LEASE_MAX),
    ("UPDATE mails SET due_at = ?1 WHERE status = 'PENDING' AND due_at > ?1", MAIL_WAIT_MAX),
];

/// Sets the ends of leases of calls that were made later than ?2. A lease that was taken again for an older call is not
/// found: it ends in its own time.
pub(super) const CALL_LEASES: &str =
    "UPDATE reservations SET lease_until = ?1 WHERE created_at > ?2 AND lease_until > ?1";

#[async_trait]
impl StoredTimes for SqliteStore {
    async fn limit_times(&self, now: Timestamp) -> Backend<()> {
        self.write(move |tx| limit_times(tx, now)).await
    }
}

fn limit_times(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let mut moved: Vec<PaymentId> = Vec::new();
    for sql in FUTURE_PAYMENTS {
        moved.extend(list::<PaymentId>(tx, sql, [ms(now)], |row| row.id("id"))?);
    }
    for id in moved {
        let payment = payments::find_payment(tx, id)?.ok_or(Fault::Broken("a payment is gone"))?;
        let sql = "UPDATE seat_claims SET until = ?4 \
             WHERE screening_id = ?1 AND seat_id = ?2 AND payment_id = ?3 AND until IS NOT NULL";
        for seat in &payment.seats {
            let until = ms(payment.expires_at);
            run(tx, sql, (payment.screening_id.bytes(), seat.id.to_string(), id.bytes(), until))?;
        }
    }
    for sql in FROM_NOW {
        run(tx, sql, [ms(now)])?;
    }
    let after = |longest: SignedDuration| ms(now.saturating_add(longest).unwrap_or(Timestamp::MAX));
    for (sql, longest) in ENDS {
        run(tx, sql, [after(longest)])?;
    }
    run(tx, CALL_LEASES, (after(RESERVATION_LEASE_MAX), ms(now)))?;
    Ok(())
}
