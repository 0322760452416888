//! Payments for the caller's hold.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use seatkeeper_core::{
    box_office::{
        self, Buyer, CancelOutcome, ConfirmAnswer, OUTCOME_POLLED_EVERY, OUTCOME_WITHIN, StartPaymentOutcome,
    },
    ids::{PaymentId, PersonId},
    invalid::Rule,
    money::Money,
    payment::{self, ConfirmOutcome, PaymentMethod, PaymentStatus},
    ports::{BackendError, ShownToPayer},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use utoipa::ToSchema;

use super::{
    idempotent::{self, Call, Stored},
    locks::too_many_everywhere,
    promptpay,
};
use crate::{
    auth::{Fresh, SignedIn},
    error::{ApiError, ApiResult, ErrorCode},
    extract::{IdempotencyKeyHeader, PathId, RawJson, parse_json},
    screening_name::{self, ScreeningSelector},
    state::App,
    wire::{Booking, ConfirmOutcomeShape, MoneyShape, Payment, PaymentMethodShape},
};

/// The mock payment provider, for which the payer decides on the page whether the payment succeeds.
const MOCK_PROVIDER: &str = "mock";

/// The payment as JSON type, with the QR code to scan while it waits for a PromptPay transfer.
fn to_wire(app: &App, payment: &payment::Payment) -> Payment {
    let is_waiting =
        payment.status == PaymentStatus::Pending && payment.needed_method() == Some(PaymentMethod::Promptpay);
    let action = is_waiting.then(|| promptpay::action(app.config.promptpay_id.as_deref(), payment.amount)).flatten();
    Payment::new(payment, action)
}

/// What to pay for and how: everything that I hold at the screening.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PaymentRequest {
    /// The screening.
    pub screening_id: Option<String>,
    /// Or its film …
    pub movie_id: Option<String>,
    /// … and start.
    pub start_time: Option<Timestamp>,
    /// How. Needed unless the total is 0.
    #[schema(value_type = Option<PaymentMethodShape>)]
    pub method: Option<String>,
    /// The screening's revision that the payer saw: an older one is refused, and nothing changes.
    pub revision: Option<u64>,
    /// The sum that the payer saw: another one than the server's is refused, and nothing changes.
    #[schema(value_type = Option<MoneyShape>)]
    pub total: Option<Money>,
}

/// Starts a payment
///
/// Everything I hold at the screening. The locks restart once, and until the payment is over seats cannot be changed. A payment
/// of 0 needs no method; it is confirmed by its payer, and no payment provider is asked.
#[utoipa::path(post, path = "/api/payments", tag = "Paying", security(("session" = [])), request_body = PaymentRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "1–255 printable characters", max_length = 255)),
    responses((status = 201, body = Payment), (status = 404, description = "`screening_not_found`"),
        (status = 409, description = "`ambiguous_screening`, `screening_cancelled`, `screening_changed` with `screening`, \
            `sales_closed`, `nothing_locked`, `payment_in_progress`, `seat_taken`, `price_changed` with `total` and `seats`, \
            `in_progress`"),
        (status = 422, description = "`unknown_method`, `too_many_seats_everywhere` with `seats_max` and `held_elsewhere`, \
            `idempotency_key_reused`")))]
pub(crate) async fn start_payment(
    State(app): State<App>,
    Fresh(person): Fresh,
    key: IdempotencyKeyHeader,
    RawJson(body): RawJson,
) -> ApiResult<Response> {
    let (name, stored) = ("POST /api/payments".to_owned(), Stored::Successes);
    let call = Call { person: person.id, name, key, body: body.clone(), stored };
    // The network does not count for payments: the seats are held already.
    let buyer = Buyer { is_staff: person.role.is_staff(), ..Buyer::alone(person.id) };
    let office = app.clone();
    idempotent::answer(&app, call, |id| async move {
        let wanted: PaymentRequest = parse_json(&body)?;
        start(&office, &buyer, &wanted, PaymentId::from_uuid(id)).await
    })
    .await
}

