//! Maps errors to HTTP status codes and problem documents; no other file does.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use seatkeeper_core::{
    ids::SeatId,
    invalid::{FieldError, Invalid, Rule},
    money::Money,
    payment::PricedSeat,
    ports::BackendError,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{origin::ForeignOrigin, rate_limit::RateLimited, request_id, wire};

/// Default `Retry-After`, in seconds.
const RETRY_AFTER_S: u32 = 1;
/// The content type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! error_codes {
    ($($variant:ident $status:literal $code:literal $title:literal;)*) => {
        /// Every code that an error can carry. Stable: clients decide by it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode {
            $(#[doc = concat!($status, ": ", $title, ".")] $variant,)*
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code in answers.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// A short explanation.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            const fn status_number(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

error_codes! {
    BadRequest 400 "bad_request" "The body is not JSON";
    BadReturnTo 400 "bad_return_to" "The address to return to is not a path of this site";
    BadState 400 "bad_state" "This sign-in is not one that was begun here, in this browser, a short while ago";
    SignInRequired 401 "sign_in_required" "Sign in first";
    BadSignature 401 "bad_signature" "The signature is missing, wrong or too old";
    PaymentDeclined 402 "payment_declined" "The payment was declined";
    Forbidden 403 "forbidden" "Not allowed";
    BadOrigin 403 "bad_origin" "Another site's page may not do this";
    NotFound 404 "not_found" "There is nothing here";
    MovieNotFound 404 "movie_not_found" "There is no such film";
    ScreeningNotFound 404 "screening_not_found" "There is no such screening";
    HallNotFound 404 "hall_not_found" "There is no such hall";
    PaymentNotFound 404 "payment_not_found" "There is no such payment";
    BookingNotFound 404 "booking_not_found" "There is no such booking";
    MailNotFound 404 "mail_not_found" "There is no such mail";
    DeadLetterNotFound 404 "dead_letter_not_found" "There is no such dead letter";
    ProviderNotFound 404 "provider_not_found" "There is no such payment provider";
    MethodNotAllowed 405 "method_not_allowed" "This cannot be done with that method";
    AmbiguousScreening 409 "ambiguous_screening" "Several screenings of this film begin then";
    SalesClosed 409 "sales_closed" "Sales for this screening have ended";
    PaymentInProgress 409 "payment_in_progress" "A payment is in progress";
    SeatTaken 409 "seat_taken" "Seats are taken";
    LetGoTooOften 409 "let_go_too_often" "These seats, or very many seats, were let go a short time ago; they can be locked again after one lock time";
    NothingLocked 409 "nothing_locked" "No seats are held";
    InProgress 409 "in_progress" "The same call is still running";
    PaymentNotPending 409 "payment_not_pending" "The payment is over";
    PaymentExpired 409 "payment_expired" "The time for this payment is up";
    SeatsLost 409 "seats_lost" "The seats went to somebody else; the money goes back";
    HallBusy 409 "hall_busy" "Two screenings would need this hall at the same time";
    HasScreenings 409 "has_screenings" "Screenings are to come";
    HasBookings 409 "has_bookings" "Seats are locked or sold";
    AlreadySent 409 "already_sent" "The mail has been sent";
    ScreeningCancelled 409 "screening_cancelled" "The screening is cancelled";
    ScreeningChanged 409 "screening_changed" "The screening has changed since it was shown";
    PriceChanged 409 "price_changed" "The seats cost another sum than was shown";
    TooLarge 413 "too_large" "The body is too large";
    UnsupportedMediaType 415 "unsupported_media_type" "This content type is not understood here";
    Misdirected 421 "misdirected" "This server is not the one that was asked for";
    Invalid 422 "invalid" "The request breaks a rule";
    UnknownSeat 422 "unknown_seat" "The hall has no such seat";
    TooManySeats 422 "too_many_seats" "More seats than one person may hold at once";
    TooManySeatsEverywhere 422 "too_many_seats_everywhere" "More seats than one person may hold at all screenings together";
    UnknownMethod 422 "unknown_method" "There is no such way to pay";
    PriceMissing 422 "price_missing" "A category of the hall has no price";
    StartsInPast 422 "starts_in_past" "A screening starts in the future";
    IdempotencyKeyReused 422 "idempotency_key_reused" "This key was used for another request";
    RateLimited 429 "rate_limited" "Too many requests";
    Internal 500 "internal" "Something went wrong here";
    TryAgain 503 "try_again" "Not possible just now";
    TooSlow 503 "too_slow" "This takes too long: narrow the selection";
    NotReady 503 "not_ready" "A part of the server does not answer";
}

impl ErrorCode {
    /// The HTTP status of this code.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status_number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// One field and why it was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Where, as a path: `layout.rows[2].label`.
    #[schema(example = "seat_ids")]
    pub field: String,
    /// The rule that the field broke, for programs.
    #[schema(value_type = wire::RuleShape, example = "length")]
    pub rule: String,
    /// The rule's parameters, by name: the smallest and largest value, for example.
    #[schema(value_type = Object, example = json!({"min": 1, "max": 200}))]
    pub params: serde_json::Value,
    /// The rule in words, in English.
    #[schema(example = "1 to 200 characters")]
    pub why: String,
}

impl From<FieldError> for FieldProblem {
    fn from(FieldError { field, rule }: FieldError) -> Self {
        let why = rule.to_string();
        let mut shape = serde_json::to_value(rule).unwrap_or_default();
        let name = shape["rule"].as_str().unwrap_or_default().to_owned();
        Self { field, rule: name, params: shape["params"].take(), why }
    }
}

/// An error answer.
#[derive(Debug)]
pub struct ApiError(Box<Refusal>);

#[derive(Debug)]
struct Refusal {
    code: ErrorCode,
    detail: Option<String>,
    retry_after_s: Option<u32>,
    more: More,
}

/// Fields of a problem document that only some errors have.
#[derive(Debug, Default, Serialize)]
struct More {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seat_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    #[serde(flatten)]
    numbers: Numbers,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    screening_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    screening: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Money>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seats: Vec<PricedSeatProblem>,
}

/// The numbers behind a refusal. [`ProblemShape`] describes them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Numbers {
    /// The most seats that one person may hold at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats_max: Option<usize>,
    /// The seats that the person holds at other screenings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_elsewhere: Option<usize>,
    /// The most people of one network who may hold seats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holders_max: Option<usize>,
    /// The time after which the call may succeed, in seconds. Unlike `Retry-After` it invites no program to repeat it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_s: Option<i64>,
    /// The largest size of a body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<usize>,
}

/// A seat and its price now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PricedSeatProblem {
    /// The seat.
    #[schema(value_type = String, example = "A1")]
    pub id: SeatId,
    /// What it costs.
    #[schema(value_type = wire::MoneyShape)]
    pub price: Money,
}

