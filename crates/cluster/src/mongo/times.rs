//! Shortens times that would last too long after the clock was set back.

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use mongodb::bson::{Document, doc};
use seatkeeper_core::{
    payment::Payment,
    ports::{Backend, MAIL_WAIT_MAX, RELAY_LEASE_MAX, RESERVATION_LEASE_MAX, StoredTimes},
};

use super::{
    MongoStore, claims,
    conn::Conn,
    documents::{by_id, ms},
    fault::Fault,
    payments::PaymentDocument,
    schema::{ENDED_SESSIONS, LEASES, MAILS, PAYMENTS, RESERVATIONS, SESSIONS, SIGN_INS},
};

/// Fields with a time that is never later than the present.
const FROM_NOW: [(&str, &str); 4] =
    [(SESSIONS, "seen_at"), (SESSIONS, "created_at"), (ENDED_SESSIONS, "ended_at"), (SIGN_INS, "created_at")];

#[async_trait]
impl StoredTimes for MongoStore {
    async fn limit_times(&self, now: Timestamp) -> Backend<()> {
        self.transact((), move |conn, ()| limit_payments(conn, now).boxed()).await?;
        for (collection, field) in FROM_NOW {
            self.call(limit(&mut self.conn(), collection, field, ms(now))).await?;
        }
        for (collection, found, field, longest) in ends(now) {
            let end = ms(now.saturating_add(longest).unwrap_or(Timestamp::MAX));
            self.call(limit_end(&mut self.conn(), collection, found, field, end)).await?;
        }
        Ok(())
    }
}

/// Fields with an end that is never further away than this, with a filter that an index serves. A lease that is taken again
/// for an older call is not found: it ends in its own time.
fn ends(now: Timestamp) -> [(&'static str, Document, &'static str, SignedDuration); 3] {
    [
        (LEASES, doc! {}, "until", RELAY_LEASE_MAX),
        (RESERVATIONS, doc! { "created_at": { "$gt": ms(now) } }, "lease_until", RESERVATION_LEASE_MAX),
        (MAILS, doc! { "status": "PENDING" }, "due_at", MAIL_WAIT_MAX),
    ]
}

async fn limit_end(
    conn: &mut Conn,
    collection: &str,
    mut found: Document,
    field: &str,
    latest: i64,
) -> Result<(), Fault> {
    found.insert(field, doc! { "$gt": latest });
    conn.update_all(collection, found, doc! { "$set": { field: latest } }).await.map(drop)
}

async fn limit(conn: &mut Conn, collection: &str, field: &str, latest: i64) -> Result<(), Fault> {
    let later: Document = doc! { field: { "$gt": latest } };
    conn.update_all(collection, later, doc! { "$set": { field: latest } }).await.map(drop)
}

/// Moves payments in progress that were created in the future, and their claims, to the present.
async fn limit_payments(conn: &mut Conn, now: Timestamp) -> Result<(), Fault> {
    let statuses = doc! { "$in": ["PENDING", "CONFIRMING"] };
    let created = doc! { "is_unfinished": true, "status": statuses.clone(), "created_at": { "$gt": ms(now) } };
    let confirmed = doc! { "is_unfinished": true, "status": statuses, "confirming_since": { "$gt": ms(now) } };
    let mut found: Vec<PaymentDocument> = conn.list_all(PAYMENTS, created).await?;
    found.extend(conn.list_all::<PaymentDocument>(PAYMENTS, confirmed).await?);
    for PaymentDocument(payment) in found {
        let payment = moved(payment, now);
        let times = doc! {
            "created_at": ms(payment.created_at),
            "expires_at": ms(payment.expires_at),
            "confirming_since": payment.confirming_since.map(ms),
        };
        conn.update(PAYMENTS, by_id(payment.id), doc! { "$set": times }).await?;
        claims::move_times(conn, &payment).await?;
    }
    Ok(())
}

/// The payment with times as if it had begun at `now`, if it began later.
fn moved(payment: Payment, now: Timestamp) -> Payment {
    let early = payment.created_at.duration_since(now).max(SignedDuration::ZERO);
    Payment {
        created_at: payment.created_at.min(now),
        expires_at: payment.expires_at.saturating_sub(early).unwrap_or(now),
        confirming_since: payment.confirming_since.map(|since| since.min(now)),
        ..payment
    }
}
