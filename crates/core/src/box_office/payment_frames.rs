//! Publishing a payment's status to its payer's sockets.
//!
//! Best effort, after the store has committed: a lost message changes nothing, because whoever needs the status asks for the
//! payment. Messages may be repeated or overtake each other; the payment in the store is what counts.

use super::BoxOffice;
use crate::{
    event::{Event, EventKind},
    locks::PaymentChange,
    payment::Payment,
    ports::Backend,
};

/// Publishes the status that a payment has now. Call it once the store has committed that status. Never fails: how long it
/// may take is bounded by the adapter.
pub(super) async fn publish_payment(office: &BoxOffice, payment: &Payment) {
    if let Err(error) = try_publish(office, payment).await {
        tracing::debug!(payment = %payment.id, screening = %payment.screening_id, %error, "a payment's status was not published");
    }
}

/// Publishes the payments that ran out of time. The store ends such a payment in the transaction of whoever meets it, who
/// may be another buyer: the event of that transaction is the only place where every such end is seen. The relay calls this,
/// so it gives up at the first failure.
pub(super) async fn publish_timeouts(office: &BoxOffice, events: &[Event]) {
    for event in events {
        let EventKind::BookingTimeout { payment_id, .. } = &event.kind else { continue };
        // The event may be old, and money may have come since: the status is the one of now.
        let published = match office.ledger.find_payment(*payment_id).await {
            Ok(Some(payment)) => try_publish(office, &payment).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = published {
            tracing::debug!(payment = %payment_id, %error, "a payment's end was not published");
            return;
        }
    }
}

async fn try_publish(office: &BoxOffice, payment: &Payment) -> Backend<()> {
    let change = PaymentChange {
        screening: payment.screening_id,
        holder: payment.person_id,
        payment: payment.id,
        status: payment.status,
    };
    office.live.publish_payment(change).await
}