/// An error document (RFC 9457). `code` is stable; the sentences are not.
#[derive(ToSchema)]
#[schema(as = Problem)]
pub struct ProblemShape {
    /// Where the code is described.
    #[schema(example = "/docs#seat_taken")]
    pub r#type: String,
    /// What the code means.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// More about this case.
    pub detail: String,
    /// The stable code, for programs.
    pub code: ErrorCode,
    /// As in `X-Request-Id`.
    pub request_id: String,
    /// With `invalid` and `price_missing`: the fields.
    pub errors: Option<Vec<FieldProblem>>,
    /// With `seat_taken`, `let_go_too_often` and `unknown_seat`: the seats.
    pub seat_ids: Option<Vec<String>>,
    /// With `payment_in_progress`: the payment.
    pub payment_id: Option<String>,
    /// With `too_many_seats` and `too_many_seats_everywhere`: how many seats a person may hold at once.
    pub seats_max: Option<usize>,
    /// With `too_many_seats_everywhere`: how many seats the person holds at other screenings.
    pub held_elsewhere: Option<usize>,
    /// With `rate_limited`, when too many people of one network hold seats: how many may.
    pub holders_max: Option<usize>,
    /// With `let_go_too_often`: after how many seconds at most the seats can be locked again, unless they are let go meanwhile.
    pub wait_s: Option<i64>,
    /// With `too_large`: the largest size, in bytes.
    pub bytes_max: Option<usize>,
    /// With codes about a payment that is over: the payment.
    #[schema(value_type = Option<wire::Payment>)]
    pub payment: Option<serde_json::Value>,
    /// With `ambiguous_screening`: those that could be meant. With `hall_busy`: those that need the hall at the same time.
    pub screening_ids: Option<Vec<String>>,
    /// With `screening_changed`: the screening as it is now.
    #[schema(value_type = Option<wire::ScreeningDetail>)]
    pub screening: Option<serde_json::Value>,
    /// With `price_changed`: the sum now.
    #[schema(value_type = Option<wire::MoneyShape>)]
    pub total: Option<Money>,
    /// With `price_changed`: each seat with its price now.
    pub seats: Option<Vec<PricedSeatProblem>>,
}

