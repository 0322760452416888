//! Conversions of payments to and from documents.

use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use mongodb::bson::{Bson, doc};
use seatkeeper_core::{
    ids::{BookingId, PaymentId, PersonId, ScreeningId},
    money::Money,
    payment::{ConfirmOutcome, MoneyTask, Payment, PaymentMethod, PaymentStatus, PricedSeat},
};
use serde::{Deserialize, Serialize};

use super::{
    conn::Conn,
    documents::{by_id, ms},
    fault::Fault,
    schema::PAYMENTS,
};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Payment")]
struct Fields {
    #[serde(rename = "_id")]
    id: PaymentId,
    screening_id: ScreeningId,
    person_id: PersonId,
    method: PaymentMethod,
    status: PaymentStatus,
    seats: Vec<PricedSeat>,
    amount: Money,
    #[serde(with = "millisecond::required")]
    created_at: Timestamp,
    #[serde(with = "millisecond::required")]
    expires_at: Timestamp,
    #[serde(with = "millisecond::optional")]
    confirming_since: Option<Timestamp>,
    outcome: Option<ConfirmOutcome>,
    money_task: Option<MoneyTask>,
    booking_id: Option<BookingId>,
}

/// A payment as it is read from its document.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct PaymentDocument(#[serde(with = "Fields")] pub(super) Payment);

/// A payment as it is first written.
#[derive(Serialize)]
struct New<'a> {
    #[serde(flatten, with = "Fields")]
    payment: &'a Payment,
    is_unfinished: bool,
}

pub(super) async fn find_payment(conn: &mut Conn, id: PaymentId) -> Result<Option<Payment>, Fault> {
    Ok(conn.find::<PaymentDocument>(PAYMENTS, by_id(id)).await?.map(|document| document.0))
}

pub(super) async fn insert(conn: &mut Conn, payment: &Payment) -> Result<(), Fault> {
    conn.insert(PAYMENTS, &New { payment, is_unfinished: is_unfinished(payment) }).await
}

/// Writes all fields of a payment that can change.
pub(super) async fn write_state(conn: &mut Conn, payment: &Payment) -> Result<(), Fault> {
    let state = doc! {
        "status": payment.status.as_ref(),
        "confirming_since": payment.confirming_since.map(ms),
        "outcome": payment.outcome.as_ref().map(AsRef::as_ref),
        "money_task": payment.money_task.as_ref().map(AsRef::as_ref),
        "booking_id": payment.booking_id.map(|id| id.to_string()),
        "is_unfinished": is_unfinished(payment),
    };
    conn.update(PAYMENTS, by_id(payment.id), doc! { "$set": state }).await?;
    Ok(())
}

/// Removes a completed money task (capture or refund) from its payment. The payment ended before and had no other open
/// work, so it is also marked as finished.
pub(super) async fn finish_task(conn: &mut Conn, id: PaymentId, task: MoneyTask) -> Result<(), Fault> {
    let with_task = doc! { "_id": id.to_string(), "money_task": task.as_ref() };
    let done = doc! { "$set": { "money_task": Bson::Null, "is_unfinished": false } };
    conn.update(PAYMENTS, with_task, done).await?;
    Ok(())
}

/// Whether the payment may need further work. Only unfinished payments are in the partial index that the reconciler
/// queries.
fn is_unfinished(payment: &Payment) -> bool {
    payment.status.holds_claims() || payment.money_task.is_some()
}
