//! Confirming a payment: PENDING → CONFIRMING in the store, then authorise (provider) → commit (store) → capture
//! (provider). Any server may repeat any step; the payment's status in the store decides which step is next.

use jiff::SignedDuration;

use super::{
    BoxOffice,
    best_effort::best_effort,
    maps::{end_unless_claiming, mend_screening, millis},
    payment_end::{SEATS_LOST, close, close_because, find_payment_of},
    payment_frames::publish_payment,
};
use crate::{
    booking::{Booking, BookingStatus, draw_code},
    event::EventKind,
    ids::{BookingId, PaymentId, PersonId},
    payment::{ConfirmOutcome, MoneyTask, Payment, PaymentStatus},
    ports::{Backend, BackendError, Charge, CommitBooking, CommitOutcome, ConfirmStart, ProviderAnswer, ProviderError},
};

/// The locks of a CONFIRMING payment are extended when the payment would expire in less than this time.
const KEEP_WHEN_LEFT: SignedDuration = SignedDuration::from_secs(30);

/// Extended locks expire this long from now. They are extended repeatedly until the outcome is known.
const EXTEND_BY: SignedDuration = SignedDuration::from_secs(60);

/// The most draws of a booking code. Collisions are rare, because there are about 10¹² codes.
const CODE_DRAWS_MAX: usize = 8;

/// Reason in a refund event: the payment succeeded late, after sales had ended.
const SALES_CLOSED: &str = "sales_closed";

/// The result of confirming a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmAnswer {
    /// The seats are sold.
    Succeeded(Box<(Payment, Booking)>),
    /// The provider declined the payment.
    Declined(Payment),
    /// The outcome is not known yet; poll the payment.
    Unknown(Payment),
    /// The payment expired before it was confirmed, or its outcome stayed unknown for too long.
    Expired(Payment),
    /// The payment succeeded too late for its seats, and its money is refunded.
    SeatsLost(Payment),
    /// The payment ended in another state, or its confirmation had asked for another outcome.
    NotPending(Payment),
    /// There is no such payment of this person.
    NotFound,
}

/// Confirms a payment. The caller spawns it as a task, because it must continue when the client disconnects.
///
/// # Errors
/// A call to the store failed. [`super::resume_payment`] continues the payment later.
pub async fn confirm_payment(
    office: &BoxOffice,
    person: PersonId,
    id: PaymentId,
    outcome: ConfirmOutcome,
) -> Backend<ConfirmAnswer> {
    if find_payment_of(office, person, id).await?.is_none() {
        return Ok(ConfirmAnswer::NotFound);
    }
    match office.stores.ledger.begin_confirming(id, outcome, office.now()).await? {
        ConfirmStart::NotFound => Ok(ConfirmAnswer::NotFound),
        ConfirmStart::Confirming(payment) if payment.outcome != Some(outcome) => Ok(ConfirmAnswer::NotPending(payment)),
        ConfirmStart::Confirming(payment) => {
            publish_payment(office, &payment).await;
            settle_payment(office, payment).await
        }
        ConfirmStart::Over(payment) => answer_of(office, payment, Some(outcome)).await,
    }
}