/// The serialized form of [`ProblemShape`].
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: ErrorCode,
    request_id: &'a str,
    #[serde(flatten)]
    more: &'a More,
}

impl ApiError {
    /// Creates an error answer with this code.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        let retry_after_s = matches!(code, ErrorCode::TryAgain | ErrorCode::RateLimited).then_some(RETRY_AFTER_S);
        Self(Box::new(Refusal { code, detail: None, retry_after_s, more: More::default() }))
    }

    /// 422 `invalid` for one field.
    #[must_use]
    pub fn invalid(field: &str, rule: Rule) -> Self {
        Invalid::one(field, rule).into()
    }

    /// Adds a detail for people. Must not contain messages of a backend, which may be confidential.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Sets `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Adds the invalid fields.
    #[must_use]
    pub fn errors(mut self, invalid: Invalid) -> Self {
        self.0.more.errors = invalid.errors.into_iter().map(FieldProblem::from).collect();
        self
    }

    /// Adds the seats concerned.
    #[must_use]
    pub fn seats<S: ToString>(mut self, seats: impl IntoIterator<Item = S>) -> Self {
        self.0.more.seat_ids = Some(seats.into_iter().map(|seat| seat.to_string()).collect());
        self
    }

    /// Adds the id of the payment concerned.
    #[must_use]
    pub fn payment_id(mut self, id: impl ToString) -> Self {
        self.0.more.payment_id = Some(id.to_string());
        self
    }

    /// Adds the numbers behind the refusal.
    #[must_use]
    pub fn numbers(mut self, numbers: Numbers) -> Self {
        self.0.more.numbers = numbers;
        self
    }

    /// Adds the payment concerned.
    #[must_use]
    pub fn payment(mut self, payment: &impl Serialize) -> Self {
        self.0.more.payment = serde_json::to_value(payment).ok();
        self
    }

    /// Adds the screening concerned.
    #[must_use]
    pub fn screening(mut self, screening: &impl Serialize) -> Self {
        self.0.more.screening = serde_json::to_value(screening).ok();
        self
    }

    /// Adds the current prices of the seats.
    #[must_use]
    pub fn prices(mut self, total: Money, seats: &[PricedSeat]) -> Self {
        self.0.more.total = Some(total);
        self.0.more.seats = seats.iter().map(|seat| PricedSeatProblem { id: seat.id, price: seat.price }).collect();
        self
    }

    /// Adds the ids of the screenings that match the request ambiguously, or conflict with it.
    #[must_use]
    pub fn screenings<S: ToString>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        self.0.more.screening_ids = Some(ids.into_iter().map(|id| id.to_string()).collect());
        self
    }

    /// The error code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u32> {
        self.0.retry_after_s
    }

    /// The body of the answer.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let Refusal { code, detail, more, .. } = &*self.0;
        let request = request_id::current();
        let problem = Problem {
            r#type: &format!("/docs#{}", code.as_str()),
            title: code.title(),
            status: code.status_number(),
            detail: detail.as_deref().unwrap_or(code.title()),
            code: *code,
            request_id: request.as_ref().map_or("", |id| id.as_str()),
            more,
        };
        serde_json::to_vec(&problem).unwrap_or_default()
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl From<ForeignOrigin> for ApiError {
    fn from(_: ForeignOrigin) -> Self {
        Self::new(ErrorCode::BadOrigin)
    }
}