async fn start(app: &App, buyer: &Buyer, wanted: &PaymentRequest, id: PaymentId) -> ApiResult<Response> {
    let (screening_id, movie_id) = (wanted.screening_id.as_deref(), wanted.movie_id.as_deref());
    let open = ScreeningSelector { screening_id, movie_id, start_time: wanted.start_time }.find(app).await?;
    let method = wanted.method.as_deref().map(str::parse::<PaymentMethod>).transpose();
    let method = method.map_err(|_| ErrorCode::UnknownMethod)?;
    let in_progress = |id| ApiError::new(ErrorCode::PaymentInProgress).payment_id(id);
    let shown = ShownToPayer { revision: wanted.revision, total: wanted.total };
    match box_office::start_payment(&app.office, buyer, &open, id, method, shown).await? {
        StartPaymentOutcome::Started(payment) => {
            Ok((StatusCode::CREATED, Json(to_wire(app, &payment))).into_response())
        }
        StartPaymentOutcome::NotFound => Err(ErrorCode::ScreeningNotFound.into()),
        StartPaymentOutcome::SalesClosed => Err(ErrorCode::SalesClosed.into()),
        StartPaymentOutcome::NothingLocked => Err(ErrorCode::NothingLocked.into()),
        StartPaymentOutcome::PaymentInProgress(other) => Err(in_progress(other)),
        StartPaymentOutcome::SeatsTaken(seats) => Err(ApiError::new(ErrorCode::SeatTaken).seats(seats)),
        StartPaymentOutcome::TooManySeatsEverywhere { held_elsewhere } => Err(too_many_everywhere(app, held_elsewhere)),
        StartPaymentOutcome::ScreeningCancelled => Err(ErrorCode::ScreeningCancelled.into()),
        StartPaymentOutcome::ScreeningChanged(open) => Err(screening_name::changed(app, &open)),
        StartPaymentOutcome::PriceChanged { total, seats } => {
            Err(ApiError::new(ErrorCode::PriceChanged).prices(total, &seats))
        }
        StartPaymentOutcome::MethodMissing => Err(ApiError::invalid("method", Rule::Required {})),
    }
}

/// A payment of mine
#[utoipa::path(get, path = "/api/payments/{id}", tag = "Paying", security(("session" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Payment), (status = 404, description = "`payment_not_found`")))]
pub(crate) async fn get_payment(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    id: PathId,
) -> ApiResult<Json<Payment>> {
    let id = id.parse(PaymentId::parse, ErrorCode::PaymentNotFound)?;
    let payment = box_office::find_payment_of(&app.office, person.id, id).await?;
    Ok(Json(to_wire(&app, &payment.ok_or(ErrorCode::PaymentNotFound)?)))
}

/// What the payer decides at the mock provider; empty for a payment of 0.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ConfirmRequest {
    /// Its answer. Needed unless the payment's amount is 0.
    #[schema(value_type = Option<ConfirmOutcomeShape>)]
    pub outcome: Option<ConfirmOutcome>,
}

/// A confirmed payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfirmedPayment {
    /// As it is now.
    pub payment: Payment,
    /// The sale, when it SUCCEEDED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking: Option<Booking>,
}

/// Confirms a payment at the mock provider
///
/// A payment of 0 is confirmed by `{}`, with any provider, and the provider is not asked.
#[utoipa::path(post, path = "/api/payments/{id}/confirm", tag = "Paying", security(("session" = [])),
    params(("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "1–255 printable characters", max_length = 255)),
    request_body = ConfirmRequest,
    responses((status = 200, description = "Sold", body = ConfirmedPayment),
        (status = 202, description = "Outcome not known yet: ask again by GET", body = ConfirmedPayment),
        (status = 402, description = "`payment_declined`"), (status = 404, description = "`payment_not_found`, `not_found`"),
        (status = 409, description = "`payment_expired`, `payment_not_pending`, `seats_lost`, `in_progress`"),
        (status = 422, description = "`idempotency_key_reused`")))]
pub(crate) async fn confirm_payment(
    State(app): State<App>,
    Fresh(person): Fresh,
    id: PathId,
    key: IdempotencyKeyHeader,
    RawJson(body): RawJson,
) -> ApiResult<Response> {
    // A request that is refused here reserves no idempotency key. Malformed JSON is reported before an invalid key.
    if key.0.is_err() {
        parse_json::<IgnoredAny>(&body)?;
    }
    let key = IdempotencyKeyHeader(Ok(key.0?));
    let ConfirmRequest { outcome } = parse_json(&body)?;
    let id = id.parse(PaymentId::parse, ErrorCode::PaymentNotFound)?;
    let outcome = find_outcome(&app, person.id, id, outcome).await?;
    let (name, stored) = (format!("POST /api/payments/{id}/confirm"), Stored::SuccessesAndDeclines);
    let call = Call { person: person.id, name, key, body, stored };
    let (office, person) = (app.clone(), person.id);
    idempotent::answer(&app, call, |_| async move { confirm(&office, person, id, outcome).await }).await
}

/// The outcome to ask for. Only at the mock provider does the payer choose it. A free payment is not paid at any provider and
/// needs no choice.
async fn find_outcome(
    app: &App,
    person: PersonId,
    id: PaymentId,
    chosen: Option<ConfirmOutcome>,
) -> ApiResult<ConfirmOutcome> {
    let is_mock = app.office.provider.name() == MOCK_PROVIDER;
    if let Some(outcome) = chosen.filter(|_| is_mock) {
        return Ok(outcome);
    }
    let found = box_office::find_payment_of(&app.office, person, id).await?;
    let payment = found.ok_or(ErrorCode::PaymentNotFound)?;
    match (payment.is_free(), is_mock) {
        (true, _) => Ok(chosen.unwrap_or(ConfirmOutcome::Success)),
        (false, true) => Err(ApiError::invalid("outcome", Rule::Required {})),
        (false, false) => Err(ErrorCode::NotFound.into()),
    }
}