/// The answer to a confirmation that asked for `outcome` (`None`: for any), given the payment's current state.
async fn answer_of(office: &BoxOffice, payment: Payment, outcome: Option<ConfirmOutcome>) -> Backend<ConfirmAnswer> {
    let same = |expected| outcome.is_none_or(|outcome| outcome == expected);
    Ok(match payment.status {
        PaymentStatus::Succeeded if same(ConfirmOutcome::Success) => {
            let Some(id) = payment.booking_id else {
                return Err(BackendError::lasting("store", "a payment SUCCEEDED without a booking"));
            };
            if payment.money_task.is_some() {
                // The call that sold the seats may have stopped before it updated the seat map.
                let told = office.locks.mark_sold(payment.screening_id, payment.id, &payment.seat_ids()).await;
                best_effort(told, "the money task reloads the seat map");
            }
            match office.stores.sales.find_booking(id).await? {
                Some(booking) => ConfirmAnswer::Succeeded(Box::new((payment, booking))),
                None => return Err(BackendError::lasting("store", "the booking of a payment is missing")),
            }
        }
        PaymentStatus::Declined if same(ConfirmOutcome::Decline) => ConfirmAnswer::Declined(payment),
        PaymentStatus::Expired => ConfirmAnswer::Expired(payment),
        PaymentStatus::Refunded if same(ConfirmOutcome::Success) => ConfirmAnswer::SeatsLost(payment),
        PaymentStatus::Confirming => ConfirmAnswer::Unknown(payment),
        PaymentStatus::Pending
        | PaymentStatus::Succeeded
        | PaymentStatus::Declined
        | PaymentStatus::Cancelled
        | PaymentStatus::Refunded => ConfirmAnswer::NotPending(payment),
    })
}

/// Moves a CONFIRMING payment as far as possible towards its end. Idempotent and safe to call concurrently.
///
/// # Errors
/// A call to the store failed.
pub async fn settle_payment(office: &BoxOffice, payment: Payment) -> Backend<ConfirmAnswer> {
    if payment.status != PaymentStatus::Confirming {
        return answer_of(office, payment, None).await;
    }
    if payment.is_confirmed_too_long(office.now()) {
        return give_up(office, payment).await;
    }
    keep_locks(office, &payment).await;
    match authorise(office, &payment).await {
        Ok(ProviderAnswer::Authorised | ProviderAnswer::Captured) => {
            commit(office, payment, &[PaymentStatus::Confirming]).await
        }
        Ok(ProviderAnswer::Declined) => {
            let declined = close(office, &payment, PaymentStatus::Declined, None).await?;
            answer_of(office, declined, None).await
        }
        Ok(ProviderAnswer::Voided | ProviderAnswer::Refunded) => give_up(office, payment).await,
        Ok(ProviderAnswer::Unknown) => Ok(ConfirmAnswer::Unknown(payment)),
        Err(error) => {
            log_failed_call("authorise", &payment, &error);
            Ok(ConfirmAnswer::Unknown(payment))
        }
    }
}

/// Authorises the payment's money. There is none to authorise of a free payment: the payer's own answer counts, and the
/// provider is not asked.
async fn authorise(office: &BoxOffice, payment: &Payment) -> Result<ProviderAnswer, ProviderError> {
    let outcome = payment.outcome.unwrap_or(ConfirmOutcome::Success);
    if payment.is_free() {
        return Ok(match outcome {
            ConfirmOutcome::Success => ProviderAnswer::Authorised,
            ConfirmOutcome::Decline => ProviderAnswer::Declined,
        });
    }
    let charge = Charge { payment_id: payment.id, amount: payment.amount, method: payment.method, outcome };
    office.provider.authorise(&charge).await
}

/// Captures or returns the money. There is none of a free payment, and the provider is not asked; what is left of its money
/// task is to update the seat map.
async fn ask_to_move(office: &BoxOffice, payment: &Payment, task: MoneyTask) -> Result<ProviderAnswer, ProviderError> {
    match task {
        MoneyTask::Capture if payment.is_free() => Ok(ProviderAnswer::Captured),
        MoneyTask::GiveBack if payment.is_free() => Ok(ProviderAnswer::Voided),
        MoneyTask::Capture => office.provider.capture(payment.id).await,
        MoneyTask::GiveBack => office.provider.give_back(payment.id).await,
    }
}

