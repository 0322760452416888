//! Unfinished payments, for the reconciler: overdue, with an unknown outcome, or with a money task.

use super::{
    BoxOffice,
    payment_end::expire_payment,
    settling::{keep_locks, run_money_task, settle_payment},
};
use crate::{
    payment::{Payment, PaymentStatus},
    ports::{Backend, Cursor, Page},
};

/// The page size of [`list_unfinished`].
pub const UNFINISHED_PAYMENTS_MAX: u32 = 200;

/// A page of unfinished payments. Also extends the locks of CONFIRMING ones, because resuming them may wait for the provider.
/// Read all pages, however many payments are stuck: the oldest must not starve the others.
///
/// # Errors
/// The store failed.
pub async fn list_unfinished(office: &BoxOffice, after: Option<Cursor>) -> Backend<Page<Payment>> {
    let items = office.stores.ledger.list_unfinished(office.now(), after, UNFINISHED_PAYMENTS_MAX).await?;
    for payment in items.iter().filter(|payment| payment.status == PaymentStatus::Confirming) {
        keep_locks(office, payment).await;
    }
    let is_full = items.len() >= UNFINISHED_PAYMENTS_MAX as usize;
    let key = |payment: &Payment| Cursor { at: payment.created_at.as_millisecond(), id: payment.id.as_uuid() };
    let next = items.last().filter(|_| is_full).map(key);
    Ok(Page { items, next })
}

/// Takes an unfinished payment one step further.
///
/// # Errors
/// The store failed.
pub async fn resume_payment(office: &BoxOffice, payment: Payment) -> Backend<()> {
    if payment.is_overdue(office.now()) {
        return expire_payment(office, &payment).await.map(drop);
    }
    if payment.status == PaymentStatus::Confirming {
        return settle_payment(office, payment).await.map(drop);
    }
    run_money_task(office, &payment).await
}