async fn confirm(app: &App, person: PersonId, id: PaymentId, outcome: ConfirmOutcome) -> ApiResult<Response> {
    let refused = |code, payment: &payment::Payment| Err(ApiError::new(code).payment(&to_wire(app, payment)));
    match confirm_in_time(app, person, id, outcome).await? {
        ConfirmAnswer::Succeeded(sold) => {
            let (payment, booking) = *sold;
            let booking = Some(Booking::new(booking));
            Ok(Json(ConfirmedPayment { payment: to_wire(app, &payment), booking }).into_response())
        }
        ConfirmAnswer::Unknown(payment) => {
            let payment = to_wire(app, &payment);
            Ok((StatusCode::ACCEPTED, Json(ConfirmedPayment { payment, booking: None })).into_response())
        }
        ConfirmAnswer::Declined(payment) => refused(ErrorCode::PaymentDeclined, &payment),
        ConfirmAnswer::Expired(payment) => refused(ErrorCode::PaymentExpired, &payment),
        ConfirmAnswer::SeatsLost(payment) => refused(ErrorCode::SeatsLost, &payment),
        ConfirmAnswer::NotPending(payment) => refused(ErrorCode::PaymentNotPending, &payment),
        ConfirmAnswer::NotFound => Err(ErrorCode::PaymentNotFound.into()),
    }
}

/// Confirms a payment and waits for its outcome at most [`OUTCOME_WITHIN`]. A provider call in flight continues after
/// that timeout and when the client disconnects.
async fn confirm_in_time(
    app: &App,
    person: PersonId,
    id: PaymentId,
    outcome: ConfirmOutcome,
) -> ApiResult<ConfirmAnswer> {
    let asking = app.clone();
    let asked = app.spawn_call(async move {
        let office = &asking.office;
        let until = tokio::time::Instant::now() + OUTCOME_WITHIN;
        let mut answer = box_office::confirm_payment(office, person, id, outcome).await?;
        while let ConfirmAnswer::Unknown(payment) = &answer
            && tokio::time::Instant::now() + OUTCOME_POLLED_EVERY < until
        {
            tokio::time::sleep(OUTCOME_POLLED_EVERY).await;
            answer = box_office::settle_payment(office, payment.clone()).await?;
        }
        Ok::<_, BackendError>(answer)
    });
    match tokio::time::timeout(OUTCOME_WITHIN, asked).await {
        Ok(Ok(answer)) => Ok(answer?),
        Ok(Err(_)) => Err(ErrorCode::Internal.into()),
        // The payment provider or the store is slow: answer with the payment's state committed so far.
        Err(_) => so_far(app, person, id, outcome).await,
    }
}

/// Answers a confirmation that has timed out, with the payment's state in the store.
async fn so_far(app: &App, person: PersonId, id: PaymentId, outcome: ConfirmOutcome) -> ApiResult<ConfirmAnswer> {
    let Some(payment) = box_office::find_payment_of(&app.office, person, id).await? else {
        return Ok(ConfirmAnswer::NotFound);
    };
    match payment.status {
        PaymentStatus::Pending => Err(ErrorCode::TryAgain.into()),
        PaymentStatus::Confirming => Ok(ConfirmAnswer::Unknown(payment)),
        // The outcome is final. Confirming it again returns it without a call to the provider.
        PaymentStatus::Succeeded
        | PaymentStatus::Declined
        | PaymentStatus::Cancelled
        | PaymentStatus::Expired
        | PaymentStatus::Refunded => Ok(box_office::confirm_payment(&app.office, person, id, outcome).await?),
    }
}

/// Cancels a payment
///
/// The seats stay locked until their locks expire. Idempotent: the second call answers like the first.
#[utoipa::path(post, path = "/api/payments/{id}/cancel", tag = "Paying", security(("session" = [])),
    params(("id" = String, Path)),
    responses((status = 200, body = Payment), (status = 404, description = "`payment_not_found`"),
        (status = 409, description = "`payment_not_pending`")))]
pub(crate) async fn cancel_payment(
    State(app): State<App>,
    Fresh(person): Fresh,
    id: PathId,
) -> ApiResult<Json<Payment>> {
    let id = id.parse(PaymentId::parse, ErrorCode::PaymentNotFound)?;
    match box_office::cancel_payment(&app.office, person.id, id).await? {
        CancelOutcome::Cancelled(payment) => Ok(Json(to_wire(&app, &payment))),
        CancelOutcome::NotPending(payment) => {
            Err(ApiError::new(ErrorCode::PaymentNotPending).payment(&to_wire(&app, &payment)))
        }
        CancelOutcome::NotFound => Err(ErrorCode::PaymentNotFound.into()),
    }
}
