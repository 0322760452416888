//! Unfinished payments, for the reconciler: PENDING past their expiry, CONFIRMING, or with an open money task.

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

/// A page of unfinished payments, oldest first. Also extends the locks of CONFIRMING payments, because resuming them
/// may have to wait for the provider. The caller reads all pages, so that stuck old payments do not starve the others.
///
/// # Errors
/// A call to the store failed.
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

/// Resumes an unfinished payment: expires it, settles it, or runs its money task.
///
/// # Errors
/// A call to the store failed.
pub async fn resume_payment(office: &BoxOffice, payment: Payment) -> Backend<()> {
    if payment.is_overdue(office.now()) {
        return expire_payment(office, &payment).await.map(drop);
    }
    if payment.status == PaymentStatus::Confirming {
        return settle_payment(office, payment).await.map(drop);
    }
    run_money_task(office, &payment).await
}
