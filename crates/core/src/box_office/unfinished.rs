//! Payments that nobody is looking after: out of time, in doubt, or with money still to move.

use super::{BoxOffice, settling::settle_payment};
use crate::{
    event::{Event, EventKind},
    payment::{MoneyTask, Payment, PaymentStatus},
    ports::{Backend, ClosePayment, ProviderAnswer},
};

/// How many unfinished payments one round looks at.
pub const UNFINISHED_PAYMENTS_MAX: u32 = 200;

/// One round of the reconciler: takes every unfinished payment a step further. Answers how many it met.
///
/// # Errors
/// The store failed; the next round goes on.
pub async fn resume_unfinished(office: &BoxOffice) -> Backend<usize> {
    let payments = office.ledger.list_unfinished(office.now(), UNFINISHED_PAYMENTS_MAX).await?;
    let met = payments.len();
    let mut failure = None;
    for payment in payments {
        // One payment that fails must not keep the others waiting.
        if let Err(error) = resume(office, payment).await {
            failure = Some(error);
        }
    }
    failure.map_or(Ok(met), Err)
}

async fn resume(office: &BoxOffice, payment: Payment) -> Backend<()> {
    if payment.is_overdue(office.now()) {
        return expire_payment(office, &payment).await;
    }
    if payment.status == PaymentStatus::Confirming {
        return settle_payment(office, payment).await.map(drop);
    }
    run_money_task(office, &payment).await
}

/// Sets a PENDING payment past its time EXPIRED, frees its claims and ends its payment lock.
pub(super) async fn expire_payment(office: &BoxOffice, payment: &Payment) -> Backend<()> {
    let close = ClosePayment {
        id: payment.id,
        from: &[PaymentStatus::Pending],
        to: PaymentStatus::Expired,
        money_task: None,
        events: vec![Event::timeout_of(payment, office.now())],
    };
    office.ledger.close_payment(&close, office.now()).await?;
    end_payment_lock(office, payment).await;
    Ok(())
}

/// Ends the payment lock of a payment that is over. If the lock store is away, whoever meets the lock ends it.
pub(super) async fn end_payment_lock(office: &BoxOffice, payment: &Payment) {
    let _ended_by_whoever_meets_it =
        office.locks.end_payment(payment.screening_id, payment.person_id, payment.id).await;
}

/// Moves the money that a decided payment still owes: takes it, or gives it back. Repeated until the provider has done it.
pub(super) async fn run_money_task(office: &BoxOffice, payment: &Payment) -> Backend<()> {
    let Some(task) = payment.money_task else { return Ok(()) };
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
    if is_lost {
        // A sale stands without its money: people must know, and repeating will not help.
        let kind = EventKind::SystemError {
            code: "capture_failed".into(),
            place: format!("payment {}", payment.id),
            count: 1,
        };
        let event =
            office.event(kind).at_screening(payment.screening_id).caused_by(&format!("uncaptured/{}", payment.id));
        office.outbox.append_events(&[event]).await?;
    }
    if is_done {
        office.ledger.finish_money_task(payment.id, task).await?;
    }
    Ok(())
}
