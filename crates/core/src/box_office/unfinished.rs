//! Unfinished payments, for the reconciler: overdue, with an unknown outcome, or with a money task.

use super::{
    BoxOffice,
    payment_frames::publish_payment,
    seats::mend_screening,
    settling::{close, keep_locks, settle_payment},
};
use crate::{
    event::{Event, EventKind},
    ids::PaymentId,
    payment::{MoneyTask, Payment, PaymentStatus},
    ports::{Backend, CloseOutcome, ClosePayment, Cursor, Page, ProviderAnswer},
};

/// The page size of [`list_unfinished`].
pub const UNFINISHED_PAYMENTS_MAX: u32 = 200;

/// A page of unfinished payments. Also extends the locks of CONFIRMING ones, because resuming them may wait for the provider.
/// Read all pages, however many payments are stuck: the oldest must not starve the others.
///
/// # Errors
/// The store failed.
pub async fn list_unfinished(office: &BoxOffice, after: Option<Cursor>) -> Backend<Page<Payment>> {
    let items = office.ledger.list_unfinished(office.now(), after, UNFINISHED_PAYMENTS_MAX).await?;
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

/// Sets an overdue PENDING payment EXPIRED, deletes its claims and ends its payment lock. Returns whether the payment has
/// ended: if its confirmation began just in time, it keeps its claims.
pub(super) async fn expire_payment(office: &BoxOffice, payment: &Payment) -> Backend<bool> {
    let close = ClosePayment {
        id: payment.id,
        from: &[PaymentStatus::Pending],
        to: PaymentStatus::Expired,
        money_task: None,
        events: vec![Event::timeout_of(payment, office.now())],
    };
    let is_over = match office.ledger.close_payment(&close, office.now()).await? {
        CloseOutcome::Closed(expired) => {
            publish_payment(office, &expired).await;
            true
        }
        CloseOutcome::NotFound => true,
        CloseOutcome::NotNow(now) => !now.status.holds_claims(),
    };
    if is_over {
        end_payment_lock(office, payment).await;
    }
    Ok(is_over)
}

/// Ends the payment lock of an ended payment. Best effort: otherwise the next call that meets the lock ends it.
pub(super) async fn end_payment_lock(office: &BoxOffice, payment: &Payment) {
    let _ended_by_whoever_meets_it =
        office.locks.end_payment(payment.screening_id, payment.person_id, payment.id).await;
}

/// Runs the money task of a decided payment: captures or returns the money and updates the seat map. The reconciler repeats
/// it until provider and lock store have succeeded.
pub(super) async fn run_money_task(office: &BoxOffice, payment: &Payment) -> Backend<()> {
    let Some(task) = payment.money_task else { return Ok(()) };
    move_money(office, payment, task, false).await
}

async fn is_sold_still(office: &BoxOffice, id: PaymentId) -> Backend<bool> {
    let payment = office.ledger.find_payment(id).await?;
    Ok(payment.is_some_and(|payment| payment.status == PaymentStatus::Succeeded))
}

/// Captures or returns the money. The task is done only when the seat map is updated, too: `is_told` says that it is;
/// otherwise the map is reloaded here.
pub(super) async fn move_money(office: &BoxOffice, payment: &Payment, task: MoneyTask, is_told: bool) -> Backend<()> {
    let asked = match task {
        MoneyTask::Capture => office.provider.capture(payment.id).await,
        MoneyTask::GiveBack => office.provider.give_back(payment.id).await,
    };
    let Ok(answer) = asked else { return Ok(()) };
    let is_lost =
        task == MoneyTask::Capture && !matches!(answer, ProviderAnswer::Captured | ProviderAnswer::Authorised);
    let is_done = match task {
        MoneyTask::Capture => answer != ProviderAnswer::Authorised,
        MoneyTask::GiveBack => !matches!(answer, ProviderAnswer::Authorised | ProviderAnswer::Captured),
    };
    // If the provider refunded the sale meanwhile, no money is missing and the task is done.
    if is_lost && is_sold_still(office, payment.id).await? {
        // The sale stands without its money. A retry cannot help, so an event informs the operator.
        let kind = EventKind::SystemError {
            code: "capture_failed".into(),
            place: format!("payment {}", payment.id),
            count: 1,
        };
        let event =
            office.event(kind).at_screening(payment.screening_id).caused_by(&format!("uncaptured/{}", payment.id));
        office.outbox.append_events(&[event]).await?;
    }
    if payment.status == PaymentStatus::Expired && answer == ProviderAnswer::Refunded {
        // The provider had captured the money after all.
        return close(office, payment, PaymentStatus::Refunded, None).await.map(drop);
    }
    // The server that sold or refunded the seats may have died before it updated the seat map.
    let is_told = is_told || payment.booking_id.is_none();
    if is_done && (is_told || mend_screening(office, payment.screening_id).await.is_ok()) {
        office.ledger.finish_money_task(payment.id, task).await?;
    }
    Ok(())
}
