//! Locking and releasing seats, and reading the caller's hold.

use axum::{
    Json,
    body::HttpBody,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::request::Parts,
};
use jiff::Timestamp;
use seatkeeper_core::{
    box_office::{self, Buyer, LockOutcome, NetworkFull, ReleaseOutcome, SeatSelection},
    ids::SeatId,
    invalid::Rule,
    locks::PaymentLock,
    person::Person,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::SignedIn,
    client_address::{self, ClientKeys},
    error::{ApiError, ApiResult, ErrorCode, Numbers},
    extract::{self, Query},
    screening_name::ScreeningSelector,
    state::App,
    wire::Hold,
};

/// Which seats to lock. The screening by its id, or by film and start.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct LockRequest {
    /// The screening.
    pub screening_id: Option<String>,
    /// Or its film …
    pub movie_id: Option<String>,
    /// … and start.
    pub start_time: Option<Timestamp>,
    /// The screening's revision that the caller saw: an older one is refused, and nothing changes.
    pub revision: Option<u64>,
    /// All or none of these; doubles count once.
    #[schema(example = json!(["A1", "A2"]), min_items = 1)]
    pub seat_ids: Vec<String>,
}

/// Locks seats, all or none
///
/// Seats that are mine already stay mine; their time is not extended.
#[utoipa::path(post, path = "/api/lock", tag = "Locking seats", security(("session" = [])), request_body = LockRequest,
    responses((status = 200, body = Hold), (status = 404, description = "`screening_not_found`"),
        (status = 409, description = "`ambiguous_screening`, `screening_cancelled`, `screening_changed` with `screening`, \
            `sales_closed`, `payment_in_progress`, `let_go_too_often` with `wait_s`, `seat_taken`"),
        (status = 422, description = "`unknown_seat`, `too_many_seats` with `seats_max`, `too_many_seats_everywhere` with \
            `seats_max` and `held_elsewhere`"),
        (status = 429, description = "`rate_limited`; with `holders_max` when too many people of one network hold seats")))]
pub(crate) async fn lock_seats(
    State(app): State<App>,
    LockCaller(buyer): LockCaller,
    extract::Json(wanted): extract::Json<LockRequest>,
) -> ApiResult<Json<Hold>> {
    if wanted.seat_ids.is_empty() {
        return Err(ApiError::invalid("seat_ids", Rule::ItemsMin { min: 1 }));
    }
    let name = said(&wanted.screening_id, &wanted.movie_id, wanted.start_time);
    let open = name.find_as_seen(&app, wanted.revision).await?;
    let seats = SeatSelection::parse(&open, &wanted.seat_ids)
        .map_err(|unknown| ApiError::new(ErrorCode::UnknownSeat).seats(unknown))?;
    let (id, calling) = (open.screening.id, app.clone());
    // The limits against hoarding need the reply of the lock store also when the client disconnects.
    let lock = async move { box_office::lock_seats(&calling.office, &buyer, &open, &seats).await };
    match app.run_to_end(lock).await? {
        LockOutcome::Held(hold) => Ok(Json(Hold::of(id, &hold))),
        LockOutcome::SalesClosed => Err(ErrorCode::SalesClosed.into()),
        LockOutcome::PaymentInProgress(lock) => Err(in_progress(lock)),
        LockOutcome::TooManySeats => {
            let most = app.office.settings.seats_per_person;
            let detail = format!("at most {most} seats at once at one screening");
            Err(ApiError::new(ErrorCode::TooManySeats)
                .detail(detail)
                .numbers(Numbers { seats_max: Some(most), ..Numbers::default() }))
        }
        LockOutcome::TooManySeatsEverywhere { held_elsewhere } => Err(too_many_everywhere(&app, held_elsewhere)),
        LockOutcome::LetGoTooOften(seats) => {
            let wait_s = Some(app.office.settings.lock_ttl.as_secs());
            let numbers = Numbers { wait_s, ..Numbers::default() };
            Err(ApiError::new(ErrorCode::LetGoTooOften).seats(seats).numbers(numbers))
        }
        LockOutcome::TooManyHolders(full) => Err(too_many_holders(&app, full)),
        LockOutcome::SeatsTaken(seats) => Err(ApiError::new(ErrorCode::SeatTaken).seats(seats)),
    }
}

/// The signed-in person who asks for seats, and their network. Refuses with 401 `sign_in_required`, then 429 (also when
/// too many people of the network hold seats), then 403 `bad_origin`.
pub(crate) struct LockCaller(Buyer);

impl FromRequestParts<App> for LockCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let person = app.auth.find_caller(parts).await?.ok_or(ErrorCode::SignInRequired)?;
        let buyer = buyer_of(parts, app, &person);
        let (office, now) = (&app.office, app.office.now().as_millisecond());
        office
            .hold_limits
            .check_network(&office.settings.hold_rules(), &buyer, now)
            .map_err(|full| too_many_holders(app, full))?;
        app.admit(parts, &person)?;
        Ok(Self(buyer))
    }
}

/// The buyer that a signed-in person is to the use cases.
fn buyer_of(parts: &Parts, app: &App, person: &Person) -> Buyer {
    let address = client_address::of_request(parts, &app.config.trusted_proxies);
    let network = ClientKeys::of(address).widest();
    Buyer { person: person.id, is_staff: person.role.is_staff(), network }
}