impl From<RateLimited> for ApiError {
    fn from(refused: RateLimited) -> Self {
        Self::new(ErrorCode::RateLimited).retry_after(refused.retry_after_s)
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::new(ErrorCode::Invalid).errors(invalid)
    }
}

impl From<BackendError> for ApiError {
    /// Logs the backend's error here, once; the answer does not contain it.
    fn from(error: BackendError) -> Self {
        let request = request_id::current();
        let request_id = request.as_ref().map_or("", |id| id.as_str());
        if error.took_too_long() {
            tracing::warn!(request_id, part = error.part, "a query was ended at its time limit; answering 503");
            Self::new(ErrorCode::TooSlow)
        } else if error.retryable {
            tracing::warn!(request_id, part = error.part, error = %error.source, "a backend is unavailable; answering 503");
            Self::new(ErrorCode::TryAgain)
        } else {
            tracing::error!(request_id, part = error.part, error = %error.source, "a backend failed; answering 500");
            Self::new(ErrorCode::Internal)
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.0.code.status(), self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self.0.code);
        response
    }
}

/// Result of a handler.
pub type ApiResult<T> = Result<T, ApiError>;

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::request_id::RequestId;

    async fn shown(error: ApiError) -> String {
        let response = error.into_response();
        let (parts, body) = response.into_parts();
        let retry = parts.headers.get("retry-after").map(|v| v.to_str().unwrap().to_owned());
        let kind = parts.headers["content-type"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(body, 10_000).await.unwrap();
        format!("{} {kind} {retry:?}\n{}", parts.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn serialized_code_equals_as_str() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
        }
    }

    #[tokio::test]
    async fn error_is_a_problem_document() {
        let error = ApiError::new(ErrorCode::SeatTaken).seats(["A1", "A2"]);
        expect![[r#"
            409 application/problem+json None
            {"type":"/docs#seat_taken","title":"Seats are taken","status":409,"detail":"Seats are taken","code":"seat_taken","request_id":"","seat_ids":["A1","A2"]}"#]]
        .assert_eq(&shown(error).await);
        let error = ApiError::invalid("limit", Rule::Range { min: 1, max: 200 });
        expect![[r#"
            422 application/problem+json None
            {"type":"/docs#invalid","title":"The request breaks a rule","status":422,"detail":"The request breaks a rule","code":"invalid","request_id":"","errors":[{"field":"limit","rule":"range","params":{"max":200,"min":1},"why":"1 to 200"}]}"#]]
        .assert_eq(&shown(error).await);
    }

    #[tokio::test]
    async fn error_answer_does_not_contain_the_message_of_a_backend_error() {
        let id = RequestId::next();
        let secret = "password=hunter2";
        let away = id.scope(async { shown(BackendError::retryable("store", secret).into()).await }).await;
        assert!(away.starts_with("503 application/problem+json Some(\"1\")"), "{away}");
        assert!(away.contains(id.as_str()), "{away}");
        let broken = shown(BackendError::lasting("store", secret).into()).await;
        assert!(broken.starts_with("500 ") && broken.contains("\"internal\""), "{broken}");
        assert!(!away.contains("hunter2") && !broken.contains("hunter2"));
    }
}