/// Sells the payment's seats. The money is authorised or captured already; it is refunded if a seat was lost.
pub(super) async fn commit(
    office: &BoxOffice,
    payment: Payment,
    from: &'static [PaymentStatus],
) -> Backend<ConfirmAnswer> {
    let Some(open) = office.find_screening(payment.screening_id).await? else {
        // A screening with claims cannot be deleted. So this payment had ended without claims, and succeeded late.
        return refund_late(office, &payment, SEATS_LOST).await;
    };
    for _ in 0..CODE_DRAWS_MAX {
        let booking = Booking {
            id: BookingId::generate(office.now(), &*office.entropy),
            code: draw_code(&*office.entropy),
            status: BookingStatus::Confirmed,
            person_id: payment.person_id,
            payment_id: payment.id,
            screening_id: payment.screening_id,
            movie_id: open.screening.movie_id,
            movie_title: open.screening.movie_title.clone(),
            movie_title_th: open.screening.movie_title_th.clone(),
            hall_name: open.screening.hall_name.clone(),
            hall_name_th: open.screening.hall_name_th.clone(),
            start_time: open.screening.start_time,
            seats: payment.seats.clone(),
            total: payment.amount,
            created_at: office.now(),
        };
        let sold = EventKind::BookingSuccess {
            booking_id: booking.id,
            code: booking.code.clone(),
            payment_id: payment.id,
            seat_ids: payment.seat_ids(),
            total: booking.total,
        };
        let event = office
            .event(sold)
            .at_screening(payment.screening_id)
            .by(Some(payment.person_id))
            .caused_by(&format!("booking/{}", payment.id));
        let commit = CommitBooking {
            booking,
            from,
            sales_close: office.settings.sales_close,
            money_task: Some(MoneyTask::Capture),
            events: vec![event],
        };
        match office.stores.ledger.commit_booking(&commit, office.now()).await? {
            CommitOutcome::CodeTaken => {}
            CommitOutcome::NotFound => return Ok(ConfirmAnswer::NotFound),
            CommitOutcome::NotNow(payment) => return answer_of(office, payment, None).await,
            CommitOutcome::SeatsLost(_) => return refund_late(office, &payment, SEATS_LOST).await,
            CommitOutcome::SalesClosed => return refund_late(office, &payment, SALES_CLOSED).await,
            CommitOutcome::Committed(booking) => return finish_sale(office, &payment, booking).await,
        }
    }
    Err(BackendError::retryable("store", "no free booking code"))
}

async fn refund_late(office: &BoxOffice, payment: &Payment, reason: &str) -> Backend<ConfirmAnswer> {
    let refunded = close_because(office, payment, PaymentStatus::Refunded, Some(MoneyTask::GiveBack), reason).await?;
    run_money_task(office, &refunded).await?;
    answer_of(office, refunded, None).await
}

/// The steps after the commit of a sale. The reconciler repeats those that fail; a failure does not undo the sale.
async fn finish_sale(office: &BoxOffice, payment: &Payment, booking: Booking) -> Backend<ConfirmAnswer> {
    let sold = Payment {
        status: PaymentStatus::Succeeded,
        booking_id: Some(booking.id),
        money_task: Some(MoneyTask::Capture),
        ..payment.clone()
    };
    // Publish the status before the seats leave the hold. Otherwise the payer's page would report the seats as lost.
    publish_payment(office, &sold).await;
    let told = office.locks.mark_sold(payment.screening_id, payment.id, &payment.seat_ids()).await;
    let (person, screening) = (payment.person_id, payment.screening_id);
    office.hold_limits.sold(&office.settings.hold_rules(), person, screening, &payment.seat_ids(), office.now_ms());
    let is_told = best_effort(told, "the money task reloads the seat map");
    let captured = move_money(office, &sold, MoneyTask::Capture, is_told).await;
    best_effort(captured, "the reconciler retries the capture");
    Ok(ConfirmAnswer::Succeeded(Box::new((sold, booking))))
}

/// Ends a payment whose outcome was unknown for too long, or whose money the provider has returned, and returns the
/// money.
///
/// The payment is ended in the store before the provider is called, so that a concurrent settlement cannot sell any
/// more.
async fn give_up(office: &BoxOffice, payment: Payment) -> Backend<ConfirmAnswer> {
    let over = close(office, &payment, PaymentStatus::Expired, Some(MoneyTask::GiveBack)).await?;
    run_money_task(office, &over).await?;
    let over = office.stores.ledger.find_payment(over.id).await?.unwrap_or(over);
    answer_of(office, over, None).await
}

