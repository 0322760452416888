//! Publishing a payment's status to the sockets of its payer.
//!
//! Publishing is best effort and follows the store's commit: a client that misses a message queries the payment.
//! Messages may be duplicated or reordered; the payment in the store is authoritative.

use super::BoxOffice;
use crate::{
    event::{Event, EventKind},
    locks::PaymentChange,
    payment::Payment,
    ports::Backend,
};

/// Publishes a payment's current status. Call it after the store has committed that status. A failure is only logged,
/// and the adapter limits how long the call takes.
pub(super) async fn publish_payment(office: &BoxOffice, payment: &Payment) {
    if let Err(error) = try_publish(office, payment).await {
        tracing::warn!(
            payment = %payment.id, screening = %payment.screening_id, %error,
            "a payment's status was not published; clients query it"
        );
    }
}

/// Publishes the status of the payments whose expiry `events` report. Any call of the store that finds an overdue
/// payment expires it, for example another buyer's, so only these events report every expiry. The relay calls this and
/// must not be delayed, so it stops at the first failure.
pub(super) async fn publish_timeouts(office: &BoxOffice, events: &[Event]) {
    for event in events {
        let EventKind::BookingTimeout { payment_id, .. } = &event.kind else { continue };
        // The event may be old, and the payment may have succeeded late since then, so its current status is read and
        // published.
        let published = match office.stores.ledger.find_payment(*payment_id).await {
            Ok(Some(payment)) => try_publish(office, &payment).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = published {
            tracing::warn!(payment = %payment_id, %error, "a payment's expiry was not published; clients query it");
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