/// 422 for more seats than one person may hold at all screenings together.
pub(super) fn too_many_everywhere(app: &App, held_elsewhere: usize) -> ApiError {
    let most = app.office.settings.seats_per_person_everywhere;
    let detail = format!(
        "at most {most} seats at once at all screenings together, of which {held_elsewhere} are held at others"
    );
    let numbers = Numbers { seats_max: Some(most), held_elsewhere: Some(held_elsewhere), ..Numbers::default() };
    ApiError::new(ErrorCode::TooManySeatsEverywhere).detail(detail).numbers(numbers)
}

fn too_many_holders(app: &App, full: NetworkFull) -> ApiError {
    let most = app.office.settings.holders_per_network;
    let seconds = u32::try_from(full.retry_after_ms.max(1)).unwrap_or(u32::MAX).div_ceil(1_000);
    let detail = format!("at most {most} people of one network may hold seats at once");
    let numbers = Numbers { holders_max: Some(most), ..Numbers::default() };
    ApiError::new(ErrorCode::RateLimited).detail(detail).numbers(numbers).retry_after(seconds)
}

/// Which seats to unlock.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UnlockRequest {
    /// The screening.
    pub screening_id: Option<String>,
    /// Or its film …
    pub movie_id: Option<String>,
    /// … and start.
    pub start_time: Option<Timestamp>,
    /// These; all when left out. Seats that are not mine are ignored.
    #[schema(example = json!(["A1"]))]
    pub seat_ids: Option<Vec<String>>,
}

/// The body of `DELETE /api/lock` as a query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UnlockQuery {
    /// The screening.
    screening_id: Option<String>,
    /// Or its film …
    movie_id: Option<String>,
    /// … and start.
    start_time: Option<Timestamp>,
    /// For `DELETE`: these, with commas between them; all when left out.
    #[param(example = "A1,A2")]
    seat_ids: Option<String>,
}

impl UnlockRequest {
    /// Reads the parameters from the body, or from the query when there is no body.
    async fn read(app: &App, request: Request) -> ApiResult<Self> {
        let query = extract::parse_query::<UnlockQuery>(request.uri().query().unwrap_or_default());
        if !request.body().is_end_stream() {
            let extract::Json(wanted) = extract::Json::from_request(request, app).await?;
            // A query is ignored when there is a body, but an invalid query is still refused.
            query?;
            return Ok(wanted);
        }
        let query = query?;
        let seats = query.seat_ids.map(|seats| seats.split(',').map(str::to_owned).collect());
        let UnlockQuery { screening_id, movie_id, start_time, .. } = query;
        Ok(Self { screening_id, movie_id, start_time, seat_ids: seats })
    }
}

/// Releases seats
///
/// The screening and the seats in the body, or in the query.
#[utoipa::path(delete, path = "/api/lock", tag = "Locking seats", security(("session" = [])), params(UnlockQuery),
    request_body(content = UnlockRequest),
    responses((status = 200, body = Hold), (status = 404, description = "`screening_not_found`"),
        (status = 409, description = "`ambiguous_screening`, `payment_in_progress`")))]
pub(crate) async fn unlock_seats(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    request: Request,
) -> ApiResult<Json<Hold>> {
    let wanted = UnlockRequest::read(&app, request).await?;
    let open = said(&wanted.screening_id, &wanted.movie_id, wanted.start_time).find(&app).await?;
    // Unknown seats are ignored like seats of other people.
    let seats: Option<Vec<SeatId>> = wanted.seat_ids.map(|names| {
        names.iter().filter_map(|name| SeatId::parse(name)).filter(|seat| open.plan.find(*seat).is_some()).collect()
    });
    let id = open.screening.id;
    let (person, calling) = (person.id, app.clone());
    let release = async move { box_office::release_seats(&calling.office, person, id, seats.as_deref()).await };
    match app.run_to_end(release).await? {
        ReleaseOutcome::Left(hold) => Ok(Json(Hold::of(id, &hold))),
        ReleaseOutcome::PaymentInProgress(lock) => Err(in_progress(lock)),
    }
}

/// Which screening.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HoldQuery {
    /// The screening.
    screening_id: Option<String>,
    /// Or its film …
    movie_id: Option<String>,
    /// … and start.
    start_time: Option<Timestamp>,
}

/// What I hold at a screening
#[utoipa::path(get, path = "/api/lock", tag = "Locking seats", security(("session" = [])), params(HoldQuery),
    responses((status = 200, body = Hold), (status = 404, description = "`screening_not_found`"),
        (status = 409, description = "`ambiguous_screening`")))]
pub(crate) async fn get_hold(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    Query(query): Query<HoldQuery>,
) -> ApiResult<Json<Hold>> {
    let open = said(&query.screening_id, &query.movie_id, query.start_time).find(&app).await?;
    let id = open.screening.id;
    let hold = box_office::find_hold(&app.office, person.id, id).await?;
    Ok(Json(Hold::of(id, &hold)))
}

fn said<'a>(
    screening_id: &'a Option<String>,
    movie_id: &'a Option<String>,
    start_time: Option<Timestamp>,
) -> ScreeningSelector<'a> {
    ScreeningSelector { screening_id: screening_id.as_deref(), movie_id: movie_id.as_deref(), start_time }
}

fn in_progress(lock: PaymentLock) -> ApiError {
    ApiError::new(ErrorCode::PaymentInProgress).payment_id(lock.payment)
}