/// Extends the locks of a CONFIRMING payment if they expire soon.
pub(super) async fn keep_locks(office: &BoxOffice, payment: &Payment) {
    if payment.expires_at.duration_since(office.now()) < KEEP_WHEN_LEFT {
        let (screening, person) = (payment.screening_id, payment.person_id);
        let kept =
            office.locks.extend_payment(screening, person, payment.id, &payment.seat_ids(), millis(EXTEND_BY)).await;
        best_effort(kept, "the claim in the store protects the seats");
        // The payment may have ended since it was read. In that case no other call would end the payment lock that was
        // just extended.
        let ended = end_unless_claiming(office, screening, person, payment.id).await;
        best_effort(ended, "the next call that meets the payment lock ends it");
    }
}

/// Runs the money task of a payment with a decided outcome: captures or returns the money and updates the seat map. The
/// reconciler repeats the task until provider and lock store have succeeded.
pub(super) async fn run_money_task(office: &BoxOffice, payment: &Payment) -> Backend<()> {
    let Some(task) = payment.money_task else { return Ok(()) };
    move_money(office, payment, task, false).await
}

/// Captures or returns the money. The task is done only when the seat map is updated as well: `is_told` means that the
/// caller has updated it; otherwise the map is reloaded here.
async fn move_money(office: &BoxOffice, payment: &Payment, task: MoneyTask, is_told: bool) -> Backend<()> {
    let answer = match ask_to_move(office, payment, task).await {
        Ok(answer) => answer,
        Err(error) => {
            log_failed_call(task.as_ref(), payment, &error);
            return Ok(());
        }
    };
    let is_lost =
        task == MoneyTask::Capture && !matches!(answer, ProviderAnswer::Captured | ProviderAnswer::Authorised);
    let is_done = match task {
        MoneyTask::Capture => answer != ProviderAnswer::Authorised,
        MoneyTask::GiveBack => !matches!(answer, ProviderAnswer::Authorised | ProviderAnswer::Captured),
    };
    // The money is missing only while the sale stands. If the provider refunded the sale, none is missing.
    if is_lost && is_sold_still(office, payment.id).await? {
        // The seats are sold, but the money cannot be captured. A retry cannot help, so an event informs the operator.
        let kind = EventKind::SystemError {
            code: "capture_failed".into(),
            place: format!("payment {}", payment.id),
            count: 1,
        };
        let event =
            office.event(kind).at_screening(payment.screening_id).caused_by(&format!("uncaptured/{}", payment.id));
        office.stores.outbox.append_events(&[event]).await?;
    }
    if payment.status == PaymentStatus::Expired && answer == ProviderAnswer::Refunded {
        // The provider had captured the money although the payment expired, and has refunded it now.
        return close(office, payment, PaymentStatus::Refunded, None).await.map(drop);
    }
    if !is_done {
        return Ok(());
    }
    if !is_told && payment.booking_id.is_some() {
        // The server that sold or refunded the seats may have crashed before it updated the seat map.
        let mended = mend_screening(office, payment.screening_id).await;
        if !best_effort(mended, "the money task stays open, and the reconciler repeats it") {
            return Ok(());
        }
    }
    office.stores.ledger.finish_money_task(payment.id, task).await
}

async fn is_sold_still(office: &BoxOffice, id: PaymentId) -> Backend<bool> {
    let payment = office.stores.ledger.find_payment(id).await?;
    Ok(payment.is_some_and(|payment| payment.status == PaymentStatus::Succeeded))
}

/// Logs a failed call to the provider. The error lets an operator find a wrong API key. The reconciler repeats the
/// call.
fn log_failed_call(call: &str, payment: &Payment, error: &ProviderError) {
    tracing::warn!(call, payment = %payment.id, %error, "a call to the payment provider failed; it is repeated later");
}
