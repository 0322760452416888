//! The programme: screenings.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use jiff::{Timestamp, civil::Date};
use seatkeeper_core::{
    box_office::{self, BoxOffice, ScreeningDetails},
    catalogue::{OpenScreening, Prices, Screening, SharedScreening},
    ids::{HallId, MovieId, ScreeningId},
    ports::{Page, ScreeningFilter},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    changes::{changed, editor},
    days::open_span,
};
use crate::{
    auth::Admin,
    error::{ApiResult, ErrorCode},
    extract::{self, PageParams, PathId, Query},
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
    /// Seats that can be sold, free or not.
    pub seats_total: usize,
    /// Seats that are sold.
    pub seats_sold: u32,
    /// Seats that are neither sold nor free: locked, or being paid for. Up to 2 s old.
    pub seats_held: u32,
}

impl AdminScreening {
    fn new(app: &App, open: &OpenScreening, (seats_sold, seats_held): (u32, u32)) -> Self {
        let (hall_id, hall_free_at) = (open.screening.hall_id, open.screening.hall_free_at);
        let (screening, seats_total) = (ScreeningDetail::new(open, app.office.now()), open.plan.seats_for_sale());
        Self { screening, hall_id, hall_free_at, seats_total, seats_sold, seats_held }
    }

    /// Counts the seats of all these screenings together: those sold in one query of the store, the others in one call of the
    /// lock store.
    async fn count(app: &App, found: Vec<(Screening, u64)>) -> ApiResult<Vec<Self>> {
        let open = |(screening, revision)| Arc::new(opened(app, screening, revision));
        let all: Vec<SharedScreening> = found.into_iter().map(open).collect();
        let ids: Vec<ScreeningId> = all.iter().map(|open| open.screening.id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sold = app.office.stores.sales.count_sold(&ids).await?;
        let available = app.rooms.seats_available(&all).await?;
        let counted = all.iter().zip(sold.into_iter().zip(available));
        Ok(counted.map(|(open, (sold, available))| Self::new(app, open, (sold, held(open, sold, available)))).collect())
    }

    async fn count_one(app: &App, found: (Screening, u64)) -> ApiResult<Self> {
        // The list has one item for each screening.
        Self::count(app, vec![found]).await?.pop().ok_or_else(|| ErrorCode::Internal.into())
    }
}

fn opened(app: &App, screening: Screening, revision: u64) -> OpenScreening {
    OpenScreening::new(screening, revision, app.office.settings.sales_close)
}

/// The seats that are left when the sold and the available ones are subtracted. The available ones may have been counted before a
/// sale, so the difference may be negative.
fn held(open: &OpenScreening, sold: u32, available: u32) -> u32 {
    let total = u32::try_from(open.plan.seats_for_sale()).unwrap_or(u32::MAX);
    total.saturating_sub(available).saturating_sub(sold)
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

/// Which screenings.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AllScreeningsQuery {
    /// Of this film.
    movie_id: Option<String>,
    /// In this hall.
    hall_id: Option<String>,
    /// Starting on or after this day of the cinema's time zone.
    from: Option<Date>,
    /// Starting on or before this day.
    to: Option<Date>,
    /// The `next_cursor` of the previous page; left out for the first page.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

impl AllScreeningsQuery {
    /// The filter; `None` for malformed ids, which no film and no hall can have.
    fn filter(&self, office: &BoxOffice) -> ApiResult<Option<ScreeningFilter>> {
        let (from, before) = open_span(self.from, self.to, &office.settings.time_zone)?;
        let movie = self.movie_id.as_deref().map(MovieId::parse);
        let hall = self.hall_id.as_deref().map(HallId::parse);
        if movie == Some(None) || hall == Some(None) {
            return Ok(None);
        }
        let movies = movie.flatten().map(|movie| vec![movie]);
        Ok(Some(ScreeningFilter { movies, hall: hall.flatten(), from, before, ..ScreeningFilter::default() }))
    }
}

/// All screenings, by time
#[utoipa::path(get, path = "/api/admin/screenings", tag = "For administrators: programme", security(("session" = [])),
    params(AllScreeningsQuery), responses((status = 200, body = List<AdminScreening>)))]
pub(crate) async fn list_all_screenings(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<AllScreeningsQuery>,
) -> ApiResult<Json<List<AdminScreening>>> {
    let page = PageParams { cursor: query.cursor.clone(), limit: query.limit }.page()?;
    let found = match query.filter(&app.office)? {
        Some(filter) => app.office.stores.programme.list_screenings(&filter, page).await?,
        None => Page { items: Vec::new(), next: None },
    };
    let counted = Page { items: AdminScreening::count(&app, found.items).await?, next: found.next };
    Ok(Json(List::of(counted, |screening| screening)))
}

/// A screening
#[utoipa::path(get, path = "/api/admin/screenings/{id}", tag = "For administrators: programme",
    security(("session" = [])), params(("id" = String, Path)),
    responses((status = 200, body = AdminScreening), (status = 404, description = "`screening_not_found`")))]
pub(crate) async fn get_any_screening(State(app): State<App>, _: Admin, id: PathId) -> ApiResult<Json<AdminScreening>> {
    let id = id.parse(ScreeningId::parse, ErrorCode::ScreeningNotFound)?;
    let screening = app.office.stores.programme.find_screening(id).await?.ok_or(ErrorCode::ScreeningNotFound)?;
    Ok(Json(AdminScreening::count_one(&app, screening).await?))
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
    let (screening, revision) = changed(made, ErrorCode::ScreeningNotFound)?;
    // A new screening has no sold seats. They are not counted, because the screening exists even if counting fails.
    let made = AdminScreening::new(&app, &opened(&app, screening, revision), (0, 0));
    Ok((StatusCode::CREATED, Json(made)))
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
    // The seats are counted before the change, because an error means that nothing has changed.
    let before = app.office.stores.programme.find_screening(id).await?.ok_or(ErrorCode::ScreeningNotFound)?;
    let before = AdminScreening::count_one(&app, before).await?;
    let new = box_office::update_screening(&app.office, editor(&person, &request), id, edit).await?;
    let (screening, revision) = changed(new, ErrorCode::ScreeningNotFound)?;
    let counted = (before.seats_sold, before.seats_held);
    Ok(Json(AdminScreening::new(&app, &opened(&app, screening, revision), counted)))
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
