//! The programme: screenings.

use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use seatkeeper_core::{
    box_office::{self, ScreeningDetails},
    catalogue::{OpenScreening, Prices, Screening},
    ids::{HallId, MovieId, ScreeningId},
    ports::ScreeningFilter,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::changes::{changed, editor};
use crate::{
    auth::Admin,
    error::{ApiResult, ErrorCode},
    extract::{self, PageParams, PageQuery, PathId},
    request_id,
    state::App,
    wire::{List, PricesShape, ScreeningDetail},
};

/// A screening as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminScreening {
    /// As everybody sees it.
    #[serde(flatten)]
    pub screening: ScreeningDetail,
    /// The hall.
    #[schema(value_type = String)]
    pub hall_id: HallId,
    /// When the hall is free again: the end of the film and the cleaning.
    #[serde(with = "seatkeeper_core::time_text")]
    pub hall_free_at: Timestamp,
}

impl AdminScreening {
    fn new(app: &App, (screening, revision): (Screening, u64)) -> Self {
        let (hall_id, hall_free_at) = (screening.hall_id, screening.hall_free_at);
        let open = OpenScreening::new(screening, revision, app.office.settings.sales_close);
        Self { screening: ScreeningDetail::new(&open, app.office.now()), hall_id, hall_free_at }
    }
}

/// A new screening.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ScreeningInput {
    /// The film.
    movie_id: String,
    /// The hall.
    hall_id: String,
    /// The start, in the future.
    start_time: Timestamp,
    /// A price for each category of the hall.
    #[schema(value_type = PricesShape)]
    prices: Prices,
}

/// Changes of a screening: what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ScreeningPatch {
    /// The film.
    movie_id: Option<String>,
    /// The hall.
    hall_id: Option<String>,
    /// The start, in the future.
    start_time: Option<Timestamp>,
    /// A price for each category of the hall.
    #[schema(value_type = Option<PricesShape>)]
    prices: Option<Prices>,
}

fn movie_id(text: &str) -> ApiResult<MovieId> {
    MovieId::parse(text).ok_or_else(|| ErrorCode::MovieNotFound.into())
}

fn hall_id(text: &str) -> ApiResult<HallId> {
    HallId::parse(text).ok_or_else(|| ErrorCode::HallNotFound.into())
}

/// All screenings, by time
#[utoipa::path(get, path = "/api/admin/screenings", tag = "For administrators: programme", security(("session" = [])),
    params(PageParams), responses((status = 200, body = List<AdminScreening>)))]
pub(crate) async fn list_all_screenings(
    State(app): State<App>,
    _: Admin,
    PageQuery(page): PageQuery,
) -> ApiResult<Json<List<AdminScreening>>> {
    let found = app.office.stores.programme.list_screenings(&ScreeningFilter::default(), page).await?;
    Ok(Json(List::of(found, |screening| AdminScreening::new(&app, screening))))
}

/// A screening
#[utoipa::path(get, path = "/api/admin/screenings/{id}", tag = "For administrators: programme",
    security(("session" = [])), params(("id" = String, Path)),
    responses((status = 200, body = AdminScreening), (status = 404, description = "`screening_not_found`")))]
pub(crate) async fn get_any_screening(State(app): State<App>, _: Admin, id: PathId) -> ApiResult<Json<AdminScreening>> {
    let id = id.parse(ScreeningId::parse, ErrorCode::ScreeningNotFound)?;
    let screening = app.office.stores.programme.find_screening(id).await?.ok_or(ErrorCode::ScreeningNotFound)?;
    Ok(Json(AdminScreening::new(&app, screening)))
}

/// Adds a screening
///
/// It keeps its own copy of the hall's layout.
#[utoipa::path(post, path = "/api/admin/screenings", tag = "For administrators: programme", security(("session" = [])),
    request_body = ScreeningInput,
    responses((status = 201, body = AdminScreening), (status = 404, description = "`movie_not_found`, `hall_not_found`"),
        (status = 409, description = "`hall_busy` with `screening_ids`"), (status = 422, description = "`price_missing`, `starts_in_past`")))]
pub(crate) async fn create_screening(
    State(app): State<App>,
    Admin(person): Admin,
    extract::Json(input): extract::Json<ScreeningInput>,
) -> ApiResult<(StatusCode, Json<AdminScreening>)> {
    let (office, request) = (&app.office, request_id::current());
    box_office::check_prices(&input.prices)?;
    let details = ScreeningDetails {
        movie_id: movie_id(&input.movie_id)?,
        hall_id: hall_id(&input.hall_id)?,
        start_time: input.start_time,
        prices: input.prices,
    };
    let id = ScreeningId::generate(office.now(), &*office.entropy);
    let made = box_office::create_screening(office, editor(&person, &request), id, details).await?;
    let made = changed(made, ErrorCode::ScreeningNotFound)?;
    Ok((StatusCode::CREATED, Json(AdminScreening::new(&app, made))))
}

/// Changes a screening
///
/// Once it has locks or bookings it is not moved (time, hall, film). What changes nothing leaves its `revision` as it is.
#[utoipa::path(patch, path = "/api/admin/screenings/{id}", tag = "For administrators: programme",
    security(("session" = [])), params(("id" = String, Path)), request_body = ScreeningPatch,
    responses((status = 200, body = AdminScreening),
        (status = 404, description = "`screening_not_found`, `movie_not_found`, `hall_not_found`"),
        (status = 409, description = "`screening_cancelled`, `hall_busy` with `screening_ids`, `has_bookings`"),
        (status = 422, description = "`price_missing`, `starts_in_past`")))]
pub(crate) async fn update_screening(
    State(app): State<App>,
    Admin(person): Admin,
    id: PathId,
    extract::Json(patch): extract::Json<ScreeningPatch>,
) -> ApiResult<Json<AdminScreening>> {
    let request = request_id::current();
    patch.prices.as_ref().map_or(Ok(()), box_office::check_prices)?;
    let id = id.parse(ScreeningId::parse, ErrorCode::ScreeningNotFound)?;
    let movie = patch.movie_id.as_deref().map(movie_id).transpose()?;
    let hall = patch.hall_id.as_deref().map(hall_id).transpose()?;
    let edit = |old: ScreeningDetails| ScreeningDetails {
        movie_id: movie.unwrap_or(old.movie_id),
        hall_id: hall.unwrap_or(old.hall_id),
        start_time: patch.start_time.unwrap_or(old.start_time),
        prices: patch.prices.clone().unwrap_or(old.prices),
    };
    let screening = box_office::update_screening(&app.office, editor(&person, &request), id, edit).await?;
    Ok(Json(AdminScreening::new(&app, changed(screening, ErrorCode::ScreeningNotFound)?)))
}

/// Deletes a screening without locks or bookings
#[utoipa::path(delete, path = "/api/admin/screenings/{id}", tag = "For administrators: programme",
    security(("session" = [])), params(("id" = String, Path)),
    responses((status = 204, description = "Gone"), (status = 404, description = "`screening_not_found`"),
        (status = 409, description = "`screening_cancelled`, `has_bookings`")))]
pub(crate) async fn delete_screening(
    State(app): State<App>,
    Admin(person): Admin,
    id: PathId,
) -> ApiResult<StatusCode> {
    let request = request_id::current();
    let id = id.parse(ScreeningId::parse, ErrorCode::ScreeningNotFound)?;
    let gone = box_office::delete_screening(&app.office, editor(&person, &request), id).await?;
    changed(gone, ErrorCode::ScreeningNotFound).map(|()| StatusCode::NO_CONTENT)
}
