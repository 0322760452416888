//! Callbacks of the payment provider, which may be duplicated, reordered or forged. A callback only names a payment;
//! what happened to the money is always queried from the provider.

use super::{
    BoxOffice,
    maps::{LOCK_TRIES_MAX, load_screening, millis},
    payment_end::close,
    payment_frames::publish_payment,
    settling::{ConfirmAnswer, commit, run_money_task, settle_payment},
};
use crate::{
    ids::PaymentId,
    locks::{LockReply, SeatStatus},
    payment::{ConfirmOutcome, MoneyTask, Payment, PaymentStatus},
    ports::{Backend, BackendError, ConfirmStart, LockSeats, ProviderAnswer},
};

/// Handles a callback about a payment by querying the provider. `Ok(false)`: no payment has this id.
///
/// # Errors
/// A call to the store, the lock store or the provider failed; the provider sends the callback again.
pub async fn provider_reported(office: &BoxOffice, id: PaymentId) -> Backend<bool> {
    let Some(payment) = office.stores.ledger.find_payment(id).await? else { return Ok(false) };
    if payment.is_free() {
        // The provider was not asked about it, so it has nothing to report.
        return Ok(true);
    }
    let answer = office.provider.find(id).await.map_err(|error| BackendError::retryable("provider", error))?;
    match payment.status {
        PaymentStatus::Pending => match answer {
            ProviderAnswer::Authorised | ProviderAnswer::Captured => {
                paid_without_confirm(office, payment, ConfirmOutcome::Success).await?;
            }
            ProviderAnswer::Declined => paid_without_confirm(office, payment, ConfirmOutcome::Decline).await?,
            ProviderAnswer::Voided | ProviderAnswer::Refunded | ProviderAnswer::Unknown => {
                run_money_task(office, &payment).await?;
            }
        },
        PaymentStatus::Confirming => drop(settle_payment(office, payment).await?),
        PaymentStatus::Expired | PaymentStatus::Cancelled | PaymentStatus::Declined => match answer {
            ProviderAnswer::Authorised | ProviderAnswer::Captured => sell_late(office, payment).await?,
            ProviderAnswer::Declined | ProviderAnswer::Voided | ProviderAnswer::Refunded | ProviderAnswer::Unknown => {
                run_money_task(office, &payment).await?;
            }
        },
        PaymentStatus::Succeeded if answer == ProviderAnswer::Refunded => {
            // The provider has refunded the sale by itself. The money task stays open until the seat map is updated.
            let refunded = close(office, &payment, PaymentStatus::Refunded, Some(MoneyTask::GiveBack)).await?;
            run_money_task(office, &refunded).await?;
        }
        PaymentStatus::Succeeded | PaymentStatus::Refunded => run_money_task(office, &payment).await?,
    }
    Ok(true)
}

/// Settles a PENDING payment that was paid or declined at the provider before the page confirmed it, for example by QR
/// code.
async fn paid_without_confirm(office: &BoxOffice, payment: Payment, outcome: ConfirmOutcome) -> Backend<()> {
    match office.stores.ledger.begin_confirming(payment.id, outcome, office.now()).await? {
        ConfirmStart::Confirming(payment) => {
            publish_payment(office, &payment).await;
            settle_payment(office, payment).await.map(drop)
        }
        ConfirmStart::Over(payment) if outcome == ConfirmOutcome::Success && payment.status.is_ended_unpaid() => {
            sell_late(office, payment).await
        }
        ConfirmStart::Over(_) | ConfirmStart::NotFound => Ok(()),
    }
}

/// Handles a payment that succeeded late, after it had ended: sells its seats if they are free and sales are open, else
/// refunds it. The store checks whether sales are open in the transaction that sells.
async fn sell_late(office: &BoxOffice, payment: Payment) -> Backend<()> {
    let from = &[PaymentStatus::Expired, PaymentStatus::Cancelled, PaymentStatus::Declined];
    if !payment.is_given_up() && seats_are_free(office, &payment).await? {
        let answer = commit(office, payment.clone(), from).await?;
        if matches!(answer, ConfirmAnswer::SeatsLost(_)) {
            let seats = payment.seat_ids();
            office.locks.release(payment.screening_id, payment.person_id, Some(&seats)).await?;
        }
        return Ok(());
    }
    let refunded = close(office, &payment, PaymentStatus::Refunded, Some(MoneyTask::GiveBack)).await?;
    run_money_task(office, &refunded).await
}

/// Locks all seats of the payment for its payer. False if one of the seats is sold or held by another person.
async fn seats_are_free(office: &BoxOffice, payment: &Payment) -> Backend<bool> {
    let seats = payment.seat_ids();
    let call = LockSeats {
        screening: payment.screening_id,
        holder: payment.person_id,
        seats: &seats,
        not_for_sale: &[],
        ttl_ms: millis(office.settings.payment_ttl),
        seats_max: usize::MAX,
    };
    let mut reply = office.locks.lock(&call).await?;
    for _ in 1..LOCK_TRIES_MAX {
        let LockReply::NotLoaded { seq } = reply else { break };
        load_screening(office, payment.screening_id, seq).await?;
        reply = office.locks.lock(&call).await?;
    }
    match reply {
        LockReply::Held(_) => Ok(true),
        LockReply::Taken(_) | LockReply::TooMany => Ok(false),
        LockReply::NotLoaded { .. } => Err(BackendError::retryable("locks", "the seat map is changing too fast")),
        // The payer has a payment lock for another payment, so locking is refused. Check instead that no other person
        // has one of these seats.
        LockReply::Paying(_) => {
            let mine = office.locks.find_hold(payment.screening_id, payment.person_id).await?;
            let map = office.locks.snapshot(payment.screening_id).await?;
            let map = map.map_err(|_| BackendError::retryable("locks", "the seat map is not loaded"))?;
            Ok(map.seats.iter().filter(|seat| seats.contains(&seat.id)).all(|seat| {
                let held = mine.seats.iter().any(|held| held.id == seat.id);
                held && matches!(seat.status, SeatStatus::Locked { .. })
            }))
        }
    }
}
